// What is said of times and weeks, and whether what was heard names what is written down.
import { describe, expect, test } from 'bun:test'
import { isSameName, optionsMeant } from '../../src/clinic/matching.ts'
import { sayClock, sayDay, sayList, sayNow, sayTime, sayWeek } from '../../src/clinic/spoken.ts'

const nowMs = Date.UTC(2026, 2, 20, 15)
const say = (iso: string, timeZone = 'America/New_York') => sayTime(Date.parse(iso), timeZone, nowMs)

describe('a time', () => {
  test("is said in the clinic's own time, whatever the server's", () => {
    expect(say('2026-03-24T13:15:00Z')).toBe('Tuesday the 24th at 9:15 in the morning')
    expect(say('2026-03-24T13:15:00Z', 'America/Los_Angeles')).toBe('Tuesday the 24th at 6:15 in the morning')
    expect(say('2026-03-24T13:15:00Z', 'Australia/Sydney')).toBe('Wednesday the 25th at 12:15 in the morning')
  })

  test('follows the clocks over a change', () => {
    expect(sayTime(Date.UTC(2026, 2, 6, 14), 'America/New_York', nowMs)).toContain('at 9 in the morning')
    expect(sayTime(Date.UTC(2026, 2, 9, 13), 'America/New_York', nowMs)).toContain('at 9 in the morning')
  })

  test('names the month as soon as the day alone could be misunderstood', () => {
    expect(say('2026-04-10T16:00:00Z')).toBe('Friday the 10th at noon')
    expect(say('2026-04-13T16:00:00Z')).toBe('Monday, April 13th, at noon')
  })

  test.each([
    [0, 'midnight'],
    [5, '12:05 in the morning'],
    [9 * 60, '9 in the morning'],
    [11 * 60 + 59, '11:59 in the morning'],
    [12 * 60, 'noon'],
    [12 * 60 + 30, '12:30 in the afternoon'],
    [17 * 60, '5 in the afternoon'],
    [18 * 60 + 5, '6:05 in the evening'],
    [24 * 60, 'midnight'],
  ])('of %d minutes past midnight is %s', (minute, said) => {
    expect(sayClock(minute)).toBe(said)
  })

  test('gives a day its ordinal', () => {
    const said = [1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 30, 31].map((day) =>
      sayDay(Temporal.PlainDate.from({ year: 2026, month: 1, day })).replace(/.* /, ''),
    )
    expect(said.join(' ')).toBe('1st 2nd 3rd 4th 11th 12th 13th 21st 22nd 23rd 30th 31st')
  })

  test('that is now has the date in it, to reckon with', () => {
    expect(sayNow(nowMs, 'America/New_York')).toBe('Friday, March 20th 2026, 11 in the morning (2026-03-20)')
  })
})

describe('a week', () => {
  test('says days with the same hours in one breath, and which are closed', () => {
    const weekdays = [1, 2, 3, 4, 5].flatMap((weekday) => [
      { weekday, from: 13 * 60, until: 17 * 60 },
      { weekday, from: 8 * 60, until: 12 * 60 },
    ])
    expect(sayWeek([...weekdays, { weekday: 6, from: 9 * 60, until: 12 * 60 }])).toBe(
      'Monday to Friday from 8 in the morning to noon and from 1 in the afternoon to 5 in the afternoon; ' +
        'Saturday from 9 in the morning to noon; closed on Sunday',
    )
  })

  test('is closed at both ends and in the middle', () => {
    expect(sayWeek([2, 3, 5].map((weekday) => ({ weekday, from: 480, until: 720 })))).toBe(
      'Tuesday and Wednesday from 8 in the morning to noon; Friday from 8 in the morning to noon; ' +
        'closed on Monday, Thursday and Saturday and Sunday',
    )
  })

  test('and a list ends in a word', () => {
    expect([sayList([]), sayList(['a']), sayList(['a', 'b']), sayList(['a', 'b', 'c'], 'or')]).toEqual([
      '',
      'a',
      'a and b',
      'a, b or c',
    ])
  })
})

describe('a name that was heard', () => {
  const dana = { givenName: 'Dana Maria', familyName: 'Reyes' }
  test.each([
    ['Dana Reyes', dana, true],
    ['dana maria reyes', dana, true],
    ['Reyes, Dana', dana, true],
    ['Ms. Dana M. Reyes', dana, true],
    ['Dana', dana, false],
    ['Reyes', dana, false],
    ['Dana Reyna', dana, false],
    ['Dana Reyes Miller', dana, false],
    ['Dana James Maria Reyes Garcia', dana, false],
    ['', dana, false],
    ['Jose Alvarez', { givenName: 'José', familyName: 'Álvarez' }, true],
    ['Siobhan OBrien', { givenName: 'Siobhán', familyName: "O'Brien" }, true],
    ['Mary Ann Van Der Berg', { givenName: 'Mary Ann', familyName: 'van der Berg' }, true],
    ['Mary Berg', { givenName: 'Mary Ann', familyName: 'van der Berg' }, false],
    ['Jean Paul Smith', { givenName: 'Jean-Paul', familyName: 'Smith' }, true],
    ['X Yu', { givenName: 'X', familyName: 'Yu' }, true],
    ['%', { givenName: 'Dana', familyName: 'Reyes' }, false],
  ])('%j is that of %j: %p', (heard, written, isSame) => {
    expect(isSameName(heard, written)).toBe(isSame)
  })
})

describe('what a caller means', () => {
  const services = ['Check-up', 'New patient visit', 'Sick visit', 'Vaccination'].map((name) => ({ name }))
  const providers = ['Dr. Okafor', 'Dr. Lindqvist', 'Kim Tran'].map((name) => ({ name }))
  test.each([
    ['check-up', ['Check-up']],
    ['checkup', ['Check-up']],
    ['a check up', ['Check-up']],
    ['sick', ['Sick visit']],
    ['visit', ['New patient visit', 'Sick visit']],
    ['surgery', []],
    ['', []],
  ])('by the service %j', (heard, meant) => {
    expect(optionsMeant(heard, services).map(({ name }) => name)).toEqual(meant)
  })
  test.each([
    ['Doctor Okafor', ['Dr. Okafor']],
    ['okafor', ['Dr. Okafor']],
    ['Kim', ['Kim Tran']],
    ['doctor', []],
  ])('by the provider %j', (heard, meant) => {
    expect(optionsMeant(heard, providers).map(({ name }) => name)).toEqual(meant)
  })
})
