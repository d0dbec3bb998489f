// The REST API of the carrier, asked by Twilio's own client over a real socket while calls are up.
import { afterEach, describe, expect, test } from 'bun:test'
import twilio from 'twilio'
import { readWav } from '../../sim/audio.ts'
import { createVirtualClock } from '../../sim/clock.ts'
import { listen } from '../../sim/loopback.ts'
import { createMemoryNetwork } from '../../sim/memory.ts'
import type { CallerStep } from '../../sim/script.ts'
import {
  ACCOUNT,
  base64,
  CONNECT,
  channelsOf,
  createRig,
  createTinyServer,
  FROM,
  HOST,
  NUMBER,
  type Page,
  tone,
} from '../pure/carrier-rig.ts'

type Options = Parameters<typeof createRig>[2]
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

/** A call on the virtual clock, and Twilio's own client, which reaches the carrier's REST API by a real socket. */
async function setUp(pages: Record<string, Page>, options: Options = {}) {
  const clock = createVirtualClock({ startMs: Date.UTC(2026, 10, 24, 4), stuckAfterMs: 5000 })
  const server = createTinyServer(clock, pages, (frame, { line }) => {
    if (frame.event !== 'start') return
    line.send(JSON.stringify({ event: 'media', streamSid: frame.streamSid, media: { payload: base64(tone(1000)) } }))
  })
  const network = createMemoryNetwork({ clock, servers: { [HOST]: server } })
  const rig = createRig({ clock, network }, server, options)
  const { origin, stop } = await listen(rig.carrier.standIn)
  stops.push(stop)
  const clientFor = (authToken: string) => {
    const client = twilio(ACCOUNT.accountSid, authToken)
    client.api.baseUrl = origin
    return client
  }
  const client = clientFor(ACCOUNT.authToken)
  const call = (caller: CallerStep[]) => rig.carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller })
  /** Does something `atMs` into the call; virtual time waits for it. */
  const during = <T>(atMs: number, work: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => clock.after(atMs, () => void clock.hold(work()).then(resolve, reject)))
  return { ...rig, clock, origin, client, clientFor, call, during }
}

const basic = { authorization: `Basic ${btoa(`${ACCOUNT.accountSid}:${ACCOUNT.authToken}`)}` }
const speakThenHangUp: CallerStep[] = [
  { on: 'answered', waitMs: 1000, act: 'say', words: '…', audio: tone(500) },
  { on: 'said', waitMs: 1500, act: 'hang-up' },
]
const problemOf = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: { status: number; code: number; message: string; moreInfo: string }) => error,
  )

