// The database as the rest of the house sees it. `withOrg` is the only way to a clinic's row: it opens a transaction as
// the tenant role, with the organization set for just that transaction. `beforeOrg` can call the routing functions only.
import type { ExtractTablesWithRelations, SQL } from 'drizzle-orm'
import type { PgTransaction } from 'drizzle-orm/pg-core'
import type { PostgresJsQueryResultHKT } from 'drizzle-orm/postgres-js'
import type * as schema from './schema.ts'

export type Tx = PgTransaction<PostgresJsQueryResultHKT, typeof schema, ExtractTablesWithRelations<typeof schema>>

export type Database = {
  /**
   * Commits when `run` resolves, rolls back when it throws. The organization and role end with the transaction. Its own limits
   * hold in place of the usual: the server breaks off a statement that takes longer. `isPatient`: where connections are few,
   * everybody else goes first.
   */
  withOrg<T>(
    organizationId: string,
    run: (tx: Tx) => Promise<T>,
    own?: { statementTimeoutMs?: number; isPatient?: boolean },
  ): Promise<T>
  /**
   * For what must be asked before the organization is known: one statement, a transaction by itself, that calls a security
   * definer function, which answers with ids. When the connection breaks it is asked again, though it may have been done.
   */
  beforeOrg<Row extends object>(question: SQL): Promise<Row[]>
  /** Calls `heard` with each payload notified on `channel`; answers with how to stop. */
  listen(channel: string, heard: (payload: string) => void): Promise<() => Promise<void>>
  /** One round trip; throws when the database cannot be reached. */
  ping(): Promise<void>
  end(): Promise<void>
}
