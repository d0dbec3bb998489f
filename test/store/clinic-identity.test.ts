// The identity gate: what a caller is told before and after they have shown who they are, under each policy, and what of it is
// in the audit log.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import { limits } from '../../src/config.ts'
import { appointments, auditLog, patients } from '../../src/db/schema.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { checkUp, type Desk, type DeskCall, dana, danasNumber, elena, openDesk } from '../support/front-desk.ts'

let database: TestDatabase
let desk: Desk
let byNumber: Desk

beforeAll(async () => {
  database = await openTestDatabase()
  desk = await openDesk(database.db)
  byNumber = await openDesk(database.db, { identityPolicy: 'known-number-plus-fact' })
})
afterAll(() => database.end())

const audited = (at: Desk, call: DeskCall) =>
  at.within((tx) =>
    tx
      .select({ action: auditLog.action, purpose: auditLog.purpose, patientId: auditLog.patientId })
      .from(auditLog)
      .where(eq(auditLog.conversationId, call.conversationId))
      .orderBy(auditLog.position),
  )

const idOf = (at: Desk, givenName: string): Promise<string | undefined> =>
  at.within(async (tx) => (await tx.select().from(patients).where(eq(patients.givenName, givenName)))[0]?.id)

const countPatients = (at: Desk) => at.within(async (tx) => (await tx.select().from(patients)).length)

describe('by name and date of birth', () => {
  test('the caller is identified by both, and told of their own appointments', async () => {
    const call = await desk.ring()
    const { outcome, told } = await call.use('search_patient', dana)
    expect(outcome).toBe('done')
    expect(told).toEqual({
      status: 'identified',
      name: 'Dana Reyes',
      say: 'Dana Reyes is identified. Upcoming: Check-up with Dr. Holm, Thursday the 26th at 10 in the morning.',
      upcoming_appointments: [
        { appointment: 1, when: 'Thursday the 26th at 10 in the morning', service: 'Check-up', provider: 'Dr. Holm' },
      ],
    })
    expect((await call.state()).patient).toMatchObject({ name: 'Dana Reyes', method: 'name-and-birth-date' })
  })

  test('a half of it is answered with the question for the other, be there such a patient or not', async () => {
    const call = await desk.ring(danasNumber)
    const named = await call.use('search_patient', { name: 'Dana Reyes' })
    const nobody = await call.use('search_patient', { name: 'Nobody Known' })
    expect(named.told).toEqual({ status: 'need_more', say: 'Ask for the date of birth.' })
    expect(nobody.told).toEqual(named.told)
    expect((await call.use('search_patient', { date_of_birth: dana.date_of_birth })).told).toEqual({
      status: 'need_more',
      say: 'Ask for the full name.',
    })
    expect(await audited(desk, call)).toEqual([])
    expect((await call.state()).patient).toBeNull()
  })

  test('a wrong half is told like a patient who does not exist', async () => {
    const call = await desk.ring(danasNumber)
    const wrongDay = await call.use('search_patient', { ...dana, date_of_birth: '1988-04-13' })
    const nobody = await call.use('search_patient', { name: 'Nobody Known', date_of_birth: '1988-04-12' })
    expect(wrongDay.told).toEqual(nobody.told)
    expect(Object.keys(wrongDay.told).sort()).toEqual(['say', 'status'])
    expect(wrongDay.told.status).toBe('not_found')
  })

  test('two of one name and birthday are told apart by the number that one of them gave', async () => {
    const james = { name: 'James Miller', date_of_birth: '1960-06-15' }
    const asked = await desk.ring()
    expect((await asked.use('search_patient', james)).told).toEqual({
      status: 'need_more',
      say: 'Ask for the telephone number that the clinic has on file.',
    })
    expect((await asked.use('search_patient', { ...james, phone_number: '+1 (555) 010-2054' })).told.status).toBe(
      'identified',
    )
    const calling = await desk.ring('+15550102053')
    expect((await calling.use('search_patient', james)).told.status).toBe('identified')
    const [one, other] = [(await asked.state()).patient?.patientId, (await calling.state()).patient?.patientId]
    expect(one === undefined || one === other).toBe(false)
    const wrong = await desk.ring('+15550102053')
    const given = { ...james, phone_number: '+15550100000' }
    expect((await wrong.use('search_patient', given)).told.status).toBe('not_found')
  })

  test('two who cannot be told apart are not told anything', async () => {
    for (const at of [desk, byNumber])
      await at.within((tx) =>
        tx.insert(patients).values(
          [1, 2].map(() => ({
            organizationId: at.organizationId,
            id: crypto.randomUUID(),
            givenName: 'Twin',
            familyName: 'Same',
            dateOfBirth: '1977-07-07',
            phoneNumbers: ['+15550106666'],
          })),
        ),
      )
    const given = { name: 'Twin Same', date_of_birth: '1977-07-07', phone_number: '+15550106666' }
    for (const at of [desk, byNumber]) {
      const call = await at.ring('+15550106666')
      expect((await call.use('search_patient', given)).told.status).toBe('not_found')
      expect((await call.state()).patient).toBeNull()
    }
  })

  test('a caller who is known by their number alone is not identified', async () => {
    const call = await desk.ring(danasNumber)
    expect((await call.use('search_patient', {})).told.status).toBe('need_more')
    expect((await call.use('cancel_appointment', {})).outcome).toBe('refused')
  })
})

