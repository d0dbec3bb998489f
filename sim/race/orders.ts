// PURE. The orders in which deliveries are tried. A place in an order is a wave: what is in one wave is delivered at the
// same moment. Some things hold in every world, and so in every order: nothing is written of a live call before the webhook
// that let it in; a stream's end is written after its words, and is in the ledger before the stream is closed and the
// carrier asks what comes next; and what a document leads to (a stream, a tape, a leg) comes after the request for it.
import type { Random } from '../random.ts'
import { type Delivery, isFirstRequest } from './deliveries.ts'

/** Numbers of deliveries; a repeat is the same number again. */
export type Order = number[][]

/** For each delivery, those that must have come before it. */
type Causes = readonly (readonly number[])[]

const lastFacts = new Set(['call.ending', 'stream.ended', 'model.failed', 'transcript.settled'])
const over = new Set(['completed', 'busy', 'failed', 'no-answer', 'canceled'])

function causesOf(deliveries: readonly Delivery[]): Causes {
  const numbersOf = (is: (delivery: Delivery) => boolean) => deliveries.flatMap((d, number) => (is(d) ? [number] : []))
  const first = numbersOf(isFirstRequest).slice(0, 1)
  const asked = numbersOf((d) => d.from === 'carrier' && d.asks)
  const askedInCall = numbersOf((d) => d.from === 'carrier' && d.asks && !over.has(d.form.CallStatus ?? ''))
  const written = numbersOf((d) => d.from === 'live-call')
  const endings = numbersOf(isEnding)
  return deliveries.map((delivery, number) => {
    const before = (numbers: number[]) => numbers.filter((other) => other < number)
    if (delivery.from === 'live-call') return isEnding(delivery) ? [...first, ...before(written)] : first
    if (isFirstRequest(delivery)) return []
    if (delivery.asks) return [...before(asked), ...before(endings)]
    const documents = before(askedInCall)
    return isOfCall(delivery) ? documents.filter((other) => !first.includes(other)) : documents
  })
}

/** Whether one delivery may come before another, by their numbers, whatever else comes between them. */
export function mayPrecedeIn(deliveries: readonly Delivery[]): (number: number, other: number) => boolean {
  const causes = causesOf(deliveries)
  const needs = (number: number): number[] => (causes[number] ?? []).flatMap((cause) => [cause, ...needs(cause)])
  return (number, other) => !needs(number).includes(other)
}

/** Told by the number's configuration, for which no document is needed: a slow webhook may be overtaken by the call's end. */
const isOfCall = (delivery: Delivery): boolean => delivery.from === 'carrier' && delivery.path.endsWith('/status')

/** A call's journal is written in order, so whatever it wrote comes before the end that it tells of. */
const isEnding = (delivery: Delivery): boolean =>
  delivery.from === 'live-call' && delivery.events.some(({ kind }) => lastFacts.has(kind))

/** As it was, one after the other. */
export const originalOrder = (deliveries: readonly Delivery[]): Order => deliveries.map((_, number) => [number])

/** As it was, but each of it on two machines at once. */
export const doubledOrder = (deliveries: readonly Delivery[]): Order => deliveries.map((_, number) => [number, number])

/** Each pair of neighbours the other way round, where both ways are possible. */
export function adjacentSwaps(deliveries: readonly Delivery[]): Order[] {
  const causes = causesOf(deliveries)
  const base = deliveries.map((_, number) => number)
  return base.slice(1).flatMap((_, i) => {
    if (causes[i + 1]?.includes(i)) return []
    const order = [...base.slice(0, i), i + 1, i, ...base.slice(i + 2)]
    return [order.map((number) => [number])]
  })
}

/** Any order, a third of it twice, some of it at once. */
export function shuffled(deliveries: readonly Delivery[], random: Random): Order {
  const causes = causesOf(deliveries)
  const numbers = deliveries.flatMap((_, number) => (random.next() < 0.3 ? [number, number] : [number]))
  const waves: Order = []
  for (const number of afterTheirCauses(permuted(numbers, random), causes)) {
    const last = waves.at(-1)
    const isOpen = last !== undefined && last.length < 3 && random.next() < 0.4
    const isEffect = last?.some((other) => causes[number]?.includes(other)) ?? false
    if (isOpen && !isEffect) last.push(number)
    else waves.push([number])
  }
  return waves
}

/** Moves each cause that comes too late to just before its first effect, and leaves the rest as it is. */
function afterTheirCauses(order: readonly number[], causes: Causes): number[] {
  const waiting = [...order]
  const placed: number[] = []
  const place = (number: number): void => {
    for (const cause of causes[number] ?? []) {
      if (placed.includes(cause)) continue
      waiting.splice(waiting.indexOf(cause), 1)
      place(cause)
    }
    placed.push(number)
  }
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) place(next)
  return placed
}

export function permuted(numbers: readonly number[], random: Random): number[] {
  const order = [...numbers]
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.int(0, i)
    ;[order[i], order[j]] = [order[j] as number, order[i] as number]
  }
  return order
}

/** Every order of `count` things, each differing from the one before by one exchange (Heap). */
export function* everyOrder(count: number): Generator<number[]> {
  const order = Array.from({ length: count }, (_, i) => i)
  const turns = new Array<number>(count).fill(0)
  yield [...order]
  for (let i = 1; i < count; ) {
    const turn = turns[i] ?? 0
    if (turn >= i) {
      turns[i++] = 0
      continue
    }
    const j = i % 2 === 0 ? 0 : turn
    ;[order[i], order[j]] = [order[j] as number, order[i] as number]
    yield [...order]
    turns[i] = turn + 1
    i = 1
  }
}
