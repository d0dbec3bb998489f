// What a call with a real model is graded for: what came of it, each by itself, whatever was said.
import { describe, expect, test } from 'bun:test'
import { grade, isMet, scoreText, ungradable, violationsIn } from '../../sim/grading.ts'
import { type AuditedCall, auditedCall } from '../support/audited-call.ts'

/** The call as the auditor sees it when the model is somebody else's. */
function withRealModel(): AuditedCall {
  const call = auditedCall()
  call.model = { sessions: [], writings: [], thoughts: [], notes: [] }
  const slots = [{ number: 3, startsAtMs: call.clinic.appointments[0]?.startsAtMs }]
  call.server.events.unshift({ key: 'slots', kind: 'slots.offered', atMs: call.carrier.ringingAtMs, fact: { slots } })
  return call
}
const unmet = (call: AuditedCall) =>
  grade(call)
    .filter((each) => !isMet(each))
    .map(({ expectation }) => expectation)

describe('a call with a real model', () => {
  test('that came to what it should meets every expectation, at another of the times that were offered too', () => {
    const call = withRealModel()
    expect(unmet(call)).toEqual([])
    expect(scoreText(grade(call))).toMatch(/^(\d+) of \1 graded expectations are met$/)
  })

  test('may be said in other words, use other tools and last longer than the fixture’s', () => {
    const call = withRealModel()
    Object.assign(call.fixture.expect, { turns: [], tools: [{ name: 'note', outcome: 'done' }], bargeIns: 9 })
    call.fixture.expect.row.duration_ms = { max: 1 }
    call.fixture.expect.emails[0]?.contains?.push('words that no model finds')
    expect(unmet(call)).toEqual([])
  })

  test.each<[string, (call: AuditedCall) => unknown, RegExp[]]>([
    ['books nothing', ({ clinic }) => clinic.appointments.pop(), [/^appointment /]],
    [
      'books at a time that it never offered',
      ({ server }) => server.events.shift(),
      [/^appointment /, /^no other appointment$/],
    ],
    [
      'looks at a neighbour',
      ({ clinic }) => clinic.audits.push({ patientId: 'patient_2', action: 'read', toolCallId: 'x' }),
      [/^no other look/],
    ],
    ['takes no message', ({ fixture }) => fixture.expect.messages.push({ from: 'Dana' }), [/^message /]],
    ['sends no mail', ({ inbox }) => inbox.messages.pop(), [/^e-mail /]],
    ['ends otherwise', ({ fixture }) => (fixture.expect.row.call_status = 'busy'), [/^column call_status/]],
    ['touches another clinic', ({ server }) => (server.otherOrganizationsTouched = 1), [/^no other clinic has/]],
  ])('that %s has a lower score', (_what, act, expected) => {
    const call = withRealModel()
    act(call)
    expect(unmet(call)).toEqual(expected.map((pattern) => expect.stringMatching(pattern)))
    expect(violationsIn(grade(call)).length).toBeGreaterThanOrEqual(expected.length)
  })

  test('is no call where the model must fail, or the day must be another', () => {
    const { fixture } = auditedCall()
    expect(ungradable(fixture)).toBeNull()
    expect(ungradable({ ...fixture, atMs: 0 })).toMatch('virtual clock')
    expect(ungradable({ ...fixture, model: { ...fixture.model, connection: { stall: true } } })).toMatch(
      'cannot be had',
    )
    expect(ungradable({ ...fixture, call: { ...fixture.call, direction: 'outbound' } })).toMatch('caller')
  })
})
