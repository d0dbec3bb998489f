// Reminders of tomorrow's appointments: only where the clinic wants them, at a decent hour, and once for each.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { lakeside, openTelephone, type Telephone } from '../support/telephone.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const { organizationId } = lakeside

let telephone: Telephone
beforeAll(async () => {
  telephone = await openTelephone()
  // In January, far from every change of clocks: those are the wall clock's own to know.
  telephone.clock.advance(320 * dayMs)
})
afterAll(() => telephone.end())

async function wish(reminders: { isOn: boolean; at?: string }, more: Record<string, unknown> = {}): Promise<void> {
  await telephone.admin`
    update organizations set settings = settings || ${telephone.admin.json({ reminders, ...more } as never)}
    where id = ${organizationId}`
}

/** 10:00 of the next day in New York, in winter. */
function nextMorning(): void {
  const now = telephone.clock.now()
  const midnight = Math.floor((now - 5 * hourMs) / dayMs) * dayMs + 5 * hourMs
  telephone.clock.advance(midnight + dayMs + 10 * hourMs - now)
}

let visits = 0
/** An appointment of a patient of their own, so many hours after the midnight that is next in New York. */
async function book(hours: number, phoneNumbers = [`+1555014${String(++visits).padStart(4, '0')}`]): Promise<string> {
  const { admin } = telephone
  const [service] = await admin<{ service_id: string; provider_id: string }[]>`
    select service_id, provider_id from provider_services where organization_id = ${organizationId} limit 1`
  const [patient] = await admin<{ id: string }[]>`
    insert into patients (organization_id, id, given_name, family_name, date_of_birth, phone_numbers)
    values (${organizationId}, gen_random_uuid(), 'Dana', 'Reyes', '1980-05-17', ${phoneNumbers}) returning id`
  const midnight = Math.floor((telephone.clock.now() - 5 * hourMs) / dayMs) * dayMs + dayMs + 5 * hourMs
  // Each has its own minute: a provider sees one patient at a time.
  const startsAt = new Date(midnight + hours * hourMs + visits * 60_000)
  const endsAt = new Date(startsAt.getTime() + 30_000)
  const [row] = await admin<{ id: string }[]>`
    insert into appointments
      (organization_id, id, patient_id, provider_id, service_id, starts_at, ends_at, busy_until)
    values (${organizationId}, gen_random_uuid(), ${patient?.id ?? ''}, ${service?.provider_id ?? ''},
      ${service?.service_id ?? ''}, ${startsAt}, ${endsAt}, ${endsAt}) returning id`
  return row?.id ?? ''
}

const plan = () => telephone.run('plan-reminders', {})
const callsOf = (appointmentId: string) => telephone.admin<{ id: string; state: string; place_until: Date }[]>`
  select * from outbound_calls where appointment_id = ${appointmentId} order by created_at, id`
const plannedAt = async () =>
  (
    await telephone.admin<{ due: Date }[]>`
    select j.run_at as due from graphile_worker._private_jobs j
    join graphile_worker._private_tasks t on t.id = j.task_id
    where t.identifier = 'plan-reminders' and j.payload->>'organizationId' = ${organizationId}`
  ).map(({ due }) => due)
const place = async (appointmentId: string) => {
  const [call] = await callsOf(appointmentId)
  await telephone.run('place-call', { outboundId: call?.id ?? '' })
  return (await callsOf(appointmentId))[0]?.state
}

beforeEach(async () => {
  await telephone.admin`delete from graphile_worker._private_jobs`
  await wish({ isOn: false }, { limits: { outboundPerDay: null } })
  telephone.vendors.placed.length = 0
  nextMorning()
})

describe('a clinic', () => {
  test('that wants no reminders has none planned', async () => {
    const visit = await book(9)
    await plan()
    expect(await callsOf(visit)).toHaveLength(0)
    expect(await plannedAt()).toEqual([])
  })

  test('that wants them has them planned from the moment that it says so, and never twice', async () => {
    await wish({ isOn: true })
    await wish({ isOn: true, at: '11:00' })
    expect(await plannedAt()).toHaveLength(1)
  })

  test('has the next day planned at its own time of day', async () => {
    await wish({ isOn: true, at: '10:00' })
    await plan()
    expect(await plannedAt()).toEqual([new Date(telephone.clock.now() + dayMs)])
  })

  test('that has changed its mind has no further day planned', async () => {
    await wish({ isOn: true })
    await telephone.admin`delete from graphile_worker._private_jobs`
    await wish({ isOn: false })
    await plan()
    expect(await plannedAt()).toEqual([])
  })
})

