// The walls between clinics as the catalog shows them, and that each rule about them notices its breach.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import postgres from 'postgres'
import { breaches } from '../support/catalog.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'

let database: TestDatabase
let admin: postgres.Sql

beforeAll(async () => {
  database = await openTestDatabase()
  admin = postgres(database.adminUrl, { max: 1, onnotice: () => {} })
})
afterAll(async () => {
  await admin.end()
  await database.end()
})

test('no table, key, view, function, grant or role lets one clinic see another', async () => {
  expect(await breaches(admin)).toEqual([])
})

/** A table as it should be; each case below spoils one thing. */
const goodTable = `
  create table scratch (organization_id uuid not null references organizations (id), id uuid not null,
    primary key (organization_id, id));
  select wall_in('scratch');`

const spoiled: { ddl: string; notices: string }[] = [
  { ddl: 'create table scratch (id uuid primary key)', notices: 'scratch has no column organization_id' },
  {
    ddl: `${goodTable} alter table scratch drop constraint scratch_pkey, alter organization_id drop not null`,
    notices: 'scratch has no column organization_id uuid not null',
  },
  { ddl: `${goodTable} alter table scratch disable row level security`, notices: 'scratch does not have row security' },
  {
    ddl: `${goodTable} alter table scratch no force row level security`,
    notices: 'scratch does not have row security',
  },
  {
    ddl: `${goodTable} drop policy own_organization on scratch`,
    notices: 'scratch does not have exactly the one policy',
  },
  {
    ddl: `${goodTable} create policy another on scratch to frontdesk_tenant using (true)`,
    notices: 'scratch does not have exactly the one policy',
  },
  {
    ddl: `${goodTable} alter policy own_organization on scratch with check (true)`,
    notices: 'scratch does not have exactly the one policy',
  },
  {
    ddl: `${goodTable} alter policy own_organization on scratch using (organization_id is not null)`,
    notices: 'scratch does not have exactly the one policy',
  },
  {
    ddl: `${goodTable} alter policy own_organization on scratch to public`,
    notices: 'scratch does not have exactly the one policy',
  },
  {
    ddl: `${goodTable} alter table scratch drop constraint scratch_pkey, add primary key (id, organization_id)`,
    notices: 'scratch has no index that leads with the organization',
  },
  {
    ddl: `${goodTable} alter table scratch add unique (id)`,
    notices: 'scratch_id_key is a key without the organization',
  },
  {
    ddl: `${goodTable} alter table scratch add other uuid references routing.accounts (stream_id)`,
    notices: 'scratch.scratch_other_fkey is a reference without the organization',
  },
  {
    ddl: 'create view scratch as select * from members',
    notices: 'scratch is a view that looks with its owner’s eyes',
  },
  {
    ddl: 'create materialized view scratch as select * from members',
    notices: 'scratch is a view that looks with its owner’s eyes',
  },
  {
    ddl: 'create function scratch() returns int security definer language sql as $$ select 1 $$',
    notices: 'scratch() does not pin its search_path',
  },
  {
    ddl: 'create function scratch() returns int language sql set search_path = public as $$ select 1 $$',
    notices: 'scratch() does not pin its search_path',
  },
  {
    ddl: `create function scratch() returns int language sql set search_path = pg_catalog, pg_temp as $$ select 1 $$;
      grant execute on function scratch() to public`,
    notices: 'scratch() may be called by everybody',
  },
  {
    ddl: 'grant usage on schema routing to frontdesk_tenant',
    notices: 'schema routing of a closed schema is granted',
  },
  { ddl: 'grant select on routing.calls to frontdesk_app', notices: 'calls of a closed schema is granted' },
  { ddl: 'grant delete on calendar.taken to frontdesk_tenant', notices: 'taken of a closed schema is granted' },
  { ddl: 'alter role frontdesk_tenant bypassrls', notices: 'frontdesk_tenant can look past row security' },
  { ddl: 'alter role frontdesk_app createrole', notices: 'frontdesk_app can look past row security' },
  { ddl: 'alter role frontdesk_app inherit', notices: 'frontdesk_app inherits' },
  { ddl: 'grant pg_read_all_data to frontdesk_tenant', notices: 'frontdesk_tenant inherits, or can become more' },
  { ddl: `${goodTable} alter table scratch owner to frontdesk_tenant`, notices: 'frontdesk_tenant owns something' },
  { ddl: 'grant select on members to frontdesk_app', notices: 'members by frontdesk_app of a clinic may be touched' },
  { ddl: 'grant update (name) on members to frontdesk_jobs', notices: 'members by frontdesk_jobs of a clinic may be' },
  { ddl: 'grant truncate on members to frontdesk_tenant', notices: 'members may be emptied' },
  {
    ddl: 'create table graphile_worker.scratch (id int)',
    notices: 'scratch of the queue is closed to the worker',
  },
]

describe('a breach is noticed', () => {
  for (const { ddl, notices } of spoiled) {
    test(`${notices}, after ${ddl.replace(goodTable, '…').replace(/\s+/g, ' ')}`, async () => {
      const rolledBack = new Error('rolled back')
      const found: string[] = []
      const attempt = admin.begin(async (tx) => {
        await tx.unsafe(ddl)
        found.push(...(await breaches(tx)))
        throw rolledBack
      })
      await expect(attempt).rejects.toBe(rolledBack)
      expect(found.some((breach) => breach.startsWith(notices))).toBe(true)
    })
  }

  test('and a table that keeps every rule is none', async () => {
    const rolledBack = new Error('rolled back')
    const attempt = admin.begin(async (tx) => {
      await tx.unsafe(goodTable)
      expect(await breaches(tx)).toEqual([])
      throw rolledBack
    })
    await expect(attempt).rejects.toBe(rolledBack)
  })
})
