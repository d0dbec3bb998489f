// `bun start account`: gives a clinic a Twilio account of its own, sealed. From then on its calls are signed and placed with
// that account, and with no other. The secret comes from the environment, where no list of processes shows it.
import { z } from 'zod'
import type { Deps } from './deps.ts'
import { saveTwilioCredentials } from './organizations/account-store.ts'
import { createSeal } from './organizations/seal.ts'
import { organizationExists } from './organizations/store.ts'
import { accountSid } from './wire/twilio.ts'

const asked = z.object({
  organizationId: z.uuid('the organization is named by its id, a UUID'),
  accountSid,
  authToken: z.string('set CLINIC_AUTH_TOKEN to its auth token').min(1),
})

/** Throws, in words for an operator, when anything is missing or there is no such organization. */
export async function keepAccount(
  { config, db, ids }: Pick<Deps, 'config' | 'db' | 'ids'>,
  organizationId: string | undefined,
  environment: Record<string, string | undefined>,
): Promise<void> {
  const given = asked.safeParse({
    organizationId,
    accountSid: environment.CLINIC_ACCOUNT_SID,
    authToken: environment.CLINIC_AUTH_TOKEN,
  })
  if (!given.success) {
    const wrong = given.error.issues.map(({ path, message }) =>
      path[0] === 'accountSid' ? 'set CLINIC_ACCOUNT_SID to AC and 32 hexadecimal digits' : message,
    )
    throw new Error(`the account cannot be kept: ${wrong.join('; ')}`)
  }
  const { organizationId: id, ...credentials } = given.data
  await db.withOrg(id, async (tx) => {
    if (!(await organizationExists(tx, id))) throw new Error(`there is no organization ${id}`)
    await saveTwilioCredentials(tx, { seal: createSeal(config.FRONTDESK_KEYS), ids }, id, credentials)
  })
}
