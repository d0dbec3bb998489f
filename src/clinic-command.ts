// `bun clinic`: sets clinics up. Reads what was asked for, opens the database as the server's login, hands it on, and prints
// what was changed. Exits 0 also when nothing was to change, 1 when it could not be done, 2 when the command was wrong.
import { Command, InvalidArgumentError, Option } from 'commander'
import { composeDeps } from './compose.ts'
import { limits, loadConfig } from './config.ts'
import type { Deps } from './deps.ts'
import { surroundings, toBeTyped } from './dev-note.ts'
import { createLog } from './lib/log.ts'
import { isE164 } from './lib/phone.ts'
import { localKeys } from './local.ts'
import { openDatabase, reached } from './open-database.ts'
import { createAccounts } from './organizations/account-store.ts'
import { createSeal } from './organizations/seal.ts'
import { checkedInstructions, readClinic, readInstructions } from './setup/clinic-file.ts'
import {
  addClinic,
  dropCredentials,
  issueToken,
  type Report,
  revokeToken,
  setAdmin,
  setCredentials,
  setInstructions,
} from './setup/commands.ts'
import { clinicFlags, type Flags } from './setup/flags.ts'
import { Mistake } from './setup/mistake.ts'
import { dropNumber, type NumberDeps, proveAccount, setNumber } from './setup/number.ts'
import { type Reach, reachOf, serverOption } from './setup/reach.ts'
import { findClinic } from './setup/reference.ts'
import { reportLines, stateJson, stateLines } from './setup/showing.ts'
import { readState } from './setup/state-store.ts'
import { createTwilioNumbers } from './vendors/twilio-numbers.ts'
import { accountSid } from './wire/twilio.ts'

type ClinicDeps = Deps & { reach: Reach }
type Common = { json?: boolean; dryRun?: boolean; dev?: boolean }

const program = new Command('clinic')
  .description('Sets clinics up: what a call to them needs, and nothing of any other clinic.')
  .showHelpAfterError('(clinic --help shows what there is)')
  .addHelpText(
    'after',
    `
CLINIC is the short name that a clinic was added with, a number of its own, or its id.
Every command may be given again: what is so already is left as it is. --dry-run says
what would change, and changes nothing; --json prints one object. --dev works on the server
of a running \`bun dev\`, and its stand-in for Twilio.

Secrets come from the environment or from standard input, never from the command line.
Exit code: 0 when it is so, 1 when it could not be done, 2 when the command was wrong`,
  )
  .exitOverride()

const several = (text: string, before: string[] = []): string[] => [...before, text]
const uuid = (text: string): string => {
  if (!/^[0-9a-f-]{36}$/.test(text)) throw new InvalidArgumentError('It is the id that was printed with the token.')
  return text
}
const common = (command: Command, changes = true): Command => {
  command.option('--json', 'print one JSON object').option('--dev', 'on the server that `bun dev` keeps in this folder')
  return changes ? command.option('--dry-run', 'say what would change, and change nothing') : command
}

common(
  program
    .command('add')
    .description('Adds a clinic, or makes one as a file says; flags take the place of what the file says.')
    .argument('[name]', 'the short name that commands will know it by: northside')
    .option('--file <file>', 'a clinic file, YAML or JSON; the README shows one')
    .option('--name <text>', 'its name, as callers hear it')
    .option('--time-zone <zone>', 'as America/Chicago')
    .option('--language <code>', 'as en or es-MX')
    .option('--admin <admin>', 'to whom mail goes: "Ann Lee <ann@northside.example>"; may be given again', several)
    .option('--number <number>', 'in E.164 form, perhaps with its name; may be given again', several)
    .option('--hours <hours>', 'as "mon-fri 08:00-12:00 13:00-17:00"; may be given again', several)
    .option('--closed <day>', 'as "2026-12-25 Christmas Day"; may be given again', several)
    .option('--service <service>', 'and its minutes, perhaps with those after it: "Sick visit 20+10"; again', several)
    .option(
      '--provider <name>',
      'who does every service while it is open: "Dr. Holm, family physician"; again',
      several,
    )
    .option('--transfer <person>', 'whom callers may be put through to: "the nurse +13125550199"; again', several)
    .option('--instructions <file>', 'what its agent is told; a default serves any clinic')
    .option('--greeting <file>', 'what its agent is told about the first sentence'),
).action((name: string | undefined, flags: Flags & Common & { file?: string }) =>
  run(flags, async (deps, isTrial) => {
    const given = clinicFlags(name, flags)
    return addClinic(deps, await readClinic(flags.file ?? null, given), isTrial)
  }),
)

