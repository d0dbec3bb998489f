// The calls that we were asked to place: one row a wish, from the wish to the carrier's name for the call. Each step is taken
// under the row's lock, so that no wish becomes two calls.
import { and, count, eq, gte, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Database, Tx } from '../db/database.ts'
import { appointments, outboundCalls, patients, phoneNumbers } from '../db/schema.ts'
import { isoTime } from '../lib/clock.ts'

export type OutboundCall = typeof outboundCalls.$inferSelect
export type OutboundState = OutboundCall['state']

type OutboundWish = {
  organizationId: string
  id: string
  idempotencyKey: string
  fromNumber: string
  toNumber: string
  purpose: string
  patientId: string | null
  appointmentId: string | null
  placeUntilMs: number
}

/** Throws when the organization has had a wish under this key before. */
export async function insertOutboundCall(tx: Tx, wish: OutboundWish, nowMs: number): Promise<OutboundCall> {
  const { placeUntilMs, ...columns } = wish
  const [row] = await tx
    .insert(outboundCalls)
    .values({ ...columns, placeUntil: new Date(placeUntilMs), createdAt: new Date(nowMs) })
    .returning()
  if (row === undefined) throw new Error('Cannot keep outbound call: no row was made')
  return row
}

export async function findOutboundByKey(
  tx: Tx,
  organizationId: string,
  idempotencyKey: string,
): Promise<OutboundCall | undefined> {
  const [row] = await tx
    .select()
    .from(outboundCalls)
    .where(and(eq(outboundCalls.organizationId, organizationId), eq(outboundCalls.idempotencyKey, idempotencyKey)))
  return row
}

const byId = (organizationId: string, id: string) =>
  and(eq(outboundCalls.organizationId, organizationId), eq(outboundCalls.id, id))

export async function findOutbound(tx: Tx, organizationId: string, id: string): Promise<OutboundCall | undefined> {
  const [row] = await tx.select().from(outboundCalls).where(byId(organizationId, id))
  return row
}

/** The same, for this transaction alone. */
export async function lockOutbound(tx: Tx, organizationId: string, id: string): Promise<OutboundCall | undefined> {
  const [row] = await tx.select().from(outboundCalls).where(byId(organizationId, id)).for('update')
  return row
}

export async function changeOutbound(
  tx: Tx,
  { organizationId, id }: { organizationId: string; id: string },
  change: { state: OutboundState; reason?: string | null; callSid?: string },
): Promise<void> {
  await tx.update(outboundCalls).set(change).where(byId(organizationId, id))
}

/** Wishes of this day by the clinic's own calendar: all of them, and those for one number. */
export async function countOutbound(
  tx: Tx,
  { id, timeZone }: { id: string; timeZone: string },
  toNumber: string,
  nowMs: number,
): Promise<{ calls: number; toNumber: number }> {
  const [row] = await tx
    .select({
      calls: count(),
      toNumber: sql<number>`count(*) filter (where ${outboundCalls.toNumber} = ${toNumber})::int`,
    })
    .from(outboundCalls)
    .where(
      and(
        eq(outboundCalls.organizationId, id),
        gte(outboundCalls.createdAt, sql`date_trunc('day', ${isoTime(nowMs)}::timestamptz, ${timeZone})`),
      ),
    )
  return row ?? { calls: 0, toNumber: 0 }
}

/** Wishes that the carrier was asked for and has not answered: each may be a call already. */
export async function countPlacing(tx: Tx, organizationId: string): Promise<number> {
  const [row] = await tx
    .select({ calls: count() })
    .from(outboundCalls)
    .where(and(eq(outboundCalls.organizationId, organizationId), eq(outboundCalls.state, 'placing')))
  return row?.calls ?? 0
}

/** The number that the clinic calls from: the first that it is reached at. Null when it has none. */
export async function readCallingNumber(tx: Tx, organizationId: string): Promise<string | null> {
  const [row] = await tx
    .select({ phoneNumber: phoneNumbers.phoneNumber })
    .from(phoneNumbers)
    .where(
      and(
        eq(phoneNumbers.organizationId, organizationId),
        eq(phoneNumbers.channel, 'twilio'),
        eq(phoneNumbers.isActive, true),
      ),
    )
    .orderBy(phoneNumbers.createdAt, phoneNumbers.phoneNumber)
    .limit(1)
  return row?.phoneNumber ?? null
}

export async function patientExists(tx: Tx, organizationId: string, patientId: string): Promise<boolean> {
  const rows = await tx
    .select({ id: patients.id })
    .from(patients)
    .where(and(eq(patients.organizationId, organizationId), eq(patients.id, patientId)))
  return rows.length > 0
}

export type VisitToRemind = {
  appointmentId: string
  startsAtMs: number
  patientId: string
  givenName: string
  phoneNumbers: string[]
}

/** Appointments that stand and begin within these instants, in order of time. */
export async function readVisits(
  tx: Tx,
  organizationId: string,
  { fromMs, untilMs }: { fromMs: number; untilMs: number },
): Promise<VisitToRemind[]> {
  const rows = await tx
    .select({ appointment: appointments, patient: patients })
    .from(appointments)
    .innerJoin(
      patients,
      and(eq(patients.organizationId, appointments.organizationId), eq(patients.id, appointments.patientId)),
    )
    .where(
      and(
        eq(appointments.organizationId, organizationId),
        eq(appointments.state, 'booked'),
        gte(appointments.startsAt, new Date(fromMs)),
        sql`${appointments.startsAt} < ${isoTime(untilMs)}::timestamptz`,
      ),
    )
    .orderBy(appointments.startsAt, appointments.id)
  return rows.map(({ appointment, patient }) => ({
    appointmentId: appointment.id,
    startsAtMs: appointment.startsAt.getTime(),
    patientId: patient.id,
    givenName: patient.givenName,
    phoneNumbers: patient.phoneNumbers,
  }))
}

/** When the appointment begins; null when it does not stand any more. */
export async function startOfAppointment(
  tx: Tx,
  organizationId: string,
  appointmentId: string,
): Promise<number | null> {
  const [row] = await tx
    .select({ startsAt: appointments.startsAt })
    .from(appointments)
    .where(
      and(
        eq(appointments.organizationId, organizationId),
        eq(appointments.id, appointmentId),
        eq(appointments.state, 'booked'),
      ),
    )
  return row?.startsAt.getTime() ?? null
}

/** Whose call it is, by our own name for it. Null: nobody's. */
export async function routeOutboundCall(db: Database, id: string): Promise<string | null> {
  if (!z.uuid().safeParse(id).success) return null
  const [row] = await db.ask<{ organization_id: string | null }>(
    sql`select route_outbound_call(${id}::uuid) as organization_id`,
  )
  return row?.organization_id ?? null
}
