// The composition root: environment → settings → dependencies → serve → drain. Nothing imports it, and it holds no rule of
// its own: what it does beyond that is to say clearly what is wrong with a start, and to leave nothing running at a stop.
import { parseArgs } from 'node:util'
import { createApp } from './app.ts'
import { composeDeps } from './compose.ts'
import { type Config, limits, loadConfig } from './config.ts'
import type { Database } from './db/database.ts'
import { startJobs } from './db/jobs.ts'
import { assertWalled } from './db/wall.ts'
import { seedDemo } from './demo.ts'
import { asError, type Log } from './lib/log.ts'
import { localKeys } from './local.ts'
import { loadLetter } from './notifications/deliver.ts'
import { bringUpToDate, openDatabase, reached } from './open-database.ts'
import { organizationExists } from './organizations/store.ts'
import { runtimeName, serve } from './platform/serve.ts'

const help = `Frontdesk answers a clinic's telephone.

Usage: bun start [options]         serve
       bun start migrate           bring the database at DATABASE_ADMIN_URL up to date

Options:
  --demo     add the two demonstration clinics, if they are not there
  --help     show this

Clinics are set up with bun clinic, and what is deployed is looked at with bun run doctor.
Settings come from the environment; .env.example lists them. Without DATABASE_URL an embedded Postgres is started,
with its data under .frontdesk/.`

type Stop = () => Promise<void>

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { demo: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  })
  if (values.help) return console.log(help)
  const settings = loadConfig(
    process.env,
    process.env.DATABASE_URL ? {} : { FRONTDESK_KEYS: localKeys(), HOST: '127.0.0.1' },
  )
  if (!settings.ok) return fail(['Cannot start: these settings are wrong.', ...settings.problems.map((p) => `  ${p}`)])
  const { config } = settings
  if (positionals[0] === 'migrate') return migrateOnly(config)
  if (positionals.length > 0) return fail([`Cannot start: there is no command "${positionals[0]}".`, '', help])
  await serveUntilTold(config, values.demo ?? false)
}

async function serveUntilTold(config: Config, isDemo: boolean): Promise<void> {
  const { databaseUrl, stopDatabase } = await openDatabase(config)
  try {
    await serveFrom(config, databaseUrl, stopDatabase, isDemo)
  } catch (error) {
    await stopDatabase()
    throw error
  }
}

async function serveFrom(config: Config, databaseUrl: string, stopDatabase: Stop, isDemo: boolean): Promise<void> {
  const deps = composeDeps(config, databaseUrl)
  await reached(databaseUrl, assertWalled(deps.db))
  await checkFallback(config, deps.db)
  if (isDemo) await seedDemo(deps.db, deps.ids, deps.clock.now())
  const app = createApp(deps)
  await loadLetter()
  await app.listen()
  const server = await serve({ port: config.PORT, hostname: config.HOST, fetch: app.fetch, sockets: app.sockets })
  const jobs = await startJobs({
    url: config.DATABASE_LISTEN_URL ?? databaseUrl,
    tasks: app.tasks,
    log: deps.log,
    concurrency: limits.jobsAtOnce,
    pollIntervalMs: limits.jobPollMs,
  })
  onceTold(deps.log, async (signal) => {
    deps.log.info({ signal, count: app.bridge.liveCalls() }, 'draining: no new calls, running ones may finish')
    app.startDraining()
    // Ends with the last call's last word in the ledger; the database is closed after it.
    await app.bridge.drain(config.DRAIN_SECONDS * 1000)
    server.stopListening()
    await jobs.stop()
    await server.close()
    // What listens on it for changes ends with it.
    await deps.db.end()
    await stopDatabase()
  })
  deps.log.info({ port: server.port, runtime: runtimeName() }, 'listening')
  console.log(`listening on http://${config.HOST === '0.0.0.0' ? 'localhost' : config.HOST}:${server.port}`)
}

/** Better told now than to the first caller who needs it. */
async function checkFallback({ FALLBACK_ORGANIZATION_ID: id }: Config, db: Database): Promise<void> {
  if (id === undefined || (await db.withOrg(id, (tx) => organizationExists(tx, id)))) return
  throw new Error('FALLBACK_ORGANIZATION_ID names an organization that does not exist')
}

async function migrateOnly({ DATABASE_ADMIN_URL: adminUrl, DATABASE_URL: appUrl }: Config): Promise<void> {
  if (adminUrl === undefined)
    return fail(['Cannot migrate: set DATABASE_ADMIN_URL to the address of the database with its owner as user.'])
  await bringUpToDate(adminUrl, appUrl)
  console.log('The database is up to date.')
}

/** One Ctrl-C comes twice, from the terminal and from `bun run`, which passes it on. */
const sameSignalMs = 500

/**
 * Runs `stop` at the first signal and ends the process after it; a later signal ends it at once. An error that nobody caught is
 * taken for a signal, and ends the process with 1: its calls are not cut off for it, but it is not trusted with new ones.
 */
function onceTold(log: Log, stop: (signal: string) => Promise<void>): void {
  let toldAtMs: number | null = null
  let exitCode = 0
  const begin = (signal: string) => {
    toldAtMs = performance.now()
    stop(signal).then(
      () => process.exit(exitCode),
      (error: Error) => fail([`Cannot stop cleanly: ${error.message}`]),
    )
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (toldAtMs === null) begin(signal)
      else if (performance.now() - toldAtMs > sameSignalMs) process.exit(1)
    })
  }
  for (const uncaught of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(uncaught, (error: unknown) => {
      log.error({ error: asError(error) }, 'an error that nobody caught')
      exitCode = 1
      if (toldAtMs === null) begin(uncaught)
    })
  }
}

function fail(lines: string[]): void {
  for (const line of lines) console.error(line)
  process.exit(1)
}

main().catch(({ message }: Error) => fail([message.startsWith('Cannot ') ? message : `Cannot start: ${message}`]))
