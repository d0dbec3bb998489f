// THE IDENTITY GATE. Decides whether the caller has shown enough for anything of a patient to be told or changed, by the
// clinic's own policy. It answers yes, no, or what else to ask for; it gives away nothing of anybody, and its tries are
// numbered. Every tool that touches a patient comes through here, so that no words can talk a way around it.
import { limits } from '../config.ts'
import type { ConversationState, IdentifiedPatient } from '../conversations/state.ts'
import { unreachable } from '../lib/outcome.ts'
import { isSameName } from './matching.ts'
import { findPatients, type Patient } from './patient-store.ts'
import { type ToolContext, ToolRefusal } from './tools.ts'

/** What the caller says of themselves. */
export type Claim = { name: string | null; dateOfBirth: string | null; phoneNumber: string | null }

export type Verdict =
  | { is: 'shown'; patient: Patient }
  | { is: 'not-shown' }
  | { is: 'unclear'; needs: 'name' | 'date_of_birth' | 'name or date_of_birth' | 'phone_number' }

/** Looks at no patient before the claim is complete. */
export function judge(context: ToolContext, claim: Claim): Promise<Verdict> | Verdict {
  const { identityPolicy } = context.organization.settings
  switch (identityPolicy) {
    case 'name-and-birth-date':
      return byNameAndBirthDate(context, claim)
    case 'known-number-plus-fact':
      return byKnownNumber(context, claim)
    default:
      return unreachable(identityPolicy)
  }
}

async function byNameAndBirthDate(context: ToolContext, claim: Claim): Promise<Verdict> {
  const { name, dateOfBirth, phoneNumber } = claim
  if (name === null) return { is: 'unclear', needs: 'name' }
  if (dateOfBirth === null) return { is: 'unclear', needs: 'date_of_birth' }
  const found = await findPatients(context, { dateOfBirth }, (patient) => isSameName(name, patient))
  if (found.length < 2) return verdictOn(found)
  // Two people of one name and birthday: a number that only one of them gave tells which.
  if (phoneNumber !== null) return verdictOn(found.filter(({ phoneNumbers }) => phoneNumbers.includes(phoneNumber)))
  const calling = found.filter(({ phoneNumbers }) => phoneNumbers.some((number) => number === context.callerNumber))
  return calling.length === 1 ? verdictOn(calling) : { is: 'unclear', needs: 'phone_number' }
}

async function byKnownNumber(context: ToolContext, { name, dateOfBirth }: Claim): Promise<Verdict> {
  const { callerNumber } = context
  if (callerNumber === null) return { is: 'not-shown' }
  if (name === null && dateOfBirth === null) return { is: 'unclear', needs: 'name or date_of_birth' }
  const isMeant = (patient: Patient): boolean =>
    (name === null || isSameName(name, patient)) && (dateOfBirth === null || dateOfBirth === patient.dateOfBirth)
  const found = await findPatients(context, { phoneNumber: callerNumber }, isMeant)
  // A family with one number: the other fact tells which.
  if (found.length > 1 && name === null) return { is: 'unclear', needs: 'name' }
  if (found.length > 1 && dateOfBirth === null) return { is: 'unclear', needs: 'date_of_birth' }
  return verdictOn(found)
}

function verdictOn(found: Patient[]): Verdict {
  const [patient] = found
  return patient !== undefined && found.length === 1 ? { is: 'shown', patient } : { is: 'not-shown' }
}

const onlyMessages =
  'the caller could not be identified, and no more tries are allowed; say that you cannot look this up on the telephone, ' +
  'and offer to take a message with take_message'

/** Refuses when this conversation has used up its tries, or has seen as many patients as one may. */
export function assertMayTry({ failedIdentifications, patientIds }: ConversationState): void {
  if (failedIdentifications >= limits.identityAttempts) throw new ToolRefusal(onlyMessages)
  if (patientIds.size >= limits.patientsPerConversation) {
    throw new ToolRefusal('no more patients can be looked up in one call; offer to take a message with take_message')
  }
}

/** The patient that the tools act for. Refuses while nobody has shown who they are. */
export function identified({ patient, failedIdentifications }: ConversationState): IdentifiedPatient {
  if (patient !== null) return patient
  if (failedIdentifications >= limits.identityAttempts) throw new ToolRefusal(onlyMessages)
  throw new ToolRefusal(
    'nobody is identified yet; ask what search_patient needs and use it first, or create_patient for somebody who is new',
  )
}
