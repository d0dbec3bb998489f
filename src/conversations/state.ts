// PURE. What a conversation has established, from its ledger: who calls, what they want, for whom the tools may
// act, which slots and appointments were spoken of. It lasts over a broken stream and a change of agents, so that nothing is
// asked twice; and it is what the tools believe, never what a model says.
import { languageName } from '../lib/languages.ts'
import type { Appointment, ConversationEvent, ConversationFact, FactOf, Slot } from './events.ts'

export type IdentifiedPatient = {
  patientId: string
  name: string
  /** By what they showed who they are. */
  method: FactOf<'patient.identified'>['method'] | 'new-patient'
}

export type ConversationState = {
  callerName: string | null
  wish: string | null
  /** The one that was chosen last, as a BCP 47 tag; null: nobody chose any. */
  language: string | null
  /** For whom the tools may act; null until somebody showed who they are. */
  patient: IdentifiedPatient | null
  /** Everybody that was identified or added in this conversation. */
  patientIds: ReadonlySet<string>
  failedIdentifications: number
  /** Every slot that was offered, and the number of the last offer's first. */
  slots: readonly Slot[]
  newestSlotNumber: number
  /** Every appointment that was spoken of, as last known. */
  appointments: readonly KnownAppointment[]
  /** How many were booked, whatever became of them. */
  bookings: number
  messages: readonly FactOf<'message.taken'>[]
}

export type KnownAppointment = Appointment & { state: 'told' | 'booked' | 'rescheduled' | 'cancelled' }

/**
 * Takes the events in the ledger's order. Everything read here was written by a tool, and the tools of a conversation run one
 * after another, so that the ledger has them in the order of their doing: also when two were done in one millisecond, or by
 * machines whose clocks differ.
 */
export const stateOf = (events: readonly ConversationEvent[]): ConversationState =>
  events.reduce((state, { fact }) => withFact(state, fact), nothingKnown)

const nothingKnown: ConversationState = {
  callerName: null,
  wish: null,
  language: null,
  patient: null,
  patientIds: new Set(),
  failedIdentifications: 0,
  slots: [],
  newestSlotNumber: 0,
  appointments: [],
  bookings: 0,
  messages: [],
}

function withFact(state: ConversationState, fact: ConversationFact): ConversationState {
  switch (fact.kind) {
    case 'note.kept':
      return fact.field === 'wish' ? { ...state, wish: fact.value } : { ...state, callerName: fact.value }
    case 'language.chosen':
      return { ...state, language: fact.language }
    case 'message.taken':
      return { ...state, callerName: fact.callerName, messages: [...state.messages, fact] }
    case 'patient.identified':
      return withPatient(state, { patientId: fact.patientId, name: fact.name, method: fact.method })
    case 'patient.created':
      return withPatient(state, { patientId: fact.patientId, name: fact.name, method: 'new-patient' })
    case 'identity.failed':
      return { ...state, failedIdentifications: state.failedIdentifications + 1 }
    case 'slots.offered':
      return {
        ...state,
        slots: [...state.slots, ...fact.slots],
        newestSlotNumber: Math.min(...fact.slots.map(({ number }) => number)),
      }
    case 'appointments.told':
      return fact.appointments.reduce((next, told) => withAppointment(next, { ...told, state: 'told' }), state)
    case 'appointment.booked':
      return withAppointment({ ...state, bookings: state.bookings + 1 }, { ...fact.appointment, state: 'booked' })
    case 'appointment.rescheduled':
      return withAppointment(state, { ...fact.appointment, state: 'rescheduled' })
    case 'appointment.cancelled':
      return withAppointment(state, { ...fact.appointment, state: 'cancelled' })
    default:
      return state
  }
}

const withPatient = (state: ConversationState, patient: IdentifiedPatient): ConversationState => ({
  ...state,
  patient,
  patientIds: new Set([...state.patientIds, patient.patientId]),
})

/** A cancelled appointment stays cancelled; being told of again does not make it forget that it was booked just now. */
function withAppointment(state: ConversationState, known: KnownAppointment): ConversationState {
  const before = state.appointments.find(({ appointmentId }) => appointmentId === known.appointmentId)
  if (before?.state === 'cancelled') return state
  const next = before !== undefined && known.state === 'told' ? { ...known, state: before.state } : known
  const others = state.appointments.filter((other) => other !== before)
  return { ...state, appointments: [...others, next].sort((a, b) => a.number - b.number) }
}

/** The identified patient's appointments that stand, as far as they were spoken of. */
export const standingAppointments = ({ patient, appointments }: ConversationState): KnownAppointment[] =>
  appointments.filter(({ patientId, state }) => patientId === patient?.patientId && state !== 'cancelled')

/** For a prompt: what needs no asking any more, a line each. Empty when nothing is known. */
export function describeState(state: ConversationState): string {
  const { callerName, wish, language, patient, messages } = state
  const lines = [
    ...(callerName === null ? [] : [`The caller gave the name ${callerName}.`]),
    ...(wish === null ? [] : [`What the caller wants: ${wish}`]),
    ...(language === null ? [] : [`The call is in ${languageName(language)}: speak it.`]),
    ...(patient === null ? [] : [`The caller is identified; the tools act for ${patient.name}.`]),
    ...state.slots
      .filter(({ number }) => number >= state.newestSlotNumber)
      .map((slot) => `Offered: slot ${slot.number}, ${describeVisit(slot)}.`),
    ...state.appointments
      .filter(({ patientId }) => patientId === patient?.patientId)
      .map((known) => `Appointment ${known.number}, ${describeVisit(known)}: ${standing[known.state]}.`),
    ...messages.map(({ forWhom }) => `A message was taken${forWhom === null ? '' : ` for ${forWhom}`}.`),
  ]
  if (lines.length === 0) return ''
  return ['Known so far in this conversation; do not ask for it again:', ...lines].join('\n- ')
}

const standing: Record<KnownAppointment['state'], string> = {
  told: 'stands',
  booked: 'booked in this conversation',
  rescheduled: 'moved to this time in this conversation',
  cancelled: 'cancelled in this conversation',
}

const describeVisit = ({ service, provider, spoken }: Slot | Appointment): string =>
  `${service} with ${provider}, ${spoken}`
