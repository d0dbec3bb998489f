// PURE. The rules of the clinic's records: what the call left in its calendar and among its patients, and nothing else; that
// it can be kept; that nothing of a patient was told before they had shown who they are; and that every look is written down.
import type { ExpectedAppointment, ExpectedMessage, ExpectedPatient } from '../script.ts'
import type { Appointment, Case, ClinicView, Finding, Patient, Row, Rule, ServerView } from './case.ts'

export const appointmentsAsExpected: Rule = {
  name: 'the calendar has exactly the appointments that the fixture expects',
  check({ server, fixture }) {
    if (server?.clinic == null) return []
    const { clinic } = server
    const { met, extra } = paired(fixture.expect.database.appointments, clinic.appointments, (wanted, kept) =>
      isAppointment(wanted, kept, server, clinic),
    )
    return [
      ...met.flatMap(({ wanted, isMet }) =>
        isMet ? [] : [{ explanation: `There is no such appointment: ${JSON.stringify(wanted)}` }],
      ),
      ...extra.map((kept) => ({ explanation: `Nobody expects an appointment ${describe(kept, clinic)}` })),
    ]
  },
}

export const patientsAsExpected: Rule = {
  name: 'exactly the patients that the fixture expects are new',
  check({ server, fixture }) {
    if (server?.clinic == null) return []
    const { met, extra } = paired(fixture.expect.database.patients, changedPatients(server.clinic), isPatient)
    return [
      ...met.flatMap(({ wanted, isMet }) =>
        isMet ? [] : [{ explanation: `There is no such new patient: ${JSON.stringify(wanted)}` }],
      ),
      ...extra.map(({ name }) => ({ explanation: `Nobody expects ${name} to be new, or changed` })),
    ]
  },
}

export const messagesAsExpected: Rule = {
  name: 'exactly the messages that the fixture expects were taken',
  check({ server, fixture }) {
    if (server === null) return []
    const { met, extra } = paired(fixture.expect.messages, messagesOf(server), isMessage)
    return [
      ...met.flatMap(({ wanted, isMet }) =>
        isMet ? [] : [{ explanation: `No such message was taken: ${JSON.stringify(wanted)}` }],
      ),
      ...extra.map((evidence) => ({ explanation: 'Nobody expects this message', evidence })),
    ]
  },
}

export const refusedAsExpected: Rule = {
  name: 'exactly the tool calls that the fixture says were refused, for the reason that it says',
  check({ server, fixture }) {
    if (server === null) return []
    const { met, extra } = paired(
      fixture.expect.refused,
      factsOf(server, 'tool.returned').filter(({ outcome }) => outcome === 'refused'),
      ({ name, because = '' }, fact) => fact.name === name && JSON.stringify(fact.result).includes(because),
    )
    return [
      ...met.flatMap(({ wanted, isMet }) =>
        isMet ? [] : [{ explanation: `Tool ${wanted.name} was not refused as it should`, evidence: { wanted } }],
      ),
      ...extra.map(({ name, result }) => ({
        explanation: `Tool ${String(name)} was refused, which the fixture does not expect`,
        evidence: { result },
      })),
    ]
  },
}

export const auditedAsExpected: Rule = {
  name: 'exactly the patients that the fixture names were looked at',
  check({ server, fixture }) {
    const { audited, untouched } = fixture.expect.database
    if (server?.clinic == null || (audited === undefined && !untouched)) return []
    const { met, extra } = paired(audited ?? [], lookedAt(server.clinic), isCalled)
    return [
      ...met.flatMap(({ wanted, isMet }) => (isMet ? [] : [{ explanation: `The audit log has no look at ${wanted}` }])),
      ...extra.map(({ name }) => ({ explanation: `${name} was looked at, which the fixture does not expect` })),
    ]
  },
}

export const untouchedAsExpected: Rule = {
  name: 'where nothing may be touched, nothing is changed and no time is held',
  check({ server, fixture }) {
    if (server?.clinic == null || !fixture.expect.database.untouched) return []
    const { appointments, holds } = server.clinic
    const changes = appointments.length + changedPatients(server.clinic).length
    return changes + holds === 0
      ? []
      : [{ explanation: `${changes} rows are not as they were, and ${holds} times are held` }]
  },
}

