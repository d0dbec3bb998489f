// Looks at the database: that it answers, that the wall between clinics stands in it, how far it is migrated, and its clock.
import { limits } from '../config.ts'
import type { Database } from '../db/database.ts'
import type { OwnerView } from '../db/owner-view.ts'
import { databaseTimeMs, loginFaults, unwalledTables } from '../db/wall.ts'
import { type Clock, within } from '../lib/clock.ts'
import { bad, clockFinding, doubtful, type Finding, good, skipped } from './finding.ts'

/** `owner`: null when the owner's connection is not configured. */
export async function databaseFindings(db: Database, owner: OwnerView | null, clock: Clock): Promise<Finding[]> {
  const reach = await reachability(db, clock)
  if (reach.state === 'fail')
    return [reach, ...['database login', 'row security', 'migrations', 'database clock'].map(unasked)]
  return [
    reach,
    await looked('database login', () => loginFinding(db)),
    await looked('row security', () => wallFinding(db)),
    await looked('migrations', () => migrationFinding(owner)),
    await looked('database clock', async () => {
      const aheadMs = (await databaseTimeMs(db)) - clock.now()
      return clockFinding('database clock', "the database's", aheadMs, limits.clockSkew)
    }),
  ]
}

const unasked = (check: string): Finding => skipped(check, 'the database does not answer')

async function reachability(db: Database, clock: Clock): Promise<Finding> {
  try {
    await within(clock, limits.vendorRequestMs, db.ping())
    return good('database', 'it answers')
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? `: ${error.code}` : ''
    return bad(
      'database',
      `it does not answer${why}`,
      'is DATABASE_URL the address of a running database, with the login frontdesk_app and the password that `bun start migrate` gave it?',
    )
  }
}

/** What cannot be asked has failed, and says only how: a message of the database may quote a row. */
async function looked(check: string, look: () => Promise<Finding>): Promise<Finding> {
  try {
    return await look()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${error.code})` : ''
    return bad(check, `it could not be asked${code}`, 'is the database migrated? bun start migrate')
  }
}

async function loginFinding(db: Database): Promise<Finding> {
  const { login, faults } = await loginFaults(db)
  if (faults.length === 0) return good('database login', `${login} owns nothing, and cannot look past row security`)
  return bad(
    'database login',
    `${login} ${faults.join(', ')}: one clinic could see another`,
    'let DATABASE_URL log in as frontdesk_app, and keep the owner for migrations (DATABASE_ADMIN_URL)',
  )
}

async function wallFinding(db: Database): Promise<Finding> {
  const faults = await unwalledTables(db)
  if (faults.length === 0) return good('row security', 'it is forced on every table of a clinic, by its one policy')
  return bad(
    'row security',
    faults.join('; '),
    'somebody changed this by hand: as the owner, `alter table … enable row level security, force row level security`, and the policy as wall_in() in drizzle/0001_clinics.sql makes it',
  )
}

async function migrationFinding(owner: OwnerView | null): Promise<Finding> {
  if (owner === null) return skipped('migrations', 'only the owner can tell: set DATABASE_ADMIN_URL')
  const { missing, unknown } = await owner.migrations()
  if (missing.length > 0) return bad('migrations', `${missing.join(', ')} not applied`, 'bun start migrate')
  if (unknown > 0)
    return doubtful('migrations', `the database has ${unknown} that this code does not know`, 'deploy the newer code')
  return good('migrations', 'all applied')
}
