// The whole examination, in the order in which things stand upon each other: database, address, vendors, clinics. What cannot
// be looked at is said, with why; nothing is changed.
import { type Config, limits } from '../config.ts'
import type { OwnerView } from '../db/owner-view.ts'
import type { Deps } from '../deps.ts'
import type { Account, Accounts } from '../organizations/account-store.ts'
import type { Reach } from '../setup/reach.ts'
import type { TwilioNumbers } from '../vendors/twilio-numbers.ts'
import { addressFindings } from './address.ts'
import { clinicFindings, clinicsOf, type ExaminedClinic } from './clinics.ts'
import { databaseFindings } from './database.ts'
import { bad, type Finding, skipped } from './finding.ts'
import { carrierClockFinding, mailFinding, modelFindings, recordingsFinding } from './vendors.ts'

export type Patient = Pick<Deps, 'db' | 'clock' | 'config' | 'openSocket'> & {
  accounts: Accounts
  numbers: TwilioNumbers
  reach?: Reach
  /** Null when only the server's login is known. */
  owner: OwnerView | null
}

/** `clinics`: ids of those that are to be looked at even where the owner is not there to name them. */
export async function examine(patient: Patient, clinics: readonly string[]): Promise<Finding[]> {
  const { config, clock, owner } = patient
  const database = await databaseFindings(patient.db, owner, clock)
  const [known, trouble] = database[0]?.state === 'ok' ? await knownClinics(patient, clinics) : [[], []]
  const account = await accountToSignWith(patient.accounts, config, known)
  const unnamed =
    owner === null && clinics.length === 0
      ? [
          skipped(
            'numbers',
            'only the owner knows which there are: set DATABASE_ADMIN_URL, or name clinics (bun run doctor northside)',
          ),
        ]
      : []
  return [
    ...database,
    ...(await addressFindings(patient, account)),
    await carrierClockFinding(config, clock),
    ...(await modelFindings(config, known.flatMap(modelsOf))),
    await mailFinding(config),
    await recordingsFinding(config),
    ...trouble,
    ...(await findingsOfClinics(patient, known)),
    ...unnamed,
  ]
}

/** A few at once: Twilio answers only so many at a time. */
async function findingsOfClinics(patient: Patient, known: readonly ExaminedClinic[]): Promise<Finding[]> {
  const findings: Finding[] = []
  for (let first = 0; first < known.length; first += limits.examinedAtOnce) {
    const few = known.slice(first, first + limits.examinedAtOnce)
    findings.push(...(await Promise.all(few.map((clinic) => clinicFindings(patient, clinic)))).flat())
  }
  return findings
}

async function knownClinics(patient: Patient, named: readonly string[]): Promise<[ExaminedClinic[], Finding[]]> {
  try {
    const { clinics, leftOut } = await clinicsOf(patient, patient.owner, named)
    const says = `${leftOut} more are not looked at: name them (bun run doctor northside)`
    return [clinics, leftOut === 0 ? [] : [skipped('clinics', says)]]
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${error.code})` : ''
    return [[], [bad('clinics', `they could not be read${code}`, 'is the database migrated? bun start migrate')]]
  }
}

/** Those that a clinic chose in place of the deployment's. */
const modelsOf = ({ state: { settings } }: ExaminedClinic): string[] =>
  [settings.voice.model, settings.voice.transcriptionModel, settings.supervisorModel].flatMap((model) => model ?? [])

/** The deployment's own, or a clinic's: whichever can be had. */
async function accountToSignWith(
  accounts: Accounts,
  config: Config,
  known: readonly ExaminedClinic[],
): Promise<Account | null> {
  if (config.TWILIO_ACCOUNT_SID !== undefined) return accounts.alreadyKnown(config.TWILIO_ACCOUNT_SID) ?? null
  for (const { organizationId } of known) {
    const account = await accounts.ofOrganization(organizationId).catch(() => null)
    if (account !== null) return account
  }
  return null
}
