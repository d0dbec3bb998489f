// PURE. When somebody could be seen: the clinic's hours, its closures, the providers' own times and what is taken already,
// in the clinic's time zone. Weekly times are what the wall clock shows; what comes out are instants. A wall time that a
// change of clocks skips does not exist and is not offered; one that it repeats is offered once, the first time.

/** Of the wall clock: minutes since midnight, 0 to 1440. */
type WallRange = { from: number; until: number }

export type Calendar = {
  /** IANA name. */
  timeZone: string
  /** `weekday` 1 is Monday. */
  opening: readonly (WallRange & { weekday: number })[]
  /** Whole days, first and last included, as YYYY-MM-DD. */
  closures: readonly { firstDay: string; lastDay: string }[]
  providers: readonly ProviderCalendar[]
}

export type ProviderCalendar = {
  providerId: string
  provider: string
  hours: readonly (WallRange & { weekday: number })[]
  exceptions: readonly (WallRange & { onDay: string; kind: 'away' | 'extra' })[]
  /** Instants; may overlap and come in any order. */
  busy: readonly { fromMs: number; untilMs: number }[]
}

export const partsOfDay = ['morning', 'afternoon', 'evening'] as const
export type PartOfDay = (typeof partsOfDay)[number]

export type SlotWish = {
  durationMs: number
  bufferMs: number
  /** Starts lie within these instants. */
  fromMs: number
  untilMs: number
  weekday: number | null
  partOfDay: PartOfDay | null
  stepMinutes: number
}

export type FreeSlot = {
  providerId: string
  provider: string
  startsAtMs: number
  endsAtMs: number
  busyUntilMs: number
  /** Where it lies on the clinic's own calendar. */
  day: string
  minute: number
}

/** Every start at which a visit would fit, in order of time; of several providers at one time, in the calendar's order. */
export function* freeSlots(calendar: Calendar, wish: SlotWish): Generator<FreeSlot> {
  const last = dayOf(wish.untilMs, calendar.timeZone)
  for (let day = dayOf(wish.fromMs, calendar.timeZone); !isAfter(day, last); day = day.add({ days: 1 })) {
    if (wish.weekday !== null && day.dayOfWeek !== wish.weekday) continue
    const found = calendar.providers.flatMap((provider) => [...slotsOfDay(calendar, provider, day, wish)])
    yield* found.sort((a, b) => a.startsAtMs - b.startsAtMs)
  }
}

function* slotsOfDay(
  { timeZone, opening, closures }: Calendar,
  provider: ProviderCalendar,
  day: Temporal.PlainDate,
  wish: SlotWish,
): Generator<FreeSlot> {
  const name = day.toString()
  if (closures.some(({ firstDay, lastDay }) => firstDay <= name && name <= lastDay)) return
  const onThisDay = ({ weekday }: { weekday: number }): boolean => weekday === day.dayOfWeek
  const exceptions = (kind: 'away' | 'extra') =>
    provider.exceptions.filter((exception) => exception.onDay === name && exception.kind === kind)
  const present = without([...provider.hours.filter(onThisDay), ...exceptions('extra')], exceptions('away'))
  for (const session of united(intersected(opening.filter(onThisDay), present))) {
    const closesAtMs = instantOf(day, session.until, timeZone, 'later')
    for (let minute = session.from; minute < session.until; minute += wish.stepMinutes) {
      if (wish.partOfDay !== null && partOf(minute) !== wish.partOfDay) continue
      const startsAtMs = instantOf(day, minute, timeZone, 'compatible')
      if (minuteOf(startsAtMs, timeZone) !== minute) continue
      const endsAtMs = startsAtMs + wish.durationMs
      const busyUntilMs = endsAtMs + wish.bufferMs
      if (startsAtMs < wish.fromMs || startsAtMs > wish.untilMs || endsAtMs > closesAtMs) continue
      if (provider.busy.some(({ fromMs, untilMs }) => fromMs < busyUntilMs && startsAtMs < untilMs)) continue
      const { providerId, provider: providerName } = provider
      yield { providerId, provider: providerName, startsAtMs, endsAtMs, busyUntilMs, day: name, minute }
    }
  }
}

