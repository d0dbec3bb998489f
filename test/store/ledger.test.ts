// The store's incremental path: whatever arrives, in whatever order, as often as it likes and from how many connections,
// the row is the fold of the set, and what became due was asked for once.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { and, eq } from 'drizzle-orm'
import fc from 'fast-check'
import postgres from 'postgres'
import { limits } from '../../src/config.ts'
import type { ConversationEvent } from '../../src/conversations/events.ts'
import { fold } from '../../src/conversations/merge.ts'
import type * as readiness from '../../src/conversations/readiness.ts'
import { findConversation, insertConversation, readEvents, recordEvents } from '../../src/conversations/store.ts'
import type { Database } from '../../src/db/database.ts'
import { conversationEvents } from '../../src/db/schema.ts'
import { randomIds } from '../../src/lib/ids.ts'
import { ensureOrganization } from '../../src/organizations/store.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { createHandClock } from '../support/hand-clock.ts'
import { anyDay, at, type Delivery, type Due, dueAfter, rowFor, startMs, streamA } from './ledger-days.ts'

const clock = createHandClock(startMs)
const deps = { clock, ids: randomIds }
const [ours, theirs] = [crypto.randomUUID(), crypto.randomUUID()]

let database: TestDatabase
let admin: postgres.Sql
let connections: Database[]

beforeAll(async () => {
  database = await openTestDatabase()
  admin = postgres(database.adminUrl, { max: 1, onnotice: () => {} })
  connections = [database.db, ...Array.from({ length: 3 }, () => database.open({ maxConnections: 1 }))]
  for (const id of [ours, theirs]) await makeOrganization(id)
})
afterAll(async () => {
  await admin.end()
  await database.end()
})

const makeOrganization = (id: string) =>
  database.db.withOrg(id, (tx) =>
    ensureOrganization(tx, randomIds, {
      id,
      name: 'A clinic',
      timeZone: 'UTC',
      language: 'en',
      settings: {},
      admins: [],
      numbers: [],
    }),
  )

async function newConversation(organizationId = ours): Promise<string> {
  const id = crypto.randomUUID()
  const call = { callSid: `CA${id}`, accountSid: 'AC1', fromNumber: '+15550102030', toNumber: '+15551234567' }
  await database.db.withOrg(organizationId, (tx) =>
    insertConversation(tx, {
      organizationId,
      id,
      sessionId: `twilio_${call.callSid}`,
      channel: 'voice',
      direction: 'inbound',
      startedAtMs: clock.now(),
      ...call,
    }),
  )
  return id
}

const deliver = (conversationId: string, events: readonly ConversationEvent[], db = database.db) =>
  db.withOrg(ours, (tx) => recordEvents(deps, tx, ours, conversationId, events))

/** All lines at once, each in its own order; answers with the batches that had anything new, in the order of commit. */
async function deliverAll(conversationId: string, deliveries: Delivery[]): Promise<ConversationEvent[][]> {
  const fresh: ConversationEvent[][] = []
  await Promise.all(
    connections.map(async (db, line) => {
      for (const { batch } of deliveries.filter((delivery) => delivery.line === line)) {
        const recorded = await deliver(conversationId, batch, db)
        if (recorded.fresh.length > 0) fresh.push(recorded.fresh)
      }
    }),
  )
  const rows = await admin<{ key: string; position: string }[]>`
    select key, position from conversation_events where conversation_id = ${conversationId}`
  const positions = new Map(rows.map(({ key, position }) => [key, Number(position)]))
  const first = (batch: ConversationEvent[]) => Math.min(...batch.map(({ key }) => positions.get(key) ?? 0))
  return fresh.sort((a, b) => first(a) - first(b))
}

