// Whether the wall between clinics stands in this database: what the server's login could do beyond it, and which tables are
// without it. Asked as that login, of the catalog, which everybody may read.
import { sql } from 'drizzle-orm'
import type { Database } from './database.ts'

/** Fails, with what to do about it, unless row security holds for whoever `db` logs in as. For start-up. */
export async function assertWalled(db: Database): Promise<void> {
  const { login, faults } = await loginFaults(db)
  if (faults.length === 0) return
  throw new Error(
    `Cannot serve: the database login "${login}" ${faults.join(', ')}, so one clinic ` +
      'could see another. Let DATABASE_URL log in as frontdesk_app; keep the owner for migrations',
  )
}

/** What the login may do that it must not: `may bypass row security`. */
export async function loginFaults(db: Database): Promise<{ login: string; faults: string[] }> {
  const rows = await db.ask<{ login: string; fault: string | null }>(faultsOfLogin)
  return { login: rows[0]?.login ?? '', faults: rows.flatMap(({ fault }) => fault ?? []) }
}

/** Tables of clinics that some other clinic could look into, each with why: `members has no forced row security`. */
export const unwalledTables = async (db: Database): Promise<string[]> =>
  (await db.ask<{ fault: string }>(faultsOfTables)).map(({ fault }) => fault)

/** The database's own clock, ms since the epoch. */
export async function databaseTimeMs(db: Database): Promise<number> {
  const [row] = await db.ask<{ ms: string }>(sql`select extract(epoch from clock_timestamp()) * 1000 as ms`)
  return Math.round(Number(row?.ms))
}

/** Whatever the login is or may become (`set role`), apart from being the owner, is looked at. */
const faultsOfLogin = sql`
  with reachable as (select * from pg_roles where pg_has_role(session_user, oid, 'member'))
  select session_user::text as login, fault from (
    select 'may act as superuser' as fault, exists (select from reachable where rolsuper) as holds
    union all
    select 'may bypass row security', exists (select from reachable where rolbypassrls)
    union all
    select 'may act as the owner of tables', exists (
      select from pg_class join reachable on reachable.oid = relowner
      where relnamespace in ('public'::regnamespace, 'routing'::regnamespace, 'calendar'::regnamespace))
    union all
    select 'cannot become frontdesk_tenant', not pg_has_role(session_user, 'frontdesk_tenant', 'member')
    union all
    select null, true
  ) as faults where holds`

/** As PostgreSQL writes the one policy of a clinic's table back. */
const faultsOfTables = sql`
  with tables as (
    select c.oid, c.relname, c.relrowsecurity and c.relforcerowsecurity as is_forced,
      case c.relname when 'organizations' then 'id' else 'organization_id' end as org
    from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
  ), walls as (
    select t.*, '(' || org || ' = ( SELECT current_organization() AS current_organization))' as wall from tables t
  )
  select relname || ' ' || fault as fault from (
    select relname, 'has no forced row security' as fault, is_forced as holds from walls
    union all
    select relname, 'has another policy than its wall', (
      select count(*) = 1 and bool_and(pg_get_expr(polqual, polrelid) = wall and pg_get_expr(polwithcheck, polrelid) = wall)
      from pg_policy where polrelid = walls.oid) from walls
  ) as faults where holds is not true order by 1`
