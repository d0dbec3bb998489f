// PURE. What is interesting about an order: the situations that lose calls and send half a mail. A situation that a call
// could have, and that no order had, means that nothing was tested.
import type { Delivery } from './deliveries.ts'
import { mayPrecedeIn, type Order } from './orders.ts'

export type Tried = { deliveries: readonly Delivery[]; order: Order; wasReplyLost: boolean }
type Case = { name: string; isPossible(deliveries: readonly Delivery[]): boolean; isExercised(tried: Tried): boolean }

type Is = (delivery: Delivery | undefined) => boolean
const is =
  (part: string): Is =>
  (delivery) =>
    delivery?.label.includes(part) ?? false
const webhook = is('incoming-call')
const completed = is('status completed')
const recording = is('recording ')
const recorded = is('recording completed')
const answered = is('stream.started')
const known = is('recording.started')
const settled = is('transcript.settled')

const has =
  (...wanted: Is[]) =>
  (deliveries: readonly Delivery[]) =>
    wanted.every((want) => deliveries.some(want))

/** The wave in which the first such delivery comes. */
const waveOf = ({ deliveries, order }: Tried, want: Is): number =>
  order.findIndex((wave) => wave.some((number) => want(deliveries[number])))

/** One thing before every other: possible unless something that must come first stands in between. */
const precedes = (name: string, first: Is, second: Is): Case => ({
  name,
  isPossible(deliveries) {
    const mayPrecede = mayPrecedeIn(deliveries)
    const [firsts, seconds] = [first, second].map((want) => [...deliveries.keys()].filter((n) => want(deliveries[n])))
    if (firsts === undefined || seconds === undefined || seconds.length === 0) return false
    return firsts.some((number) => seconds.every((other) => mayPrecede(number, other)))
  },
  isExercised: (tried) => {
    const at = waveOf(tried, first)
    return at !== -1 && at < waveOf(tried, second)
  },
})

const wordsFirst = precedes('last words before the recording', settled, recorded)

export const cases: readonly Case[] = [
  precedes('recording before completed', recorded, completed),
  precedes('completed before answered', completed, answered),
  precedes('completed before its webhook', completed, webhook),
  precedes('recording before we knew of it', recording, known),
  precedes('last words after completed', completed, settled),
  {
    name: 'analysis before the recording',
    isPossible: (deliveries) => has(completed)(deliveries) && wordsFirst.isPossible(deliveries),
    isExercised: (tried) =>
      wordsFirst.isExercised(tried) &&
      waveOf(tried, completed) !== -1 &&
      waveOf(tried, completed) < waveOf(tried, recorded),
  },
  {
    name: 'same callback again, later',
    isPossible: has(completed),
    isExercised: ({ order }) =>
      order.flat().some((number, place, all) => all.indexOf(number) < place && !isTogether(order, number)),
  },
  {
    name: 'same callback on two machines at once',
    isPossible: has(completed),
    isExercised: ({ order, deliveries }) =>
      order.some((wave) => wave.some((n, i) => wave.indexOf(n) < i && deliveries[n]?.from === 'carrier')),
  },
  {
    name: 'webhook on two machines at once',
    isPossible: has(webhook),
    isExercised: ({ order, deliveries }) =>
      order.some((wave) => wave.some((n, i) => wave.indexOf(n) < i && webhook(deliveries[n]))),
  },
  {
    name: 'mail accepted, reply lost',
    isPossible: has(completed, webhook),
    isExercised: ({ wasReplyLost }) => wasReplyLost,
  },
]

const isTogether = (order: Order, number: number): boolean =>
  order.some((wave) => wave.filter((each) => each === number).length > 1)
