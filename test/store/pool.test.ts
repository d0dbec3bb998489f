// A pooled connection serves one clinic after another, and remembers none; and every wait for one ends.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type AddressInfo, connect, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { eq, sql } from 'drizzle-orm'
import postgres from 'postgres'
import type { Database } from '../../src/db/database.ts'
import { createDatabase } from '../../src/db/pool.ts'
import { members, organizations } from '../../src/db/schema.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'

const poolSize = 4

let database: TestDatabase

beforeAll(async () => {
  database = await openTestDatabase()
})
afterAll(() => database.end())

/** What each connection of the pool is between transactions, asked of all of them at once. */
async function memories(db: Database): Promise<{ role: string; organization: string }[]> {
  const answers = await Promise.all(
    Array.from({ length: poolSize }, () =>
      db.ask<{ connection: number; role: string; organization: string }>(sql`
        select pg_backend_pid() as connection, current_user::text as role,
          coalesce(current_setting('app.org_id', true), '') as organization`),
    ),
  )
  expect(new Set(answers.flat().map(({ connection }) => connection)).size).toBe(poolSize)
  return answers.flat().map(({ role, organization }) => ({ role, organization }))
}

const forgotten = Array.from({ length: poolSize }, () => ({ role: 'frontdesk_app', organization: '' }))

async function makeOrganizations(db: Database, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => crypto.randomUUID())
  for (const id of ids) await db.withOrg(id, (tx) => tx.insert(organizations).values({ id, name: `Clinic ${id}` }))
  return ids
}

const member = (organizationId: string) => {
  const id = crypto.randomUUID()
  return { organizationId, id, name: 'Ada', email: `${id}@clinic.example`, role: 'staff' as const }
}

test('1,000 transactions at once, of 20 clinics, some failing, see no foreign row and leave no memory', async () => {
  const db = database.open({ maxConnections: poolSize, acquireTimeoutMs: 60_000 })
  const ids = await makeOrganizations(db, 20)
  const thrown = new Error('thrown on purpose')
  const ends = { commit: 0, error: 0, throw: 0 }
  const committed = new Map(ids.map((id) => [id, 0]))

  await Promise.all(
    Array.from({ length: 1_000 }, async (_, turn) => {
      const id = ids[turn % ids.length] ?? ''
      const end = turn % 5 === 1 ? 'error' : turn % 7 === 2 ? 'throw' : 'commit'
      const work = db.withOrg(id, async (tx) => {
        await tx.insert(members).values(member(id))
        const seen = await tx.select({ of: members.organizationId }).from(members)
        expect(seen.filter(({ of }) => of !== id)).toEqual([])
        expect(await tx.select({ id: organizations.id }).from(organizations)).toEqual([{ id }])
        if (end === 'error') await tx.execute(sql`select 1 / 0`)
        if (end === 'throw') throw thrown
      })
      ends[end]++
      if (end === 'commit') {
        await work
        committed.set(id, (committed.get(id) ?? 0) + 1)
      } else await expect(work).rejects.toMatchObject(end === 'throw' ? thrown : { code: '22012' })
    }),
  )

  expect(Math.min(...Object.values(ends))).toBeGreaterThan(100)
  for (const [id, count] of committed)
    expect(await db.withOrg(id, async (tx) => (await tx.select().from(members)).length)).toBe(count)
  expect(await memories(db)).toEqual(forgotten)
}, 30_000)

describe('a connection forgets its clinic', () => {
  const endings: [string, (tx: Parameters<Parameters<Database['withOrg']>[1]>[0]) => Promise<unknown>][] = [
    ['after a commit', async () => {}],
    ['after an error of the database', (tx) => tx.execute(sql`select 1 / 0`)],
    ['after a throw', () => Promise.reject(new Error('thrown on purpose'))],
    ['after an error within a savepoint', (tx) => tx.transaction((inner) => inner.execute(sql`select 1 / 0`))],
    [
      'after an error within a savepoint that was caught',
      (tx) => tx.transaction((inner) => inner.execute(sql`select 1 / 0`)).catch(() => {}),
    ],
    ['after its connection broke', (tx) => tx.execute(sql`select pg_terminate_backend(pg_backend_pid())`)],
  ]
  for (const [name, end] of endings) {
    test(name, async () => {
      const db = database.open({ maxConnections: poolSize })
      const [id = ''] = await makeOrganizations(db, 1)
      await Promise.all(Array.from({ length: poolSize }, () => db.withOrg(id, end).catch(() => {})))
      expect(await memories(db)).toEqual(forgotten)
    })
  }

  test('and a savepoint that fails leaves the rest of the transaction in its clinic', async () => {
    const [id = ''] = await makeOrganizations(database.db, 1)
    await database.db.withOrg(id, async (tx) => {
      await tx.transaction((inner) => inner.execute(sql`select 1 / 0`)).catch(() => {})
      await tx.insert(members).values(member(id))
    })
    expect(await database.db.withOrg(id, (tx) => tx.select().from(members))).toHaveLength(1)
  })
})

