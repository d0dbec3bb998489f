// The parameters that Twilio sends with every request about a call, by the key set captured from real ones.
// Source: twilio.com/docs/voice/twiml#request-parameters; what Twilio knows nothing of, it sends as an empty string.
import type { CarrierRecord } from '../record.ts'
import { rfc2822 } from './times.ts'

export const API_VERSION = '2010-04-01'

/** Of a voice webhook and of a status callback alike. */
export function standardParams(record: CarrierRecord): Record<string, string> {
  const { accountSid, callSid, status, from, to } = record
  return {
    AccountSid: accountSid,
    ApiVersion: API_VERSION,
    CallSid: callSid,
    CallStatus: status,
    Called: to,
    ...placeOf('Called', to),
    Caller: from,
    ...placeOf('Caller', from),
    Direction: 'inbound',
    From: from,
    ...placeOf('From', from),
    To: to,
    ...placeOf('To', to),
  }
}

/** Only with the first request of an inbound call. The token's inside is opaque. */
export const firstRequestParams = (token: string): Record<string, string> => ({
  CallToken: JSON.stringify({ parentCallInfoToken: token }),
  StirVerstat: 'TN-Validation-Passed-A',
})

/** Of the one status callback that a number gets, after the end of a call. */
export function completedParams(record: CarrierRecord, nowMs: number): Record<string, string> {
  const seconds = callSeconds(record)
  return {
    ...standardParams(record),
    CallDuration: String(seconds),
    Duration: String(Math.ceil(seconds / 60)),
    Timestamp: rfc2822(nowMs),
    CallbackSource: 'call-progress-events',
    SequenceNumber: '0',
  }
}

/** Whole seconds from the answer to the end; 0 for a call that was never answered. */
export function callSeconds({ answeredAtMs, endedAtMs }: CarrierRecord): number {
  return answeredAtMs === null || endedAtMs === null ? 0 : Math.round((endedAtMs - answeredAtMs) / 1000)
}

function placeOf(prefix: string, phoneNumber: string): Record<string, string> {
  const country = phoneNumber.startsWith('+1') ? 'US' : ''
  return { [`${prefix}City`]: '', [`${prefix}State`]: '', [`${prefix}Zip`]: '', [`${prefix}Country`]: country }
}
