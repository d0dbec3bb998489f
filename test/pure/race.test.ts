// The orders that a race tries: all of them, none impossible; and a call told again under other names.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { aliases, sidsIn } from '../../sim/race/again.ts'
import { cases } from '../../sim/race/cases.ts'
import type { Delivery } from '../../sim/race/deliveries.ts'
import { adjacentSwaps, doubledOrder, everyOrder, type Order, originalOrder, shuffled } from '../../sim/race/orders.ts'
import { createRandom } from '../../sim/random.ts'

const request = (path: string, label: string): Delivery => ({
  label,
  from: 'carrier',
  path,
  form: { CallStatus: label.split(' ')[1] ?? '' },
  asks: /incoming-call|resume/.test(path),
})
const written = (...kinds: string[]): Delivery => ({
  label: kinds.join(' + '),
  from: 'live-call',
  callSid: 'CA1',
  events: kinds.map((kind) => ({ key: kind, kind, atMs: 0, fact: {} })),
})

const call: Delivery[] = [
  request('/api/twilio/incoming-call', 'incoming-call ringing'),
  written('stream.started', 'recording.started'),
  request('/api/twilio/recording', 'recording in-progress'),
  written('utterance'),
  written('call.ending', 'stream.ended'),
  request('/api/twilio/resume', 'resume completed'),
  request('/api/twilio/status', 'status completed'),
  written('transcript.settled'),
  request('/api/twilio/recording', 'recording completed'),
]
const [webhook, started, , words, ending, resume, status, settled] = call.keys()

const firstOf = (order: Order, number: number | undefined): number =>
  order.findIndex((wave) => wave.includes(number ?? -1))
/** What comes first in every world: the document that lets a stream and its tape be; a stream's words; its end. */
const causes: readonly (readonly [number | undefined, number | undefined])[] = [
  ...[...call.keys()].filter((number) => number !== webhook && number !== status).map((n) => [webhook, n] as const),
  [started, ending],
  [words, ending],
  [ending, resume],
  [ending, settled],
]
const isPossible = (order: Order): boolean =>
  causes.every(([cause, effect]) => firstOf(order, cause) < firstOf(order, effect))

describe('orders', () => {
  test('every order of n things is n! different ones', () => {
    for (const [count, factorial] of [
      [1, 1],
      [3, 6],
      [6, 720],
    ] as const) {
      const orders = [...everyOrder(count)].map(String)
      expect(new Set(orders).size).toBe(factorial)
      expect(orders.length).toBe(factorial)
    }
  })

  test('a shuffled order has every delivery, some twice, none before what must have come before it', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const order = shuffled(call, createRandom(seed))
        expect(new Set(order.flat())).toEqual(new Set(call.keys()))
        expect(order.flat().length).toBeLessThanOrEqual(2 * call.length)
        expect(isPossible(order)).toBe(true)
      }),
    )
  })

  test('shuffling reaches every pair of carrier requests in both ways, together too', () => {
    const orders = Array.from({ length: 500 }, (_, seed) => shuffled(call, createRandom(seed)))
    const requests = call.flatMap((delivery, number) => (delivery.from === 'carrier' ? [number] : []))
    for (const a of requests) {
      for (const b of requests) {
        const isCaused = (from: number, to: number) => causes.some(([cause, effect]) => cause === from && effect === to)
        if (a === b || isCaused(b, a)) continue
        expect(orders.some((order) => firstOf(order, a) < firstOf(order, b))).toBe(true)
        if (isCaused(a, b)) continue
        expect(orders.some((order) => firstOf(order, a) === firstOf(order, b))).toBe(true)
      }
    }
  })

  test('neighbours are swapped wherever both ways are possible', () => {
    const swaps = adjacentSwaps(call)
    expect(swaps.every(isPossible)).toBe(true)
    // Not: a stream before its webhook, words after the stream's end, the question what comes next before it.
    expect(swaps.length).toBe(call.length - 1 - 3)
  })
})

describe('situations', () => {
  test('the call as it was has none of them, and doubled it has those of repeats', () => {
    const had = (order: Order) =>
      cases
        .filter(({ isExercised }) => isExercised({ deliveries: call, order, wasReplyLost: false }))
        .map(({ name }) => name)
    expect(had(originalOrder(call))).toEqual(['last words after completed', 'analysis before the recording'])
    expect(had(doubledOrder(call))).toContain('webhook on two machines at once')
    expect(had(doubledOrder(call))).not.toContain('same callback again, later')
  })

  test('each can come about in this call', () => {
    expect(cases.filter(({ isPossible: can }) => !can(call))).toEqual([])
  })
})

describe('a call told again', () => {
  const sid = (prefix: string, digit: string) => prefix + digit.repeat(32)

  test('has other identifiers, and they can be told back', () => {
    const text = `${sid('CA', 'a')} ${sid('RE', 'b')} ${sid('CA', 'a')}`
    const { there, back } = aliases(sidsIn(text), 7)
    expect(there(text)).not.toContain(sid('CA', 'a'))
    expect(back(there(text))).toBe(text)
  })

  test('never meets another run of it', () => {
    const runs = Array.from({ length: 300 }, (_, run) => aliases([sid('CA', 'a')], run).there(sid('CA', 'a')))
    expect(new Set(runs).size).toBe(300)
  })
})
