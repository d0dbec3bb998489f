// Calls that a server places by REST, on the virtual clock: the ladder of each outcome, its callbacks, and machine detection.
import { describe, expect, test } from 'bun:test'
import type { Callback, Deliver } from '../../sim/carrier/deliveries.ts'
import type { CallerStep, Person } from '../../sim/script.ts'
import { createVirtualRig, FROM, HOST, hangUpAfter, NUMBER, type Page, rest, tone } from './carrier-rig.ts'

const EVENTS = ['initiated', 'ringing', 'answered', 'completed']
const ORDER = {
  To: FROM,
  From: NUMBER.phoneNumber,
  Url: `https://${HOST}/answered`,
  StatusCallback: `https://${HOST}/progress`,
  StatusCallbackEvent: EVENTS,
}
const say = (audioMs: number, waitMs = 0): CallerStep => ({
  on: 'answered',
  waitMs,
  act: 'say',
  words: '…',
  audio: tone(audioMs),
})
const called = (answers: Person['answers'] = { afterMs: 2000 }, does: CallerStep[] = [hangUpAfter(5000)]): Person => ({
  number: FROM,
  answers,
  does,
})

type Options = Parameters<typeof createVirtualRig>[1]

/** One call placed by REST, to its end. */
async function order(
  form: Record<string, string | string[]>,
  caller: Person,
  pages: Record<string, Page> = { '/answered': '<Pause length="9"/>' },
  options: Options = {},
) {
  const rig = createVirtualRig(pages, { caller, ...options })
  const startMs = rig.clock.now()
  const answer = await rest(rig, '/Calls.json', { ...ORDER, ...form })
  const call = await rig.carrier.expectOutbound()
  const record = await rig.clock.run(call.done)
  const progress = rig.server
    .of('/progress')
    .map(({ form: { CallStatus, SequenceNumber } }) => [CallStatus, SequenceNumber])
  return { ...rig, startMs, answer, call, record, progress }
}

describe('the ladder', () => {
  const table: [
    what: string,
    answers: Person['answers'],
    form: Record<string, string>,
    ladder: string[],
    status: string,
  ][] = [
    ['somebody answers', { afterMs: 2000 }, {}, ['initiated', 'ringing', 'in-progress', 'completed'], 'completed'],
    ['busy', 'busy', {}, ['initiated', 'busy'], 'busy'],
    ['out of reach', 'unreachable', {}, ['initiated', 'failed'], 'failed'],
    ['nobody answers', 'never', {}, ['initiated', 'ringing', 'no-answer'], 'no-answer'],
    ['answered too late', { afterMs: 9000 }, { Timeout: '8' }, ['initiated', 'ringing', 'no-answer'], 'no-answer'],
  ]
  test.each(table)('%s: each step is told, in order and numbered from 0', async (_, answers, form, ladder, status) => {
    const { answer, record, progress, call } = await order(form, called(answers))
    expect(answer).toMatchObject({
      status: 201,
      json: { status: 'queued', direction: 'outbound-api', sid: call.callSid },
    })
    expect(progress).toEqual(ladder.map((each, at) => [each, String(at)]))
    expect(record).toMatchObject({
      status,
      direction: 'outbound-api',
      from: NUMBER.phoneNumber,
      to: FROM,
      problems: [],
    })
  })

  test('nobody has the number: the call fails', async () => {
    const { progress, record } = await order({ To: '+15550100000' }, called())
    expect(progress.map(([status]) => status)).toEqual(['initiated', 'failed'])
    expect(record.status).toBe('failed')
  })

  test('the document is asked for at the answer, with the call in progress; later requests follow', async () => {
    const { server, record } = await order({}, called(), {
      '/answered': '<Say>Good morning</Say><Redirect>/b</Redirect>',
      '/b': '<Hangup/>',
    })
    expect(server.asked.map(({ path, form }) => [path, form.CallStatus])).toEqual([
      ['/progress', 'initiated'],
      ['/progress', 'ringing'],
      ['/answered', 'in-progress'],
      ['/progress', 'in-progress'],
      ['/b', 'in-progress'],
      ['/progress', 'completed'],
    ])
    const form = server.of('/answered')[0]?.form
    expect(form).toMatchObject({ Direction: 'outbound-api', From: NUMBER.phoneNumber, To: FROM })
    expect(form).not.toHaveProperty('CallToken')
    expect(form).not.toHaveProperty('AnsweredBy')
    expect(record.said).toMatchObject([{ text: 'Good morning' }])
  })

  test('times and SIP codes come with the end alone', async () => {
    const { server } = await order({}, called())
    const [first, , , last] = server.of('/progress').map(({ form }) => form)
    expect(first).not.toHaveProperty('CallDuration')
    expect(last).toMatchObject({ CallDuration: '5', Duration: '1', SipResponseCode: '200' })
    const busy = await order({}, called('busy'))
    expect(busy.server.of('/progress').at(-1)?.form).toMatchObject({ CallDuration: '0', SipResponseCode: '486' })
  })

  test('without a list of events only the end is told, with number 0', async () => {
    expect((await order({ StatusCallbackEvent: [] }, called())).progress).toEqual([['completed', '0']])
  })

  test('it rings as long as Timeout says, sixty seconds without it', async () => {
    const rings = async (form: Record<string, string>) => {
      const { record } = await order(form, called('never'))
      return (record.endedAtMs ?? 0) - record.ringingAtMs
    }
    expect(await rings({ Timeout: '8' })).toBe(8_500)
    expect(await rings({})).toBe(60_500)
    expect(await rings({ Timeout: '900' })).toBe(600_500)
  })

  test('events in one value, or one that does not exist: 201, 21626, and no callback at all', async () => {
    for (const StatusCallbackEvent of ['initiated ringing answered completed', ['completed', 'picked-up']]) {
      const { answer, record, progress } = await order({ StatusCallbackEvent }, called())
      expect(answer.status).toBe(201)
      expect(record.problems).toMatchObject([{ code: 21626 }])
      expect(progress).toEqual([])
    }
  })
})

