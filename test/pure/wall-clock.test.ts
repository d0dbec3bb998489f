// What the clock on the wall shows, on ordinary days and on those on which it is changed.
import { describe, expect, test } from 'bun:test'
import { isWithin, isWithinDaily, lastWithin, nextAt, nextWithin, tomorrow } from '../../src/lib/wall-clock.ts'

const newYork = 'America/New_York'
const at = (iso: string): number => Date.parse(iso)
const iso = (ms: number): string => new Date(ms).toISOString().replace(':00.000Z', 'Z')

describe('weekly hours', () => {
  const hours = [
    { days: [1, 2, 3, 4, 5], from: '08:30', until: '12:00' },
    { days: [6], from: '09:00', until: '10:00' },
  ]
  test('hold from their first minute to before their last, on their days, on the clinic’s own clock', () => {
    const open = ['2026-03-02T13:30Z', '2026-03-02T16:59Z', '2026-03-07T14:00Z']
    const shut = [
      '2026-03-02T13:29Z',
      '2026-03-02T17:00Z',
      '2026-03-07T13:30Z',
      '2026-03-08T14:00Z',
      '2026-03-02T08:30Z',
    ]
    for (const time of open) expect([time, isWithin(hours, at(time), newYork)]).toEqual([time, true])
    for (const time of shut) expect([time, isWithin(hours, at(time), newYork)]).toEqual([time, false])
  })

  test('stay where the clock shows them when clocks change', () => {
    // 08:30 is 13:30 UTC until Saturday, and 12:30 from Monday on.
    expect(isWithin(hours, at('2026-03-06T13:29Z'), newYork)).toBe(false)
    expect(isWithin(hours, at('2026-03-09T12:30Z'), newYork)).toBe(true)
    expect(isWithin(hours, at('2026-03-09T16:00Z'), newYork)).toBe(false)
  })

  test('of no days hold never', () => {
    expect(isWithin([], at('2026-03-02T13:30Z'), newYork)).toBe(false)
  })
})

describe('a daily window', () => {
  const window = { from: '08:00', until: '21:00' }
  test('is waited for until it opens, not within it, and until tomorrow after it', () => {
    expect(iso(nextWithin(window, at('2026-03-02T11:00Z'), newYork))).toBe('2026-03-02T13:00Z')
    expect(iso(nextWithin(window, at('2026-03-02T18:07Z'), newYork))).toBe('2026-03-02T18:07Z')
    expect(iso(nextWithin(window, at('2026-03-03T02:00Z'), newYork))).toBe('2026-03-03T13:00Z')
    expect(isWithinDaily(window, at('2026-03-03T01:59Z'), newYork)).toBe(true)
    expect(isWithinDaily(window, at('2026-03-03T02:00Z'), newYork)).toBe(false)
  })

  test('opens an hour earlier in the world’s time after the spring change', () => {
    expect(iso(nextWithin(window, at('2026-03-08T03:00Z'), newYork))).toBe('2026-03-08T12:00Z')
    expect(iso(nextWithin(window, at('2026-11-01T02:00Z'), newYork))).toBe('2026-11-01T13:00Z')
  })

  test('that begins in an hour which does not exist begins with the one after it', () => {
    expect(iso(nextWithin({ from: '02:30', until: '06:00' }, at('2026-03-08T05:30Z'), newYork))).toBe(
      '2026-03-08T07:30Z',
    )
  })

  test('ends this day', () => {
    expect(iso(lastWithin(window, at('2026-03-02T15:00Z'), newYork))).toBe('2026-03-03T02:00Z')
  })
})

test('the next time at which the clock shows something is later than now, also when it shows it now', () => {
  expect(iso(nextAt('10:00', at('2026-03-02T14:59Z'), newYork))).toBe('2026-03-02T15:00Z')
  expect(iso(nextAt('10:00', at('2026-03-02T15:00Z'), newYork))).toBe('2026-03-03T15:00Z')
  expect(iso(nextAt('10:00', at('2026-03-07T15:00Z'), newYork))).toBe('2026-03-08T14:00Z')
})

test('tomorrow has 23 hours before the clocks go forward, and 25 before they go back', () => {
  const hoursOf = (time: string) => {
    const { fromMs, untilMs } = tomorrow(at(time), newYork)
    return (untilMs - fromMs) / 3_600_000
  }
  expect(hoursOf('2026-03-07T15:00Z')).toBe(23)
  expect(hoursOf('2026-10-31T15:00Z')).toBe(25)
  expect(iso(tomorrow(at('2026-03-03T04:59Z'), newYork).fromMs)).toBe('2026-03-03T05:00Z')
})
