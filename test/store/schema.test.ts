// The tables as the code knows them, held against those that the migrations make.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { is } from 'drizzle-orm'
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core'
import postgres from 'postgres'
import * as schema from '../../src/db/schema.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'

type Column = { name: string; type: string; notNull: boolean; hasDefault: boolean; choices: string[] }

let database: TestDatabase
let admin: postgres.Sql

beforeAll(async () => {
  database = await openTestDatabase()
  admin = postgres(database.adminUrl, { max: 1 })
})
afterAll(async () => {
  await admin.end()
  await database.end()
})

const known = Object.values(schema)
  .filter((value) => is(value, PgTable))
  .map((table) => getTableConfig(table))

test('schema.ts knows every table of a clinic, and no other', async () => {
  const made = await admin<{ name: string }[]>`
    select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')`
  expect(known.map(({ name }) => name).sort()).toEqual(made.map(({ name }) => name).sort())
})

for (const { name, columns, primaryKeys } of known) {
  test(`schema.ts has the columns of ${name} as they are: type, null, default, choices`, async () => {
    const declared = columns.map(
      (column): Column => ({
        name: column.name,
        type: column.getSQLType(),
        notNull: column.notNull,
        hasDefault: column.hasDefault,
        choices: [...(column.enumValues ?? [])].sort(),
      }),
    )
    expect(declared).toEqual(await columnsOf(name))
  })

  test(`schema.ts has the primary key of ${name} as it is`, async () => {
    const [key] = await admin<{ columns: string[] }[]>`
      select array(select attname::text from unnest(conkey) with ordinality as k (attnum, place)
        join pg_attribute a on a.attrelid = conrelid and a.attnum = k.attnum order by place) as columns
      from pg_constraint where contype = 'p' and conrelid = ${name}::regclass`
    const single = columns.filter((column) => column.primary).map((column) => column.name)
    const declared = primaryKeys[0]?.columns.map((column) => column.name) ?? single
    expect(declared).toEqual(key?.columns ?? [])
  })
}

/** In the order of the table. `choices` are those of a check `column in (…)`. */
async function columnsOf(table: string): Promise<Column[]> {
  const columns = await admin<(Omit<Column, 'choices'> & { checks: string[] })[]>`
    select a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as "notNull",
      a.atthasdef or a.attidentity <> '' as "hasDefault",
      array(select pg_get_constraintdef(k.oid) from pg_constraint k
        where k.conrelid = a.attrelid and k.contype = 'c' and k.conkey = array[a.attnum]) as checks
    from pg_attribute a where a.attrelid = ${table}::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum`
  return columns.map(({ checks, ...column }) => ({ ...column, choices: checks.flatMap(choicesIn).sort() }))
}

const choicesIn = (check: string): string[] =>
  check.includes('= ANY (ARRAY[') || /^CHECK \(\(\w+ = '[^']*'::text\)\)$/.test(check)
    ? [...check.matchAll(/'([^']*)'::text/g)].map(([, choice]) => choice ?? '')
    : []
