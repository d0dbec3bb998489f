// What is offered to a caller, and kept for them while they think.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import { providers, services, slotHolds } from '../../src/db/schema.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { checkUp, type DeskCall, dana, openDesk, slotsOf, timesOf } from '../support/front-desk.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await openTestDatabase()
})
afterAll(() => database.end())

const minutesMs = 60_000

describe('an offer', () => {
  test('is of what is free in the clinic, from half an hour on, said in its own time and numbered', async () => {
    const desk = await openDesk(database.db)
    const call = await desk.ring()
    const answer = await call.use('find_availability', checkUp)
    expect(answer.told).toEqual({
      say:
        'Free: Monday the 23rd at 10:30 in the morning with Dr. Holm, Monday the 23rd at noon with Dr. Holm or ' +
        'Tuesday the 24th at 8:30 in the morning with Dr. Holm.',
      service: 'Check-up',
      slots: [
        { slot: 1, when: 'Monday the 23rd at 10:30 in the morning', provider: 'Dr. Holm' },
        { slot: 2, when: 'Monday the 23rd at noon', provider: 'Dr. Holm' },
        { slot: 3, when: 'Tuesday the 24th at 8:30 in the morning', provider: 'Dr. Holm' },
      ],
    })
  })

  test('keeps to what the caller wishes, and to whom', async () => {
    const desk = await openDesk(database.db)
    const call = await desk.ring()
    const with_ = (wish: Record<string, unknown>) => call.use('find_availability', { ...checkUp, ...wish })
    expect(timesOf(await with_({ provider: 'doctor lind' }))).toEqual([
      'Wednesday the 25th at 8 in the morning',
      'Wednesday the 25th at 8:30 in the morning',
      'Wednesday the 1st at 8 in the morning',
    ])
    expect(timesOf(await with_({ weekday: 'thursday', part_of_day: 'afternoon' }))[0]).toBe('Thursday the 26th at noon')
    expect(timesOf(await with_({ from_day: '2026-04-15', to_day: '2026-04-15' }))[0]).toBe(
      'Wednesday, April 15th, at 8 in the morning',
    )
    expect(slotsOf(await with_({ from_day: '2026-03-28', to_day: '2026-03-29' }))).toEqual([])
    // Dr. Holm is away on the fourth working day; the buffer of the sick visit at 2 ends at 2:30.
    expect(slotsOf(await with_({ from_day: '2026-03-27', to_day: '2026-03-27' }))).toEqual([])
  })

  test('is of a service and a provider that the clinic has, or it says which there are', async () => {
    const desk = await openDesk(database.db)
    const call = await desk.ring()
    for (const [given, error] of [
      [{ service: 'Surgery' }, 'which service? There is Check-up and Sick visit'],
      [{ service: 'Check-up', provider: 'Dr. Who' }, 'which provider for Check-up? There is Dr. Holm and Dr. Lind'],
      [{ service: 'Sick visit', provider: 'Lind' }, 'which provider for Sick visit? There is Dr. Holm'],
    ] as const)
      expect(await call.use('find_availability', given)).toEqual({ outcome: 'refused', told: { error } })
  })

  test('leaves out a provider and a service that are no longer active', async () => {
    const desk = await openDesk(database.db)
    const call = await desk.ring()
    await desk.within(async (tx) => {
      await tx.update(providers).set({ isActive: false }).where(eq(providers.name, 'Dr. Holm'))
      await tx.update(services).set({ isActive: false }).where(eq(services.name, 'Sick visit'))
    })
    const offered = slotsOf(await call.use('find_availability', checkUp))
    expect(new Set(offered.map(({ provider }) => provider))).toEqual(new Set(['Dr. Lind']))
    expect((await call.use('find_availability', { service: 'Sick visit' })).outcome).toBe('refused')
  })

  test('is no farther ahead than the clinic books', async () => {
    const desk = await openDesk(database.db)
    const call = await desk.ring()
    const nextYear = { ...checkUp, from_day: '2027-03-23', to_day: '2027-03-30' }
    expect((await call.use('find_availability', nextYear)).told.slots).toEqual([])
    const lastDay = { ...checkUp, from_day: '2026-07-21', to_day: '2027-03-30' }
    expect(timesOf(await call.use('find_availability', lastDay))).toEqual([
      'Tuesday, July 21st, at 8 in the morning',
      'Tuesday, July 21st, at 8:30 in the morning',
      'Tuesday, July 21st, at 9 in the morning',
    ])
    expect(slotsOf(await call.use('find_availability', { ...checkUp, to_day: '2026-03-22' }))).toEqual([])
  })

  test('needs nobody to be identified, and books nothing', async () => {
    const desk = await openDesk(database.db)
    const before = await desk.booked()
    await (await desk.ring()).use('find_availability', checkUp)
    expect(await desk.booked()).toEqual(before)
  })
})