export const appointmentsCanBeKept: Rule = {
  name: 'every appointment that was made can be kept: in opening hours, with somebody who offers it, at nobody else’s time',
  check: ({ server }) =>
    (server?.clinic?.appointments ?? []).flatMap(({ starts, provider, faults }) =>
      faults.map((fault) => ({ explanation: `The appointment with ${provider} at ${starts} is ${fault}` })),
    ),
}

export const everyLookIsWritten: Rule = {
  name: 'every patient that the agent was told of, and every change, is in the audit log',
  check({ server }) {
    if (server?.clinic == null) return []
    const { clinic } = server
    const isWritten = (patientId: unknown, toolCallId: unknown, actions: readonly string[]): boolean =>
      clinic.audits.some(
        (audit) => audit.patientId === patientId && audit.toolCallId === toolCallId && actions.includes(audit.action),
      )
    return server.events.flatMap(({ kind, fact }) => {
      const actions = auditedBy[kind]
      if (actions === undefined) return []
      const patientId = typeof fact.patientId === 'string' ? fact.patientId : (fact.appointment as Row).patientId
      return isWritten(patientId, fact.toolCallId, actions)
        ? []
        : [{ explanation: `The audit log says nothing of ${kind} by ${String(fact.toolCallId)}` }]
    })
  },
}

/** What must be in the audit log for each kind of fact. */
const auditedBy: Record<string, readonly string[]> = {
  'patient.identified': ['read'],
  'patient.created': ['created'],
  'appointment.booked': ['booked'],
  'appointment.rescheduled': ['rescheduled'],
  'appointment.cancelled': ['cancelled'],
}

export const gateHolds: Rule = {
  name: 'nothing of a patient is told to the agent before the caller has shown who they are',
  check(given) {
    const { server } = given
    if (server?.clinic == null) return []
    const { clinic } = server
    const findings: Finding[] = []
    const shown = new Set<Patient>()
    let said = ''
    for (const { kind, fact } of server.events) {
      // What callers say of themselves, nobody tells them.
      if (kind === 'utterance' && fact.speaker === 'caller') said += String(fact.text)
      if (kind === 'tool.called') {
        said += JSON.stringify(fact.arguments)
        for (const patient of clinic.patients) if (hasShown(given, clinic, patient, fact)) shown.add(patient)
      }
      if (kind === 'tool.returned')
        for (const what of leaksIn(JSON.stringify(fact.result ?? ''), clinic, shown, said))
          findings.push({ explanation: `Tool ${String(fact.name)} told ${what}`, evidence: { result: fact.result } })
    }
    // What the models were really given, whatever the ledger says.
    for (const text of toldTo(given))
      for (const what of leaksIn(text, clinic, shown, said))
        findings.push({ explanation: `The model was told ${what}`, evidence: { text } })
    return findings
  },
}

const toldTo = ({ model }: Case): string[] => [
  ...model.sessions.flatMap(({ items }) => items.map(({ output = '' }) => output)),
  ...model.thoughts.map(({ input }) => input),
]

/** What a call of search_patient or create_patient shows, by the clinic's policy; reckoned from the records themselves. */
function hasShown(
  { carrier }: Case,
  clinic: ClinicView,
  patient: Patient,
  { name: tool, arguments: given }: Row,
): boolean {
  if (!patient.isOfThisClinic || (tool !== 'search_patient' && tool !== 'create_patient')) return false
  const claim = typeof given === 'object' && given !== null ? (given as Row) : {}
  const named = plain(`${claim.name ?? ''} ${claim.given_name ?? ''} ${claim.family_name ?? ''}`)
  const isNamed = named.includes(plain(patient.familyName))
  const isBorn = claim.date_of_birth === patient.dateOfBirth
  if (patient.isChanged || clinic.identityPolicy === 'name-and-birth-date') return isNamed && isBorn
  const fits = (claim.date_of_birth == null || isBorn) && (named === '' || isNamed)
  return patient.phoneNumbers.includes(carrier.from) && (isBorn || isNamed) && fits
}

