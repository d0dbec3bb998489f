// PURE. The words of both sides, each item's written once, when nothing more can be learnt of it, and in the order of the
// model's own chain of items, whatever order the words arrive in.
import type { FactOf } from '../conversations/events.ts'
import { bytesPerMs, heardBytes, type SpokenItem } from './playback.ts'

export type Transcript = {
  /** The model's items as far as we know them, in their order; also those that are written, so that none is twice. */
  chain: readonly Link[]
  /** Turns of the caller whose words are not written yet. */
  turns: readonly CallerTurn[]
  /** The last item of the sessions before: what is the first in this one comes after it. */
  startsAfter: string | null
}

/** `order` never changes once given. `isDeleted`: gone at the model, which no longer counts it in its chain. */
export type Link = { itemId: string; order: number; isDeleted: boolean; isWritten: boolean }

type Source = 'voice' | 'keypad'

export type CallerTurn = {
  itemId: string
  startedAtMs: number
  /** Where it begins in the audio that the session was given, as far as the model said so. */
  audioFromMs: number | null
  /** What of the transcription has come so far. */
  text: string
  source: Source
  /** speaking: not an item yet. committed: an item, to be transcribed. final: nothing more will come. */
  state: 'speaking' | 'committed' | 'final'
}

export const emptyTranscript: Transcript = { chain: [], turns: [], startsAfter: null }

/** Room between neighbours, so that an item learnt of late has its place between two. */
const spacing = 1 << 20

/**
 * Puts an item after the one that precedes it. Items that we deleted stay in our chain while the model's closes over them:
 * what the model puts after their predecessor comes after them; and so does what it puts after what it was told of the sessions
 * before. No or an unknown predecessor: at the end.
 */
export function place(transcript: Transcript, itemId: string, previousItemId: string | null | undefined): Transcript {
  const { chain, startsAfter } = transcript
  if (chain.some((link) => link.itemId === itemId)) return transcript
  const previous = previousItemId === null ? startsAfter : previousItemId
  let at = previous === null ? 0 : chain.findIndex((link) => link.itemId === previous) + 1
  if (at === 0 && previous !== null) at = chain.length
  at = Math.max(at, chain.findIndex((link) => link.itemId === startsAfter) + 1)
  while (chain[at]?.isDeleted) at++
  const link = { itemId, order: orderBetween(chain[at - 1], chain[at]), isDeleted: false, isWritten: false }
  return { ...transcript, chain: [...chain.slice(0, at), link, ...chain.slice(at)] }
}

function orderBetween(before: Link | undefined, after: Link | undefined): number {
  if (after === undefined) return before === undefined ? 0 : before.order + spacing
  if (before === undefined) return after.order - spacing
  return Math.floor((before.order + after.order) / 2)
}

export const markDeleted = (transcript: Transcript, itemId: string): Transcript =>
  changeLink(place(transcript, itemId, undefined), itemId, { isDeleted: true })

export const isDeleted = ({ chain }: Transcript, itemId: string): boolean =>
  chain.some((link) => link.itemId === itemId && link.isDeleted)

/** Whether an item's words are written: what still comes of it is too late. */
export const isWritten = ({ chain }: Transcript, itemId: string): boolean =>
  chain.some((link) => link.itemId === itemId && link.isWritten)

const changeLink = (transcript: Transcript, itemId: string, change: Partial<Link>): Transcript => ({
  ...transcript,
  chain: transcript.chain.map((link) => (link.itemId === itemId ? { ...link, ...change } : link)),
})

/** The caller's turn moves on. A step back, or a turn that is written, changes nothing. */
export function turnCaller(
  transcript: Transcript,
  itemId: string,
  change: {
    state: CallerTurn['state']
    text?: string
    addText?: string
    source?: Source
    audioFromMs?: number | undefined
  },
  atMs: number,
): Transcript {
  if (isWritten(transcript, itemId)) return transcript
  const known = transcript.turns.find((turn) => turn.itemId === itemId)
  const turn: CallerTurn = known ?? {
    itemId,
    startedAtMs: atMs,
    audioFromMs: change.audioFromMs ?? null,
    text: '',
    state: 'speaking',
    source: change.source ?? 'voice',
  }
  const states = ['speaking', 'committed', 'final'] as const
  const state = states[Math.max(states.indexOf(turn.state), states.indexOf(change.state))] ?? change.state
  const next = { ...turn, state, text: change.text ?? turn.text + (change.addText ?? '') }
  const others = transcript.turns.filter((other) => other !== known)
  return { ...transcript, turns: [...others, next] }
}

/** The transcription of no turn is outstanding. */
export const isTranscribed = ({ turns }: Transcript): boolean => turns.every(({ state }) => state === 'final')

