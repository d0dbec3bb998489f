// The playout clock, as laws over random sequences of media, marks and clears.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import * as playout from '../../sim/carrier/playout.ts'

type Op = { afterMs: number } & (
  | { op: 'media'; bytes: number }
  | { op: 'mark' }
  | { op: 'clear' }
  /** Only time passes; due marks are given back, as a timer would have it. */
  | { op: 'wait' }
)
type Given = { atMs: number; name: string; atByte: number; wasCleared: boolean }
type Run = {
  played: playout.Stretch[]
  cleared: playout.Stretch[]
  marks: Given[]
  sent: Map<string, number>
  received: number
}

/** Carries out the operations and then halts, `thenMs` later. */
function carryOut(ops: readonly Op[], thenMs = 1_000_000): Run {
  let state = playout.emptyPlayout
  let nowMs = 0
  const run: Run = { played: [], cleared: [], marks: [], sent: new Map(), received: 0 }
  const apply = (step: playout.PlayoutStep) => {
    state = step.state
    for (const event of step.events) {
      if (event.kind === 'played') run.played.push(event)
      if (event.kind === 'cleared') run.cleared.push(event)
      if (event.kind === 'mark') run.marks.push({ ...event, atMs: nowMs })
    }
  }
  const passTo = (untilMs: number) => {
    for (
      let dueMs = playout.nextMarkAtMs(state);
      dueMs !== null && dueMs <= untilMs;
      dueMs = playout.nextMarkAtMs(state)
    ) {
      nowMs = dueMs
      apply(playout.advance(state, nowMs))
    }
    nowMs = untilMs
  }
  for (const op of ops) {
    passTo(nowMs + op.afterMs)
    switch (op.op) {
      case 'media':
        apply(playout.enqueue(state, op.bytes, nowMs))
        break
      case 'mark': {
        const name = `m${run.sent.size}`
        run.sent.set(name, nowMs)
        apply(playout.mark(state, name, nowMs))
        break
      }
      case 'clear':
        apply(playout.clear(state, nowMs))
        break
      case 'wait':
        apply(playout.advance(state, nowMs))
    }
  }
  passTo(nowMs + thenMs)
  apply(playout.halt(state, nowMs))
  return { ...run, received: state.receivedBytes }
}

const afterMs = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 0, max: 400 }),
  fc.integer({ min: 0, max: 3200 }).map((n) => n / 8),
)
const ops: fc.Arbitrary<Op[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ op: fc.constant('media' as const), bytes: fc.integer({ min: 0, max: 4000 }), afterMs }),
    },
    { weight: 3, arbitrary: fc.record({ op: fc.constant('mark' as const), afterMs }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('clear' as const), afterMs }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('wait' as const), afterMs }) },
  ),
  { maxLength: 60 },
)

describe('the laws of the playout clock', () => {
  test('every byte is played once or cleared once, in order', () =>
    fc.assert(
      fc.property(ops, (sequence) => {
        const { played, cleared, received } = carryOut(sequence)
        const fates = [...played, ...cleared].sort((a, b) => a.fromByte - b.fromByte)
        let next = 0
        for (const { fromByte, toByte } of fates) {
          expect(fromByte).toBe(next)
          expect(toByte).toBeGreaterThan(fromByte)
          next = toByte
        }
        expect(next).toBe(received)
      }),
    ))

  test('no byte sounds before the one before it has ended: 8,000 a second, never more', () =>
    fc.assert(
      fc.property(ops, (sequence) => {
        let freeAtMs = 0
        for (const { atMs, fromByte, toByte } of carryOut(sequence).played) {
          expect(atMs).toBeGreaterThanOrEqual(freeAtMs)
          freeAtMs = atMs + (toByte - fromByte) / 8
        }
      }),
    ))

  test('each mark comes back once, in the order in which the marks were sent', () =>
    fc.assert(
      fc.property(ops, (sequence) => {
        const { marks, sent } = carryOut(sequence)
        expect(marks.map(({ name }) => name)).toEqual([...sent.keys()])
      }),
    ))

  test('a mark comes back at the very instant at which the audio before it has been heard, or at once', () =>
    fc.assert(
      fc.property(ops, (sequence) => {
        const { played, marks, sent } = carryOut(sequence)
        for (const { name, atMs, atByte, wasCleared } of marks) {
          if (wasCleared) continue
          const last = played.find(({ fromByte, toByte }) => fromByte < atByte && atByte <= toByte)
          // Without such a run the byte before the mark was cleared, and nothing was waiting.
          const heardAtMs = last ? last.atMs + (atByte - last.fromByte) / 8 : 0
          expect(atMs).toBe(Math.max(heardAtMs, sent.get(name) ?? Number.NaN))
        }
      }),
    ))

  test('a clear gives back all marks that are out, and nothing sounds until more is sent', () =>
    fc.assert(
      fc.property(ops, fc.integer({ min: 0, max: 500 }), (sequence, laterMs) => {
        const { marks, sent, played, cleared } = carryOut([...sequence, { op: 'clear', afterMs: laterMs }], 0)
        expect(marks).toHaveLength(sent.size)
        const heard = Math.max(0, ...played.map(({ toByte }) => toByte))
        const last = cleared.at(-1)
        if (last && last.toByte > heard) expect(last.fromByte).toBeGreaterThanOrEqual(heard)
      }),
    ))

  test('asking twice for the same instant gives nothing new', () =>
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4000 })), fc.integer({ min: 0, max: 5000 }), (sizes, nowMs) => {
        let state = playout.emptyPlayout
        for (const bytes of sizes) state = playout.mark(playout.enqueue(state, bytes, 0).state, 'm', 0).state
        const once = playout.advance(state, nowMs)
        expect(playout.advance(once.state, nowMs)).toEqual({ state: once.state, events: [] })
      }),
    ))
})

describe('single cases', () => {
  test('a mark with nothing waiting comes back at once', () => {
    expect(playout.mark(playout.emptyPlayout, 'a', 5).events).toEqual([
      { kind: 'mark', name: 'a', atByte: 0, wasCleared: false },
    ])
  })

  test('audio that arrives as the last of the buffer ends goes on without a gap; later, it is a new run', () => {
    const first = playout.enqueue(playout.emptyPlayout, 160, 0).state
    expect(playout.enqueue(first, 160, 20).state.run).toEqual({ atMs: 0, fromByte: 0, toByte: 320 })
    expect(playout.enqueue(first, 160, 21)).toMatchObject({
      state: { run: { atMs: 21, fromByte: 160, toByte: 320 } },
      events: [{ kind: 'played', atMs: 0, fromByte: 0, toByte: 160 }],
    })
  })

  test('a clear in the middle keeps what was heard to the byte', () => {
    const { state, events } = playout.clear(playout.enqueue(playout.emptyPlayout, 1600, 0).state, 50.5)
    expect(events).toEqual([
      { kind: 'played', atMs: 0, fromByte: 0, toByte: 404 },
      { kind: 'cleared', atMs: 50.5, fromByte: 404, toByte: 1600 },
    ])
    expect(playout.heardByte(state, 60)).toBe(1600)
  })

  test('more than ten minutes waiting are thrown away, and what was taken before plays on', () => {
    const full = playout.enqueue(playout.emptyPlayout, playout.BUFFER_MAX_BYTES, 0).state
    expect(playout.enqueue(full, 1, 0)).toEqual({ state: full, events: [{ kind: 'discarded', byteCount: 1 }] })
    expect(playout.enqueue(full, 160, 20).state.receivedBytes).toBe(playout.BUFFER_MAX_BYTES + 160)
  })
})
