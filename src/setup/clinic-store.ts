// Makes a clinic as somebody wishes it: writes the parts that the plan says must change, and no others, within the clinic's
// own transaction.
import { and, eq, notInArray } from 'drizzle-orm'
import { defaultGreeting, defaultInstructions, type Scope, saveInstructions } from '../agents/instructions.ts'
import type { Tx } from '../db/database.ts'
import {
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
import type { Ids } from '../lib/ids.ts'
import type { Change } from './change.ts'
import type { Texts } from './clinic-file.ts'
import type { ClinicWish } from './clinic-shape.ts'
import { Mistake } from './mistake.ts'
import { planOf, settingsAfter } from './plan.ts'
import { type ClinicState, readState } from './state-store.ts'

export type Writing = { tx: Tx; ids: Ids; organizationId: string }

/** Answers with what it changed, and with the clinic as it is then. A new one is given the instructions that suit any. */
export async function makeClinic(
  writing: Writing,
  wish: ClinicWish,
  given: Texts,
): Promise<{ changes: Change[]; state: ClinicState }> {
  const before = await readState(writing.tx, writing.organizationId)
  const texts = before === null ? { base: defaultInstructions, greeting: defaultGreeting, ...given } : given
  const changes = planOf(before, wish, texts)
  const has = (...parts: Change['part'][]) => changes.some(({ part }) => parts.includes(part))
  if (has('clinic', 'setting')) await writeOwn(writing, before, wish)
  for (const admin of wish.admins) if (has('admin')) await writeAdmin(writing, admin)
  for (const number of wish.numbers) if (has('number')) await writeNumber(writing, number)
  if (has('hours')) await writeHours(writing, wish.hours ?? [])
  if (has('closure')) await writeClosures(writing, wish.closures ?? [])
  if (has('service')) await writeServices(writing, wish.services ?? [])
  if (has('provider')) await writeProviders(writing, wish.providers ?? [])
  if (has('instructions')) await writeTexts(writing, before, texts)
  const state = await readState(writing.tx, writing.organizationId)
  if (state === null) throw new Error('Cannot happen: a clinic that was just made is not there')
  return { changes, state }
}

async function writeOwn({ tx, organizationId }: Writing, before: ClinicState | null, wish: ClinicWish): Promise<void> {
  const own = {
    name: wish.name,
    timeZone: wish.timeZone,
    language: wish.language ?? before?.language ?? 'en',
    settings: settingsAfter(before, wish),
  }
  await tx
    .insert(organizations)
    .values({ id: organizationId, ...own })
    .onConflictDoUpdate({ target: organizations.id, set: own })
}

export async function writeAdmin(
  { tx, ids, organizationId }: Writing,
  { name, email }: { name: string; email: string },
): Promise<void> {
  const is = { name, role: 'admin' as const, isActive: true }
  await tx
    .insert(members)
    .values({ organizationId, id: ids.uuid(), email, ...is })
    .onConflictDoUpdate({ target: [members.organizationId, members.email], set: is })
}

/** Throws a conflict when the number is active for another clinic. */
export async function writeNumber(
  { tx, ids, organizationId }: Writing,
  { phoneNumber, friendlyName }: { phoneNumber: string; friendlyName: string | null },
): Promise<void> {
  const named = friendlyName === null ? {} : { friendlyName }
  await tx
    .insert(phoneNumbers)
    .values({ organizationId, id: ids.uuid(), channel: 'twilio', phoneNumber, ...named })
    .onConflictDoUpdate({
      target: [phoneNumbers.organizationId, phoneNumbers.channel, phoneNumbers.phoneNumber],
      set: { isActive: true, ...named },
    })
}

async function writeHours({ tx, organizationId }: Writing, week: NonNullable<ClinicWish['hours']>): Promise<void> {
  await tx.delete(openingHours).where(eq(openingHours.organizationId, organizationId))
  if (week.length === 0) return
  await tx
    .insert(openingHours)
    .values(week.map(({ weekday, from, until }) => ({ organizationId, weekday, opensAt: from, closesAt: until })))
}

async function writeClosures({ tx, organizationId }: Writing, days: ClinicState['closures']): Promise<void> {
  await tx.delete(closures).where(eq(closures.organizationId, organizationId))
  if (days.length > 0) await tx.insert(closures).values(days.map((day) => ({ organizationId, ...day })))
}

/** What is not wished for any more can be booked no more; what is booked stays. */
async function writeServices({ tx, ids, organizationId }: Writing, wished: ClinicState['services']): Promise<void> {
  const others = notInArray(services.name, namesOf(wished))
  await tx
    .update(services)
    .set({ isActive: false })
    .where(and(eq(services.organizationId, organizationId), others))
  for (const { name, minutes, bufferMinutes } of wished) {
    const is = { durationMinutes: minutes, bufferMinutes, isActive: true }
    await tx
      .insert(services)
      .values({ organizationId, id: ids.uuid(), name, ...is })
      .onConflictDoUpdate({ target: [services.organizationId, services.name], set: is })
  }
}

async function writeProviders({ tx, ids, organizationId }: Writing, wished: ClinicState['providers']): Promise<void> {
  const others = notInArray(providers.name, namesOf(wished))
  await tx
    .update(providers)
    .set({ isActive: false })
    .where(and(eq(providers.organizationId, organizationId), others))
  const known = await tx.select().from(services).where(eq(services.organizationId, organizationId))
  for (const { name, about, services: offered, hours } of wished) {
    const is = { about, isActive: true }
    const [row] = await tx
      .insert(providers)
      .values({ organizationId, id: ids.uuid(), name, ...is })
      .onConflictDoUpdate({ target: [providers.organizationId, providers.name], set: is })
      .returning({ id: providers.id })
    const own = { organizationId, providerId: row?.id ?? '' }
    const isOwn = <T extends typeof providerServices | typeof providerHours>(table: T) =>
      and(eq(table.organizationId, organizationId), eq(table.providerId, own.providerId))
    await tx.delete(providerServices).where(isOwn(providerServices))
    await tx.delete(providerHours).where(isOwn(providerHours))
    const serviceIds = known.filter((service) => offered.includes(service.name)).map(({ id }) => id)
    if (serviceIds.length > 0)
      await tx.insert(providerServices).values(serviceIds.map((serviceId) => ({ ...own, serviceId })))
    if (hours.length > 0)
      await tx
        .insert(providerHours)
        .values(hours.map(({ weekday, from, until }) => ({ ...own, weekday, startsAt: from, endsAt: until })))
  }
}

const namesOf = (all: { name: string }[]): string[] => all.map(({ name }) => name)

export async function writeTexts(
  { tx, organizationId }: Writing,
  before: ClinicState | null,
  texts: Texts,
): Promise<void> {
  for (const [scope, text] of Object.entries(texts) as [Scope, string][]) {
    if (before?.instructions.some((known) => known.scope === scope && known.text === text)) continue
    const saved = await saveInstructions(tx, organizationId, 'voice', scope, text)
    if (!saved.ok) throw new Mistake(`These instructions cannot be used. ${saved.message}`)
  }
}
