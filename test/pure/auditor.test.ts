import { describe, expect, test } from 'bun:test'
import { latencies } from '../../sim/audit/latency.ts'
import { isLike } from '../../sim/audit/likeness.ts'
import { audit, rules } from '../../sim/auditor.ts'
import { type AuditedCall, at, auditedCall, speech, startMs } from './audited-call.ts'

type Breaking = [rule: string, what: string, act: (call: AuditedCall) => void]

const item = (call: AuditedCall, itemId: string) => {
  const found = call.session.items.find((each) => each.itemId === itemId)
  if (found === undefined) throw new Error(`There is no ${itemId}`)
  return found
}
const utterance = (call: AuditedCall, itemId: string) => {
  const found = call.server.events.find(({ fact }) => fact.itemId === itemId)
  if (found === undefined) throw new Error(`There is no turn ${itemId}`)
  return found
}
const factOf = (call: AuditedCall, key: string) => {
  const found = call.server.events.find((event) => event.key === key)
  if (found === undefined) throw new Error(`There is no event ${key}`)
  return found
}
const without = (bytes: Uint8Array, from: number, count: number) =>
  Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + count)])
const withMore = (bytes: Uint8Array, from: number, more: Uint8Array) =>
  Buffer.concat([bytes.subarray(0, from), more, bytes.subarray(from)])
const silence = (ms: number) => new Uint8Array(ms * 8).fill(0xff)
/** The byte of the caller's audio, or of the model's input, at an instant of the call. */
const byteAt = (ms: number) => (ms - 100) * 8
/** As if the agent's answer had been cut `heardMs` after it began. */
function cutAnswerAt(call: AuditedCall, heardMs: number) {
  const [played, cleared] = [call.stream.played[1], call.stream.cleared[0]]
  if (played === undefined || cleared === undefined) throw new Error('There is no cut')
  played.toByte = cleared.fromByte = played.fromByte + heardMs * 8
  cleared.atMs = played.atMs + heardMs
}
/** As if a server had dropped, or sent on, another part of the answer than all of it. */
function sendOnOfAnswer(call: AuditedCall, sentMs: number) {
  const [answer, goodbye] = [12_800, 24_000]
  call.stream.received = without(call.stream.received, answer + sentMs * 8, goodbye - sentMs * 8)
  const dropped = goodbye - sentMs * 8
  for (const ranges of [call.stream.played, call.stream.cleared])
    for (const range of ranges) {
      if (range.fromByte >= answer + goodbye) range.fromByte -= dropped
      if (range.toByte >= answer + goodbye) range.toByte -= dropped
    }
  call.stream.marks = call.stream.marks
    .filter(({ atByte }) => atByte <= answer + sentMs * 8 || atByte > answer + goodbye)
    .map((mark) => (mark.atByte > answer + goodbye ? { ...mark, atByte: mark.atByte - dropped } : mark))
}

