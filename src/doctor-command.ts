// `bun run doctor`: looks at a deployment with the settings of its server, from wherever it is started, and says what is wrong
// and how to mend it. Changes nothing. Exits 0 when nothing is wrong, 1 when something is, 2 when the command was.
import { Command } from 'commander'
import { composeDeps } from './compose.ts'
import { type Config, limits, loadConfig } from './config.ts'
import { openOwnerView } from './db/owner-view.ts'
import { surroundings, toBeTyped } from './dev-note.ts'
import { examine } from './doctor/examine.ts'
import { bad, type Finding, findingLines, isHealthy } from './doctor/finding.ts'
import { createLog } from './lib/log.ts'
import { localKeys } from './local.ts'
import { openDatabase } from './open-database.ts'
import { createAccounts } from './organizations/account-store.ts'
import { createSeal } from './organizations/seal.ts'
import { Mistake } from './setup/mistake.ts'
import { type Reach, reachOf, serverOption } from './setup/reach.ts'
import { findClinic } from './setup/reference.ts'
import { createTwilioNumbers } from './vendors/twilio-numbers.ts'

const program = new Command('doctor')
  .description('Looks at a deployment, with the settings that its server has, and says how to mend what is wrong.')
  .argument('[clinics...]', 'clinics to look at, by name, number or id; with DATABASE_ADMIN_URL all are')
  .option('--json', 'print one JSON object')
  .option('--dev', 'the server that `bun dev` keeps in this folder')
  .addOption(serverOption())
  .addHelpText(
    'after',
    '\nNothing is changed, and no call is left behind. Exit code: 0 when nothing is wrong, 1 when something is.',
  )
  .action(run)
  .exitOverride()

async function run(clinics: string[], flags: { json?: boolean; dev?: boolean; server?: string }): Promise<void> {
  const { json, dev } = flags
  const { environment, reach } = { ...(await surroundings(dev)), ...reachOf(flags) }
  const settings = loadConfig(environment, environment.DATABASE_URL ? {} : { FRONTDESK_KEYS: localKeys() })
  const found = settings.ok ? await diagnose(settings.config, reach, clinics) : settings.problems.map(wrongSetting)
  const findings = found.map((each) => ({ ...each, mend: each.mend && toBeTyped(dev, each.mend) }))
  const isOk = isHealthy(findings)
  const lines = findingLines(findings, process.stdout.isTTY && !process.env.NO_COLOR)
  for (const line of json ? [JSON.stringify({ ok: isOk, findings })] : lines) console.log(line)
  process.exitCode = isOk ? 0 : 1
}

const wrongSetting = (problem: string): Finding => bad('settings', problem, 'set it right; .env.example lists them all')

async function diagnose(config: Config, reach: Reach, clinics: string[]): Promise<Finding[]> {
  // Whoever only looks does not migrate.
  const { databaseUrl, adminUrl, stopDatabase } = await openDatabase({ ...config, DATABASE_ADMIN_URL: undefined })
  const deps = composeDeps(config, databaseUrl, { log: createLog({ level: 'silent' }) })
  const ownerUrl = config.DATABASE_ADMIN_URL ?? adminUrl
  const owner = ownerUrl === undefined ? null : openOwnerView(ownerUrl)
  const accounts = createAccounts({ config, db: deps.db, seal: createSeal(config.FRONTDESK_KEYS) })
  const numbers = createTwilioNumbers({ baseUrl: config.TWILIO_API_BASE_URL, timeoutMs: limits.vendorRequestMs })
  try {
    const ids: string[] = []
    for (const clinic of clinics) ids.push(await findClinic(deps.db, config, clinic))
    return await examine({ ...deps, accounts, numbers, owner, reach }, ids)
  } finally {
    await owner?.end()
    await deps.db.end()
    await stopDatabase()
  }
}

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof Error)) throw error
  if ('exitCode' in error) process.exit(error.exitCode === 0 ? 0 : 2)
  console.error(error.message)
  process.exit(error instanceof Mistake ? 2 : 1)
}
process.exit(process.exitCode ?? 0)
