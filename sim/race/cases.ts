// PURE. What is interesting about an order: the situations that lose calls and send half a mail. A situation that a call
// could have, and that no order had, means that nothing was tested.
import type { Delivery } from './deliveries.ts'
import type { Order } from './orders.ts'

type Tried = { deliveries: readonly Delivery[]; order: Order; wasReplyLost: boolean }
type Case = { name: string; isPossible(deliveries: readonly Delivery[]): boolean; isExercised(tried: Tried): boolean }

const is = (part: string) => (delivery: Delivery | undefined) => delivery?.label.includes(part) ?? false
const webhook = is('incoming-call')
const completed = is('status completed')
const recorded = is('recording completed')
const answered = is('stream.started')
const known = is('recording.started')
const settled = is('transcript.settled')

const has =
  (...wanted: ((delivery: Delivery) => boolean)[]) =>
  (deliveries: readonly Delivery[]) =>
    wanted.every((want) => deliveries.some(want))

/** The wave in which the first such delivery comes. */
const waveOf = ({ deliveries, order }: Tried, want: (delivery: Delivery | undefined) => boolean): number =>
  order.findIndex((wave) => wave.some((number) => want(deliveries[number])))

const before =
  (first: (d: Delivery | undefined) => boolean, second: (d: Delivery | undefined) => boolean) => (tried: Tried) =>
    waveOf(tried, first) < waveOf(tried, second)

export const cases: readonly Case[] = [
  {
    name: 'recording before completed',
    isPossible: has(recorded, completed),
    isExercised: before(recorded, completed),
  },
  { name: 'completed before answered', isPossible: has(completed, answered), isExercised: before(completed, answered) },
  {
    name: 'completed before its webhook',
    isPossible: has(completed, webhook),
    isExercised: before(completed, webhook),
  },
  {
    name: 'recording before we knew of it',
    isPossible: has(recorded, known),
    isExercised: before(recorded, known),
  },
  { name: 'last words after completed', isPossible: has(completed, settled), isExercised: before(completed, settled) },
  {
    name: 'analysis before the recording',
    isPossible: has(completed, settled, recorded),
    isExercised: (tried) => before(completed, recorded)(tried) && before(settled, recorded)(tried),
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
