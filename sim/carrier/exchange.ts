// What all calls of one carrier share: its clock, its line to the servers, its recordings and its habits.
import type { SimClock } from '../clock.ts'
import type { Network } from '../network.ts'
import type { Trace } from '../trace.ts'
import type { Deliver } from './deliveries.ts'
import type { Recordings } from './recordings.ts'
import type { Method } from './twiml.ts'
import type { SendWebhook } from './webhook.ts'

export type CarrierAccount = { accountSid: string; authToken: string }

export type CarrierNumber = {
  /** E.164. */
  phoneNumber: string
  accountSid: string
  /** Empty: a call to the number fails at once. */
  voiceUrl: string
  voiceMethod?: Method
  voiceFallbackUrl?: string
  voiceFallbackMethod?: Method
  statusCallback?: string
  statusCallbackMethod?: Method
}

export type CarrierSettings = {
  /** Where recordings are said to be. */
  apiBaseUrl: string
  /** Signs the media handshake over the URL with a slash at its end, as Twilio is reported to do at times. */
  signsSocketWithSlash: boolean
  /** Twilio's error code for a REST request that is to be refused, whatever it asks. */
  refuseRest: (request: { method: string; path: string }) => number | null
}

export const defaultSettings: CarrierSettings = {
  apiBaseUrl: 'https://api.twilio.com',
  signsSocketWithSlash: false,
  refuseRest: () => null,
}

export type Exchange = {
  readonly clock: SimClock
  readonly network: Network
  readonly trace: Trace
  readonly settings: CarrierSettings
  readonly send: SendWebhook
  readonly deliver: Deliver
  readonly recordings: Recordings
}
