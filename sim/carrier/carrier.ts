// Our Twilio: numbers that can be called, and the REST API of their accounts. Written from Twilio's documents alone.
// Owns the calls that are up and have been; draws every identifier from its seed.
import type { SimClock } from '../clock.ts'
import type { Network, StandIn } from '../network.ts'
import { createRandom } from '../random.ts'
import type { CarrierRecord } from '../record.ts'
import type { Answering, CallerStep, Person } from '../script.ts'
import type { Trace } from '../trace.ts'
import type { LiveCall } from './activity.ts'
import { createConferences } from './conferences.ts'
import { createDeliver } from './deliveries.ts'
import {
  type CarrierAccount,
  type CarrierNumber,
  type CarrierSettings,
  defaultSettings,
  type Exchange,
} from './exchange.ts'
import { takeCall } from './inbound.ts'
import { type Answered, type InboundText, takeMessage } from './inbound-message.ts'
import { createMessages } from './messages.ts'
import { createNumbers, type NumberChange } from './numbers.ts'
import { placeCall } from './outbound.ts'
import { createRecordings } from './recordings.ts'
import { createRestApi } from './rest.ts'
import { createSid } from './sids.ts'
import { createWebhookSender } from './webhook.ts'

export type CarrierOptions = {
  clock: SimClock
  network: Network
  trace: Trace
  seed: string | number
  accounts: readonly CarrierAccount[]
  numbers: readonly CarrierNumber[]
  /** Who can be rung. */
  people?: readonly Person[]
  /** Whom the server is to call, if the fixture's caller is called. */
  caller?: Person
  /** How anybody else answers, who then waits for orders; without it, nobody else is there. */
  strangers?: (phoneNumber: string) => Answering
  settings?: Partial<CarrierSettings>
}

export type PlacedCall = {
  readonly callSid: string
  /** Resolves when the call is over and its callbacks are answered. */
  readonly done: Promise<CarrierRecord>
  /** What is known by now. */
  record(): CarrierRecord
  /** The caller hangs up. */
  hangUp(): void
  /** The caller does one thing more, after all others; at once, where nothing is left to do. */
  order(step: CallerStep): void
}

export type Ringing = {
  to: string
  from: string
  caller: readonly CallerStep[]
  callSid?: string
  isDriven?: boolean
  /** More of what Twilio says of a call: ForwardedFrom, CallerName, FromCity, StirVerstat … */
  fields?: Readonly<Record<string, string>>
}

export type Carrier = {
  /** The REST API, under /2010-04-01. */
  readonly standIn: StandIn
  /**
   * Rings a number of ours. Throws when there is no such number, or its account is unknown. `isDriven`: the caller waits for
   * orders when there is nothing left to do, and hangs up when told to.
   */
  call(call: Ringing): PlacedCall
  /** Writes to a number of ours; resolves when its server has answered. Throws when there is no such number. */
  text(text: InboundText): Promise<Answered>
  /** Points a number elsewhere, or takes one in. */
  assign(number: NumberChange): void
  /** Calls that are up, or ring, from the oldest on: of whatever side. */
  live(): PlacedCall[]
  /** Whether calls to a number of ours go anywhere. */
  leads(phoneNumber: string): boolean
  /** Whether a number is one of ours. */
  has(phoneNumber: string): boolean
  /** The next call that the server places by REST, in order. */
  expectOutbound(): Promise<PlacedCall>
  /** When no call is up, and no message and no callback is on its way. */
  idle(): Promise<void>
}

