// The two clinics of the demonstration and of the simulator: the only place in the code that names an organization. Seeding
// adds what is missing and changes nothing that is there.
import { defaultGreeting, defaultInstructions, saveInstructions } from './agents/instructions.ts'
import type { Database } from './db/database.ts'
import { cedarGroveCare, lakesideCare, seedCare } from './demo-care.ts'
import type { Ids } from './lib/ids.ts'
import { ensureOrganization, type NewOrganization } from './organizations/store.ts'

type DemoClinic = NewOrganization & { instructions: string; greeting: string; care: typeof lakesideCare }

const demoClinics: DemoClinic[] = [
  {
    id: '5f0c6a1e-9f2b-4c58-8a4d-0d7c2b1e6a01',
    name: 'Lakeside Family Clinic',
    timeZone: 'America/New_York',
    language: 'en',
    settings: {
      recordCalls: true,
      recordingNotice: 'This call is recorded.',
      emergency: { number: '911' },
      about: {
        address: '12 Harbor Street, across from the ferry landing; the entrance is at the back.',
        parking: 'Free for two hours in the lot behind the building.',
        insurance: 'Most plans are taken; bring the card to the first visit.',
        prescriptions: 'Renewals are ready within one working day; a message to the doctor is enough.',
      },
    },
    admins: [
      { name: 'Priya Raman', email: 'priya.raman@lakeside.example' },
      { name: 'Tom Becker', email: 'tom.becker@lakeside.example' },
    ],
    numbers: [{ phoneNumber: '+15551234567', friendlyName: 'Front desk' }],
    greeting: defaultGreeting,
    instructions: `${defaultInstructions}

Of this clinic: the emergency number is 911. The clinic calls back within a working day.`,
    care: lakesideCare,
  },
  {
    id: '5f0c6a1e-9f2b-4c58-8a4d-0d7c2b1e6a02',
    name: 'Cedar Grove Dental',
    timeZone: 'America/Los_Angeles',
    language: 'en',
    settings: {
      recordCalls: false,
      identityPolicy: 'known-number-plus-fact',
      about: {
        address: '480 Cedar Grove Avenue, second floor; there is an elevator.',
        insurance: 'Delta and most employer plans are taken.',
      },
    },
    admins: [{ name: 'Ines Duarte', email: 'ines.duarte@cedargrove.example' }],
    numbers: [{ phoneNumber: '+15557654321', friendlyName: 'Reception' }],
    greeting: defaultGreeting,
    instructions: `${defaultInstructions}

Of this clinic: the emergency number is 911. A broken or knocked-out tooth is seen on the same day where that can be.`,
    care: cedarGroveCare,
  },
]

/** `nowMs`: what the clinics' calendars are filled in from. */
export async function seedDemo(db: Database, ids: Ids, nowMs: number): Promise<void> {
  for (const clinic of demoClinics) {
    const { id: organizationId, timeZone, care } = clinic
    await db.withOrg(organizationId, async (tx) => {
      const isNew = await ensureOrganization(tx, ids, clinic)
      const today = Temporal.Instant.fromEpochMilliseconds(nowMs).toZonedDateTimeISO(timeZone).toPlainDate()
      await seedCare({ tx, ids, organizationId, today, timeZone }, care)
      if (!isNew) return
      for (const [scope, text] of [
        ['base', clinic.instructions],
        ['greeting', clinic.greeting],
      ] as const) {
        const saved = await saveInstructions(tx, organizationId, 'voice', scope, text)
        if (!saved.ok) throw new Error(`Cannot seed ${clinic.name}: ${saved.message}`)
      }
    })
  }
}