/** Turns that were spoken, and of which the model has not said the words. */
export const outstanding = ({ turns }: Transcript): CallerTurn[] => turns.filter(({ state }) => state !== 'final')

/** Those turns are to be heard again, by a session that knows none of the items of this one. */
export const forgetUnheard = (transcript: Transcript): Transcript => ({
  ...transcript,
  turns: transcript.turns.filter(({ state }) => state === 'final'),
  startsAfter: transcript.chain.at(-1)?.itemId ?? null,
})

export type Utterance = FactOf<'utterance'>

/** Writes the caller's turns of which nothing more can be learnt; with `isLast`, all that are items. */
export function writeCaller(transcript: Transcript, streamSid: string, isLast: boolean): [Transcript, Utterance[]] {
  const { turns } = transcript
  const isDone = ({ state, text }: CallerTurn) =>
    state === 'final' || (isLast && (state === 'committed' || text !== ''))
  const done = turns.filter(isDone)
  if (done.length === 0) return [transcript, []]
  let next: Transcript = { ...transcript, turns: turns.filter((turn) => !isDone(turn)) }
  const utterances: Utterance[] = []
  for (const { itemId, text, source, startedAtMs } of done.filter((turn) => !isWritten(transcript, turn.itemId))) {
    next = place(next, itemId, undefined)
    const shared = { kind: 'utterance', streamSid, itemId, order: orderOf(next, itemId), startedAtMs } as const
    utterances.push({
      ...shared,
      ...(source === 'voice' ? {} : { source }),
      speaker: 'caller',
      text: text.trim(),
      unheard: '',
      isCut: false,
      heardMs: null,
    })
    next = changeLink(next, itemId, { isWritten: true })
  }
  return [next, utterances]
}

/** Writes what the agent said in one finished item. An item that never had sound or words is no utterance. */
export function writeAgent(
  transcript: Transcript,
  streamSid: string,
  item: SpokenItem,
): [Transcript, Utterance | null] {
  const { itemId, startedAtMs } = item
  if (isWritten(transcript, itemId)) return [transcript, null]
  const placed = place(transcript, itemId, undefined)
  const written = changeLink(placed, itemId, { isWritten: true })
  if (item.parts.every((part) => part.sentBytes === 0 && part.text === '')) return [written, null]
  const words = item.parts.map((part) => divide(part.text, part.heardBytes / bytesPerMs, spokenMs(item, part)))
  const unheard = joined(words.map((part) => part.unheard))
  const utterance: Utterance = {
    kind: 'utterance',
    streamSid,
    itemId,
    order: orderOf(placed, itemId),
    speaker: 'agent',
    text: joined(words.map((part) => part.heard)),
    unheard,
    isCut: item.cut !== null || unheard !== '',
    startedAtMs: Math.round(startedAtMs),
    heardMs: Math.floor(heardBytes(item) / bytesPerMs),
  }
  return [written, utterance]
}

const orderOf = ({ chain }: Transcript, itemId: string): number =>
  chain.find((link) => link.itemId === itemId)?.order ?? 0

const joined = (texts: string[]): string => texts.filter((text) => text !== '').join(' ')

/** An unhurried speaker: 15 characters a second, spaces counted. */
const msPerCharacter = 1000 / 15

/**
 * How long a part's words take to say. Its audio's length, where all of it was sent. The words of speech that was cut short
 * while the model was making it run ahead of its audio, by an unknown amount: then no less than their usual length.
 */
function spokenMs(item: SpokenItem, part: SpokenItem['parts'][number]): number {
  const sentMs = part.sentBytes / bytesPerMs
  const isWhole = !item.isTorn && (item.cut === null || item.cut.wasGenerated)
  return isWhole ? sentMs : Math.max(sentMs, part.text.length * msPerCharacter)
}

const segmenter = new Intl.Segmenter(undefined, { granularity: 'word' })

/**
 * Divides words into heard and unheard, in proportion to time and at a word's boundary. An estimate: there is no alignment
 * of words with audio. A word that was heard in part counts as unheard.
 */
function divide(text: string, heardMs: number, spokenMs: number): { heard: string; unheard: string } {
  if (heardMs >= spokenMs && spokenMs > 0) return { heard: text.trim(), unheard: '' }
  const reach = spokenMs === 0 ? 0 : Math.floor((text.length * heardMs) / spokenMs)
  let end = 0
  for (const { index, segment, isWordLike } of reach === 0 ? [] : segmenter.segment(text)) {
    if (isWordLike && index + segment.length > reach) break
    end = index + segment.length
  }
  return { heard: text.slice(0, end).trim(), unheard: text.slice(end).trim() }
}