describe('calls', () => {
  test('are fetched and listed with the facts of the moment', async () => {
    const { clock, client, call, during } = await setUp({ '/voice': CONNECT })
    const placed = call(speakThenHangUp)
    const live = during(500, () => client.calls(placed.callSid).fetch())
    await clock.run(placed.done)
    expect(await live).toMatchObject({
      sid: placed.callSid,
      status: 'in-progress',
      duration: null,
      direction: 'inbound',
      from: FROM,
      to: NUMBER.phoneNumber,
      endTime: null,
    })
    const over = await client.calls(placed.callSid).fetch()
    expect(over).toMatchObject({
      status: 'completed',
      duration: '3',
      startTime: new Date('2026-11-24T04:00:00Z'),
      endTime: new Date('2026-11-24T04:00:03Z'),
    })
    expect((await client.calls.list({ to: NUMBER.phoneNumber })).map(({ sid }) => sid)).toEqual([placed.callSid])
    expect(await client.calls.list({ status: 'busy' })).toEqual([])
  })

  test('lists keep to the times that are asked for', async () => {
    const { clock, client, call, during } = await setUp({ '/voice': '<Pause length="60"/>' })
    const early = call([])
    await Promise.all([during(0, () => client.calls(early.callSid).recordings.create()), clock.run(early.done)])
    const late = call([])
    await clock.run(late.done)
    const between = new Date(Date.UTC(2026, 10, 24, 4, 0, 30))
    const nextDay = new Date(Date.UTC(2026, 10, 25))
    const sids = async (times: object) => (await client.calls.list(times)).map(({ sid }) => sid)
    expect(await sids({ startTimeAfter: between })).toEqual([late.callSid])
    expect(await sids({ startTimeBefore: between })).toEqual([early.callSid])
    expect(await sids({ endTimeBefore: between })).toEqual([])
    expect(await sids({ startTime: nextDay })).toEqual([])
    expect(await sids({ startTime: between })).toHaveLength(2)
    expect(await client.recordings.list({ dateCreatedAfter: between })).toEqual([])
    expect(await client.recordings.list({ dateCreatedBefore: between })).toHaveLength(1)
    expect(await client.messages.list({ dateSentAfter: nextDay })).toEqual([])
  })

  test('are deleted once they are over', async () => {
    const { clock, client, call, during } = await setUp({ '/voice': '<Pause length="2"/>' })
    const placed = call([])
    const early = during(500, () => problemOf(client.calls(placed.callSid).remove()))
    await clock.run(placed.done)
    expect(await early).toMatchObject({ status: 400 })
    expect(await client.calls(placed.callSid).remove()).toBe(true)
    expect(await problemOf(client.calls(placed.callSid).fetch())).toMatchObject({ status: 404, code: 20404 })
    expect(await client.calls.list()).toEqual([])
  })

  test('lists are paged', async () => {
    const { clock, client, call } = await setUp({ '/voice': '<Hangup/>' })
    const placed = [1, 2, 3, 4, 5].map(() => call([]))
    await clock.run(Promise.all(placed.map(({ done }) => done)))
    const listed = await client.calls.list({ pageSize: 2 })
    expect(listed.map(({ sid }) => sid)).toEqual(placed.map(({ callSid }) => callSid).reverse())
  })

  test('Status=completed ends the call: the stream stops, and the action is asked in vain', async () => {
    const { clock, client, call, during, server } = await setUp({ '/voice': CONNECT })
    const placed = call([])
    const ended = during(700, () => client.calls(placed.callSid).update({ status: 'completed' }))
    const record = await clock.run(placed.done)
    expect(await ended).toMatchObject({ status: 'completed' })
    expect(record).toMatchObject({ status: 'completed', endedBy: 'server', streams: [{ endedBy: 'server' }] })
    expect(server.sockets[0]?.frames.at(-1)).toMatchObject({ event: 'stop' })
    expect(server.of('/after')[0]?.form).toMatchObject({ CallStatus: 'completed' })
    expect(server.of('/status')).toHaveLength(1)
  })

  test('a redirect by Url leaves the stream, asks the action in vain, and carries out the new document', async () => {
    const pages = { '/voice': CONNECT, '/after': '<Say>Void</Say>', '/new': '<Say>Hello again</Say>' }
    const { clock, client, call, during, server } = await setUp(pages)
    const placed = call([])
    const moved = during(700, () => client.calls(placed.callSid).update({ url: `https://${HOST}/new` }))
    const record = await clock.run(placed.done)
    expect(await moved).toMatchObject({ status: 'in-progress' })
    expect(record.said).toMatchObject([{ text: 'Hello again' }])
    expect(server.asked.map(({ path }) => path)).toEqual(['/voice', '/after', '/new', '/status'])
  })

  test('a redirect may bring another fallback, which holds from then on', async () => {
    const pages = {
      '/voice': '<Pause length="9"/>',
      '/new': new Response(null, { status: 500 }),
      '/other': '<Say>Other help</Say>',
      '/usual': '<Say>Usual help</Say>',
    }
    const number = { voiceFallbackUrl: `https://${HOST}/usual` }
    const saidAfter = async (change: { fallbackUrl?: string }) => {
      const { clock, client, call, during } = await setUp(pages, { number })
      const placed = call([])
      const moved = during(700, () => client.calls(placed.callSid).update({ url: `https://${HOST}/new`, ...change }))
      const record = await clock.run(placed.done)
      await moved
      return record.said.map(({ text }) => text)
    }
    expect(await saidAfter({})).toEqual(['Usual help'])
    expect(await saidAfter({ fallbackUrl: `https://${HOST}/other` })).toEqual(['Other help'])
  })

  test('a redirect by Twiml needs no URL, and then a relative URL leads nowhere', async () => {
    const { clock, client, call, during } = await setUp({ '/voice': '<Pause length="9"/>' })
    const placed = call([])
    const twiml = '<Response><Say>From REST</Say><Redirect>/relative</Redirect></Response>'
    await Promise.all([during(700, () => client.calls(placed.callSid).update({ twiml })), clock.run(placed.done)])
    expect(placed.record().said).toMatchObject([
      { text: 'From REST' },
      { text: expect.stringContaining('application error') },
    ])
    expect(placed.record().problems).toMatchObject([{ code: 11100 }])
  })
})

