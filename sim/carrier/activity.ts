// What goes on in a call at one moment: one verb that takes time. It gets the caller's audio and keys, gives what the caller
// hears, and finishes by itself or is stopped; what then follows is its answer. Owns no order of verbs.
import type { Ear } from '../caller.ts'
import type { SimClock } from '../clock.ts'
import type { CallFile } from './deliveries.ts'
import type { Exchange } from './exchange.ts'
import type { Piece } from './tape.ts'
import type { Method } from './twiml.ts'

export type Ender = 'caller' | 'server' | 'carrier'

/** Where the next document comes from. */
export type Source =
  | { from: 'url'; url: string; method: Method; extra: Record<string, string> }
  | { from: 'request'; twiml: string }

export type Next = { go: 'on' } | { go: 'to'; source: Source }

export type Stop = { cause: 'hang-up'; by: Ender } | { cause: 'redirect' }

export const QUIET: Ear = { isSounding: false, isAudible: false }

export type Activity = {
  readonly finished: Promise<Next>
  /** The caller's next 20 ms. */
  frame(audio: Uint8Array, atMs: number): void
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
  /** The http or https URL in full; null when it is not one. */
  resolve(url: string): string | null
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
