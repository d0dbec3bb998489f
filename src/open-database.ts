// The database of whatever runs from the command line: the one that is configured, or the embedded one, which ends with it.
import type { Config } from './config.ts'
import { migrate } from './db/migrate.ts'
import { startLocalDatabase } from './local.ts'

type OpenedDatabase = {
  databaseUrl: string
  /** The owner's, of the embedded one. */
  adminUrl?: string
  stopDatabase(): Promise<void>
}

/** With an owner's address it is brought up to date, too. `stopDatabase` stops what was started here. */
export async function openDatabase(config: Config): Promise<OpenedDatabase> {
  const { DATABASE_URL, DATABASE_ADMIN_URL } = config
  if (DATABASE_URL === undefined) {
    const local = await startLocalDatabase((step) => console.error(`… ${step}`))
    return { databaseUrl: local.appUrl, adminUrl: local.adminUrl, stopDatabase: local.postgres.stop }
  }
  if (DATABASE_ADMIN_URL !== undefined) await bringUpToDate(DATABASE_ADMIN_URL, DATABASE_URL)
  return { databaseUrl: DATABASE_URL, stopDatabase: async () => {} }
}

export const bringUpToDate = (adminUrl: string, appUrl: string | undefined): Promise<void> =>
  reached(adminUrl, migrate({ adminUrl, appUrl }))

/** Says which database it is that fails, and what to do about one that was never migrated. */
export async function reached<T>(url: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    const isEmpty = typeof error.code === 'string' && notThere.has(error.code)
    const what = isEmpty ? 'is not migrated: run `bun start migrate`' : `cannot be used: ${error.message}`
    throw new Error(`the database at ${new URL(url).host} ${what}`, { cause: error })
  }
}

/** SQLSTATE of a schema, a table, a function and a role that do not exist; of the last, as a setting's value. */
const notThere = new Set(['3F000', '42P01', '42883', '42704', '22023'])