common(
  program
    .command('number')
    .description('Gives it a number, proves that the server takes calls for it, and has Twilio send them there.')
    .argument('<clinic>')
    .argument('<number>', 'in E.164 form, as +13125550123')
    .option('--name <text>', 'what the number is called')
    .addOption(serverOption())
    .option('--remove', 'the number is the clinic’s no more; Twilio is not told'),
).action((clinic: string, phoneNumber: string, flags: Common & { name?: string; remove?: boolean; server?: string }) =>
  run(flags, async (deps, isTrial) => {
    if (!isE164(phoneNumber)) throw new Mistake('A number is written in E.164 form, as +13125550123')
    const asked = { organizationId: await findClinic(deps.db, deps.config, clinic), isTrial }
    if (flags.remove) return dropNumber(deps, asked, phoneNumber)
    return setNumber({ ...withTwilio(deps), ...reachOf(flags) }, asked, {
      phoneNumber,
      friendlyName: flags.name ?? null,
    })
  }),
)

common(
  program
    .command('admin')
    .description('Adds somebody to whom the mail of each call goes, or takes them away.')
    .argument('<clinic>')
    .argument('<email>')
    .option('--name <text>', 'their name')
    .option('--remove', 'no mail goes there any more'),
).action((clinic: string, email: string, flags: Common & { name?: string; remove?: boolean }) =>
  run(flags, async (deps, isTrial) => {
    if (!/^[^\s@<>]+@[^\s@<>]+$/.test(email)) throw new Mistake(`${email} is no mail address`)
    if (!flags.remove && !flags.name) throw new Mistake('Give their --name, or --remove')
    const asked = { organizationId: await findClinic(deps.db, deps.config, clinic), isTrial }
    const known = { email: email.toLowerCase() }
    return setAdmin(deps, asked, flags.remove ? { ...known, isGone: true } : { ...known, name: flags.name ?? '' })
  }),
)

common(
  program
    .command('instructions')
    .description('Gives its agents a text, from a file, or from standard input (-): a new version, in force at once.')
    .argument('<clinic>')
    .argument('<file>')
    .addOption(
      new Option('--scope <scope>', 'which text')
        .choices(['base', 'greeting', 'receptionist', 'supervisor'])
        .default('base'),
    ),
).action(
  (clinic: string, file: string, flags: Common & { scope: 'base' | 'greeting' | 'receptionist' | 'supervisor' }) =>
    run(flags, async (deps, isTrial) => {
      const asked = { organizationId: await findClinic(deps.db, deps.config, clinic), isTrial }
      const text =
        file === '-' ? checkedInstructions(await standardInput(), 'standard input') : await readInstructions(file)
      return setInstructions(deps, asked, flags.scope, text)
    }),
)

common(
  program
    .command('credentials')
    .description('Gives it a Twilio account of its own, through which alone it is reached from then on.')
    .argument('<clinic>')
    .option('--remove', 'it is reached through the deployment’s account again')
    .addHelpText(
      'after',
      '\nThe account is in CLINIC_ACCOUNT_SID; its auth token in CLINIC_AUTH_TOKEN, or comes on standard input.',
    ),
).action((clinic: string, flags: Common & { remove?: boolean }) =>
  run(flags, async (deps, isTrial) => {
    const asked = { organizationId: await findClinic(deps.db, deps.config, clinic), isTrial }
    if (flags.remove) return dropCredentials(deps, asked)
    const sid = accountSid.safeParse(process.env.CLINIC_ACCOUNT_SID)
    if (!sid.success) throw new Mistake('Set CLINIC_ACCOUNT_SID to the account: AC and 32 hexadecimal digits')
    const authToken = (process.env.CLINIC_AUTH_TOKEN || (await standardInput())).trim()
    if (authToken === '')
      throw new Mistake('Set CLINIC_AUTH_TOKEN to the auth token of the account, or give it on standard input')
    const account = { accountSid: sid.data, authToken }
    await proveAccount(withTwilio(deps).numbers, account)
    return setCredentials(deps, asked, account)
  }),
)

