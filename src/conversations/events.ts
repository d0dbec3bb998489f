// The ledger's vocabulary: every fact that a conversation can be made of. Each event is written once, under a key that
// its cause determines, so that a repeat is recognised wherever and whenever it arrives. Nothing here knows any order.
import { z } from 'zod'
import { agentModes, identityPolicies } from '../organizations/settings.ts'
import { answerers, callStatuses } from '../wire/twilio.ts'

const ms = z.number().int().nonnegative()
const instantMs = z.number().int()

const speakers = ['caller', 'agent'] as const

/**
 * declined: somebody answered, and did not take the call. canceled: the caller hung up first. lost: nobody ever told how it
 * ended.
 */
const transferEndings = ['completed', 'busy', 'no-answer', 'failed', 'canceled', 'declined', 'lost'] as const

/** busy: the clinic has as many calls as it wants. caller: this number calls too often. spent: no money is left for it. */
const refusals = ['busy', 'caller', 'spent'] as const
export type Refusal = (typeof refusals)[number]

/**
 * A visit as it is spoken of in this conversation: by a small number, which means nothing in any other. `spoken` is the
 * clinic's local time, ready to be said.
 */
const visit = z.object({
  number: z.number().int().positive(),
  service: z.string(),
  provider: z.string(),
  startsAtMs: instantMs,
  spoken: z.string(),
})
const slot = visit.extend({
  serviceId: z.string(),
  providerId: z.string(),
  endsAtMs: instantMs,
  /** The end of the visit and its buffer. */
  busyUntilMs: instantMs,
})
const appointment = visit.extend({ appointmentId: z.string(), patientId: z.string() })
export type Slot = z.infer<typeof slot>
export type Appointment = z.infer<typeof appointment>

