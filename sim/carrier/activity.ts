// What goes on in a call at one moment: one verb that takes time. It gets the caller's audio and keys, gives what the caller
// hears, and finishes by itself or is stopped; what then follows is its answer. Owns no order of verbs.
import type { Ear } from '../caller.ts'
import type { SimClock } from '../clock.ts'
import type { CarrierRecord, ForkRecord } from '../record.ts'
import type { CallerStep } from '../script.ts'
import type { CallTape } from './call-tape.ts'
import type { Jar } from './cookies.ts'
import type { CallFile } from './deliveries.ts'
import type { Exchange } from './exchange.ts'
import type { Recording } from './recordings.ts'
import type { Piece } from './tape.ts'
import type { Method, StreamNoun } from './twiml.ts'

export type Ender = NonNullable<CarrierRecord['endedBy']>

/** Where the next document comes from. */
export type Source =
  | { from: 'url'; url: string; method: Method; extra: Record<string, string> }
  | { from: 'request'; twiml: string }

/** Asked in place of a document that cannot be had. */
export type Fallback = { url: string; method: Method }

export type Next = { go: 'on' } | { go: 'to'; source: Source }

export type Stop = { cause: 'hang-up'; by: Ender } | { cause: 'redirect' }

export const QUIET: Ear = { isSounding: false, isAudible: false, line: 'agent' }

export type Activity = {
  readonly finished: Promise<Next>
  /** The caller's next 20 ms, and the words of what they are saying in it. */
  frame(audio: Uint8Array, atMs: number, words?: string | null): void
  press(digit: string): void
  /** What the caller hears since this was asked last. */
  sound(nowMs: number): Ear
  /** All that the caller has heard of it by now, as far as it is audio. */
  heard(nowMs: number): Piece[]
  /** The call is over, or goes on elsewhere. */
  stop(stop: Stop): void
}

/** What a verb may use of the call that it is part of. */
export type Stage = CallFile & {
  readonly exchange: Exchange
  readonly clock: SimClock
  /** The document's own URL; null for TwiML that came by REST, which has none. */
  readonly documentUrl: string | null
  /** What the server has set in this call. */
  readonly jar: Jar
  /** The http or https URL in full; null when it is not one. */
  resolve(url: string): string | null
  /** Writes down what whoever is at the far end gets to hear or notice. */
  tell(what: string, body?: object): void
  /** Answers a call that came in, if nobody has yet. */
  answer(): void
  startRecording: CallTape['record']
  stopRecording(recording: Recording): void
  /** Begins a stream that only listens; more than there is room for are refused, which is logged. */
  fork(noun: StreamNoun): void
  stopFork(name: string): void
  /** Takes a leg for one that this call led to. */
  adopt(leg: LiveCall): void
}

/** A call that is up or has been, from whichever side it was placed. */
export type LiveCall = {
  readonly file: CallFile
  /** When it has ended. */
  readonly over: Promise<void>
  /** When everything about the call is over, its callbacks too. */
  readonly done: Promise<CarrierRecord>
  /** What is known by now. */
  record(): CarrierRecord
  isLive(): boolean
  end(by: Ender, status?: string): void
  /** Leaves what it is doing for another document. `fallback`: what is asked from now on when a document fails; null: as before. */
  redirect(source: Source, fallback: Fallback | null): void
  /** Ends it so long after its answer, at the latest. */
  limit(maxMs: number): void
  /** Sends the rest of its status callbacks elsewhere. */
  retarget(target: { url: string; method: Method }): void
  startRecording: CallTape['record']
  stopRecording(recording: Recording): void
  fork(noun: StreamNoun): ForkRecord
  stopFork(name: string): void
  /** Has whoever is at the far end do one thing more, after all others. */
  order(step: CallerStep): void
}

/** The parts that most activities leave as they are. */
export function idleActivity(): Activity & { finish(next: Next): void } {
  const { promise, resolve } = Promise.withResolvers<Next>()
  return {
    finished: promise,
    finish: resolve,
    frame: () => {},
    press: () => {},
    sound: () => QUIET,
    heard: () => [],
    stop: () => resolve({ go: 'on' }),
  }
}
