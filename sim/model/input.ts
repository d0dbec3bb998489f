// The input audio buffer of one session: what was appended, how many milliseconds of it there are, where the caller's turns
// begin and end in it. Its clock is the audio: time without audio does not pass here.
import { type Bytes, createBytes } from './bytes.ts'
import { type AudioFormat, bytesPerMs, bytesPerNarrowSample, toNarrow } from './codec.ts'
import { isSame, type SessionConfig } from './config.ts'
import type { Detector, Ear, Sensitivity } from './detector.ts'

export type Stretch = { fromByte: number; toByte: number; audioMs: number }
export type Heard = { edge: 'started'; atMs: number } | { edge: 'stopped'; atMs: number; turn: Stretch }

export type Input = {
  readonly bytes: Bytes
  /** Milliseconds of audio appended in this session. */
  readonly positionMs: number
  /** True when speech in progress was forgotten: the detection or the format is another now. */
  configure(input: SessionConfig['audio']['input']): boolean
  append(chunk: Uint8Array): Heard[]
  /** What has been appended since the last turn, and not cleared. */
  pending(): Stretch
  /** Begins anew after everything that was appended: speech in progress is forgotten. */
  restart(): void
  close(): void
}

/** How long semantic detection waits after the last word. The real one weighs the words; this one cannot. */
const SEMANTIC_SILENCE_MS = { high: 300, medium: 600, auto: 600, low: 1200 }
const SEMANTIC_PADDING_MS = 300

export function createInput(ear: Ear, input: SessionConfig['audio']['input']): Input {
  const bytes = createBytes()
  let format: AudioFormat = input.format
  let sensitivity = sensitivityOf(input)
  let detector: Detector | null = sensitivity && ear.listen(sensitivity)
  /** Where the present format began. */
  let formatFrom = { byte: 0, ms: 0 }
  let detectorFromMs = 0
  let turnFromMs = 0
  let speechFromMs = 0
  /** Bytes that do not make a whole sample yet. */
  let rest = new Uint8Array(0)

  const msAt = (byte: number) => formatFrom.ms + (byte - formatFrom.byte) / bytesPerMs(format)
  const byteAt = (ms: number) =>
    formatFrom.byte + Math.max(0, Math.floor((ms - formatFrom.ms) * 8)) * bytesPerNarrowSample(format)
  const stretch = (fromMs: number, toMs: number): Stretch => ({
    fromByte: byteAt(fromMs),
    toByte: byteAt(toMs),
    audioMs: toMs - fromMs,
  })

  function wholeSamples(chunk: Uint8Array): Uint8Array {
    const unit = bytesPerNarrowSample(format)
    if (rest.length === 0 && chunk.length % unit === 0) return chunk
    const all = Uint8Array.of(...rest, ...chunk)
    const whole = all.length - (all.length % unit)
    rest = all.slice(whole)
    return all.subarray(0, whole)
  }

  function listenAnew() {
    detector?.free()
    detector = sensitivity && ear.listen(sensitivity)
    detectorFromMs = msAt(bytes.length)
    rest = new Uint8Array(0)
  }

  return {
    bytes,
    get positionMs() {
      return msAt(bytes.length)
    },
    configure(next) {
      const nextSensitivity = sensitivityOf(next)
      if (isSame([format.type, sensitivity], [next.format.type, nextSensitivity])) return false
      formatFrom = { byte: bytes.length, ms: msAt(bytes.length) }
      format = next.format
      sensitivity = nextSensitivity
      listenAnew()
      return true
    },
    append(chunk) {
      bytes.push(chunk)
      if (!detector) return []
      return detector.hear(toNarrow(format, wholeSamples(chunk))).map(({ edge, atMs }): Heard => {
        const at = detectorFromMs + atMs
        if (edge === 'started') {
          speechFromMs = Math.max(turnFromMs, at)
          return { edge, atMs: Math.floor(speechFromMs) }
        }
        const turn = stretch(speechFromMs, at)
        turnFromMs = at
        return { edge, atMs: Math.floor(at), turn }
      })
    },
    pending: () => stretch(turnFromMs, msAt(bytes.length)),
    restart() {
      turnFromMs = msAt(bytes.length)
      listenAnew()
    },
    close() {
      detector?.free()
      detector = null
    },
  }
}

function sensitivityOf({ turn_detection }: SessionConfig['audio']['input']): Sensitivity | null {
  switch (turn_detection?.type) {
    case undefined:
      return null
    case 'server_vad':
      return {
        threshold: turn_detection.threshold,
        prefixPaddingMs: turn_detection.prefix_padding_ms,
        silenceMs: turn_detection.silence_duration_ms,
      }
    case 'semantic_vad':
      return {
        threshold: 0.5,
        prefixPaddingMs: SEMANTIC_PADDING_MS,
        silenceMs: SEMANTIC_SILENCE_MS[turn_detection.eagerness],
      }
  }
}
