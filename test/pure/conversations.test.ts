// The fold of a conversation: any order, any repetition, any grouping of the same events gives the same facts.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { ConversationEvent, ConversationFact } from '../../src/conversations/events.ts'
import { eventKey } from '../../src/conversations/events.ts'
import { historyOf } from '../../src/conversations/history.ts'
import { factsOf, fold, join, noFacts } from '../../src/conversations/merge.ts'
import * as readiness from '../../src/conversations/readiness.ts'
import { transcriptText, turnsOf } from '../../src/conversations/transcript.ts'
import { callStatuses } from '../../src/wire/twilio.ts'

const streamSid = 'MZ00000000000000000000000000000001'
const recordingSid = 'RE00000000000000000000000000000001'
const at = (atMs: number, fact: ConversationFact): ConversationEvent => ({ key: eventKey(fact), atMs, fact })
const status = (
  name: (typeof callStatuses)[number],
  sequence: number | null = null,
  durationMs: number | null = null,
) => ({ kind: 'call.status', status: name, sequence, durationMs, changedAtMs: null }) as const
const said = (itemId: string, order: number, speaker: 'caller' | 'agent', text: string, unheard = '') =>
  ({
    kind: 'utterance',
    streamSid,
    itemId,
    order,
    speaker,
    text,
    unheard,
    isCut: unheard !== '',
    startedAtMs: 1_000 + order,
    heardMs: null,
  }) as const

/** One ordinary call: eight deliveries. */
const ordinary: ConversationEvent[] = [
  at(0, { kind: 'call.incoming', callSid: 'CA1', accountSid: 'AC1', from: '+1', to: '+2', wantsRecording: true }),
  at(0, { kind: 'stream.expected', generation: 0 }),
  at(100, { kind: 'stream.started', streamSid, generation: 0 }),
  at(150, { kind: 'recording.started', recordingSid, isVoicemail: false }),
  at(9_000, { kind: 'transcript.settled', streamSid }),
  at(9_100, status('completed', 0, 9_000)),
  at(12_000, {
    kind: 'recording.status',
    recordingSid,
    status: 'completed',
    durationMs: 8_800,
    url: null,
    channels: 2,
    errorCode: null,
  }),
  at(13_000, { kind: 'analysis.completed', analysis: { summary: 's' } }),
]

function* permutations<T>(items: T[]): Generator<T[]> {
  if (items.length <= 1) return void (yield items)
  for (let i = 0; i < items.length; i++) {
    const rest = [...items.slice(0, i), ...items.slice(i + 1)]
    for (const tail of permutations(rest)) yield [items[i] as T, ...tail]
  }
}

const anyFact: fc.Arbitrary<ConversationFact> = fc.oneof(
  fc.record({
    kind: fc.constant('call.status' as const),
    status: fc.constantFrom(...callStatuses),
    sequence: fc.option(fc.integer({ min: 0, max: 4 })),
    durationMs: fc.option(fc.integer({ min: 0, max: 3 })),
    changedAtMs: fc.option(fc.integer({ min: 0, max: 5 })),
  }),
  fc.record({ kind: fc.constant('stream.expected' as const), generation: fc.integer({ min: 0, max: 2 }) }),
  fc.record({ kind: fc.constant('stream.lapsed' as const), generation: fc.integer({ min: 0, max: 2 }) }),
  fc.record({
    kind: fc.constant('stream.started' as const),
    streamSid: fc.constantFrom('a', 'b'),
    generation: fc.integer({ min: 0, max: 2 }),
  }),
  fc.record({ kind: fc.constant('transcript.settled' as const), streamSid: fc.constantFrom('a', 'b') }),
  fc.record({
    kind: fc.constant('recording.status' as const),
    recordingSid: fc.constantFrom('r', 's'),
    status: fc.constantFrom('in-progress' as const, 'completed' as const, 'absent' as const, 'failed' as const),
    durationMs: fc.option(fc.integer({ min: 0, max: 3 })),
    url: fc.constant(null),
    channels: fc.constant(null),
    errorCode: fc.constant(null),
  }),
  fc.record({
    kind: fc.constant('recording.started' as const),
    recordingSid: fc.constantFrom('r', 's'),
    isVoicemail: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('analysis.completed' as const), analysis: fc.string({ maxLength: 2 }) }),
  fc.record({ kind: fc.constant('analysis.failed' as const), reason: fc.string({ maxLength: 2 }) }),
  fc.record({ kind: fc.constant('call.ending' as const), reason: fc.string({ maxLength: 2 }) }),
  fc.constant({ kind: 'deadline.passed' as const }),
  fc.constant({ kind: 'voicemail.declined' as const }),
)
const anyEvent = fc.tuple(anyFact, fc.integer({ min: 0, max: 9 })).map(([fact, atMs]) => at(atMs, fact))
const anyFacts = fc.array(anyEvent, { maxLength: 6 }).map(fold)