async function dueIn(conversationId: string): Promise<Due> {
  const jobs = await admin<{ task: string; about: string | null }[]>`
    select t.identifier as task, coalesce(j.payload->>'recordingSid', j.payload->>'streamSid') as about
    from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id
    left join email_deliveries d on d.id::text = j.payload->>'deliveryId'
    where coalesce(j.payload->>'conversationId', d.conversation_id::text) = ${conversationId}`
  const mails = await admin`select from email_deliveries where conversation_id = ${conversationId}`
  const named = jobs.map(({ task, about }) => (about === null ? task : `${task} ${about}`))
  return { deliveries: mails.length, jobs: named.sort() }
}

/** Without the terms: whether one was set depends on what was known when. */
async function dueAtOnce(conversationId: string): Promise<Due> {
  const { deliveries, jobs } = await dueIn(conversationId)
  return { deliveries, jobs: jobs.filter((job) => !/^(mail-deadline|settle-stream)/.test(job)) }
}

async function rowOf(conversationId: string) {
  const row = await database.db.withOrg(ours, (tx) => findConversation(tx, ours, conversationId))
  if (row === undefined) throw new Error('the conversation is gone')
  const {
    facts,
    eventCount,
    startedAt,
    callStatus,
    answeredAt,
    endedAt,
    durationMs,
    callAnalysis,
    isLive,
    transcript,
  } = row
  const columns: readiness.Columns = {
    startedAtMs: startedAt.getTime(),
    callStatus,
    answeredAtMs: answeredAt?.getTime() ?? null,
    endedAtMs: endedAt?.getTime() ?? null,
    durationMs,
    callAnalysis,
    isLive,
  }
  return { facts, eventCount, columns, transcript }
}

const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
const byKey = (a: ConversationEvent, b: ConversationEvent) => (a.key < b.key ? -1 : 1)

describe('events in any order, with repeats, over several connections at once', () => {
  test('give the row that is the fold of their set, and ask once for what has become due', async () => {
    await fc.assert(
      fc.asyncProperty(anyDay, async ({ events, deliveries }) => {
        const id = await newConversation()
        const batches = await deliverAll(id, deliveries)
        expect(asJson(await rowOf(id))).toEqual(asJson(rowFor(events)))
        const kept = await database.db.withOrg(ours, (tx) => readEvents(tx, ours, id))
        expect(kept.sort(byKey)).toEqual(events.toSorted(byKey))
        expect(await dueIn(id)).toEqual(dueAfter(batches))
        const recordings =
          await admin`select recording_sid, status, is_voicemail, duration_ms, channels, stored_as, bytes
          from recordings where conversation_id = ${id} order by 1`
        expect(recordings.map((row) => ({ ...row }))).toEqual(
          Object.entries(fold(events).recordings).map(([sid, known]) => ({
            recording_sid: sid,
            status: known.status,
            is_voicemail: known.isVoicemail,
            duration_ms: known.durationMs === null ? null : String(known.durationMs),
            channels: known.channels,
            stored_as: known.storedAs,
            bytes: known.bytes === null ? null : String(known.bytes),
          })),
        )
        // Recordings are known within a clinic by their own name: the next day's must be able to use these again.
        await admin`delete from recordings where conversation_id = ${id}`
        await admin`select graphile_worker.complete_jobs(array(select id from graphile_worker._private_jobs))`
      }),
      { numRuns: 150 },
    )
  }, 60_000)

  test('of one ordinary call, fifty times in another order, are one mail and one analysis', async () => {
    const words = { itemId: 'i', order: 0, unheard: '', isCut: false, startedAtMs: startMs, heardMs: null } as const
    const ordinary: ConversationEvent[] = [
      at(0, { kind: 'call.incoming', callSid: 'CA1', accountSid: 'AC1', from: '', to: '', wantsRecording: false }),
      at(0, { kind: 'stream.expected', generation: 0 }),
      at(100, { kind: 'stream.started', streamSid: streamA, generation: 0 }),
      at(5_000, { kind: 'utterance', streamSid: streamA, speaker: 'agent', text: 'Hello?', ...words }),
      at(9_000, { kind: 'stream.ended', streamSid: streamA, reason: 'stopped' }),
      at(9_000, { kind: 'transcript.settled', streamSid: streamA }),
      at(9_100, { kind: 'call.status', status: 'completed', sequence: 0, durationMs: 9_000, changedAtMs: null }),
    ]
    const decisive = new Set<string | undefined>([
      'stream.expected',
      'stream.started',
      'transcript.settled',
      'call.status',
    ])
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(ordinary, { minLength: 7 }), async (order) => {
        const id = await newConversation()
        for (const event of order.slice(0, -1)) await deliver(id, [event])
        if (decisive.has(order.at(-1)?.fact.kind)) expect(await dueAtOnce(id)).toEqual({ deliveries: 0, jobs: [] })
        await Promise.all(order.map((event, n) => deliver(id, [event], connections[n % connections.length])))
        expect(await dueAtOnce(id)).toEqual({ deliveries: 0, jobs: ['analyze'] })
        const analysed = at(12_000, { kind: 'analysis.completed', analysis: { summary: 's' } })
        await Promise.all(connections.map((db) => deliver(id, [analysed], db)))
        expect(await dueAtOnce(id)).toEqual({ deliveries: 1, jobs: ['analyze', 'send-mail'] })
      }),
      { numRuns: 50 },
    )
  }, 60_000)
})

