// The auditor finds nothing wrong with a call that is right, and every wrong in one that is not.
import { describe, expect, test } from 'bun:test'
import { latencies } from '../../sim/audit/latency.ts'
import { isLike } from '../../sim/audit/likeness.ts'
import { audit, rules, rulesFor } from '../../sim/auditor.ts'
import { at, auditedCall, speech } from '../support/audited-call.ts'
import {
  byteAt,
  cutAnswerAt,
  item,
  sendOnOfAnswer,
  silence,
  utterance,
  withMore,
  without,
} from '../support/audited-parts.ts'
import { brokenClinic } from '../support/broken-clinic.ts'
import { brokenFaults, cut, known, takeOver } from '../support/broken-faults.ts'
import { brokenKeeping } from '../support/broken-keeping.ts'
import { brokenPeople, putThrough } from '../support/broken-people.ts'
import { brokenRenewal } from '../support/broken-renewal.ts'
import { brokenSound } from '../support/broken-sound.ts'
import { brokenWords } from '../support/broken-words.ts'

const breakings = [
  ...brokenClinic,
  ...brokenFaults,
  ...brokenKeeping,
  ...brokenPeople,
  ...brokenRenewal,
  ...brokenSound,
  ...brokenWords,
]

describe('the auditor', () => {
  test('finds nothing wrong with a call that is right', () => {
    expect(audit(auditedCall())).toEqual([])
  })

  test('finds nothing wrong with a call that is put through as it should be', () => {
    const call = auditedCall()
    putThrough(call)
    expect(audit(call)).toEqual([])
  })

  test('asks of the transcript what was said, not what a server repeats to a model that it asks anew', () => {
    const call = auditedCall()
    const repeated = { ...item(call, 'item_U1'), itemId: 'item_U1 again' }
    call.model.sessions.push({
      ...call.session,
      sessionId: 'sess_2',
      config: null,
      items: [repeated],
      deltas: [],
      speech: [],
      appended: new Uint8Array(),
    })
    expect(audit(call)).toEqual([])
  })

  test('takes for a greeting what the script says, not what the stand-in says whenever a line breaks', () => {
    const call = auditedCall()
    const again = { ...item(call, 'item_C'), text: item(call, 'item_A').text }
    call.session.items = call.session.items.filter(({ itemId }) => itemId !== 'item_C')
    call.model.sessions.push({ ...call.session, sessionId: 'sess_2', items: [again], speech: [] })
    const isGreetedTwice = () => audit(call).some(({ rule }) => rule.startsWith('the caller is greeted once'))
    call.fixture.model.responses = [[{ say: 'Hello, how can I help?' }]]
    expect(isGreetedTwice()).toBeTrue()
    call.fixture.model.responses = [[{ say: 'Good morning.' }]]
    expect(isGreetedTwice()).toBeFalse()
    call.fixture.model.improvises = true
    expect(isGreetedTwice()).toBeTrue()
  })

  test('holds a call whose line was cut to less: not to what is said, but to the row, the walls and the mail', () => {
    const call = auditedCall()
    expect(rulesFor(call)).toEqual([...rules])
    cut(call, 'ws-cut', at(3_000))
    const names = rulesFor(call).map(({ name }) => name)
    expect(names).not.toContain('the turns are those of the fixture')
    expect(audit(call)).toEqual([])
    call.inbox.messages.push(...call.inbox.messages)
    call.fixture.expect.emails[0]?.to.push('nobody@clinic.example')
    expect(audit(call).map(({ rule }) => rule)).toContainEqual(expect.stringMatching('exactly the expected e-mails'))
  })

  test('finds nothing wrong with a session that takes over and is told everything, in the database’s own order', () => {
    const call = auditedCall()
    const turned = (text: string) => JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text)).reverse()))
    takeOver(
      call,
      known(call).map((item) => (item.output === undefined ? item : { ...item, output: turned(item.output) })),
    )
    expect(audit(call)).toEqual([])
  })

  test('has a broken call here for every rule', () => {
    for (const { name } of rules)
      expect(breakings.some(([rule]) => name.startsWith(rule)) ? name : `untested: ${name}`).toBe(name)
  })

  test.each(breakings)('%s: sees when it does not hold (%s)', (rule, _what, act) => {
    const call = auditedCall()
    act(call)
    expect(audit(call).map((violation) => violation.rule)).toContainEqual(expect.stringMatching(rule))
  })

  test('explains a fault in words, with numbers', () => {
    const call = auditedCall()
    item(call, 'item_B').truncatedAtMs = 3_000
    const [violation] = audit(call)
    expect(violation?.explanation).toBe('item_B was truncated at 3000 ms, but 1200 ms of it were heard')
    expect(violation?.evidence).toMatchObject({ heardMs: 1_200, toldMs: 3_000, emittedMs: 3_000 })
  })

  test('judges what it can when the database cannot be seen', () => {
    const call = auditedCall()
    expect(audit({ ...call, server: null })).toEqual([])
    item(call, 'item_B').truncatedAtMs = 3_000
    expect(audit({ ...call, server: null })).toHaveLength(1)
  })

  test('a call for nobody is right when only the miss was kept', () => {
    const call = auditedCall()
    Object.assign(call.fixture.expect, { isRouted: false, row: {}, turns: [], tools: [], bargeIns: 0, emails: [] })
    Object.assign(call.carrier, {
      streams: [],
      recordings: [],
      problems: [],
      said: [{ atMs: at(10), endedAtMs: at(900), text: 'Sorry.' }],
    })
    Object.assign(call.server, {
      conversation: null,
      events: [],
      emailDeliveries: [],
      recordings: [],
      isUnrouted: true,
    })
    call.model.sessions = []
    call.inbox.messages = []
    expect(audit(call)).toEqual([])
    call.carrier.said = []
    expect(audit(call)).toHaveLength(1)
  })

  test.each([1_000, 1_199, 1_200, 1_260])(
    'a truncation at %p ms is right when 1200 ms were heard: no server can know better',
    (toldMs) => {
      const call = auditedCall()
      item(call, 'item_B').truncatedAtMs = toldMs
      expect(audit(call)).toEqual([])
    },
  )

  test('a cut that nobody noticed, because hardly anything was heard, needs no truncation', () => {
    const call = auditedCall()
    cutAnswerAt(call, 100)
    item(call, 'item_B').truncatedAtMs = null
    call.server.events.splice(call.server.events.indexOf(utterance(call, 'item_B')), 1)
    call.fixture.expect.turns.splice(2, 1)
    expect(audit(call)).toEqual([])
  })

  test('a turn that was cut off while it was made, but heard as far as it went, may count as cut', () => {
    const call = auditedCall()
    Object.assign(utterance(call, 'item_A').fact, { isCut: true })
    for (const response of call.session.responses) if (response.responseId === 'resp_1') response.status = 'cancelled'
    expect(audit(call)).toEqual([])
  })

  test('facts that come after the deadline do not hold the mail up', () => {
    const call = auditedCall()
    const late = {
      key: 'recording.status:RE1',
      kind: 'recording.status',
      atMs: at(99_000),
      fact: { status: 'completed' },
    }
    call.server.events.push(late)
    expect(audit(call)).toHaveLength(1)
    call.server.events.push({ key: 'deadline.passed', kind: 'deadline.passed', atMs: at(9_600), fact: {} })
    expect(audit(call)).toEqual([])
  })

  test('silence may fill the place of frames that never came', () => {
    const call = auditedCall()
    call.stream.sent.splice(155, 2)
    const whole = call.session.appended
    call.session.appended = withMore(without(whole, byteAt(3_200), 320), byteAt(3_200), silence(40))
    expect(audit(call)).toEqual([])
  })

  test('deltas that left the model after the cut may be dropped', () => {
    const call = auditedCall()
    sendOnOfAnswer(call, 2_000)
    for (const delta of call.session.deltas)
      if (delta.itemId === 'item_B' && delta.fromByte >= 16_000) delta.atMs = at(6_200)
    expect(audit(call)).toEqual([])
  })

  // The server hangs up 8,700 ms into the call, and a frame is sent every 20 ms.
  test.each([
    { isVirtual: false, lostMs: 240, isLoss: false },
    { isVirtual: false, lostMs: 260, isLoss: true },
    { isVirtual: true, lostMs: 20, isLoss: true },
  ])('the last words before the server hangs up: %o', ({ isVirtual, lostMs, isLoss }) => {
    const call = { ...auditedCall(), isVirtual }
    call.session.appended = call.session.appended.slice(0, byteAt(8_700 - lostMs))
    expect(audit(call)).toHaveLength(isLoss ? 1 : 0)
  })

  test('what the caller sends in the very instant in which the server hangs up may be lost', () => {
    const call = auditedCall()
    call.stream.sent.push({ atMs: at(8_700), bytes: speech('too late', 20) })
    expect(audit(call)).toEqual([])
  })
})

