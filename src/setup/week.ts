// PURE. A clinic's week as people write it, `mon-fri 08:00-12:00 13:00-17:00`, and as the tables keep it: a session a row, in
// minutes since midnight, Monday is 1. What is written back is always the same for the same week.
import type { WeeklyHours } from '../clinic/spoken.ts'

const dayNames = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
const day = `(?:${dayNames.join('|')})`
const days = new RegExp(`^${day}(?:-${day})?(?:,${day}(?:-${day})?)*$`)
const session = /^([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|(24):(00))$/

/** One line of a week, or what is wrong with it. Days may wrap: `sat-mon`. */
export function parseWeekLine(line: string): WeeklyHours[] | string {
  const [first = '', ...others] = line.trim().toLowerCase().split(/\s+/)
  if (!days.test(first)) return `"${first}" names no days; write them as mon-fri, or sat, or mon,wed`
  if (others.length === 0) return 'has days and no times; write them as mon-fri 08:00-12:00 13:00-17:00'
  const sessions: { from: number; until: number }[] = []
  for (const part of others) {
    const times = timesOf(part)
    if (times === null) return `"${part}" is no time span; write it as 08:00-17:00`
    if (times.from >= times.until) return `"${part}" ends before it begins`
    sessions.push(times)
  }
  return weekdaysIn(first).flatMap((weekday) => sessions.map((times) => ({ weekday, ...times })))
}

function timesOf(text: string): { from: number; until: number } | null {
  const match = session.exec(text)
  if (match === null) return null
  const [, fromHour, fromMinute, untilHour = '24', untilMinute = '00'] = match
  return {
    from: Number(fromHour) * 60 + Number(fromMinute),
    until: Number(untilHour) * 60 + Number(untilMinute),
  }
}

function weekdaysIn(text: string): number[] {
  const found = text.split(',').flatMap((span) => {
    const [first = '', last = first] = span.split('-')
    const from = dayNames.indexOf(first)
    const count = ((dayNames.indexOf(last) - from + 7) % 7) + 1
    return Array.from({ length: count }, (_, i) => ((from + i) % 7) + 1)
  })
  return [...new Set(found)]
}

/** The first two sessions that share a minute, in words; null when none do. */
export function overlapIn(week: readonly WeeklyHours[]): string | null {
  const sorted = inOrder(week)
  const later = sorted.find((each, i) => {
    const before = sorted[i - 1]
    return before !== undefined && before.weekday === each.weekday && each.from < before.until
  })
  return later === undefined ? null : `two times overlap on ${dayNames[later.weekday - 1]} at ${clock(later.from)}`
}

/** Days with the same sessions together, from Monday on: `mon-fri 08:00-17:00, sat 09:00-12:00`. Empty: `never`. */
export function weekText(week: readonly WeeklyHours[]): string {
  const runs: { first: number; last: number; times: string }[] = []
  for (const weekday of [1, 2, 3, 4, 5, 6, 7]) {
    const times = inOrder(week)
      .filter((each) => each.weekday === weekday)
      .map(({ from, until }) => `${clock(from)}-${clock(until)}`)
      .join(' ')
    if (times === '') continue
    const run = runs.at(-1)
    if (run !== undefined && run.last === weekday - 1 && run.times === times) run.last = weekday
    else runs.push({ first: weekday, last: weekday, times })
  }
  if (runs.length === 0) return 'never'
  return runs.map(({ first, last, times }) => `${spanText(first, last)} ${times}`).join(', ')
}

const spanText = (first: number, last: number): string =>
  first === last ? `${dayNames[first - 1]}` : `${dayNames[first - 1]}-${dayNames[last - 1]}`

const inOrder = (week: readonly WeeklyHours[]): WeeklyHours[] =>
  [...week].sort((a, b) => a.weekday - b.weekday || a.from - b.from)

const clock = (minutes: number): string =>
  `${String(Math.trunc(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