describe('the deadline', () => {
  const ended = at(0, { kind: 'call.status', status: 'completed', sequence: 0, durationMs: 1_000, changedAtMs: null })

  test('is far away from the first event on, begins when the call is over, and is not moved by what comes later', async () => {
    const id = await newConversation()
    await deliver(id, [at(0, { kind: 'stream.expected', generation: 0 })])
    const due = async () =>
      (
        await admin<{ at: Date }[]>`
          select j.run_at as at from graphile_worker._private_jobs j
          join graphile_worker._private_tasks t on t.id = j.task_id
          where t.identifier = 'mail-deadline' and j.payload->>'conversationId' = ${id}`
      ).map((row) => row.at.getTime())
    expect(await due()).toEqual([clock.now() + limits.reconcileMs])
    await deliver(id, [ended])
    expect(await due()).toEqual([clock.now() + limits.mailDeadlineMs])
    const begun = await due()
    clock.advance(1_000)
    await deliver(id, [at(5, { kind: 'stream.started', streamSid: streamA, generation: 0 })])
    await deliver(id, [at(6, { kind: 'stream.ended', streamSid: streamA, reason: 'stopped' })])
    expect(await due()).toEqual(begun)
  })

  test('lets the mail go with what there is, and later facts send no other', async () => {
    const id = await newConversation()
    await deliver(id, [ended, at(0, { kind: 'stream.expected', generation: 0 })])
    expect((await dueIn(id)).deliveries).toBe(0)
    await deliver(id, [at(9, { kind: 'deadline.passed' })])
    expect((await dueIn(id)).deliveries).toBe(1)
    const jobs = (await dueIn(id)).jobs.filter((job) => job === 'send-mail')
    await deliver(id, [at(9, { kind: 'stream.lapsed', generation: 0 })])
    await deliver(id, [at(10, { kind: 'analysis.completed', analysis: { summary: 'late' } })])
    expect((await dueIn(id)).deliveries).toBe(1)
    expect((await dueIn(id)).jobs.filter((job) => job === 'send-mail')).toEqual(jobs)
    expect((await rowOf(id)).columns.callAnalysis).toEqual({ summary: 'late' })
  })
})

