// Whatever a clinic tries on another's rows: every table that the catalog knows, every verb, and the ways around.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type SQL, sql } from 'drizzle-orm'
import postgres from 'postgres'
import type { Database, Tx } from '../../src/db/database.ts'
import { members, organizations } from '../../src/db/schema.ts'
import { assertWalled } from '../../src/db/wall.ts'
import { type Clinic, seedClinic } from '../support/clinics.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'

type Table = { name: string; org: string; row: string }

let database: TestDatabase
let admin: postgres.Sql
let ours: Clinic
let theirs: Clinic
let tables: Table[]

beforeAll(async () => {
  database = await openTestDatabase()
  admin = postgres(database.adminUrl, { max: 1, onnotice: () => {} })
  ours = await seedClinic(database.db, '01')
  theirs = await seedClinic(database.db, '02')
  const names = await admin<{ name: string }[]>`
    select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') order by 1`
  tables = await Promise.all(
    names.map(async ({ name }) => {
      const org = name === 'organizations' ? 'id' : 'organization_id'
      const [row] = await rowsOf(name, org, theirs)
      return { name, org, row: row ?? '' }
    }),
  )
})
afterAll(async () => {
  await admin.end()
  await database.end()
})

const rowsOf = async (name: string, org: string, clinic: Clinic): Promise<string[]> =>
  (
    await admin<{ row: string }[]>`
      select to_jsonb(t)::text as row from ${admin(name)} t where ${admin(org)} = ${clinic.organizationId} order by 1`
  ).map(({ row }) => row)

/** What happened to a statement of ours: how many rows it touched or saw, or the SQLSTATE that refused it. */
async function attempt(statement: SQL, prelude: SQL[] = []): Promise<number | string> {
  return await outcomeOf(database.db.withOrg(ours.organizationId, (tx) => runAll(tx, [...prelude, statement])))
}

async function runAll(tx: Tx, statements: SQL[]): Promise<number> {
  let count = 0
  for (const statement of statements) count = (await tx.execute(statement)).count
  return count
}

const outcomeOf = (work: Promise<number>): Promise<number | string> =>
  work.catch((error) => error.code ?? error.message)

/** Permission denied. */
const denied = '42501'
/** The worker's role does not even see the schema. */
const unseen = '42P01'

const insertTheirs = ({ name, row }: Table): SQL =>
  sql`insert into ${sql.identifier(name)} overriding system value
    select * from jsonb_populate_record(null::${sql.identifier(name)}, ${row}::jsonb)`

/** Each verb, as our clinic would do it to a row of theirs. */
const verbs: Record<string, (table: Table) => SQL> = {
  'select their rows': ({ name, org }) =>
    sql`select from ${sql.identifier(name)} where ${sql.identifier(org)} = ${theirs.organizationId}`,
  'insert a row of theirs': insertTheirs,
  'update their rows': ({ name, org }) =>
    sql`update ${sql.identifier(name)} set ${sql.identifier(org)} = ${ours.organizationId}
      where ${sql.identifier(org)} = ${theirs.organizationId}`,
  'give them rows of ours': ({ name, org }) =>
    sql`update ${sql.identifier(name)} set ${sql.identifier(org)} = ${theirs.organizationId}`,
  'delete their rows': ({ name, org }) =>
    sql`delete from ${sql.identifier(name)} where ${sql.identifier(org)} = ${theirs.organizationId}`,
  'lock their rows': ({ name, org }) =>
    sql`select from ${sql.identifier(name)} where ${sql.identifier(org)} = ${theirs.organizationId} for share`,
  'empty the table': ({ name }) => sql`truncate ${sql.identifier(name)} cascade`,
}

test('every table has rows of both clinics, so that what follows means something', async () => {
  for (const { name, org } of tables) {
    expect({ name, rows: (await rowsOf(name, org, ours)).length }).toEqual({ name, rows: 1 })
    expect({ name, rows: (await rowsOf(name, org, theirs)).length }).toEqual({ name, rows: 1 })
  }
  expect(tables.length).toBeGreaterThan(9)
})

