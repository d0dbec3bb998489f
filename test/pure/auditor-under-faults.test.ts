// What the auditor allows because of what was done to a call, and how little more.
import { describe, expect, test } from 'bun:test'
import { audit } from '../../sim/auditor.ts'
import type { Strike } from '../../sim/chaos/strikes.ts'
import { type AuditedCall, at, auditedCall, speech } from '../support/audited-call.ts'
import { item, silence, utterance } from '../support/audited-parts.ts'

/** What the rule with such a name finds. */
const found = (call: AuditedCall, rule: string): string[] =>
  audit(call)
    .filter(({ rule: name }) => name.startsWith(rule))
    .map(({ explanation }) => explanation)

const strikes = (call: AuditedCall, ...struck: { atMs: number; strike: Strike }[]): void => {
  call.chaos = { struck, missed: [], forgeries: [] }
}

describe('a model that is cut off while its last words sound', () => {
  const goesOn = 'a caller whose line to the agent breaks'
  /** The goodbye sounds from 7.6 to 8.6 s; nobody has asked for the end. */
  const cutAt = (ms: number): AuditedCall => {
    const call = auditedCall()
    strikes(call, { atMs: at(ms), strike: { fault: 'model-cut', atMs: ms } })
    call.session.items = call.session.items.filter(({ name }) => name !== 'end_call')
    return call
  }

  test('owes the caller nothing more when they were whole', () => {
    expect(found(cutAt(8_000), goesOn)).toEqual([])
    expect(found(cutAt(8_600), goesOn)).toHaveLength(1)
  })

  test('owes them the rest when it was still making them', () => {
    const call = cutAt(8_000)
    item(call, 'item_C').isTorn = true
    Object.assign(call.session.responses.at(-1) ?? {}, { status: 'lost', doneAtMs: null })
    expect(found(call, goesOn)).toHaveLength(1)
  })
})

test('a process that dies without a call breaks no line', () => {
  const struckAt = (ms: number): string[] => {
    const call = auditedCall()
    strikes(call, { atMs: at(ms), strike: { fault: 'crash', atMs: ms } })
    call.session.items = call.session.items.filter(({ name }) => name !== 'end_call')
    return found(call, 'a caller whose line to the agent breaks')
  }
  expect(struckAt(8_650)).toHaveLength(1)
  expect(struckAt(8_750)).toEqual([])
})

test.each([
  { answeredBy: 'machine_end_silence', afterMs: 1_000, isRight: true },
  { answeredBy: 'machine_end_silence', afterMs: 1_001, isRight: false },
  { answeredBy: 'machine_end_silence', afterMs: -1, isRight: false },
  { answeredBy: 'human', afterMs: 100, isRight: false },
])('an agent may be stopped in mid-sentence for a machine that has answered, and for nobody else: %o', (given) => {
  const call = auditedCall()
  Object.assign(call.stream.played[2] ?? {}, { toByte: 40_000 })
  call.carrier.detection = { atMs: at(8_700 - given.afterMs), answeredBy: given.answeredBy, tookMs: 4_000 }
  expect(found(call, 'the server hangs up only when').length === 0).toBe(given.isRight)
})

test('each session that takes over in the same silence may hear the last second of it again', () => {
  const withSilence = (ms: number): string[] => {
    const call = auditedCall()
    const { appended } = call.session
    const taken = { ...call.session, items: [], deltas: [], speech: [], responses: [] }
    call.session.appended = appended.slice(0, 8_000)
    call.model.sessions.push({ ...taken, sessionId: 'sess_2', appended: silence(ms) })
    call.model.sessions.push({
      ...taken,
      sessionId: 'sess_3',
      appended: Buffer.concat([silence(ms), appended.slice(8_000)]),
    })
    return found(call, 'every byte the caller said')
  }
  expect(withSilence(1_200)).toEqual([])
  expect(withSilence(1_210)).toHaveLength(1)
})

test('words that a session heard and never told are asked of nobody, where no other was to be had', () => {
  const call = auditedCall()
  call.server.events.splice(call.server.events.indexOf(utterance(call, 'item_U2')), 1)
  call.fixture.expect.turns.splice(3, 1)
  expect(audit(call)).toHaveLength(1)
  item(call, 'item_U2').isUntold = true
  expect(audit(call)).toEqual([])
  call.model.sessions.push({
    ...call.session,
    sessionId: 'sess_2',
    items: [],
    deltas: [],
    speech: [],
    appended: new Uint8Array(),
  })
  expect(found(call, 'the transcript is what was said')).toHaveLength(1)
})