test('waiting is measured at the caller’s ear', () => {
  const { carrier } = auditedCall()
  expect(latencies(carrier)).toEqual({
    reply: { count: 2, p50Ms: 800, maxMs: 1_000 },
    bargeIn: { count: 1, p50Ms: 200, maxMs: 200 },
    twiml: { count: 1, p50Ms: 12, maxMs: 12 },
    greeting: { count: 1, p50Ms: 480, maxMs: 480 },
  })
  expect(latencies({ documents: [], streams: [], answeredAtMs: null }).reply).toEqual({
    count: 0,
    p50Ms: null,
    maxMs: null,
  })
})

test('an utterance that gets no reply before the next one counts for no waiting', () => {
  const { carrier, stream } = auditedCall()
  stream.played = stream.played.filter(({ atMs }) => atMs !== at(5_000))
  expect(latencies(carrier).reply).toEqual({ count: 1, p50Ms: 800, maxMs: 800 })
})

test('an expectation holds what it names, and ranges', () => {
  expect(isLike({ a: 1, b: [1, { c: null }] }, { b: [1, { c: null }] })).toBeTrue()
  expect(isLike({ a: 1 }, { a: 1, b: 2 })).toBeFalse()
  expect(isLike([1, 2], [1])).toBeFalse()
  expect([4, 5, 6].map((value) => isLike(value, { min: 5, max: 5 }))).toEqual([false, true, false])
  expect(isLike('5', { min: 1 })).toBeFalse()
  expect(speech('a', 20)).toEqual(speech('a', 20))
})