const breakings: Breaking[] = [
  [
    'the server accepts what the carrier signed',
    'a callback is refused',
    ({ carrier }) => Object.assign(carrier.deliveries[0] ?? {}, { status: 403 }),
  ],
  [
    'every request of the carrier is answered, and in time',
    'a callback fails',
    ({ carrier }) => Object.assign(carrier.deliveries[0] ?? {}, { status: 500 }),
  ],
  [
    'every request of the carrier is answered, and in time',
    'the TwiML comes too late',
    ({ carrier }) => Object.assign(carrier.documents[0] ?? {}, { tookMs: 15_000 }),
  ],
  [
    'the carrier logs no problem but those that the fixture expects',
    'a message was invalid',
    ({ carrier }) => carrier.problems.push({ atMs: at(1), code: 31951, text: '' }),
  ],
  [
    'the carrier logs no problem but those that the fixture expects',
    'an expected one stays away',
    ({ fixture }) => fixture.expect.problems.push(11205),
  ],
  [
    'the carrier logs no problem but those that the fixture expects',
    'the caller’s end is taken for the server’s',
    ({ stream }) => (stream.endedBy = 'caller'),
  ],
  ['the call ends, and the carrier knows how', 'it never ends', ({ carrier }) => (carrier.endedAtMs = null)],
  [
    'no rule of the Realtime API is broken',
    'a response was created twice',
    ({ session }) => session.violations.push('two at once'),
  ],
  [
    'every byte the caller said reached the model',
    'a frame of speech is lost',
    ({ session }) => (session.appended = without(session.appended, byteAt(3_200), 160)),
  ],
  [
    'every byte the caller said reached the model',
    'a frame of silence is lost',
    ({ session }) => (session.appended = without(session.appended, byteAt(1_000), 160)),
  ],
  [
    'every byte the caller said reached the model',
    'a frame comes twice',
    ({ session }) =>
      (session.appended = withMore(
        session.appended,
        byteAt(3_220),
        session.appended.subarray(byteAt(3_200), byteAt(3_220)),
      )),
  ],
  [
    'every byte the caller said reached the model',
    'two frames change places',
    ({ session }) => {
      const frame = session.appended.slice(byteAt(3_200), byteAt(3_220))
      session.appended = withMore(without(session.appended, byteAt(3_200), 160), byteAt(3_220), frame)
    },
  ],
  [
    'every byte the caller said reached the model',
    'silence is put into speech',
    ({ session }) => (session.appended = withMore(session.appended, byteAt(3_200), silence(20))),
  ],
  [
    'every byte the caller said reached the model',
    'silence is added to silence',
    ({ session }) => (session.appended = withMore(session.appended, byteAt(1_000), silence(20))),
  ],
  [
    'every byte the caller said reached the model',
    'more silence is added than was missing',
    ({ stream, session }) => {
      stream.sent.splice(155, 2)
      session.appended = withMore(without(session.appended, byteAt(3_200), 320), byteAt(3_200), silence(100))
    },
  ],
  [
    'every byte the caller said reached the model',
    'one byte is another',
    ({ session }) => (session.appended[byteAt(3_300)] = 99),
  ],
  [
    'every byte the caller said reached the model',
    'last words are lost as the caller hangs up',
    (call) => {
      call.stream.endedBy = 'caller'
      call.session.appended = call.session.appended.slice(0, byteAt(6_700))
      call.session.closedAtMs = at(9_500)
    },
  ],
  [
    'the caller was sent what the model said',
    'a delta is lost though nobody cut in',
    ({ stream }) => (stream.received = without(stream.received, 1_600, 1_600)),
  ],
  [
    'the caller was sent what the model said',
    'a delta comes twice',
    ({ stream }) => (stream.received = withMore(stream.received, 1_600, stream.received.subarray(0, 1_600))),
  ],
  ['the caller was sent what the model said', 'a byte is another', ({ stream }) => (stream.received[50] = 99)],
  [
    'the caller was sent what the model said',
    'something is added at the end',
    ({ stream }) => (stream.received = withMore(stream.received, stream.received.length, silence(20))),
  ],
  [
    'the caller was sent what the model said',
    'the goodbye is kept back',
    ({ stream }) => (stream.received = stream.received.slice(0, 36_800)),
  ],
  [
    'the caller was sent what the model said',
    'a tail is dropped long before the cut',
    (call) => {
      sendOnOfAnswer(call, 2_000)
      for (const delta of call.session.deltas) if (delta.itemId === 'item_B') delta.atMs = at(5_000)
      for (const each of call.session.speech) each.startedAtMs = at(7_000)
      for (const each of call.stream.cleared) each.atMs = at(7_000)
    },
  ],
  [
    'what was cut off is not continued after the clear',
    'late deltas are sent on',
    ({ stream }) => {
      const cleared = stream.cleared[0]
      if (cleared !== undefined) cleared.toByte -= 1_600
      stream.played.splice(2, 0, { atMs: at(6_300), fromByte: 35_200, toByte: 36_800 })
    },
  ],
  [
    'every byte sent to the caller was heard, or cleared',
    'a stretch is neither',
    ({ stream }) => Object.assign(stream.cleared[0] ?? {}, { fromByte: 23_000 }),
  ],
  [
    'every byte sent to the caller was heard, or cleared',
    'a stretch is both',
    ({ stream }) => Object.assign(stream.cleared[0] ?? {}, { fromByte: 22_000 }),
  ],
  [
    'the model is told what was heard',
    'it is told what was sent',
    (call) => (item(call, 'item_B').truncatedAtMs = 3_000),
  ],
  ['the model is told what was heard', 'it is told much less', (call) => (item(call, 'item_B').truncatedAtMs = 900)],
  [
    'the model is told what was heard',
    'it is told more than there is',
    (call) => {
      cutAnswerAt(call, 3_000)
      item(call, 'item_B').truncatedAtMs = 3_040
    },
  ],
  ['the model is told what was heard', 'it is told nothing', (call) => (item(call, 'item_B').truncatedAtMs = null)],
  [
    'the model is told what was heard',
    'it forgets what was heard to the end',
    (call) => (item(call, 'item_A').truncatedAtMs = 800),
  ],
  [
    'audio is followed by marks',
    'a mark never comes back',
    ({ stream }) => Object.assign(stream.marks[0] ?? {}, { returnedAtMs: null }),
  ],
  ['audio is followed by marks', 'the end of an item has no mark', ({ stream }) => stream.marks.pop()],
  [
    'the agent is cut off as often as the fixture says',
    'once too often',
    ({ fixture }) => (fixture.expect.bargeIns = 0),
  ],
  [
    'the server hangs up only when everything has been heard',
    'half a goodbye',
    ({ stream }) => Object.assign(stream.played[2] ?? {}, { toByte: 40_000 }),
  ],
  [
    'the transcript is what was said and heard',
    'it has all that was generated',
    (call) =>
      Object.assign(utterance(call, 'item_B').fact, { text: item(call, 'item_B').text, unheard: '', isCut: false }),
  ],
  [
    'the transcript is what was said and heard',
    'it has all of it as heard, though it says cut',
    (call) => Object.assign(utterance(call, 'item_B').fact, { text: item(call, 'item_B').text, unheard: '' }),
  ],
  [
    'the transcript is what was said and heard',
    'it has none of it as heard',
    (call) => Object.assign(utterance(call, 'item_B').fact, { text: '', unheard: item(call, 'item_B').text }),
  ],
  [
    'the transcript is what was said and heard',
    'it leaves out what was not heard',
    (call) => Object.assign(utterance(call, 'item_B').fact, { unheard: '' }),
  ],
  [
    'the transcript is what was said and heard',
    'a heard turn is missing',
    (call) => call.server.events.splice(call.server.events.indexOf(utterance(call, 'item_A')), 1),
  ],
  [
    'the transcript is what was said and heard',
    'the caller’s last words are missing',
    (call) => call.server.events.splice(call.server.events.indexOf(utterance(call, 'item_U2')), 1),
  ],
  [
    'the transcript is what was said and heard',
    'the caller’s words are others',
    (call) => Object.assign(utterance(call, 'item_U1').fact, { text: 'Other words.' }),
  ],
  [
    'the transcript is what was said and heard',
    'a heard turn counts as cut',
    (call) => Object.assign(utterance(call, 'item_A').fact, { isCut: true }),
  ],
  [
    'the transcript is what was said and heard',
    'the speakers are exchanged',
    (call) => Object.assign(utterance(call, 'item_A').fact, { speaker: 'caller' }),
  ],
  [
    'the transcript is what was said and heard',
    'two turns change places',
    (call) => Object.assign(utterance(call, 'item_U1').fact, { order: 9 }),
  ],
  [
    'the transcript is what was said and heard',
    'a turn is invented',
    (call) => Object.assign(utterance(call, 'item_A').fact, { itemId: 'item_Z' }),
  ],
  [
    'the conversation’s transcript holds every turn, in order',
    'the column is empty',
    ({ row }) => (row.transcript = null),
  ],
  [
    'the turns are those of the fixture',
    'one is other',
    ({ fixture }) => Object.assign(fixture.expect.turns[0] ?? {}, { text: 'Hi.' }),
  ],
  [
    'the turns are those of the fixture',
    'one too few',
    ({ fixture }) => fixture.expect.turns.push({ speaker: 'caller' }),
  ],
  ['the turns are those of the fixture', 'one too many', ({ fixture }) => fixture.expect.turns.pop()],
  [
    'every tool is called and answered once',
    'a tool is never called',
    ({ fixture }) => fixture.expect.tools.push({ name: 'end_call', outcome: 'done' }),
  ],
  ['every tool is called and answered once', 'a tool too many', ({ fixture }) => fixture.expect.tools.pop()],
  [
    'every tool is called and answered once',
    'another tool',
    ({ fixture }) => Object.assign(fixture.expect.tools[0] ?? {}, { name: 'other' }),
  ],
  [
    'every tool is called and answered once',
    'other arguments',
    ({ fixture }) => Object.assign(fixture.expect.tools[0] ?? {}, { arguments: { caller_name: 'Sam' } }),
  ],
  [
    'every tool is called and answered once',
    'another outcome',
    ({ fixture }) => Object.assign(fixture.expect.tools[0] ?? {}, { outcome: 'failed' }),
  ],
  [
    'every tool is called and answered once',
    'it answers twice',
    (call) => call.server.events.push(factOf(call, 'tool.returned:take_message')),
  ],
  [
    'every tool is called and answered once',
    'the model never hears of it',
    ({ session }) => (session.items = session.items.filter(({ role }) => role !== 'function_call_output')),
  ],
  ['a call for a clinic is its', 'there is no conversation', ({ server }) => (server.conversation = null)],
  ['a call for a clinic is its', 'an unrouted call is kept', ({ fixture }) => (fixture.expect.isRouted = false)],
  ...Object.entries({
    session_id: 'twilio_other',
    call_sid: 'CA',
    from_number: '',
    to_number: '',
    call_status: 'in-progress',
    started_at: null,
    answered_at: new Date(startMs - 9_000),
    ended_at: 'never',
    duration_ms: 60_000,
  }).map(
    ([name, value]): Breaking => [
      'the conversation’s row says of the call what the carrier knows',
      `${name} is ${value}`,
      ({ row }) => (row[name] = value),
    ],
  ),
  ['the conversation’s row is as the fixture expects', 'another channel', ({ row }) => (row.channel = 'web')],
  [
    'the conversation’s row is as the fixture expects',
    'a number out of range',
    ({ fixture }) => (fixture.expect.row.duration_ms = { max: 10 }),
  ],
  [
    'every recording that the carrier finished',
    'one was not fetched',
    ({ server }) => Object.assign(server.recordings[0] ?? {}, { stored_as: null }),
  ],
  ['every recording that the carrier finished', 'one is unknown', ({ server }) => server.recordings.pop()],
  [
    'every recording that the carrier finished',
    'a message on tape is missing',
    ({ fixture }) => (fixture.expect.voicemails = 1),
  ],
  ['exactly the expected e-mails are sent', 'none', ({ inbox }) => inbox.messages.pop()],
  ['exactly the expected e-mails are sent', 'twice', ({ inbox }) => inbox.messages.push(...inbox.messages)],
  [
    'exactly the expected e-mails are sent',
    'to somebody more',
    ({ inbox }) => inbox.messages[0]?.to.push('c@clinic.example'),
  ],
  [
    'exactly the expected e-mails are sent',
    'without what was said, in HTML',
    ({ inbox }) => Object.assign(inbox.messages[0] ?? {}, { html: '' }),
  ],
  [
    'exactly the expected e-mails are sent',
    'without what was said, in text',
    ({ inbox }) => Object.assign(inbox.messages[0] ?? {}, { text: '' }),
  ],
  [
    'exactly the expected e-mails are sent',
    'without a key',
    ({ inbox }) => Object.assign(inbox.messages[0] ?? {}, { idempotencyKey: null }),
  ],
  [
    'exactly the expected e-mails are sent',
    'under another subject',
    ({ fixture }) => Object.assign(fixture.expect.emails[0] ?? {}, { subject: 'Other' }),
  ],
  [
    'exactly the expected e-mails are sent',
    'a delivery is left over',
    ({ server }) => server.emailDeliveries.push({ state: 'parked' }),
  ],
  [
    'the mail goes out after everything that it tells',
    'before the analysis',
    ({ inbox }) => Object.assign(inbox.messages[0] ?? {}, { atMs: at(9_000) }),
  ],
  ['no other clinic has anything of the call', 'one has', ({ server }) => (server.otherOrganizationsTouched = 1)],
]

describe('the auditor', () => {
  test('finds nothing wrong with a call that is right', () => {
    expect(audit(auditedCall())).toEqual([])
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
    Object.assign(call.carrier, { streams: [], recordings: [], problems: [], said: [{ atMs: at(10), text: 'Sorry.' }] })
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

  test('what the caller sends while the server is hanging up may be lost', () => {
    const call = auditedCall()
    call.session.appended = call.session.appended.slice(0, byteAt(8_660))
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

test('an expectation holds what it names, and ranges', () => {
  expect(isLike({ a: 1, b: [1, { c: null }] }, { b: [1, { c: null }] })).toBeTrue()
  expect(isLike({ a: 1 }, { a: 1, b: 2 })).toBeFalse()
  expect(isLike([1, 2], [1])).toBeFalse()
  expect([4, 5, 6].map((value) => isLike(value, { min: 5, max: 5 }))).toEqual([false, true, false])
  expect(isLike('5', { min: 1 })).toBeFalse()
  expect(speech('a', 20)).toEqual(speech('a', 20))
})
