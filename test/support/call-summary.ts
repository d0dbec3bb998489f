// One call to a clinic, as its ledger has it, and what the summary mail is made from: for tests of the mail. A whole call by
// default; a test takes facts away, or adds some.
import { type Analysis, analysis } from '../../src/conversations/analysis.ts'
import type { ConversationEvent, ConversationFact } from '../../src/conversations/events.ts'
import { eventKey } from '../../src/conversations/events.ts'
import { fold } from '../../src/conversations/merge.ts'
import { turnsOf } from '../../src/conversations/transcript.ts'
import { type SummaryMaterial, summaryView } from '../../src/notifications/view.ts'

export const beganAtMs = Date.UTC(2026, 10, 24, 15, 14)
const streamSid = 'MZ00000000000000000000000000000001'
const recordingSid = 'RE00000000000000000000000000000001'

export const sampleAnalysis: Analysis = {
  summary:
    'Maria Lopez’s daughter has had an earache since last night. She asks Dr. Chen to call back before noon, and left her number.',
  reason: 'Daughter has an earache',
  outcome: 'message-taken',
  urgency: 'soon',
  followUps: ['Call Maria Lopez back before noon.', 'See whether Dr. Chen has a slot today.'],
  language: 'en',
  callerName: 'Maria Lopez',
  callbackNumber: '+15557654321',
}

let order = 0
export const utterance = (
  speaker: 'caller' | 'agent',
  text: string,
  afterMs: number,
  unheard = '',
): ConversationFact => ({
  kind: 'utterance',
  streamSid,
  itemId: `item_${++order}`,
  order,
  speaker,
  text,
  unheard,
  isCut: unheard !== '',
  startedAtMs: beganAtMs + afterMs,
  heardMs: null,
})

export const callFacts = {
  incoming: {
    kind: 'call.incoming',
    callSid: 'CA00000000000000000000000000000001',
    accountSid: 'AC00000000000000000000000000000001',
    from: '+15557654321',
    to: '+15551234567',
    wantsRecording: true,
  },
  expected: { kind: 'stream.expected', generation: 0 },
  started: { kind: 'stream.started', streamSid, generation: 0 },
  settled: { kind: 'transcript.settled', streamSid },
  completed: {
    kind: 'call.status',
    status: 'completed',
    sequence: 0,
    durationMs: 102_000,
    changedAtMs: beganAtMs + 102_000,
  },
  recorded: { kind: 'recording.started', recordingSid, isVoicemail: false },
  recording: {
    kind: 'recording.status',
    recordingSid,
    status: 'completed',
    durationMs: 100_000,
    url: null,
    channels: 2,
    errorCode: null,
  },
  message: {
    kind: 'message.taken',
    toolCallId: 'call_1',
    callerName: 'Maria Lopez',
    callbackNumber: '+15557654321',
    forWhom: 'Dr. Chen',
    message: 'My daughter has an earache, could Dr. Chen call me back before noon?',
    isUrgent: false,
  },
  analysed: { kind: 'analysis.completed', analysis: sampleAnalysis },
  deadline: { kind: 'deadline.passed' },
} satisfies Record<string, ConversationFact>

export const words: ConversationFact[] = [
  utterance('agent', 'Lakeside Family Clinic, this call is recorded. How can I help you?', 1_000),
  utterance('caller', 'Hi, this is Maria Lopez. My daughter has had an earache since last night.', 6_000),
  utterance(
    'agent',
    'I’m sorry to hear that. I can take a message for',
    13_000,
    'the doctor, or look for an appointment.',
  ),
  utterance('caller', 'Could Dr. Chen call me back before noon?', 16_000),
]

export const wholeCall: ConversationFact[] = [
  ...Object.values(callFacts).filter(({ kind }) => kind !== 'deadline.passed'),
  ...words,
]

const eventsOf = (facts: readonly ConversationFact[]): ConversationEvent[] =>
  facts.map((fact, index) => ({ key: eventKey(fact, String(index)), atMs: beganAtMs, fact }))

export function materialOf(
  facts: readonly ConversationFact[],
  changes: Partial<SummaryMaterial> = {},
): SummaryMaterial {
  const events = eventsOf(facts)
  const merged = fold(events)
  const parsed = analysis.safeParse(merged.analysis?.analysis)
  return {
    clinic: { name: 'Lakeside Family Clinic', timeZone: 'America/New_York' },
    conversation: {
      direction: 'inbound',
      fromNumber: '+15557654321',
      toNumber: '+15551234567',
      startedAt: new Date(beganAtMs),
      answeredAt: new Date(beganAtMs),
      durationMs: 102_000,
      callStatus: 'completed',
    },
    facts: merged,
    events,
    turns: turnsOf(events),
    analysis: parsed.success ? parsed.data : null,
    ...changes,
  }
}

export const viewOf = (facts: readonly ConversationFact[], changes: Partial<SummaryMaterial> = {}) =>
  summaryView(materialOf(facts, changes))
