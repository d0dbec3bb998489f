// Databases that live for one test or one simulated run: copies of a migrated template, made in some 50 ms. A template is
// named by what it is made from, so that a changed migration makes a new one.
import { createHash, randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import postgres from 'postgres'
import { migrate, migrationsFolder, setAppPassword } from './migrate.ts'

/** The advisory lock, in the database that `adminUrl` names, of whoever makes a database. */
const scratchLock = 3_305_820
/** One that is this old, and used by nobody, was left by a run that was killed. */
const abandonedAfterMs = 60 * 60_000

/**
 * Makes a migrated, empty database that nobody else has, and answers with its name. `adminUrl` is a superuser's, and names
 * another database of that server; with `appUrl`'s password `frontdesk_app` can log in.
 */
export async function createScratchDatabase(options: { adminUrl: string; appUrl: string }): Promise<string> {
  const name = `scratch_${Date.now()}_${randomBytes(4).toString('hex')}`
  await asAdmin(options.adminUrl, async (sql) => {
    await sql`select pg_advisory_lock(${scratchLock})`
    const template = await ensureTemplate(sql, options.adminUrl)
    await dropAbandoned(sql, template)
    await setAppPassword(sql, options.appUrl)
    await sql`create database ${sql(name)} template ${sql(template)} strategy file_copy`
  })
  return name
}

/** Whoever is still connected to it is disconnected. */
export async function dropScratchDatabase(options: { adminUrl: string; name: string }): Promise<void> {
  await asAdmin(options.adminUrl, (sql) => drop(sql, options.name))
}

/** The same server's URL for another of its databases. */
export function urlOfDatabase(url: string, name: string): string {
  const changed = new URL(url)
  changed.pathname = `/${name}`
  return changed.href
}

/** Built under another name first: a template that was begun and not finished is never taken for one. */
async function ensureTemplate(sql: postgres.Sql, adminUrl: string): Promise<string> {
  const name = `frontdesk_template_${fingerprint()}`
  const [found] = await sql`select from pg_database where datname = ${name}`
  if (found !== undefined) return name
  const draft = `${name}_draft`
  await drop(sql, draft)
  await sql`create database ${sql(draft)}`
  await migrate({ adminUrl: urlOfDatabase(adminUrl, draft) })
  await sql`alter database ${sql(draft)} rename to ${sql(name)}`
  return name
}

/** Of the migrations, ours and the queue's: what a template is made from. */
function fingerprint(): string {
  const queue = dirname(createRequire(import.meta.url).resolve('graphile-worker'))
  const ours = fs.readdirSync(migrationsFolder).filter((name) => name.endsWith('.sql'))
  const files = [...ours.sort().map((name) => join(migrationsFolder, name)), join(queue, 'generated/sql.js')]
  const hash = createHash('sha256')
  for (const file of files) hash.update(fs.readFileSync(file))
  return hash.digest('hex').slice(0, 16)
}

/** Templates of other migrations, and scratch databases of runs that did not live to drop them. */
async function dropAbandoned(sql: postgres.Sql, template: string): Promise<void> {
  const abandoned = await sql<{ datname: string }[]>`
    select datname from pg_database
    where not exists (select from pg_stat_activity where pg_stat_activity.datid = pg_database.oid)
      and (datname like 'frontdesk\\_template\\_%' and datname <> ${template}
        or substring(datname from '^scratch_(\\d+)_')::int8 < ${Date.now() - abandonedAfterMs})`
  for (const { datname } of abandoned) await drop(sql, datname)
}

const drop = (sql: postgres.Sql, name: string) => sql`drop database if exists ${sql(name)} with (force)`

async function asAdmin(adminUrl: string, run: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  const sql = postgres(adminUrl, { max: 1, max_lifetime: null, fetch_types: false, onnotice: () => {} })
  try {
    await run(sql)
  } finally {
    await sql.end({ timeout: 1 })
  }
}
