// How much a clinic's telephone is carrying: calls that go on now, calls of one number, money spent. Read from the rows that
// the ledger keeps, so that nothing is counted beside it, and nothing leaks when a callback never comes.
import { and, count, eq, gte, isNull, ne, sql } from 'drizzle-orm'
import type { Database, Tx } from '../db/database.ts'
import { conversations, organizations } from '../db/schema.ts'
import { isoTime } from '../lib/clock.ts'
import { type OrganizationSettings, organizationSettings } from '../organizations/settings.ts'

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

/** Of the calls that began this day and this month, by the clinic's own calendar. In billionths of a dollar. */
export type Spending = { dayNanoUsd: number; monthNanoUsd: number }

type SpendingRow = { day_nano_usd: number; month_nano_usd: number }
const spendingIn = (row: SpendingRow): Spending => ({ dayNanoUsd: row.day_nano_usd, monthNanoUsd: row.month_nano_usd })

export async function readSpending(tx: Tx, organizationId: string, nowMs: number): Promise<Spending> {
  const [row] = await tx.execute<SpendingRow>(
    sql`select * from spending(${organizationId}::uuid, ${isoTime(nowMs)}::timestamptz)`,
  )
  return row === undefined ? { dayNanoUsd: 0, monthNanoUsd: 0 } : spendingIn(row)
}

/** The same beside what one call has cost so far, and the clinic's settings, in one question. Null: there is no such clinic. */
export async function readCallSpending(
  db: Database,
  { organizationId, conversationId }: { organizationId: string; conversationId: string },
  nowMs: number,
): Promise<(Spending & { callNanoUsd: number; settings: OrganizationSettings }) | null> {
  const [row] = await db.ask<SpendingRow & { call_nano_usd: number; settings: unknown }>(
    sql`select * from call_spending(${organizationId}::uuid, ${conversationId}::uuid, ${isoTime(nowMs)}::timestamptz)`,
  )
  if (row === undefined || row.settings === null) return null
  return { ...spendingIn(row), callNanoUsd: row.call_nano_usd, settings: organizationSettings.parse(row.settings) }
}
