// PURE. What a set of events says about its conversation, as one bounded value that two halves of the set can be joined
// into. `join` is commutative, associative and idempotent (a least upper bound, field by field), so the order, number and
// grouping of arrivals cannot matter. Words stay in the ledger; see transcript.ts.
import type { CallStatus } from '../wire/twilio.ts'
import type { ConversationEvent, FactOf, Refusal } from './events.ts'

export type StatusFact = { status: CallStatus; sequence: number | null; durationMs: number | null; changedAtMs: number }
export type StreamFact = {
  generation: number | null
  startedAtMs: number | null
  endedAtMs: number | null
  isSettled: boolean
}
export type RecordingFact = {
  status: 'started' | FactOf<'recording.status'>['status']
  isVoicemail: boolean
  durationMs: number | null
  channels: number | null
  storedAs: string | null
  bytes: number | null
}
export type TransferFact = {
  requestedAtMs: number | null
  isWithdrawn: boolean
  /** After which stream the person's telephone was rung; null as long as it was not. */
  dialledAfter: number | null
  isAnswered: boolean
  /** The person's leg is over, as its own callbacks say. */
  isLegOver: boolean
  ending: FactOf<'transfer.ended'>['status'] | null
  durationMs: number | null
}
export type AnalysisFact = { state: 'completed' | 'failed' | 'skipped'; analysis: unknown; reason: string | null }

export type LanguageFact = { tag: string; chosenAtMs: number }

export type Facts = {
  status: StatusFact | null
  firstSeenAtMs: number | null
  /** We placed it. */
  isOutgoing: boolean
  /** A machine answered it, and is listening. */
  isMachine: boolean
  /** Why no agent was given to the call, if none was. */
  refusal: Refusal | null
  isRecordingWanted: boolean
  isRecordingRefused: boolean
  /** Streams that our TwiML asked for, by generation: true once it is certain that this one never comes. */
  expectedStreams: Record<string, boolean>
  streams: Record<string, StreamFact>
  recordings: Record<string, RecordingFact>
  transfers: Record<string, TransferFact>
  voicemailOfferedAtMs: number | null
  isVoicemailDeclined: boolean
  isModelFailed: boolean
  /** Why we decided to end the call, if we did. */
  endingReason: string | null
  /** How often the call came back to us for more TwiML. */
  resumptions: number
  /** The caller said words of an emergency. */
  isEmergency: boolean
  /** The one that was chosen last. */
  language: LanguageFact | null
  analysis: AnalysisFact | null
  isDeadlinePassed: boolean
}

export const noFacts: Facts = {
  status: null,
  firstSeenAtMs: null,
  isOutgoing: false,
  isMachine: false,
  refusal: null,
  isRecordingWanted: false,
  isRecordingRefused: false,
  expectedStreams: {},
  streams: {},
  recordings: {},
  transfers: {},
  voicemailOfferedAtMs: null,
  isVoicemailDeclined: false,
  isModelFailed: false,
  endingReason: null,
  resumptions: 0,
  isEmergency: false,
  language: null,
  analysis: null,
  isDeadlinePassed: false,
}

/** The facts of a set of events. */
export const fold = (events: Iterable<ConversationEvent>): Facts => {
  let facts = noFacts
  for (const event of events) facts = join(facts, factsOf(event))
  return facts
}

export function join(a: Facts, b: Facts): Facts {
  return {
    status: greater(a.status, b.status, statusOrder),
    firstSeenAtMs: least(a.firstSeenAtMs, b.firstSeenAtMs),
    isOutgoing: a.isOutgoing || b.isOutgoing,
    isMachine: a.isMachine || b.isMachine,
    refusal: greater(a.refusal, b.refusal, textOrder),
    isRecordingWanted: a.isRecordingWanted || b.isRecordingWanted,
    isRecordingRefused: a.isRecordingRefused || b.isRecordingRefused,
    expectedStreams: joinRecords(a.expectedStreams, b.expectedStreams, (x, y) => x || y),
    streams: joinRecords(a.streams, b.streams, joinStreams),
    recordings: joinRecords(a.recordings, b.recordings, joinRecordings),
    transfers: joinRecords(a.transfers, b.transfers, joinTransfers),
    voicemailOfferedAtMs: least(a.voicemailOfferedAtMs, b.voicemailOfferedAtMs),
    isVoicemailDeclined: a.isVoicemailDeclined || b.isVoicemailDeclined,
    isModelFailed: a.isModelFailed || b.isModelFailed,
    endingReason: greater(a.endingReason, b.endingReason, textOrder),
    resumptions: Math.max(a.resumptions, b.resumptions),
    isEmergency: a.isEmergency || b.isEmergency,
    language: greater(a.language, b.language, languageOrder),
    analysis: greater(a.analysis, b.analysis, analysisOrder),
    isDeadlinePassed: a.isDeadlinePassed || b.isDeadlinePassed,
  }
}