describe('in no table can a clinic', () => {
  for (const [verb, statementOn] of Object.entries(verbs)) {
    test(verb, async () => {
      for (const table of tables) {
        const outcome = await attempt(statementOn(table))
        expect({ table: table.name, isHarmless: outcome === 0 || outcome === denied, outcome }).toMatchObject({
          isHarmless: true,
        })
        expect(await rowsOf(table.name, table.org, theirs)).toEqual([table.row])
      }
    })
  }

  test('insert a row of theirs and learn from the error whether it exists', async () => {
    for (const table of tables)
      expect({ table: table.name, outcome: await attempt(insertTheirs(table)) }).toEqual({
        table: table.name,
        outcome: denied,
      })
  })

  test('see any row but its own', async () => {
    for (const { name } of tables)
      expect({ name, seen: await attempt(sql`select from ${sql.identifier(name)}`) }).toEqual({ name, seen: 1 })
  })
})

describe('without an organization nothing is readable:', () => {
  test('the bare login has no rights on any table', async () => {
    for (const { name } of tables) {
      const read = database.db.ask(sql`select from ${sql.identifier(name)}`)
      await expect(read).rejects.toMatchObject({ code: denied })
    }
  })

  test('a tenant of no organization sees no row, whether it was never set or is empty again', async () => {
    for (const { name } of tables) {
      for (const organization of [sql`select`, sql`select set_config('app.org_id', '', true)`]) {
        const read = database.asLogin((tx) =>
          runAll(tx, [sql`set local role frontdesk_tenant`, organization, sql`select from ${sql.identifier(name)}`]),
        )
        expect(await outcomeOf(read)).toBe(0)
      }
    }
  })

  test('an organization id that is no UUID opens no transaction', async () => {
    for (const id of ['', 'x', `${theirs.organizationId}'`, `{${theirs.organizationId}}`])
      await expect(database.db.withOrg(id, async () => {})).rejects.toThrow('no UUID')
  })
})

describe('inside of withOrg', () => {
  const ways = [
    'reset role',
    'set role none',
    'set local role frontdesk_app',
    'set role frontdesk_jobs',
    'reset session authorization',
    'set session authorization default',
    'set row_security = off',
    'set session_replication_role = replica',
    'set role postgres',
    'set session authorization postgres',
    'alter table members disable row level security',
    'alter role frontdesk_tenant bypassrls',
    'create policy all_of_it on members to frontdesk_tenant using (true)',
    'drop policy own_organization on members',
    'grant all on members to frontdesk_tenant',
    'create function public.peek() returns setof members language sql security definer as $$ select * from members $$',
  ]
  for (const way of ways) {
    test(`"${way}" does not lead to another clinic's rows`, async () => {
      for (const { name, org } of tables) {
        const peek = sql`select from ${sql.identifier(name)} where ${sql.identifier(org)} = ${theirs.organizationId}`
        expect([0, denied, unseen]).toContain(await attempt(peek, [sql.raw(way)]))
      }
    })
  }

  test('the tables of routing and of the calendar are out of reach', async () => {
    const closed = await admin<{ schema: string; name: string }[]>`
      select nspname as schema, relname as name from pg_class join pg_namespace n on n.oid = relnamespace
      where nspname in ('routing', 'calendar') and relkind = 'r'`
    expect(closed.length).toBeGreaterThan(5)
    for (const { schema, name } of closed)
      expect(await attempt(sql`select from ${sql.identifier(schema)}.${sql.identifier(name)}`)).toBe(denied)
  })

  test('the ledger can be written, and never changed', async () => {
    expect(await attempt(sql`update conversation_events set kind = 'x'`)).toBe(denied)
    expect(await attempt(sql`delete from conversation_events`)).toBe(denied)
    expect(await attempt(sql`update agent_instructions set instructions = 'x'`)).toBe(denied)
  })

  test('a row cannot point to a row of another clinic', async () => {
    const event = sql`insert into conversation_events (organization_id, conversation_id, key, kind, at, fact)
      values (${ours.organizationId}, ${theirs.conversationId}, 'k', 'k', now(), '{}')`
    expect(await attempt(event)).toBe('23503')
  })
})

