// When somebody can be seen: hours, absences, what is taken, and the days on which the clocks change.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { type Calendar, chooseOffers, type FreeSlot, freeSlots, type SlotWish } from '../../src/clinic/slots.ts'

const newYork = 'America/New_York'
const at = (hours: number, minutes = 0): number => hours * 60 + minutes
const instant = (local: string, timeZone = newYork): number =>
  Temporal.PlainDateTime.from(local).toZonedDateTime(timeZone).epochMilliseconds
const local = (ms: number, timeZone = newYork): string =>
  Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timeZone).toPlainDateTime().toString().slice(0, 16)

const everyDay = [1, 2, 3, 4, 5, 6, 7]
const weekly = (weekdays: number[], ...sessions: [number, number][]) =>
  weekdays.flatMap((weekday) => sessions.map(([from, until]) => ({ weekday, from, until })))

type Provider = Calendar['providers'][number]
const someone = (changes: Partial<Provider> = {}): Provider => ({
  providerId: 'p1',
  provider: 'Dr. Holm',
  hours: weekly(everyDay, [0, at(24)]),
  exceptions: [],
  busy: [],
  ...changes,
})
const calendar = (changes: Partial<Calendar> = {}): Calendar => ({
  timeZone: newYork,
  opening: weekly([1, 2, 3, 4, 5], [at(8), at(12)], [at(13), at(17)]),
  closures: [],
  providers: [someone()],
  ...changes,
})
const minutesMs = 60_000
/** One local day, or several. */
const wish = (fromDay: string, changes: Partial<SlotWish> = {}, timeZone = newYork, toDay = fromDay): SlotWish => ({
  durationMs: 30 * minutesMs,
  bufferMs: 0,
  fromMs: instant(`${fromDay}T00:00`, timeZone),
  untilMs: instant(`${Temporal.PlainDate.from(toDay).add({ days: 1 })}T00:00`, timeZone) - 1,
  weekday: null,
  partOfDay: null,
  stepMinutes: 30,
  ...changes,
})
const starts = (calendarOf: Calendar, wanted: SlotWish): string[] =>
  [...freeSlots(calendarOf, wanted)].map(({ startsAtMs }) => local(startsAtMs, calendarOf.timeZone).slice(11))

const monday = '2026-03-23'

describe('an ordinary day', () => {
  test('has slots within the opening hours only, up to the last that ends by closing', () => {
    expect(starts(calendar(), wish(monday, { durationMs: 60 * minutesMs, stepMinutes: 60 }))).toEqual([
      '08:00',
      '09:00',
      '10:00',
      '11:00',
      '13:00',
      '14:00',
      '15:00',
      '16:00',
    ])
    expect(starts(calendar(), wish(monday, { durationMs: 90 * minutesMs, stepMinutes: 60 }))).toEqual([
      '08:00',
      '09:00',
      '10:00',
      '13:00',
      '14:00',
      '15:00',
    ])
  })

  test('has none on a day of the week without hours', () => {
    expect(starts(calendar(), wish('2026-03-22'))).toEqual([])
  })

  test('is narrowed to when the provider is there', () => {
    const providers = [someone({ hours: weekly([1], [at(11), at(14)]) })]
    expect(starts(calendar({ providers }), wish(monday))).toEqual(['11:00', '11:30', '13:00', '13:30'])
  })

  test('lets a visit span two sessions that touch', () => {
    const opening = weekly([1], [at(8), at(9)], [at(9), at(10)])
    expect(starts(calendar({ opening }), wish(monday, { durationMs: 90 * minutesMs }))).toEqual(['08:00', '08:30'])
  })

  test('has none on a closure, its first and last day included', () => {
    const closures = [{ firstDay: '2026-03-24', lastDay: '2026-03-25' }]
    const days = [...freeSlots(calendar({ closures }), wish(monday, {}, newYork, '2026-03-27'))].map(({ day }) => day)
    expect([...new Set(days)]).toEqual(['2026-03-23', '2026-03-26', '2026-03-27'])
  })

  test('loses what the provider is away, and gains an extra session, within the opening hours', () => {
    const exceptions = [
      { onDay: monday, kind: 'away', from: at(9), until: at(12) } as const,
      { onDay: monday, kind: 'extra', from: at(16), until: at(20) } as const,
      { onDay: '2026-03-24', kind: 'away', from: 0, until: at(24) } as const,
    ]
    const providers = [someone({ hours: weekly([1, 2], [at(8), at(12)]), exceptions })]
    expect(starts(calendar({ providers }), wish(monday, {}, newYork, '2026-03-24'))).toEqual([
      '08:00',
      '08:30',
      '16:00',
      '16:30',
    ])
  })

  test('keeps the buffer of the visit before, and its own before the visit after', () => {
    const busy = [{ fromMs: instant(`${monday}T09:00`), untilMs: instant(`${monday}T09:40`) }]
    const opening = weekly([1], [at(8), at(11)])
    const wanted = wish(monday, { bufferMs: 15 * minutesMs, stepMinutes: 15 })
    expect(starts(calendar({ opening, providers: [someone({ busy })] }), wanted)).toEqual([
      '08:00',
      '08:15',
      '09:45',
      '10:00',
      '10:15',
      '10:30',
    ])
  })

  test('is busy for the one provider and free with the other', () => {
    const busy = [{ fromMs: instant(`${monday}T08:00`), untilMs: instant(`${monday}T17:00`) }]
    const providers = [someone({ busy }), someone({ providerId: 'p2', provider: 'Dr. Lind' })]
    const found = [...freeSlots(calendar({ providers }), wish(monday))]
    expect(new Set(found.map(({ providerId }) => providerId))).toEqual(new Set(['p2']))
  })

  test('is narrowed to the part of the day, the day of the week and the instants that suit', () => {
    expect(starts(calendar(), wish(monday, { partOfDay: 'afternoon' }))[0]).toBe('13:00')
    expect(starts(calendar(), wish(monday, { partOfDay: 'evening' }))).toEqual([])
    const tuesday = [...freeSlots(calendar(), wish(monday, { weekday: 2 }, newYork, '2026-04-05'))]
    expect(new Set(tuesday.map(({ day }) => day))).toEqual(new Set(['2026-03-24', '2026-03-31']))
    const from = instant(`${monday}T10:10`)
    expect(starts(calendar(), wish(monday, { fromMs: from, untilMs: instant(`${monday}T11:00`) }))).toEqual([
      '10:30',
      '11:00',
    ])
  })
})

