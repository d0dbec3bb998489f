// What an agent knows, and says first, when it did not begin the conversation itself: after a transfer, and in a call of ours.
import { describe, expect, test } from 'bun:test'
import { openingOf } from '../../src/calls/opening.ts'
import type { Scene } from '../../src/calls/scene.ts'
import type { ConversationFact } from '../../src/conversations/events.ts'
import { historyOf } from '../../src/conversations/history.ts'
import { eventOf } from '../../src/conversations/store.ts'

const eventsOf = (...facts: ConversationFact[]) => facts.map((fact, n) => eventOf(fact, n * 1_000))
const variables = { clinic: 'Lakeside', hours: '', services: '', providers: '', about: '', now: '' }
const opening = (events: Scene['events'], generation: number) =>
  openingOf({ texts: { greeting: 'Hello from {{clinic}}.' }, variables, events } as Scene, generation)

const utterance = (n: number, text: string): ConversationFact => ({
  kind: 'utterance',
  streamSid: 'MZ1',
  itemId: `i${n}`,
  order: n,
  speaker: 'caller',
  text,
  unheard: '',
  isCut: false,
  startedAtMs: n * 1_000,
  heardMs: null,
})
const requested: ConversationFact = {
  kind: 'transfer.requested',
  toolCallId: 't1',
  target: 'the nurse',
  phoneNumber: '+15550100200',
  reason: 'a rash',
  isWarm: true,
}
const transfer = (status: 'completed' | 'no-answer', generation = 0): ConversationFact[] => [
  requested,
  { kind: 'transfer.dialled', toolCallId: 't1', generation },
  { kind: 'transfer.ended', toolCallId: 't1', status, durationMs: null },
]
const outgoing: ConversationFact = {
  kind: 'call.outgoing',
  callSid: 'CA1',
  accountSid: 'AC1',
  from: '+15551234567',
  to: '+15550102030',
  wantsRecording: false,
  purpose: 'Ask Dana whether the new glasses fit.',
}
const texts = (events: Scene['events'], most = 60) =>
  historyOf(events, most).map((item) => ('content' in item ? JSON.stringify(item.content) : ''))

describe('after a transfer that nobody took', () => {
  test('the agent knows of it, in its place, and says so first', () => {
    const events = eventsOf(utterance(0, 'I want the nurse'), ...transfer('no-answer'))
    expect(texts(events)[1]).toContain('The transfer to the nurse was not taken (no-answer).')
    expect(opening(events, 1)).toStartWith('Nobody took the call')
  })

  test('it says so in the stream that follows, and not in a later one', () => {
    expect(opening(eventsOf(...transfer('no-answer', 0)), 2)).toStartWith('The line broke')
    expect(opening(eventsOf(...transfer('no-answer', 1)), 2)).toStartWith('Nobody took the call')
    expect(opening(eventsOf(...transfer('completed', 0)), 1)).toStartWith('The line broke')
  })

  test('in an emergency they are told first of all to call for help themselves', () => {
    const raised: ConversationFact = { kind: 'emergency.raised', streamSid: 'MZ1', phrase: 'stroke', isAnswered: true }
    expect(opening(eventsOf(raised, ...transfer('no-answer')), 1)).toContain(
      'must hang up and call the emergency number',
    )
  })

  test('that was talked out is no news', () => {
    expect(texts(eventsOf(...transfer('completed')))).toEqual([])
  })
})

describe('after a stream that was handed over', () => {
  const handedOver: ConversationFact = { kind: 'stream.ended', streamSid: 'MZ1', reason: 'handed-over' }
  const agentSaid: ConversationFact = { ...utterance(1, 'Which day suits you?'), speaker: 'agent' } as ConversationFact
  const toolAnswered: ConversationFact = {
    kind: 'tool.returned',
    ...{ toolCallId: 't2', name: 'find_availability', outcome: 'done', result: {}, endsCall: false },
  }

  test('at the end of what the agent said, nothing is said: the caller has noticed nothing, and is about to answer', () => {
    expect(opening(eventsOf(utterance(0, 'A check-up'), agentSaid, handedOver), 1)).toBeNull()
  })

  test.each([
    ['the caller has spoken last', [agentSaid, utterance(2, 'On Monday'), handedOver]],
    ['the agent was cut off', [{ ...agentSaid, isCut: true } as ConversationFact, handedOver]],
    ['a tool has answered since', [utterance(0, 'x'), agentSaid, toolAnswered, handedOver]],
    ['the line broke', [agentSaid, { ...handedOver, reason: 'broken' } as ConversationFact]],
    [
      'it broke after an earlier hand-over',
      [handedOver, agentSaid, { ...handedOver, streamSid: 'MZ2', reason: 'lost' }],
    ],
  ] as [string, ConversationFact[]][])('the agent speaks when %s', (_, facts) => {
    expect(opening(eventsOf(...facts), 1)).toStartWith('The line broke')
  })
})

describe('a call that we placed', () => {
  test('begins with why, however much was said since', () => {
    const events = eventsOf(outgoing, ...Array.from({ length: 9 }, (_, n) => utterance(n, `word ${n}`)))
    const told = texts(events, 3)
    expect(told).toHaveLength(4)
    expect(told[0]).toContain('You placed this call. Ask Dana whether the new glasses fit.')
    expect(told[0]).toContain('nothing of a patient before your tools have shown that you speak with them')
    expect(told[1]).toContain('word 6')
  })

  test('is not greeted like one that came in', () => {
    expect(opening(eventsOf(outgoing), 0)).toContain('say that you call from Lakeside')
    expect(opening(eventsOf(utterance(0, 'x')), 0)).toBe('Hello from Lakeside.')
  })
})
