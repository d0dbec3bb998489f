// What the catalog must say for one clinic never to see another: the rules, as queries that answer with each breach. They
// know no table by name, so that a new one is under them from its first day.
import type postgres from 'postgres'

type Rule = { breach: string; query: string }

const tables = `
  select c.oid, c.relname, c.relrowsecurity, c.relforcerowsecurity, a.attnum as org, a.attnotnull, a.atttypid
  from pg_class c
  left join pg_attribute a on a.attrelid = c.oid
    and a.attname = case c.relname when 'organizations' then 'id' else 'organization_id' end
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')`

/** As PostgreSQL writes the expression back. */
const wall = (column: string) => `'(' || ${column} || ' = ( SELECT current_organization() AS current_organization))'`

/** What is not a clinic's own, and reached by definer functions only. */
const closedSchemas = `('routing', 'calendar')`
const ourSchemas = `('public'::regnamespace, 'routing'::regnamespace, 'calendar'::regnamespace)`

const ourRoles = `('frontdesk_app', 'frontdesk_tenant', 'frontdesk_jobs')`

const rules: Rule[] = [
  {
    breach: 'has no column organization_id uuid not null',
    query: `select relname as what from (${tables}) t where org is null or not attnotnull or atttypid <> 'uuid'::regtype`,
  },
  {
    breach: 'does not have row security enabled and forced',
    query: `select relname as what from (${tables}) t where not (relrowsecurity and relforcerowsecurity)`,
  },
  {
    breach: 'does not have exactly the one policy of a tenant table',
    query: `
      select relname as what from (${tables}) t
      where 1 <> (select count(*) from pg_policy where polrelid = t.oid)
        or not exists (
          select from pg_policy p join pg_attribute a on a.attrelid = t.oid and a.attnum = t.org
          where p.polrelid = t.oid and p.polcmd = '*' and p.polpermissive
            and p.polroles = array['frontdesk_tenant'::regrole::oid]
            and pg_get_expr(p.polqual, t.oid) = ${wall('a.attname')}
            and pg_get_expr(p.polwithcheck, t.oid) = ${wall('a.attname')})`,
  },
  {
    breach: 'has no index that leads with the organization',
    query: `
      select relname as what from (${tables}) t
      where not exists (select from pg_index i where i.indrelid = t.oid and i.indkey[0] = t.org and i.indpred is null)`,
  },
  {
    breach: 'is a key without the organization: it would tell one clinic about another',
    query: `
      select i.indexrelid::regclass::text as what from (${tables}) t
      join pg_index i on i.indrelid = t.oid and i.indisunique
      where not coalesce(t.org = any (i.indkey::int2[]), false)`,
  },
  {
    breach: 'is a reference without the organization: it could point into another clinic',
    query: `
      select conrelid::regclass || '.' || conname as what from (${tables}) t
      join pg_constraint k on k.conrelid = t.oid and k.contype = 'f'
      where not coalesce(t.org = any (k.conkey), false)`,
  },
  {
    breach: 'is a view that looks with its owner’s eyes',
    query: `
      select relname as what from pg_class
      where relnamespace in ${ourSchemas}
        and (relkind = 'm' or relkind = 'v' and not coalesce(reloptions::text[] @> '{security_invoker=true}', false))`,
  },
  {
    breach: 'does not pin its search_path',
    query: `
      select oid::regprocedure::text as what from pg_proc
      where pronamespace in ${ourSchemas}
        and not exists (select from pg_depend d where d.objid = pg_proc.oid and d.deptype = 'e')
        and not coalesce(proconfig @> '{"search_path=pg_catalog, pg_temp"}', false)`,
  },
  {
    breach: 'may be called by everybody',
    query: `
      select oid::regprocedure::text as what from pg_proc
      where pronamespace in ${ourSchemas}
        and not exists (select from pg_depend d where d.objid = pg_proc.oid and d.deptype = 'e')
        and has_function_privilege('public', oid, 'execute')`,
  },
  {
    breach: 'of a closed schema is granted to a role of the server',
    query: `
      select 'schema ' || nspname as what from pg_namespace, pg_roles r
      where nspname in ${closedSchemas} and rolname in ${ourRoles} and has_schema_privilege(r.oid, nspname, 'usage, create')
      union all
      select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles r on r.rolname in ${ourRoles}
      where n.nspname in ${closedSchemas} and c.relkind in ('r', 'p', 'v')
        and has_table_privilege(r.oid, c.oid, 'select, insert, update, delete, truncate, references, trigger')`,
  },
  {
    breach: 'can look past row security, or make somebody who can',
    query: `
      select rolname as what from pg_roles
      where rolname in ${ourRoles} and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)`,
  },
  {
    breach: 'inherits, or can become more than the tenant and the worker',
    query: `
      select rolname as what from pg_roles r
      where rolname in ${ourRoles} and (rolname = 'frontdesk_app' and rolinherit
        or exists (select from pg_roles other where other.oid <> r.oid and pg_has_role(r.oid, other.oid, 'member')
          and not (r.rolname = 'frontdesk_app' and other.rolname in ('frontdesk_tenant', 'frontdesk_jobs'))))`,
  },
  {
    breach: 'owns something',
    query: `
      select rolname as what from pg_roles r
      where rolname in ${ourRoles} and exists (
        select from pg_shdepend d where d.refobjid = r.oid and d.deptype = 'o'
          and d.dbid in (0, (select oid from pg_database where datname = current_database())))`,
  },
  {
    breach: 'of a clinic may be touched by another role than the tenant',
    query: `
      select t.relname || ' by ' || r.rolname as what from (${tables}) t
      join pg_roles r on r.rolname in ('frontdesk_app', 'frontdesk_jobs')
      where has_table_privilege(r.oid, t.oid, 'select, insert, update, delete, truncate, references, trigger')
        or has_any_column_privilege(r.oid, t.oid, 'select, insert, update, references')`,
  },
  {
    breach: 'may be emptied, or hung things on, by the tenant',
    query: `
      select relname as what from (${tables}) t
      where has_table_privilege('frontdesk_tenant', t.oid, 'truncate, references, trigger')`,
  },
  {
    breach: 'of the queue is closed to the worker',
    query: `
      select c.relname as what from pg_class c
      where c.relnamespace = 'graphile_worker'::regnamespace and c.relkind in ('r', 'p')
        and not (has_table_privilege('frontdesk_jobs', c.oid, 'select')
          and (not c.relrowsecurity or exists (
            select from pg_policy p where p.polrelid = c.oid and 'frontdesk_jobs'::regrole = any (p.polroles))))`,
  },
]

/** Every breach, as "what: how". An empty list is what we want. */
export async function breaches(admin: postgres.Sql | postgres.TransactionSql): Promise<string[]> {
  const found: string[] = []
  for (const { breach, query } of rules) {
    for (const { what } of await admin.unsafe<{ what: string }[]>(query)) found.push(`${what} ${breach}`)
  }
  return found
}
