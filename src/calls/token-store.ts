// The single-use token that lets one media socket carry one call. It is derived from the call and the count of its streams,
// so a webhook that Twilio repeats is answered with the same document; it opens a stream once, and only for a short time.
import { createHash } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { limits } from '../config.ts'
import type { Database, Tx } from '../db/database.ts'
import { enqueue } from '../db/jobs.ts'
import { isoTime } from '../lib/clock.ts'
import type { Seal } from '../organizations/seal.ts'

export const streamToken = (seal: Seal, callSid: string, generation: number): string =>
  seal.derive(`stream ${generation} of ${callSid}`)

/** Issuing it again changes nothing. When it expires unused, the stream has lapsed. */
export async function issueStreamToken(
  { tx, conversationId }: { tx: Tx; conversationId: string },
  { token, callSid, generation }: { token: string; callSid: string; generation: number },
  nowMs: number,
): Promise<void> {
  const expiresAtMs = nowMs + limits.streamTokenMs
  await tx.execute(
    sql`select issue_stream_token(${hashOf(token)}, ${callSid}, ${conversationId}::uuid, ${isoTime(expiresAtMs)}::timestamptz, ${isoTime(nowMs)}::timestamptz)`,
  )
  const ids = { conversationId, generation: String(generation) }
  const runAtMs = expiresAtMs + lapseSlackMs
  await enqueue(tx, { task: 'lapse-stream', ids, jobKey: `lapse:${conversationId}:${generation}`, runAtMs })
}

/** A token redeemed in its last moment must have its stream in the ledger before the lapse is looked for. */
const lapseSlackMs = 5_000

/** Takes the token. Null when it is unknown, used, expired, or another call's. */
export async function redeemStreamToken(
  db: Database,
  token: string,
  callSid: string,
  nowMs: number,
): Promise<{ organizationId: string; conversationId: string } | null> {
  const [row] = await db.ask<{ organization_id: string; conversation_id: string }>(
    sql`select * from redeem_stream_token(${hashOf(token)}, ${callSid}, ${isoTime(nowMs)}::timestamptz)`,
  )
  return row === undefined ? null : { organizationId: row.organization_id, conversationId: row.conversation_id }
}

/** The database never holds what would open a stream. */
const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')
