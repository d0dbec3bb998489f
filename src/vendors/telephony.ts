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

export type PlacedCall = {
  to: string
  from: string
  ringSeconds: number
  /** Asked for what to do once it is answered, and when that cannot be had. */
  answerUrl: string
  fallbackUrl: string
  /** Told of each step of the call, and who or what answered it. */
  statusUrl: string
  answeredByUrl: string
}

/** unavailable: it was not placed; try again. unknown: it may have been; nobody may place it again. refused: it never will be. */
export type PlacingProblem = 'unavailable' | 'unknown' | 'refused'

export type Telephony = {
  /** Answering machines are listened out for beside the call, to the end of their greeting. */
  placeCall(account: TelephonyAccount, call: PlacedCall): Promise<Outcome<{ callSid: string }, PlacingProblem>>
  /** The call leaves what it is doing and asks this URL what to do. */
  redirectCall(account: TelephonyAccount, callSid: string, url: string): Promise<Outcome<null, TelephonyProblem>>
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
