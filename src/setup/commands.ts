// What `bun clinic` does, one function a command: each in one transaction of the clinic's own, as the server's login, and each
// as often as one likes: what is so already is left as it is.

import { and, eq } from 'drizzle-orm'
import type { Scope } from '../agents/instructions.ts'
import type { Tx } from '../db/database.ts'
import { apiCredentials, members } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { readTwilioCredentials, saveTwilioCredentials } from '../organizations/account-store.ts'
import { issueApiToken, revokeApiToken, tokenScopes } from '../organizations/api-token-store.ts'
import { createSeal } from '../organizations/seal.ts'
import type { Change } from './change.ts'
import type { Texts } from './clinic-file.ts'
import type { ClinicWish } from './clinic-shape.ts'
import { makeClinic, writeAdmin, writeTexts } from './clinic-store.ts'
import { Mistake } from './mistake.ts'
import { adminChanges, missingOf, textChanges } from './plan.ts'
import { organizationIdOf } from './reference.ts'
import { type ClinicState, readState } from './state-store.ts'
import { inClinic } from './trial.ts'

export type SetupDeps = Pick<Deps, 'db' | 'ids' | 'clock' | 'config'>

/** `notes`: what else there is to know, a sentence each. `token`: told once, here. */
export type Report = {
  organizationId: string
  name: string
  isTrial: boolean
  changes: Change[]
  notes: string[]
  token?: string
}

export type Asked = { organizationId: string; isTrial: boolean }

/** Makes the clinic as wished, whether it is there or not. */
export async function addClinic(
  { db, ids }: SetupDeps,
  { wish, texts }: { wish: ClinicWish; texts: Texts },
  isTrial: boolean,
): Promise<Report> {
  const organizationId = organizationIdOf(wish.clinic)
  const { changes, state } = await inClinic(db, organizationId, isTrial, (tx) =>
    makeClinic({ tx, ids, organizationId }, wish, texts),
  )
  const pointing = changes.flatMap(({ part, name }) =>
    part === 'number' ? [`So that Twilio sends its calls here: bun clinic number ${wish.clinic} ${name}`] : [],
  )
  const notes = [...missingOf(state).map((what) => `Still missing: ${what}.`), ...pointing]
  return { organizationId, name: state.name, isTrial, changes, notes }
}

/** Mail goes to the admins. The last one cannot be taken away. */
export async function setAdmin(
  deps: SetupDeps,
  asked: Asked,
  admin: { name: string; email: string } | { email: string; isGone: true },
): Promise<Report> {
  return change(deps, asked, async (tx, before) => {
    const { organizationId } = asked
    if (!('isGone' in admin)) {
      const changes = adminChanges(before, admin)
      if (changes.length > 0) await writeAdmin({ tx, ids: deps.ids, organizationId }, admin)
      return changes
    }
    const admins = before.members.filter(({ role, isActive }) => role === 'admin' && isActive)
    const known = admins.find(({ email }) => email.toLowerCase() === admin.email)
    if (known === undefined) return []
    if (admins.length === 1)
      throw new Mistake('Cannot remove the last admin: nobody would get the mail. Add another first.')
    await tx
      .update(members)
      .set({ isActive: false })
      .where(and(eq(members.organizationId, organizationId), eq(members.email, known.email)))
    return [{ part: 'admin', name: known.email, was: known.name, is: null }]
  })
}

/** A new version, in force from the next call on, unless the text is that of the version in force. */
export const setInstructions = (deps: SetupDeps, asked: Asked, scope: Scope, text: string): Promise<Report> =>
  change(deps, asked, async (tx, before) => {
    const texts = { [scope]: text }
    await writeTexts({ tx, ids: deps.ids, organizationId: asked.organizationId }, before, texts)
    return textChanges(before, texts)
  })