describe('while the call is up', () => {
  test('TimeLimit ends it, counted from the answer', async () => {
    const { record } = await order({ TimeLimit: '3' }, called({ afterMs: 2000 }, []))
    expect(record).toMatchObject({ status: 'completed', endedBy: 'carrier' })
    expect((record.endedAtMs ?? 0) - (record.answeredAtMs ?? 0)).toBe(3000)
  })

  test('Twiml stands in for a URL, and a URL wins over it', async () => {
    const Twiml = '<Response><Say>From REST</Say></Response>'
    const rig = createVirtualRig({ '/answered': '<Say>From the URL</Say>' }, { caller: called() })
    const { Url: _, ...withoutUrl } = ORDER
    await rest(rig, '/Calls.json', { ...withoutUrl, Twiml })
    const call = await rig.carrier.expectOutbound()
    expect((await rig.clock.run(call.done)).said).toMatchObject([{ text: 'From REST' }])
    const both = await order({ Twiml }, called(), { '/answered': '<Say>From the URL</Say>' })
    expect(both.record.said).toMatchObject([{ text: 'From the URL' }])
  })

  test('a document that fails is made up for by FallbackUrl', async () => {
    const pages = { '/answered': new Response(null, { status: 500 }), '/fallback': '<Say>One moment</Say>' }
    const { record, server } = await order({ FallbackUrl: `https://${HOST}/fallback` }, called(), pages)
    expect(server.of('/fallback')[0]?.form).toMatchObject({ ErrorCode: '11217', CallStatus: 'in-progress' })
    expect(record.said).toMatchObject([{ text: 'One moment' }])
  })

  test('Record keeps both voices from the answer on, and the last callback names the file', async () => {
    const form = {
      Record: 'true',
      RecordingChannels: 'dual',
      RecordingStatusCallback: `https://${HOST}/recording`,
      RecordingStatusCallbackEvent: 'in-progress completed',
    }
    const { record, server } = await order(form, called())
    const [recording] = record.recordings
    expect(recording).toMatchObject({ source: 'OutboundAPI', channels: 2, durationMs: 5000, status: 'completed' })
    expect(server.of('/progress').at(-1)?.form).toMatchObject({
      RecordingSid: recording?.recordingSid ?? '',
      RecordingDuration: '5',
    })
    // This list may be one value, and is not the call's own, which may not.
    expect(server.of('/recording').map(({ form }) => [form.RecordingSource, form.RecordingStatus])).toEqual([
      ['OutboundAPI', 'in-progress'],
      ['OutboundAPI', 'completed'],
    ])
  })

  test('SendDigits are pressed before anything else; a w waits for half a second', async () => {
    const { server, record } = await order({ SendDigits: 'ww12#', MachineDetection: 'Enable' }, called())
    expect((server.of('/answered')[0]?.atMs ?? 0) - (record.answeredAtMs ?? 0)).toBe(2 * 500 + 3 * 200)
    expect(record.detection).toBeNull()
  })
})