describe('waiting for a connection ends', () => {
  /** A pool of one, whose connection is held until `letGo`. */
  async function busyPool(limits: { maxWaiting?: number; acquireTimeoutMs?: number }) {
    const db = database.open({ maxConnections: 1, ...limits })
    const held = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    const holding = db.withOrg(crypto.randomUUID(), async () => {
      begun.resolve()
      await held.promise
    })
    await begun.promise
    return {
      db,
      async letGo() {
        held.resolve()
        await holding
      },
    }
  }

  test('at once, when too many are waiting already', async () => {
    const { db, letGo } = await busyPool({ maxWaiting: 2 })
    const waiting = [db.ping(), db.ping()]
    await expect(db.ping()).rejects.toThrow('2 transactions are waiting already')
    await letGo()
    await Promise.all(waiting)
    await db.ping()
  })

  test('after its limit, and the next one is served in its turn', async () => {
    const { db, letGo } = await busyPool({ acquireTimeoutMs: 20 })
    await expect(db.ping()).rejects.toThrow('no connection came free in 20 ms')
    await letGo()
    await db.ping()
  })

  test('for the patient after all others', async () => {
    const { db, letGo } = await busyPool({})
    const served: string[] = []
    const serve = (who: string, isPatient: boolean) =>
      db.withOrg(crypto.randomUUID(), async () => void served.push(who), { isPatient })
    const waiting = [serve('patient', true), serve('first', false), serve('second', false)]
    await letGo()
    await Promise.all(waiting)
    expect(served).toEqual(['first', 'second', 'patient'])
  })

  test('when the server cannot be reached', async () => {
    const url = new URL(database.appUrl)
    url.port = '1'
    const db = createDatabase({ url: url.href, maxConnections: 1, patienceMs: 0 })
    await expect(db.ping()).rejects.toThrow()
    await expect(db.ask(sql`select`)).rejects.toThrow()
    await db.end()
  })
})

