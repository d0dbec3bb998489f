// Brings a database to the present schema: the queue's own tables, then ours, one process at a time. Needs the owner's
// direct connection (a lock is held by the session), which the server itself never has.
import { fileURLToPath } from 'node:url'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate as migrateTables } from 'drizzle-orm/postgres-js/migrator'
import { Logger, runMigrations } from 'graphile-worker'
import postgres from 'postgres'

export const migrationsFolder = fileURLToPath(new URL('../../drizzle', import.meta.url))
/** The advisory lock that whoever migrates a database holds. */
const migrationLock = 7_140_551

/**
 * Safe to call from many processes at once, and when there is nothing to do. With `appUrl`, its password becomes that of
 * the login `frontdesk_app`.
 */
export async function migrate(options: { adminUrl: string; appUrl?: string }): Promise<void> {
  const sql = postgres(options.adminUrl, { max: 1, max_lifetime: null, onnotice: () => {} })
  try {
    await sql`select pg_advisory_lock(${migrationLock})`
    await runMigrations({ connectionString: options.adminUrl, logger: new Logger(() => () => {}) })
    await migrateTables(drizzle(sql), { migrationsFolder }).catch(withCause)
    if (options.appUrl !== undefined) await setAppPassword(sql, options.appUrl)
  } finally {
    await sql.end({ timeout: 0 })
  }
}

/** What the database said, in place of the whole migration in which it said so. */
const withCause = (error: Error): never => {
  throw error.cause ?? error
}

/** Creates a database unless it is there. `adminUrl` names another one of its server; several may ask at once. */
export async function ensureDatabase({ adminUrl, name }: { adminUrl: string; name: string }): Promise<void> {
  const sql = postgres(adminUrl, { max: 1, fetch_types: false, onnotice: () => {} })
  const isThere = async () => (await sql`select from pg_database where datname = ${name}`).count > 0
  try {
    if (await isThere()) return
    await sql`create database ${sql(name)}`.catch(async (error) => {
      if (!(await isThere())) throw error
    })
  } finally {
    await sql.end({ timeout: 0 })
  }
}

/** Writes only when the password does not work yet: a role belongs to all databases, and others may be writing it too. */
export async function setAppPassword(sql: postgres.Sql, appUrl: string): Promise<void> {
  if (await canLogIn(appUrl)) return
  const password = decodeURIComponent(new URL(appUrl).password)
  const [statement] = await sql<{ text: string }[]>`
    select format('alter role frontdesk_app password %L', ${password}::text) as text`
  try {
    await sql.unsafe(statement?.text ?? '')
  } catch (error) {
    if (!(await canLogIn(appUrl))) throw error
  }
}

async function canLogIn(url: string): Promise<boolean> {
  const sql = postgres(url, { max: 1, fetch_types: false, onnotice: () => {} })
  try {
    await sql`select`
    return true
  } catch {
    return false
  } finally {
    await sql.end({ timeout: 0 })
  }
}