describe('a slot that is offered', () => {
  test('is nobody else’s for two minutes, and anybody’s after them', async () => {
    const desk = await openDesk(database.db)
    const inApril = { ...checkUp, provider: 'Dr. Holm', from_day: '2026-04-07' }
    const offerTo = async (call: DeskCall) => timesOf(await call.use('find_availability', inApril))
    const mine = await offerTo(await desk.ring())
    const others = await offerTo(await desk.ring())
    expect(others).toHaveLength(3)
    expect(others.filter((when) => mine.includes(when))).toEqual([])
    desk.clock.advance(2 * 60_000 - 1)
    expect(await offerTo(await desk.ring())).not.toContain(mine[0] ?? '')
    desk.clock.advance(1)
    expect((await offerTo(await desk.ring()))[0]).toBe(mine[0] ?? '')
  })

  test('is free again as soon as its caller is offered others', async () => {
    const desk = await openDesk(database.db)
    const call = await desk.ring()
    const offered = timesOf(await call.use('find_availability', checkUp))
    expect(timesOf(await call.use('find_availability', checkUp))).toEqual(offered)
    await call.use('find_availability', { ...checkUp, from_day: '2026-04-15' })
    expect(timesOf(await (await desk.ring()).use('find_availability', checkUp))).toEqual(offered)
  })

  test('is free again as soon as its caller has booked another', async () => {
    const desk = await openDesk(database.db)
    const call = await desk.ringAs(dana)
    const offered = timesOf(await call.use('find_availability', checkUp))
    await call.use('book_appointment', { slot: 3 })
    expect(await desk.within((tx) => tx.select().from(slotHolds))).toEqual([])
    expect(timesOf(await (await desk.ring()).use('find_availability', checkUp))[0]).toBe(offered[0] ?? '')
  })

  test('can be booked by its caller after the two minutes, if nobody took it', async () => {
    const desk = await openDesk(database.db)
    const call = await desk.ringAs(dana)
    await call.use('find_availability', { ...checkUp, from_day: '2026-03-25' })
    desk.clock.advance(10 * minutesMs)
    expect((await call.use('book_appointment', { slot: 1 })).told.status).toBe('done')
  })

  test('cannot be booked once its time has come', async () => {
    const desk = await openDesk(database.db)
    const call = await desk.ringAs(dana)
    await call.use('find_availability', checkUp)
    desk.clock.advance(31 * minutesMs)
    const { outcome, told } = await call.use('book_appointment', { slot: 1 })
    expect({ outcome, told }).toEqual({
      outcome: 'refused',
      told: { error: 'that time has passed; use find_availability again' },
    })
  })

  test('has its number in its own conversation only', async () => {
    const desk = await openDesk(database.db)
    await (await desk.ring()).use('find_availability', checkUp)
    const call = await desk.ringAs(dana)
    for (const slot of [1, 2, 3, 4]) expect((await call.use('book_appointment', { slot })).outcome).toBe('refused')
  })
})
