// Twilio's webhooks: the form fields of each request we are sent. Unknown fields pass; empty strings are Twilio's "none".
// Required is what nothing can be done without; numbers and times stay text, so that an odd one costs only itself.
// Sources: twilio.com/docs/voice/twiml, voice/api/call-resource, voice/twiml/stream, voice/api/recording.
import { z } from 'zod'

const sid = (prefix: string) => z.string().regex(new RegExp(`^${prefix}[0-9a-fA-F]{32}$`))
const callSid = sid('CA')
export const accountSid = sid('AC')
const recordingSid = sid('RE')
const streamSid = sid('MZ')

const text = z.string().optional()

export const callStatuses = [
  'queued',
  'initiated',
  'ringing',
  'in-progress',
  'completed',
  'busy',
  'failed',
  'no-answer',
  'canceled',
] as const
export type CallStatus = (typeof callStatuses)[number]

/** POST of a voice webhook: an incoming call, an `action`, a redirect, or the fallback URL (then with ErrorCode). */
export const voiceForm = z.looseObject({
  CallSid: callSid,
  AccountSid: accountSid,
  From: z.string(),
  To: z.string(),
  CallStatus: z.enum(callStatuses),
  Direction: z.enum(['inbound', 'outbound-api', 'outbound-dial']),
  ApiVersion: text,
  ForwardedFrom: text,
  CallerName: text,
  ErrorCode: text,
  ErrorUrl: text,
  /** After `<Record>`. `Digits` is `hangup` when the caller ended it by hanging up. */
  RecordingSid: text,
  RecordingUrl: text,
  RecordingDuration: text,
  Digits: text,
  /** On the leg that a `<Dial>` made: the call that it was made for. */
  ParentCallSid: callSid.optional(),
  /** After `<Dial>`. `DialCallStatus` is `completed` also when somebody answered and was never connected. */
  DialCallStatus: text,
  DialCallDuration: text,
  DialBridged: text,
})
export type VoiceForm = z.infer<typeof voiceForm>

/** POST of a call status callback. `Duration` is minutes, `CallDuration` seconds, `Timestamp` RFC 2822. */
export const statusForm = z.looseObject({
  CallSid: callSid,
  AccountSid: accountSid,
  CallStatus: z.enum(callStatuses),
  SequenceNumber: text,
  CallDuration: text,
  Duration: text,
  Timestamp: text,
  From: text,
  To: text,
  Direction: text,
  SipResponseCode: text,
  ParentCallSid: callSid.optional().catch(undefined),
})
export type StatusForm = z.infer<typeof statusForm>

export const answerers = [
  'human',
  'machine_start',
  'machine_end_beep',
  'machine_end_silence',
  'machine_end_other',
  'fax',
  'unknown',
] as const

/** POST of what an asynchronous answering machine detection found. `MachineDetectionDuration`: milliseconds. */
export const answeredByForm = z.looseObject({
  CallSid: callSid,
  AccountSid: accountSid,
  AnsweredBy: z.enum(answerers),
  MachineDetectionDuration: text,
})
export type AnsweredByForm = z.infer<typeof answeredByForm>

/** POST of a recording callback. It names neither From nor To. `RecordingStartTime` is RFC 2822. */
export const recordingForm = z.looseObject({
  CallSid: callSid,
  AccountSid: accountSid,
  RecordingSid: recordingSid,
  RecordingStatus: z.enum(['in-progress', 'completed', 'absent', 'failed']),
  RecordingUrl: text,
  RecordingDuration: text,
  RecordingChannels: text,
  RecordingStartTime: text,
  RecordingSource: text,
  RecordingTrack: text,
  ErrorCode: text,
})
export type RecordingForm = z.infer<typeof recordingForm>

/** POST of a stream status callback. `Timestamp` is ISO 8601. */
export const streamForm = z.looseObject({
  CallSid: callSid,
  AccountSid: accountSid,
  StreamSid: streamSid,
  StreamName: text,
  StreamEvent: z.enum(['stream-started', 'stream-stopped', 'stream-error']),
  StreamError: text,
  Timestamp: text,
})
export type StreamForm = z.infer<typeof streamForm>
