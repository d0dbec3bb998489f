// Calls placed and people called in by Twilio's own client, over a real socket, on the virtual clock.
import { afterEach, describe, expect, test } from 'bun:test'
import twilio from 'twilio'
import { createVirtualClock } from '../../sim/clock.ts'
import { listen } from '../../sim/loopback.ts'
import { createMemoryNetwork } from '../../sim/memory.ts'
import type { Person } from '../../sim/script.ts'
import {
  ACCOUNT,
  createRig,
  createTinyServer,
  FROM,
  HOST,
  hangUpAfter,
  NUMBER,
  type Page,
  tone,
} from '../pure/carrier-rig.ts'

const PERSON = '+15550109999'
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

async function setUp(pages: Record<string, Page>, caller?: Person, people: Person[] = []) {
  const clock = createVirtualClock({ startMs: Date.UTC(2026, 10, 24, 4), stuckAfterMs: 5000 })
  const server = createTinyServer(clock, pages)
  const network = createMemoryNetwork({ clock, servers: { [HOST]: server } })
  const rig = createRig({ clock, network }, server, { caller, people })
  const { origin, stop } = await listen(rig.carrier.standIn)
  stops.push(stop)
  const client = twilio(ACCOUNT.accountSid, ACCOUNT.authToken)
  client.api.baseUrl = origin
  /** Does something `atMs` from now; virtual time waits for it. */
  const during = <T>(atMs: number, work: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => clock.after(atMs, () => void clock.hold(work()).then(resolve, reject)))
  return { ...rig, clock, client, during }
}

const called: Person = { number: FROM, answers: { afterMs: 2000 }, does: [hangUpAfter(6000)] }
const order = {
  to: FROM,
  from: NUMBER.phoneNumber,
  url: `https://${HOST}/answered`,
  statusCallback: `https://${HOST}/progress`,
  statusCallbackEvent: ['initiated', 'ringing', 'answered', 'completed'],
}
const problemOf = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: { status: number; code: number }) => error,
  )

describe('calls.create', () => {
  test('answers with the queued call, whose steps are then told', async () => {
    const { client, carrier, clock, server } = await setUp({ '/answered': '<Pause length="9"/>' }, called)
    const created = await client.calls.create(order)
    expect(created).toMatchObject({
      status: 'queued',
      direction: 'outbound-api',
      to: FROM,
      duration: null,
      startTime: new Date('2026-11-24T04:00:00Z'),
    })
    const call = await carrier.expectOutbound()
    expect(call.callSid).toBe(created.sid)
    expect(await clock.run(call.done)).toMatchObject({ status: 'completed', endedBy: 'caller', problems: [] })
    expect(server.of('/progress').map(({ form }) => [form.CallStatus, form.SequenceNumber, form.CallSid])).toEqual(
      ['initiated', 'ringing', 'in-progress', 'completed'].map((each, at) => [each, String(at), created.sid]),
    )
    expect(await client.calls(created.sid).fetch()).toMatchObject({ status: 'completed', duration: '6' })
  })

  test('with machine detection, voicemail and a TwiML of its own', async () => {
    const greeting = { on: 'answered', waitMs: 0, act: 'say', words: '…', audio: tone(3000) } as const
    const machine: Person = {
      ...called,
      does: [greeting, { on: 'said', waitMs: 300, act: 'beep' }, { on: 'said', waitMs: 9000, act: 'hang-up' }],
    }
    const { client, carrier, clock, server } = await setUp({ '/answered': '<Say>Please call us back</Say>' }, machine)
    await client.calls.create({ ...order, machineDetection: 'DetectMessageEnd' })
    const record = await clock.run((await carrier.expectOutbound()).done)
    expect(server.of('/answered')[0]?.form).toMatchObject({ AnsweredBy: 'machine_end_beep' })
    // The message is left after the beep.
    expect(record.said[0]?.atMs ?? 0).toBeGreaterThanOrEqual((record.answeredAtMs ?? 0) + 3800)
    expect(await client.calls(record.callSid).fetch()).toMatchObject({ answeredBy: 'machine_end_beep' })

    const { url: _, ...withoutUrl } = order
    const twiml = new twilio.twiml.VoiceResponse().say('Your appointment is tomorrow').toString()
    await client.calls.create({ ...withoutUrl, twiml })
    const spoken = await clock.run((await carrier.expectOutbound()).done)
    expect(spoken.said).toMatchObject([{ text: 'Your appointment is tomorrow' }])
  })

  test('refuses as Twilio does', async () => {
    const { client } = await setUp({}, called)
    expect(await problemOf(client.calls.create({ ...order, to: 'Dana' }))).toMatchObject({ status: 400, code: 21211 })
    expect(await problemOf(client.calls.create({ ...order, from: FROM }))).toMatchObject({ status: 400, code: 21210 })
    const { url: _, ...withoutUrl } = order
    expect(await problemOf(client.calls.create(withoutUrl))).toMatchObject({ status: 400, code: 21205 })
  })
})