describe('recordings', () => {
  const callback = `https://${HOST}/recording`

  test('of a live call have the caller left and the agent right, byte for byte', async () => {
    const { clock, client, call, during, server, origin } = await setUp({ '/voice': CONNECT })
    const placed = call(speakThenHangUp)
    const options = { recordingChannels: 'dual', recordingStatusCallback: callback }
    const started = during(0, () => client.calls(placed.callSid).recordings.create(options))
    const record = await clock.run(placed.done)
    const { sid } = await started
    expect(await started).toMatchObject({
      status: 'in-progress',
      duration: null,
      channels: 2,
      source: 'StartCallRecordingAPI',
    })

    const url = `https://api.twilio.com/2010-04-01/Accounts/${ACCOUNT.accountSid}/Recordings/${sid}`
    expect(server.of('/recording').map(({ form }) => form)).toEqual([
      {
        AccountSid: ACCOUNT.accountSid,
        CallSid: placed.callSid,
        RecordingSid: sid,
        RecordingUrl: url,
        RecordingStatus: 'completed',
        RecordingDuration: '3',
        RecordingChannels: '2',
        RecordingStartTime: 'Tue, 24 Nov 2026 04:00:00 +0000',
        RecordingSource: 'StartCallRecordingAPI',
        RecordingTrack: 'both',
        ErrorCode: '0',
      },
    ])
    expect(server.of('/recording')[0]?.atMs).toBe((record.endedAtMs ?? 0) + 800)

    const media = await fetchMedia(origin, sid)
    expect(media.headers.get('content-type')).toBe('audio/x-wav')
    const wav = new Uint8Array(await media.arrayBuffer())
    expect(Buffer.from(wav).equals(record.recordings[0]?.media ?? new Uint8Array())).toBe(true)
    const [left, right] = channelsOf(wav)
    expect(left?.subarray(8000, 12_000)).toEqual(tone(500))
    expect(right?.subarray(0, 8000)).toEqual(tone(1000))
    expect(right?.subarray(8000).every((byte) => byte === 0xff)).toBe(true)
  })

  test('are fetched, listed and deleted', async () => {
    const { clock, client, call, during } = await setUp({ '/voice': CONNECT })
    const placed = call(speakThenHangUp)
    await Promise.all([during(0, () => client.calls(placed.callSid).recordings.create()), clock.run(placed.done)])
    const [recording] = await client.calls(placed.callSid).recordings.list()
    expect(recording).toMatchObject({ callSid: placed.callSid, status: 'completed', duration: '3', channels: 1 })
    const { sid = '' } = recording ?? {}
    expect(await client.recordings(sid).fetch()).toMatchObject({ sid })
    expect(await client.recordings.list({ callSid: placed.callSid })).toHaveLength(1)
    expect(await client.recordings.list({ callSid: `CA${'0'.repeat(32)}` })).toEqual([])
    expect(await client.recordings(sid).remove()).toBe(true)
    expect(await problemOf(client.recordings(sid).fetch())).toMatchObject({ status: 404, code: 20404 })
  })

  test('can be stopped before the end of the call', async () => {
    const { clock, client, call, during } = await setUp({ '/voice': CONNECT })
    const placed = call(speakThenHangUp)
    const recordings = client.calls(placed.callSid).recordings
    await Promise.all([
      during(0, () => recordings.create()),
      during(1200, () => recordings('Twilio.CURRENT').update({ status: 'stopped' })),
      clock.run(placed.done),
    ])
    expect(placed.record().recordings).toMatchObject([{ durationMs: 1200, status: 'completed' }])
  })

  test('have no media while they are processed: 404, in XML', async () => {
    const { clock, client, call, during, origin } = await setUp({ '/voice': CONNECT })
    const placed = call(speakThenHangUp)
    const started = during(0, () => client.calls(placed.callSid).recordings.create())
    const early = during(3200, () => fetchMedia(origin, placed.record().recordings[0]?.recordingSid ?? ''))
    await clock.run(Promise.all([placed.done, started]))
    const answer = await early
    expect(answer.status).toBe(404)
    expect(await answer.text()).toContain('<Code>20404</Code>')
    expect((await fetchMedia(origin, (await started).sid)).status).toBe(200)
  })

  test.each([
    ['skip', 1500],
    ['silence', 2500],
  ])('paused by REST keep nothing meanwhile: %s', async (pauseBehavior, durationMs) => {
    const { clock, client, call, during } = await setUp({ '/voice': '<Pause length="9"/>' })
    const placed = call([
      { on: 'answered', waitMs: 0, act: 'say', words: '…', audio: tone(3000) },
      { on: 'answered', waitMs: 3000, act: 'hang-up' },
    ])
    const started = during(500, () => client.calls(placed.callSid).recordings.create())
    const change = (atMs: number, status: 'paused' | 'in-progress') =>
      during(atMs, async () => {
        const { sid } = await started
        return client.calls(placed.callSid).recordings(sid).update({ status, pauseBehavior })
      })
    const [paused, resumed] = [change(1000, 'paused'), change(2000, 'in-progress')]
    const record = await clock.run(placed.done)
    expect([(await paused).status, (await resumed).status]).toEqual(['paused', 'in-progress'])
    expect(record.recordings).toMatchObject([{ status: 'completed', durationMs }])
  })

  test('may be told of before they can be fetched, and may be lost', async () => {
    const url = `https://${HOST}/kept`
    const pages = {
      '/voice': `<Start><Recording recordingStatusCallback="${url}" recordingStatusCallbackEvent="completed absent"/></Start><Pause length="2"/>`,
    }
    const late = await setUp(pages, { settings: { processingMs: 5_000 } })
    const told = Promise.withResolvers<number>()
    late.trace.onEntry(({ wire, from, body }) => {
      const { RecordingUrl } = (body ?? {}) as Record<string, string>
      const ask = () => late.carrier.standIn.fetch(new Request(RecordingUrl ?? '', { headers: basic }))
      if (wire === 'callback' && from === 'carrier' && RecordingUrl)
        void Promise.resolve(ask()).then(({ status }) => told.resolve(status))
    })
    const placed = late.call([])
    await late.clock.run(placed.done)
    expect(await told.promise).toBe(404)
    const [{ recordingSid = '' } = {}] = placed.record().recordings
    expect(await late.client.recordings(recordingSid).fetch()).toMatchObject({ status: 'completed', errorCode: null })

    const lost = await setUp(pages, { settings: { isLost: () => true } })
    await lost.clock.run(lost.call([]).done)
    expect(lost.server.of('/kept').map(({ form }) => form.RecordingStatus)).toEqual(['absent'])
    expect(lost.server.of('/kept')[0]?.form).not.toHaveProperty('RecordingUrl')
    expect(lost.server.of('/kept')[0]?.form.ErrorCode).not.toBe('0')
    expect(await lost.client.recordings.list()).toMatchObject([{ status: 'absent', errorCode: expect.any(Number) }])
  })

  test('one second of telephone line is one second of WAV, whichever track was asked for', async () => {
    const { clock, client, call, during } = await setUp({ '/voice': CONNECT })
    const placed = call(speakThenHangUp)
    const recordings = client.calls(placed.callSid).recordings
    const started = Promise.all([
      during(0, () => recordings.create({ recordingTrack: 'inbound' })),
      during(0, () => recordings.create({ recordingTrack: 'outbound' })),
    ])
    await clock.run(placed.done)
    const [inbound, outbound] = await started
    const mediaOf = (sid: string) => placed.record().recordings.find(({ recordingSid }) => recordingSid === sid)?.media
    expect(readWav(mediaOf(inbound.sid) ?? new Uint8Array()).subarray(8000, 12_000)).toEqual(tone(500))
    expect(readWav(mediaOf(outbound.sid) ?? new Uint8Array()).subarray(0, 8000)).toEqual(tone(1000))
  })
})

