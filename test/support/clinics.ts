// A clinic with a row in every table, for tests that ask what another clinic can do to it. Whoever adds a table adds a row
// here; the tests that read the catalog say so.
import type { Database } from '../../src/db/database.ts'
import * as schema from '../../src/db/schema.ts'

export type Clinic = { organizationId: string; conversationId: string; label: string }

/** `label` keeps what must be unique over all clinics apart: two digits. */
export async function seedClinic(db: Database, label: string): Promise<Clinic> {
  const organizationId = crypto.randomUUID()
  const conversationId = crypto.randomUUID()
  const own = { organizationId, id: crypto.randomUUID() }
  const at = new Date('2026-03-02T09:00:00Z')
  await db.withOrg(organizationId, async (tx) => {
    await tx.insert(schema.organizations).values({ id: organizationId, name: `Clinic ${label}` })
    await tx.insert(schema.members).values({ ...own, name: 'Ada', email: `ada@${label}.example`, role: 'admin' })
    await tx.insert(schema.phoneNumbers).values({ ...own, phoneNumber: `+155512300${label}`, channel: 'twilio' })
    await tx.insert(schema.apiCredentials).values({
      ...own,
      serviceName: 'twilio',
      accountId: `AC${label}`,
      credentialData: 'sealed',
      keyId: 'k1',
    })
    await tx.insert(schema.agents).values({ ...own, agentId: `agent_${label}`, vendor: 'retell' })
    await tx.insert(schema.agentInstructions).values({
      organizationId,
      channel: 'voice',
      scope: 'base',
      version: 1,
      instructions: 'Be brief.',
    })
    await tx.insert(schema.conversations).values({
      organizationId,
      id: conversationId,
      sessionId: `twilio_CA${label}`,
      channel: 'voice',
      direction: 'inbound',
      startedAt: at,
      facts: {},
    })
    const part = { organizationId, conversationId }
    await tx
      .insert(schema.conversationEvents)
      .values({ ...part, key: 'call.incoming', kind: 'call.incoming', at, fact: {} })
    await tx.insert(schema.recordings).values({ ...part, recordingSid: `RE${label}`, status: 'completed' })
    await tx
      .insert(schema.emailDeliveries)
      .values({ ...part, id: crypto.randomUUID(), template: 'call-summary', idempotencyKey: `call-summary/${label}` })
  })
  return { organizationId, conversationId, label }
}
