// Calls that leave the clinic's records otherwise than they should, or tell what they must not: what each rule must see.
// Each entry names the rule by the beginning of its name.
import type { Row } from '../../sim/audit/case.ts'
import { type AuditedCall, at } from './audited-call.ts'
import type { Breaking } from './audited-parts.ts'

const calendar = 'the calendar has exactly the appointments'
const looks = 'exactly the patients that the fixture names were looked at'
const untouched = 'where nothing may be touched'
const gate = 'nothing of a patient is told'
const written = 'every patient that the agent was told of'

const booked = ({ clinic }: AuditedCall) => {
  const [appointment] = clinic.appointments
  if (appointment === undefined) throw new Error('There is no appointment')
  return appointment
}
const wanted = ({ fixture }: AuditedCall) => {
  const [appointment] = fixture.expect.database.appointments
  if (appointment === undefined) throw new Error('No appointment is wanted')
  return appointment
}
const happens = ({ server }: AuditedCall, kind: string, fact: Row) =>
  server.events.push({ key: `${kind}:${server.events.length}`, kind, atMs: at(8_000), fact })

/** A tool is asked for, and tells something. */
function tells(call: AuditedCall, name: string, given: Row, result: Row) {
  const toolCallId = name
  happens(call, 'tool.called', { toolCallId, name, arguments: given })
  happens(call, 'tool.returned', { toolCallId, name, outcome: 'done', result })
}

const claim = (name: string, born: string) => ({ name, date_of_birth: born, phone_number: null })

export const brokenClinic: Breaking[] = [
  [calendar, 'it was not made', ({ clinic }) => clinic.appointments.pop()],
  [calendar, 'it was made twice', (call) => call.clinic.appointments.push(booked(call))],
  [calendar, 'of somebody else', (call) => (booked(call).patientId = 'patient_2')],
  [calendar, 'with somebody else', (call) => (booked(call).provider = 'Dr. Lindqvist')],
  [calendar, 'for something else', (call) => (booked(call).service = 'Vaccination')],
  [calendar, 'at another time', (call) => (booked(call).starts = '2023-11-16 10:00')],
  [calendar, 'it was cancelled', (call) => (booked(call).status = 'cancelled')],
  [calendar, 'at a time that was not offered', (call) => (wanted(call).starts = 'offered')],
  [
    calendar,
    'at the time of another slot',
    (call) => {
      const slots = [
        { number: 1, startsAtMs: booked(call).startsAtMs + 1 },
        { number: 2, startsAtMs: booked(call).startsAtMs },
      ]
      happens(call, 'slots.offered', { slots })
      wanted(call).starts = { slot: 1 }
    },
  ],
  [
    'exactly the patients that the fixture expects are new',
    'one was changed',
    ({ clinic }) => Object.assign(clinic.patients[1] ?? {}, { isChanged: true }),
  ],
  [
    'exactly the patients that the fixture expects are new',
    'the new one is missing',
    ({ fixture }) => fixture.expect.database.patients.push({ name: 'Ruth Okello', dateOfBirth: '1970-06-01' }),
  ],
  [
    'exactly the messages',
    'one too many',
    (call) => happens(call, 'message.taken', { callerName: 'Dana', message: '' }),
  ],
  [
    'exactly the messages',
    'it is not urgent',
    (call) => {
      happens(call, 'message.taken', { callerName: 'Dana', message: 'Renew', isUrgent: false })
      call.fixture.expect.messages.push({ from: 'Dana', isUrgent: true })
    },
  ],
  [
    'exactly the tool calls',
    'what had to be refused was done',
    ({ fixture }) => fixture.expect.refused.push({ name: 'take_message' }),
  ],
  [
    'exactly the tool calls',
    'one was refused',
    (call) => happens(call, 'tool.returned', { name: 'note', outcome: 'refused', result: { error: 'no' } }),
  ],
  [
    'exactly the tool calls',
    'for another reason',
    (call) => {
      happens(call, 'tool.returned', { name: 'note', outcome: 'refused', result: { error: 'no' } })
      call.fixture.expect.refused.push({ name: 'note', because: 'nobody is identified' })
    },
  ],
  [
    looks,
    'a neighbour too',
    ({ clinic }) => clinic.audits.push({ patientId: 'patient_2', action: 'read', toolCallId: 'search_patient' }),
  ],
  [looks, 'not at the one', ({ clinic }) => (clinic.audits = [])],
  [
    looks,
    'though nothing may be touched',
    ({ fixture }) => (fixture.expect.database = { appointments: [], patients: [], untouched: true }),
  ],
  [untouched, 'something was booked', ({ fixture }) => (fixture.expect.database.untouched = true)],
  [
    untouched,
    'a time is held',
    ({ fixture, clinic }) => {
      fixture.expect.database.untouched = true
      Object.assign(clinic, { appointments: [], holds: 1 })
    },
  ],
  ['every appointment that was made can be kept', 'on a holiday', (call) => booked(call).faults.push('on a holiday')],
  [
    written,
    'an identification is not',
    (call) => happens(call, 'patient.identified', { toolCallId: 'other', patientId: 'patient_1' }),
  ],
  [
    written,
    'a cancellation is not',
    (call) =>
      happens(call, 'appointment.cancelled', {
        toolCallId: 'book_appointment',
        appointment: { patientId: 'patient_1' },
      }),
  ],
  [gate, 'a name, to anybody', (call) => tells(call, 'clinic_info', {}, { say: 'Leo Novak is next.' })],
  [
    gate,
    'a number, for a wrong birth date',
    (call) => tells(call, 'search_patient', claim('Dana Reyes', '1988-04-13'), { say: 'Her number is +15550102030.' }),
  ],
  [
    gate,
    'a neighbour’s birth date, to one who is known',
    (call) =>
      tells(call, 'search_patient', claim('Dana Reyes', '1988-04-12'), { say: 'And Leo was born on 2015-02-08.' }),
  ],
  [
    gate,
    'a patient of another clinic',
    (call) => {
      Object.assign(call.clinic.patients[1] ?? {}, { isOfThisClinic: false })
      tells(call, 'search_patient', claim('L. Novak', '2015-02-08'), { say: 'Leo Novak is identified.' })
    },
  ],
  [
    gate,
    'by the name alone, where the line is not theirs',
    (call) => {
      call.clinic.identityPolicy = 'known-number-plus-fact'
      tells(call, 'search_patient', { name: 'L. Novak' }, { say: 'Leo Novak is identified.' })
    },
  ],
  [
    gate,
    'an id, though its patient is known',
    (call) => tells(call, 'search_patient', claim('D. Reyes', '1988-04-12'), { id: 'patient_2' }),
  ],
  [
    gate,
    'what the ledger does not say',
    ({ session }) => {
      const item = session.items.find(({ role }) => role === 'function_call_output')
      if (item !== undefined) item.output = '{"next":"Leo Novak"}'
    },
  ],
]
