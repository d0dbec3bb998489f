// The server's connections: a small pool under the login role, which owns nothing and inherits nothing. A transaction
// becomes the tenant role, together with an organization, or stays the bare login. No session state outlives it, so a
// transaction pooler may stand in between. Every wait is limited: for a connection, in number and in time; for a transaction to
// begin, and to end; and on the server's side, for whatever a client has left behind that is gone. Where a connection is silent
// (the machine at its other end died, or the way to it) all are given up for new ones: the system would wait a quarter of an hour.
import { type SQL, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { z } from 'zod'
import { leadsThroughPooler } from '../lib/pooler.ts'
import { boundedQuestion, boundedTransaction } from './bounded.ts'
import type { Database } from './database.ts'
import { createPermits } from './permits.ts'
import { preparing } from './prepared.ts'
import { withoutValues } from './query-failed.ts'
import * as schema from './schema.ts'

export type DatabaseOptions = {
  /** Of the login role. Port 6543, or `?pgbouncer=true`, tells that a transaction pooler stands in between. */
  url: string
  /** Where to listen, which needs a session of its own: behind a transaction pooler, the direct URL. Default: `url`. */
  listenUrl?: string
  maxConnections: number
  /** How many transactions may wait for a connection, and how long each. */
  maxWaiting?: number
  acquireTimeoutMs?: number
  connectTimeoutMs?: number
  /** How long a server that cannot be reached is looked for: one that restarts is back by then. */
  patienceMs?: number
  /** From having a connection's turn to having begun: past this it never begins. */
  beginTimeoutMs?: number
  /** From there to the end, in real time; past this nobody waits for it, and what it did is not known. */
  transactionTimeoutMs?: number
  /** From having given up to new connections, if there is still no answer. */
  silenceTimeoutMs?: number
  /** Within an organization: of one statement; and of a transaction that has begun and does nothing. */
  statementTimeoutMs?: number
  idleTransactionTimeoutMs?: number
}

const usual = {
  maxWaiting: 1_000,
  acquireTimeoutMs: 5_000,
  connectTimeoutMs: 3_000,
  patienceMs: 3_000,
  beginTimeoutMs: 5_000,
  transactionTimeoutMs: 30_000,
  silenceTimeoutMs: 2_000,
  statementTimeoutMs: 10_000,
  idleTransactionTimeoutMs: 5_000,
}
/** How soon the server notices that a client is gone which waits for a lock: until then it holds the locks that it has. */
const goneClientCheckMs = 500
/** How long `end` lets running transactions finish. */
const endTimeoutMs = 5_000
const maxReconnectDelayMs = 1_000

/** Connects when first used. Do not open a transaction inside of another: it would take a second connection. */
export function createDatabase(options: DatabaseOptions): Database {
  const limit = { ...usual, ...options }
  const listener = connect(options.listenUrl ?? options.url, 1, limit.connectTimeoutMs)
  const permits = createPermits({
    count: options.maxConnections,
    maxWaiting: limit.maxWaiting,
    waitMs: limit.acquireTimeoutMs,
  })
  function open() {
    const client = connect(options.url, options.maxConnections, limit.connectTimeoutMs)
    // A pooler hands each transaction another connection, where nothing has been prepared.
    return { client, db: drizzle(preparing(client, !leadsThroughPooler(options.url)), { schema }) }
  }
  let connections = open()

  /** `use` is given the connections of the moment. Once they are silent, others take their place, and what still runs there may end. */
  function onConnections<T>(use: (of: typeof connections, begun: () => void) => Promise<T>) {
    let used = connections
    const onSilence = (): void => {
      if (used !== connections) return
      connections = open()
      void used.client.end({ timeout: limit.transactionTimeoutMs / 1000 })
    }
    const attempt = (begun = () => {}): Promise<T> => {
      used = connections
      return use(used, begun)
    }
    return { attempt, bounds: { ...limit, onSilence } }
  }

  /** Everything ends with the transaction. In one piece: it is put together for every transaction there is. */
  const entering = (organizationId: string, statementTimeoutMs = limit.statementTimeoutMs) => sql`
    select set_config('role', 'frontdesk_tenant', true), set_config('app.org_id', ${organizationId}, true),
      set_config('statement_timeout', ${String(statementTimeoutMs)}, true),
      set_config('idle_in_transaction_session_timeout', ${String(limit.idleTransactionTimeoutMs)}, true),
      set_config('client_connection_check_interval', ${String(goneClientCheckMs)}, true)`

  async function withPermit<T>(use: () => Promise<T>, isPatient = false): Promise<T> {
    const release = await permits.acquire(isPatient)
    try {
      return await use()
    } catch (error) {
      throw withoutValues(error)
    } finally {
      release()
    }
  }

  async function once<T>(
    question: (of: typeof connections) => Promise<T>,
    { patienceMs = limit.patienceMs, isPatient = false } = {},
  ): Promise<T> {
    const { attempt, bounds } = onConnections(question)
    const limits = { ...bounds, patienceMs, beginTimeoutMs: limit.statementTimeoutMs }
    return await withPermit(() => boundedQuestion(limits, attempt), isPatient)
  }

  return {
    async withOrg(organizationId, run, own = {}) {
      if (!z.guid().safeParse(organizationId).success)
        throw new Error('Cannot open a transaction: the organization id is no UUID')
      const { attempt, bounds } = onConnections(({ db }, begun) =>
        db.transaction(async (tx) => {
          begun()
          // On its way together with the first statement of `run`: were it to fail, the server would refuse all others.
          const entered = tx.execute(entering(organizationId, own.statementTimeoutMs)).then(() => {})
          const [enter, ran] = await Promise.allSettled([entered, run(tx)])
          if (enter.status === 'rejected') throw enter.reason
          if (ran.status === 'rejected') throw ran.reason
          return ran.value
        }),
      )
      return await withPermit(() => boundedTransaction(bounds, attempt), own.isPatient)
    },
    ask: <Row extends object>(question: SQL, own: { isPatient?: boolean } = {}) =>
      once(async ({ db }) => [...(await db.execute(question))] as unknown[] as Row[], own),
    async listen(channel, heard) {
      const { unlisten } = await listener.listen(channel, heard)
      return unlisten
    },
    async ping() {
      await once(async ({ client }) => client`select`, { patienceMs: 0 })
    },
    async end() {
      let timer: ReturnType<typeof setTimeout> | undefined
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, endTimeoutMs)
      })
      await Promise.race([permits.close(), patience])
      clearTimeout(timer)
      // Not left to the driver, which waits for a connection that broke with a statement on it as if an answer were to come.
      await Promise.all([connections.client, listener].map((each) => each.end({ timeout: 0 })))
    },
  }
}

function connect(address: string, max: number, connectTimeoutMs: number): postgres.Sql {
  const url = new URL(address)
  url.searchParams.delete('pgbouncer')
  return postgres(url.href, {
    max,
    prepare: !leadsThroughPooler(address),
    fetch_types: false,
    connect_timeout: connectTimeoutMs / 1000,
    backoff: (attempt) => Math.min(2 ** attempt * 10, maxReconnectDelayMs) / 1000,
    onnotice: () => {},
  })
}
