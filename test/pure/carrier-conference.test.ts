// Conferences, on the virtual clock: who is in one and hears whom, by TwiML and by REST, and what is told of it.
import { describe, expect, test } from 'bun:test'
import { mix } from '../../sim/audio.ts'
import { createRoom } from '../../sim/carrier/room.ts'
import { createVirtualClock } from '../../sim/clock.ts'
import type { CallerStep, Person } from '../../sim/script.ts'
import { auditedCall } from '../support/audited-call.ts'
import { createVirtualRig, FROM, HOST, hangUpAfter, NUMBER, type Page, rest, tone } from './carrier-rig.ts'

const PERSON = '+15550109999'
const person: Person = { number: PERSON, answers: { afterMs: 1000 }, does: [] }
const CONFERENCE = (attributes = '') =>
  `<Dial action="/dialled"><Conference waitUrl="" statusCallback="/conference" statusCallbackEvent="start end join leave mute hold" ${attributes}>front desk</Conference></Dial>`
const CALL_IN = { From: NUMBER.phoneNumber, To: PERSON }
/** Several events in one value, as a participant's documentation has it, and a call's does not. */
const PROGRESS = {
  StatusCallback: `https://${HOST}/progress`,
  StatusCallbackEvent: 'ringing answered completed',
}
const NAMED = '/Conferences/front%20desk'
const said = (audio: Uint8Array, waitMs = 200): CallerStep => ({
  on: 'connected',
  waitMs,
  act: 'say',
  words: '…',
  audio,
})
const hangUpWhenSaid: CallerStep = { on: 'said', waitMs: 300, act: 'hang-up' }

/** A caller in the conference, and what is done by REST at instants counted from the start. */
async function meet(
  attributes: string,
  caller: CallerStep[],
  requests: [atMs: number, path: string, form: Record<string, string>][],
  people: Person[] = [person],
  pages: Record<string, Page> = {},
) {
  const rig = createVirtualRig(
    { '/dialled': '<Say>Afterwards</Say>', ...pages, '/voice': CONFERENCE(attributes) },
    { people },
  )
  const call = rig.carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller })
  const answers = requests.map(
    ([atMs, path, form]) =>
      new Promise<{ status: number; json: Record<string, unknown> }>((resolve) =>
        rig.clock.after(atMs, () => void rest(rig, `${path}.json`, form).then(resolve)),
      ),
  )
  const record = await rig.clock.run(call.done)
  const told = rig.server.of('/conference').map(({ form }) => form)
  return { ...rig, record, told, leg: record.legs[0], answers: await Promise.all(answers) }
}
const bytesOf = (frames: { bytes: Uint8Array }[] = []) => Buffer.concat(frames.map(({ bytes }) => bytes))

