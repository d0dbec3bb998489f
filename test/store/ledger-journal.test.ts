// The pen of a live call: writing never waits and never throws, and what the database cannot take is tried again, or told.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import postgres from 'postgres'
import { limits } from '../../src/config.ts'
import type { ConversationFact } from '../../src/conversations/events.ts'
import { createJournal, type Journal } from '../../src/conversations/journal.ts'
import { randomIds } from '../../src/lib/ids.ts'
import { createLog } from '../../src/lib/log.ts'
import { type Clinic, seedClinic } from '../support/clinics.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { createHandClock, type HandClock } from '../support/hand-clock.ts'

let database: TestDatabase
let admin: postgres.Sql
let clinic: Clinic
let clock: HandClock
let lost: number
let log: string[]
let conversationId: string
let journal: Journal

beforeAll(async () => {
  database = await openTestDatabase()
  admin = postgres(database.adminUrl, { max: 1, onnotice: () => {} })
  clinic = await seedClinic(database.db, '01')
})
afterAll(async () => {
  await admin.end()
  await database.end()
})
beforeEach(async () => {
  clock = createHandClock(Date.UTC(2026, 2, 2, 9, 0, 0))
  log = []
  lost = 0
  conversationId = crypto.randomUUID()
  await admin`
    insert into conversations (organization_id, id, session_id, channel, direction, started_at, facts)
    select organization_id, ${conversationId}, ${conversationId}, channel, direction, started_at, facts
    from conversations where id = ${clinic.conversationId}`
  journal = journalOf(conversationId)
})

const journalOf = (conversation: string): Journal => {
  const write = (line: string) => void log.push(line)
  const deps = { db: database.db, clock, ids: randomIds, log: createLog({ level: 'info', write }) }
  return createJournal(deps, clinic.organizationId, conversation, (count) => {
    lost += count
  })
}

const warning = (about: string): ConversationFact => ({ kind: 'warning', about, text: 'Mrs. Reyes called' })
const kept = async (): Promise<string[]> =>
  (
    await admin<{ key: string }[]>`
      select key from conversation_events where conversation_id = ${conversationId} order by position`
  ).map(({ key }) => key)
const transactions = async (): Promise<unknown> => {
  const [written] = await admin`
    select count(distinct xmin::text)::int as count from conversation_events where conversation_id = ${conversationId}`
  return written?.count
}
/** Written down and on its way, alone. */
const sendOff = (fact: ConversationFact): void => {
  journal.write(fact, clock.now())
  void journal.flush()
}
const lines = (message: string) =>
  log.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ msg }) => msg === message)

/** The database refuses every event until `restore`. */
async function refuse(): Promise<{ restore(): Promise<unknown> }> {
  await admin`revoke insert on conversation_events from frontdesk_tenant`
  return { restore: async () => await admin`grant insert on conversation_events to frontdesk_tenant` }
}