describe('the ledger', () => {
  test('is append-only: what is written can be neither changed nor taken away', async () => {
    const id = await newConversation()
    await deliver(id, [at(0, { kind: 'deadline.passed' })])
    const mine = and(eq(conversationEvents.organizationId, ours), eq(conversationEvents.conversationId, id))
    const change = database.db.withOrg(ours, (tx) => tx.update(conversationEvents).set({ kind: 'x' }).where(mine))
    expect(change).rejects.toMatchObject({ code: '42501' })
    const removal = database.db.withOrg(ours, (tx) => tx.delete(conversationEvents).where(mine))
    expect(removal).rejects.toMatchObject({ code: '42501' })
    await Promise.allSettled([change, removal])
    expect((await rowOf(id)).eventCount).toBe(1)
  })

  test('takes no event for another organization’s conversation, nor for one that is not there', async () => {
    const [alien, absent] = [await newConversation(theirs), crypto.randomUUID()]
    const before = await admin`select count(*)::int as count from conversation_events`
    for (const id of [alien, absent])
      expect(deliver(id, [at(0, { kind: 'deadline.passed' })])).rejects.toThrow(
        `Cannot record event: conversation ${id} is not in this organization`,
      )
    const inTheirName = database.db.withOrg(ours, (tx) =>
      recordEvents(deps, tx, theirs, alien, [at(0, { kind: 'deadline.passed' })]),
    )
    expect(inTheirName).rejects.toThrow('is not in this organization')
    await inTheirName.catch(() => {})
    expect(await admin`select count(*)::int as count from conversation_events`).toEqual(before)
  })

  test('takes all of a batch or nothing, and the row with it', async () => {
    const id = await newConversation()
    const fine = at(0, { kind: 'deadline.passed' })
    const unkeepable = at(0, { kind: 'warning', about: 'x'.repeat(400), text: '' })
    expect(deliver(id, [fine, unkeepable])).rejects.toMatchObject({ code: '23514' })
    await deliver(id, [fine, unkeepable]).catch(() => {})
    expect(await rowOf(id)).toMatchObject({ eventCount: 0, facts: { isDeadlinePassed: false } })
  })

  test('keeps words that Postgres could not: without a zero character, and with every surrogate paired', async () => {
    const id = await newConversation()
    const text = 'Dr.\0 Ok\ud83da\ude00for \u{1f600}'
    await deliver(id, [
      at(0, { kind: 'warning', about: 'a\0', text }),
      at(0, { kind: 'tool.called', toolCallId: 'c1', name: 'x', arguments: { deep: [{ text }], '\0': 1 } }),
    ])
    const [warning] = await database.db.withOrg(ours, (tx) => readEvents(tx, ours, id))
    expect(warning).toMatchObject({ key: 'warning:a', fact: { text: 'Dr. Ok\ufffda\ufffdfor \u{1f600}' } })
  })

  test.each([
    ['a zero\0', 'a zero'],
    ['half \ud83d', 'half \ufffd'],
    ['the other \ude00', 'the other \ufffd'],
    ['a pair \u{1f600}', 'a pair \u{1f600}'],
    ['\\u0000 and \\ud83d in letters', '\\u0000 and \\ud83d in letters'],
  ])('keeps %j as %j', async (text, kept) => {
    const id = await newConversation()
    await deliver(id, [at(0, { kind: 'warning', about: 'words', text })])
    const [warning] = await database.db.withOrg(ours, (tx) => readEvents(tx, ours, id))
    expect(warning).toMatchObject({ fact: { text: kept } })
  })

  test('goes on from a row that was written before some of its facts were known to exist', async () => {
    const id = await newConversation()
    const first = at(0, { kind: 'stream.expected', generation: 0 })
    const then = at(1, { kind: 'call.ending', reason: 'goodbye' })
    await deliver(id, [first])
    await admin`update conversations set facts = facts - 'endingReason' - 'streams' where id = ${id}`
    await deliver(id, [then])
    expect((await rowOf(id)).facts).toEqual(fold([first, then]))
  })

  test('counts a repeat as nothing, and nothing as nothing', async () => {
    const id = await newConversation()
    const event = at(0, { kind: 'deadline.passed' })
    expect((await deliver(id, [event, event])).fresh).toEqual([event])
    expect((await deliver(id, [event])).fresh).toEqual([])
    expect((await deliver(id, [])).fresh).toEqual([])
    expect((await rowOf(id)).eventCount).toBe(1)
  })
})
