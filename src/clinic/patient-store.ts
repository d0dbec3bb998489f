// Reads and adds patients. The only way from a tool to a patient, and every use of it is in the audit log. Of those that
// are looked through, only the ones that were meant leave this file.
import { and, arrayContains, eq } from 'drizzle-orm'
import { patients } from '../db/schema.ts'
import { audit } from './audit-store.ts'
import type { ToolContext } from './tools.ts'

export type Patient = Pick<
  typeof patients.$inferSelect,
  'id' | 'givenName' | 'familyName' | 'dateOfBirth' | 'phoneNumbers'
>

export const nameOf = ({ givenName, familyName }: Pick<Patient, 'givenName' | 'familyName'>): string =>
  `${givenName} ${familyName}`

/** What a patient is looked up by: one of the two facts that the clinic has an exact record of. */
export type LookUp = { dateOfBirth: string } | { phoneNumber: string }

/** The patients of this clinic with that date of birth or number, of whom `isMeant` is true. */
export async function findPatients(
  context: ToolContext,
  by: LookUp,
  isMeant: (patient: Patient) => boolean,
): Promise<Patient[]> {
  const { tx, organizationId } = context
  const { id, givenName, familyName, dateOfBirth, phoneNumbers } = patients
  const rows = await tx
    .select({ id, givenName, familyName, dateOfBirth, phoneNumbers })
    .from(patients)
    .where(
      and(
        eq(patients.organizationId, organizationId),
        'dateOfBirth' in by ? eq(dateOfBirth, by.dateOfBirth) : arrayContains(phoneNumbers, [by.phoneNumber]),
      ),
    )
    .orderBy(id)
  const meant = rows.filter(isMeant)
  if (meant.length === 0) await audit(context, 'not-found', null)
  for (const patient of meant) await audit(context, 'read', patient.id)
  return meant
}

export async function insertPatient(context: ToolContext, patient: Omit<Patient, 'id'>): Promise<Patient> {
  const id = context.ids.uuid()
  await context.tx.insert(patients).values({ organizationId: context.organizationId, id, ...patient })
  await audit(context, 'created', id)
  return { id, ...patient }
}
