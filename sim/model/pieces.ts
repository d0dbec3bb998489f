// How an output is taken apart for the wire: audio in uneven pieces, its words running ahead of it; arguments in splinters
// that are no JSON by themselves. Pure but for the seeded chance that it is given.
import type { Random } from '../random.ts'
import type { ModelSettings } from './settings.ts'

export type Piece = { text: string; audio: Uint8Array; tookMs: number }

const NO_AUDIO = new Uint8Array(0)
/** How far ahead of the audio its words are, as a part of what was spoken so far. */
const WORDS_LEAD = 1.5
const TEXT_PIECE_MS = 20
const MAX_ARGUMENT_PIECES = 4

/** `audio` in pieces of whole milliseconds; each took as long to make as it sounds, divided by the speed-up. */
export function piecesOfSpeech(
  text: string,
  audio: Uint8Array,
  bytesPerMs: number,
  random: Random,
  { deltaMs, speedup }: Pick<ModelSettings, 'deltaMs' | 'speedup'>,
): Piece[] {
  const words = wordsOf(text)
  const pieces: Piece[] = []
  let saidWords = 0
  for (let fromByte = 0; fromByte < audio.length; ) {
    const toByte = Math.min(audio.length, fromByte + random.int(...deltaMs) * bytesPerMs)
    const wordsDue = Math.min(words.length, Math.ceil((toByte / audio.length) * WORDS_LEAD * words.length))
    pieces.push({
      text: words.slice(saidWords, wordsDue).join(''),
      audio: audio.subarray(fromByte, toByte),
      tookMs: (toByte - fromByte) / bytesPerMs / speedup,
    })
    saidWords = wordsDue
    fromByte = toByte
  }
  return pieces
}

export const piecesOfText = (text: string): Piece[] => wordsOf(text).map(silentPiece)

export const piecesOfCall = (args: string, random: Random): Piece[] =>
  splinters(args, random.int(1, MAX_ARGUMENT_PIECES), random).map(silentPiece)

const silentPiece = (text: string): Piece => ({ text, audio: NO_AUDIO, tookMs: TEXT_PIECE_MS })

/** Each word with the space before it. */
export const wordsOf = (text: string): string[] => text.match(/\s*\S+\s*$|\s*\S+/g) ?? []

function splinters(text: string, count: number, random: Random): string[] {
  const cuts = Array.from({ length: count - 1 }, () => random.int(0, text.length)).sort((one, other) => one - other)
  return [0, ...cuts].map((from, place) => text.slice(from, cuts[place] ?? text.length)).filter((part) => part !== '')
}
