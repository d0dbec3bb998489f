// Reads and writes email_deliveries: ready → claimed → sent | parked. A claim is a lease; who holds it is told by the count
// of attempts, so a worker whose lease ran out can change nothing any more. The payload is written once and never again.
import { and, eq, isNull, lte, or, sql } from 'drizzle-orm'
import type { Tx } from '../db/database.ts'
import { emailDeliveries } from '../db/schema.ts'

export type Delivery = typeof emailDeliveries.$inferSelect
/** What its holder may do something with: the delivery as it was when it was claimed. */
export type Claim = Pick<Delivery, 'organizationId' | 'id' | 'attempts'>

/** Takes a delivery that is ready, or whose holder's lease ran out; null when there is nothing to take. */
export async function claimDelivery(
  tx: Tx,
  { organizationId, deliveryId }: { organizationId: string; deliveryId: string },
  nowMs: number,
  leaseMs: number,
): Promise<Delivery | null> {
  const isFree = or(
    eq(emailDeliveries.state, 'ready'),
    and(eq(emailDeliveries.state, 'claimed'), lte(emailDeliveries.claimedUntil, new Date(nowMs))),
  )
  const [claimed] = await tx
    .update(emailDeliveries)
    .set({
      state: 'claimed',
      claimedUntil: new Date(nowMs + leaseMs),
      attempts: sql`${emailDeliveries.attempts} + 1`,
    })
    .where(and(eq(emailDeliveries.organizationId, organizationId), eq(emailDeliveries.id, deliveryId), isFree))
    .returning()
  return claimed ?? null
}

export async function findDelivery(tx: Tx, organizationId: string, deliveryId: string): Promise<Delivery | null> {
  const [found] = await tx
    .select()
    .from(emailDeliveries)
    .where(and(eq(emailDeliveries.organizationId, organizationId), eq(emailDeliveries.id, deliveryId)))
  return found ?? null
}

const heldBy = ({ organizationId, id, attempts }: Claim) =>
  and(
    eq(emailDeliveries.organizationId, organizationId),
    eq(emailDeliveries.id, id),
    eq(emailDeliveries.state, 'claimed'),
    eq(emailDeliveries.attempts, attempts),
  )

/** Fixes what will be sent, before it is sent for the first time. False: it is fixed already, or the claim is lost. */
export async function freezePayload(tx: Tx, claim: Claim, payload: string, nowMs: number): Promise<boolean> {
  const frozen = await tx
    .update(emailDeliveries)
    .set({ payload, firstAttemptAt: new Date(nowMs) })
    .where(and(heldBy(claim), isNull(emailDeliveries.payload)))
    .returning({ id: emailDeliveries.id })
  return frozen.length > 0
}

export type Settlement =
  | { state: 'sent'; messageId: string; sentAtMs: number }
  | { state: 'parked'; note: string }
  /** To be tried again. */
  | { state: 'ready'; note: string }

/** Gives up the claim. False: it was lost to another worker, who decides now. */
export async function settleDelivery(tx: Tx, claim: Claim, settlement: Settlement): Promise<boolean> {
  const outcome =
    settlement.state === 'sent'
      ? { messageId: settlement.messageId, sentAt: new Date(settlement.sentAtMs), note: null }
      : { note: settlement.note }
  const settled = await tx
    .update(emailDeliveries)
    .set({ state: settlement.state, claimedUntil: null, ...outcome })
    .where(heldBy(claim))
    .returning({ id: emailDeliveries.id })
  return settled.length > 0
}
