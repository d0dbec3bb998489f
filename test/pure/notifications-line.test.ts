// What a mail says of calls that were no conversation with a caller: refused, placed by us, or put through.
import { describe, expect, test } from 'bun:test'
import type { ConversationFact } from '../../src/conversations/events.ts'
import { summaryView } from '../../src/notifications/view.ts'
import { materialOf } from '../support/call-summary.ts'

const ended = (status: 'completed' | 'no-answer' | 'busy'): ConversationFact => ({
  kind: 'call.status',
  status,
  sequence: 2,
  durationMs: null,
  changedAtMs: null,
})
const placed: ConversationFact = {
  kind: 'call.outgoing',
  callSid: 'CA1',
  accountSid: 'AC1',
  from: '+15551234567',
  to: '+15550102030',
  wantsRecording: false,
  purpose: 'Ask whether the new inhaler helps.',
}
const outbound = {
  ...materialOf([]).conversation,
  direction: 'outbound' as const,
  fromNumber: '+15551234567',
  toNumber: '+15550102030',
}
const viewOf = (...facts: ConversationFact[]) => summaryView(materialOf(facts))
const viewOfOurs = (...facts: ConversationFact[]) =>
  summaryView(materialOf([placed, ...facts], { conversation: outbound }))
const factOf = (view: ReturnType<typeof viewOf>, wanted: string) =>
  view.details.find(({ term }) => term === wanted)?.fact

describe('a call that was not taken', () => {
  test('is told with the reason', () => {
    for (const [because, words] of [
      ['busy', 'lines were busy'],
      ['spent', 'is spent'],
    ] as const)
      expect(viewOf({ kind: 'call.refused', because }, ended('completed')).summary).toContain(words)
  })
})

describe('a call that we placed', () => {
  test('is told by the number that was called, and why', () => {
    const view = viewOfOurs(ended('completed'))
    expect(view.headline).toBe('Call to +15550102030')
    expect(factOf(view, 'Number')).toBe('+15550102030')
    expect(factOf(view, 'Why we called')).toBe('Ask whether the new inhaler helps.')
  })

  test('is told to have been answered by nobody, or by a machine', () => {
    expect(viewOfOurs(ended('no-answer')).summary).toBe('Our call was not answered (no-answer).')
    const machine: ConversationFact = { kind: 'call.answered-by', answeredBy: 'machine_end_beep' }
    expect(viewOfOurs(machine, ended('completed')).summary).toStartWith('A machine answered')
  })
})

describe('an emergency', () => {
  const raised = (isAnswered: boolean, streamSid = 'MZ1'): ConversationFact => ({
    kind: 'emergency.raised',
    streamSid,
    phrase: 'chest pain',
    isAnswered,
  })

  test('makes the mail urgent, whatever the analysis says, and tells what the caller was told', () => {
    const view = viewOf(ended('completed'), raised(true))
    expect(view.subject).toStartWith('[Emergency] ')
    expect(view.subject).not.toContain('chest')
    expect(view.badges[0]).toEqual({ label: 'Emergency', tone: 'alarm' })
    expect(factOf(view, 'Emergency')).toBe('The caller said "chest pain", and was told what to do at once.')
  })

  test('is told apart when the caller was gone before they could be told anything', () => {
    expect(factOf(viewOf(raised(false)), 'Emergency')).toContain('was gone before')
    expect(factOf(viewOf(raised(false), raised(true, 'MZ2')), 'Emergency')).toContain('was told what to do')
    expect(factOf(viewOf(ended('completed')), 'Emergency')).toBeUndefined()
  })
})

describe('the language', () => {
  test('is the one that was chosen last in the call, whatever order it is told in', () => {
    const chosen = (language: string): ConversationFact => ({ kind: 'language.chosen', toolCallId: language, language })
    expect(factOf(viewOf(ended('completed'), chosen('de'), chosen('es-MX')), 'Language')).toBe('Mexican Spanish')
    expect(factOf(viewOf(ended('completed')), 'Language')).not.toBe('Mexican Spanish')
  })
})

describe('a caller who was put through', () => {
  const transfer = (toolCallId: string, target: string, status: 'completed' | 'declined'): ConversationFact[] => [
    { kind: 'transfer.requested', toolCallId, target, phoneNumber: '+15550100200', reason: 'a rash', isWarm: true },
    { kind: 'transfer.dialled', toolCallId, generation: 0 },
    { kind: 'transfer.ended', toolCallId, status, durationMs: null },
  ]

  test('is told with everybody who was rung, and what came of it; their numbers are not in the mail', () => {
    const view = viewOf(...transfer('t1', 'the nurse', 'declined'), ...transfer('t2', 'billing', 'completed'))
    expect(factOf(view, 'Put through to')).toBe('the nurse: nobody took the call; billing: they talked')
    expect(JSON.stringify(view)).not.toContain('0100200')
  })

  test('who took it back was put through to nobody', () => {
    const [requested] = transfer('t1', 'the nurse', 'declined')
    expect(factOf(viewOf(...(requested === undefined ? [] : [requested])), 'Put through to')).toBeUndefined()
  })
})
