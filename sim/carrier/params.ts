// The parameters that Twilio sends with every request about a call, by the key set captured from real ones.
// Source: twilio.com/docs/voice/twiml#request-parameters; what Twilio knows nothing of, it sends as an empty string.
import type { CarrierRecord } from '../record.ts'
import { rfc2822 } from './times.ts'

export const API_VERSION = '2010-04-01'

/** Of a voice webhook and of a status callback alike. */
export function standardParams(record: CarrierRecord): Record<string, string> {
  const { accountSid, callSid, parentCallSid, direction, status, from, to } = record
  return {
    AccountSid: accountSid,
    ApiVersion: API_VERSION,
    CallSid: callSid,
    CallStatus: status,
    Called: to,
    ...placeOf('Called', to),
    Caller: from,
    ...placeOf('Caller', from),
    Direction: direction,
    From: from,
    ...placeOf('From', from),
    ...(parentCallSid === null ? {} : { ParentCallSid: parentCallSid }),
    To: to,
    ...placeOf('To', to),
    ...record.fields,
  }
}

/** Only with the first request of an inbound call. The token's inside is opaque. */
export const firstRequestParams = (token: string, attestation = 'TN-Validation-Passed-A'): Record<string, string> => ({
  CallToken: JSON.stringify({ parentCallInfoToken: token }),
  StirVerstat: attestation,
})

/** How the other network answered a call that we placed. Busy [mem]. */
const sipCodes: Record<string, string> = {
  completed: '200',
  failed: '404',
  'no-answer': '487',
  canceled: '487',
  busy: '486',
}

/** Of a status callback. Its times are given once the call is over: seconds, and minutes that have begun. */
export function statusParams(record: CarrierRecord, status: string, sequence: number, nowMs: number) {
  const seconds = callSeconds(record)
  const times = { CallDuration: String(seconds), Duration: String(Math.ceil(seconds / 60)) }
  return {
    ...standardParams(record),
    CallStatus: status,
    ...(record.endedAtMs === null ? {} : times),
    ...(record.endedAtMs === null || record.direction === 'inbound'
      ? {}
      : { SipResponseCode: sipCodes[record.status] ?? '' }),
    ...(record.detection === null ? {} : { AnsweredBy: record.detection.answeredBy }),
    Timestamp: rfc2822(nowMs),
    CallbackSource: 'call-progress-events',
    SequenceNumber: String(sequence),
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
