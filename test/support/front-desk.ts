// A clinic with a calendar in a real database, and calls to it that use the tools as a model would: by name, with JSON. The
// clock stands until a test moves it.
import { randomBytes } from 'node:crypto'
import { eq } from 'drizzle-orm'
import { runTool, type ToolOutput } from '../../src/clinic/tool-runner.ts'
import { type Role, toolsFor } from '../../src/clinic/toolbox.ts'
import { type ConversationState, stateOf } from '../../src/conversations/state.ts'
import { insertConversation, readEvents } from '../../src/conversations/store.ts'
import type { Database, Tx } from '../../src/db/database.ts'
import { appointments } from '../../src/db/schema.ts'
import { seedCare } from '../../src/demo-care.ts'
import { randomIds } from '../../src/lib/ids.ts'
import { createLog } from '../../src/lib/log.ts'
import { ensureOrganization, readOrganization } from '../../src/organizations/store.ts'
import { createHandClock, type HandClock } from './hand-clock.ts'

/** Monday the 23rd of March 2026, 10 in the morning in New York. */
export const openedAtMs = Date.UTC(2026, 2, 23, 14)

export type Answer = Pick<ToolOutput, 'outcome'> & {
  /** What the model was told. */
  told: Record<string, unknown>
}

/** As find_availability tells it. */
export type Offered = { slot: number; when: string; provider: string }

export const slotsOf = ({ told }: Answer): Offered[] => (told.slots ?? []) as Offered[]
export const timesOf = (answer: Answer): string[] => slotsOf(answer).map(({ when }) => when)

export type DeskCall = {
  conversationId: string
  use(tool: string, given: Record<string, unknown>, toolCallId?: string): Promise<Answer>
  state(): Promise<ConversationState>
}

export type Desk = {
  organizationId: string
  clock: HandClock
  log: string[]
  /** A call from this number. */
  ring(from?: string, role?: Role): Promise<DeskCall>
  /** A call from somebody who has shown that they are this patient. */
  ringAs(who: typeof dana): Promise<DeskCall>
  /** What stands in the calendar, in order of time. */
  booked(): Promise<(typeof appointments.$inferSelect)[]>
  within<T>(run: (tx: Tx) => Promise<T>): Promise<T>
}

const week = [1, 2, 3, 4, 5]
const care: Parameters<typeof seedCare>[1] = {
  opening: [{ weekdays: week, sessions: [[480, 1020]] }],
  services: [
    { name: 'Check-up', durationMinutes: 30, bufferMinutes: 0 },
    { name: 'Sick visit', durationMinutes: 20, bufferMinutes: 10 },
  ],
  providers: [
    {
      name: 'Dr. Holm',
      about: 'physician',
      services: ['Check-up', 'Sick visit'],
      hours: [{ weekdays: week, sessions: [[480, 1020]] }],
      awayOnWorkingDay: 4,
    },
    {
      name: 'Dr. Lind',
      about: 'physician',
      services: ['Check-up'],
      hours: [{ weekdays: [3], sessions: [[480, 540]] }],
      awayOnWorkingDay: 30,
    },
  ],
  patients: [
    ['Dana', 'Reyes', '1988-04-12', '+15550102030'],
    ['James', 'Miller', '1960-06-15', '+15550102053'],
    ['James', 'Miller', '1960-06-15', '+15550102054'],
    ['Elena', 'Novak', '1984-11-30', '+15550102055'],
    ['Leo', 'Novak', '2015-02-08', '+15550102055'],
  ],
  appointments: [
    { patient: 0, provider: 'Dr. Holm', service: 'Check-up', workingDay: 3, minute: 600 },
    { patient: 3, provider: 'Dr. Holm', service: 'Check-up', workingDay: 1, minute: 480 },
    { patient: 3, provider: 'Dr. Holm', service: 'Sick visit', workingDay: 2, minute: 840 },
  ],
}

export const dana = { name: 'Dana Reyes', date_of_birth: '1988-04-12' }
export const elena = { name: 'Elena Novak', date_of_birth: '1984-11-30' }
export const danasNumber = '+15550102030'
export const checkUp = { service: 'Check-up' }

export async function openDesk(db: Database, settings: Record<string, unknown> = {}): Promise<Desk> {
  const organizationId = crypto.randomUUID()
  const clock = createHandClock(openedAtMs)
  const log: string[] = []
  const timeZone = 'America/New_York'
  const within = <T>(run: (tx: Tx) => Promise<T>): Promise<T> => db.withOrg(organizationId, run)
  await within(async (tx) => {
    const clinic = { id: organizationId, name: 'Holm Clinic', timeZone, language: 'en', admins: [], numbers: [] }
    await ensureOrganization(tx, randomIds, { ...clinic, settings })
    const today = Temporal.PlainDate.from('2026-03-23')
    await seedCare({ tx, ids: randomIds, organizationId, today, timeZone }, care)
  })
  const deps = { db, clock, ids: randomIds, log: createLog({ level: 'debug', write: (line) => void log.push(line) }) }

  async function ring(from = '+15550109999', role: Role = 'single'): Promise<DeskCall> {
    const conversationId = crypto.randomUUID()
    const callSid = `CA${randomBytes(16).toString('hex')}`
    const tools = await within(async (tx) => {
      await insertConversation(tx, {
        organizationId,
        id: conversationId,
        sessionId: `twilio_${callSid}`,
        channel: 'voice',
        direction: 'inbound',
        callSid,
        accountSid: `AC${'0'.repeat(32)}`,
        fromNumber: from,
        toNumber: '+15551234567',
        startedAtMs: clock.now(),
      })
      return toolsFor(await readOrganization(tx, organizationId), role)
    })
    const scene = { organizationId, conversationId, tools }
    return {
      conversationId,
      async use(name, given, toolCallId = crypto.randomUUID()) {
        const call = { toolCallId, name, argumentsJson: JSON.stringify(given) }
        const { outcome, output } = await runTool(deps, scene, call)
        return { outcome, told: JSON.parse(output) }
      },
      state: async () => stateOf(await within((tx) => readEvents(tx, organizationId, conversationId))),
    }
  }

  return {
    organizationId,
    clock,
    log,
    ring,
    async ringAs(who) {
      const call = await ring()
      await call.use('search_patient', who)
      return call
    },
    booked: () =>
      within((tx) =>
        tx.select().from(appointments).where(eq(appointments.state, 'booked')).orderBy(appointments.startsAt),
      ),
    within,
  }
}