/**
 * A few slots worth saying aloud: the earliest, then one from each other half of a day, and only then more of the same
 * half. No two begin at the same time or overlap with one provider, so that all can be held at once.
 */
export function chooseOffers(slots: Iterable<FreeSlot>, most: number): FreeSlot[] {
  const chosen: FreeSlot[] = []
  const spare: FreeSlot[] = []
  const fits = (slot: FreeSlot): boolean => chosen.every((other) => !collide(slot, other))
  for (const slot of slots) {
    if (chosen.length >= most || isTooLate(slot, chosen)) break
    if (chosen.some((other) => halfOf(other) === halfOf(slot))) spare.push(slot)
    else if (fits(slot)) chosen.push(slot)
  }
  for (const slot of spare) if (chosen.length < most && fits(slot)) chosen.push(slot)
  return chosen.sort((a, b) => a.startsAtMs - b.startsAtMs)
}

/** Somebody who asks for the next visit is not helped by one far beyond the first. */
const spreadMs = 7 * 24 * 60 * 60_000
const isTooLate = (slot: FreeSlot, [first]: FreeSlot[]): boolean =>
  first !== undefined && slot.startsAtMs - first.startsAtMs > spreadMs

const halfOf = ({ day, minute }: FreeSlot): string => `${day} ${minute < noon ? 'before' : 'after'} noon`
const collide = (a: FreeSlot, b: FreeSlot): boolean =>
  a.startsAtMs === b.startsAtMs ||
  (a.providerId === b.providerId && a.startsAtMs < b.busyUntilMs && b.startsAtMs < a.busyUntilMs)

const noon = 12 * 60
const evening = 17 * 60
const partOf = (minute: number): PartOfDay => (minute < noon ? 'morning' : minute < evening ? 'afternoon' : 'evening')

/** The clinic's day at an instant. */
export const dayOf = (atMs: number, timeZone: string): Temporal.PlainDate => zoned(atMs, timeZone).toPlainDate()

/** The instant at which a day begins in the clinic. */
export const startOfDay = (day: Temporal.PlainDate, timeZone: string): number =>
  day.toZonedDateTime(timeZone).epochMilliseconds

const zoned = (atMs: number, timeZone: string): Temporal.ZonedDateTime =>
  Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(timeZone)

const minuteOf = (atMs: number, timeZone: string): number => {
  const { hour, minute } = zoned(atMs, timeZone)
  return hour * 60 + minute
}

/** `disambiguation` of a time that the clocks show twice, or never. */
function instantOf(
  day: Temporal.PlainDate,
  minute: number,
  timeZone: string,
  disambiguation: 'compatible' | 'later',
): number {
  if (minute >= 24 * 60) return startOfDay(day.add({ days: 1 }), timeZone)
  const time = Temporal.PlainTime.from({ hour: Math.trunc(minute / 60), minute: minute % 60 })
  return day.toPlainDateTime(time).toZonedDateTime(timeZone, { disambiguation }).epochMilliseconds
}

const isAfter = (a: Temporal.PlainDate, b: Temporal.PlainDate): boolean => Temporal.PlainDate.compare(a, b) > 0

const intersected = (some: readonly WallRange[], others: readonly WallRange[]): WallRange[] =>
  some.flatMap((a) =>
    others
      .map((b) => ({ from: Math.max(a.from, b.from), until: Math.min(a.until, b.until) }))
      .filter(({ from, until }) => from < until),
  )

const without = (ranges: readonly WallRange[], removed: readonly WallRange[]): WallRange[] =>
  removed.reduce<WallRange[]>(
    (left, hole) =>
      left.flatMap(({ from, until }) =>
        [
          { from, until: Math.min(until, hole.from) },
          { from: Math.max(from, hole.until), until },
        ].filter((part) => part.from < part.until),
      ),
    [...ranges],
  )

/** Ranges that touch or overlap become one, so that a visit may span them. */
function united(ranges: readonly WallRange[]): WallRange[] {
  const joined: WallRange[] = []
  for (const range of [...ranges].sort((a, b) => a.from - b.from)) {
    const before = joined.at(-1)
    if (before !== undefined && range.from <= before.until) before.until = Math.max(before.until, range.until)
    else joined.push({ from: range.from, until: range.until })
  }
  return joined
}
