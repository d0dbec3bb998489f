// Callers who want the same slot, and what the database says to whoever would take it twice.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import postgres from 'postgres'
import { limits } from '../../src/config.ts'
import { appointments, providers, services, slotHolds } from '../../src/db/schema.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import {
  checkUp,
  type Desk,
  type DeskCall,
  dana,
  elena,
  type Offered,
  openDesk,
  openedAtMs,
  timesOf,
} from '../support/front-desk.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await openTestDatabase()
})
afterAll(() => database.end())

const minutesMs = 60_000

describe('two callers who want one slot', () => {
  test('are not both offered it; when one was faster all the same, the other hears of others', async () => {
    const desk = await openDesk(database.db)
    const slow = await desk.ringAs(dana)
    const offered = timesOf(await slow.use('find_availability', { ...checkUp, from_day: '2026-03-31' }))
    desk.clock.advance(limits.slotHoldMs)
    const fast = await desk.ringAs(elena)
    await fast.use('find_availability', { ...checkUp, from_day: '2026-03-31' })
    expect((await fast.use('book_appointment', { slot: 1 })).told.status).toBe('done')
    const before = await desk.booked()
    const { outcome, told } = await slow.use('book_appointment', { slot: 1 })
    expect({ outcome, status: told.status, say: told.say }).toEqual({
      outcome: 'done',
      status: 'slot_taken',
      say: 'That time has just been taken. Offer the others.',
    })
    expect(await desk.booked()).toEqual(before)
    const others = told.slots as Offered[]
    expect(others[0]?.slot).toBe(4)
    expect(others.map(({ when }) => when)).not.toContain(offered[0] ?? '')
    expect((await slow.use('book_appointment', { slot: others[0]?.slot })).told.status).toBe('done')
  })

  test('while it is held for one of them, the other cannot take it, offered before or not', async () => {
    const desk = await openDesk(database.db)
    const slow = await desk.ringAs(dana)
    await slow.use('find_availability', checkUp)
    desk.clock.advance(limits.slotHoldMs)
    const holder = await desk.ringAs(elena)
    await holder.use('find_availability', { ...checkUp, from_day: '2026-03-24' })
    expect((await slow.use('book_appointment', { slot: 3 })).told.status).toBe('slot_taken')
    expect((await holder.use('book_appointment', { slot: 1 })).told.status).toBe('done')
  })

  test('fifty at once: one has it, nobody is told so falsely, and no two overlap', async () => {
    const desk = await openDesk(database.db)
    const calls: DeskCall[] = []
    for (let each = 0; each < 50; each++) {
      const call = await desk.ring()
      calls.push(call)
      const name = {
        given_name: 'Caller',
        family_name: `Number ${'abcdefghij'[Math.trunc(each / 10)]}${'klmnopqrst'[each % 10]}`,
      }
      await call.use('create_patient', { ...name, date_of_birth: '1990-01-01' })
      // Everybody was offered the same slots, one after another, and thinks about it for too long.
      await call.use('find_availability', { ...checkUp, provider: 'Holm', from_day: '2026-03-31' })
      desk.clock.advance(limits.slotHoldMs)
    }
    const answers = await Promise.all(calls.map((call) => call.use('book_appointment', { slot: 1 })))
    const done = answers.filter(({ told }) => told.status === 'done').length
    const rows = (await desk.booked()).filter(({ startsAt }) => startsAt >= new Date('2026-03-31T00:00:00Z'))
    expect(done).toBe(1)
    expect(rows).toHaveLength(1)
    expect(answers.filter(({ outcome, told }) => outcome === 'done' && told.status === 'slot_taken')).toHaveLength(49)
    // Whoever was too late holds others now, and no two the same.
    const second = await Promise.all(
      answers.map(({ told }, index) => {
        const other = ((told.slots ?? []) as Offered[])[0]
        return other === undefined ? null : calls[index]?.use('book_appointment', { slot: other.slot })
      }),
    )
    const happy = second.filter((answer) => answer?.told.status === 'done').length
    expect(happy).toBe(second.filter((answer) => answer !== null).length)
    expect(happy).toBeGreaterThan(10)
    await expectNoOverlap(desk)
  }, 30_000)
})

async function expectNoOverlap(desk: Desk): Promise<void> {
  const rows = await desk.booked()
  for (const a of rows)
    for (const b of rows)
      if (a !== b && a.providerId === b.providerId)
        expect(a.busyUntil <= b.startsAt || b.busyUntil <= a.startsAt).toBe(true)
}

describe('the database itself', () => {
  test('refuses a second appointment or hold on a taken time, whatever code asks for it', async () => {
    const desk = await openDesk(database.db)
    const [one] = await desk.booked()
    if (one === undefined) throw new Error('nothing is booked')
    const { organizationId } = desk
    const insertAgain = (shiftMs: number) =>
      desk.within((tx) =>
        tx.insert(appointments).values({
          ...one,
          id: crypto.randomUUID(),
          startsAt: new Date(one.startsAt.getTime() + shiftMs),
          endsAt: new Date(one.endsAt.getTime() + shiftMs),
          busyUntil: new Date(one.busyUntil.getTime() + shiftMs),
        }),
      )
    for (const shiftMs of [0, 15 * minutesMs, -15 * minutesMs])
      await expect(insertAgain(shiftMs)).rejects.toMatchObject({ code: '23P01', constraint: 'taken_once' })
    const call = await desk.ring()
    const hold = desk.within((tx) =>
      tx.insert(slotHolds).values({
        organizationId,
        id: crypto.randomUUID(),
        conversationId: call.conversationId,
        providerId: one.providerId,
        startsAt: one.startsAt,
        busyUntil: one.busyUntil,
        heldUntil: new Date(openedAtMs),
      }),
    )
    await expect(hold).rejects.toMatchObject({ code: '23P01' })
    await insertAgain(30 * minutesMs)
  })

  test('frees the time of what is cancelled, and takes it again', async () => {
    const desk = await openDesk(database.db)
    const [one] = await desk.booked()
    if (one === undefined) throw new Error('nothing is booked')
    const set = (state: 'booked' | 'cancelled', id = one.id) =>
      desk.within((tx) => tx.update(appointments).set({ state }).where(eq(appointments.id, id)))
    await set('cancelled')
    await desk.within((tx) => tx.insert(appointments).values({ ...one, id: crypto.randomUUID() }))
    await expect(set('booked')).rejects.toMatchObject({ code: '23P01' })
  })

  test('lets no provider or service go while an appointment names them', async () => {
    const desk = await openDesk(database.db)
    for (const table of [providers, services])
      await expect(desk.within((tx) => tx.delete(table))).rejects.toMatchObject({ code: '23503' })
  })

  test('lets no clinic write the calendar, or delete an appointment, a patient or a line of the audit log', async () => {
    const admin = postgres(database.adminUrl, { max: 1, onnotice: () => {} })
    try {
      const allowed = await admin<{ what: string }[]>`
        select table_name || ' ' || verb as what
        from unnest(array['calendar.taken', 'appointments', 'patients', 'audit_log']) as table_name,
          unnest(array['select', 'insert', 'update', 'delete', 'truncate']) as verb
        where has_table_privilege('frontdesk_tenant', table_name, verb) order by 1`
      expect(allowed.map(({ what }) => what)).toEqual([
        'appointments insert',
        'appointments select',
        'appointments update',
        'audit_log insert',
        'audit_log select',
        'patients insert',
        'patients select',
        'patients update',
      ])
    } finally {
      await admin.end()
    }
  })
})
