// Carrier accounts: whose auth token signs a request, and by which opaque name an account's media sockets are known. An
// account is the deployment's own (from the environment, serving every clinic without one), or one clinic's.
import { createHmac } from 'node:crypto'
import { and, eq, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Config } from '../config.ts'
import type { Database, Tx } from '../db/database.ts'
import { apiCredentials } from '../db/schema.ts'
import type { Ids } from '../lib/ids.ts'
import { accountSid as accountSidForm } from '../wire/twilio.ts'
import type { Seal } from './seal.ts'

export type Account = {
  accountSid: string
  authToken: string
  /** Null: the deployment's own account. */
  organizationId: string | null
  /** The account's name in media socket paths. */
  streamId: string
}

export type Accounts = {
  bySid(accountSid: string): Promise<Account | null>
  byStreamId(streamId: string): Promise<Account | null>
  /** The account that an organization's calls are made and signed with. */
  ofOrganization(organizationId: string): Promise<Account | null>
  /** Without the database: the deployment's own, or one seen before. */
  alreadyKnown(accountSid: string): Account | undefined
}

const twilioCredentials = z.object({ account_sid: z.string(), auth_token: z.string() })

/** Accounts remembered for requests that must be answered without a database. */
const rememberedAccounts = 1_000

export function createAccounts({ config, db, seal }: { config: Config; db: Database; seal: Seal }): Accounts {
  const own = ownAccount(config)
  const seen = new Map<string, Account>()

  function remember(account: Account): Account {
    if (seen.size >= rememberedAccounts) seen.clear()
    seen.set(account.accountSid, account)
    return account
  }

  const load = (organizationId: string, streamId: string): Promise<Account | null> =>
    db.withOrg(organizationId, async (tx) => {
      const credentials = await readTwilioCredentials(tx, seal, organizationId)
      if (credentials === null) return null
      return remember({
        accountSid: credentials.account_sid,
        authToken: credentials.auth_token,
        organizationId,
        streamId,
      })
    })

  return {
    async bySid(accountSid) {
      if (accountSid === own?.accountSid) return own
      // Whoever asks has proven nothing yet.
      if (!accountSidForm.safeParse(accountSid).success) return null
      const [route] = await db.ask<RouteRow>(sql`select * from route_account(${accountSid})`)
      return route === undefined ? null : load(route.organization_id, route.stream_id)
    },
    async byStreamId(streamId) {
      if (streamId === own?.streamId) return own
      if (!z.uuid().safeParse(streamId).success) return null
      const [route] = await db.ask<{ organization_id: string | null }>(
        sql`select route_stream(${streamId}::uuid) as organization_id`,
      )
      return route?.organization_id ? load(route.organization_id, streamId) : null
    },
    async ofOrganization(organizationId) {
      const accountSid = await db.withOrg(organizationId, (tx) => readAccountSid(tx, organizationId))
      return accountSid === null ? own : this.bySid(accountSid)
    },
    alreadyKnown: (accountSid) => (accountSid === own?.accountSid ? own : seen.get(accountSid)),
  }
}

type RouteRow = { organization_id: string; stream_id: string }

function ownAccount(config: Config): Account | null {
  const { TWILIO_ACCOUNT_SID: accountSid, TWILIO_AUTH_TOKEN: authToken } = config
  if (accountSid === undefined || authToken === undefined) return null
  // Made from what every machine has, so that each knows the others' streams, also while keys are being exchanged.
  const streamId = createHmac('sha256', authToken).update(`media stream of ${accountSid}`).digest('hex').slice(0, 32)
  return { accountSid, authToken, organizationId: null, streamId }
}

async function readAccountSid(tx: Tx, organizationId: string): Promise<string | null> {
  const [row] = await tx
    .select({ accountId: apiCredentials.accountId })
    .from(apiCredentials)
    .where(and(eq(apiCredentials.organizationId, organizationId), eq(apiCredentials.serviceName, 'twilio')))
  return row?.accountId ?? null
}

/** Throws when no key of the ring opens them. */
export async function readTwilioCredentials(tx: Tx, seal: Seal, organizationId: string) {
  const [row] = await tx
    .select({ keyId: apiCredentials.keyId, sealed: apiCredentials.credentialData })
    .from(apiCredentials)
    .where(and(eq(apiCredentials.organizationId, organizationId), eq(apiCredentials.serviceName, 'twilio')))
  return row === undefined ? null : twilioCredentials.parse(JSON.parse(seal.open(row, [organizationId, 'twilio'])))
}

/** Keeps an organization's own Twilio account, in place of the one it had. */
export async function saveTwilioCredentials(
  tx: Tx,
  { seal, ids }: { seal: Seal; ids: Ids },
  organizationId: string,
  credentials: { accountSid: string; authToken: string },
): Promise<void> {
  const plain = JSON.stringify({ account_sid: credentials.accountSid, auth_token: credentials.authToken })
  const { keyId, sealed } = seal.close(plain, [organizationId, 'twilio'])
  const columns = { accountId: credentials.accountSid, credentialData: sealed, keyId }
  await tx
    .insert(apiCredentials)
    .values({ organizationId, id: ids.uuid(), serviceName: 'twilio', ...columns })
    .onConflictDoUpdate({ target: [apiCredentials.organizationId, apiCredentials.serviceName], set: columns })
}