describe('a server that takes connections and drops them', () => {
  /** In front of the database: drops whoever comes, until it is opened. */
  function gate() {
    const { hostname, port } = new URL(database.appUrl)
    let isOpen = false
    const server = createServer((socket) => {
      if (!isOpen) return void socket.end()
      const onward = connect(Number(port), hostname)
      socket.pipe(onward).pipe(socket)
      for (const end of [socket, onward]) end.on('error', () => {})
    })
    const { promise: listening, resolve } = Promise.withResolvers<number>()
    const listen = (at: number) => server.listen(at, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
    listen(0)
    return { listening, listen, open: () => (isOpen = true), close: () => server.close() }
  }

  test('or is not there for a moment is looked for again; who only asks whether it is there hears that it is not', async () => {
    const coming = gate()
    coming.open()
    const url = new URL(database.appUrl)
    url.port = String(await coming.listening)
    coming.close()
    const [db, other] = [1, 2].map(() => createDatabase({ url: url.href, maxConnections: 2 }))
    if (db === undefined || other === undefined) throw new Error('there is no database')
    await expect(db.ping()).rejects.toThrow()
    const work = Promise.all([db.withOrg(crypto.randomUUID(), async () => 'done'), db.ask(sql`select 1 as one`)])
    await expect(other.ping()).rejects.toThrow()
    coming.listen(Number(url.port))
    expect(await work).toEqual(['done', [{ one: 1 }]])
    await Promise.all([db.end(), other.end()])
    coming.close()
  })

  test('is not waited for longer than a transaction may take to begin, and holds nobody else up', async () => {
    const dropping = gate()
    const url = new URL(database.appUrl)
    url.port = String(await dropping.listening)
    const db = createDatabase({ url: url.href, maxConnections: 1, beginTimeoutMs: 50, statementTimeoutMs: 50 })
    const [id = ''] = await makeOrganizations(database.db, 1)
    let runs = 0
    const attempt = () =>
      db.withOrg(id, async (tx) => {
        runs++
        await tx.insert(members).values(member(id))
      })
    await expect(attempt()).rejects.toThrow('it did not answer within 50 ms')
    await expect(attempt()).rejects.toThrow('it did not answer within 50 ms')
    await expect(db.ping()).rejects.toThrow('it did not answer within 50 ms')
    dropping.open()
    // What was given up has begun by then, before whoever comes after it; and did nothing.
    await until(() => db.ping())
    expect(runs).toBe(0)
    expect(await database.db.withOrg(id, (tx) => tx.select().from(members))).toEqual([])
    await until(attempt)
    expect(await database.db.withOrg(id, (tx) => tx.select().from(members))).toHaveLength(runs)
    await db.end()
    dropping.close()
  })

  const until = async (attempt: () => Promise<unknown>): Promise<void> => {
    while (
      !(await attempt().then(
        () => true,
        () => false,
      ))
    );
  }
})

/** Its connection is ended by the server while a statement runs on it. */
async function breakInStatement(db: Database, admin: postgres.Sql): Promise<void> {
  const breaking = db.withOrg(crypto.randomUUID(), async (tx) => {
    const [backend] = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`)
    const sleeping = tx.execute(sql`select pg_sleep(60)`).then(() => {})
    await admin`select pg_terminate_backend(${backend?.pid ?? 0})`
    await sleeping
  })
  await expect(breaking).rejects.toMatchObject({ code: expect.stringMatching(/^(CONNECTION_CLOSED|57P01)$/) })
}

test('connections that break in the middle of a statement, again and again, reject that one and serve the next', async () => {
  const db = database.open({ maxConnections: 1 })
  const admin = postgres(database.adminUrl, { max: 1, onnotice: () => {} })
  for (let time = 1; time <= 6; time++) {
    await breakInStatement(db, admin)
    expect(await db.withOrg(crypto.randomUUID(), async (tx) => (await tx.execute(sql`select`)).count)).toBe(1)
  }
  await admin.end()
})

test('ends when its transactions have, and does not wait for a connection that broke with a statement on it', async () => {
  const db = createDatabase({ url: database.appUrl, maxConnections: 2 })
  const admin = postgres(database.adminUrl, { max: 1, onnotice: () => {} })
  await breakInStatement(db, admin)
  const [held, ending] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const lasting = db.withOrg(crypto.randomUUID(), async (tx) => {
    held.resolve()
    await ending.promise
    return (await tx.execute(sql`select`)).count
  })
  await held.promise
  const ended = db.end()
  await expect(db.ping()).rejects.toThrow('Cannot use the database: it is being closed')
  ending.resolve()
  expect(await lasting).toBe(1)
  await ended
  await admin.end()
}, 4_000)

test('a transaction that does not end is not waited for, and leaves the next one its turn', async () => {
  const db = database.open({ maxConnections: 1, transactionTimeoutMs: 50 })
  const [id = ''] = await makeOrganizations(database.db, 1)
  const ending = Promise.withResolvers<void>()
  const endless = db.withOrg(id, async (tx) => {
    await tx.insert(members).values(member(id))
    await ending.promise
    throw new Error('it ends after all')
  })
  await expect(endless).rejects.toThrow('it did not end a transaction within 50 ms')
  const next = db.withOrg(id, (tx) => tx.select().from(members))
  ending.resolve()
  expect(await next).toEqual([])
})

test('what a client held that died while it waited for a lock is free again at once', async () => {
  const script = fileURLToPath(new URL('../support/waiting-client.ts', import.meta.url))
  const [id = ''] = await makeOrganizations(database.db, 1)
  const admin = postgres(database.adminUrl, { max: 2, onnotice: () => {} })
  const waits = async (): Promise<boolean> =>
    (await admin`select from pg_locks where not granted and relation = 'members'::regclass`).length > 0
  const isOver = Promise.withResolvers<void>()
  const holding = admin.begin(async (tx) => {
    await tx`lock table members in share row exclusive mode`
    const client = Bun.spawn([process.execPath, script, database.appUrl, id], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    while (!(await waits()));
    client.kill('SIGKILL')
    await client.exited
    await isOver.promise
  })
  // The row that it had locked, while the lock that it waited for is still held.
  await database.db.withOrg(id, (tx) => tx.execute(sql`select from organizations where id = ${id} for update`))
  isOver.resolve()
  await holding
  await admin.end()
}, 9_000)

test('a statement that takes too long is ended, and its transaction with it', async () => {
  const db = database.open({ maxConnections: 1, statementTimeoutMs: 20 })
  const [id = ''] = await makeOrganizations(db, 1)
  const slow = db.withOrg(id, async (tx) => {
    await tx.insert(members).values(member(id))
    await tx.execute(sql`select pg_sleep(60)`)
  })
  await expect(slow).rejects.toMatchObject({ code: '57014' })
  expect(await db.withOrg(id, (tx) => tx.select().from(members))).toEqual([])
})

test('what is asked before an organization is known is limited by the login itself', async () => {
  const [limit] = await database.db.ask<{ statement_timeout: string }>(sql`show statement_timeout`)
  expect(limit).toEqual({ statement_timeout: '10s' })
})

test('behind a transaction pooler nothing is prepared', async () => {
  const url = new URL(database.appUrl)
  url.searchParams.set('pgbouncer', 'true')
  const preparedBy = async (db: Database) => {
    const [id = ''] = await makeOrganizations(db, 1)
    return await db.withOrg(id, async (tx) => {
      await tx.select().from(members).where(eq(members.organizationId, id))
      return (await tx.execute(sql`select from pg_prepared_statements where statement like '%from "members"%'`)).count
    })
  }
  expect(await preparedBy(database.open({ url: url.href, maxConnections: 1 }))).toBe(0)
  expect(await preparedBy(database.open({ maxConnections: 1 }))).toBeGreaterThan(0)
})

test('an error that leaves a transaction tells the constraint, and no value', async () => {
  const [id = ''] = await makeOrganizations(database.db, 1)
  const patient = { ...member(id), name: 'Grace Hopper', email: 'grace@home.example' }
  const errors = await Promise.all([
    database.db.withOrg(id, (tx) => tx.insert(members).values([patient, patient])).catch((error) => error),
    database.db.withOrg(id, (tx) => tx.execute(sql`select ${'Grace Hopper'}::int`)).catch((error) => error),
  ])
  expect(errors[0]).toMatchObject({ code: '23505', constraint: 'members_pkey' })
  expect(errors[1]).toMatchObject({ code: '22P02' })
  for (const error of errors) {
    const everything = [Bun.inspect(error), error.stack, error.message, JSON.stringify(error)].join()
    expect(everything).not.toContain('Grace')
    expect(everything).not.toContain('grace@')
  }
})

describe('a listener', () => {
  test('hears what was committed, in order, and nothing that was rolled back', async () => {
    const db = database.open()
    const heard: string[] = []
    const last = Promise.withResolvers<void>()
    const stop = await db.listen('bell', (payload) => {
      heard.push(payload)
      if (payload === 'last') last.resolve()
    })
    const ring = (payload: string, end?: Error) =>
      db.withOrg(crypto.randomUUID(), async (tx) => {
        await tx.execute(sql`select pg_notify('bell', ${payload})`)
        if (end !== undefined) throw end
      })
    await ring('first')
    await ring('never', new Error('rolled back')).catch(() => {})
    await ring('last')
    await last.promise
    await stop()
    expect(heard).toEqual(['first', 'last'])
  })

  test('hears again after its connection broke', async () => {
    const db = database.open()
    const admin = postgres(database.adminUrl, { max: 1 })
    const heard = Promise.withResolvers<string>()
    const stop = await db.listen('bell2', heard.resolve)
    const listeners = () => admin`
      select pid from pg_stat_activity where datname = current_database() and state = 'idle' and query like 'listen "bell2"%'`
    const [before] = await listeners()
    await admin`select pg_terminate_backend(${before?.pid ?? 0})`
    for (let after = before; after === undefined || after.pid === before?.pid; ) [after] = await listeners()
    await admin`select pg_notify('bell2', 'again')`
    expect(await heard.promise).toBe('again')
    await stop()
    await admin.end()
  })
})