test('whoever is refused may pause for twice as long as they were, and the usual time', () => {
  const pauseOf = (refusedForMs: number, callerSays: Uint8Array = silence(20)): string[] => {
    const call = auditedCall()
    call.session.closedAtMs = at(2_000)
    for (const frame of call.stream.sent) frame.bytes = frame.atMs === at(4_000) ? callerSays : silence(20)
    for (const response of call.session.responses) response.status = 'lost'
    // Heard to 2.1 s, and then nothing until 7.1 s.
    for (const run of call.stream.played.slice(1)) run.atMs += 2_100
    const strike: Strike = { fault: 'model-refuses', handshake: 2 }
    strikes(call, { atMs: at(2_000 + refusedForMs), strike })
    return found(call, 'a caller whose model is lost in the middle')
  }
  expect(pauseOf(500)).toEqual([])
  expect(pauseOf(499)).toHaveLength(1)
  expect(pauseOf(-500)).toHaveLength(1)
  // They do not wait for somebody else to speak.
  expect(pauseOf(499, speech('and one thing more', 20))).toEqual([])
})

describe('a line that is cut', () => {
  const cutMs = 8_700
  /** Another stream and session go on; the first session closes `afterMs` into the call, and hears no frame that is sent after `heardToMs`. */
  const cutAfter = (
    afterMs: number,
    strike: Strike = { fault: 'ws-cut', atMs: cutMs },
    heardToMs = afterMs,
  ): string[] => {
    const call = auditedCall()
    const { stream, session } = call
    strikes(call, { atMs: at('atMs' in strike ? strike.atMs : cutMs), strike })
    session.closedAtMs = at(afterMs)
    const heard = stream.sent.filter(({ atMs }) => atMs <= at(heardToMs))
    session.appended = Buffer.concat(heard.map(({ bytes }) => bytes))
    session.appends = heard.map(({ atMs }) => ({ atMs, fromByte: 0, toByte: 0 }))
    const sent = [{ atMs: at(9_000), bytes: speech('again', 20) }]
    const empty = { received: new Uint8Array(), receivedAt: [], played: [], cleared: [], marks: [] }
    call.carrier.streams.push({ ...stream, ...empty, sent, startedAtMs: at(cutMs), endedAtMs: at(9_500) })
    const taken = {
      ...session,
      items: [],
      deltas: [],
      speech: [],
      responses: [],
      appended: sent[0]?.bytes ?? silence(0),
    }
    call.model.sessions.push({ ...taken, sessionId: 'sess_2', openedAtMs: at(cutMs), closedAtMs: at(9_500) })
    return found(call, 'every byte the caller said')
  }

  test('while no session listens takes with it what was kept for the next one', () => {
    expect(cutAfter(6_500)).toEqual([])
  })

  test('or ends, as it was to, before another session was there for the one that broke: the same', () => {
    expect(cutAfter(6_500, { fault: 'model-cut', atMs: 6_500 })).toEqual([])
    expect(cutAfter(6_500, { fault: 'model-expires', atMs: 6_500 })).toEqual([])
    expect(cutAfter(6_500, { fault: 'model-cut', atMs: 6_000 })).toHaveLength(1)
  })

  test('and the last frame before it: sent in the instant in which the session closed, it was heard or it was not', () => {
    const frameMs = 6_500
    expect(auditedCall().stream.sent.some(({ atMs }) => atMs === at(frameMs))).toBe(true)
    expect(cutAfter(frameMs, undefined, frameMs)).toEqual([])
    expect(cutAfter(frameMs, undefined, frameMs - 1)).toEqual([])
    expect(cutAfter(frameMs, undefined, frameMs - 21)).toHaveLength(1)
  })

  test('and goes on where every socket to the model is refused has no session to hear it', () => {
    const unheard = (...faults: Strike[]): string[] => {
      const call = auditedCall()
      const { stream, session } = call
      strikes(
        call,
        ...[{ fault: 'ws-cut' as const, atMs: 7_000 }, ...faults].map((strike) => ({ atMs: at(7_000), strike })),
      )
      stream.endedAtMs = at(7_000)
      const sent = stream.sent.filter(({ atMs }) => atMs > at(7_000))
      stream.sent = stream.sent.filter(({ atMs }) => atMs <= at(7_000))
      session.appended = Buffer.concat(stream.sent.map(({ bytes }) => bytes))
      for (const frame of sent) frame.bytes = speech(`${frame.atMs}`, 20)
      call.carrier.streams.push({ ...stream, sent, openedAtMs: at(7_000), endedAtMs: at(8_700) })
      return found(call, 'every byte the caller said')
    }
    expect(unheard({ fault: 'model-refuses', handshake: 2 })).toEqual([])
    expect(unheard()).toHaveLength(1)
  })

  test('while one listens takes nothing with it; and neither does a cut of another kind', () => {
    expect(cutAfter(cutMs)).toEqual([])
    expect(cutAfter(6_500, { fault: 'mail-timeout', attempt: 1 })).toHaveLength(1)
  })
})