describe('by a known number and one fact', () => {
  test('a call from the number on file needs the name or the date of birth, either will do', async () => {
    for (const fact of [{ name: dana.name }, { date_of_birth: dana.date_of_birth }]) {
      const call = await byNumber.ring(danasNumber)
      expect((await call.use('search_patient', {})).told).toEqual({
        status: 'need_more',
        say: 'Ask for the full name or the date of birth.',
      })
      expect((await call.use('search_patient', fact)).told.status).toBe('identified')
      expect((await call.state()).patient?.method).toBe('known-number-plus-fact')
    }
  })

  test('from any other number, a withheld one included, not even everything will do', async () => {
    for (const from of ['+15550109999', 'anonymous', '', '+266696687']) {
      const call = await byNumber.ring(from)
      const told = (await call.use('search_patient', { ...dana, phone_number: danasNumber })).told
      expect(told.status).toBe('not_found')
    }
  })

  test('a wrong fact from the right number is not found', async () => {
    const call = await byNumber.ring(danasNumber)
    expect((await call.use('search_patient', { name: 'Elena Novak' })).told.status).toBe('not_found')
  })

  test('of a family with one number the fact tells who is meant', async () => {
    const call = await byNumber.ring('+15550102055')
    await call.use('search_patient', { date_of_birth: '2015-02-08' })
    expect((await call.state()).patient?.name).toBe('Leo Novak')
  })

  test('somebody who is on file cannot be added again to get in', async () => {
    const before = await countPatients(byNumber)
    const call = await byNumber.ring('+15550109999')
    const given = { given_name: 'Dana', family_name: 'Reyes', date_of_birth: dana.date_of_birth }
    expect((await call.use('create_patient', given)).told).toEqual({
      status: 'not_found',
      say: 'That fits no patient. Nobody can be added on the telephone this time; offer to take a message.',
    })
    expect((await call.state()).patient).toBeNull()
    expect(await countPatients(byNumber)).toBe(before)
  })
})

describe('tries', () => {
  test('are few: after them not even the truth opens the gate, and a message can still be left', async () => {
    const call = await desk.ring(danasNumber)
    for (let tries = 0; tries < limits.identityAttempts; tries++) {
      const told = (await call.use('search_patient', { ...dana, date_of_birth: `1980-01-0${tries + 1}` })).told
      expect(told.status).toBe('not_found')
    }
    for (const [tool, given] of [
      ['search_patient', dana],
      ['create_patient', { given_name: 'New', family_name: 'Person', date_of_birth: '1990-01-01' }],
      ['book_appointment', { slot: 1 }],
    ] as const) {
      const { outcome, told } = await call.use(tool, given)
      expect({ tool, outcome, said: String(told.error).includes('take_message') }).toEqual({
        tool,
        outcome: 'refused',
        said: true,
      })
    }
    const message = { caller_name: 'Dana', message: 'Please call back.', is_urgent: false }
    expect((await call.use('take_message', message)).outcome).toBe('done')
    expect((await call.state()).patient).toBeNull()
  })

  test('that come at once are counted one by one', async () => {
    const call = await desk.ring()
    const wrong = Array.from({ length: 6 }, (_, day) => ({ ...dana, date_of_birth: `1980-01-1${day}` }))
    const answers = await Promise.all(wrong.map((given) => call.use('search_patient', given)))
    expect(answers.filter(({ outcome }) => outcome === 'done').length).toBe(limits.identityAttempts)
  })

  test('are counted by conversation', async () => {
    const one = await desk.ring()
    for (let tries = 0; tries < limits.identityAttempts; tries++)
      await one.use('search_patient', { ...dana, date_of_birth: `1981-01-0${tries + 1}` })
    const another = await desk.ring()
    expect((await another.use('search_patient', dana)).told.status).toBe('identified')
  })

  test('do not open more patients in a call than one family has', async () => {
    const call = await desk.ring()
    const people = Array.from({ length: limits.patientsPerConversation + 1 }, (_, day) => ({
      given_name: 'Child',
      family_name: `Number${'abcdefgh'[day]}`,
      date_of_birth: `2020-01-0${day + 1}`,
    }))
    const outcomes: string[] = []
    for (const person of people) outcomes.push((await call.use('create_patient', person)).outcome)
    expect(outcomes.filter((outcome) => outcome === 'done').length).toBe(limits.patientsPerConversation)
    expect(outcomes.at(-1)).toBe('refused')
  })
})

