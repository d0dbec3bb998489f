// PURE. Times and weeks as a receptionist says them, in the clinic's own time: "Tuesday the 24th at 9:15 in the morning".
// English; a model that speaks another language says it in that one.

const weekdays = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'] as const
const months = [
  ...['January', 'February', 'March', 'April', 'May', 'June'],
  ...['July', 'August', 'September', 'October', 'November', 'December'],
] as const

/** Beyond this many days "the 24th" could be taken for the one of this month. */
const sameMonthDays = 21

/** An instant in `timeZone`, as said at `nowMs`. */
export function sayTime(atMs: number, timeZone: string, nowMs: number): string {
  const at = zoned(atMs, timeZone)
  const today = zoned(nowMs, timeZone).toPlainDate()
  const day = at.toPlainDate()
  const isFar = Math.abs(today.until(day, { largestUnit: 'day' }).days) > sameMonthDays
  const date = isFar ? `${sayDay(day)},` : `${weekdayName(day.dayOfWeek)} the ${ordinal(day.day)}`
  return `${date} at ${sayClock(at.hour * 60 + at.minute)}`
}

/** "Tuesday, March 24th". */
export const sayDay = (day: Temporal.PlainDate): string =>
  `${weekdayName(day.dayOfWeek)}, ${months[day.month - 1]} ${ordinal(day.day)}`

/** Everything a model must know of the present moment to reckon with dates. */
export function sayNow(nowMs: number, timeZone: string): string {
  const now = zoned(nowMs, timeZone)
  return `${sayDay(now.toPlainDate())} ${now.year}, ${sayClock(now.hour * 60 + now.minute)} (${now.toPlainDate()})`
}

/** Minutes since midnight: "9:15 in the morning", "noon". */
export function sayClock(minute: number): string {
  if (minute === noon) return 'noon'
  if (minute % midnight === 0) return 'midnight'
  const hour = Math.trunc(minute / 60)
  const shown = `${hour % 12 === 0 ? 12 : hour % 12}${minute % 60 === 0 ? '' : `:${String(minute % 60).padStart(2, '0')}`}`
  return `${shown} ${minute < noon ? 'in the morning' : minute < evening ? 'in the afternoon' : 'in the evening'}`
}
const noon = 12 * 60
const evening = 18 * 60
const midnight = 24 * 60

export type WeeklyHours = { weekday: number; from: number; until: number }

/** "Monday to Friday from 8 in the morning to 5 in the afternoon; closed on Saturday and Sunday". */
export function sayWeek(hours: readonly WeeklyHours[]): string {
  const byDay = weekdays.map((_, index) =>
    hours
      .filter(({ weekday }) => weekday === index + 1)
      .sort((a, b) => a.from - b.from)
      .map(({ from, until }) => `from ${sayClock(from)} to ${sayClock(until)}`)
      .join(' and '),
  )
  const runs: Run[] = []
  for (const [index, open] of byDay.entries()) {
    const before = runs.at(-1)
    if (before?.open === open) before.last = index
    else runs.push({ first: index, last: index, open })
  }
  const opened = runs.filter(({ open }) => open !== '').map((run) => `${sayRun(run)} ${run.open}`)
  const closed = runs.filter(({ open }) => open === '').map(sayRun)
  return [...opened, ...(closed.length === 0 ? [] : [`closed on ${sayList(closed)}`])].join('; ')
}

/** Days in a row that are open at the same times; 0 is Monday. */
type Run = { first: number; last: number; open: string }

const sayRun = ({ first, last }: Run): string => {
  const [from, to] = [weekdayName(first + 1), weekdayName(last + 1)]
  return first === last ? from : `${from} ${last - first === 1 ? 'and' : 'to'} ${to}`
}

/** "a, b and c". */
export const sayList = (items: readonly string[], word = 'and'): string =>
  items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} ${word} ${items.at(-1)}`

const weekdayName = (weekday: number): string => weekdays[weekday - 1] ?? ''

function ordinal(day: number): string {
  const isTeen = day > 10 && day < 14
  const ending = isTeen ? 'th' : (['th', 'st', 'nd', 'rd'][day % 10] ?? 'th')
  return `${day}${ending}`
}

const zoned = (atMs: number, timeZone: string): Temporal.ZonedDateTime =>
  Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(timeZone)
