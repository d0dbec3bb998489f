// `bun start token` and `bun start revoke`: gives another system of a clinic the right to place calls, and takes it back. The
// token is printed once and kept nowhere.
import { z } from 'zod'
import type { Deps } from './deps.ts'
import { issueApiToken, revokeApiToken, tokenScopes } from './organizations/api-token-store.ts'

type TokenDeps = Pick<Deps, 'db' | 'ids' | 'clock'>

const organizationId = z.uuid('the organization is named by its id, a UUID')
const asked = z.tuple([
  organizationId,
  z.email('the member who answers for it is named by an e-mail address'),
  z.string('the token needs a name, of the system that will use it').min(1).max(100),
])
const askedBack = z.tuple([organizationId, z.uuid('the token is named by the id that was printed with it')])

/** Throws, in words for an operator. */
export async function issueToken({ db, ids, clock }: TokenDeps, words: string[]): Promise<string[]> {
  const [organizationId, memberEmail, name] = given(asked, words)
  const { tokenId, token } = await db.withOrg(organizationId, (tx) =>
    issueApiToken(tx, ids, { organizationId, memberEmail, name, scopes: tokenScopes }, clock.now()),
  )
  return [token, `This is its only showing. To take it back: bun start revoke ${organizationId} ${tokenId}`]
}

export async function takeTokenBack({ db, clock }: TokenDeps, words: string[]): Promise<string[]> {
  const [organizationId, tokenId] = given(askedBack, words)
  const wasGood = await db.withOrg(organizationId, (tx) => revokeApiToken(tx, { organizationId, tokenId }, clock.now()))
  if (!wasGood) throw new Error('Cannot revoke: the organization has no such token')
  return ['The token is good for nothing now.']
}

function given<T extends z.ZodTuple>(form: T, words: string[]): z.infer<T> {
  const read = form.safeParse(words)
  if (read.success) return read.data
  throw new Error(`Cannot do that: ${read.error.issues.map(({ message }) => message).join('; ')}`)
}
