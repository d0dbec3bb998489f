// PURE. What is spoken of gets a small number, which the ledger ties to the thing itself: a model can only name what this
// conversation was told of, and a number means nothing anywhere else. Numbers are never used twice in a conversation.
import { z } from 'zod'
import type { Appointment, ConversationFact, Slot } from '../conversations/events.ts'
import type { ConversationState } from '../conversations/state.ts'
import type { FreeSlot } from './slots.ts'
import { sayTime } from './spoken.ts'

/** How a tool tells of a slot, and of an appointment. */
export const offered = z.strictObject({
  slot: z.number(),
  when: z.string(),
  provider: z.string(),
})
export const told = z.strictObject({
  appointment: z.number(),
  when: z.string(),
  service: z.string(),
  provider: z.string(),
})
export type Offered = z.infer<typeof offered>
export type Told = z.infer<typeof told>

/** Of the call that tells: its id, its instant, and the clinic's time zone. */
type Telling = { toolCallId: string; nowMs: number; organization: { timeZone: string } }

/** What is known of an appointment before it has a number. */
export type Unnumbered = Omit<Appointment, 'number' | 'spoken'>

/** The same appointment keeps its number for the whole conversation. */
export function numbered(
  { nowMs, organization }: Telling,
  known: readonly Appointment[],
  one: Unnumbered,
): Appointment {
  const before = known.find(({ appointmentId }) => appointmentId === one.appointmentId)
  const number = before?.number ?? nextNumber(known)
  return { ...one, number, spoken: sayTime(one.startsAtMs, organization.timeZone, nowMs) }
}

export function tellUpcoming(
  telling: Telling,
  state: ConversationState,
  upcoming: readonly Unnumbered[],
): { appointments: Told[]; facts: ConversationFact[] } {
  const known: Appointment[] = [...state.appointments]
  const appointments = upcoming.map((one) => {
    const appointment = numbered(telling, known, one)
    known.push(appointment)
    return appointment
  })
  const { toolCallId } = telling
  return {
    appointments: appointments.map(tell),
    facts: appointments.length === 0 ? [] : [{ kind: 'appointments.told', toolCallId, appointments }],
  }
}

const tell = ({ number, spoken, service, provider }: Appointment): Told => ({
  appointment: number,
  when: spoken,
  service,
  provider,
})

export function offer(
  { toolCallId, nowMs, organization }: Telling,
  state: ConversationState,
  service: { serviceId: string; name: string },
  free: readonly FreeSlot[],
): { slots: Offered[]; fact: ConversationFact } {
  const first = nextNumber(state.slots)
  const slots: Slot[] = free.map(({ providerId, provider, startsAtMs, endsAtMs, busyUntilMs }, index) => ({
    number: first + index,
    serviceId: service.serviceId,
    service: service.name,
    providerId,
    provider,
    startsAtMs,
    endsAtMs,
    busyUntilMs,
    spoken: sayTime(startsAtMs, organization.timeZone, nowMs),
  }))
  const spoken = slots.map(({ number, spoken: when, provider }) => ({ slot: number, when, provider }))
  return { slots: spoken, fact: { kind: 'slots.offered', toolCallId, slots } }
}

const nextNumber = (used: readonly { number: number }[]): number => Math.max(0, ...used.map(({ number }) => number)) + 1
