// The two clinics of the demonstration and of the simulator: the only place in the code that names an organization. Seeding
// adds what is missing and changes nothing that is there.
import { saveInstructions } from './agents/instructions.ts'
import type { Database } from './db/database.ts'
import type { Ids } from './lib/ids.ts'
import { ensureOrganization, type NewOrganization } from './organizations/store.ts'

type DemoClinic = NewOrganization & { instructions: string; greeting: string }

export const demoClinics: DemoClinic[] = [
  {
    id: '5f0c6a1e-9f2b-4c58-8a4d-0d7c2b1e6a01',
    name: 'Lakeside Family Clinic',
    timeZone: 'America/New_York',
    language: 'en',
    settings: { recordCalls: true, recordingNotice: 'This call is recorded.' },
    admins: [
      { name: 'Priya Raman', email: 'priya.raman@lakeside.example' },
      { name: 'Tom Becker', email: 'tom.becker@lakeside.example' },
    ],
    numbers: [{ phoneNumber: '+15551234567', friendlyName: 'Front desk' }],
    greeting:
      'Greet the caller in one short sentence: thank them for calling Lakeside Family Clinic and ask how you can help.',
    instructions: `You are the telephone receptionist of Lakeside Family Clinic, a family practice with Dr. Okafor and Dr. Lindqvist.
Be brief, warm and calm. Ask one question at a time, and never more than one sentence before you listen again.
Find out who is calling and what they need, then take a message with the take_message tool. The clinic calls back within a working day.
Never give medical advice, never promise an appointment, and never speak about another patient.
If the caller describes an emergency, tell them to hang up and call 911 at once.
When the caller is done, say goodbye in one short sentence and call the end_call tool in the same turn.`,
  },
  {
    id: '5f0c6a1e-9f2b-4c58-8a4d-0d7c2b1e6a02',
    name: 'Cedar Grove Dental',
    timeZone: 'America/Los_Angeles',
    language: 'en',
    settings: { recordCalls: false },
    admins: [{ name: 'Ines Duarte', email: 'ines.duarte@cedargrove.example' }],
    numbers: [{ phoneNumber: '+15557654321', friendlyName: 'Reception' }],
    greeting:
      'Greet the caller in one short sentence: thank them for calling Cedar Grove Dental and ask how you can help.',
    instructions: `You are the telephone receptionist of Cedar Grove Dental, the practice of Dr. Moreau.
Be brief and friendly; one question at a time. Take messages with the take_message tool. Never give medical advice.
If the caller describes an emergency, tell them to hang up and call 911 at once.
When the caller is done, say goodbye in one short sentence and call the end_call tool in the same turn.`,
  },
]

export async function seedDemo(db: Database, ids: Ids): Promise<void> {
  for (const clinic of demoClinics) {
    await db.withOrg(clinic.id, async (tx) => {
      const isNew = await ensureOrganization(tx, ids, clinic)
      if (!isNew) return
      await saveInstructions(tx, clinic.id, 'voice', 'base', clinic.instructions)
      await saveInstructions(tx, clinic.id, 'voice', 'greeting', clinic.greeting)
    })
  }
}
