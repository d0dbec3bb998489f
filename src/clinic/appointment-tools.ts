// Finding a time, taking it, moving and giving it up. A model names slots and appointments by the numbers that this
// conversation was told; the patient is the one that the identity gate let in. Neither can be named otherwise.
import { z } from 'zod'
import { limits } from '../config.ts'
import type { Appointment, Slot } from '../conversations/events.ts'
import { type ConversationState, type KnownAppointment, standingAppointments } from '../conversations/state.ts'
import { bookSlot, giveUpAppointment, moveAppointment } from './appointment-store.ts'
import { identified } from './identity.ts'
import { optionsMeant } from './matching.ts'
import { numbered, offered } from './numbering.ts'
import { offerSlots } from './offers.ts'
import { type Provider, readServices, type Service } from './schedule-store.ts'
import { dayOf, partsOfDay } from './slots.ts'
import { sayList } from './spoken.ts'
import { day, defineTool, orNull, type ToolAnswer, type ToolContext, ToolRefusal, text } from './tools.ts'

const weekdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const
const deadlineMs = limits.clinicToolMs
const number = (about: string) => z.int().min(1).max(9_999).describe(about)

const found = z.strictObject({ say: z.string(), service: z.string(), slots: z.array(offered) })

export const findAvailability = defineTool({
  name: 'find_availability',
  description:
    'Finds free times for a service and keeps them for the caller for two minutes. Offer only these, as they are said, and ' +
    'let the caller choose. Nothing is booked by it.',
  parameters: z.strictObject({
    service: text(120).describe('What the visit is for, as the clinic calls it'),
    provider: orNull('Whom they want to see, or null if it does not matter', text(120)),
    from_day: orNull('The first day that suits, YYYY-MM-DD, or null for as soon as possible', day()),
    to_day: orNull('The last day that suits, YYYY-MM-DD, or null', day()),
    weekday: orNull('Only this day of the week, or null', z.enum(weekdays)),
    part_of_day: orNull('Only this part of the day, or null', z.enum(partsOfDay)),
  }),
  result: found,
  deadlineMs,
  async run(context, input): Promise<ToolAnswer<z.infer<typeof found>>> {
    const service = await serviceMeant(context, input.service)
    const providers = input.provider === null ? service.providers : [providerMeant(service, input.provider)]
    const { slots, facts } = await offerSlots(context, {
      service,
      providers,
      fromDay: input.from_day,
      toDay: input.to_day,
      weekday: input.weekday === null ? null : weekdays.indexOf(input.weekday) + 1,
      partOfDay: input.part_of_day,
    })
    const say =
      slots.length === 0
        ? 'Nothing is free then. Ask for other days or times, or offer to take a message.'
        : `Free: ${sayList(
            slots.map(({ when, provider }) => `${when} with ${provider}`),
            'or',
          )}.`
    return { result: { say, service: service.name, slots }, facts }
  },
})

const taken = z.strictObject({
  status: z.enum(['done', 'slot_taken']),
  say: z.string(),
  appointment: z.number().optional(),
  slots: z.array(offered).optional(),
})
type Taken = ToolAnswer<z.infer<typeof taken>>

export const bookAppointment = defineTool({
  name: 'book_appointment',
  description: 'Books a slot that find_availability offered, once the caller has said yes to it.',
  parameters: z.strictObject({
    slot: number('The number of the slot'),
    reason: orNull('Why they come, in a few words of theirs, or null', text(300)),
  }),
  result: taken,
  deadlineMs,
  async run(context, input): Promise<Taken> {
    const state = await context.state()
    const { patientId, name } = identified(state)
    const slot = slotMeant(context, state, input.slot)
    const standing = standingAppointments(state)
    const same = standing.find((known) => known.startsAtMs === slot.startsAtMs && known.provider === slot.provider)
    if (same !== undefined) return { result: done(`Booked for ${name}`, same) }
    assertMayBookMore(state)
    const booked = await bookSlot(context, { patientId, slot, reason: input.reason })
    if (booked === null) return offerOthers(context, slot)
    const appointment = numbered(context, state.appointments, booked)
    return {
      result: done(`Booked for ${name}`, appointment),
      facts: [{ kind: 'appointment.booked', toolCallId: context.toolCallId, appointment }],
    }
  },
})

export const rescheduleAppointment = defineTool({
  name: 'reschedule_appointment',
  description:
    "Moves one of the patient's appointments to a slot that find_availability offered, once the caller has said yes to it.",
  parameters: z.strictObject({
    appointment: orNull('The number of the appointment, or null if there is only one', number('The appointment')),
    slot: number('The number of the slot'),
  }),
  result: taken,
  deadlineMs,
  async run(context, input): Promise<Taken> {
    const state = await context.state()
    const { patientId, name } = identified(state)
    const known = appointmentMeant(state, input.appointment)
    const slot = slotMeant(context, state, input.slot)
    if (known.startsAtMs === slot.startsAtMs && known.provider === slot.provider) {
      return { result: done(`Moved for ${name}`, known) }
    }
    const moved = await moveAppointment(context, { patientId, appointmentId: known.appointmentId, slot })
    if (moved === 'taken') return offerOthers(context, slot)
    if (moved === 'gone') throw new ToolRefusal(gone)
    const appointment = numbered(context, state.appointments, moved)
    return {
      result: done(`Moved for ${name}`, appointment),
      facts: [{ kind: 'appointment.rescheduled', toolCallId: context.toolCallId, appointment }],
    }
  },
})

