// Reads and writes organizations, their members and numbers, each within the organization's own transaction.
import { and, eq } from 'drizzle-orm'
import type { Tx } from '../db/database.ts'
import { members, organizations, phoneNumbers } from '../db/schema.ts'
import type { Ids } from '../lib/ids.ts'
import { type OrganizationSettings, organizationSettings } from './settings.ts'

export type Organization = {
  id: string
  name: string
  timeZone: string
  language: string
  settings: OrganizationSettings
}

/** Throws when the organization of the transaction is not this one, or does not exist. */
export async function readOrganization(tx: Tx, organizationId: string): Promise<Organization> {
  const [row] = await tx.select().from(organizations).where(eq(organizations.id, organizationId))
  if (row === undefined) throw new Error(`Cannot read organization ${organizationId}: it does not exist`)
  return {
    id: row.id,
    name: row.name,
    timeZone: row.timeZone,
    language: row.language,
    settings: organizationSettings.parse(row.settings),
  }
}

/** Changes some settings, and leaves the others. They hold from the next call on. Throws when a value is not a setting's. */
export async function changeSettings(tx: Tx, organizationId: string, changes: Record<string, unknown>): Promise<void> {
  const { settings } = await readOrganization(tx, organizationId)
  const changed = organizationSettings.parse({ ...settings, ...changes })
  await tx.update(organizations).set({ settings: changed }).where(eq(organizations.id, organizationId))
}

export async function organizationExists(tx: Tx, organizationId: string): Promise<boolean> {
  const rows = await tx.select({ id: organizations.id }).from(organizations).where(eq(organizations.id, organizationId))
  return rows.length > 0
}

/** Where the clinic's mail goes: its active admins, in the order of their addresses. */
export async function readAdminAddresses(tx: Tx, organizationId: string): Promise<string[]> {
  const rows = await tx
    .select({ email: members.email })
    .from(members)
    .where(and(eq(members.organizationId, organizationId), eq(members.role, 'admin'), eq(members.isActive, true)))
    .orderBy(members.email)
  return rows.map(({ email }) => email)
}

export type NewOrganization = {
  id: string
  name: string
  timeZone: string
  language: string
  settings: unknown
  admins: { name: string; email: string }[]
  numbers: { phoneNumber: string; friendlyName: string }[]
}

/** Creates what is missing of an organization; what exists stays as it is. Answers whether the organization is new. */
export async function ensureOrganization(tx: Tx, ids: Ids, wanted: NewOrganization): Promise<boolean> {
  const { id: organizationId, name, timeZone, language } = wanted
  const settings = organizationSettings.parse(wanted.settings)
  const created = await tx
    .insert(organizations)
    .values({ id: organizationId, name, timeZone, language, settings })
    .onConflictDoNothing()
    .returning({ id: organizations.id })
  for (const admin of wanted.admins) {
    await tx
      .insert(members)
      .values({ organizationId, id: ids.uuid(), role: 'admin', ...admin })
      .onConflictDoNothing()
  }
  for (const number of wanted.numbers) {
    await tx
      .insert(phoneNumbers)
      .values({ organizationId, id: ids.uuid(), channel: 'twilio', ...number })
      .onConflictDoNothing()
  }
  return created.length > 0
}
