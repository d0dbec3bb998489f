// What we ask of the telephone carrier by REST, on behalf of one account.
import type { Outcome } from '../lib/outcome.ts'
import type { CallStatus } from '../wire/twilio.ts'

export type TelephonyAccount = { accountSid: string; authToken: string }

/** not-found: no such call or recording, or not yet. not-live: the call is not in progress. unavailable: try again. */
export type TelephonyProblem = 'not-found' | 'not-live' | 'unavailable' | 'refused'

export type CallSnapshot = {
  from: string
  to: string
  direction: 'inbound' | 'outbound'
  status: CallStatus
  durationMs: number | null
  endedAtMs: number | null
}
export type RecordingSnapshot = {
  recordingSid: string
  status: string
  durationMs: number | null
  channels: number | null
  /** Made by `<Record>`. */
  isVoicemail: boolean
}

export type Telephony = {
  startRecording(
    account: TelephonyAccount,
    callSid: string,
    statusCallbackUrl: string,
  ): Promise<Outcome<{ recordingSid: string }, TelephonyProblem>>
  fetchCall(account: TelephonyAccount, callSid: string): Promise<Outcome<CallSnapshot, TelephonyProblem>>
  listRecordings(account: TelephonyAccount, callSid: string): Promise<Outcome<RecordingSnapshot[], TelephonyProblem>>
  /** The recording's WAV file. */
  fetchRecordingMedia(account: TelephonyAccount, recordingSid: string): Promise<Outcome<Uint8Array, TelephonyProblem>>
  endCall(account: TelephonyAccount, callSid: string): Promise<Outcome<null, TelephonyProblem>>
}