describe('merging facts', () => {
  test('all 40,320 orders of a call in eight deliveries give one row', () => {
    const row = JSON.stringify(fold(ordinary))
    let orders = 0
    for (const order of permutations(ordinary)) {
      orders++
      if (JSON.stringify(fold(order)) !== row) throw new Error(`another row for: ${order.map((e) => e.key).join(', ')}`)
    }
    expect(orders).toBe(40_320)
  })

  test('every order of five deliveries of which each may come twice gives one row', () => {
    const five = ordinary.slice(3)
    const row = JSON.stringify(fold(five))
    for (const order of permutations(five)) {
      for (let repeats = 0; repeats < 32; repeats++) {
        const repeated = order.filter((_, i) => repeats & (1 << i))
        expect(JSON.stringify(fold([...order, ...repeated]))).toBe(row)
        expect(JSON.stringify(fold([...repeated, ...order]))).toBe(row)
      }
    }
  })

  test('join is commutative, associative and idempotent, with no facts as its unit', () => {
    fc.assert(
      fc.property(anyFacts, anyFacts, anyFacts, (a, b, c) => {
        expect(join(a, b)).toEqual(join(b, a))
        expect(join(join(a, b), c)).toEqual(join(a, join(b, c)))
        expect(join(a, a)).toEqual(a)
        expect(join(a, noFacts)).toEqual(a)
      }),
    )
  })

  test('adding what is known already changes nothing, wherever in the order it comes', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { minLength: 1, maxLength: 10 }), fc.nat(), (events, n) => {
        const again = events[n % events.length] as ConversationEvent
        expect(join(fold(events), factsOf(again))).toEqual(fold(events))
      }),
    )
  })
})

describe('call status', () => {
  test('a terminal status never goes back to one before it', () => {
    for (const terminal of ['completed', 'busy', 'failed', 'no-answer', 'canceled'] as const) {
      for (const earlier of ['queued', 'initiated', 'ringing', 'in-progress'] as const) {
        const events = [at(1, status(terminal, 0)), at(2, status(earlier, 3))]
        expect(fold(events).status?.status).toBe(terminal)
      }
    }
  })

  test('of two terminal statuses the later sequence number holds', () => {
    const events = [at(5, status('completed', 3)), at(9, status('failed', 2))]
    expect(fold(events).status?.status).toBe('completed')
    expect(fold(events.reverse()).status?.status).toBe('completed')
  })
})