describe('Status by REST', () => {
  /** The status is asked for `atMs` after the order. */
  async function ended(atMs: number, Status: string, settings = {}) {
    const rig = createVirtualRig({ '/answered': '<Pause length="9"/>' }, { caller: called(), settings })
    await rest(rig, '/Calls.json', ORDER)
    const call = await rig.carrier.expectOutbound()
    const update = new Promise<{ status: number }>((resolve) =>
      rig.clock.after(atMs, () => void rest(rig, `/Calls/${call.callSid}.json`, { Status }).then(resolve)),
    )
    const record = await rig.clock.run(call.done)
    return {
      record,
      status: (await update).status,
      told: rig.server.of('/progress').map(({ form }) => form.CallStatus),
    }
  }

  test('canceled before its turn came: nothing is told', async () => {
    const { record, told } = await ended(500, 'canceled', { queueMs: 1000 })
    expect(record).toMatchObject({ status: 'canceled', answeredAtMs: null })
    expect(told).toEqual([])
  })

  test.each(['canceled', 'completed'])('%s while it rings: it stops ringing, canceled', async (status) => {
    const { record, told } = await ended(1500, status)
    expect(record).toMatchObject({ status: 'canceled', endedBy: 'server', answeredAtMs: null })
    expect(told).toEqual(['initiated', 'ringing', 'canceled'])
  })

  test('completed ends it when it is answered; canceled leaves it', async () => {
    expect((await ended(4000, 'completed')).record).toMatchObject({ status: 'completed', endedBy: 'server' })
    expect((await ended(4000, 'canceled')).record).toMatchObject({ status: 'completed', endedBy: 'caller' })
  })

  test('a call that is over refuses', async () => {
    const rig = await order({}, called())
    const late = await rest(rig, `/Calls/${rig.call.callSid}.json`, { Status: 'completed' })
    expect(late).toMatchObject({ status: 400, json: { code: 21220 } })
  })
})

test('a redirect takes the callback along, and only then', async () => {
  const rig = createVirtualRig({ '/answered': '<Pause length="9"/>', '/b': '<Hangup/>' }, { caller: called() })
  await rest(rig, '/Calls.json', ORDER)
  const call = await rig.carrier.expectOutbound()
  const StatusCallback = `https://${HOST}/elsewhere`
  const moved = (form: Record<string, string>) =>
    void rest(rig, `/Calls/${call.callSid}.json`, { StatusCallback, ...form })
  rig.clock.after(3000, () => moved({}))
  rig.clock.after(4000, () => moved({ Url: `https://${HOST}/b` }))
  await rig.clock.run(call.done)
  expect(rig.server.of('/progress').map(({ form }) => form.CallStatus)).toEqual(['initiated', 'ringing', 'in-progress'])
  expect(rig.server.of('/elsewhere').map(({ form }) => [form.CallStatus, form.SequenceNumber])).toEqual([
    ['completed', '3'],
  ])
})

describe('machine detection', () => {
  const greeting: CallerStep[] = [say(4000, 200), { on: 'said', waitMs: 400, act: 'beep' }]
  const human = [say(700, 300), hangUpAfter(6000)]
  const detecting = (MachineDetection: string) => ({ MachineDetection })

  const table: [what: string, mode: string, does: CallerStep[], answeredBy: string, afterMs: number][] = [
    ['a short word and silence', 'Enable', human, 'human', 300 + 700 + 1200],
    ['a long greeting', 'Enable', greeting, 'machine_start', 200 + 2400 + 20],
    ['nothing at all', 'Enable', [hangUpAfter(9000)], 'unknown', 5000],
    ['a short word, waiting for an end', 'DetectMessageEnd', human, 'human', 2200],
    ['a greeting and its beep', 'DetectMessageEnd', greeting, 'machine_end_beep', 200 + 4000 + 400 + 500 + 20],
    ['a greeting and no beep', 'DetectMessageEnd', [say(4000, 200)], 'machine_end_silence', 200 + 4000 + 2000],
    ['a greeting without end', 'DetectMessageEnd', [say(40_000)], 'machine_end_other', 30_000],
  ]
  test.each(table)('the document waits: %s (%s)', async (_, mode, does, answeredBy, afterMs) => {
    const { server, record } = await order(detecting(mode), called({ afterMs: 1000 }, does))
    const asked = server.of('/answered')[0]
    const tookMs = (asked?.atMs ?? 0) - (record.answeredAtMs ?? 0)
    expect(asked?.form).toMatchObject({ AnsweredBy: answeredBy, MachineDetectionDuration: String(tookMs) })
    // To the frame in which it is heard.
    expect(Math.abs(tookMs - afterMs)).toBeLessThanOrEqual(40)
    expect(record.detection).toMatchObject({ answeredBy, tookMs })
    expect(record.problems).toEqual([])
    expect(server.of('/progress').at(-1)?.form).toMatchObject({ AnsweredBy: answeredBy })
  })

  test('a redirect that comes while the document waits has the call instead', async () => {
    const caller = called({ afterMs: 1000 }, [hangUpAfter(9000)])
    const rig = createVirtualRig({ '/answered': '<Say>Late</Say>', '/b': '<Say>Instead</Say>' }, { caller })
    await rest(rig, '/Calls.json', { ...ORDER, MachineDetection: 'Enable' })
    const call = await rig.carrier.expectOutbound()
    rig.clock.after(3000, () => void rest(rig, `/Calls/${call.callSid}.json`, { Url: `https://${HOST}/b` }))
    expect((await rig.clock.run(call.done)).said.map(({ text }) => text)).toEqual(['Instead'])
    expect(rig.server.of('/answered')).toEqual([])
  })

  const async = { MachineDetection: 'Enable', AsyncAmd: 'true', AsyncAmdStatusCallback: `https://${HOST}/amd` }

  test('in the background: the document is asked for at once, and the result is told by itself', async () => {
    const { server, record } = await order(async, called({ afterMs: 1000 }, greeting))
    expect(server.of('/answered')[0]).toMatchObject({ atMs: record.answeredAtMs })
    expect(server.of('/answered')[0]?.form).not.toHaveProperty('AnsweredBy')
    const [told] = server.of('/amd')
    expect(Object.keys(told?.form ?? {}).sort()).toEqual([
      'AccountSid',
      'AnsweredBy',
      'CallSid',
      'MachineDetectionDuration',
    ])
    expect(told?.form).toMatchObject({ AnsweredBy: 'machine_start', CallSid: record.callSid })
    expect(told?.atMs ?? 0).toBeGreaterThan(record.answeredAtMs ?? 0)
  })

  test('in the background, and the call ends first: unknown is told after the hang-up', async () => {
    const { server, record } = await order(async, called({ afterMs: 1000 }, [hangUpAfter(700)]))
    expect(server.of('/amd')).toMatchObject([{ form: { AnsweredBy: 'unknown' } }])
    expect(server.of('/amd')[0]?.atMs ?? 0).toBeGreaterThan(record.endedAtMs ?? 0)
  })

  test('in the background with nowhere to tell it: 21262', async () => {
    const { AsyncAmdStatusCallback: _, ...untold } = async
    const { record } = await order(untold, called({ afterMs: 1000 }, human))
    expect(record.problems).toMatchObject([{ code: 21262 }])
  })

  test('who hangs up while the document waits is asked nothing', async () => {
    const { server, record } = await order(detecting('Enable'), called({ afterMs: 1000 }, [hangUpAfter(700)]))
    expect(server.of('/answered')).toEqual([])
    expect(record).toMatchObject({ status: 'completed', endedBy: 'caller' })
  })
})

