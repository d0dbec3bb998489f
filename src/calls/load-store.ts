// How much a clinic's telephone is carrying: calls that go on now, calls of one number, money spent. Read from the rows that
// the ledger keeps, so that nothing is counted beside it, and nothing leaks when a callback never comes.
import { and, count, eq, gte, isNull, ne, sql } from 'drizzle-orm'
import type { Tx } from '../db/database.ts'
import { conversations, organizations } from '../db/schema.ts'
import { isoTime } from '../lib/clock.ts'

/** From here to the end of the transaction no other call of the organization is admitted: two cannot take the last place. */
export async function takeTurn(tx: Tx, organizationId: string): Promise<void> {
  await tx
    .select({ id: organizations.id })
    .from(organizations)
    .where(eq(organizations.id, organizationId))
    .for('no key update')
}

/** Calls with an agent at work. One that began before `sinceMs` is over, whatever was or was not heard of its end. */
export async function countLiveCalls(tx: Tx, organizationId: string, sinceMs: number): Promise<number> {
  const [row] = await tx
    .select({ calls: count() })
    .from(conversations)
    .where(
      and(
        eq(conversations.organizationId, organizationId),
        eq(conversations.isLive, true),
        gte(conversations.startedAt, new Date(sinceMs)),
      ),
    )
  return row?.calls ?? 0
}

/** Calls from one number that an agent was given to, but for one conversation. */
export async function countCallsFrom(
  tx: Tx,
  organizationId: string,
  { number, sinceMs, except }: { number: string; sinceMs: number; except: string },
): Promise<number> {
  const [row] = await tx
    .select({ calls: count() })
    .from(conversations)
    .where(
      and(
        eq(conversations.organizationId, organizationId),
        eq(conversations.direction, 'inbound'),
        eq(conversations.fromNumber, number),
        gte(conversations.startedAt, new Date(sinceMs)),
        ne(conversations.id, except),
        isNull(sql`${conversations.facts} ->> 'refusal'`),
      ),
    )
  return row?.calls ?? 0
}

/** What one call has cost so far, in billionths of a dollar. */
export async function readCallCost(tx: Tx, organizationId: string, conversationId: string): Promise<number> {
  const [row] = await tx
    .select({ nanoUsd: conversations.costNanoUsd })
    .from(conversations)
    .where(and(eq(conversations.organizationId, organizationId), eq(conversations.id, conversationId)))
  return row?.nanoUsd ?? 0
}

/** Of the calls that began this day and this month, by the clinic's own calendar. In billionths of a dollar. */
export type Spending = { dayNanoUsd: number; monthNanoUsd: number }

export async function readSpending(
  tx: Tx,
  { id, timeZone }: { id: string; timeZone: string },
  nowMs: number,
): Promise<Spending> {
  const since = (unit: 'day' | 'month') => sql`date_trunc(${unit}, ${isoTime(nowMs)}::timestamptz, ${timeZone})`
  const cost = conversations.costNanoUsd
  const [row] = await tx
    .select({
      dayNanoUsd: sql<number>`coalesce(sum(${cost}) filter (where ${conversations.startedAt} >= ${since('day')}), 0)::float8`,
      monthNanoUsd: sql<number>`coalesce(sum(${cost}), 0)::float8`,
    })
    .from(conversations)
    .where(and(eq(conversations.organizationId, id), gte(conversations.startedAt, since('month'))))
  return row ?? { dayNanoUsd: 0, monthNanoUsd: 0 }
}
