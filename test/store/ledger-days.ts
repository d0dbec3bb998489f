// Days of callbacks, at random: which events there are, how they arrive, and, by the pure functions alone, what must be true
// and what must have become due afterwards.
import fc from 'fast-check'
import type { ConversationEvent, ConversationFact } from '../../src/conversations/events.ts'
import { type Facts, factsOf, fold, join, noFacts } from '../../src/conversations/merge.ts'
import * as readiness from '../../src/conversations/readiness.ts'
import { eventOf } from '../../src/conversations/store.ts'
import { transcriptText, turnsOf } from '../../src/conversations/transcript.ts'
import { callStatuses } from '../../src/wire/twilio.ts'

export const startMs = Date.UTC(2026, 2, 2, 9, 0, 0)
export const at = (afterMs: number, fact: ConversationFact): ConversationEvent => eventOf(fact, startMs + afterMs)

export const streamA = 'MZa'
const [streamB, recordingA, recordingB] = ['MZb', 'REa', 'REb']
const anyMs = fc.integer({ min: 0, max: 20_000 })
const anyStream = fc.constantFrom(streamA, streamB)
const anyRecording = fc.constantFrom(recordingA, recordingB)
const anyGeneration = fc.integer({ min: 0, max: 2 })
const anyText = fc.string({ maxLength: 12, unit: 'grapheme' })
const fact = <K extends ConversationFact['kind'], R>(kind: K, rest: { [N in keyof R]: fc.Arbitrary<R[N]> }) =>
  fc.record(rest).map((fields) => ({ kind, ...fields }))

/** Every kind of fact, with ids from so few that they meet. */
const anyFact: fc.Arbitrary<ConversationFact> = fc.oneof(
  fact('call.incoming', {
    callSid: fc.constant('CA1'),
    accountSid: fc.constant('AC1'),
    from: fc.constant('+15550102030'),
    to: fc.constant('+15551234567'),
    wantsRecording: fc.boolean(),
  }),
  fact('call.status', {
    status: fc.constantFrom(...callStatuses),
    sequence: fc.option(fc.integer({ min: 0, max: 4 })),
    durationMs: fc.option(anyMs),
    changedAtMs: fc.option(anyMs.map((ms) => startMs + ms)),
  }),
  fact('stream.expected', { generation: anyGeneration }),
  fact('stream.lapsed', { generation: anyGeneration }),
  fact('stream.started', { streamSid: anyStream, generation: anyGeneration }),
  fact('stream.ended', { streamSid: anyStream, reason: fc.constantFrom('stopped', 'broken', 'hung-up') }),
  fact('transcript.settled', { streamSid: anyStream }),
  fact('utterance', {
    streamSid: anyStream,
    itemId: fc.integer({ min: 0, max: 30 }).map((n) => `item_${n}`),
    order: fc.integer({ min: 0, max: 9 }),
    speaker: fc.constantFrom('caller', 'agent'),
    text: anyText,
    unheard: anyText,
    isCut: fc.boolean(),
    startedAtMs: anyMs.map((ms) => startMs + ms),
    heardMs: fc.option(anyMs),
  }),
  fact('recording.started', { recordingSid: anyRecording, isVoicemail: fc.boolean() }),
  fact('recording.status', {
    recordingSid: anyRecording,
    status: fc.constantFrom('in-progress', 'completed', 'absent', 'failed'),
    durationMs: fc.option(anyMs),
    url: fc.constant(null),
    channels: fc.option(fc.constantFrom(1, 2)),
    errorCode: fc.constant(null),
  }),
  fact('recording.fetched', { recordingSid: anyRecording, bytes: anyMs, storedAs: fc.constant('a/b.wav') }),
  fact('recording.refused', { reason: fc.constant('not in progress') }),
  fact('model.failed', { reason: fc.constant('refused') }),
  fact('voicemail.offered', {}),
  fact('voicemail.declined', {}),
  fact('call.ending', { reason: fc.constantFrom('goodbye', 'too-long') }),
  fact('call.resumed', { generation: anyGeneration }),
  fact('warning', { about: fc.constantFrom('a', 'b'), text: anyText }),
  fact('analysis.completed', { analysis: fc.record({ summary: anyText }) }),
  fact('analysis.failed', { reason: anyText }),
  fact('deadline.passed', {}),
)
const anyEvents = fc.uniqueArray(
  fc.tuple(anyFact, anyMs).map(([given, ms]) => at(ms, given)),
  { selector: ({ key }) => key, maxLength: 24, size: 'max' },
)

/** What a day of callbacks makes of a set: in some order, some of it twice, some of it together, over several lines. */
export type Delivery = { batch: ConversationEvent[]; line: number }
export const anyDay = anyEvents.chain((events) =>
  fc.record({
    events: fc.constant(events),
    deliveries: fc
      .tuple(
        fc.shuffledSubarray(events, { minLength: events.length }),
        fc.shuffledSubarray(events),
        fc.array(fc.record({ size: fc.integer({ min: 1, max: 4 }), line: fc.nat(3) }), {
          minLength: 48,
          maxLength: 48,
        }),
      )
      .map(([once, again, cuts]) => cut([...once, ...again], cuts)),
  }),
)

function cut(events: ConversationEvent[], cuts: { size: number; line: number }[]): Delivery[] {
  const deliveries: Delivery[] = []
  let place = 0
  for (const { size, line } of cuts) {
    const batch = events.slice(place, place + size)
    if (batch.length > 0) deliveries.push({ batch, line })
    place += size
  }
  return deliveries
}

export type Due = { deliveries: number; jobs: string[] }

/** What the way that the facts came must have made due: by the pure functions, step by step. */
export function dueAfter(batches: ConversationEvent[][]): Due {
  // Every call has a deadline from its first event on; what moves it is told by tests of its own.
  const jobs = new Set<string>(batches.length > 0 ? ['mail-deadline'] : [])
  let facts: Facts = noFacts
  for (const batch of batches) {
    const before = facts
    facts = batch.reduce((known, event) => join(known, factsOf(event)), facts)
    const became = (is: (facts: Facts) => boolean) => !is(before) && is(facts)
    if (became(readiness.isReadyForAnalysis) && facts.analysis === null) jobs.add('analyze')
    if (became(readiness.isReadyForMail)) jobs.add('send-mail')
    for (const [sid, { status }] of Object.entries(facts.recordings))
      if (status === 'completed') jobs.add(`fetch-recording ${sid}`)
    for (const sid of readiness.unsettledStreams(facts)) jobs.add(`settle-stream ${sid}`)
  }
  return { deliveries: jobs.has('send-mail') ? 1 : 0, jobs: [...jobs].sort() }
}

/** The row that a set of events must give, by the pure functions alone. */
export function rowFor(events: ConversationEvent[]) {
  const facts = fold(events)
  const columns = readiness.columns(facts)
  return {
    facts,
    eventCount: events.length,
    // Until something says when the call was first seen, the row has the time at which it was opened.
    columns: { ...columns, startedAtMs: columns.startedAtMs ?? startMs },
    transcript: readiness.isEnded(facts) ? transcriptText(turnsOf(events)) : null,
  }
}
