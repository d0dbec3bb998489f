// Writes the ledger, and keeps the conversation's row equal to what the ledger says. Per event: a repeat is a no-op; else
// the row is locked, the fact joined in, the columns rewritten, and what has just become due is enqueued, all in the
// caller's transaction. The only module that writes conversations, conversation_events and recordings.
import { and, asc, eq, max, sql } from 'drizzle-orm'
import { limits } from '../config.ts'
import type { Tx } from '../db/database.ts'
import { enqueue } from '../db/jobs.ts'
import { conversationEvents, conversations, emailDeliveries, recordings } from '../db/schema.ts'
import type { Clock } from '../lib/clock.ts'
import type { Ids } from '../lib/ids.ts'
import { type Cost, costOf } from './cost.ts'
import { type ConversationEvent, type ConversationFact, conversationEvent, eventKey, type FactOf } from './events.ts'
import { type Facts, factsOf, join, noFacts } from './merge.ts'
import { prices } from './prices.ts'
import * as readiness from './readiness.ts'
import { type Turn, transcriptText, turnsOf } from './transcript.ts'

export type StoreDeps = { clock: Clock; ids: Ids }
type Row = typeof conversations.$inferSelect
export type Conversation = Omit<Row, 'facts'> & { facts: Facts }

/** A row that an older version wrote may not know every field. */
const factsIn = (kept: unknown): Facts => ({ ...noFacts, ...(kept as Partial<Facts>) })

/** An event as its cause makes it: the key follows from the fact. `attempt` tells apart what may rightly happen twice. */
export function eventOf(given: ConversationFact, atMs: number, attempt = ''): ConversationEvent {
  const text = JSON.stringify(given)
  const fact: ConversationFact = unkeepable.test(text) ? JSON.parse(text, keepable) : JSON.parse(text)
  return { key: eventKey(fact, attempt), atMs, fact }
}

/** A zero character or a surrogate without its pair, as JSON writes them: what has none of these needs no second look. */
const unkeepable = /\\u(?:0000|d[89a-f])/

/** Postgres keeps neither a zero character nor half a surrogate pair; what a model says or asks for can hold both. */
function keepable(_name: string, value: unknown): unknown {
  if (typeof value === 'string') return withoutUnkeepable(value)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, held]) => [withoutUnkeepable(name), held]))
}

const withoutUnkeepable = (text: string): string => text.replaceAll('\0', '').toWellFormed()

/** What a call is before anything has happened in it. */
export type NewConversation = {
  organizationId: string
  id: string
  sessionId: string
  channel: 'voice' | 'web' | 'whatsapp' | 'sms'
  direction: 'inbound' | 'outbound'
  callSid: string
  accountSid: string
  fromNumber: string
  toNumber: string
  startedAtMs: number
}

export async function insertConversation(tx: Tx, conversation: NewConversation): Promise<void> {
  const { startedAtMs, ...columns } = conversation
  await tx.insert(conversations).values({ ...columns, startedAt: new Date(startedAtMs), facts: noFacts })
}

export type Recorded = { fresh: ConversationEvent[]; facts: Facts }

/**
 * Adds events to the ledger of one conversation, within its organization's transaction. Answers with those that were new.
 * Throws when the conversation does not exist in this organization.
 */
export async function recordEvents(
  deps: StoreDeps,
  tx: Tx,
  organizationId: string,
  conversationId: string,
  events: readonly ConversationEvent[],
): Promise<Recorded> {
  const [row] = await tx
    .select({ facts: conversations.facts, eventCount: conversations.eventCount })
    .from(conversations)
    .where(and(eq(conversations.organizationId, organizationId), eq(conversations.id, conversationId)))
    .for('no key update')
  if (row === undefined)
    throw new Error(`Cannot record event: conversation ${conversationId} is not in this organization`)
  const before = factsIn(row.facts)
  const fresh = await insertFresh(tx, organizationId, conversationId, events)
  if (fresh.length === 0) return { fresh, facts: before }
  const after = fresh.reduce((facts, event) => join(facts, factsOf(event)), before)
  const eventCount = row.eventCount + fresh.length
  const cost = fresh.some(({ fact }) => fact.kind === 'usage')
    ? await readCost(tx, organizationId, conversationId)
    : null
  await writeRow(tx, organizationId, conversationId, after, eventCount, cost)
  await writeRecordings(tx, organizationId, conversationId, before, after)
  if (row.eventCount === 0) await enqueueDeadline(tx, conversationId, deps.clock.now() + limits.reconcileMs)
  await enqueueWhatBecameDue(deps, tx, organizationId, conversationId, before, after)
  return { fresh, facts: after }
}