/** What one event says by itself. Kinds that only carry words, usage or what the clinic's tools did say nothing here. */
export function factsOf({ fact, atMs }: ConversationEvent): Facts {
  switch (fact.kind) {
    case 'call.incoming':
      return { ...noFacts, firstSeenAtMs: atMs, isRecordingWanted: fact.wantsRecording }
    case 'call.outgoing':
      return { ...noFacts, firstSeenAtMs: atMs, isOutgoing: true, isRecordingWanted: fact.wantsRecording }
    case 'call.answered-by':
      return { ...noFacts, isMachine: fact.answeredBy.startsWith('machine_end_') }
    case 'call.refused':
      return { ...noFacts, refusal: fact.because }
    case 'call.status': {
      const { status, sequence, durationMs } = fact
      return {
        ...noFacts,
        firstSeenAtMs: atMs,
        status: { status, sequence, durationMs, changedAtMs: fact.changedAtMs ?? atMs },
      }
    }
    case 'stream.expected':
      return { ...noFacts, expectedStreams: { [fact.generation]: false } }
    case 'stream.lapsed':
      return { ...noFacts, expectedStreams: { [fact.generation]: true } }
    case 'stream.started':
      return aboutStream(fact.streamSid, { startedAtMs: atMs, generation: fact.generation ?? null })
    case 'stream.ended':
      return aboutStream(fact.streamSid, { endedAtMs: atMs })
    case 'transcript.settled':
      return aboutStream(fact.streamSid, { isSettled: true })
    case 'transfer.requested':
      return aboutTransfer(fact.toolCallId, { requestedAtMs: atMs })
    case 'transfer.withdrawn':
      return aboutTransfer(fact.toolCallId, { isWithdrawn: true })
    case 'transfer.dialled':
      return aboutTransfer(fact.toolCallId, { dialledAfter: fact.generation })
    case 'transfer.leg':
      return aboutTransfer(fact.toolCallId, { isLegOver: isTerminal(fact.status) })
    case 'transfer.answered':
      return aboutTransfer(fact.toolCallId, { isAnswered: true })
    case 'transfer.ended':
      return aboutTransfer(fact.toolCallId, { ending: fact.status, durationMs: fact.durationMs })
    case 'recording.started':
      return aboutRecording(fact.recordingSid, { isVoicemail: fact.isVoicemail })
    case 'recording.status': {
      const { status, durationMs, channels } = fact
      return aboutRecording(fact.recordingSid, { status, durationMs, channels })
    }
    case 'recording.fetched':
      return aboutRecording(fact.recordingSid, { storedAs: fact.storedAs, bytes: fact.bytes })
    case 'recording.refused':
      return { ...noFacts, isRecordingRefused: true }
    case 'model.failed':
      return { ...noFacts, isModelFailed: true }
    case 'voicemail.offered':
      return { ...noFacts, voicemailOfferedAtMs: atMs }
    case 'voicemail.declined':
      return { ...noFacts, isVoicemailDeclined: true }
    case 'call.ending':
      return { ...noFacts, endingReason: fact.reason }
    case 'call.resumed':
      return { ...noFacts, resumptions: fact.generation }
    case 'analysis.completed':
      return { ...noFacts, analysis: { state: 'completed', analysis: fact.analysis, reason: null } }
    case 'analysis.failed':
      return { ...noFacts, analysis: { state: 'failed', analysis: null, reason: fact.reason } }
    case 'analysis.skipped':
      return { ...noFacts, analysis: { state: 'skipped', analysis: null, reason: fact.reason } }
    case 'language.chosen':
      return { ...noFacts, language: { tag: fact.language, chosenAtMs: atMs } }
    case 'emergency.raised':
      return { ...noFacts, isEmergency: true }
    case 'deadline.passed':
      return { ...noFacts, isDeadlinePassed: true }
    case 'stream.reported':
    case 'utterance':
    case 'tool.called':
    case 'tool.returned':
    case 'mode.switched':
    case 'model.lost':
    case 'model.rebuilt':
    case 'message.taken':
    case 'note.kept':
    case 'patient.identified':
    case 'patient.created':
    case 'identity.failed':
    case 'slots.offered':
    case 'appointments.told':
    case 'appointment.booked':
    case 'appointment.rescheduled':
    case 'appointment.cancelled':
    case 'call.message-left':
    case 'warning':
    case 'usage':
    case 'email.sent':
      return noFacts
  }
}