describe('a caller and somebody called in', () => {
  test('hear each other from the moment in which both are there, and the leg is one that the call led to', async () => {
    const [callers, persons] = [tone(600), tone(800).map((byte) => byte ^ 0x10)]
    const people = [{ ...person, does: [said(persons, 1500)] }]
    const { record, leg, answers } = await meet(
      'beep="false" endConferenceOnExit="true"',
      [said(callers), { ...hangUpWhenSaid, waitMs: 4000 }],
      [[2000, `${NAMED}/Participants`, { ...CALL_IN, Beep: 'false', Label: 'nurse' }]],
      people,
    )
    expect(answers[0]).toMatchObject({
      status: 201,
      json: { status: 'queued', label: 'nurse', call_sid: leg?.callSid ?? '' },
    })
    expect(leg).toMatchObject({ direction: 'outbound-api', parentCallSid: null, to: PERSON, legs: [] })
    const [mine, theirs] = [record.bridges[0], leg?.bridges[0]]
    expect(mine?.kind).toBe('conference')
    expect(mine?.bridgeSid).toMatch(/^CF[0-9a-f]{32}$/)
    expect(theirs?.bridgeSid).toBe(mine?.bridgeSid ?? '')
    expect(bytesOf(mine?.heard).includes(Buffer.from(persons))).toBe(true)
    expect(bytesOf(theirs?.heard).includes(Buffer.from(callers))).toBe(true)
    // Whoever waits alone says nothing to anybody.
    expect(mine?.said[0]?.atMs ?? 0).toBeGreaterThanOrEqual(theirs?.joinedAtMs ?? Number.POSITIVE_INFINITY)
  })

  test('are told of in order: join, join, start, leave, leave, end', async () => {
    const { told, record, leg } = await meet(
      'endConferenceOnExit="true"',
      [said(tone(400)), hangUpWhenSaid],
      [[1000, `${NAMED}/Participants`, CALL_IN]],
    )
    expect(told.map(({ StatusCallbackEvent, SequenceNumber }) => [StatusCallbackEvent, SequenceNumber])).toEqual([
      ['participant-join', '1'],
      ['participant-join', '2'],
      ['conference-start', '3'],
      ['participant-leave', '4'],
      ['participant-leave', '5'],
      ['conference-end', '6'],
    ])
    expect(told[1]).toMatchObject({
      FriendlyName: 'front desk',
      CallSid: leg?.callSid ?? '',
      Muted: 'false',
      Hold: 'false',
    })
    expect(told[5]).toMatchObject({
      ReasonConferenceEnded: 'participant-with-end-conference-on-exit-left',
      CallSidEndingConference: record.callSid,
    })
  })

  test('the caller is the agent’s again when the conference ends; the action is told that it was answered, and no leg', async () => {
    const { record, server } = await meet(
      '',
      [],
      [[1000, `${NAMED}/Participants`, { ...CALL_IN, ...PROGRESS, EndConferenceOnExit: 'true' }]],
      [{ ...person, does: [hangUpAfter(2000)] }],
    )
    const progress = server.of('/progress').map(({ form: { CallStatus } }) => CallStatus)
    expect(progress).toEqual(['ringing', 'in-progress', 'completed'])
    const form = server.of('/dialled')[0]?.form
    expect(form).toMatchObject({ DialCallStatus: 'answered', CallStatus: 'in-progress' })
    expect(form).not.toHaveProperty('DialCallSid')
    expect(form).not.toHaveProperty('DialCallDuration')
    expect(record.said).toMatchObject([{ text: 'Afterwards' }])
  })

  test('startConferenceOnEnter=false: it begins only with one who may begin it', async () => {
    const neither = { ...CALL_IN, StartConferenceOnEnter: 'false', Beep: 'false' }
    const { record } = await meet(
      'startConferenceOnEnter="false" beep="false" endConferenceOnExit="true"',
      [{ on: 'waiting', waitMs: 6000, act: 'hang-up' }],
      [[500, `${NAMED}/Participants`, neither]],
    )
    expect(record.bridges[0]).toMatchObject({ said: [], heard: [] })
  })

  test('a beep is heard by those who are there', async () => {
    const { record, leg } = await meet(
      'endConferenceOnExit="true"',
      [said(tone(200)), hangUpWhenSaid],
      [[1000, `${NAMED}/Participants`, CALL_IN]],
    )
    for (const bridge of [record.bridges[0], leg?.bridges[0]])
      expect(bytesOf(bridge?.heard).some((byte) => byte !== 0xff)).toBe(true)
  })
})

