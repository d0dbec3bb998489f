// What is over is over: a transaction hears nothing more, and connections that nobody answers at are not asked again.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import type { Database, Tx } from '../../src/db/database.ts'
import { organizations } from '../../src/db/schema.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { silentWay } from '../support/silent-way.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await openTestDatabase()
})
afterAll(() => database.end())

async function makeOrganizations(db: Database, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => crypto.randomUUID())
  for (const id of ids) await db.withOrg(id, (tx) => tx.insert(organizations).values({ id, name: `Clinic ${id}` }))
  return ids
}

test('what is said in a transaction that is over is refused, and not heard by the next one on its connection', async () => {
  const db = database.open({ maxConnections: 1 })
  const [ours = '', theirs = ''] = await makeOrganizations(db, 2)
  const late: (() => Promise<unknown>)[] = []
  const keep = async (tx: Tx) => {
    late.push(
      () => tx.select().from(organizations),
      () => tx.execute(sql`select enqueue_job('late', '{}'::jsonb, null, null)`),
      () => tx.transaction((inner) => inner.select().from(organizations)),
    )
    await tx.transaction(async (inner) => void late.push(() => inner.select().from(organizations)))
  }
  await db.withOrg(ours, keep)
  await db
    .withOrg(ours, async (tx) => {
      await keep(tx)
      throw new Error('on purpose')
    })
    .catch(() => {})
  await db.withOrg(theirs, async (tx) => {
    for (const say of late)
      await expect(say().catch((error: Error) => Promise.reject(error.cause ?? error))).rejects.toThrow('is over')
    expect(await tx.select({ id: organizations.id }).from(organizations)).toEqual([{ id: theirs }])
  })
  await expect(Promise.all(late.map((say) => say()))).rejects.toThrow()
})

for (const [name, ask] of Object.entries({
  question: (db: Database) => db.ask(sql`select 1 as one`),
  transaction: (db: Database) => db.withOrg(crypto.randomUUID(), (tx) => tx.execute(sql`select 1 as one`)),
}))
  test(`connections that went silent are replaced, and the next ${name} is answered`, async () => {
    const way = await silentWay(database.appUrl)
    const limits = { beginTimeoutMs: 50, statementTimeoutMs: 50, silenceTimeoutMs: 50 }
    const db = database.open({ url: way.url, maxConnections: 2, ...limits })
    const both = () => Promise.all([ask(db), ask(db)])
    await both()
    expect(way.count()).toBe(2)
    for (let time = 1; time <= 3; time++) {
      way.silence()
      await expect(both()).rejects.toThrow('it did not answer within 50 ms')
      let tries = 1
      while (!(await both().catch(() => false))) expect(++tries).toBeLessThan(100)
    }
    way.close()
  })
