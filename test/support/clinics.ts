// A clinic with a row in every table, for tests that ask what another clinic can do to it. Whoever adds a table adds a row
// here; the tests that read the catalog say so.
import type { Database, Tx } from '../../src/db/database.ts'
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
    await seedCare(tx, organizationId, conversationId)
    await tx.insert(schema.apiTokens).values({
      ...own,
      memberId: own.id,
      name: 'The practice software',
      tokenHash: label.repeat(32),
      scopes: ['calls'],
      createdAt: at,
    })
    await tx.insert(schema.outboundCalls).values({
      ...own,
      idempotencyKey: `call ${label}`,
      fromNumber: `+155512300${label}`,
      toNumber: '+15550102030',
      purpose: 'Ask whether the new glasses fit.',
      placeUntil: at,
      createdAt: at,
    })
  })
  return { organizationId, conversationId, label }
}

async function seedCare(tx: Tx, organizationId: string, conversationId: string): Promise<void> {
  const [patientId, providerId, serviceId] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()]
  const startsAt = new Date('2026-03-03T15:00:00Z')
  const endsAt = new Date('2026-03-03T15:30:00Z')
  await tx
    .insert(schema.patients)
    .values({ organizationId, id: patientId, givenName: 'Bo', familyName: 'Lind', dateOfBirth: '1980-05-17' })
  await tx.insert(schema.providers).values({ organizationId, id: providerId, name: 'Dr. Holm' })
  await tx.insert(schema.services).values({ organizationId, id: serviceId, name: 'Visit', durationMinutes: 30 })
  await tx.insert(schema.providerServices).values({ organizationId, providerId, serviceId })
  await tx.insert(schema.openingHours).values({ organizationId, weekday: 1, opensAt: 480, closesAt: 1020 })
  await tx.insert(schema.closures).values({ organizationId, firstDay: '2026-12-25', lastDay: '2026-12-26', name: 'C' })
  await tx.insert(schema.providerHours).values({ organizationId, providerId, weekday: 1, startsAt: 480, endsAt: 720 })
  await tx.insert(schema.providerExceptions).values({ organizationId, providerId, onDay: '2026-03-09', kind: 'away' })
  await tx.insert(schema.appointments).values({
    organizationId,
    id: crypto.randomUUID(),
    patientId,
    providerId,
    serviceId,
    startsAt,
    endsAt,
    busyUntil: endsAt,
  })
  await tx.insert(schema.slotHolds).values({
    organizationId,
    id: crypto.randomUUID(),
    conversationId,
    providerId,
    startsAt: endsAt,
    busyUntil: new Date('2026-03-03T16:00:00Z'),
    heldUntil: endsAt,
  })
  await tx.insert(schema.auditLog).values({
    organizationId,
    at: startsAt,
    actor: 'agent',
    conversationId,
    toolCallId: 'call_1',
    patientId,
    action: 'read',
    purpose: 'search_patient',
  })
}