describe('readiness', () => {
  const without = (...keys: string[]) => fold(ordinary.filter(({ key }) => !keys.some((part) => key.startsWith(part))))

  test('the mail is due when the end, the words, the recording and the analysis are in, and not before any of them', () => {
    expect(readiness.isReadyForMail(fold(ordinary))).toBe(true)
    for (const part of ['call.status', 'transcript.settled', 'recording.status', 'analysis']) {
      expect(readiness.isReadyForMail(without(part))).toBe(false)
    }
  })

  test('no proper subset of a call in which a stream is expected is analysed before the words are in', () => {
    for (let mask = 0; mask < 1 << ordinary.length; mask++) {
      const subset = ordinary.filter((_, i) => mask & (1 << i))
      const has = (prefix: string) => subset.some(({ key }) => key.startsWith(prefix))
      if (!readiness.isReadyForAnalysis(fold(subset))) continue
      expect(has('call.status') && has('stream.expected') && has('stream.started') && has('transcript.settled')).toBe(
        true,
      )
    }
  })

  test('a completed call that nobody has measured yet waits for the callback that does', () => {
    const told = [...ordinary.filter(({ key }) => !key.startsWith('call.status')), at(9_050, status('completed'))]
    expect(readiness.isReadyForAnalysis(fold(told))).toBe(true)
    expect(readiness.isReadyForMail(fold(told))).toBe(false)
    expect(readiness.isReadyForMail(fold([...told, at(9_100, status('completed', 0, 9_000))]))).toBe(true)
  })

  test('a completed call whose webhook is late waits for it', () => {
    expect(readiness.isReadyForAnalysis(fold([at(1, status('completed', 0))]))).toBe(false)
  })

  test('a stream that never came is not waited for once its token has lapsed', () => {
    const hungUpEarly = [...ordinary.slice(0, 2), at(9_000, status('completed', 0))]
    expect(readiness.isReadyForAnalysis(fold(hungUpEarly))).toBe(false)
    expect(
      readiness.isReadyForAnalysis(fold([...hungUpEarly, at(60_000, { kind: 'stream.lapsed', generation: 0 })])),
    ).toBe(true)
  })

  test('a stream that followed the first is waited for, too', () => {
    const resumed = [...ordinary, at(5_000, { kind: 'stream.expected', generation: 1 })]
    expect(readiness.isReadyForAnalysis(fold(resumed))).toBe(false)
  })

  test('a recording that was refused, or is absent, is not waited for', () => {
    const refused = [
      ...ordinary.filter(({ key }) => !key.startsWith('recording')),
      at(3, { kind: 'recording.refused', reason: 'r' }),
    ]
    expect(readiness.isReadyForMail(fold(refused))).toBe(true)
  })

  test('a tape that was offered is waited for until it is there or declined', () => {
    const offered = [
      at(0, { kind: 'voicemail.offered' }),
      at(9, status('completed', 0, 9_000)),
      at(9, { kind: 'analysis.skipped', reason: 'r' }),
    ]
    expect(readiness.isReadyForMail(fold(offered))).toBe(false)
    expect(readiness.isReadyForMail(fold([...offered, at(9, { kind: 'voicemail.declined' })]))).toBe(true)
  })

  test('at the deadline the mail is due, and says what is missing', () => {
    const late = join(without('recording.status', 'analysis'), factsOf(at(600_000, { kind: 'deadline.passed' })))
    expect(readiness.isReadyForMail(late)).toBe(true)
    expect(readiness.missing(late)).toEqual(['recording', 'analysis'])
  })
})

describe('the transcript', () => {
  const words = [
    at(1, said('i1', 1, 'agent', 'Hello, how can I help?')),
    at(2, said('i2', 2, 'caller', 'I am Dana.')),
    at(3, said('i3', 3, 'agent', 'I will pass', 'that on to the doctor.')),
    at(4, said('i4', 4, 'caller', '')),
  ]

  test('is in the order of the items, whatever order they arrived in, and marks what was not heard', () => {
    for (const order of permutations(words)) {
      expect(transcriptText(turnsOf(order))).toBe(
        'Agent: Hello, how can I help?\nCaller: I am Dana.\nAgent: I will pass [interrupted; not heard: that on to the doctor.]',
      )
    }
  })

  test('becomes history for a new model: what was heard, and what tools answered, but no call without its answer', () => {
    const tools = [
      at(1_002, { kind: 'tool.called', toolCallId: 'c1', name: 'take_message', arguments: { message: 'm' } }),
      at(1_003, {
        kind: 'tool.returned',
        toolCallId: 'c1',
        name: 'take_message',
        outcome: 'done',
        result: { taken: true },
        endsCall: false,
      }),
      at(1_004, { kind: 'tool.called', toolCallId: 'c2', name: 'end_call', arguments: {} }),
    ] as const
    const items = historyOf([...tools, ...words], 60)
    expect(items.map((item) => item.type)).toEqual([
      'message',
      'message',
      'function_call',
      'function_call_output',
      'message',
    ])
    expect(JSON.stringify(items)).not.toContain('that on to the doctor')
    expect(JSON.stringify(items)).not.toContain('c2')
  })
})
