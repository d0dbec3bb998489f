// Booking, moving and cancelling, as the rows, the ledger and the audit log have it.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { and, eq } from 'drizzle-orm'
import { limits } from '../../src/config.ts'
import { appointments, auditLog, patients, providerHours, providers } from '../../src/db/schema.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { checkUp, dana, elena, openDesk, openedAtMs, slotsOf, timesOf } from '../support/front-desk.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await openTestDatabase()
})
afterAll(() => database.end())

describe('booking', () => {
  test('takes the slot for the patient: the row, the ledger, the audit log, and what is said agree', async () => {
    const desk = await openDesk(database.db)
    const call = await desk.ringAs(dana)
    await call.use('find_availability', checkUp)
    const { told } = await call.use('book_appointment', { slot: 3, reason: 'back pain' })
    const say = 'Booked for Dana Reyes: Check-up with Dr. Holm, Tuesday the 24th at 8:30 in the morning.'
    expect(told).toEqual({ status: 'done', say, appointment: 2 })
    const [patient] = await desk.within((tx) => tx.select().from(patients).where(eq(patients.givenName, 'Dana')))
    const rows = await desk.within((tx) =>
      tx.select().from(appointments).where(eq(appointments.conversationId, call.conversationId)),
    )
    expect(rows).toMatchObject([
      {
        patientId: patient?.id,
        startsAt: new Date('2026-03-24T12:30:00Z'),
        endsAt: new Date('2026-03-24T13:00:00Z'),
        busyUntil: new Date('2026-03-24T13:00:00Z'),
        state: 'booked',
        reason: 'back pain',
      },
    ])
    expect((await call.state()).appointments.at(-1)).toMatchObject({ number: 2, state: 'booked' })
    const audited = await desk.within((tx) =>
      tx
        .select({ patientId: auditLog.patientId, purpose: auditLog.purpose })
        .from(auditLog)
        .where(and(eq(auditLog.conversationId, call.conversationId), eq(auditLog.action, 'booked'))),
    )
    expect(audited).toEqual([{ patientId: patient?.id ?? '', purpose: 'book_appointment' }])
  })

  test('waits until somebody is identified', async () => {
    const desk = await openDesk(database.db)
    const before = await desk.booked()
    const call = await desk.ring()
    await call.use('find_availability', checkUp)
    for (const [tool, given] of [
      ['book_appointment', { slot: 1 }],
      ['reschedule_appointment', { appointment: 1, slot: 1 }],
      ['cancel_appointment', { appointment: 1 }],
    ] as const) {
      const { outcome, told } = await call.use(tool, given)
      expect(outcome).toBe('refused')
      expect(told.error).toStartWith('nobody is identified yet')
    }
    expect(await desk.booked()).toEqual(before)
  })

  test('is done once: by the call’s id, and by what it books', async () => {
    const desk = await openDesk(database.db)
    const call = await desk.ringAs(dana)
    await call.use('find_availability', checkUp)
    const before = (await desk.booked()).length
    const [one, two] = await Promise.all([
      call.use('book_appointment', { slot: 1 }, 'same'),
      call.use('book_appointment', { slot: 1 }, 'same'),
    ])
    const three = await call.use('book_appointment', { slot: 1 }, 'another')
    expect(two).toEqual(one)
    expect(three.told).toEqual(one.told)
    expect((await desk.booked()).length).toBe(before + 1)
  })

  test('goes on with another patient of the same call, each for themselves', async () => {
    const desk = await openDesk(database.db)
    const call = await desk.ringAs(dana)
    await call.use('find_availability', checkUp)
    await call.use('book_appointment', { slot: 1 })
    await call.use('search_patient', elena)
    expect((await call.use('book_appointment', { slot: 2 })).told.say).toStartWith('Booked for Elena Novak')
    const mine = await desk.within((tx) =>
      tx.select().from(appointments).where(eq(appointments.conversationId, call.conversationId)),
    )
    expect(new Set(mine.map(({ patientId }) => patientId)).size).toBe(2)
  })

  test('has a limit in one call, whatever is cancelled in between', async () => {
    const desk = await openDesk(database.db)
    const call = await desk.ringAs(dana)
    const outcomes: string[] = []
    for (let slot = 1; slot <= limits.bookingsPerConversation + 1; slot++) {
      const offer = slotsOf(await call.use('find_availability', { ...checkUp, from_day: `2026-04-0${slot}` }))[0]
      outcomes.push((await call.use('book_appointment', { slot: offer?.slot })).outcome)
      await call.use('cancel_appointment', { appointment: slot + 1 })
    }
    expect(outcomes).toEqual([...Array(limits.bookingsPerConversation).fill('done'), 'refused'])
  })

  test('is not among the tools of a clinic that does not want it', async () => {
    const desk = await openDesk(database.db, { bookByPhone: false })
    const call = await desk.ring()
    for (const tool of ['search_patient', 'find_availability', 'book_appointment'])
      expect((await call.use(tool, {})).told.error).toBe(`there is no tool named ${tool}`)
  })

  test('is the supervisor’s where there is one, and never the receptionist’s', async () => {
    const desk = await openDesk(database.db)
    const receptionist = await desk.ring(undefined, 'receptionist')
    expect((await receptionist.use('search_patient', dana)).outcome).toBe('refused')
    const supervisor = await desk.ring(undefined, 'supervisor')
    expect((await supervisor.use('search_patient', dana)).told.status).toBe('identified')
    expect((await supervisor.use('end_call', { reason: 'x' })).outcome).toBe('refused')
  })
})

