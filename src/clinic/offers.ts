// Finds slots, holds them for the caller, and gives them numbers: what an offer is. Whoever looks for slots waits for whoever
// is taking one of the same provider, so what is offered is free at that moment, and stays so for the time of a hold.
import { limits } from '../config.ts'
import type { ConversationFact } from '../conversations/events.ts'
import { holdSlots } from './appointment-store.ts'
import { type Offered, offer } from './numbering.ts'
import { lockProviders, type Provider, readCalendar, type Service } from './schedule-store.ts'
import { chooseOffers, dayOf, freeSlots, type PartOfDay, startOfDay } from './slots.ts'
import type { ToolContext } from './tools.ts'

export type Search = {
  service: Service
  /** One of those who offer it, or all of them. */
  providers: readonly Provider[]
  /** Days of the clinic's calendar, both included; null: as soon as can be, as late as can be. */
  fromDay: string | null
  toDay: string | null
  weekday: number | null
  partOfDay: PartOfDay | null
}

/** At most `limits.slotsOffered`; none, and no fact, when nothing is free. */
export async function offerSlots(
  context: ToolContext,
  search: Search,
): Promise<{ slots: Offered[]; facts: ConversationFact[] }> {
  const { tx, organizationId } = context
  const { service, providers } = search
  const span = spanOf(context, search)
  await lockProviders(
    tx,
    organizationId,
    providers.map(({ providerId }) => providerId),
  )
  const calendar = await readCalendar(context, providers, span)
  const wish = {
    ...span,
    durationMs: service.durationMinutes * 60_000,
    bufferMs: service.bufferMinutes * 60_000,
    weekday: search.weekday,
    partOfDay: search.partOfDay,
    stepMinutes: limits.slotStepMinutes,
  }
  const chosen = chooseOffers(freeSlots(calendar, wish), limits.slotsOffered)
  await holdSlots(context, chosen)
  if (chosen.length === 0) return { slots: [], facts: [] }
  const { slots, fact } = offer(context, await context.state(), service, chosen)
  return { slots, facts: [fact] }
}

/** No nearer and no farther than a visit can be booked. */
function spanOf({ nowMs, organization }: ToolContext, { fromDay, toDay }: Search) {
  const { timeZone } = organization
  const dayAfter = (day: string): Temporal.PlainDate => Temporal.PlainDate.from(day).add({ days: 1 })
  const nearestMs = nowMs + limits.bookingLeadMs
  const farthestMs = nowMs + limits.bookingHorizonDays * 24 * 60 * 60_000
  const fromMs = fromDay === null ? nearestMs : startOfDay(Temporal.PlainDate.from(fromDay), timeZone)
  const untilMs = toDay === null ? farthestMs : startOfDay(dayAfter(toDay), timeZone) - 1
  const span = { fromMs: Math.max(nearestMs, fromMs), untilMs: Math.min(farthestMs, untilMs) }
  return { ...span, fromDay: dayOf(span.fromMs, timeZone).toString() }
}
