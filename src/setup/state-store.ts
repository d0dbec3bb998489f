// A clinic as it is set up, read whole: for showing it, and for finding out what a command would change. Without secrets,
// which are not even opened, and without anything of a patient.
import { and, asc, desc, eq, isNull, sql } from 'drizzle-orm'
import type { Scope } from '../agents/instructions.ts'
import type { WeeklyHours } from '../clinic/spoken.ts'
import type { Tx } from '../db/database.ts'
import {
  agentInstructions,
  apiCredentials,
  apiTokens,
  closures,
  members,
  openingHours,
  organizations,
  phoneNumbers,
  providerHours,
  providerServices,
  providers,
  services,
} from '../db/schema.ts'
import { type OrganizationSettings, organizationSettings } from '../organizations/settings.ts'

export type ClinicState = {
  name: string
  timeZone: string
  language: string
  settings: OrganizationSettings
  members: { name: string; email: string; role: 'admin' | 'staff'; isActive: boolean }[]
  numbers: { phoneNumber: string; friendlyName: string | null; isActive: boolean }[]
  hours: WeeklyHours[]
  closures: { firstDay: string; lastDay: string; name: string }[]
  /** Those that can be booked. */
  services: { name: string; minutes: number; bufferMinutes: number }[]
  providers: { name: string; about: string | null; services: string[]; hours: WeeklyHours[] }[]
  /** What callers' agents are told, the version in force of each scope that the clinic wrote. */
  instructions: { scope: Scope; version: number; text: string }[]
  /** Its own Twilio account; null: the deployment's. */
  account: { accountSid: string; sealedWith: string } | null
  /** Those that are good. */
  tokens: { tokenId: string; name: string; scopes: string[] }[]
}

/** Whoever else would change this clinic's set-up waits until the transaction has ended, or gives up at its statement limit. */
export async function lockSetup(tx: Tx, organizationId: string): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`setup of ${organizationId}`}, 0))`)
}

/** Null when there is no such clinic. */
export async function readState(tx: Tx, organizationId: string): Promise<ClinicState | null> {
  const [row] = await tx.select().from(organizations).where(eq(organizations.id, organizationId))
  if (row === undefined) return null
  return {
    name: row.name,
    timeZone: row.timeZone,
    language: row.language,
    settings: organizationSettings.parse(row.settings),
    members: await tx
      .select({ name: members.name, email: members.email, role: members.role, isActive: members.isActive })
      .from(members)
      .where(eq(members.organizationId, organizationId))
      .orderBy(asc(members.email)),
    numbers: await tx
      .select({
        phoneNumber: phoneNumbers.phoneNumber,
        friendlyName: phoneNumbers.friendlyName,
        isActive: phoneNumbers.isActive,
      })
      .from(phoneNumbers)
      .where(and(eq(phoneNumbers.organizationId, organizationId), eq(phoneNumbers.channel, 'twilio')))
      .orderBy(asc(phoneNumbers.phoneNumber)),
    ...(await readCare(tx, organizationId)),
    instructions: await readTexts(tx, organizationId),
    ...(await readKeys(tx, organizationId)),
  }
}

async function readCare(tx: Tx, organizationId: string) {
  const isActive = <T extends typeof services | typeof providers>(table: T) =>
    and(eq(table.organizationId, organizationId), eq(table.isActive, true))
  const offered = await tx.select().from(providerServices).where(eq(providerServices.organizationId, organizationId))
  const hours = await tx.select().from(providerHours).where(eq(providerHours.organizationId, organizationId))
  const serviceRows = await tx.select().from(services).where(isActive(services)).orderBy(asc(services.name))
  const providerRows = await tx.select().from(providers).where(isActive(providers)).orderBy(asc(providers.name))
  const opening = await tx.select().from(openingHours).where(eq(openingHours.organizationId, organizationId))
  return {
    hours: opening.map(({ weekday, opensAt, closesAt }) => ({ weekday, from: opensAt, until: closesAt })),
    closures: await tx
      .select({ firstDay: closures.firstDay, lastDay: closures.lastDay, name: closures.name })
      .from(closures)
      .where(eq(closures.organizationId, organizationId))
      .orderBy(asc(closures.firstDay), asc(closures.name)),
    services: serviceRows.map(({ name, durationMinutes, bufferMinutes }) => {
      return { name, minutes: durationMinutes, bufferMinutes }
    }),
    providers: providerRows.map(({ id, name, about }) => ({
      name,
      about,
      services: serviceRows
        .filter((service) => offered.some((each) => each.providerId === id && each.serviceId === service.id))
        .map((service) => service.name),
      hours: hours
        .filter((each) => each.providerId === id)
        .map(({ weekday, startsAt, endsAt }) => ({ weekday, from: startsAt, until: endsAt })),
    })),
  }
}

const readTexts = (tx: Tx, organizationId: string): Promise<ClinicState['instructions']> =>
  tx
    .selectDistinctOn([agentInstructions.scope], {
      scope: agentInstructions.scope,
      version: agentInstructions.version,
      text: agentInstructions.instructions,
    })
    .from(agentInstructions)
    .where(and(eq(agentInstructions.organizationId, organizationId), eq(agentInstructions.channel, 'voice')))
    .orderBy(agentInstructions.scope, desc(agentInstructions.version))

async function readKeys(tx: Tx, organizationId: string): Promise<Pick<ClinicState, 'account' | 'tokens'>> {
  const [account] = await tx
    .select({ accountSid: apiCredentials.accountId, sealedWith: apiCredentials.keyId })
    .from(apiCredentials)
    .where(and(eq(apiCredentials.organizationId, organizationId), eq(apiCredentials.serviceName, 'twilio')))
  const tokens = await tx
    .select({ tokenId: apiTokens.id, name: apiTokens.name, scopes: apiTokens.scopes })
    .from(apiTokens)
    .where(and(eq(apiTokens.organizationId, organizationId), isNull(apiTokens.revokedAt)))
    .orderBy(asc(apiTokens.createdAt))
  const { accountSid = null, sealedWith = '' } = account ?? {}
  return { account: accountSid === null ? null : { accountSid, sealedWith }, tokens }
}
