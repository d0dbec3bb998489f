// The usual page of the ledger: what was said in a live call and what it cost, which changes nothing that the conversation's row
// is made of. Written in one statement by the database itself; everything else goes through store.ts.
import { sql } from 'drizzle-orm'
import type { Database } from '../db/database.ts'
import { isoTime } from '../lib/clock.ts'
import { costOf } from './cost.ts'
import type { ConversationEvent, ConversationFact } from './events.ts'
import { factsOf, noFacts } from './merge.ts'
import { prices } from './prices.ts'

/**
 * Adds events to the ledger, if they are of that kind, in a transaction of its own. False, and nothing is done: one of them is not, or
 * the conversation has not begun, is over, or does not exist in this organization. A repeat is a no-op.
 */
export async function recordWords(
  db: Database,
  organizationId: string,
  conversationId: string,
  events: readonly ConversationEvent[],
  own: { isPatient: boolean },
): Promise<boolean> {
  if (!events.every((event) => factsOf(event) === noFacts)) return false
  const rows = events.map(({ key, atMs, fact }) => {
    return { key, kind: fact.kind, at: isoTime(atMs), fact, cost: fact.kind === 'usage' ? priced(fact) : null }
  })
  const question = sql`
    select record_words(${organizationId}::uuid, ${conversationId}::uuid, ${JSON.stringify(rows)}::text::jsonb) as is_kept`
  const [row] = await db.ask<{ is_kept: boolean }>(question, own)
  return row?.is_kept === true
}

function priced(usage: Extract<ConversationFact, { kind: 'usage' }>) {
  const { nanoUsd, assumed } = costOf([usage], prices)
  return { model: usage.model, nanoUsd, isAssumed: assumed.length > 0 }
}