describe('once open, the gate is open for one', () => {
  test('the tools act for whoever was shown last, and each must be shown in full', async () => {
    const call = await desk.ring()
    await call.use('search_patient', dana)
    expect((await call.use('search_patient', { name: 'Elena Novak' })).told.status).toBe('need_more')
    expect((await call.state()).patient?.name).toBe('Dana Reyes')
    const { told } = await call.use('search_patient', elena)
    expect(told.upcoming_appointments).toMatchObject([{ appointment: 2 }, { appointment: 3 }])
    const { outcome } = await call.use('cancel_appointment', { appointment: 1 })
    expect(outcome).toBe('refused')
    const danas = await desk.within((tx) => tx.select().from(appointments).where(eq(appointments.state, 'cancelled')))
    expect(danas).toEqual([])
  })

  test('an argument that names another patient is refused', async () => {
    const call = await desk.ring()
    await call.use('search_patient', dana)
    const other = await idOf(desk, 'Elena')
    await call.use('find_availability', checkUp)
    for (const [tool, given] of [
      ['book_appointment', { slot: 1, patient_id: other }],
      ['cancel_appointment', { appointment: 1, patient_id: other }],
      ['reschedule_appointment', { appointment: 1, slot: 1, patient: 'Elena Novak' }],
      ['search_patient', { ...dana, patient_id: other }],
    ] as const)
      expect({ tool, outcome: (await call.use(tool, given)).outcome }).toEqual({ tool, outcome: 'refused' })
  })

  test('an appointment of another patient has no number here, whatever the number', async () => {
    const call = await desk.ring()
    await call.use('search_patient', dana)
    for (const appointment of [2, 3, 99])
      expect((await call.use('cancel_appointment', { appointment })).outcome).toBe('refused')
  })

  test('it is in the ledger: whoever goes on with the conversation finds it open', async () => {
    const call = await desk.ring()
    await call.use('search_patient', dana)
    await call.use('find_availability', checkUp)
    desk.clock.advance(60_000)
    expect((await call.use('book_appointment', { slot: 1 })).told.status).toBe('done')
  })
})

describe('somebody new', () => {
  test('is added once, with the number they call from, and can book', async () => {
    const call = await desk.ring('+15550107777')
    const given = { given_name: 'Nia', family_name: 'Obi', date_of_birth: '1999-09-09' }
    expect((await call.use('create_patient', given)).told).toMatchObject({ status: 'created', name: 'Nia Obi' })
    expect((await call.use('create_patient', given)).told).toMatchObject({ status: 'identified', name: 'Nia Obi' })
    const rows = await desk.within((tx) => tx.select().from(patients).where(eq(patients.givenName, 'Nia')))
    expect(rows).toMatchObject([{ familyName: 'Obi', dateOfBirth: '1999-09-09', phoneNumbers: ['+15550107777'] }])
    expect((await call.state()).patient?.name).toBe('Nia Obi')
  })

  test('with a withheld number has none on file, not the one that stands for it', async () => {
    const call = await desk.ring('+266696687')
    const given = { given_name: 'Ano', family_name: 'Nymous', date_of_birth: '1999-09-09' }
    expect((await call.use('create_patient', given)).told.status).toBe('created')
    const rows = await desk.within((tx) => tx.select().from(patients).where(eq(patients.givenName, 'Ano')))
    expect(rows[0]?.phoneNumbers).toEqual([])
  })

  test('is not born tomorrow, nor before anybody alive, and has a whole number', async () => {
    const call = await desk.ring()
    const given = { given_name: 'Nia', family_name: 'Later' }
    for (const wrong of [
      { date_of_birth: '2026-03-24' },
      { date_of_birth: '1899-12-31' },
      { date_of_birth: '2001-02-30' },
      { date_of_birth: '1999-09-09', phone_number: '12' },
    ])
      expect((await call.use('create_patient', { ...given, ...wrong })).outcome).toBe('refused')
    expect((await call.use('create_patient', { ...given, date_of_birth: '2026-03-23' })).told.status).toBe('created')
  })
})

describe('the audit log', () => {
  test('has every patient that was read, found or made, by the conversation and the tool', async () => {
    const call = await desk.ring()
    await call.use('search_patient', { ...dana, date_of_birth: '1955-05-05' })
    await call.use('search_patient', elena)
    const elenaId = (await idOf(desk, 'Elena')) ?? ''
    await call.use('create_patient', { given_name: 'Au', family_name: 'Dit', date_of_birth: '1999-01-02' })
    const newId = await idOf(desk, 'Au')
    expect(await audited(desk, call)).toEqual([
      { action: 'not-found', purpose: 'search_patient', patientId: null },
      { action: 'read', purpose: 'search_patient', patientId: elenaId },
      { action: 'read', purpose: 'search_patient', patientId: elenaId },
      { action: 'not-found', purpose: 'create_patient', patientId: null },
      { action: 'created', purpose: 'create_patient', patientId: newId ?? '' },
    ])
  })

  test('has nobody who was merely born on the same day', async () => {
    const call = await desk.ring()
    await call.use('search_patient', { name: 'Somebody Else', date_of_birth: '1960-06-15' })
    expect(await audited(desk, call)).toEqual([{ action: 'not-found', purpose: 'search_patient', patientId: null }])
  })

  test('no name, number or date of birth is in the process log', () => {
    expect(desk.log.join('\n')).not.toMatch(/Reyes|Novak|1988-04-12|5550102030/)
  })
})