describe('calls.update', () => {
  test.each([
    ['canceled', 1500, 'canceled'],
    ['completed', 4000, 'completed'],
  ] as const)('%s ends a call that is up to it', async (status, atMs, ended) => {
    const { client, carrier, clock, during } = await setUp({ '/answered': '<Pause length="9"/>' }, called)
    const { sid } = await client.calls.create(order)
    const call = await carrier.expectOutbound()
    const [updated, record] = await Promise.all([
      during(atMs, () => client.calls(sid).update({ status })),
      clock.run(call.done),
    ])
    expect(updated).toMatchObject({ sid, status: ended })
    expect(record).toMatchObject({ status: ended, endedBy: 'server' })
  })

  test('timeLimit and url change a live call', async () => {
    const pages = { '/answered': '<Pause length="30"/>', '/b': '<Pause length="30"/>' }
    const { client, carrier, clock, during, server } = await setUp(pages, { ...called, does: [] })
    const { sid } = await client.calls.create(order)
    const call = await carrier.expectOutbound()
    const [record] = await Promise.all([
      clock.run(call.done),
      during(4000, () => client.calls(sid).update({ timeLimit: 5 })),
      during(5000, () => client.calls(sid).update({ url: `https://${HOST}/b` })),
    ])
    expect(server.of('/b')).toHaveLength(1)
    expect((record.endedAtMs ?? 0) - (record.answeredAtMs ?? 0)).toBe(5000)
  })
})

test('a warm transfer by conference: the caller waits in it, a person is called in, held, and both are let go', async () => {
  const CONFERENCE = '<Dial><Conference waitUrl="" endConferenceOnExit="true">desk</Conference></Dial>'
  const people = [{ number: PERSON, answers: { afterMs: 1000 }, does: [] } as const]
  const { client, carrier, clock, during } = await setUp({ '/voice': CONFERENCE }, undefined, people)
  const caller = [{ on: 'connected', waitMs: 5000, act: 'hang-up' } as const]
  const placed = carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller })
  const participants = client.conferences('desk').participants
  const steps = Promise.all([
    during(500, () => participants.create({ from: NUMBER.phoneNumber, to: PERSON, label: 'nurse', timeout: 20 })),
    during(3000, () => client.conferences.list({ friendlyName: 'desk', status: 'in-progress' })),
    during(3500, () => participants.list()),
    during(4000, () => participants('nurse').update({ hold: true })),
    during(4500, () => participants('nurse').fetch()),
    during(5000, () => participants('nurse').update({ hold: false, muted: true })),
  ])
  const record = await clock.run(placed.done)
  const [created, [conference], inside, , held, free] = await steps
  const [leg] = record.legs
  expect(created).toMatchObject({ label: 'nurse', status: 'queued', callSid: leg?.callSid ?? '' })
  expect(conference).toMatchObject({ friendlyName: 'desk', status: 'in-progress' })
  expect(inside.map(({ callSid, label }) => `${callSid} ${label}`)).toEqual([
    `${record.callSid} null`,
    `${leg?.callSid} nurse`,
  ])
  expect([held.hold, free.hold, free.muted]).toEqual([true, false, true])
  expect(leg).toMatchObject({ status: 'completed', bridges: [{ kind: 'conference' }] })
  const [over] = await client.conferences.list()
  expect(over).toMatchObject({
    status: 'completed',
    reasonConferenceEnded: 'participant-with-end-conference-on-exit-left',
  })
  expect(over?.callSidEndingConference).toBe(record.callSid)
  expect(
    await problemOf(
      client
        .conferences(conference?.sid ?? '')
        .participants('nurse')
        .fetch(),
    ),
  ).toMatchObject({ code: 20404 })
})

test('a leg that a Dial placed is found by its parent', async () => {
  const people: Person[] = [
    { number: PERSON, answers: { afterMs: 500 }, does: [{ on: 'connected', waitMs: 900, act: 'hang-up' }] },
  ]
  const { client, carrier, clock } = await setUp({ '/voice': `<Dial>${PERSON}</Dial>` }, undefined, people)
  const record = await clock.run(carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller: [] }).done)
  const found = await client.calls.list({ parentCallSid: record.callSid })
  expect(found).toMatchObject([
    { sid: record.legs[0]?.callSid ?? '', direction: 'outbound-dial', parentCallSid: record.callSid },
  ])
})
