// Words and what they cost, written in one statement, are the same ledger and the same row as written the long way: in any
// order and batches, with repeats, from several connections at once, however the two ways are mixed.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { type Cost, costOf } from '../../src/conversations/cost.ts'
import type { ConversationEvent } from '../../src/conversations/events.ts'
import { prices } from '../../src/conversations/prices.ts'
import {
  eventOf,
  findConversation,
  insertConversation,
  readEvents,
  recordEvents,
} from '../../src/conversations/store.ts'
import { recordWords } from '../../src/conversations/word-store.ts'
import type { Database } from '../../src/db/database.ts'
import { randomIds } from '../../src/lib/ids.ts'
import { seedClinic } from '../support/clinics.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { createHandClock } from '../support/hand-clock.ts'
import { startMs } from './ledger-days.ts'

const deps = { clock: createHandClock(startMs), ids: randomIds }
let database: TestDatabase
let connections: Database[]
let [ours, theirs] = ['', '']

beforeAll(async () => {
  database = await openTestDatabase()
  connections = [database.db, ...Array.from({ length: 2 }, () => database.open({ maxConnections: 1 }))]
  ours = (await seedClinic(database.db, '01')).organizationId
  theirs = (await seedClinic(database.db, '02')).organizationId
})
afterAll(() => database.end())

async function newConversation(): Promise<string> {
  const id = crypto.randomUUID()
  const call = { callSid: `CA${id}`, accountSid: 'AC1', fromNumber: '+15550102030', toNumber: '+15551234567' }
  await database.db.withOrg(ours, (tx) =>
    insertConversation(tx, {
      organizationId: ours,
      id,
      sessionId: `twilio_${call.callSid}`,
      channel: 'voice',
      direction: 'inbound',
      startedAtMs: startMs,
      ...call,
    }),
  )
  return id
}

const begun = eventOf({ kind: 'stream.expected', generation: 0 }, startMs)
const over = eventOf(
  { kind: 'call.status', status: 'completed', sequence: 0, durationMs: 9_000, changedAtMs: null },
  startMs + 9_000,
)
const spoken = (n: number): ConversationEvent =>
  eventOf(
    {
      kind: 'utterance',
      streamSid: 'MZ1',
      itemId: `item_${n}`,
      order: n,
      speaker: n % 2 === 0 ? 'agent' : 'caller',
      text: `words ${n}`,
      unheard: '',
      isCut: false,
      startedAtMs: startMs + n,
      heardMs: null,
    },
    startMs + n,
  )
const used = (n: number, model: string): ConversationEvent =>
  eventOf(
    {
      kind: 'usage',
      source: 'realtime',
      model,
      usage: {
        input_tokens: 100 + n,
        output_tokens: 7 * n,
        input_token_details: { cached_tokens: n, audio_tokens: n },
      },
    },
    startMs + n,
    `resp_${n}`,
  )

const models = [
  'gpt-realtime-2.1',
  'gpt-realtime-2.1-mini',
  'gpt-transcribe',
  'gpt-of-tomorrow',
  'a.model "with" {signs}',
]
const event = fc.oneof(
  fc.nat(12).map(spoken),
  fc.tuple(fc.nat(12), fc.nat(models.length - 1)).map(([n, model]) => used(n * 8 + model, models[model] ?? '')),
)
type Way = 'short' | 'long'
const batch = fc.record({
  events: fc.array(event, { minLength: 1, maxLength: 5 }),
  way: fc.constantFrom<Way>('short', 'long'),
  line: fc.nat(2),
})

async function write(db: Database, id: string, events: readonly ConversationEvent[], way: Way): Promise<void> {
  if (way === 'short' && (await recordWords(db, ours, id, events, { isPatient: false }))) return
  await db.withOrg(ours, (tx) => recordEvents(deps, tx, ours, id, events))
}

const read = (id: string) =>
  database.db.withOrg(ours, async (tx) => ({
    row: await findConversation(tx, ours, id),
    events: await readEvents(tx, ours, id),
  }))