describe('an API key', () => {
  test('asks in the place of its account, but not for the account itself', async () => {
    const { client, origin } = await setUp({})
    const { keySid, secret } = ACCOUNT.apiKey
    const byKey = (password: string) => {
      const other = twilio(keySid, password, { accountSid: ACCOUNT.accountSid })
      other.api.baseUrl = origin
      return other
    }
    expect(await byKey(secret).calls.list()).toEqual([])
    expect(await problemOf(byKey('wrong').calls.list())).toMatchObject({ status: 401, code: 20003 })
    const account = { sid: ACCOUNT.accountSid, status: 'active', type: 'Full' }
    expect(await client.api.accounts(ACCOUNT.accountSid).fetch()).toMatchObject(account)
    const refused = byKey(secret).api.accounts(ACCOUNT.accountSid).fetch()
    expect(await problemOf(refused)).toMatchObject({ status: 401, code: 20003 })
  })
})

describe('errors are those of the sheet', () => {
  const missing = `CA${'0'.repeat(32)}`

  test('401 20003, 404 20404, 400 21220, 429 20429', async () => {
    const { clock, client, clientFor, call } = await setUp({ '/voice': '<Hangup/>' })
    const placed = call([])
    await clock.run(placed.done)
    const late = 'Call is not in-progress. Cannot redirect.'
    expect(await problemOf(clientFor('wrong').calls.list())).toMatchObject({ status: 401, code: 20003 })
    expect(await problemOf(client.calls(missing).fetch())).toMatchObject({
      status: 404,
      code: 20404,
      moreInfo: 'https://www.twilio.com/docs/errors/20404',
    })
    expect(await problemOf(client.calls(placed.callSid).update({ twiml: '<Response/>' }))).toMatchObject({
      status: 400,
      code: 21220,
      message: late,
    })
    expect(await problemOf(client.calls(placed.callSid).update({ status: 'completed' }))).toMatchObject({
      status: 400,
      code: 21220,
    })
    expect(await problemOf(client.calls(placed.callSid).recordings.create())).toMatchObject({
      status: 400,
      code: 21220,
    })
    expect(await problemOf(client.calls(missing).recordings.create())).toMatchObject({ status: 404, code: 20404 })
    expect(await problemOf(client.recordings(`RE${'0'.repeat(32)}`).fetch())).toMatchObject({
      status: 404,
      code: 20404,
    })
  })

  test('429 for as long as it is asked for; the request was not processed', async () => {
    let isBusy = true
    const settings = { refuseRest: () => (isBusy ? 20429 : null) }
    const { clock, client, call, during } = await setUp({ '/voice': CONNECT }, { settings })
    const placed = call(speakThenHangUp)
    const refused = during(500, () => problemOf(client.calls(placed.callSid).update({ status: 'completed' })))
    await clock.run(placed.done)
    isBusy = false
    expect(await refused).toMatchObject({ status: 429, code: 20429 })
    expect(await client.calls(placed.callSid).fetch()).toMatchObject({ status: 'completed', duration: '3' })
  })
})

const fetchMedia = (origin: string, recordingSid: string) =>
  fetch(`${origin}/2010-04-01/Accounts/${ACCOUNT.accountSid}/Recordings/${recordingSid}.wav`, {
    headers: { authorization: `Basic ${btoa(`${ACCOUNT.accountSid}:${ACCOUNT.authToken}`)}` },
  })
