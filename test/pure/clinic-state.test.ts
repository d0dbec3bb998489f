// What a conversation has established, from its ledger; and what is told of it to whoever goes on.
import { describe, expect, test } from 'bun:test'
import { numbered, offer, tellUpcoming } from '../../src/clinic/numbering.ts'
import { type ConversationFact, eventKey } from '../../src/conversations/events.ts'
import { describeState, standingAppointments, stateOf } from '../../src/conversations/state.ts'

const startsAtMs = Date.UTC(2026, 2, 24, 13, 15)
const spoken = 'Tuesday the 24th at 9:15 in the morning'
const visit = { service: 'Check-up', provider: 'Dr. Holm', startsAtMs, spoken }
const slot = (number: number) => ({
  ...visit,
  number,
  serviceId: 's1',
  providerId: 'p1',
  endsAtMs: startsAtMs + 1,
  busyUntilMs: startsAtMs + 2,
})
const appointment = (number: number, patientId = 'dana') => ({
  ...visit,
  number,
  appointmentId: `a${number}`,
  patientId,
})

const facts: ConversationFact[] = [
  { kind: 'note.kept', toolCallId: 'c1', field: 'caller-name', value: 'Dana' },
  { kind: 'note.kept', toolCallId: 'c1', field: 'wish', value: 'a check-up' },
  { kind: 'language.chosen', toolCallId: 'c1', language: 'en' },
  { kind: 'language.chosen', toolCallId: 'c0', language: 'es-MX' },
  { kind: 'identity.failed', toolCallId: 'c2' },
  {
    kind: 'patient.identified',
    toolCallId: 'c3',
    patientId: 'dana',
    name: 'Dana Reyes',
    method: 'name-and-birth-date',
  },
  { kind: 'appointments.told', toolCallId: 'c3', appointments: [appointment(1)] },
  { kind: 'slots.offered', toolCallId: 'c4', slots: [slot(1), slot(2)] },
  { kind: 'slots.offered', toolCallId: 'c5', slots: [slot(3)] },
  { kind: 'appointment.booked', toolCallId: 'c6', appointment: appointment(2) },
  { kind: 'appointment.cancelled', toolCallId: 'c7', appointment: appointment(1) },
  { kind: 'appointments.told', toolCallId: 'c8', appointments: [appointment(1), appointment(2)] },
]
const events = facts.map((fact, index) => ({ key: eventKey(fact), atMs: 1_000 + index, fact }))

describe('the state of a conversation', () => {
  test('is by what was done last, whatever the clocks of the machines that did it say', () => {
    const skewed = events.map((event, index) => ({ ...event, atMs: 5_000 - index }))
    const still = events.map((event) => ({ ...event, atMs: 1_000 }))
    expect(stateOf(skewed)).toEqual(stateOf(events))
    expect(stateOf(still)).toEqual(stateOf(events))
  })

  test('does not change by what callbacks and words arrive in between, wherever they do', () => {
    const others: ConversationFact[] = [
      { kind: 'call.ending', reason: 'x' },
      { kind: 'tool.called', toolCallId: 'c1', name: 'note', arguments: { caller_name: 'Eve' } },
    ]
    for (let place = 0; place <= events.length; place++) {
      const mixed = others.map((fact) => ({ key: eventKey(fact), atMs: 0, fact }))
      expect(stateOf(events.toSpliced(place, 0, ...mixed))).toEqual(stateOf(events))
    }
  })

  test('keeps every fact by its own key', () => {
    expect(new Set(events.map(({ key }) => key)).size).toBe(events.length)
  })

  test('knows who calls, what they want, for whom the tools act, and what was spoken of', () => {
    const state = stateOf(events)
    expect(state).toMatchObject({
      callerName: 'Dana',
      wish: 'a check-up',
      language: 'es-MX',
      patient: { patientId: 'dana', name: 'Dana Reyes', method: 'name-and-birth-date' },
      failedIdentifications: 1,
      bookings: 1,
    })
    expect(state.slots.map(({ number }) => number)).toEqual([1, 2, 3])
  })

  test('lets a cancelled appointment stay cancelled, and a booked one booked, when they are told of again', () => {
    const state = stateOf(events)
    expect(state.appointments.map(({ number, state: how }) => [number, how])).toEqual([
      [1, 'cancelled'],
      [2, 'booked'],
    ])
    expect(standingAppointments(state).map(({ number }) => number)).toEqual([2])
  })

  test('is of the patient who was identified last; what stands of another is out of reach', () => {
    const leo: ConversationFact = { kind: 'patient.created', toolCallId: 'c9', patientId: 'leo', name: 'Leo Reyes' }
    const state = stateOf([...events, { key: eventKey(leo), atMs: 2_000, fact: leo }])
    expect(state.patient).toEqual({ patientId: 'leo', name: 'Leo Reyes', method: 'new-patient' })
    expect(standingAppointments(state)).toEqual([])
    expect([...state.patientIds]).toEqual(['dana', 'leo'])
  })
})

describe('told to whoever goes on, the state', () => {
  test('is nothing when nothing is known', () => {
    expect(describeState(stateOf([]))).toBe('')
  })

  test('is a line for each thing that needs no asking any more, with the newest offer only', () => {
    expect(describeState(stateOf(events)).split('\n')).toEqual([
      'Known so far in this conversation; do not ask for it again:',
      '- The caller gave the name Dana.',
      '- What the caller wants: a check-up',
      '- The call is in Mexican Spanish: speak it.',
      '- The caller is identified; the tools act for Dana Reyes.',
      `- Offered: slot 3, Check-up with Dr. Holm, ${spoken}.`,
      `- Appointment 1, Check-up with Dr. Holm, ${spoken}: cancelled in this conversation.`,
      `- Appointment 2, Check-up with Dr. Holm, ${spoken}: booked in this conversation.`,
    ])
  })
})

describe('numbers', () => {
  const telling = { toolCallId: 'c10', nowMs: startsAtMs - 1, organization: { timeZone: 'America/New_York' } }
  const unnumbered = (appointmentId: string) => ({ ...visit, appointmentId, patientId: 'dana' })

  test('of slots are never used twice in a conversation', () => {
    const free = [
      { providerId: 'p', provider: 'Dr. Holm', startsAtMs, endsAtMs: 1, busyUntilMs: 1, day: '', minute: 0 },
    ]
    const { slots } = offer(telling, stateOf(events), { serviceId: 's1', name: 'Check-up' }, free)
    expect(slots).toEqual([{ slot: 4, when: spoken, provider: 'Dr. Holm' }])
  })

  test('of appointments stay with them, and new ones get their own, those of another patient left out', () => {
    const { appointments } = tellUpcoming(telling, stateOf(events), ['a2', 'a7', 'a8'].map(unnumbered))
    expect(appointments.map(({ appointment: number }) => number)).toEqual([2, 3, 4])
    expect(numbered(telling, stateOf(events).appointments, unnumbered('a1')).number).toBe(1)
  })
})