/** Names, numbers and birth dates of patients in a text, of those who have not shown themselves, and that nobody said. */
function leaksIn(text: string, { patients }: ClinicView, shown: ReadonlySet<Patient>, said: string): string[] {
  const isFree = (fact: string) =>
    said.includes(fact) || [...shown].some((patient) => factsAbout(patient).includes(fact))
  const leaks = patients
    .filter((patient) => !shown.has(patient))
    .flatMap((patient) => [...factsAbout(patient), patient.patientId])
    .filter((fact) => text.includes(fact) && !isFree(fact))
  return [...new Set(leaks)].map((fact) => `${fact}, of a patient who is not the caller`)
}

const factsAbout = ({ name, dateOfBirth, phoneNumbers }: Patient): string[] => [name, dateOfBirth, ...phoneNumbers]

const plain = (text: string): string =>
  text
    .normalize('NFD')
    .replace(/[^\p{L}\p{N} ]/gu, '')
    .toLowerCase()
    .trim()

/** Each wanted one with whether there is one for it, each kept one being taken once; and what is left over. */
export function paired<W, K>(
  wanted: readonly W[],
  kept: readonly K[],
  fits: (wanted: W, kept: K) => boolean,
): { met: { wanted: W; isMet: boolean }[]; extra: K[] } {
  const extra = [...kept]
  const met = wanted.map((each) => {
    const place = extra.findIndex((one) => fits(each, one))
    if (place >= 0) extra.splice(place, 1)
    return { wanted: each, isMet: place >= 0 }
  })
  return { met, extra }
}

export const changedPatients = ({ patients }: ClinicView): Patient[] =>
  patients.filter(({ isChanged, isOfThisClinic }) => isChanged && isOfThisClinic)

/** Everybody that the call had read, once each. */
export const lookedAt = ({ audits, patients }: ClinicView): Patient[] =>
  patients.filter(({ patientId }) => audits.some((audit) => audit.patientId === patientId))

export const messagesOf = (server: ServerView): Row[] => factsOf(server, 'message.taken')

const factsOf = (server: ServerView, wanted: string): Row[] =>
  server.events.filter(({ kind }) => kind === wanted).map(({ fact }) => fact)

/** `Maria Garcia`, or `Maria Garcia, 1992-01-27` where there are two. */
export const isCalled = (wanted: string, { name, dateOfBirth }: Patient): boolean =>
  wanted === name || wanted === `${name}, ${dateOfBirth}`

export function isAppointment(
  wanted: ExpectedAppointment,
  kept: Appointment,
  server: ServerView,
  { patients }: ClinicView,
): boolean {
  const patient = patients.find(({ patientId }) => patientId === kept.patientId)
  return (
    patient !== undefined &&
    isCalled(wanted.patient, patient) &&
    (wanted.provider ?? kept.provider) === kept.provider &&
    (wanted.service ?? kept.service) === kept.service &&
    wanted.status === kept.status &&
    isAtTime(wanted.starts, kept, server)
  )
}

function isAtTime(
  starts: ExpectedAppointment['starts'],
  { starts: kept, startsAtMs }: Appointment,
  server: ServerView,
) {
  if (starts === undefined || starts === kept) return true
  const offered = factsOf(server, 'slots.offered').flatMap(({ slots }) => slots as Row[])
  const isThen = (slot: Row): boolean => slot.startsAtMs === startsAtMs
  if (starts === 'offered') return offered.some(isThen)
  return typeof starts === 'object' && offered.some((slot) => slot.number === starts.slot && isThen(slot))
}

export const isPatient = (wanted: ExpectedPatient, { name, dateOfBirth, phoneNumbers }: Patient): boolean =>
  wanted.name === name &&
  wanted.dateOfBirth === dateOfBirth &&
  (wanted.phoneNumbers === undefined || wanted.phoneNumbers.join() === phoneNumbers.join())

export const isMessage = (wanted: ExpectedMessage, fact: Row): boolean =>
  wanted.from === fact.callerName &&
  (wanted.forWhom ?? fact.forWhom) === fact.forWhom &&
  (wanted.isUrgent ?? fact.isUrgent) === fact.isUrgent &&
  String(fact.message).includes(wanted.contains ?? '')

const describe = ({ patientId, service, provider, starts, status }: Appointment, { patients }: ClinicView): string => {
  const patient = patients.find((each) => each.patientId === patientId)
  return `of ${patient?.name}: ${service} with ${provider} at ${starts}, ${status}`
}
