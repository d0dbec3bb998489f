// Reads what a clinic offers and when: services, providers, their times, and what of those is taken. Writes nothing, and keeps
// whoever would write waiting where that is asked for.
import { and, asc, eq, gt, gte, inArray, lt, ne } from 'drizzle-orm'
import type { Tx } from '../db/database.ts'
import {
  appointments,
  closures,
  openingHours,
  providerExceptions,
  providerHours,
  providerServices,
  providers,
  services,
  slotHolds,
} from '../db/schema.ts'
import type { Calendar } from './slots.ts'
import type { ToolContext } from './tools.ts'

export type Provider = { providerId: string; name: string; about: string | null }
export type Service = {
  serviceId: string
  name: string
  durationMinutes: number
  bufferMinutes: number
  /** Who offers it, in the order of their names. */
  providers: Provider[]
}

/** What can be booked: active services that somebody active offers, in the order of their names. */
export async function readServices(tx: Tx, organizationId: string): Promise<Service[]> {
  const rows = await tx
    .select({ service: services, provider: providers })
    .from(providerServices)
    .innerJoin(
      services,
      and(eq(services.organizationId, providerServices.organizationId), eq(services.id, providerServices.serviceId)),
    )
    .innerJoin(
      providers,
      and(eq(providers.organizationId, providerServices.organizationId), eq(providers.id, providerServices.providerId)),
    )
    .where(
      and(
        eq(providerServices.organizationId, organizationId),
        eq(services.isActive, true),
        eq(providers.isActive, true),
      ),
    )
    .orderBy(asc(services.name), asc(providers.name))
  const found = new Map<string, Service>()
  for (const { service, provider } of rows) {
    const { id, name, durationMinutes, bufferMinutes } = service
    const known = found.get(id) ?? { serviceId: id, name, durationMinutes, bufferMinutes, providers: [] }
    known.providers.push({ providerId: provider.id, name: provider.name, about: provider.about })
    found.set(id, known)
  }
  return [...found.values()]
}

export type ClinicHours = Pick<Calendar, 'opening'> & {
  closures: { firstDay: string; lastDay: string; name: string }[]
}

/** The week, and the closures that last beyond `fromDay`, in order. */
export async function readHours(tx: Tx, organizationId: string, fromDay: string): Promise<ClinicHours> {
  const opening = await tx
    .select({ weekday: openingHours.weekday, from: openingHours.opensAt, until: openingHours.closesAt })
    .from(openingHours)
    .where(eq(openingHours.organizationId, organizationId))
    .orderBy(asc(openingHours.weekday), asc(openingHours.opensAt))
  const closed = await tx
    .select({ firstDay: closures.firstDay, lastDay: closures.lastDay, name: closures.name })
    .from(closures)
    .where(and(eq(closures.organizationId, organizationId), gte(closures.lastDay, fromDay)))
    .orderBy(asc(closures.firstDay))
  return { opening, closures: closed }
}

/**
 * Makes whoever would take or free these providers' time wait until this transaction is over: always in the same order, so
 * that two that want the same two never wait for each other.
 */
export async function lockProviders(tx: Tx, organizationId: string, providerIds: readonly string[]): Promise<void> {
  await tx
    .select({ id: providers.id })
    .from(providers)
    .where(and(eq(providers.organizationId, organizationId), inArray(providers.id, [...providerIds])))
    .orderBy(asc(providers.id))
    .for('no key update')
}

/** Everything that decides about slots between two instants. What this conversation holds itself counts as free. */
export async function readCalendar(
  { tx, organizationId, organization, conversationId, nowMs }: ToolContext,
  wanted: readonly Provider[],
  span: { fromMs: number; untilMs: number; fromDay: string },
): Promise<Calendar> {
  const ids = wanted.map(({ providerId }) => providerId)
  const [from, until] = [new Date(span.fromMs), new Date(span.untilMs)]
  const hours = await readHours(tx, organizationId, span.fromDay)
  const weekly = await tx
    .select()
    .from(providerHours)
    .where(and(eq(providerHours.organizationId, organizationId), inArray(providerHours.providerId, ids)))
  const exceptions = await tx
    .select()
    .from(providerExceptions)
    .where(
      and(
        eq(providerExceptions.organizationId, organizationId),
        inArray(providerExceptions.providerId, ids),
        gte(providerExceptions.onDay, span.fromDay),
      ),
    )
  const booked = await tx
    .select({ providerId: appointments.providerId, startsAt: appointments.startsAt, busyUntil: appointments.busyUntil })
    .from(appointments)
    .where(
      and(
        eq(appointments.organizationId, organizationId),
        inArray(appointments.providerId, ids),
        eq(appointments.state, 'booked'),
        lt(appointments.startsAt, until),
        gt(appointments.busyUntil, from),
      ),
    )
  const held = await tx
    .select({ providerId: slotHolds.providerId, startsAt: slotHolds.startsAt, busyUntil: slotHolds.busyUntil })
    .from(slotHolds)
    .where(
      and(
        eq(slotHolds.organizationId, organizationId),
        inArray(slotHolds.providerId, ids),
        ne(slotHolds.conversationId, conversationId),
        gt(slotHolds.heldUntil, new Date(nowMs)),
      ),
    )
  return {
    timeZone: organization.timeZone,
    ...hours,
    providers: wanted.map(({ providerId, name }) => {
      const ofProvider = (row: { providerId: string }): boolean => row.providerId === providerId
      return {
        providerId,
        provider: name,
        hours: weekly.filter(ofProvider).map(({ weekday, startsAt, endsAt }) => ({
          weekday,
          from: startsAt,
          until: endsAt,
        })),
        exceptions: exceptions.filter(ofProvider).map(({ onDay, kind, startsAt, endsAt }) => ({
          onDay,
          kind,
          from: startsAt,
          until: endsAt,
        })),
        busy: [...booked, ...held].filter(ofProvider).map(({ startsAt, busyUntil }) => ({
          fromMs: startsAt.getTime(),
          untilMs: busyUntil.getTime(),
        })),
      }
    }),
  }
}