describe('the journal of a call', () => {
  test('writes what it was given, in that order', async () => {
    for (const about of ['a', 'b', 'c']) expect(journal.write(warning(about), clock.now())).toBeUndefined()
    await journal.flush()
    expect(await kept()).toEqual(['warning:a', 'warning:b', 'warning:c'])
  })

  test('writes in batches: what heaps up while one is on its way goes with the next', async () => {
    sendOff(warning('first'))
    for (let n = 0; n < 200; n++) journal.write(warning(String(n)), clock.now())
    await journal.flush()
    expect(await kept()).toHaveLength(201)
    expect(await transactions()).toBe(2)
  })

  test('waits a moment for what comes with an event, and no longer: one transaction takes both', async () => {
    journal.write(warning('a'), clock.now())
    clock.advance(limits.journalGatherMs - 1)
    expect(await kept()).toEqual([])
    journal.write(warning('b'), clock.now())
    const written = journal.flush('soon')
    clock.advance(1)
    await written
    expect(await kept()).toEqual(['warning:a', 'warning:b'])
    expect(await transactions()).toBe(1)
  })

  test('has every event on its way to the ledger within a quarter of a second', async () => {
    journal.write(warning('a'), clock.now())
    const written = journal.flush('soon')
    clock.advance(250)
    await written
    expect(await kept()).toEqual(['warning:a'])
  })

  test('is hurried by whoever cannot wait', async () => {
    journal.write(warning('a'), clock.now())
    await journal.flush()
    expect(await kept()).toEqual(['warning:a'])
  })

  test('keeps apart what may rightly happen twice, and drops what may not', async () => {
    journal.write({ kind: 'model.failed', reason: 'x' }, clock.now(), 'first')
    journal.write({ kind: 'model.failed', reason: 'x' }, clock.now(), 'second')
    journal.write({ kind: 'model.failed', reason: 'x' }, clock.now(), 'second')
    await journal.flush()
    expect(await kept()).toEqual(['model.failed:first', 'model.failed:second'])
  })

  test('tries again when the database fails for a while, and loses nothing', async () => {
    const { restore } = await refuse()
    sendOff(warning('a'))
    for (const ms of [limits.journalRetryMs, limits.journalRetryMs * 2]) {
      await clock.untilSet()
      journal.write(warning(`after ${ms}`), clock.now())
      clock.advance(ms)
    }
    await clock.untilSet()
    await restore()
    clock.advance(limits.journalRetryMs * 4)
    await journal.flush()
    expect(await kept()).toEqual([
      'warning:a',
      `warning:after ${limits.journalRetryMs}`,
      `warning:after ${limits.journalRetryMs * 2}`,
    ])
    expect(lines('events could not be written yet').map(({ attempt }) => attempt)).toEqual([1, 2, 3])
    expect(lines('events were lost')).toEqual([])
  })

  test('gives up in the end, says how much was lost and not what, and goes on', async () => {
    const { restore } = await refuse()
    sendOff(warning('a'))
    for (const about of ['b', 'c']) journal.write(warning(about), clock.now())
    for (let batch = 0; batch < 2; batch++) {
      for (let attempt = 1; attempt <= limits.journalAttempts; attempt++) {
        await clock.untilSet()
        clock.advance(limits.journalRetryMs * 2 ** (attempt - 1))
      }
    }
    await journal.flush()
    expect(lines('events were lost').map(({ count, level }) => [count, level])).toEqual([
      [1, 50],
      [3, 50],
    ])
    expect(lost).toBe(3)
    expect(log.join('')).not.toContain('Reyes')
    await restore()
    journal.write(warning('d'), clock.now())
    await journal.flush()
    expect(await kept()).toEqual(['warning:d'])
  })

  test('holds no more than its limit, and counts what it could not hold', async () => {
    const { restore } = await refuse()
    sendOff(warning('on its way'))
    for (let n = 0; n < limits.journalEvents + 3; n++) journal.write(warning(String(n)), clock.now())
    expect(lines('events were lost').map(({ count, reason }) => [count, reason])).toEqual([
      [1, 'full'],
      [2, 'full'],
      [3, 'full'],
    ])
    await clock.untilSet()
    await restore()
    clock.advance(limits.journalRetryMs)
    await journal.flush()
    expect(await kept()).toHaveLength(limits.journalEvents + 1)
  })

  test('keeps the rest when one event cannot be kept at all', async () => {
    for (const about of ['a', 'x'.repeat(400), 'b']) journal.write(warning(about), clock.now())
    await journal.flush()
    expect(await kept()).toEqual(['warning:a', 'warning:b'])
    expect(lines('events were lost').map(({ count, reason }) => [count, reason])).toEqual([[1, 'unkeepable']])
  })

  test('of a conversation that is not there gives up as loudly, and never throws', async () => {
    journal = journalOf(crypto.randomUUID())
    sendOff(warning('a'))
    for (let attempt = 1; attempt <= limits.journalAttempts; attempt++) {
      await clock.untilSet()
      clock.advance(limits.journalRetryMs * 2 ** (attempt - 1))
    }
    await journal.flush()
    expect(lines('events were lost')).toHaveLength(1)
  })

  test('has nothing to flush before its first event', async () => {
    await journal.flush()
    expect(await kept()).toEqual([])
  })
})
