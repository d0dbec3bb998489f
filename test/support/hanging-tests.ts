// Tests as `bun test` runs them, of which the first takes too long, and the second asks the database that the process uses. Run by
// embedded.test.ts, with the database's folder in FOLDER.
import { beforeAll, test } from 'bun:test'
import postgres from 'postgres'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/db/embedded.ts'

let server: EmbeddedPostgres

beforeAll(async () => {
  server = await startEmbeddedPostgres({ folder: process.env.FOLDER ?? '' })
})

test('one takes too long', () => new Promise(() => {}), 50)

test('the next one has its database', async () => {
  const sql = postgres(server.adminUrl('postgres'), { max: 1 })
  await sql`select`
  await sql.end()
})
