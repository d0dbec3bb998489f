// Transactions that stand in each other's way: both are done, and whoever starts a server stands in nobody's.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import postgres from 'postgres'
import type { Tx } from '../../src/db/database.ts'
import { enqueue, startJobs } from '../../src/db/jobs.ts'
import { organizations } from '../../src/db/schema.ts'
import { createLog } from '../../src/lib/log.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'

const ourId = crypto.randomUUID()

let database: TestDatabase
let admin: postgres.Sql

beforeAll(async () => {
  database = await openTestDatabase()
  admin = postgres(database.adminUrl, { max: 1, onnotice: () => {} })
  // Before our own connections: whoever comes last into a deadlock is the one that it is found by, and taken back.
  await admin`alter database ${admin(new URL(database.adminUrl).pathname.slice(1))} set deadlock_timeout = 1`
  await database.db.withOrg(ourId, (tx) => tx.insert(organizations).values({ id: ourId, name: 'Ours' }))
  await admin`create table two (id integer primary key, count integer not null default 0)`
  await admin`insert into two values (1), (2)`
  await admin`grant select, update on two to frontdesk_tenant, frontdesk_app`
})
afterAll(async () => {
  await admin.end()
  await database.end()
})

const add = (tx: Tx, id: number) => tx.execute(sql`update two set count = count + 1 where id = ${id}`)
const counts = async () =>
  (await admin<{ count: number }[]>`select count from two order by id`).map(({ count }) => count)

/** Until somebody waits for a lock. */
async function waiting(): Promise<void> {
  const isWaiting = () => admin`
    select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
  while ((await isWaiting()).count === 0);
}

test('of two transactions that wait for each other one is done again, and nothing of it twice', async () => {
  const both = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const
  let runs = 0
  const lock = (first: 0 | 1) =>
    database.db.withOrg(ourId, async (tx) => {
      runs++
      await add(tx, first + 1)
      both[first].resolve()
      await both[1 - first]?.promise
      await add(tx, 2 - first)
      return first
    })
  expect(await Promise.all([lock(0), lock(1)])).toEqual([0, 1])
  expect([runs, await counts()]).toEqual([3, [2, 2]])
})

test('a transaction that is refused for what is in it is not run again', async () => {
  let runs = 0
  const twice = database.db.withOrg(ourId, (tx) => {
    runs++
    return tx.insert(organizations).values({ id: ourId, name: 'Ours again' })
  })
  await expect(twice).rejects.toMatchObject({ code: '23505' })
  expect(runs).toBe(1)
})

test('a server that starts on a new queue waits for whoever adds the first jobs, and holds none of them up', async () => {
  const added = Promise.withResolvers<void>()
  let runs = 0
  const adding = database.db.withOrg(ourId, async (tx) => {
    runs++
    await enqueue(tx, { task: 'second', ids: {} })
    added.resolve()
    if (runs === 1) await waiting()
    await enqueue(tx, { task: 'first', ids: {} })
  })
  await added.promise
  const done = Promise.withResolvers<void>()
  const log: string[] = []
  const runner = await startJobs({
    url: database.appUrl,
    tasks: { first: async () => done.resolve(), second: async () => {} },
    log: createLog({ level: 'warn', write: (line) => log.push(line) }),
    ...{ concurrency: 1, pollIntervalMs: 50 },
  })
  await adding
  await done.promise
  await runner.stop()
  expect([runs, log]).toEqual([1, []])
})