export const conversationEvent = z.discriminatedUnion('kind', [
  /** The first webhook of an inbound call. Key: the call. */
  z.object({
    kind: z.literal('call.incoming'),
    callSid: z.string(),
    accountSid: z.string(),
    from: z.string(),
    to: z.string(),
    wantsRecording: z.boolean(),
  }),
  /** A call that we placed, as the carrier knows it. `purpose`: why, as the agent is told. Key: the call. */
  z.object({
    kind: z.literal('call.outgoing'),
    callSid: z.string(),
    accountSid: z.string(),
    from: z.string(),
    to: z.string(),
    wantsRecording: z.boolean(),
    purpose: z.string(),
  }),
  /** Who or what answered a call that we placed. Key: the call. */
  z.object({ kind: z.literal('call.answered-by'), answeredBy: z.enum(answerers) }),
  /** A machine answered, and our message was spoken to it. Key: the call. */
  z.object({ kind: z.literal('call.message-left') }),
  /** An inbound call that no agent is given to, because of a limit. Key: the call. */
  z.object({ kind: z.literal('call.refused'), because: z.enum(refusals) }),
  /** What Twilio says of the call's progress, by callback or in another request's CallStatus. Key: status + sequence. */
  z.object({
    kind: z.literal('call.status'),
    status: z.enum(callStatuses),
    sequence: z.number().int().nullable(),
    durationMs: ms.nullable(),
    /** The vendor's own time of the change, where it gave one. */
    changedAtMs: instantMs.nullable(),
  }),
  /** Our TwiML asked for a stream; `generation` counts from 0 over the call. Key: the generation. */
  z.object({ kind: z.literal('stream.expected'), generation: z.number().int() }),
  /** The stream of this generation never came, and its token has expired: it never will. Key: the generation. */
  z.object({ kind: z.literal('stream.lapsed'), generation: z.number().int() }),
  /** The media stream is up; durable before any audio flows. Key: the stream. */
  z.object({ kind: z.literal('stream.started'), streamSid: z.string(), generation: z.number().int().optional() }),
  /** The media stream is over, as our end saw it; lost: whoever had it died, and another saw that. Key: the stream. */
  z.object({
    kind: z.literal('stream.ended'),
    streamSid: z.string(),
    reason: z.enum(['stopped', 'broken', 'hung-up', 'handed-over', 'refused', 'failed', 'lost']),
  }),
  /** Twilio's own word on the stream. Key: stream + event. */
  z.object({
    kind: z.literal('stream.reported'),
    streamSid: z.string(),
    event: z.enum(['stream-started', 'stream-stopped', 'stream-error']),
    error: z.string().nullable(),
  }),
  /** Every word of this stream that will ever be known is in the ledger. Key: the stream. */
  z.object({ kind: z.literal('transcript.settled'), streamSid: z.string() }),
  /**
   * One finished turn of either side. Key: stream + item. `order`: the item's place in the model's own chain of items.
   * Of an agent's turn, `text` is what the caller heard, `unheard` what was generated but cut off.
   */
  z.object({
    kind: z.literal('utterance'),
    streamSid: z.string(),
    itemId: z.string(),
    order: z.number().int(),
    speaker: z.enum(speakers),
    /** How a turn of the caller came; left out, it was spoken. */
    source: z.literal('keypad').optional(),
    text: z.string(),
    unheard: z.string(),
    isCut: z.boolean(),
    startedAtMs: instantMs,
    heardMs: ms.nullable(),
  }),
  /** The model asked for a tool. Key: the model's call id. */
  z.object({
    kind: z.literal('tool.called'),
    toolCallId: z.string(),
    name: z.string(),
    arguments: z.unknown(),
  }),
  /** What the tool answered; durable before the model receives it. Key: the model's call id. */
  z.object({
    kind: z.literal('tool.returned'),
    toolCallId: z.string(),
    name: z.string(),
    /** superseded: the caller said something that made the question another, and the answer of no use. */
    outcome: z.enum(['done', 'refused', 'failed', 'timed-out', 'superseded']),
    result: z.unknown(),
    /** Whether the call may end once the caller has heard the agent out. */
    endsCall: z.boolean(),
  }),
  /**
   * From here on the call is answered in another mode. A conversation begins in the single one. `count`: of the switches in the
   * stream of this generation; 0 is made before it begins. operator: somebody wished it for this call. Key: both numbers.
   */
  z.object({
    kind: z.literal('mode.switched'),
    generation: z.number().int(),
    count: z.number().int(),
    from: z.enum(agentModes),
    to: z.enum(agentModes),
    reason: z.enum(['settings', 'operator']),
  }),
  /** A message taken for the clinic. Key: the model's call id. */
  z.object({
    kind: z.literal('message.taken'),
    toolCallId: z.string(),
    callerName: z.string(),
    callbackNumber: z.string().nullable(),
    forWhom: z.string().nullable(),
    message: z.string(),
    isUrgent: z.boolean(),
  }),
  /**
   * The caller said a phrase that stands for an emergency. `isAnswered`: the clinic's text for it was asked for at once; not, when
   * the caller was gone. Key: the stream.
   */
  z.object({
    kind: z.literal('emergency.raised'),
    streamSid: z.string(),
    phrase: z.string(),
    isAnswered: z.boolean(),
  }),
  /** From here on the call is in this language (a BCP 47 tag), one of the clinic's. Key: the model's call id. */
  z.object({ kind: z.literal('language.chosen'), toolCallId: z.string(), language: z.string() }),
  /** Something the caller said of themselves, kept so that nobody asks again. Key: the model's call id + field. */
  z.object({
    kind: z.literal('note.kept'),
    toolCallId: z.string(),
    field: z.enum(['caller-name', 'wish']),
    value: z.string(),
  }),
  /** The caller showed who they are: the tools act for this patient, and no other. Key: the model's call id. */
  z.object({
    kind: z.literal('patient.identified'),
    toolCallId: z.string(),
    patientId: z.string(),
    name: z.string(),
    method: z.enum(identityPolicies),
  }),
  /** A patient was added, and is the one that the tools act for. Key: the model's call id. */
  z.object({
    kind: z.literal('patient.created'),
    toolCallId: z.string(),
    patientId: z.string(),
    name: z.string(),
  }),
  /** What the caller said of themselves fits no patient. Key: the model's call id. */
  z.object({ kind: z.literal('identity.failed'), toolCallId: z.string() }),
  /** Slots offered, and held for the caller for a moment. Key: the model's call id. */
  z.object({ kind: z.literal('slots.offered'), toolCallId: z.string(), slots: z.array(slot) }),
  /** The patient's coming appointments, as they were told. Key: the model's call id. */
  z.object({ kind: z.literal('appointments.told'), toolCallId: z.string(), appointments: z.array(appointment) }),
  /** Key of these three: the model's call id. */
  z.object({ kind: z.literal('appointment.booked'), toolCallId: z.string(), appointment }),
  z.object({ kind: z.literal('appointment.rescheduled'), toolCallId: z.string(), appointment }),
  z.object({ kind: z.literal('appointment.cancelled'), toolCallId: z.string(), appointment }),
  /**
   * The caller is to be put through to somebody on the clinic's list. `isWarm`: who answers hears what it is about, and may
   * decline. Key of everything about a transfer: the model's call id.
   */
  z.object({
    kind: z.literal('transfer.requested'),
    toolCallId: z.string(),
    target: z.string(),
    phoneNumber: z.string(),
    reason: z.string(),
    isWarm: z.boolean(),
  }),
  /** The caller spoke before they were put through, and is listened to instead. */
  z.object({ kind: z.literal('transfer.withdrawn'), toolCallId: z.string() }),
  /** Our TwiML rings the person's telephone; the stream of this generation was the last before. */
  z.object({ kind: z.literal('transfer.dialled'), toolCallId: z.string(), generation: z.number().int() }),
  /** What Twilio says of the person's leg. Key: also the leg, the status and its sequence. */
  z.object({
    kind: z.literal('transfer.leg'),
    toolCallId: z.string(),
    legSid: z.string(),
    status: z.enum(callStatuses),
    sequence: z.number().int().nullable(),
    durationMs: ms.nullable(),
  }),
  /** The person has taken the call. */
  z.object({ kind: z.literal('transfer.answered'), toolCallId: z.string() }),
  /** `durationMs`: of the talk between caller and person. */
  z.object({
    kind: z.literal('transfer.ended'),
    toolCallId: z.string(),
    status: z.enum(transferEndings),
    durationMs: ms.nullable(),
  }),
  /** A recording was asked for by REST, or by `<Record>`. Key: the recording. */
  z.object({ kind: z.literal('recording.started'), recordingSid: z.string(), isVoicemail: z.boolean() }),
  /** A recording that was wanted could not be started. Key: the attempt. */
  z.object({ kind: z.literal('recording.refused'), reason: z.string() }),
  /** Twilio's callback about a recording. Key: recording + status. */
  z.object({
    kind: z.literal('recording.status'),
    recordingSid: z.string(),
    status: z.enum(['in-progress', 'completed', 'absent', 'failed']),
    durationMs: ms.nullable(),
    url: z.string().nullable(),
    channels: z.number().int().nullable(),
    errorCode: z.string().nullable(),
  }),
  /** The recording's audio is in our keeping. Key: the recording. */
  z.object({ kind: z.literal('recording.fetched'), recordingSid: z.string(), bytes: ms, storedAs: z.string() }),
  /** The model could not be had, or failed beyond repair. Key: the stream, or the attempt. */
  z.object({ kind: z.literal('model.failed'), reason: z.string() }),
  /**
   * The session with the model was given up in the middle of the call: its socket broke, it expired, or it had become old. The call
   * goes on with another, or the model has failed. `session`: of those in the stream of this generation. Key of both: both numbers.
   */
  z.object({
    kind: z.literal('model.lost'),
    generation: z.number().int(),
    session: z.number().int(),
    reason: z.string(),
  }),
  /** This session has taken over, after so many tries, and knows all that was said and done. `pauseMs`: how long there was none. */
  z.object({
    kind: z.literal('model.rebuilt'),
    generation: z.number().int(),
    session: z.number().int(),
    tries: z.number().int(),
    pauseMs: ms,
  }),
  /** The caller was offered to leave a message on tape. Key: the call. */
  z.object({ kind: z.literal('voicemail.offered') }),
  /** The tape ended without a message. Key: the call. */
  z.object({ kind: z.literal('voicemail.declined') }),
  /** We decided to end the call; `/resume` hangs up. Key: the call. */
  z.object({ kind: z.literal('call.ending'), reason: z.string() }),
  /** Twilio came back for more TwiML. Key: what came before it. */
  z.object({ kind: z.literal('call.resumed'), generation: z.number().int() }),
  /** Something the clinic or operator should know: missing instructions, a limit reached. Key: what it is about. */
  z.object({ kind: z.literal('warning'), about: z.string(), text: z.string() }),
  /** Tokens used by one response or transcription. Key: the response or item. */
  z.object({
    kind: z.literal('usage'),
    source: z.enum(['realtime', 'transcription', 'responses']),
    model: z.string(),
    usage: z.unknown(),
  }),
  /** The structured analysis of the transcript, or why there is none. Key: `analysis`. */
  z.object({ kind: z.literal('analysis.completed'), analysis: z.unknown() }),
  z.object({ kind: z.literal('analysis.failed'), reason: z.string() }),
  z.object({ kind: z.literal('analysis.skipped'), reason: z.string() }),
  /** Ten minutes after the end: mail with what there is. Key: `deadline`. */
  z.object({ kind: z.literal('deadline.passed') }),
  /** The summary e-mail has left. Key: the delivery. */
  z.object({ kind: z.literal('email.sent'), deliveryId: z.string() }),
])