describe('refusals', () => {
  const { Url: _, ...withoutUrl } = ORDER
  test.each([
    ['a number that is none', { ...ORDER, To: 'Dana' }, 21211],
    ['a number that is not the account’s', { ...ORDER, From: '+15550100000' }, 21210],
    ['neither Url nor Twiml', withoutUrl, 21205],
    ['a host with an underscore', { ...ORDER, StatusCallback: 'https://front_desk.example/' }, 21609],
    ['Twiml of more than 4000 characters', { ...withoutUrl, Twiml: 'x'.repeat(4001) }, 20001],
  ])('%s: 400, and no call', async (_, form, code) => {
    const rig = createVirtualRig({}, { caller: called() })
    expect(await rest(rig, '/Calls.json', form)).toMatchObject({ status: 400, json: { code } })
    expect((await rest(rig, '/Calls.json')).json.calls).toEqual([])
  })
})

test('a callback can come before the answer to the order that caused it', async () => {
  const early: Promise<void>[] = []
  const reroute =
    (deliver: Deliver): Deliver =>
    (call, callback: Callback) => {
      if (callback.form.CallStatus !== 'initiated') return deliver(call, callback)
      const delivery = deliver(call, { ...callback, afterMs: 0 })
      early.push(delivery)
      return delivery
    }
  const delayRest = async () => void (await Promise.all(early))
  const rig = createVirtualRig({ '/answered': '<Hangup/>' }, { caller: called(), settings: { reroute, delayRest } })
  const order = rest(rig, '/Calls.json', ORDER).then(({ status }) => [status, rig.server.asked.map(({ path }) => path)])
  // Held, as a server's own request is: no time passes for it.
  expect(await rig.clock.run(rig.clock.hold(order))).toEqual([201, ['/progress']])
  const call = await rig.carrier.expectOutbound()
  expect((await rig.clock.run(call.done)).status).toBe('completed')
})

test('calls are expected in the order in which they are placed, before or after', async () => {
  const rig = createVirtualRig({ '/answered': '<Hangup/>' }, { caller: called() })
  const expected = rig.carrier.expectOutbound()
  await rest(rig, '/Calls.json', ORDER)
  await rest(rig, '/Calls.json', ORDER)
  const calls = [await expected, await rig.carrier.expectOutbound()]
  await rig.clock.run(rig.carrier.idle())
  const { json } = await rest(rig, '/Calls.json')
  const sids = (json.calls as { sid: string }[]).map(({ sid }) => sid)
  expect(sids).toEqual(calls.map(({ callSid }) => callSid).reverse())
})