export function createCarrier(options: CarrierOptions): Carrier {
  const { clock, network, trace, accounts, people = [], caller: theCaller, strangers } = options
  const settings = { ...defaultSettings, ...options.settings }
  const random = createRandom(options.seed).child('carrier')
  const send = createWebhookSender({ clock, network, trace })
  const calls = new Map<string, LiveCall>()
  const numbers = createNumbers(options.numbers, random.child('numbers'), clock.now())
  const deliver = createDeliver({ clock, send })
  let texts = 0
  const outbound = createPairing<PlacedCall>()
  const exchange: Exchange = {
    clock,
    network,
    trace,
    settings,
    send,
    deliver: settings.reroute(deliver),
    numbers,
    messages: createMessages({
      clock,
      random: random.child('messages'),
      trace,
      accounts,
      send: deliver,
      arrives: (phoneNumber) => exchange.called(phoneNumber)?.person.answers !== 'unreachable',
    }),
    recordings: createRecordings({ clock, ...settings }),
    conferences: createConferences(clock, random.child('conferences')),
    called(phoneNumber) {
      if (theCaller?.number === phoneNumber) return { person: theCaller, party: 'caller' }
      const person = people.find(({ number }) => number === phoneNumber)
      if (person !== undefined) return { person, party: 'person' }
      if (strangers === undefined) return null
      return {
        person: { number: phoneNumber, answers: strangers(phoneNumber), does: [] },
        party: 'person',
        isDriven: true,
      }
    },
    place(accountSid, plan) {
      const identity = { account: accountOf(accountSid), ...nextIdentity() }
      return entered(placeCall(exchange, plan, identity))
    },
  }

  function accountOf(wanted: string): CarrierAccount {
    const account = accounts.find(({ accountSid }) => accountSid === wanted)
    if (account === undefined) throw new Error(`Cannot place the call: no account ${wanted}`)
    return account
  }

  function nextIdentity(given?: string) {
    // Each call draws from a stream of its own, so that calls do not change each other's identifiers.
    const ownRandom = random.child(`call ${calls.size + 1}`)
    const callSid = given ?? createSid('CA', ownRandom)
    if (calls.has(callSid)) throw new Error(`Cannot place the call: there was a call ${callSid} before`)
    return { callSid, random: ownRandom }
  }

  function entered(live: LiveCall): LiveCall {
    calls.set(live.file.record.callSid, live)
    return live
  }

  return {
    standIn: createRestApi(exchange, accounts, calls, (live) => outbound.give(placedCall(live))),
    call({ to, from, caller, callSid, isDriven = false, fields = {} }) {
      const number = numbers.find(to)
      if (number === undefined) throw new Error('Cannot place the call: the number dialled is not one of this carrier')
      const account = accountOf(number.accountSid)
      const plan = { account, number, from, steps: caller, isDriven, fields, ...nextIdentity(callSid) }
      return placedCall(entered(takeCall(exchange, plan)))
    },
    text(text) {
      const number = numbers.find(text.to)
      if (number === undefined) throw new Error('Cannot write: the number is not one of this carrier')
      return takeMessage(exchange, number, text, random.child(`text ${++texts}`))
    },
    assign: (number) => void numbers.put(number, clock.now()),
    live: () => [...calls.values()].filter(({ file }) => file.record.endedAtMs === null).map(placedCall),
    leads: (phoneNumber) => Boolean(numbers.find(phoneNumber)?.voiceUrl),
    has: (phoneNumber) => numbers.find(phoneNumber) !== undefined,
    expectOutbound: outbound.take,
    async idle() {
      for (let known = -1; known !== calls.size; ) {
        known = calls.size
        await Promise.all([...calls.values()].map(({ done }) => done))
      }
      await exchange.messages.idle()
    },
  }
}

const placedCall = (live: LiveCall): PlacedCall => ({
  callSid: live.file.record.callSid,
  done: live.done,
  record: live.record,
  hangUp: () => live.end('caller'),
  order: live.order,
})

/** Brings what is given and those who wait for it together, both in their order. */
function createPairing<T>() {
  const given: T[] = []
  const waiting: ((one: T) => void)[] = []
  return {
    give(one: T): void {
      const next = waiting.shift()
      if (next === undefined) given.push(one)
      else next(one)
    },
    take(): Promise<T> {
      const next = given.shift()
      return next === undefined ? new Promise((resolve) => void waiting.push(resolve)) : Promise.resolve(next)
    },
  }
}
