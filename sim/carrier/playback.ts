// The thin hands of the playout clock: keeps the bytes of one stream and the one timer that the next mark needs, and writes
// down in the stream's record what was heard, cleared and given back, and when.
import { isAudible } from '../audio.ts'
import type { Ear } from '../caller.ts'
import type { SimClock } from '../clock.ts'
import type { StreamRecord } from '../record.ts'
import { QUIET } from './activity.ts'
import * as playout from './playout.ts'
import { createTape, type Piece } from './tape.ts'

export type Playback = {
  /** False when there was no room for it: more than ten minutes are waiting. */
  enqueue(audio: Uint8Array): boolean
  mark(name: string): void
  clear(): void
  /** The stream is over: nothing more is heard, and no mark goes back. */
  halt(): void
  /** What the caller heard since this was asked last. */
  sound(nowMs: number): Ear
  /** All that the caller has heard by now. */
  heard(nowMs: number): Piece[]
}

/** Takes over `received`, `receivedAt`, `played`, `cleared` and `marks` of the record. */
export function createPlayback(
  clock: SimClock,
  record: StreamRecord,
  { delayMs, returnMark }: { delayMs: number; returnMark(name: string): void },
): Playback {
  const tape = createTape()
  const played: StreamRecord['played'] = []
  const marksOut: StreamRecord['marks'] = []
  let state = playout.emptyPlayout
  let listenedByte = 0
  let timer = { atMs: Number.POSITIVE_INFINITY, cancel: () => {} }

  const playedBy = (nowMs: number) => [...played, ...playout.soundingRun(state, nowMs)]
  // What sounds at the moment belongs to the record too, up to the instant at which it is read.
  Object.defineProperty(record, 'played', { get: () => playedBy(clock.now()), enumerable: true })

  /** True unless audio was thrown away for want of room. */
  function apply(step: playout.PlayoutStep): boolean {
    state = step.state
    for (const event of step.events) settle(event)
    const atMs = playout.nextMarkAtMs(state) ?? Number.POSITIVE_INFINITY
    if (atMs !== timer.atMs) setTimer(atMs)
    return !step.events.some(({ kind }) => kind === 'discarded')
  }

  function settle(event: playout.PlayoutEvent): void {
    switch (event.kind) {
      case 'played':
        played.push({ atMs: event.atMs, fromByte: event.fromByte, toByte: event.toByte })
        return
      case 'cleared':
        record.cleared.push({ atMs: event.atMs, fromByte: event.fromByte, toByte: event.toByte })
        return
      case 'mark':
        Object.assign(marksOut.shift() ?? {}, { returnedAtMs: clock.now(), wasCleared: event.wasCleared })
        returnMark(event.name)
        return
      case 'discarded':
    }
  }

  function setTimer(atMs: number): void {
    timer.cancel()
    const isDue = atMs !== Number.POSITIVE_INFINITY
    // Rounded up: a mark never goes back before its audio has been heard to the end.
    const waitMs = Math.max(0, Math.ceil(atMs - clock.now()))
    timer = { atMs, cancel: isDue ? clock.after(waitMs, giveBack) : () => {} }
  }

  function giveBack(): void {
    timer = { atMs: Number.POSITIVE_INFINITY, cancel: () => {} }
    apply(playout.advance(state, clock.now()))
  }

  return {
    enqueue(audio) {
      const fromByte = state.receivedBytes
      if (!apply(playout.enqueue(state, audio.length, clock.now(), delayMs))) return false
      tape.append(audio)
      record.received = tape.bytes()
      record.receivedAt.push({ atMs: clock.now(), fromByte, toByte: state.receivedBytes })
      return true
    },
    mark(name) {
      const receivedAtMs = clock.now()
      const mark = { name, atByte: state.receivedBytes, receivedAtMs, returnedAtMs: null, wasCleared: false }
      record.marks.push(mark)
      marksOut.push(mark)
      apply(playout.mark(state, name, receivedAtMs))
    },
    clear() {
      apply(playout.clear(state, clock.now()))
      listenedByte = state.receivedBytes
    },
    halt() {
      apply(playout.halt(state, clock.now()))
      timer.cancel()
    },
    sound(nowMs) {
      const fromByte = listenedByte
      listenedByte = playout.heardByte(state, nowMs)
      const isSounding = listenedByte < state.receivedBytes
      return { ...QUIET, isSounding, isAudible: isAudible(tape.bytes(), fromByte, listenedByte) }
    },
    heard: (nowMs) =>
      playedBy(nowMs).map(({ atMs, fromByte, toByte }) => ({ atMs, bytes: tape.bytes().subarray(fromByte, toByte) })),
  }
}