describe('a change of clocks', () => {
  const allDay = (timeZone: string) => calendar({ timeZone, opening: weekly(everyDay, [0, at(24)]) })
  const aroundTwo = (timeZone: string, day: string): string[] =>
    starts(allDay(timeZone), wish(day, {}, timeZone)).filter((time) => time < '04')

  test.each([
    [newYork, '2026-03-08'],
    ['Australia/Sydney', '2026-10-04'],
    ['Europe/Berlin', '2026-03-29'],
  ])('in %s offers no time that the clocks skip on %s', (timeZone, day) => {
    expect(aroundTwo(timeZone, day)).toEqual(['00:00', '00:30', '01:00', '01:30', '03:00', '03:30'])
  })

  test.each([
    [newYork, '2026-11-01'],
    ['Australia/Sydney', '2026-04-05'],
    ['Europe/Berlin', '2026-10-25'],
  ])('in %s offers a time that the clocks show twice on %s once', (timeZone, day) => {
    expect(aroundTwo(timeZone, day)).toEqual(['00:00', '00:30', '01:00', '01:30', '02:00', '02:30', '03:00', '03:30'])
  })

  test('moves an opening at 9 by an hour of real time, and by none on the wall', () => {
    const opening = weekly(everyDay, [at(9), at(10)])
    const found = [...freeSlots(calendar({ opening }), wish('2026-03-07', {}, newYork, '2026-03-08'))]
    const nines = found.filter(({ minute }) => minute === at(9)).map(({ startsAtMs }) => startsAtMs)
    expect(nines).toEqual([Date.UTC(2026, 2, 7, 14), Date.UTC(2026, 2, 8, 13)])
  })

  test('at midnight begins the day when it begins', () => {
    const found = starts(allDay('America/Santiago'), wish('2026-09-06', {}, 'America/Santiago'))
    expect(found[0]).toBe('01:00')
  })

  test('by half an hour is one, too', () => {
    expect(aroundTwo('Australia/Lord_Howe', '2026-10-04')).toEqual([
      '00:00',
      '00:30',
      '01:00',
      '01:30',
      '02:30',
      '03:00',
      '03:30',
    ])
  })

  test('makes no visit longer or shorter than it is', () => {
    for (const day of ['2026-03-08', '2026-11-01'])
      for (const { startsAtMs, endsAtMs } of freeSlots(allDay(newYork), wish(day)))
        expect(endsAtMs - startsAtMs).toBe(30 * minutesMs)
  })
})