describe('an appointment', () => {
  test('is moved, the only one without its number', async () => {
    const desk = await openDesk(database.db)
    const call = await desk.ringAs(dana)
    await call.use('find_availability', { ...checkUp, from_day: '2026-03-31' })
    const { told } = await call.use('reschedule_appointment', { slot: 1 })
    expect(told).toEqual({
      status: 'done',
      say: 'Moved for Dana Reyes: Check-up with Dr. Holm, Tuesday the 31st at 8 in the morning.',
      appointment: 1,
    })
    const again = await call.use('reschedule_appointment', { appointment: 1, slot: 1 })
    expect(again.told).toEqual(told)
    const rows = await desk.booked()
    expect(rows).toHaveLength(3)
    expect(rows.at(-1)?.startsAt).toEqual(new Date('2026-03-31T12:00:00Z'))
    await call.use('find_availability', {
      ...checkUp,
      from_day: '2026-03-26',
      to_day: '2026-03-26',
      part_of_day: 'morning',
    })
    expect((await call.state()).slots.map(({ spoken }) => spoken)).toContain('Thursday the 26th at 8 in the morning')
  })

  test('stays where it is when the new time is gone', async () => {
    const desk = await openDesk(database.db)
    const slow = await desk.ringAs(dana)
    await slow.use('find_availability', { ...checkUp, from_day: '2026-03-31' })
    desk.clock.advance(limits.slotHoldMs)
    const fast = await desk.ringAs(elena)
    await fast.use('find_availability', { ...checkUp, from_day: '2026-03-31' })
    await fast.use('book_appointment', { slot: 1 })
    const before = await desk.booked()
    expect((await slow.use('reschedule_appointment', { slot: 1 })).told.status).toBe('slot_taken')
    expect(await desk.booked()).toEqual(before)
  })

  test('of several must be named, and is then cancelled once', async () => {
    const desk = await openDesk(database.db)
    const call = await desk.ringAs(elena)
    const { outcome, told } = await call.use('cancel_appointment', {})
    expect(outcome).toBe('refused')
    expect(told.error).toBe(
      'which appointment? 1: Check-up with Dr. Holm, Tuesday the 24th at 8 in the morning; ' +
        '2: Sick visit with Dr. Holm, Wednesday the 25th at 2 in the afternoon',
    )
    const first = await call.use('cancel_appointment', { appointment: 2 })
    expect(first.told).toEqual({
      status: 'done',
      say: 'Cancelled: Sick visit with Dr. Holm, Wednesday the 25th at 2 in the afternoon.',
    })
    expect((await call.use('cancel_appointment', { appointment: 2 })).told).toEqual(first.told)
    expect((await desk.booked()).length).toBe(2)
    const audited = await desk.within((tx) => tx.select().from(auditLog).where(eq(auditLog.action, 'cancelled')))
    expect(audited).toHaveLength(1)
  })

  test('whose time is free again can be taken by the next caller', async () => {
    const desk = await openDesk(database.db)
    const call = await desk.ringAs(elena)
    await call.use('cancel_appointment', { appointment: 1 })
    expect(timesOf(await call.use('find_availability', { ...checkUp, from_day: '2026-03-24' }))[0]).toBe(
      'Tuesday the 24th at 8 in the morning',
    )
  })

  test('that was cancelled at the desk meanwhile is neither moved nor cancelled again', async () => {
    const desk = await openDesk(database.db)
    const call = await desk.ringAs(dana)
    await call.use('find_availability', { ...checkUp, from_day: '2026-03-31' })
    await desk.within((tx) => tx.update(appointments).set({ state: 'cancelled' }))
    for (const [tool, given] of [
      ['reschedule_appointment', { appointment: 1, slot: 1 }],
      ['cancel_appointment', { appointment: 1 }],
    ] as const) {
      const { outcome, told } = await call.use(tool, given)
      expect({ outcome, error: told.error }).toEqual({
        outcome: 'refused',
        error: 'that appointment does not stand any more, or has begun; use search_patient to see which do',
      })
    }
  })

  test('that was given to somebody else at the desk meanwhile is out of reach', async () => {
    const desk = await openDesk(database.db)
    const call = await desk.ringAs(dana)
    await call.use('find_availability', { ...checkUp, from_day: '2026-03-31' })
    await desk.within(async (tx) => {
      const [other] = await tx.select().from(patients).where(eq(patients.givenName, 'Leo'))
      await tx.update(appointments).set({ patientId: other?.id ?? '' })
    })
    expect((await call.use('reschedule_appointment', { appointment: 1, slot: 1 })).outcome).toBe('refused')
    expect((await call.use('cancel_appointment', { appointment: 1 })).outcome).toBe('refused')
  })

  test('that has begun is not cancelled any more', async () => {
    const desk = await openDesk(database.db)
    const call = await desk.ringAs(dana)
    desk.clock.advance(Date.parse('2026-03-26T14:00:00Z') - openedAtMs)
    expect((await call.use('cancel_appointment', { appointment: 1 })).outcome).toBe('refused')
  })

  test('on a day when the clocks change is at the hour on the wall', async () => {
    const desk = await openDesk(database.db)
    await desk.within(async (tx) => {
      const [provider] = await tx.select().from(providers).where(eq(providers.name, 'Dr. Holm'))
      await tx.insert(providerHours).values({
        organizationId: desk.organizationId,
        providerId: provider?.id ?? '',
        weekday: 7,
        startsAt: 0,
        endsAt: 1440,
      })
    })
    const call = await desk.ringAs(dana)
    // The Monday after the clocks go back is beyond the horizon in March; from October it is near.
    desk.clock.advance(Date.parse('2026-10-30T14:00:00Z') - openedAtMs)
    await call.use('find_availability', { ...checkUp, from_day: '2026-10-30', weekday: 'friday' })
    await call.use('find_availability', { ...checkUp, from_day: '2026-11-02' })
    const { slots } = await call.state()
    expect(slots.find(({ spoken }) => spoken === 'Monday the 2nd at 8 in the morning')?.startsAtMs).toBe(
      Date.parse('2026-11-02T13:00:00Z'),
    )
    expect(slots[0]?.spoken).toBe('Friday the 30th at 10:30 in the morning')
    expect(slots[0]?.startsAtMs).toBe(Date.parse('2026-10-30T14:30:00Z'))
  })
})
