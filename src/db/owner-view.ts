// What only the owner of a database can tell: how far it is migrated, and which clinics and numbers there are. For whoever
// looks after a deployment; the server never has this connection.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import postgres from 'postgres'
import { z } from 'zod'
import { migrationsFolder } from './migrate.ts'

export type OwnerView = {
  /** Migrations of this code that the database has not had, and how many it had that this code does not know. */
  migrations(): Promise<{ missing: string[]; unknown: number }>
  /** What calls are routed by, in the order of numbers and of accounts. */
  routes(): Promise<{ numbers: { phoneNumber: string; organizationId: string }[]; accountOwners: string[] }>
  end(): Promise<void>
}

const connectTimeoutS = 5
const statementTimeoutMs = 10_000
/** SQLSTATE of a table that does not exist. */
const noSuchTable = '42P01'

export function openOwnerView(adminUrl: string): OwnerView {
  const sql = postgres(adminUrl, {
    max: 1,
    fetch_types: false,
    connect_timeout: connectTimeoutS,
    connection: { statement_timeout: statementTimeoutMs },
    onnotice: () => {},
  })
  return {
    async migrations() {
      const known = await readJournal()
      const rows = await sql<{ at: string }[]>`select created_at::text as at from drizzle.__drizzle_migrations`.catch(
        (error: { code?: string }) => {
          if (error.code === noSuchTable) return []
          throw error
        },
      )
      const had = new Set(rows.map(({ at }) => Number(at)))
      const missing = known.filter(({ when }) => !had.has(when)).map(({ tag }) => tag)
      return { missing, unknown: rows.length - (known.length - missing.length) }
    },
    async routes() {
      const numbers = await sql<{ phoneNumber: string; organizationId: string }[]>`
        select phone_number as "phoneNumber", organization_id::text as "organizationId" from routing.numbers
        where channel = 'twilio' order by 1`
      const accounts = await sql<{ id: string }[]>`
        select organization_id::text as id from routing.accounts order by account_sid`
      return { numbers: [...numbers], accountOwners: accounts.map(({ id }) => id) }
    },
    end: () => sql.end({ timeout: 0 }),
  }
}

const journal = z.object({ entries: z.array(z.object({ when: z.number(), tag: z.string() })) })

const readJournal = async () =>
  journal.parse(JSON.parse(await readFile(join(migrationsFolder, 'meta', '_journal.json'), 'utf8'))).entries
