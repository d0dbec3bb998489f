// A fresh, migrated database for a test file, on one real Postgres for the whole run: the embedded one, or the disposable
// server that DATABASE_ADMIN_URL names (it makes roles there). The server stops when the run ends.
import { setDefaultTimeout } from 'bun:test'
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import type { Database, Tx } from '../../src/db/database.ts'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { createDatabase, type DatabaseOptions } from '../../src/db/pool.ts'
import * as schema from '../../src/db/schema.ts'
import { createScratchDatabase, dropScratchDatabase, urlOfDatabase } from '../../src/db/scratch.ts'

export type TestDatabase = {
  /** As the server: the login role, behind `withOrg`. */
  db: Database
  /** Another pool on it, for a test that needs its own limits. Ended with the rest. */
  open(options?: Partial<DatabaseOptions>): Database
  /** A transaction of the login role by itself, of no organization, as no code of ours opens one. */
  asLogin<T>(run: (tx: Tx) => Promise<T>): Promise<T>
  /** URLs of the login role and of the superuser. */
  appUrl: string
  adminUrl: string
  /** Closes every pool that was opened here, and drops the database. */
  end(): Promise<void>
}

type Server = { adminUrl: string; appUrl: string }

/** The first run of all makes a cluster and a template, perhaps on a busy machine. */
setDefaultTimeout(30_000)

const folder = fileURLToPath(new URL('../../.frontdesk/postgres', import.meta.url))
let server: Promise<Server> | undefined

/** Call it in `beforeAll`, and `end` in `afterAll`. */
export async function openTestDatabase(): Promise<TestDatabase> {
  server ??= process.env.DATABASE_ADMIN_URL === undefined ? embedded() : given(process.env.DATABASE_ADMIN_URL)
  const { adminUrl, appUrl } = await server
  const name = await createScratchDatabase({ adminUrl, appUrl })
  const opened: Database[] = []
  const open = (options: Partial<DatabaseOptions> = {}): Database => {
    const db = createDatabase({ url: urlOfDatabase(appUrl, name), maxConnections: 4, ...options })
    opened.push(db)
    return db
  }
  const login = postgres(urlOfDatabase(appUrl, name), { max: 1, onnotice: () => {} })
  return {
    db: open(),
    open,
    asLogin: (run) =>
      drizzle(login, { schema })
        .transaction(run)
        .catch((error: Error) => {
          throw error.cause ?? error
        }),
    appUrl: urlOfDatabase(appUrl, name),
    adminUrl: urlOfDatabase(adminUrl, name),
    async end() {
      await Promise.all([...opened, login].map((each) => each.end()))
      await dropScratchDatabase({ adminUrl, name })
    },
  }
}

async function embedded(): Promise<Server> {
  const postgres = await startEmbeddedPostgres({ folder })
  return { adminUrl: postgres.adminUrl('postgres'), appUrl: postgres.appUrl('postgres') }
}

/** The login's password there follows from the admin's, so that several runs at once agree on it. */
async function given(adminUrl: string): Promise<Server> {
  const appUrl = new URL(adminUrl)
  appUrl.username = 'frontdesk_app'
  appUrl.password = createHash('sha256').update(adminUrl).digest('base64url')
  return { adminUrl, appUrl: appUrl.href }
}