describe('by REST', () => {
  const held = (isOn: boolean): Record<string, string> => ({ Hold: String(isOn) })

  test('hold: neither hears nor is heard until it ends; muted: hears', async () => {
    const talk = [
      said(
        tone(9000).map((byte) => byte ^ 0x10),
        0,
      ),
    ]
    const { record, leg, told } = await meet(
      'beep="false" endConferenceOnExit="true"',
      [{ on: 'waiting', waitMs: 9000, act: 'hang-up' }],
      [
        [500, `${NAMED}/Participants`, { ...CALL_IN, Label: 'nurse', Beep: 'false' }],
        [4000, `${NAMED}/Participants/nurse`, held(true)],
        [5000, `${NAMED}/Participants/nurse`, held(false)],
        [6000, `${NAMED}/Participants/nurse`, { Muted: 'true' }],
      ],
      [{ ...person, does: talk }],
    )
    const startMs = record.ringingAtMs
    const isIn =
      (fromMs: number, toMs: number) =>
      ({ atMs }: { atMs: number }) =>
        atMs - startMs > fromMs + 40 && atMs - startMs < toMs
    const heard = record.bridges[0]?.heard ?? []
    const theirs = leg?.bridges[0]?.heard ?? []
    expect(heard.filter(isIn(4000, 5000))).toEqual([])
    expect(theirs.filter(isIn(4000, 5000))).toEqual([])
    expect(heard.filter(isIn(5000, 6000)).length).toBeGreaterThan(40)
    expect(heard.filter(isIn(6000, 7000))).toEqual([])
    expect(theirs.filter(isIn(6000, 7000)).length).toBeGreaterThan(40)
    const changes = told
      .map(({ StatusCallbackEvent }) => StatusCallbackEvent)
      .filter((event) => /hold|mute/.test(event ?? ''))
    expect(changes).toEqual(['participant-hold', 'participant-unhold', 'participant-mute'])
  })

  test('the end of the conference takes both out of it', async () => {
    const { record, leg, told } = await meet(
      '',
      [],
      [
        [500, `${NAMED}/Participants`, CALL_IN],
        [4000, NAMED, { Status: 'completed' }],
      ],
    )
    expect(told.at(-1)).toMatchObject({ ReasonConferenceEnded: 'conference-ended-via-api' })
    expect(leg).toMatchObject({ status: 'completed', endedBy: 'server' })
    expect(record.said).toMatchObject([{ text: 'Afterwards' }])
  })

  test('somebody can be called before the caller comes: the leg is the call’s all the same', async () => {
    const rig = createVirtualRig({ '/voice': CONFERENCE('endConferenceOnExit="true"') }, { people: [person] })
    await rest(rig, `${NAMED}/Participants.json`, CALL_IN)
    const caller = [said(tone(200)), hangUpWhenSaid]
    const call = rig.carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller })
    expect((await rig.clock.run(call.done)).legs).toMatchObject([{ to: PERSON, bridges: [{ kind: 'conference' }] }])
  })

  test('what there is not is not found', async () => {
    const rig = createVirtualRig({ '/voice': CONFERENCE() })
    for (const path of [
      `/Conferences/CF${'0'.repeat(32)}`,
      '/Conferences/nobody/Participants',
      '/Conferences/x/Participants/y',
    ])
      expect(await rest(rig, `${path}.json`)).toMatchObject({ status: 404, json: { code: 20404 } })
    const gone = await rest(rig, `/Conferences/CF${'0'.repeat(32)}/Participants.json`, CALL_IN)
    expect(gone).toMatchObject({ status: 404 })
  })

  test('a caller who is moved from a stream into a conference by REST meets whoever was called there', async () => {
    const twiml = `<Response>${CONFERENCE('endConferenceOnExit="true"').replaceAll('"/', `"https://${HOST}/`)}</Response>`
    const rig = createVirtualRig({ '/voice': '<Pause length="30"/>' }, { people: [person] })
    const call = rig.carrier.call({
      to: NUMBER.phoneNumber,
      from: FROM,
      caller: [said(tone(300), 500), hangUpWhenSaid],
    })
    rig.clock.after(1000, () => void rest(rig, `${NAMED}/Participants.json`, CALL_IN))
    rig.clock.after(1500, () => void rest(rig, `/Calls/${call.callSid}.json`, { Twiml: twiml }))
    const record = await rig.clock.run(call.done)
    expect(record.problems).toEqual([])
    expect(record.legs).toMatchObject([{ to: PERSON, status: 'completed' }])
    expect(bytesOf(record.legs[0]?.bridges[0]?.heard).includes(Buffer.from(tone(300)))).toBe(true)
  })
})

