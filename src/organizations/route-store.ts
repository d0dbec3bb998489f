// Which clinic a call is for. In this order: the conversation that the call already has, the vendor's agent id, the number
// that was dialled, the configured fallback. Nothing that the caller says or sends chooses a clinic.
import { sql } from 'drizzle-orm'
import type { Config } from '../config.ts'
import type { Database, Tx } from '../db/database.ts'

export type Inquiry = {
  callSid: string
  toNumber: string
  channel: 'retell' | 'twilio' | 'whatsapp'
  agentId?: string
}

export type Route = {
  organizationId: string
  /** Set when the call is known. */
  conversationId: string | null
  by: 'conversation' | 'agent' | 'number' | 'fallback'
}

export async function routeCall(db: Database, config: Config, inquiry: Inquiry): Promise<Route | null> {
  const known = await db.beforeOrg((tx) => lookUp(tx, inquiry))
  if (known !== null) return known
  const fallback = config.FALLBACK_ORGANIZATION_ID
  return fallback === undefined ? null : { organizationId: fallback, conversationId: null, by: 'fallback' }
}

async function lookUp(tx: Tx, { callSid, agentId, channel, toNumber }: Inquiry): Promise<Route | null> {
  const known = await lookUpCall(tx, callSid)
  if (known !== null) return { ...known, by: 'conversation' }
  const byAgent = agentId === undefined ? null : await only(tx, sql`select route_agent(${channel}, ${agentId}) as id`)
  if (byAgent !== null) return { organizationId: byAgent, conversationId: null, by: 'agent' }
  const byNumber = await only(tx, sql`select route_number(${channel}, ${toNumber}) as id`)
  return byNumber === null ? null : { organizationId: byNumber, conversationId: null, by: 'number' }
}

export type KnownCall = { organizationId: string; conversationId: string }

/** The conversation that the call has, if it has one. */
export const routeKnownCall = (db: Database, callSid: string): Promise<KnownCall | null> =>
  db.beforeOrg((tx) => lookUpCall(tx, callSid))

async function lookUpCall(tx: Tx, callSid: string): Promise<KnownCall | null> {
  const [call] = await tx.execute<{ organization_id: string; conversation_id: string }>(
    sql`select * from route_call(${callSid})`,
  )
  return call === undefined ? null : { organizationId: call.organization_id, conversationId: call.conversation_id }
}

async function only(tx: Tx, query: ReturnType<typeof sql>): Promise<string | null> {
  const [row] = await tx.execute<{ id: string | null }>(query)
  return row?.id ?? null
}

/**
 * A clinic with its own carrier account is reached through that account only, and an account of a clinic reaches that
 * clinic only: whoever holds one clinic's auth token cannot sign calls into another's.
 */
export async function mayCarry(
  db: Database,
  account: { organizationId: string | null },
  organizationId: string,
): Promise<boolean> {
  if (account.organizationId !== null) return account.organizationId === organizationId
  const hasOwn = await db.beforeOrg(async (tx) => {
    const [row] = await tx.execute<{ own: boolean }>(sql`select has_own_account(${organizationId}::uuid) as own`)
    return row?.own ?? false
  })
  return !hasOwn
}

/** For the operator: a call that found no clinic. */
export async function keepUnroutedCall(
  db: Database,
  call: { callSid: string; accountSid: string; toNumber: string; at: string },
): Promise<void> {
  await db.beforeOrg((tx) =>
    tx.execute(
      sql`select keep_unrouted_call(${call.callSid}, ${call.accountSid}, ${call.toNumber}, ${call.at}::timestamptz)`,
    ),
  )
}
