// The database as the rest of the house sees it. `withOrg` is the only way to a clinic's row: it opens a transaction as
// the tenant role, with the organization set for just that transaction. `ask` can call functions of the
// database only.
import type { ExtractTablesWithRelations, SQL } from 'drizzle-orm'
import type { PgTransaction } from 'drizzle-orm/pg-core'
import type { PostgresJsQueryResultHKT } from 'drizzle-orm/postgres-js'
import type * as schema from './schema.ts'

export type Tx = PgTransaction<PostgresJsQueryResultHKT, typeof schema, ExtractTablesWithRelations<typeof schema>>

export type Database = {
  /**
   * Commits when `run` resolves, rolls back when it throws; runs it again when the server took it back for a deadlock. The
   * organization and role end with the transaction. Its own limits hold in place of the usual: the server breaks off a statement
   * that takes longer. `isPatient`: where connections are few, everybody else goes first.
   */
  withOrg<T>(
    organizationId: string,
    run: (tx: Tx) => Promise<T>,
    own?: { statementTimeoutMs?: number; isPatient?: boolean },
  ): Promise<T>
  /**
   * One statement, a transaction by itself. By itself the login can do nothing but call a function: one that answers with ids as
   * long as the organization is not known, or one that enters the organization which it is given. When the connection breaks it is
   * asked again, though it may have been done. `isPatient`: as above.
   */
  ask<Row extends object>(question: SQL, own?: { isPatient?: boolean }): Promise<Row[]>
  /** Calls `heard` with each payload notified on `channel`; answers with how to stop. */
  listen(channel: string, heard: (payload: string) => void): Promise<() => Promise<void>>
  /** One round trip; throws when the database cannot be reached. */
  ping(): Promise<void>
  end(): Promise<void>
}