async function insertFresh(
  tx: Tx,
  organizationId: string,
  conversationId: string,
  events: readonly ConversationEvent[],
): Promise<ConversationEvent[]> {
  if (events.length === 0) return []
  const rows = events.map(({ key, atMs, fact }) => ({
    organizationId,
    conversationId,
    key,
    kind: fact.kind,
    at: new Date(atMs),
    fact,
  }))
  const inserted = await tx
    .insert(conversationEvents)
    .values(rows)
    .onConflictDoNothing()
    .returning({ key: conversationEvents.key })
  const keys = new Set(inserted.map(({ key }) => key))
  return events.filter(({ key }) => keys.delete(key))
}

async function writeRow(
  tx: Tx,
  organizationId: string,
  conversationId: string,
  facts: Facts,
  eventCount: number,
  /** Null: as it was. */
  cost: Cost | null,
): Promise<void> {
  const columns = readiness.columns(facts)
  // Until the call is over the words are read from the ledger; from then on every late word renews the column.
  const transcript = readiness.isEnded(facts)
    ? transcriptText(await readTurns(tx, organizationId, conversationId))
    : null
  await updateRow(tx, organizationId, conversationId, {
    facts,
    eventCount,
    transcript,
    ...(columns.startedAtMs === null ? {} : { startedAt: new Date(columns.startedAtMs) }),
    callStatus: columns.callStatus,
    answeredAt: columns.answeredAtMs === null ? null : new Date(columns.answeredAtMs),
    endedAt: columns.endedAtMs === null ? null : new Date(columns.endedAtMs),
    durationMs: columns.durationMs,
    callAnalysis: columns.callAnalysis,
    isLive: columns.isLive,
    ...costColumns(cost),
  })
}

/** Null: as it was. */
const costColumns = (cost: Cost | null): Partial<Row> => (cost === null ? {} : { cost, costNanoUsd: cost.nanoUsd })

async function updateRow(tx: Tx, organizationId: string, conversationId: string, columns: Partial<Row>): Promise<void> {
  await tx
    .update(conversations)
    .set(columns)
    .where(and(eq(conversations.organizationId, organizationId), eq(conversations.id, conversationId)))
}

/** Counted anew from the whole ledger, so that no usage is ever counted twice or forgotten. */
const readCost = async (tx: Tx, organizationId: string, conversationId: string): Promise<Cost> =>
  costOf(await readFacts(tx, organizationId, conversationId, 'usage'), prices)

async function readFacts<K extends ConversationFact['kind']>(
  tx: Tx,
  organizationId: string,
  conversationId: string,
  kind: K,
): Promise<FactOf<K>[]> {
  const rows = await tx
    .select({ fact: conversationEvents.fact })
    .from(conversationEvents)
    .where(
      and(
        eq(conversationEvents.organizationId, organizationId),
        eq(conversationEvents.conversationId, conversationId),
        eq(conversationEvents.kind, kind),
      ),
    )
  return rows.map(({ fact }) => conversationEvent.parse(fact) as FactOf<K>)
}

async function writeRecordings(
  tx: Tx,
  organizationId: string,
  conversationId: string,
  before: Facts,
  after: Facts,
): Promise<void> {
  for (const [recordingSid, recording] of Object.entries(after.recordings)) {
    const known = before.recordings[recordingSid]
    if (known !== undefined && JSON.stringify(known) === JSON.stringify(recording)) continue
    await tx
      .insert(recordings)
      .values({ organizationId, conversationId, recordingSid, ...recording })
      .onConflictDoUpdate({ target: [recordings.organizationId, recordings.recordingSid], set: recording })
    if (recording.status === 'completed' && known?.status !== 'completed') {
      await enqueue(tx, {
        task: 'fetch-recording',
        ids: { conversationId, recordingSid },
        jobKey: `recording:${recordingSid}`,
      })
    }
  }
}

/** Each of these happens once: the step from "not yet" to "now" is taken under the row's lock. */
async function enqueueWhatBecameDue(
  deps: StoreDeps,
  tx: Tx,
  organizationId: string,
  conversationId: string,
  before: Facts,
  after: Facts,
): Promise<void> {
  const became = (is: (facts: Facts) => boolean): boolean => !is(before) && is(after)
  if (became(readiness.isReadyForAnalysis) && after.analysis === null) {
    await enqueue(tx, { task: 'analyze', ids: { conversationId }, jobKey: `analyze:${conversationId}` })
  }
  if (became(readiness.isWindingDown)) {
    await enqueueDeadline(tx, conversationId, deps.clock.now() + limits.mailDeadlineMs)
  }
  const known = new Set(readiness.unsettledStreams(before))
  for (const streamSid of readiness.unsettledStreams(after).filter((each) => !known.has(each))) {
    await enqueueSettling(tx, conversationId, streamSid, deps.clock.now() + limits.settleStreamMs)
  }
  if (became(readiness.isReadyForMail)) await planMail(deps, tx, organizationId, conversationId)
}

/** Every conversation has one from its first event, so that none is forgotten; the last one that was set holds. */
export const enqueueDeadline = (tx: Tx, conversationId: string, runAtMs: number): Promise<void> =>
  enqueue(tx, { task: 'mail-deadline', ids: { conversationId }, jobKey: `deadline:${conversationId}`, runAtMs })

