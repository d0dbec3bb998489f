// PURE. Grades a call with a real model, which says and asks for what it likes: of what a fixture expects, that which must
// come of the call whatever the words (its records, its messages, its mail), each by itself, and of the rules those that
// hold of any call. Words, the order of tools and times of the virtual clock are left out.
import type { Evidence, Finding, Rule, ServerView, Violation } from './audit/case.ts'
import {
  appointmentsCanBeKept,
  changedPatients,
  everyLookIsWritten,
  gateHolds,
  isAppointment,
  isCalled,
  isMessage,
  isPatient,
  lookedAt,
  messagesOf,
  paired,
} from './audit/clinic.ts'
import { mailAfterEverything, recordingsKept, rowIsTrue, wallsHold } from './audit/keeping.ts'
import { isLike } from './audit/likeness.ts'
import { transcriptColumn } from './audit/words.ts'
import { audit, carrierRules } from './auditor.ts'
import type { Fixture } from './script.ts'

export type Grade = { expectation: string; findings: Finding[] }

const laws: readonly Rule[] = [
  ...carrierRules,
  transcriptColumn,
  appointmentsCanBeKept,
  everyLookIsWritten,
  gateHolds,
  rowIsTrue,
  recordingsKept,
  mailAfterEverything,
  wallsHold,
]

/** Why a fixture has no meaning with a real model; null if it has one. */
export function ungradable({ atMs, model, call }: Fixture): string | null {
  if (atMs !== null) return 'it speaks of days of the virtual clock'
  if (!('take' in model.connection)) return 'its model cannot be had'
  if (call.direction === 'outbound') return 'it is not the caller who calls'
  return null
}

export function grade(evidence: Evidence): Grade[] {
  const violations = audit(evidence, laws)
  const held = laws.map(({ name }) => ({
    expectation: name,
    findings: violations.filter(({ rule }) => rule === name),
  }))
  return [...gradesOfRecords(evidence), ...gradesOfMail(evidence), ...held]
}

export const violationsIn = (grades: readonly Grade[]): Violation[] =>
  grades.flatMap(({ expectation, findings }) => findings.map((finding) => ({ ...finding, rule: expectation })))

export const isMet = ({ findings }: Grade): boolean => findings.length === 0

export const scoreText = (grades: readonly Grade[]): string =>
  `${grades.filter(isMet).length} of ${grades.length} graded expectations are met`

function gradesOfRecords({ fixture, server }: Evidence): Grade[] {
  if (server?.clinic == null || fixture.isAltered) return []
  const { clinic } = server
  const { appointments, patients, audited, untouched } = fixture.expect.database
  // Which of the offered times is chosen is between the caller and the model.
  const anyTime = appointments.map((wanted) => ({
    ...wanted,
    ...(wanted.starts === undefined ? {} : { starts: 'offered' }),
  }))
  return [
    ...gradesOfRow(fixture, server),
    ...pairs('appointment', anyTime, clinic.appointments, (wanted, kept) =>
      isAppointment(wanted, kept, server, clinic),
    ),
    ...pairs('new patient', patients, changedPatients(clinic), isPatient),
    ...pairs(
      'message',
      fixture.expect.messages.map(({ contains: _, ...wanted }) => wanted),
      messagesOf(server),
      isMessage,
    ),
    ...(audited === undefined && !untouched
      ? []
      : pairs('look at a patient', audited ?? [], lookedAt(clinic), isCalled)),
  ]
}

const gradesOfRow = ({ expect }: Fixture, { conversation }: ServerView): Grade[] =>
  Object.entries(expect.row)
    .filter(([name]) => name !== 'duration_ms')
    .map(([name, wanted]) => {
      const kept = conversation?.[name]
      const findings = isLike(kept, wanted) ? [] : [{ explanation: `It is ${JSON.stringify(kept)}` }]
      return { expectation: `column ${name} is ${JSON.stringify(wanted)}`, findings }
    })

const gradesOfMail = ({ fixture, inbox }: Evidence): Grade[] =>
  pairs(
    'e-mail',
    fixture.expect.emails.map(({ to }) => to),
    inbox.messages,
    (wanted, { to }) => [...wanted].sort().join() === [...to].sort().join(),
  )

/** A grade for each wanted one, and one for there being no others. */
function pairs<W, K>(what: string, wanted: readonly W[], kept: readonly K[], fits: (wanted: W, kept: K) => boolean) {
  const { met, extra } = paired(wanted, kept, fits)
  return [
    ...met.map((each) => ({
      expectation: `${what} ${JSON.stringify(each.wanted)}`,
      findings: each.isMet ? [] : [{ explanation: 'There is none' }],
    })),
    {
      expectation: `no other ${what}`,
      findings: extra.length === 0 ? [] : [{ explanation: `There are ${extra.length} more` }],
    },
  ]
}
