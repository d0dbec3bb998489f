// What anybody may be told of a clinic, what is kept of a caller's words, and how tools are described to a model. And the
// clinics of the demonstration, which are there at once and only once.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { saveInstructions } from '../../src/agents/instructions.ts'
import { renderInstructions } from '../../src/agents/template.ts'
import { clinicVariables } from '../../src/clinic/about.ts'
import { toolsFor } from '../../src/clinic/toolbox.ts'
import { toolSchema } from '../../src/clinic/tools.ts'
import { loadConfig } from '../../src/config.ts'
import { describeState } from '../../src/conversations/state.ts'
import { agentInstructions, appointments, closures, openingHours, patients, providers } from '../../src/db/schema.ts'
import { seedDemo } from '../../src/demo.ts'
import { randomIds } from '../../src/lib/ids.ts'
import { routeCall } from '../../src/organizations/route-store.ts'
import { changeSettings, readOrganization } from '../../src/organizations/store.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { type Desk, dana, openDesk, openedAtMs } from '../support/front-desk.ts'

let database: TestDatabase
let desk: Desk

beforeAll(async () => {
  database = await openTestDatabase()
  desk = await openDesk(database.db, { about: { address: '12 Harbor Street', parking: 'Behind the house' } })
})
afterAll(() => database.end())

describe('clinic_info', () => {
  test('tells hours, services, people and topics, all or one of them, to anybody', async () => {
    const call = await desk.ring('anonymous')
    expect((await call.use('clinic_info', {})).told).toEqual({
      say: {
        hours:
          'Open now, until 5 in the afternoon today. Open Monday to Friday from 8 in the morning to 5 in the afternoon; ' +
          'closed on Saturday and Sunday.',
        services: 'Check-up (30 minutes) and Sick visit (20 minutes)',
        providers: 'Dr. Holm, physician: Check-up and Sick visit; Dr. Lind, physician: Check-up',
        address: '12 Harbor Street',
        parking: 'Behind the house',
      },
    })
    expect((await call.use('clinic_info', { topic: 'the address' })).told).toEqual({
      say: { address: '12 Harbor Street' },
    })
    const unknown = (await call.use('clinic_info', { topic: 'the weather' })).told.say ?? {}
    expect(Object.keys(unknown)).toEqual(['hours', 'services', 'providers', 'address', 'parking'])
  })

  test('knows when the clinic is closed, for the night, the week-end, and a holiday', async () => {
    const clinic = await openDesk(database.db)
    const say = async (): Promise<string> => {
      const { told } = await (await clinic.ring()).use('clinic_info', { topic: 'hours' })
      return (told.say as { hours: string }).hours
    }
    clinic.clock.advance(7 * 3_600_000)
    expect(await say()).toStartWith('Closed at this moment.')
    await clinic.within(async (tx) => {
      const { organizationId } = clinic
      await tx.insert(closures).values([
        { organizationId, firstDay: '2026-03-23', lastDay: '2026-03-24', name: 'the move' },
        { organizationId, firstDay: '2026-05-14', lastDay: '2026-05-14', name: 'a training day' },
      ])
    })
    expect(await say()).toBe(
      'Closed today for the move. Open Monday to Friday from 8 in the morning to 5 in the afternoon; closed on Saturday ' +
        'and Sunday. Closed for the move from Monday, March 23rd to Tuesday, March 24th and a training day on Thursday, ' +
        'May 14th.',
    )
  })
})

describe('what a caller said of themselves', () => {
  test('is kept at once, and told to whoever goes on', async () => {
    const call = await desk.ring()
    expect((await call.use('note', { caller_name: 'Dana', wish: null })).outcome).toBe('done')
    await call.use('note', { wish: 'a check-up next week' })
    expect((await call.use('note', {})).outcome).toBe('refused')
    await call.use('search_patient', dana)
    expect(describeState(await call.state()).split('\n')).toEqual([
      'Known so far in this conversation; do not ask for it again:',
      '- The caller gave the name Dana.',
      '- What the caller wants: a check-up next week',
      '- The caller is identified; the tools act for Dana Reyes.',
      '- Appointment 1, Check-up with Dr. Holm, Thursday the 26th at 10 in the morning: stands.',
    ])
  })

  test('in a message is kept as well', async () => {
    const call = await desk.ring()
    const message = {
      caller_name: 'Ed',
      callback_number: '',
      for_whom: 'Dr. Holm',
      message: 'Call me.',
      is_urgent: true,
    }
    expect((await call.use('take_message', message)).told).toEqual({ taken: true })
    const state = await call.state()
    expect(state.callerName).toBe('Ed')
    expect(state.messages).toMatchObject([{ callbackNumber: null, forWhom: 'Dr. Holm', isUrgent: true }])
    expect(describeState(state)).toContain('A message was taken for Dr. Holm.')
  })
})