const noStream: StreamFact = { generation: null, startedAtMs: null, endedAtMs: null, isSettled: false }
const aboutStream = (streamSid: string, known: Partial<StreamFact>): Facts => ({
  ...noFacts,
  streams: { [streamSid]: { ...noStream, ...known } },
})
const joinStreams = (a: StreamFact, b: StreamFact): StreamFact => ({
  generation: greater(a.generation, b.generation, numberOrder),
  startedAtMs: least(a.startedAtMs, b.startedAtMs),
  endedAtMs: greater(a.endedAtMs, b.endedAtMs, numberOrder),
  isSettled: a.isSettled || b.isSettled,
})

const noTransfer: TransferFact = {
  requestedAtMs: null,
  isWithdrawn: false,
  dialledAfter: null,
  isAnswered: false,
  isLegOver: false,
  ending: null,
  durationMs: null,
}
const aboutTransfer = (toolCallId: string, known: Partial<TransferFact>): Facts => ({
  ...noFacts,
  transfers: { [toolCallId]: { ...noTransfer, ...known } },
})
const joinTransfers = (a: TransferFact, b: TransferFact): TransferFact => ({
  requestedAtMs: least(a.requestedAtMs, b.requestedAtMs),
  isWithdrawn: a.isWithdrawn || b.isWithdrawn,
  dialledAfter: greater(a.dialledAfter, b.dialledAfter, numberOrder),
  isAnswered: a.isAnswered || b.isAnswered,
  isLegOver: a.isLegOver || b.isLegOver,
  ending: greater(a.ending, b.ending, textOrder),
  durationMs: greater(a.durationMs, b.durationMs, numberOrder),
})

const noRecording: RecordingFact = {
  status: 'started',
  isVoicemail: false,
  durationMs: null,
  channels: null,
  storedAs: null,
  bytes: null,
}
const aboutRecording = (recordingSid: string, known: Partial<RecordingFact>): Facts => ({
  ...noFacts,
  recordings: { [recordingSid]: { ...noRecording, ...known } },
})
const joinRecordings = (a: RecordingFact, b: RecordingFact): RecordingFact => ({
  status: recordingRank[a.status] >= recordingRank[b.status] ? a.status : b.status,
  isVoicemail: a.isVoicemail || b.isVoicemail,
  durationMs: greater(a.durationMs, b.durationMs, numberOrder),
  channels: greater(a.channels, b.channels, numberOrder),
  storedAs: greater(a.storedAs, b.storedAs, textOrder),
  bytes: greater(a.bytes, b.bytes, numberOrder),
})

const recordingRank: Record<RecordingFact['status'], number> = {
  started: 0,
  'in-progress': 1,
  failed: 2,
  absent: 3,
  completed: 4,
}

/** Terminal statuses rank above all others and never give way to one. */
const statusRank: Record<CallStatus, number> = {
  queued: 0,
  initiated: 1,
  ringing: 2,
  'in-progress': 3,
  canceled: 4,
  'no-answer': 4,
  busy: 4,
  failed: 4,
  completed: 4,
}
export const isTerminal = (status: CallStatus): boolean => statusRank[status] === 4

type Order<T> = (a: T, b: T) => number
const numberOrder: Order<number> = (a, b) => a - b
const textOrder: Order<string> = (a, b) => (a < b ? -1 : a > b ? 1 : 0)
const absentFirst = (a: number | null, b: number | null): number => (a ?? -1) - (b ?? -1)

/** By rank, then by Twilio's SequenceNumber; the rest only makes the order total, so that a tie cannot depend on arrival. */
const statusOrder: Order<StatusFact> = (a, b) =>
  statusRank[a.status] - statusRank[b.status] ||
  absentFirst(a.sequence, b.sequence) ||
  textOrder(a.status, b.status) ||
  absentFirst(a.durationMs, b.durationMs) ||
  b.changedAtMs - a.changedAtMs

const languageOrder: Order<LanguageFact> = (a, b) => a.chosenAtMs - b.chosenAtMs || textOrder(a.tag, b.tag)

const analysisRank: Record<AnalysisFact['state'], number> = { skipped: 0, failed: 1, completed: 2 }
const analysisOrder: Order<AnalysisFact> = (a, b) =>
  analysisRank[a.state] - analysisRank[b.state] || textOrder(JSON.stringify(a), JSON.stringify(b))

function greater<T>(a: T | null, b: T | null, order: Order<T>): T | null {
  if (a === null) return b
  if (b === null) return a
  return order(a, b) >= 0 ? a : b
}
const least = (a: number | null, b: number | null): number | null => greater(a, b, (x, y) => y - x)

function joinRecords<T>(a: Record<string, T>, b: Record<string, T>, joinValues: (x: T, y: T) => T): Record<string, T> {
  const joined: Record<string, T> = {}
  for (const name of [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()) {
    const x = a[name]
    const y = b[name]
    const value = x === undefined ? y : y === undefined ? x : joinValues(x, y)
    if (value !== undefined) joined[name] = value
  }
  return joined
}