const cancelled = z.strictObject({ status: z.literal('done'), say: z.string() })

export const cancelAppointment = defineTool({
  name: 'cancel_appointment',
  description: "Cancels one of the patient's appointments, once the caller has confirmed which. It cannot be undone.",
  parameters: z.strictObject({
    appointment: orNull('The number of the appointment, or null if there is only one', number('The appointment')),
  }),
  result: cancelled,
  deadlineMs,
  async run(context, input): Promise<ToolAnswer<z.infer<typeof cancelled>>> {
    const state = await context.state()
    const { patientId } = identified(state)
    const before = state.appointments.find((known) => known.number === input.appointment)
    if (before?.state === 'cancelled' && before.patientId === patientId) return { result: sayCancelled(before) }
    const appointment = appointmentMeant(state, input.appointment)
    const { appointmentId } = appointment
    if (!(await giveUpAppointment(context, { patientId, appointmentId }))) throw new ToolRefusal(gone)
    return {
      result: sayCancelled(appointment),
      facts: [{ kind: 'appointment.cancelled', toolCallId: context.toolCallId, appointment }],
    }
  },
})

const gone = 'that appointment does not stand any more, or has begun; use search_patient to see which do'

const done = (what: string, { number: appointment, service, provider, spoken }: Appointment) => ({
  status: 'done' as const,
  say: `${what}: ${service} with ${provider}, ${spoken}.`,
  appointment,
})

const sayCancelled = ({ service, provider, spoken }: Appointment) => ({
  status: 'done' as const,
  say: `Cancelled: ${service} with ${provider}, ${spoken}.`,
})

/** Somebody was faster: the nearest of what is left, from the same day on. */
async function offerOthers(context: ToolContext, lost: Slot): Promise<Taken> {
  const services = await readServices(context.tx, context.organizationId)
  const service = services.find(({ serviceId }) => serviceId === lost.serviceId)
  const fromDay = dayOf(lost.startsAtMs, context.organization.timeZone).toString()
  const search = { fromDay, toDay: null, weekday: null, partOfDay: null }
  const others =
    service === undefined
      ? { slots: [], facts: [] }
      : await offerSlots(context, { ...search, service, providers: service.providers })
  const say = `That time has just been taken. ${others.slots.length === 0 ? 'Nothing else is free' : 'Offer the others'}.`
  return { result: { status: 'slot_taken', say, slots: others.slots }, facts: others.facts }
}

async function serviceMeant({ tx, organizationId }: ToolContext, heard: string): Promise<Service> {
  const services = await readServices(tx, organizationId)
  return onlyOne(heard, services, 'service')
}

const providerMeant = (service: Service, heard: string): Provider =>
  onlyOne(heard, service.providers, `provider for ${service.name}`)

function onlyOne<T extends { name: string }>(heard: string, options: readonly T[], kind: string): T {
  const meant = optionsMeant(heard, options)
  const [only] = meant
  if (only !== undefined && meant.length === 1) return only
  const names = (meant.length === 0 ? options : meant).map(({ name }) => name)
  throw new ToolRefusal(
    names.length === 0 ? `there is no ${kind} to book` : `which ${kind}? There is ${sayList(names)}`,
  )
}

function slotMeant({ nowMs }: ToolContext, { slots }: ConversationState, wanted: number): Slot {
  const slot = slots.find((each) => each.number === wanted)
  if (slot === undefined) throw new ToolRefusal('that slot was not offered in this call; use find_availability first')
  if (slot.startsAtMs <= nowMs) throw new ToolRefusal('that time has passed; use find_availability again')
  return slot
}

function appointmentMeant(state: ConversationState, wanted: number | null): KnownAppointment {
  const standing = standingAppointments(state)
  const [only] = standing
  if (only === undefined) throw new ToolRefusal('the patient has no upcoming appointment')
  if (wanted === null && standing.length === 1) return only
  const meant = standing.find((known) => known.number === wanted)
  if (meant !== undefined) return meant
  const list = standing.map((known) => `${known.number}: ${known.service} with ${known.provider}, ${known.spoken}`)
  throw new ToolRefusal(`which appointment? ${list.join('; ')}`)
}

function assertMayBookMore({ bookings }: ConversationState): void {
  if (bookings < limits.bookingsPerConversation) return
  throw new ToolRefusal('no more appointments can be booked in one call; offer to take a message with take_message')
}
