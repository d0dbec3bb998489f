// Takes and frees a provider's time. That no two take the same is a constraint of the database (`calendar.taken`); this file
// asks politely first, by waiting for whoever holds the provider, and then believes the database's answer.
import { and, asc, eq, gt, inArray, lte } from 'drizzle-orm'
import { limits } from '../config.ts'
import type { Slot } from '../conversations/events.ts'
import { isConflict } from '../db/query-failed.ts'
import { appointments, providers, services, slotHolds } from '../db/schema.ts'
import { audit } from './audit-store.ts'
import type { Unnumbered } from './numbering.ts'
import { lockProviders } from './schedule-store.ts'
import type { FreeSlot } from './slots.ts'
import type { ToolContext } from './tools.ts'

type Where = Pick<ToolContext, 'tx' | 'organizationId'>

/** The patient's appointments that stand and have not begun, in order of time. */
export async function readUpcoming(context: ToolContext, patientId: string): Promise<Unnumbered[]> {
  const { tx, organizationId, nowMs } = context
  const rows = await tx
    .select({ appointment: appointments, provider: providers.name, service: services.name })
    .from(appointments)
    .innerJoin(
      providers,
      and(eq(providers.organizationId, appointments.organizationId), eq(providers.id, appointments.providerId)),
    )
    .innerJoin(
      services,
      and(eq(services.organizationId, appointments.organizationId), eq(services.id, appointments.serviceId)),
    )
    .where(
      and(
        eq(appointments.organizationId, organizationId),
        eq(appointments.patientId, patientId),
        eq(appointments.state, 'booked'),
        gt(appointments.startsAt, new Date(nowMs)),
      ),
    )
    .orderBy(asc(appointments.startsAt))
  await audit(context, 'read', patientId)
  return rows.map(({ appointment, provider, service }) => ({
    appointmentId: appointment.id,
    patientId,
    provider,
    service,
    startsAtMs: appointment.startsAt.getTime(),
  }))
}

/**
 * Keeps these slots for the conversation, and only these: what it held before is free again. The providers must be locked,
 * and the slots free.
 */
export async function holdSlots(context: ToolContext, slots: readonly FreeSlot[]): Promise<void> {
  const { tx, ids, organizationId, conversationId, nowMs } = context
  await releaseHolds(context)
  if (slots.length === 0) return
  const providerIds = [...new Set(slots.map(({ providerId }) => providerId))]
  await releaseExpired(context, providerIds, nowMs)
  await tx.insert(slotHolds).values(
    slots.map(({ providerId, startsAtMs, busyUntilMs }) => ({
      organizationId,
      id: ids.uuid(),
      conversationId,
      providerId,
      startsAt: new Date(startsAtMs),
      busyUntil: new Date(busyUntilMs),
      heldUntil: new Date(nowMs + limits.slotHoldMs),
    })),
  )
}

/** Everything that this conversation holds is free again. */
async function releaseHolds({ tx, organizationId, conversationId }: ToolContext): Promise<void> {
  await tx
    .delete(slotHolds)
    .where(and(eq(slotHolds.organizationId, organizationId), eq(slotHolds.conversationId, conversationId)))
}

async function releaseExpired({ tx, organizationId }: Where, providerIds: string[], nowMs: number): Promise<void> {
  await tx
    .delete(slotHolds)
    .where(
      and(
        eq(slotHolds.organizationId, organizationId),
        inArray(slotHolds.providerId, providerIds),
        lte(slotHolds.heldUntil, new Date(nowMs)),
      ),
    )
}

/** Takes the slot for the patient; null when somebody else has it, and then nothing has changed. */
export async function bookSlot(
  context: ToolContext,
  wanted: { patientId: string; slot: Slot; reason: string | null },
): Promise<Unnumbered | null> {
  const { organizationId, conversationId } = context
  const { patientId, slot, reason } = wanted
  const id = context.ids.uuid()
  const isTaken = await takeTime(context, slot, (tx) =>
    tx.insert(appointments).values({ organizationId, id, patientId, ...timesOf(slot), reason, conversationId }),
  )
  if (!isTaken) return null
  await audit(context, 'booked', patientId)
  return { appointmentId: id, patientId, ...spokenParts(slot) }
}

/** Moves an appointment of this patient that stands; `taken` and `gone` leave everything as it was. */
export async function moveAppointment(
  context: ToolContext,
  wanted: { patientId: string; appointmentId: string; slot: Slot },
): Promise<Unnumbered | 'taken' | 'gone'> {
  const { patientId, appointmentId, slot } = wanted
  const isThis = isStanding(context, patientId, appointmentId)
  const [there] = await context.tx.select({ id: appointments.id }).from(appointments).where(isThis).for('no key update')
  if (there === undefined) return 'gone'
  const isTaken = await takeTime(context, slot, (tx) => tx.update(appointments).set(timesOf(slot)).where(isThis))
  if (!isTaken) return 'taken'
  await audit(context, 'rescheduled', patientId)
  return { appointmentId, patientId, ...spokenParts(slot) }
}

/** False when there is no such appointment of this patient that stands. */
export async function giveUpAppointment(
  context: ToolContext,
  { patientId, appointmentId }: { patientId: string; appointmentId: string },
): Promise<boolean> {
  const cancelled = await context.tx
    .update(appointments)
    .set({ state: 'cancelled' })
    .where(isStanding(context, patientId, appointmentId))
    .returning({ id: appointments.id })
  if (cancelled.length > 0) await audit(context, 'cancelled', patientId)
  return cancelled.length > 0
}

const isStanding = ({ organizationId, nowMs }: ToolContext, patientId: string, appointmentId: string) =>
  and(
    eq(appointments.organizationId, organizationId),
    eq(appointments.id, appointmentId),
    eq(appointments.patientId, patientId),
    eq(appointments.state, 'booked'),
    gt(appointments.startsAt, new Date(nowMs)),
  )

/**
 * Does what takes the slot's time, with what this conversation holds out of the way. False, with nothing changed and the
 * holds kept, when the time is somebody else's.
 */
async function takeTime(
  context: ToolContext,
  slot: Slot,
  take: (tx: ToolContext['tx']) => PromiseLike<unknown>,
): Promise<boolean> {
  const { tx, organizationId, nowMs } = context
  await lockProviders(tx, organizationId, [slot.providerId])
  try {
    await tx.transaction(async (part) => {
      await releaseExpired({ tx: part, organizationId }, [slot.providerId], nowMs)
      await releaseHolds({ ...context, tx: part })
      await take(part)
    })
    return true
  } catch (error) {
    if (isConflict(error)) return false
    throw error
  }
}

const timesOf = ({ serviceId, providerId, startsAtMs, endsAtMs, busyUntilMs }: Slot) => ({
  serviceId,
  providerId,
  startsAt: new Date(startsAtMs),
  endsAt: new Date(endsAtMs),
  busyUntil: new Date(busyUntilMs),
})

const spokenParts = ({ service, provider, startsAtMs }: Slot) => ({ service, provider, startsAtMs })