const usagesIn = (events: readonly ConversationEvent[]) =>
  events.flatMap(({ fact }) => (fact.kind === 'usage' ? [fact] : []))

describe('words in one statement', () => {
  test('and the long way, mixed in any order, come to one ledger and one cost', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { maxLength: 8 }), fc.nat(8), async (batches, endsAfter) => {
        const id = await newConversation()
        await write(database.db, id, [begun], 'long')
        await Promise.all(
          connections.map(async (db, line) => {
            for (const [n, { events, way }] of batches.filter((each) => each.line === line).entries()) {
              if (line === 0 && n === endsAfter) await write(db, id, [over], 'long')
              await write(db, id, events, way)
            }
          }),
        )
        const given = new Map([begun, ...batches.flatMap(({ events }) => events)].map((each) => [each.key, each]))
        const { row, events } = await read(id)
        const ofCall = events.filter(({ key }) => key !== over.key)
        expect(new Map(ofCall.map((each) => [each.key, each]))).toEqual(given)
        expect(row?.eventCount).toBe(events.length)
        const usages = usagesIn(ofCall)
        const cost = usages.length === 0 ? null : costOf(usages, prices)
        expect(row?.cost as Cost | null).toEqual(cost)
        expect(row?.costNanoUsd).toBe(cost?.nanoUsd ?? 0)
      }),
      { numRuns: 100 },
    )
  }, 60_000)

  test('keep the order in which they are given', async () => {
    const id = await newConversation()
    await write(database.db, id, [begun], 'long')
    const given = [spoken(5), used(2, 'gpt-transcribe'), spoken(1), spoken(5), spoken(3)]
    expect(await recordWords(database.db, ours, id, given, { isPatient: false })).toBe(true)
    const kept = (await read(id)).events.map(({ key }) => key)
    expect(kept).toEqual([begun, ...given.filter((_, n) => n !== 3)].map(({ key }) => key))
  })

  const refused: [string, (id: string) => Promise<unknown>, ConversationEvent[]][] = [
    ['of a conversation that has not begun', async () => {}, [spoken(1)]],
    ['of one that is over', (id) => write(database.db, id, [begun, over], 'long'), [spoken(1)]],
    ['beside what the row is made of', (id) => write(database.db, id, [begun], 'long'), [spoken(1), over]],
  ]
  for (const [name, before, events] of refused) {
    test(`${name} are left to the long way, and nothing is done`, async () => {
      const id = await newConversation()
      await before(id)
      const was = await read(id)
      expect(await recordWords(database.db, ours, id, events, { isPatient: false })).toBe(false)
      expect(await read(id)).toEqual(was)
    })
  }

  test('are not written into a conversation of another organization, nor into one that is not there', async () => {
    const id = await newConversation()
    await write(database.db, id, [begun], 'long')
    for (const [organization, conversation] of [
      [theirs, id],
      [ours, crypto.randomUUID()],
    ] as const) {
      expect(await recordWords(database.db, organization, conversation, [spoken(1)], { isPatient: false })).toBe(false)
    }
    expect((await read(id)).events).toEqual([begun])
  })

  test('leave the connection as the bare login', async () => {
    const id = await newConversation()
    await write(database.db, id, [begun], 'long')
    const alone = database.open({ maxConnections: 1 })
    await recordWords(alone, ours, id, [spoken(1)], { isPatient: false })
    const reading = alone.ask(sql`select from conversation_events`)
    await expect(reading).rejects.toThrow('permission denied')
  })

  test('that cannot be kept are refused whole, with the reason of the database', async () => {
    const id = await newConversation()
    await write(database.db, id, [begun], 'long')
    const long = { ...spoken(1), key: 'k'.repeat(301) }
    const writing = recordWords(database.db, ours, id, [spoken(2), long], { isPatient: false })
    await expect(writing).rejects.toMatchObject({ code: '23514' })
    expect((await read(id)).events).toEqual([begun])
  })
})
