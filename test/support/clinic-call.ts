// One clinic with one finished call in a real database, for tests of the jobs that follow a call. The clock is moved by
// hand, and what the jobs reach outside for is given by the test.
import type { Config } from '../../src/config.ts'
import { loadConfig } from '../../src/config.ts'
import type { ConversationEvent, ConversationFact } from '../../src/conversations/events.ts'
import {
  eventOf,
  findConversation,
  insertConversation,
  readEvents,
  recordEvents,
} from '../../src/conversations/store.ts'
import type { Database } from '../../src/db/database.ts'
import { members } from '../../src/db/schema.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { type Ids, randomIds } from '../../src/lib/ids.ts'
import { createLog, type Log } from '../../src/lib/log.ts'
import { ensureOrganization } from '../../src/organizations/store.ts'
import { beganAtMs } from './call-summary.ts'

type MovableClock = Clock & { advance(ms: number): void }

/** Stands still until it is moved. Nothing here waits on it. */
function movableClock(startMs: number): MovableClock {
  let nowMs = startMs
  return {
    now: () => nowMs,
    after() {
      throw new Error('This clock wakes nobody')
    },
    advance: (ms) => void (nowMs += ms),
  }
}

export type Ground = { config: Config; clock: MovableClock; ids: Ids; log: Log; logged: string[] }

/** What a job stands on, beside the database and the vendors. */
export function groundOf(): Ground {
  const logged: string[] = []
  const loaded = loadConfig({
    PUBLIC_BASE_URL: 'https://frontdesk.example',
    MAIL_FROM: 'Frontdesk <frontdesk@clinic.example>',
  })
  if (!loaded.ok) throw new Error(loaded.problems.join(', '))
  return {
    config: loaded.config,
    clock: movableClock(beganAtMs + 110_000),
    ids: randomIds,
    log: createLog({ level: 'debug', write: (line) => logged.push(line) }),
    logged,
  }
}

export type ClinicCall = {
  organizationId: string
  conversationId: string
  record(facts: readonly ConversationFact[]): Promise<void>
  events(): Promise<ConversationEvent[]>
  row(): Promise<NonNullable<Awaited<ReturnType<typeof findConversation>>>>
}

export const admins = ['first@clinic.example', 'second@clinic.example']

/** A clinic of its own, with two admins, a member of the staff and an admin who has left, and a call with these facts. */
export async function placeCall(db: Database, ground: Ground, facts: readonly ConversationFact[]): Promise<ClinicCall> {
  const organizationId = ground.ids.uuid()
  const conversationId = ground.ids.uuid()
  const callSid = `CA${ground.ids.uuid().replaceAll('-', '')}`
  await db.withOrg(organizationId, async (tx) => {
    await ensureOrganization(tx, ground.ids, {
      id: organizationId,
      name: 'Lakeside Family Clinic',
      timeZone: 'America/New_York',
      language: 'en',
      settings: {},
      admins: admins.map((email) => ({ name: 'Admin', email })),
      numbers: [],
    })
    await tx.insert(members).values([
      { organizationId, id: ground.ids.uuid(), name: 'Staff', email: 'staff@clinic.example', role: 'staff' },
      {
        organizationId,
        id: ground.ids.uuid(),
        name: 'Left',
        email: 'left@clinic.example',
        role: 'admin',
        isActive: false,
      },
    ])
    await insertConversation(tx, {
      organizationId,
      id: conversationId,
      sessionId: `twilio_${callSid}`,
      channel: 'voice',
      direction: 'inbound',
      callSid,
      accountSid: `AC${'0'.repeat(32)}`,
      fromNumber: '+15557654321',
      toNumber: '+15551234567',
      startedAtMs: beganAtMs,
    })
  })
  let recorded = 0
  const call: ClinicCall = {
    organizationId,
    conversationId,
    async record(more) {
      const events = more.map((fact) => eventOf(fact, beganAtMs, String(recorded++)))
      await db.withOrg(organizationId, (tx) => recordEvents(ground, tx, organizationId, conversationId, events))
    },
    events: () => db.withOrg(organizationId, (tx) => readEvents(tx, organizationId, conversationId)),
    async row() {
      const row = await db.withOrg(organizationId, (tx) => findConversation(tx, organizationId, conversationId))
      if (row === undefined) throw new Error('The call is gone')
      return row
    },
  }
  await call.record(facts)
  return call
}
