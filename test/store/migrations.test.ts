// Migrations, begun by several servers at once, and begun again.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import postgres from 'postgres'
import { ensureDatabase, migrate } from '../../src/db/migrate.ts'
import { urlOfDatabase } from '../../src/db/scratch.ts'
import { breaches } from '../support/catalog.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'

let database: TestDatabase
let admin: postgres.Sql
const empty = `empty_${crypto.randomUUID().slice(0, 8)}`

beforeAll(async () => {
  database = await openTestDatabase()
  admin = postgres(database.adminUrl, { max: 1, onnotice: () => {} })
})
afterAll(async () => {
  await admin`drop database ${admin(empty)} with (force)`
  await admin.end()
  await database.end()
})

test('many servers may make one database and migrate it at the same time, and again', async () => {
  const adminUrl = urlOfDatabase(database.adminUrl, empty)
  const appUrl = urlOfDatabase(database.appUrl, empty)
  const start = async () => {
    await ensureDatabase({ adminUrl: database.adminUrl, name: empty })
    await migrate({ adminUrl, appUrl })
  }
  await Promise.all(Array.from({ length: 5 }, start))
  await start()

  const made = postgres(adminUrl, { max: 1 })
  const login = postgres(appUrl, { max: 1 })
  try {
    expect(await breaches(made)).toEqual([])
    const [applied] =
      await made`select count(*)::int as count, count(distinct hash)::int as different from drizzle.__drizzle_migrations`
    expect(applied?.count).toBe(applied?.different)
    expect((await login`select current_user as login`)[0]?.login).toBe('frontdesk_app')
  } finally {
    await Promise.all([made.end(), login.end()])
  }
})

test('a migration that cannot reach its database ends, and says so', async () => {
  const adminUrl = urlOfDatabase(database.adminUrl, 'no_such_database')
  await expect(migrate({ adminUrl })).rejects.toThrow('database "no_such_database" does not exist')
})