/** A Twilio account of the clinic's own, sealed with the newest key. From then on it is reached through that account only. */
export const setCredentials = (
  deps: SetupDeps,
  asked: Asked,
  account: { accountSid: string; authToken: string },
): Promise<Report> =>
  change(deps, asked, async (tx, before) => {
    const { organizationId } = asked
    if (account.accountSid === deps.config.TWILIO_ACCOUNT_SID)
      throw new Mistake(
        `${account.accountSid} is the deployment's own account: clinics without one of their own are reached through it`,
      )
    const seal = createSeal(deps.config.FRONTDESK_KEYS)
    const newestKey = deps.config.FRONTDESK_KEYS[0]?.id
    const isSame =
      before.account?.sealedWith === newestKey &&
      before.account?.accountSid === account.accountSid &&
      (await readTwilioCredentials(tx, seal, organizationId))?.auth_token === account.authToken
    if (isSame) return []
    await saveTwilioCredentials(tx, { seal, ids: deps.ids }, organizationId, account)
    const was = before.account === null ? null : sealedText(before.account.sealedWith)
    const change = {
      part: 'account',
      name: account.accountSid,
      was,
      is: `auth token ${sealedText(newestKey)}`,
    } as const
    return [change]
  })

/** From then on the clinic is reached through the deployment's account. */
export const dropCredentials = (deps: SetupDeps, asked: Asked): Promise<Report> =>
  change(deps, asked, async (tx, { account }) => {
    if (account === null) return []
    const own = eq(apiCredentials.organizationId, asked.organizationId)
    await tx.delete(apiCredentials).where(and(own, eq(apiCredentials.serviceName, 'twilio')))
    return [{ part: 'account', name: account.accountSid, was: sealedText(account.sealedWith), is: null }]
  })

const sealedText = (keyId: string | undefined): string => `sealed with ${keyId}`

/** For a system of the clinic's, named by what it is; nothing when it has a good token already. */
export async function issueToken(
  deps: SetupDeps,
  asked: Asked,
  { email, name }: { email: string; name: string },
): Promise<Report> {
  const { organizationId, isTrial } = asked
  let token: string | undefined
  const notes: string[] = []
  const report = await change(deps, asked, async (tx, before) => {
    const known = before.tokens.find((each) => each.name === name)
    if (known !== undefined) {
      notes.push(`It is not shown again. For another, first: bun clinic revoke ${organizationId} ${known.tokenId}`)
      return []
    }
    const wanted = { organizationId, memberEmail: email, name, scopes: tokenScopes }
    const issued = await issueApiToken(tx, deps.ids, wanted, deps.clock.now())
    if (!isTrial) token = issued.token
    notes.push(`This is its only showing. To take it back: bun clinic revoke ${organizationId} ${issued.tokenId}`)
    return [{ part: 'token', name, was: null, is: `${email} answers for it` }]
  })
  return { ...report, notes: isTrial ? [] : notes, ...(token === undefined ? {} : { token }) }
}

export const revokeToken = (deps: SetupDeps, asked: Asked, tokenId: string): Promise<Report> =>
  change(deps, asked, async (tx, before) => {
    const known = before.tokens.find((each) => each.tokenId === tokenId)
    if (known === undefined) return []
    await revokeApiToken(tx, { organizationId: asked.organizationId, tokenId }, deps.clock.now())
    return [{ part: 'token', name: known.name, was: tokenId, is: null }]
  })

/** One change to a clinic that is there, or the trial of it. */
export async function change(
  { db }: SetupDeps,
  { organizationId, isTrial }: Asked,
  work: (tx: Tx, before: ClinicState) => Promise<Change[]>,
): Promise<Report> {
  return inClinic(db, organizationId, isTrial, async (tx) => {
    const before = await readState(tx, organizationId)
    if (before === null) throw new Mistake(`There is no organization ${organizationId}`)
    const changes = await work(tx, before)
    return { organizationId, name: before.name, isTrial, changes, notes: [] }
  })
}