describe('laws, in any zone, on any day, whatever is busy', () => {
  const session = fc
    .tuple(fc.integer({ min: 0, max: 95 }), fc.integer({ min: 1, max: 96 }))
    .map(([from, length]) => ({ from: from * 15, until: Math.min(1440, (from + length) * 15) }))
  const anyCase = fc.record({
    timeZone: fc.constantFrom(newYork, 'Australia/Sydney', 'Europe/Berlin', 'America/Santiago', 'Asia/Kolkata', 'UTC'),
    day: fc.constantFrom(
      '2026-03-08',
      '2026-11-01',
      '2026-03-29',
      '2026-10-25',
      '2026-04-05',
      '2026-10-04',
      '2026-06-17',
    ),
    opening: fc.array(session, { minLength: 1, maxLength: 3 }),
    hours: fc.array(session, { minLength: 1, maxLength: 3 }),
    away: fc.array(session, { maxLength: 2 }),
    busy: fc.array(fc.tuple(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 1, max: 20 })), { maxLength: 4 }),
    duration: fc.constantFrom(15, 30, 45, 60),
    buffer: fc.constantFrom(0, 10),
  })
  const covers = (ranges: { from: number; until: number }[], minute: number): boolean =>
    ranges.some(({ from, until }) => from <= minute && minute < until)

  test('a slot is open at its beginning by the wall clock, is free to its end, and is told once', () => {
    fc.assert(
      fc.property(anyCase, ({ timeZone, day, opening, hours, away, busy, duration, buffer }) => {
        const startMs = instant(`${day}T00:00`, timeZone)
        const taken = busy.map(([from, length]) => ({
          fromMs: startMs + from * 15 * minutesMs,
          untilMs: startMs + (from + length) * 15 * minutesMs,
        }))
        const every = (ranges: { from: number; until: number }[]) =>
          everyDay.flatMap((weekday) => ranges.map((range) => ({ weekday, ...range })))
        const exceptions = away.map((range) => ({ ...range, onDay: day, kind: 'away' as const }))
        const found = [
          ...freeSlots(
            calendar({
              timeZone,
              opening: every(opening),
              providers: [someone({ hours: every(hours), exceptions, busy: taken })],
            }),
            wish(day, { durationMs: duration * minutesMs, bufferMs: buffer * minutesMs, stepMinutes: 15 }, timeZone),
          ),
        ]
        expect(new Set(found.map(({ minute }) => minute)).size).toBe(found.length)
        for (const slot of found) {
          const shown = local(slot.startsAtMs, timeZone)
          expect(shown.slice(0, 10)).toBe(day)
          const minute = Number(shown.slice(11, 13)) * 60 + Number(shown.slice(14))
          expect(minute).toBe(slot.minute)
          expect(covers(opening, minute) && covers(hours, minute) && !covers(away, minute)).toBe(true)
          expect(slot.busyUntilMs - slot.startsAtMs).toBe((duration + buffer) * minutesMs)
          for (const { fromMs, untilMs } of taken)
            expect(untilMs <= slot.startsAtMs || slot.busyUntilMs <= fromMs).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('an offer', () => {
  const slot = (start: string, providerId = 'p1'): FreeSlot => {
    const startsAtMs = instant(start)
    const endsAtMs = startsAtMs + 30 * minutesMs
    const { hour, minute } = Temporal.PlainDateTime.from(start)
    const day = start.slice(0, 10)
    return {
      providerId,
      provider: providerId,
      startsAtMs,
      endsAtMs,
      busyUntilMs: endsAtMs,
      day,
      minute: at(hour, minute),
    }
  }
  const offers = (...slots: FreeSlot[]): string[] =>
    chooseOffers(slots, 3).map(({ startsAtMs, providerId }) => `${local(startsAtMs)} ${providerId}`)

  test('is the earliest slot, and one from each of the next halves of a day', () => {
    const mornings = ['08:00', '08:30', '09:00'].map((time) => slot(`2026-03-23T${time}`))
    const later = [slot('2026-03-23T13:00'), slot('2026-03-23T14:00'), slot('2026-03-24T08:00')]
    expect(offers(...mornings, ...later)).toEqual(['2026-03-23T08:00 p1', '2026-03-23T13:00 p1', '2026-03-24T08:00 p1'])
  })

  test('is filled up from the same half when there is no other, without overlaps', () => {
    const slots = ['08:00', '08:15', '08:30', '08:45', '09:00'].map((time) => slot(`2026-03-23T${time}`))
    expect(offers(...slots)).toEqual(['2026-03-23T08:00 p1', '2026-03-23T08:30 p1', '2026-03-23T09:00 p1'])
  })

  test('says no time twice, though two providers have it', () => {
    expect(offers(slot('2026-03-23T08:00'), slot('2026-03-23T08:00', 'p2'), slot('2026-03-23T08:15', 'p2'))).toEqual([
      '2026-03-23T08:00 p1',
      '2026-03-23T08:15 p2',
    ])
  })

  test('does not go looking weeks beyond the first', () => {
    const slots = [slot('2026-03-23T08:00'), slot('2026-03-23T08:30'), slot('2026-04-23T13:00')]
    expect(offers(...slots)).toEqual(['2026-03-23T08:00 p1', '2026-03-23T08:30 p1'])
  })
})
