// Who the caller is, to the clinic: search_patient asks the identity gate, create_patient adds somebody new. Before the gate
// opens neither says more than found, not found, or what else to ask; after it, the tools act for that patient.
import { z } from 'zod'
import { limits } from '../config.ts'
import type { ConversationFact, FactOf } from '../conversations/events.ts'
import { e164Of } from '../lib/phone.ts'
import { readUpcoming } from './appointment-store.ts'
import { assertMayTry, type Claim, judge, type Verdict } from './identity.ts'
import { isSameName } from './matching.ts'
import { type Told, tellUpcoming, told } from './numbering.ts'
import { findPatients, insertPatient, nameOf, type Patient } from './patient-store.ts'
import { dayOf } from './slots.ts'
import { day, defineTool, orNull, type ToolAnswer, type ToolContext, ToolRefusal, text } from './tools.ts'

const answer = z.strictObject({
  status: z.enum(['identified', 'created', 'not_found', 'need_more']),
  say: z.string(),
  /** Only of a patient who was shown to be the caller. */
  name: z.string().optional(),
  upcoming_appointments: z.array(told).optional(),
})
type Answer = ToolAnswer<z.infer<typeof answer>>

const phoneNumber = orNull('A number that the clinic knows them by, or null', text(40))

export const searchPatient = defineTool({
  name: 'search_patient',
  description:
    "Finds the caller's own record. Ask for the full name and the date of birth first, one after the other; if a name is " +
    'not found, have it spelled. Every other tool about appointments acts for the patient found here.',
  parameters: z.strictObject({
    name: orNull('First and last name, as the caller said them, or null', text(120)),
    date_of_birth: orNull('Date of birth, YYYY-MM-DD, or null', day()),
    phone_number: phoneNumber,
  }),
  result: answer,
  deadlineMs: limits.clinicToolMs,
  async run(context, input) {
    assertMayTry(await context.state())
    const claim = claimOf(context, input.name, input.date_of_birth, input.phone_number)
    return answerTo(context, claim, 'Check the spelling of the name and the date of birth; a new patient can be added.')
  },
})

export const createPatient = defineTool({
  name: 'create_patient',
  description:
    'Adds a patient who has never been here. Ask for first name, last name and date of birth, and read the spelling of the ' +
    'name back before.',
  parameters: z.strictObject({
    given_name: text(120).describe('First name'),
    family_name: text(120).describe('Last name'),
    date_of_birth: day().describe('Date of birth, YYYY-MM-DD'),
    phone_number: orNull('The number to reach them at, or null for the one they call from', text(40)),
  }),
  result: answer,
  deadlineMs: limits.clinicToolMs,
  async run(context, input): Promise<Answer> {
    assertMayTry(await context.state())
    const { given_name: givenName, family_name: familyName, date_of_birth: dateOfBirth } = input
    assertBornAlready(context, dateOfBirth)
    const number = reachableNumber(context, input.phone_number)
    const patient = { givenName, familyName, dateOfBirth, phoneNumbers: number === null ? [] : [number] }
    const isSame = (other: Patient): boolean => isSameName(nameOf(other), patient) || isSameName(nameOf(patient), other)
    const known = await findPatients(context, { dateOfBirth }, isSame)
    // Somebody who is here already is nobody new, and goes through the gate like everybody.
    if (known.length > 0) {
      const claim = claimOf(context, nameOf(patient), dateOfBirth, input.phone_number)
      return answerTo(context, claim, 'Nobody can be added on the telephone this time; offer to take a message.')
    }
    const { id } = await insertPatient(context, patient)
    const name = nameOf(patient)
    const fact: ConversationFact = { kind: 'patient.created', toolCallId: context.toolCallId, patientId: id, name }
    const say = `${name} is a new patient now. Appointments can be booked.`
    return { result: { status: 'created', say, name }, facts: [fact] }
  },
})

const claimOf = (
  context: ToolContext,
  name: string | null,
  dateOfBirth: string | null,
  said: string | null,
): Claim => ({
  name,
  dateOfBirth,
  phoneNumber: said === null ? null : (e164Of(said, context.callerNumber) ?? said),
})

async function answerTo(context: ToolContext, claim: Claim, otherwise: string): Promise<Answer> {
  const verdict = await judge(context, claim)
  switch (verdict.is) {
    case 'shown':
      return answerShown(context, verdict.patient)
    case 'unclear':
      return { result: { status: 'need_more', say: `Ask for the ${asking[verdict.needs]}.` } }
    case 'not-shown': {
      const fact: ConversationFact = { kind: 'identity.failed', toolCallId: context.toolCallId }
      return { result: { status: 'not_found', say: `That fits no patient. ${otherwise}` }, facts: [fact] }
    }
  }
}

const asking: Record<Extract<Verdict, { is: 'unclear' }>['needs'], string> = {
  name: 'full name',
  date_of_birth: 'date of birth',
  'name or date_of_birth': 'full name or the date of birth',
  phone_number: 'telephone number that the clinic has on file',
}

async function answerShown(context: ToolContext, patient: Patient): Promise<Answer> {
  const { toolCallId, organization } = context
  const name = nameOf(patient)
  const identified: FactOf<'patient.identified'> = {
    kind: 'patient.identified',
    toolCallId,
    patientId: patient.id,
    name,
    method: organization.settings.identityPolicy,
  }
  const { appointments, facts } = tellUpcoming(context, await context.state(), await readUpcoming(context, patient.id))
  const say = `${name} is identified. ${sayUpcoming(appointments)}`
  return {
    result: { status: 'identified', say, name, upcoming_appointments: appointments },
    facts: [identified, ...facts],
  }
}

const sayUpcoming = (appointments: Told[]): string => {
  if (appointments.length === 0) return 'There are no upcoming appointments.'
  const list = appointments.map(({ service, provider, when }) => `${service} with ${provider}, ${when}`)
  return `Upcoming: ${list.join('; ')}.`
}

function assertBornAlready({ nowMs, organization }: ToolContext, dateOfBirth: string): void {
  const today = dayOf(nowMs, organization.timeZone).toString()
  if (dateOfBirth > today || dateOfBirth < '1900-01-01') {
    throw new ToolRefusal('nobody alive has that date of birth; ask for it again')
  }
}

function reachableNumber({ callerNumber }: ToolContext, said: string | null): string | null {
  if (said === null) return callerNumber
  const number = e164Of(said, callerNumber)
  if (number === null)
    throw new ToolRefusal('that is no complete telephone number; ask for it again, with its area code')
  return number
}
