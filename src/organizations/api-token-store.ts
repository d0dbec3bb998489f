// What other systems show to act for an organization: tokens of which only the hash is kept, good while they are not revoked
// and the member who answers for them is active. Whoever has one chooses no organization: the token is the organization's.
import { createHash } from 'node:crypto'
import { and, eq, isNull, sql } from 'drizzle-orm'
import type { Database, Tx } from '../db/database.ts'
import { apiTokens, members } from '../db/schema.ts'
import type { Ids } from '../lib/ids.ts'

/** calls: to place calls. */
export const tokenScopes = ['calls'] as const
export type TokenScope = (typeof tokenScopes)[number]

export type TokenHolder = { organizationId: string; tokenId: string; scopes: readonly string[] }

/** The token is told once, here, and to nobody again. Throws when the member is not an active one of the organization. */
export async function issueApiToken(
  tx: Tx,
  ids: Ids,
  wanted: { organizationId: string; memberEmail: string; name: string; scopes: readonly TokenScope[] },
  nowMs: number,
): Promise<{ tokenId: string; token: string }> {
  const { organizationId, memberEmail, name, scopes } = wanted
  const [member] = await tx
    .select({ id: members.id })
    .from(members)
    .where(and(eq(members.organizationId, organizationId), eq(members.email, memberEmail), eq(members.isActive, true)))
  if (member === undefined) throw new Error('Cannot issue token: the organization has no such active member')
  const tokenId = ids.uuid()
  const token = `fd_${ids.token()}`
  await tx.insert(apiTokens).values({
    organizationId,
    id: tokenId,
    memberId: member.id,
    name,
    tokenHash: hashOf(token),
    scopes: [...scopes],
    createdAt: new Date(nowMs),
  })
  return { tokenId, token }
}

/** Good for nothing from here on. False when the organization has no such token that is good. */
export async function revokeApiToken(
  tx: Tx,
  { organizationId, tokenId }: { organizationId: string; tokenId: string },
  nowMs: number,
): Promise<boolean> {
  const revoked = await tx
    .update(apiTokens)
    .set({ revokedAt: new Date(nowMs) })
    .where(and(eq(apiTokens.organizationId, organizationId), eq(apiTokens.id, tokenId), isNull(apiTokens.revokedAt)))
    .returning({ id: apiTokens.id })
  return revoked.length > 0
}

/** For whom whoever shows this token acts; null when it is good for nothing. One that was revoked leads nowhere. */
export async function holderOf(db: Database, token: string): Promise<TokenHolder | null> {
  const tokenHash = hashOf(token)
  const [route] = await db.ask<{ organization_id: string | null }>(
    sql`select route_api_token(${tokenHash}) as organization_id`,
  )
  const organizationId = route?.organization_id
  if (!organizationId) return null
  const [row] = await db.withOrg(organizationId, (tx) =>
    tx
      .select({ tokenId: apiTokens.id, scopes: apiTokens.scopes })
      .from(apiTokens)
      .innerJoin(members, and(eq(members.organizationId, apiTokens.organizationId), eq(members.id, apiTokens.memberId)))
      .where(
        and(
          eq(apiTokens.organizationId, organizationId),
          eq(apiTokens.tokenHash, tokenHash),
          eq(members.isActive, true),
        ),
      ),
  )
  return row === undefined ? null : { organizationId, ...row }
}

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')
