// Looks at the clinics that a deployment serves: that their sealed credentials open, and that each number's calls come here,
// by what Twilio has, and by a signed test request. Reads one clinic at a time, as the server does.
import { type Config, limits } from '../config.ts'
import type { Database } from '../db/database.ts'
import type { OwnerView } from '../db/owner-view.ts'
import type { Account, Accounts } from '../organizations/account-store.ts'
import { accessWords, pointingChanges } from '../setup/number.ts'
import type { Reach } from '../setup/reach.ts'
import { rehearse } from '../setup/rehearsal.ts'
import { type ClinicState, readState } from '../setup/state-store.ts'
import type { TwilioNumbers } from '../vendors/twilio-numbers.ts'
import { bad, doubtful, type Finding, good, skipped } from './finding.ts'

export type ClinicParts = {
  config: Config
  db: Database
  accounts: Accounts
  numbers: TwilioNumbers
  reach?: Reach
}

export type ExaminedClinic = { organizationId: string; state: ClinicState }

/**
 * Those that were named, and those that the owner knows of; `leftOut`: how many of them there are beyond the limit. Throws when
 * they cannot be read.
 */
export async function clinicsOf(
  { db }: ClinicParts,
  owner: OwnerView | null,
  named: readonly string[],
): Promise<{ clinics: ExaminedClinic[]; leftOut: number }> {
  const routes = await owner?.routes()
  const ids = [
    ...named,
    ...(routes?.numbers.map((each) => each.organizationId) ?? []),
    ...(routes?.accountOwners ?? []),
  ]
  const clinics: ExaminedClinic[] = []
  const wanted = [...new Set(ids)]
  for (const organizationId of wanted.slice(0, limits.examinedClinics)) {
    const state = await db.withOrg(organizationId, (tx) => readState(tx, organizationId))
    if (state !== null) clinics.push({ organizationId, state })
  }
  return { clinics, leftOut: Math.max(0, wanted.length - limits.examinedClinics) }
}

/** Of one clinic: its credentials, if it has any, and each of its numbers. */
export async function clinicFindings(
  parts: ClinicParts,
  { organizationId, state }: ExaminedClinic,
): Promise<Finding[]> {
  const check = `credentials ${state.name}`
  let account: Account | null
  try {
    account = await parts.accounts.ofOrganization(organizationId)
  } catch {
    const says = `its Twilio account was sealed with key ${state.account?.sealedWith}, and does not open`
    return [
      bad(check, says, 'put that key back into FRONTDESK_KEYS, or give the account again: bun clinic credentials'),
      ...active(state).map((phoneNumber) => skipped(`number ${phoneNumber}`, 'its account cannot be opened')),
    ]
  }
  const opened = state.account === null ? [] : [good(check, 'they open')]
  const found: Finding[] = []
  for (const phoneNumber of active(state))
    found.push(await numberFinding(parts, { organizationId, account, phoneNumber }))
  return [...opened, ...found]
}

const active = ({ numbers }: ClinicState): string[] =>
  numbers.filter(({ isActive }) => isActive).map(({ phoneNumber }) => phoneNumber)

type Numbered = { organizationId: string; account: Account | null; phoneNumber: string }

async function numberFinding(parts: ClinicParts, { organizationId, account, phoneNumber }: Numbered): Promise<Finding> {
  const { config, numbers } = parts
  const check = `number ${phoneNumber}`
  if (account === null)
    return skipped(check, 'there is no Twilio account: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN')
  const found = await numbers.find(account, phoneNumber)
  if (!found.ok)
    return bad(
      check,
      accessWords(found.message, account),
      'give Twilio’s auth token: TWILIO_AUTH_TOKEN, or bun clinic credentials',
    )
  if (found.value === null)
    return bad(
      check,
      `the Twilio account ${account.accountSid} has no such number`,
      'buy it, or give it back: bun clinic number … --remove',
    )
  const wrong = pointingChanges(config, found.value)
  const mend = `bun clinic number ${phoneNumber} ${phoneNumber}`
  const says = wrong.map(({ name, was }) => `its ${name} is ${was ?? 'not set'}`).join('; ')
  if (wrong.some(({ name }) => name === 'voice' || name === 'trunk' || name === 'application'))
    return bad(check, says, mend)
  const proof = await rehearse(config.PUBLIC_BASE_URL, account, phoneNumber, parts.reach)
  if (!proof.ok) return bad(check, proof.message, 'see "Pointing Twilio at it" in the README')
  if (proof.value.organizationId !== organizationId)
    return bad(
      check,
      'the server takes its calls for another clinic, or for none',
      'do the server and this command use the same database?',
    )
  return wrong.length > 0 ? doubtful(check, says, mend) : good(check, 'its calls come here, and are taken')
}