describe('a tool', () => {
  test('is described to the model as strict: every argument named, required, explained, and none besides', async () => {
    const organization = await desk.within((tx) => readOrganization(tx, desk.organizationId))
    for (const tool of toolsFor(organization, 'single')) {
      const { parameters, description } = toolSchema(tool)
      const properties = Object.entries(parameters.properties ?? {})
      expect({ tool: tool.name, additional: parameters.additionalProperties }).toMatchObject({ additional: false })
      expect(parameters.required).toEqual(properties.map(([name]) => name))
      for (const [name, schema] of properties) {
        expect(name).toMatch(/^[a-z]+(_[a-z]+)*$/)
        expect(schema).toMatchObject({ description: expect.stringMatching(/^[A-Z].{3}|^hours/) })
      }
      expect(description.length).toBeGreaterThan(30)
      expect(JSON.stringify(parameters)).not.toContain('pattern')
    }
  })

  test('is not given what it did not ask for: an argument too many is refused, with its name', async () => {
    const call = await desk.ring()
    const { outcome, told } = await call.use('end_call', { reason: 'x', organization_id: desk.organizationId })
    expect({ outcome, told }).toEqual({
      outcome: 'refused',
      told: { error: 'arguments: Unrecognized key: "organization_id"' },
    })
  })
})

describe('the language of a call', () => {
  const tools = () =>
    desk.within(async (tx) => {
      const organization = await readOrganization(tx, desk.organizationId)
      const namesFor = (role: 'single' | 'receptionist' | 'supervisor') =>
        toolsFor(organization, role).map(({ name }) => name)
      return [namesFor('single'), namesFor('receptionist'), namesFor('supervisor')].map((names) =>
        names.includes('speak_language'),
      )
    })

  test('can be changed by whoever talks, to one of the clinic’s, where it has several', async () => {
    expect(await tools()).toEqual([false, false, false])
    await desk.within((tx) => changeSettings(tx, desk.organizationId, { languages: ['es'] }))
    expect(await tools()).toEqual([true, true, false])
    const call = await desk.ring()
    expect(await call.use('speak_language', { language: 'fr' })).toMatchObject({ outcome: 'refused' })
    expect((await call.state()).language).toBeNull()
    expect(await call.use('speak_language', { language: 'es' })).toMatchObject({ told: { speaking: 'Spanish' } })
    expect((await call.state()).language).toBe('es')
  })
})

describe('instructions', () => {
  test('with a slip are not saved, and say what is wrong; the others are, a version each', async () => {
    const save = (text: string) => desk.within((tx) => saveInstructions(tx, desk.organizationId, 'voice', 'base', text))
    expect(await save('{{clinic}}')).toEqual({ ok: true, value: 1 })
    const refused = await save('{{clinik}}')
    expect(refused).toMatchObject({ ok: false, problem: 'wrong-template' })
    expect(await save('{{hours}}')).toEqual({ ok: true, value: 2 })
    const rows = await desk.within((tx) => tx.select().from(agentInstructions))
    expect(rows.map(({ instructions }) => instructions)).toEqual(['{{clinic}}', '{{hours}}'])
  })

  test('are filled in from the clinic’s own records', async () => {
    const text = await desk.within(async (tx) => {
      const organization = await readOrganization(tx, desk.organizationId)
      const variables = await clinicVariables(tx, organization, openedAtMs)
      return renderInstructions('{{clinic}}|{{hours}}|{{services}}|{{providers}}|{{about}}|{{now}}', variables)
    })
    expect(text.split('|')).toEqual([
      'Holm Clinic',
      'Open Monday to Friday from 8 in the morning to 5 in the afternoon; closed on Saturday and Sunday.',
      'Check-up (30 minutes) and Sick visit (20 minutes)',
      'Dr. Holm, physician: Check-up and Sick visit; Dr. Lind, physician: Check-up',
      'address: 12 Harbor Street\nparking: Behind the house',
      'Monday, March 23rd 2026, 10 in the morning (2026-03-23)',
    ])
  })

  test('of a clinic that has told nothing of itself say so, rather than nothing', async () => {
    const variables = await desk.within(async (tx) => {
      const organization = await readOrganization(tx, desk.organizationId)
      await tx.update(providers).set({ isActive: false })
      await tx.delete(openingHours)
      return clinicVariables(tx, organization, openedAtMs)
    })
    expect(variables).toMatchObject({
      hours: 'The hours are not known.',
      services: 'No services are listed.',
      providers: 'Nobody is listed.',
    })
  })
})

describe('the demonstration', () => {
  test('has two clinics with people, hours and a calendar, whenever it is seeded, and is seeded once', async () => {
    const loaded = loadConfig({})
    if (!loaded.ok) throw new Error('the settings have no defaults')
    for (const nowMs of [Date.UTC(2026, 10, 20, 15), Date.UTC(2027, 5, 1)])
      await seedDemo(database.db, randomIds, nowMs)
    for (const [toNumber, people] of [
      ['+15551234567', 10],
      ['+15557654321', 5],
    ] as const) {
      const route = await routeCall(database.db, loaded.config, { callSid: 'CA1', toNumber, channel: 'twilio' })
      await database.db.withOrg(route?.organizationId ?? '', async (tx) => {
        expect(await tx.select().from(patients)).toHaveLength(people)
        const visits = await tx.select().from(appointments)
        expect(visits.length).toBeGreaterThan(3)
        const holidays = (await tx.select().from(closures)).map(({ firstDay }) => firstDay)
        expect(holidays).toContain('2026-11-26')
        for (const { startsAt } of visits) {
          expect(startsAt.getTime()).toBeGreaterThan(Date.UTC(2026, 10, 20, 15))
          expect(startsAt.getTime()).toBeLessThan(Date.UTC(2026, 11, 20))
          expect(holidays).not.toContain(startsAt.toISOString().slice(0, 10))
        }
      })
    }
  })
})