/** A fact, and what it says. */
export type ConversationFact = z.infer<typeof conversationEvent>
export type FactOf<K extends ConversationFact['kind']> = Extract<ConversationFact, { kind: K }>

/** A fact as the ledger keeps it: `key` is unique within the conversation, `atMs` is when it happened, as far as known. */
export type ConversationEvent = { key: string; atMs: number; fact: ConversationFact }

/** The one place where keys are made: equal causes give equal keys, different causes different ones. */
export function eventKey(fact: ConversationFact, attempt = ''): string {
  switch (fact.kind) {
    case 'call.incoming':
    case 'call.outgoing':
    case 'call.answered-by':
    case 'call.message-left':
    case 'call.refused':
    case 'voicemail.offered':
    case 'voicemail.declined':
    case 'call.ending':
    case 'deadline.passed':
      return fact.kind
    case 'call.status':
      return `call.status:${fact.status}:${fact.sequence ?? 'none'}`
    case 'stream.expected':
    case 'stream.lapsed':
      return `${fact.kind}:${fact.generation}`
    case 'stream.started':
    case 'stream.ended':
    case 'transcript.settled':
    case 'emergency.raised':
      return `${fact.kind}:${fact.streamSid}`
    case 'stream.reported':
      return `stream.reported:${fact.streamSid}:${fact.event}`
    case 'utterance':
      return `utterance:${fact.streamSid}:${fact.itemId}`
    case 'tool.called':
    case 'tool.returned':
    case 'message.taken':
    case 'transfer.requested':
    case 'transfer.withdrawn':
    case 'transfer.dialled':
    case 'transfer.answered':
    case 'transfer.ended':
    case 'patient.identified':
    case 'patient.created':
    case 'identity.failed':
    case 'language.chosen':
    case 'slots.offered':
    case 'appointments.told':
    case 'appointment.booked':
    case 'appointment.rescheduled':
    case 'appointment.cancelled':
      return `${fact.kind}:${fact.toolCallId}`
    case 'note.kept':
      return `note.kept:${fact.toolCallId}:${fact.field}`
    case 'transfer.leg':
      return `transfer.leg:${fact.toolCallId}:${fact.legSid}:${fact.status}:${fact.sequence ?? 'none'}`
    case 'recording.started':
    case 'recording.fetched':
      return `${fact.kind}:${fact.recordingSid}`
    case 'recording.status':
      return `recording.status:${fact.recordingSid}:${fact.status}`
    case 'recording.refused':
    case 'model.failed':
    case 'usage':
      return `${fact.kind}:${attempt}`
    case 'model.lost':
    case 'model.rebuilt':
      return `${fact.kind}:${fact.generation}:${fact.session}`
    case 'mode.switched':
      return `mode.switched:${fact.generation}:${fact.count}`
    case 'call.resumed':
      return `call.resumed:${fact.generation}`
    case 'warning':
      return `warning:${fact.about}`
    case 'analysis.completed':
    case 'analysis.failed':
    case 'analysis.skipped':
      return 'analysis'
    case 'email.sent':
      return `email.sent:${fact.deliveryId}`
  }
}
