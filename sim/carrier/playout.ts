// The playout clock of one media stream: which of the bytes received the caller has heard by when, at 8,000 bytes a second,
// and when each mark goes back. Pure: every function takes the state and the instant, and answers with the next state and
// what came of it. Source: twilio.com/docs/voice/media-streams/websocket-messages.
import { BYTES_PER_MS } from '../audio.ts'

/** Ten minutes: media beyond it is thrown away (error 31931). */
export const BUFFER_MAX_BYTES = 10 * 60 * 1000 * BYTES_PER_MS

/** Bytes that sound without a gap: `fromByte` (included) begins at `atMs`, `toByte` (excluded) ends it. */
export type Stretch = { readonly atMs: number; readonly fromByte: number; readonly toByte: number }

export type Playout = {
  /** Bytes taken in, whatever became of them. */
  readonly receivedBytes: number
  /** What sounds now, to the end of the buffer; null when the buffer is empty. */
  readonly run: Stretch | null
  /** Marks still out, oldest first. */
  readonly marks: readonly { readonly name: string; readonly atByte: number }[]
}

export type PlayoutEvent =
  | ({ kind: 'played' } & Stretch)
  | ({ kind: 'cleared' } & Stretch)
  | { kind: 'mark'; name: string; atByte: number; wasCleared: boolean }
  | { kind: 'discarded'; byteCount: number }

export type PlayoutStep = { state: Playout; events: PlayoutEvent[] }

export const emptyPlayout: Playout = { receivedBytes: 0, run: null, marks: [] }

/**
 * Takes `byteCount` bytes into the buffer; they sound after all that is in it, or, where it is empty, `delayMs` from now. Whole
 * or not at all.
 */
export function enqueue(before: Playout, byteCount: number, nowMs: number, delayMs = 0): PlayoutStep {
  const { state, events } = advance(before, nowMs)
  if (byteCount === 0) return { state, events }
  if (bufferedBytes(state, nowMs) + byteCount > BUFFER_MAX_BYTES) {
    return { state, events: [...events, { kind: 'discarded', byteCount }] }
  }
  const fromByte = state.receivedBytes
  const toByte = fromByte + byteCount
  const run = state.run ? { ...state.run, toByte } : { atMs: nowMs + delayMs, fromByte, toByte }
  return { state: { ...state, receivedBytes: toByte, run }, events }
}

/** Takes a mark: it goes back when all audio before it has been heard, or at once if none is waiting. */
export function mark(before: Playout, name: string, nowMs: number): PlayoutStep {
  const marked = { ...before, marks: [...before.marks, { name, atByte: before.receivedBytes }] }
  return advance(marked, nowMs)
}

/** Empties the buffer; all marks still out go back, oldest first. */
export function clear(before: Playout, nowMs: number): PlayoutStep {
  const { state, events } = halt(before, nowMs)
  const fromByte = heardByte(before, nowMs)
  const toByte = state.receivedBytes
  if (toByte > fromByte) events.push({ kind: 'cleared', atMs: nowMs, fromByte, toByte })
  for (const each of state.marks) events.push({ kind: 'mark', ...each, wasCleared: true })
  return { state: { ...state, marks: [] }, events }
}

/** The end of the stream: what is still in the buffer is never heard, and marks still out never go back. */
export function halt(before: Playout, nowMs: number): PlayoutStep {
  const { state, events } = advance(before, nowMs)
  const heard = soundingRun(state, nowMs).map((stretch) => ({ kind: 'played' as const, ...stretch }))
  return { state: { ...state, run: null }, events: [...events, ...heard] }
}

/** Brings the state to `nowMs`: marks whose audio has been heard go back; a run that has ended is closed. */
export function advance(state: Playout, nowMs: number): PlayoutStep {
  const heard = heardByte(state, nowMs)
  const due = state.marks.filter((each) => each.atByte <= heard)
  const events: PlayoutEvent[] = due.map((each) => ({ kind: 'mark', ...each, wasCleared: false }))
  const marks = due.length === 0 ? state.marks : state.marks.slice(due.length)
  const { run } = state
  // A run is left open at the very instant of its end: audio that arrives just then goes on without a gap.
  if (run === null || instantOf(run, run.toByte) >= nowMs) return { state: { ...state, marks }, events }
  return { state: { ...state, run: null, marks }, events: [{ kind: 'played', ...run }, ...events] }
}

/** When `advance` next has a mark to give back; null when no mark is out. */
export function nextMarkAtMs({ run, marks }: Playout): number | null {
  const [first] = marks
  return run && first ? instantOf(run, first.atByte) : null
}

/** The first byte that has not been heard: all before it were played, or cleared. */
export function heardByte({ run, receivedBytes }: Playout, nowMs: number): number {
  return run === null ? receivedBytes : heardOf(run, nowMs)
}

export const bufferedBytes = (state: Playout, nowMs: number): number => state.receivedBytes - heardByte(state, nowMs)

/** The part of the current run that has been heard by now, as it would be recorded if it ended now. */
export function soundingRun({ run }: Playout, nowMs: number): Stretch[] {
  if (run === null) return []
  const toByte = heardOf(run, nowMs)
  return toByte > run.fromByte ? [{ ...run, toByte }] : []
}

const instantOf = (run: Stretch, byte: number): number => run.atMs + (byte - run.fromByte) / BYTES_PER_MS

/** The byte up to which a run has been heard. */
const heardOf = (run: Stretch, nowMs: number): number =>
  Math.min(run.toByte, run.fromByte + Math.max(0, Math.floor((nowMs - run.atMs) * BYTES_PER_MS)))