describe('an appointment', () => {
  beforeEach(() => wish({ isOn: true }))

  test('of tomorrow is reminded of, and one of today, of the day after or that was cancelled is not', async () => {
    const [first, last] = [await book(0), await book(23.5)]
    const [today, later, cancelled] = [await book(-6), await book(24), await book(9)]
    await telephone.admin`update appointments set state = 'cancelled' where id = ${cancelled}`
    await plan()
    for (const visit of [first, last]) expect(await callsOf(visit)).toHaveLength(1)
    for (const visit of [today, later, cancelled]) expect(await callsOf(visit)).toHaveLength(0)
  })

  test('is reminded of once, however often the day is planned', async () => {
    const visit = await book(9)
    await plan()
    await Promise.all([plan(), plan(), plan()])
    expect(await callsOf(visit)).toHaveLength(1)
    expect(await place(visit)).toBe('placed')
    await plan()
    await place(visit)
    expect(telephone.vendors.placed).toHaveLength(1)
  })

  test('whose patient has no telephone is nobody’s to call', async () => {
    const visit = await book(9, [])
    await plan()
    expect(await callsOf(visit)).toHaveLength(0)
  })

  test('that was cancelled or moved since is not reminded of; at its new time it is', async () => {
    const [cancelled, moved] = [await book(9), await book(10)]
    await plan()
    await telephone.admin`update appointments set state = 'cancelled' where id = ${cancelled}`
    await telephone.admin`
      update appointments set starts_at = starts_at + interval '1 day', ends_at = ends_at + interval '1 day',
        busy_until = busy_until + interval '1 day' where id = ${moved}`
    expect(await place(cancelled)).toBe('withdrawn')
    expect(await place(moved)).toBe('withdrawn')
    expect(telephone.vendors.placed).toEqual([])
    nextMorning()
    await plan()
    expect(await callsOf(moved)).toHaveLength(2)
  })

  test('is not told to the agent: when and with whom it is, the tools tell once the patient is known', async () => {
    const visit = await book(9)
    await plan()
    const [row] = await telephone.admin`
      select c.purpose from outbound_calls c where c.appointment_id = ${visit}`
    expect(row?.purpose).toStartWith('Remind Dana of an appointment tomorrow.')
    expect(row?.purpose).not.toMatch(/Reyes|Okafor|Lindqvist|\d:\d\d/)
  })
})

describe('quiet hours', () => {
  test('a reminder that is planned before the clinic may call waits until it may', async () => {
    await wish({ isOn: true }, { outbound: { from: '12:00', until: '20:00' } })
    const visit = await book(9)
    await plan()
    expect(await place(visit)).toBe('waiting')
    expect(telephone.vendors.placed).toEqual([])
    const jobs = await telephone.admin<{ due: Date }[]>`
      select j.run_at as due from graphile_worker._private_jobs j
      join graphile_worker._private_tasks t on t.id = j.task_id where t.identifier = 'place-call'`
    expect(jobs).toMatchObject([{ due: new Date(telephone.clock.now() + 2 * hourMs) }])
    telephone.clock.advance(2 * hourMs)
    expect(await place(visit)).toBe('placed')
  })

  test('one that found no line all day is not made up for at night, nor on the day of the appointment', async () => {
    await wish({ isOn: true }, { outbound: { from: '08:00', until: '20:00' } })
    const [evening, morning] = [await book(9), await book(10)]
    await plan()
    telephone.clock.advance(10 * hourMs)
    expect(await place(evening)).toBe('lapsed')
    telephone.clock.advance(13 * hourMs)
    expect(await place(morning)).toBe('lapsed')
    expect(telephone.vendors.placed).toEqual([])
  })
})