export const enqueueSettling = (tx: Tx, conversationId: string, streamSid: string, runAtMs: number): Promise<void> =>
  enqueue(tx, {
    task: 'settle-stream',
    ids: { conversationId, streamSid, dueAtMs: String(runAtMs) },
    jobKey: `settle:${conversationId}:${streamSid}`,
    runAtMs,
  })

/** The unique key on (conversation, template) makes a second mail impossible, whatever the code above believes. */
async function planMail(deps: StoreDeps, tx: Tx, organizationId: string, conversationId: string): Promise<void> {
  const deliveryId = deps.ids.uuid()
  const planned = await tx
    .insert(emailDeliveries)
    .values({
      organizationId,
      id: deliveryId,
      conversationId,
      template: 'call-summary',
      idempotencyKey: `call-summary/${deliveryId}`,
    })
    .onConflictDoNothing()
    .returning({ id: emailDeliveries.id })
  if (planned.length > 0) await enqueue(tx, { task: 'send-mail', ids: { deliveryId }, jobKey: `mail:${deliveryId}` })
}

export async function findConversation(
  tx: Tx,
  organizationId: string,
  conversationId: string,
): Promise<Conversation | undefined> {
  const [row] = await tx
    .select()
    .from(conversations)
    .where(and(eq(conversations.organizationId, organizationId), eq(conversations.id, conversationId)))
  return row === undefined ? undefined : { ...row, facts: factsIn(row.facts) }
}

/**
 * The conversation, for this transaction alone: whoever else would act or record in it waits until this is over. Throws when
 * it does not exist in this organization.
 */
export async function lockConversation(tx: Tx, organizationId: string, conversationId: string): Promise<Conversation> {
  const [row] = await tx
    .select()
    .from(conversations)
    .where(and(eq(conversations.organizationId, organizationId), eq(conversations.id, conversationId)))
    .for('no key update')
  if (row === undefined) throw new Error(`Cannot act: conversation ${conversationId} is not in this organization`)
  return { ...row, facts: factsIn(row.facts) }
}

/** The ledger of one conversation, in the order of arrival. */
export async function readEvents(tx: Tx, organizationId: string, conversationId: string): Promise<ConversationEvent[]> {
  const rows = await tx
    .select({ key: conversationEvents.key, at: conversationEvents.at, fact: conversationEvents.fact })
    .from(conversationEvents)
    .where(
      and(eq(conversationEvents.organizationId, organizationId), eq(conversationEvents.conversationId, conversationId)),
    )
    .orderBy(asc(conversationEvents.position))
  return rows.map(({ key, at, fact }) => ({ key, atMs: at.getTime(), fact: conversationEvent.parse(fact) }))
}

/** When anything was last heard of the conversation, in ms since the epoch. */
export async function readLastInstant(tx: Tx, organizationId: string, conversationId: string): Promise<number> {
  const [row] = await tx
    .select({ at: max(conversationEvents.at) })
    .from(conversationEvents)
    .where(
      and(eq(conversationEvents.organizationId, organizationId), eq(conversationEvents.conversationId, conversationId)),
    )
  return row?.at?.getTime() ?? 0
}

/** One fact, by its key. */
export async function findFact(
  tx: Tx,
  organizationId: string,
  conversationId: string,
  key: string,
): Promise<ConversationFact | null> {
  const [row] = await tx
    .select({ fact: conversationEvents.fact })
    .from(conversationEvents)
    .where(
      and(
        eq(conversationEvents.organizationId, organizationId),
        eq(conversationEvents.conversationId, conversationId),
        eq(conversationEvents.key, key),
      ),
    )
  return row === undefined ? null : conversationEvent.parse(row.fact)
}

export async function readTurns(tx: Tx, organizationId: string, conversationId: string): Promise<Turn[]> {
  const rows = await tx
    .select({ key: conversationEvents.key, at: conversationEvents.at, fact: conversationEvents.fact })
    .from(conversationEvents)
    .where(
      and(
        eq(conversationEvents.organizationId, organizationId),
        eq(conversationEvents.conversationId, conversationId),
        eq(conversationEvents.kind, 'utterance'),
      ),
    )
  return turnsOf(rows.map(({ key, at, fact }) => ({ key, atMs: at.getTime(), fact: conversationEvent.parse(fact) })))
}

/** Ties a call to a conversation of this organization, once; answers with the conversation that has it. */
export async function claimCall(
  tx: Tx,
  callSid: string,
  conversationId: string,
): Promise<{ organizationId: string; conversationId: string }> {
  const [tie] = await tx.execute<{ organization_id: string; conversation_id: string }>(
    sql`select organization_id, conversation_id from claim_call(${callSid}, ${conversationId}::uuid)`,
  )
  if (tie === undefined) throw new Error(`Cannot claim call ${callSid}: no tie was made`)
  return { organizationId: tie.organization_id, conversationId: tie.conversation_id }
}