describe('the first statement of a transaction, on its way together with what enters the organization,', () => {
  // A login that may see everything, until it has become the tenant.
  let owner: Database
  beforeAll(() => {
    owner = database.open({ url: database.adminUrl, maxConnections: 1 })
  })
  const who = sql<string>`current_user`
  const kinds: Record<string, (tx: Tx) => PromiseLike<{ who: unknown }[]>> = {
    execute: (tx) => tx.execute<{ who: string }>(sql`select current_user as who from members`),
    select: (tx) => tx.select({ who }).from(members),
    insert: (tx) =>
      tx
        .insert(members)
        .values({
          organizationId: ours.organizationId,
          id: crypto.randomUUID(),
          name: 'x',
          email: 'x@y.z',
          role: 'staff',
        })
        .returning({ who }),
    update: (tx) => tx.update(members).set({ name: 'z' }).returning({ who }),
    delete: (tx) => tx.delete(organizations).returning({ who }),
    nested: (tx) => tx.transaction((inner) => inner.select({ who }).from(members)),
  }
  for (const [kind, run] of Object.entries(kinds)) {
    test(`is the tenant's already: ${kind}`, async () => {
      const rolledBack = new Error('rolled back')
      const seen: unknown[] = []
      const work = owner.withOrg(ours.organizationId, async (tx) => {
        seen.push(...(await run(tx)).map((row) => row.who))
        throw rolledBack
      })
      const outcome = await work.catch((error) => (error === rolledBack ? [...new Set(seen)] : error.code))
      expect(outcome).toEqual(['frontdesk_tenant'])
      expect(seen.length).toBeLessThanOrEqual(1)
    })
  }

  test('can do nothing, nor any other, when the organization could not be entered', async () => {
    const outcomes: (number | string)[] = []
    const work = owner.withOrg(
      ours.organizationId,
      async (tx) => {
        for (const { name } of tables) {
          const read = runAll(tx, [sql`select from ${sql.identifier(name)}`])
          outcomes.push(await read.catch((error) => error.cause.code))
        }
      },
      { statementTimeoutMs: -1 },
    )
    await expect(work).rejects.toMatchObject({ code: '22023' })
    expect([...new Set(outcomes)]).toEqual(['25P02'])
    expect(outcomes.length).toBe(tables.length)
  })
})

describe('start-up', () => {
  test('goes on under the login role', async () => {
    await assertWalled(database.db)
  })

  test('fails under a superuser, and says what to do', async () => {
    const unwalled = database.open({ url: database.adminUrl, maxConnections: 1 })
    await expect(assertWalled(unwalled)).rejects.toThrow(
      /"postgres" may act as superuser.*Let DATABASE_URL log in as frontdesk_app/,
    )
  })

  test('fails under a login that may do too much, or too little', async () => {
    const login = `careless_${crypto.randomUUID().slice(0, 8)}`
    const url = new URL(database.appUrl)
    url.username = login
    await admin.unsafe(`create role ${login} login password '${url.password}'`)
    try {
      const careless = database.open({ url: url.href, maxConnections: 1 })
      await expect(assertWalled(careless)).rejects.toThrow('cannot become frontdesk_tenant')
      await admin.unsafe(`grant frontdesk_tenant to ${login}`)
      await assertWalled(careless)
      await admin.unsafe(`alter role ${login} bypassrls`)
      await expect(assertWalled(careless)).rejects.toThrow('may bypass row security')
      await admin.unsafe(`alter role ${login} nobypassrls; alter table members owner to ${login}`)
      await expect(assertWalled(careless)).rejects.toThrow('may act as the owner of tables')
      await careless.end()
    } finally {
      await admin.unsafe(`reassign owned by ${login} to postgres; drop owned by ${login}; drop role ${login}`)
    }
  })
})