describe('a conference that is over', () => {
  test('is found by its SID, takes nobody in, and leaves its name to another', async () => {
    const { json: first, rig, sid } = await ended()
    expect(first).toMatchObject({ status: 'completed', friendly_name: 'front desk' })
    expect(await rest(rig, `/Conferences/${sid}/Participants.json`, CALL_IN)).toMatchObject({ status: 404 })
    const again = rig.carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller: [hangUpAfter(1000)] })
    const record = await rig.clock.run(again.done)
    expect(record.bridges[0]?.bridgeSid).toMatch(/^CF/)
    expect(record.bridges[0]?.bridgeSid).not.toBe(sid)
  })

  async function ended() {
    const rig = createVirtualRig({ '/voice': CONFERENCE() })
    const call = rig.carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller: [hangUpAfter(1000)] })
    const sid = (await rig.clock.run(call.done)).bridges[0]?.bridgeSid ?? ''
    return { rig, sid, ...(await rest(rig, `/Conferences/${sid}.json`)) }
  }
})

test('a caller who leaves a conference and comes back has called in nobody twice', async () => {
  const rig = createVirtualRig(
    { '/voice': CONFERENCE(), '/again': CONFERENCE('endConferenceOnExit="true"') },
    { people: [person] },
  )
  const call = rig.carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller: [hangUpAfter(9000)] })
  rig.clock.after(500, () => void rest(rig, `${NAMED}/Participants.json`, CALL_IN))
  rig.clock.after(4000, () => void rest(rig, `/Calls/${call.callSid}.json`, { Url: `https://${HOST}/again` }))
  const record = await rig.clock.run(call.done)
  expect(record.bridges).toHaveLength(2)
  expect(record.legs).toHaveLength(1)
})

test('a star leaves a conference where it is to, and no other key does', async () => {
  const keys: CallerStep[] = [{ on: 'waiting', waitMs: 500, act: 'press', digits: '5*' }, hangUpAfter(9000)]
  const leaves = async (attributes: string) => {
    const pages = { '/voice': `<Dial ${attributes}><Conference>x</Conference></Dial><Say>Left</Say>` }
    const rig = createVirtualRig(pages)
    const { done } = rig.carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller: keys })
    const { bridges, ringingAtMs } = await rig.clock.run(done)
    return Math.round(((bridges[0]?.leftAtMs ?? 0) - ringingAtMs) / 100)
  }
  expect(await leaves('hangupOnStar="true"')).toBe(7)
  expect(await leaves('')).toBe(90)
})

test('what waits in a room is heard a frame at a time; who is on hold waits, and hears nothing', () => {
  const room = createRoom(createVirtualClock({ startMs: 0 }), { bridgeSid: 'CF1', kind: 'conference' })
  const [one, other] = [auditedCall().carrier, auditedCall().carrier]
  const [speaker, listener] = [room.sit(one), room.sit(other)]
  for (const at of [0, 20]) speaker.frame(tone(20), at)
  expect(listener.sound(20)).toEqual({ isSounding: true, isAudible: true, line: 'person' })
  expect(other.bridges[0]?.heard).toHaveLength(1)
  listener.sound(40)
  expect(other.bridges[0]?.heard.map(({ bytes }) => bytes.length)).toEqual([160, 160])
  listener.isOnHold = true
  expect(listener.sound(60)).toEqual({ isSounding: false, isAudible: false, line: 'waiting' })
})

test('three in a room each hear the two others, mixed', () => {
  const clock = createVirtualClock({ startMs: 0 })
  const room = createRoom(clock, { bridgeSid: 'CF1', kind: 'conference' })
  const records = [0, 1, 2].map(() => auditedCall().carrier)
  const seats = records.map((record) => room.sit(record))
  const voices = [tone(20), tone(40).subarray(160), tone(20).map((byte) => byte ^ 0x10)]
  for (const [at, seat] of seats.entries()) seat.frame(voices[at] ?? new Uint8Array(), 0)
  for (const seat of seats) seat.sound(20)
  const [one, two, three] = voices as [Uint8Array, Uint8Array, Uint8Array]
  expect(records.map(({ bridges }) => bridges[0]?.heard.map(({ bytes }) => bytes))).toEqual([
    [mix(two, three)],
    [mix(one, three)],
    [mix(one, two)],
  ])
})
