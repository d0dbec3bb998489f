// Our Twilio: numbers that can be called, and the REST API of their accounts. Written from Twilio's documents alone.
// Owns the calls that are up and have been; draws every identifier from its seed.
import type { SimClock } from '../clock.ts'
import type { Network, StandIn } from '../network.ts'
import { createRandom } from '../random.ts'
import type { CarrierRecord } from '../record.ts'
import type { CallerStep } from '../script.ts'
import type { Trace } from '../trace.ts'
import { type LiveCall, placeCall } from './call.ts'
import { createDeliver } from './deliveries.ts'
import {
  type CarrierAccount,
  type CarrierNumber,
  type CarrierSettings,
  defaultSettings,
  type Exchange,
} from './exchange.ts'
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
}

export type Carrier = {
  /** The REST API, under /2010-04-01. */
  readonly standIn: StandIn
  /** Rings a number of ours. Throws when there is no such number, or its account is unknown. */
  call(call: { to: string; from: string; caller: readonly CallerStep[]; callSid?: string }): PlacedCall
  /** When no call is up and no callback is on its way. */
  idle(): Promise<void>
}

export function createCarrier(options: CarrierOptions): Carrier {
  const { clock, network, trace, accounts, numbers } = options
  const settings = { ...defaultSettings, ...options.settings }
  const random = createRandom(options.seed).child('carrier')
  const send = createWebhookSender({ clock, network, trace })
  const deliver = createDeliver({ clock, send })
  const recordings = createRecordings({ clock, apiBaseUrl: settings.apiBaseUrl })
  const exchange: Exchange = { clock, network, trace, settings, send, deliver, recordings }
  const calls = new Map<string, LiveCall>()

  return {
    standIn: createRestApi(exchange, accounts, calls),
    call({ to, from, caller, callSid }) {
      const number = numbers.find(({ phoneNumber }) => phoneNumber === to)
      if (number === undefined) throw new Error('Cannot place the call: the number dialled is not one of this carrier')
      const account = accounts.find(({ accountSid }) => accountSid === number.accountSid)
      if (account === undefined) throw new Error(`Cannot place the call: no account ${number.accountSid}`)
      // Each call draws from a stream of its own, so that calls do not change each other's identifiers.
      const ownRandom = random.child(`call ${calls.size + 1}`)
      const sid = callSid ?? createSid('CA', ownRandom)
      if (calls.has(sid)) throw new Error(`Cannot place the call: there was a call ${sid} before`)
      const live = placeCall(exchange, { callSid: sid, account, number, from, steps: caller, random: ownRandom })
      calls.set(sid, live)
      return { callSid: sid, done: live.done, record: live.record, hangUp: () => live.end('caller') }
    },
    async idle() {
      for (let known = -1; known !== calls.size; ) {
        known = calls.size
        await Promise.all([...calls.values()].map(({ done }) => done))
      }
    },
  }
}
