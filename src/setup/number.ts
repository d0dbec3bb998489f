// Gives a clinic a number: the number becomes the clinic's, the server proves at its public address that it takes calls for it,
// and only then Twilio is told to send them there. Each step says what is so already, and a later run goes on from there.
import { and, eq } from 'drizzle-orm'
import { numberUrls } from '../calls/twiml.ts'
import type { Config } from '../config.ts'
import { phoneNumbers } from '../db/schema.ts'
import type { Account, Accounts } from '../organizations/account-store.ts'
import type { TelephonyAccount } from '../vendors/telephony.ts'
import type { TwilioNumber, TwilioNumbers, Webhooks } from '../vendors/twilio-numbers.ts'
import { type Change, differences } from './change.ts'
import { writeNumber } from './clinic-store.ts'
import { type Asked, change, type Report, type SetupDeps } from './commands.ts'
import { Mistake } from './mistake.ts'
import { numberChanges } from './plan.ts'
import { directly, placeOf, type Reach } from './reach.ts'
import { rehearse } from './rehearsal.ts'

export type NumberDeps = SetupDeps & { accounts: Accounts; numbers: TwilioNumbers; reach?: Reach }
export type WantedNumber = { phoneNumber: string; friendlyName: string | null }

/** Throws in words for an operator; what was done until then stays done. */
export async function setNumber(deps: NumberDeps, asked: Asked, wanted: WantedNumber): Promise<Report> {
  const { config } = deps
  const account = await accountOf(deps, asked.organizationId)
  const found = await findNumber(deps.numbers, account, wanted.phoneNumber)
  const report = await change(deps, asked, async (tx, before) => {
    const changes = numberChanges(before, wanted)
    if (changes.length > 0) await writeNumber({ tx, ids: deps.ids, organizationId: asked.organizationId }, wanted)
    return changes
  })
  const pointing = pointingChanges(config, found)
  const whole = { ...report, changes: [...report.changes, ...pointing] }
  if (asked.isTrial) return whole
  await prove(deps, account, asked.organizationId, wanted.phoneNumber)
  if (pointing.length > 0) await point(deps, account, found)
  return {
    ...whole,
    notes: [
      `A signed test request to ${config.PUBLIC_BASE_URL}${placeOf(config.PUBLIC_BASE_URL, deps.reach ?? directly)} was answered with TwiML for this clinic.`,
    ],
  }
}

/** The number is given back: calls to it are no clinic's. What Twilio does with them stays as it is. */
export const dropNumber = (deps: SetupDeps, asked: Asked, phoneNumber: string): Promise<Report> =>
  change(deps, asked, async (tx, before) => {
    const known = before.numbers.find((number) => number.phoneNumber === phoneNumber && number.isActive)
    if (known === undefined) return []
    const own = eq(phoneNumbers.organizationId, asked.organizationId)
    const is = and(own, eq(phoneNumbers.channel, 'twilio'), eq(phoneNumbers.phoneNumber, phoneNumber))
    await tx.update(phoneNumbers).set({ isActive: false }).where(is)
    return [{ part: 'number', name: phoneNumber, was: known.friendlyName ?? '', is: null }]
  })

async function accountOf({ accounts }: NumberDeps, organizationId: string): Promise<Account> {
  const account = await accounts.ofOrganization(organizationId)
  if (account !== null) return account
  throw new Mistake(
    'There is no Twilio account: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or give the clinic its own with `bun clinic credentials`. ' +
      'For the server of `bun dev`, add --dev',
  )
}

async function findNumber(numbers: TwilioNumbers, account: Account, phoneNumber: string): Promise<TwilioNumber> {
  const found = await numbers.find(account, phoneNumber)
  if (!found.ok) throw new Error(accessWords(found.message, account))
  if (found.value === null)
    throw new Mistake(
      `The Twilio account ${account.accountSid} has no number ${phoneNumber}: buy it, or bring it there, first`,
    )
  if (found.value.overriddenBy?.what === 'trunk')
    throw new Mistake(
      `${phoneNumber} belongs to the SIP trunk ${found.value.overriddenBy.sid}: take it off the trunk first`,
    )
  return found.value
}

/** Throws when Twilio does not take its token, or cannot be asked. Any number is asked for, and none need be there. */
export async function proveAccount(numbers: TwilioNumbers, account: TelephonyAccount): Promise<void> {
  const found = await numbers.find(account, '+15005550006')
  if (!found.ok) throw new Error(accessWords(found.message, account))
}

export const accessWords = (message: string, { accountSid }: { accountSid: string }): string =>
  message.includes('20003') ? `${message}: the auth token of ${accountSid} is not the one that Twilio has` : message

/** What must be changed at Twilio, so that calls to the number come here. */
export function pointingChanges({ PUBLIC_BASE_URL }: Config, { webhooks, overriddenBy }: TwilioNumber): Change[] {
  const set = (hooks: Webhooks) => new Map(Object.entries(hooks).filter(([, url]) => url !== ''))
  const urls = numberUrls(PUBLIC_BASE_URL)
  const wanted = { voice: `POST ${urls.voice}`, fallback: `POST ${urls.fallback}`, status: `POST ${urls.status}` }
  const overriding: Change[] =
    overriddenBy === null ? [] : [{ part: 'webhook', name: overriddenBy.what, was: overriddenBy.sid, is: null }]
  return [...overriding, ...differences('webhook', set(webhooks), set(wanted), true)]
}

async function prove(deps: NumberDeps, account: Account, organizationId: string, phoneNumber: string): Promise<void> {
  const proof = await rehearse(deps.config.PUBLIC_BASE_URL, account, phoneNumber, deps.reach)
  if (proof.ok && proof.value.organizationId === organizationId) return
  const why = proof.ok
    ? 'it answers for another clinic, or for none: does it use the database that this command uses?'
    : ended(proof.message)
  throw new Error(
    `The number is the clinic's, but Twilio was not told to send its calls here: ${why} Then give this command again`,
  )
}

const ended = (sentence: string): string => (/[.?!]$/.test(sentence) ? sentence : `${sentence}.`)

async function point({ numbers, config }: NumberDeps, account: Account, { numberSid }: TwilioNumber): Promise<void> {
  const pointed = await numbers.point(account, numberSid, numberUrls(config.PUBLIC_BASE_URL))
  if (!pointed.ok)
    throw new Error(
      `The number is the clinic's, but its calls are not sent here yet. ${pointed.message}. Give this command again`,
    )
  if (pointingChanges(config, pointed.value).length > 0)
    throw new Error("Twilio took the number's webhooks, and then shows others. Look at the number in its console")
}
