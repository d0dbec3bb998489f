// What a clock on the wall of a time zone shows. Weekly times are what it shows, so that they stay where they are when clocks
// change; a time that such a change skips counts as the moment after it.

/** As `08:30`. */
type ClockTime = string

/** Weekly times. `days`: 1 is Monday. */
type Hours = readonly { days: readonly number[]; from: ClockTime; until: ClockTime }[]

const zoned = (atMs: number, timeZone: string): Temporal.ZonedDateTime =>
  Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(timeZone)

export function isWithin(hours: Hours, atMs: number, timeZone: string): boolean {
  const now = zoned(atMs, timeZone)
  const shown = now.toPlainTime().toString({ smallestUnit: 'minute' })
  return hours.some(({ days, from, until }) => days.includes(now.dayOfWeek) && from <= shown && shown < until)
}

/** The same of every day. */
export const isWithinDaily = (hours: { from: ClockTime; until: ClockTime }, atMs: number, timeZone: string): boolean =>
  isWithin([{ days: [1, 2, 3, 4, 5, 6, 7], ...hours }], atMs, timeZone)

/** The next instant, now included, at which the clock is within [from, until) of any day. */
export function nextWithin(
  { from, until }: { from: ClockTime; until: ClockTime },
  atMs: number,
  timeZone: string,
): number {
  const now = zoned(atMs, timeZone)
  const today = now.toPlainDate()
  const [opens, closes] = [instantOf(today, from, timeZone), instantOf(today, until, timeZone)]
  if (atMs < opens) return opens
  return atMs < closes ? atMs : instantOf(today.add({ days: 1 }), from, timeZone)
}

/** The end of this day's [from, until). */
export const lastWithin = ({ until }: { until: ClockTime }, atMs: number, timeZone: string): number =>
  instantOf(zoned(atMs, timeZone).toPlainDate(), until, timeZone)

/** The next instant, later than now, at which the clock shows this. */
export function nextAt(time: ClockTime, atMs: number, timeZone: string): number {
  const today = zoned(atMs, timeZone).toPlainDate()
  const todayMs = instantOf(today, time, timeZone)
  return todayMs > atMs ? todayMs : instantOf(today.add({ days: 1 }), time, timeZone)
}

/** The whole of tomorrow. */
export function tomorrow(atMs: number, timeZone: string): { fromMs: number; untilMs: number } {
  const today = zoned(atMs, timeZone).toPlainDate()
  const startOf = (days: number) => today.add({ days }).toZonedDateTime(timeZone).epochMilliseconds
  return { fromMs: startOf(1), untilMs: startOf(2) }
}

const instantOf = (day: Temporal.PlainDate, time: ClockTime, timeZone: string): number =>
  day.toZonedDateTime({ timeZone, plainTime: Temporal.PlainTime.from(time) }).epochMilliseconds