common(
  program
    .command('token')
    .description('Prints, once, a token with which a system of the clinic’s may have calls placed.')
    .argument('<clinic>')
    .argument('<email>', 'of the member who answers for it')
    .argument('<name>', 'of the system'),
).action((clinic: string, email: string, name: string, flags: Common) =>
  run(flags, async (deps, isTrial) => {
    const asked = { organizationId: await findClinic(deps.db, deps.config, clinic), isTrial }
    return issueToken(deps, asked, { email, name })
  }),
)

common(
  program
    .command('revoke')
    .description('Takes such a token back.')
    .argument('<clinic>')
    .argument('<token-id>', 'the id that was printed with it', uuid),
).action((clinic: string, tokenId: string, flags: Common) =>
  run(flags, async (deps, isTrial) => {
    const asked = { organizationId: await findClinic(deps.db, deps.config, clinic), isTrial }
    return revokeToken(deps, asked, tokenId)
  }),
)

common(
  program.command('show').description('Shows how a clinic is set up, without a secret.').argument('<clinic>'),
  false,
).action((clinic: string, flags: Common) =>
  withDeps(flags, async (deps) => {
    const organizationId = await findClinic(deps.db, deps.config, clinic)
    const state = await deps.db.withOrg(organizationId, (tx) => readState(tx, organizationId))
    if (state === null) throw new Error('Cannot show the clinic: it has just gone')
    print(flags, stateJson(organizationId, state), stateLines(organizationId, state))
  }),
)

/** Accounts, and their numbers at Twilio. */
function withTwilio(deps: ClinicDeps): NumberDeps {
  const { config, db } = deps
  const accounts = createAccounts({ config, db, seal: createSeal(config.FRONTDESK_KEYS) })
  const numbers = createTwilioNumbers({ baseUrl: config.TWILIO_API_BASE_URL, timeoutMs: limits.vendorRequestMs })
  return { ...deps, accounts, numbers }
}

function run(flags: Common, work: (deps: ClinicDeps, isTrial: boolean) => Promise<Report>): Promise<void> {
  return withDeps(flags, async (deps) => {
    const { notes, ...done } = await work(deps, flags.dryRun ?? false)
    const report = { ...done, notes: notes.map((note) => toBeTyped(flags.dev, note)) }
    print(flags, report, reportLines(report))
  })
}

function print({ json }: Common, report: object, lines: string[]): void {
  for (const line of json ? [JSON.stringify(report)] : lines) console.log(line)
}

async function withDeps({ dev }: Common, work: (deps: ClinicDeps) => Promise<void>): Promise<void> {
  const { environment, reach } = await surroundings(dev)
  const isLocal = !environment.DATABASE_URL
  const settings = loadConfig(environment, isLocal ? { FRONTDESK_KEYS: localKeys() } : {})
  if (!settings.ok)
    throw new Mistake(['These settings are wrong.', ...settings.problems.map((p) => `  ${p}`)].join('\n'))
  // Whoever sets a clinic up does not migrate.
  const config = { ...settings.config, DATABASE_ADMIN_URL: undefined }
  const { databaseUrl, stopDatabase } = await openDatabase(config)
  const deps = { ...composeDeps(config, databaseUrl, { log: createLog({ level: 'silent' }) }), reach }
  try {
    await reached(databaseUrl, work(deps))
  } finally {
    await deps.db.end()
    await stopDatabase()
  }
}

const maxInputBytes = 64 * 1024

/** Empty at a terminal, where nobody means to type. */
async function standardInput(): Promise<string> {
  if (process.stdin.isTTY) return ''
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of process.stdin) {
    bytes += chunk.length
    if (bytes > maxInputBytes) throw new Mistake(`Standard input is over ${maxInputBytes} bytes`)
    chunks.push(Buffer.from(chunk))
  }
  return Buffer.concat(chunks).toString('utf8')
}

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof Error)) throw error
  // Commander has said already what was wrong; help that was asked for is no error.
  if ('exitCode' in error) process.exit(error.exitCode === 0 ? 0 : 2)
  if (error instanceof Mistake) {
    console.error(error.message)
    process.exit(2)
  }
  console.error(/^(Cannot|The|Twilio) /.test(error.message) ? error.message : `Cannot do that: ${error.message}`)
  process.exit(1)
}
process.exit(0)
