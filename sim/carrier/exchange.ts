// What all calls of one carrier share: its clock, its line to the servers, its recordings and its habits.
import type { SimClock } from '../clock.ts'
import type { Network } from '../network.ts'
import type { Person } from '../script.ts'
import type { Trace } from '../trace.ts'
import type { LiveCall } from './activity.ts'
import type { Conferences } from './conferences.ts'
import type { Deliver } from './deliveries.ts'
import type { Messages } from './messages.ts'
import type { Numbers } from './numbers.ts'
import type { OutboundPlan } from './outbound.ts'
import type { Recordings } from './recordings.ts'
import type { Method } from './twiml.ts'
import type { SendWebhook } from './webhook.ts'

/** `apiKey`: asks the REST API in the account's place; it signs nothing. */
export type CarrierAccount = { accountSid: string; authToken: string; apiKey?: { keySid: string; secret: string } }

export type CarrierNumber = {
  /** E.164. */
  phoneNumber: string
  accountSid: string
  friendlyName?: string
  /** Empty: a call to the number fails at once. */
  voiceUrl: string
  voiceMethod?: Method
  voiceFallbackUrl?: string
  voiceFallbackMethod?: Method
  statusCallback?: string
  statusCallbackMethod?: Method
  /** Stands before the URLs, which then count for nothing. Applications are not played: a call to the number fails. */
  voiceApplicationSid?: string
  /** Empty: a message to the number goes nowhere. */
  smsUrl?: string
  smsMethod?: Method
  smsFallbackUrl?: string
  smsFallbackMethod?: Method
}

export type CarrierSettings = {
  /** Where recordings are said to be. */
  apiBaseUrl: string
  /** Signs the media handshake over the URL with a slash at its end, as Twilio is reported to do at times. */
  signsSocketWithSlash: boolean
  /** Twilio's error code for a REST request that is to be refused, whatever it asks. */
  refuseRest: (request: RestRequest) => number | null
  /** The answer to a REST request that was carried out leaves when this resolves. */
  delayRest: (request: RestRequest) => Promise<void>
  /** How long after its end a recording can be fetched. The callback comes when it comes: before that, its media is not found. */
  processingMs: number
  /** Of the n-th recording, from 0, nothing is left in the end: it is absent. */
  isLost: (index: number) => boolean
  /** How long the next stream keeps audio in its empty buffer before it sounds. Twilio's own figure is not published. */
  playoutDelayMs: () => number
  /** How long a call that REST places waits for its turn. */
  queueMs: number
  /** What stands between a callback and its way: makes it late, early, double or lost. */
  reroute: (deliver: Deliver) => Deliver
  /** A number that an account asks for by itself becomes its own, and leads nowhere yet: nobody has to buy one first. */
  hasEveryNumber: boolean
}

type RestRequest = { method: string; path: string }

export const defaultSettings: CarrierSettings = {
  apiBaseUrl: 'https://api.twilio.com',
  signsSocketWithSlash: false,
  refuseRest: () => null,
  delayRest: async () => {},
  processingMs: 700,
  isLost: () => false,
  playoutDelayMs: () => 0,
  queueMs: 0,
  reroute: (deliver) => deliver,
  hasEveryNumber: false,
}

export type Exchange = {
  readonly clock: SimClock
  readonly network: Network
  readonly trace: Trace
  readonly settings: CarrierSettings
  readonly send: SendWebhook
  readonly deliver: Deliver
  readonly recordings: Recordings
  readonly conferences: Conferences
  /** Who is called at a number, and whether that is the fixture's caller or somebody else. */
  called(phoneNumber: string): { person: Person; party: 'caller' | 'person'; isDriven?: boolean } | null
  readonly numbers: Numbers
  readonly messages: Messages
  /** Places a call. */
  place(accountSid: string, plan: OutboundPlan): LiveCall
}
