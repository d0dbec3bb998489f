// Which clinic a call is for. In this order: the conversation that the call already has, the vendor's agent id, the number
// that was dialled, the configured fallback. Nothing that the caller says or sends chooses a clinic.
import { type SQL, sql } from 'drizzle-orm'
import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'

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
  /** Its clinic has a carrier account of its own. */
  hasOwnAccount: boolean
}

export async function routeCall(db: Database, config: Config, inquiry: Inquiry): Promise<Route | null> {
  const { callSid, agentId = null, channel, toNumber } = inquiry
  const fallback = config.FALLBACK_ORGANIZATION_ID ?? null
  return ask(db, sql`select * from route(${callSid}, ${channel}, ${agentId}, ${toNumber}, ${fallback}::uuid)`)
}

export type KnownCall = Route & { conversationId: string }

/** The conversation that the call has, if it has one. */
export async function routeKnownCall(db: Database, callSid: string): Promise<KnownCall | null> {
  const route = await ask(db, sql`select * from route(${callSid}, null, null, null, null)`)
  return route?.conversationId == null ? null : { ...route, conversationId: route.conversationId }
}

async function ask(db: Database, question: SQL): Promise<Route | null> {
  const [route] = await db.ask<{
    organization_id: string
    conversation_id: string | null
    found_by: Route['by']
    has_own_account: boolean
  }>(question)
  if (route === undefined) return null
  return {
    organizationId: route.organization_id,
    conversationId: route.conversation_id,
    by: route.found_by,
    hasOwnAccount: route.has_own_account,
  }
}

type Carried = Pick<Route, 'organizationId' | 'hasOwnAccount'>

/**
 * A clinic with its own carrier account is reached through that account only, and an account of a clinic reaches that
 * clinic only: whoever holds one clinic's auth token cannot sign calls into another's.
 */
export const mayCarry = (account: { organizationId: string | null }, route: Carried): boolean =>
  account.organizationId === null ? !route.hasOwnAccount : account.organizationId === route.organizationId

export async function hasOwnAccount(db: Database, organizationId: string): Promise<boolean> {
  const [row] = await db.ask<{ own: boolean }>(sql`select has_own_account(${organizationId}::uuid) as own`)
  return row?.own ?? false
}

/** For the operator: a call that found no clinic. */
export async function keepUnroutedCall(
  db: Database,
  call: { callSid: string; accountSid: string; toNumber: string; at: string },
): Promise<void> {
  await db.ask(
    sql`select keep_unrouted_call(${call.callSid}, ${call.accountSid}, ${call.toNumber}, ${call.at}::timestamptz)`,
  )
}
