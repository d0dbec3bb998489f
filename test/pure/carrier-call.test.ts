// Whole calls on the virtual clock, to a small server in memory: webhooks, failures, verbs and recordings.
import { describe, expect, test } from 'bun:test'
import type { CallerStep } from '../../sim/script.ts'
import { ACCOUNT, CONNECT, createVirtualRig, FROM, HOST, hangUpAfter, NUMBER, place, tone } from './carrier-rig.ts'

const say = (audioMs: number, waitMs = 0): CallerStep => ({
  on: 'answered',
  waitMs,
  act: 'say',
  words: '…',
  audio: tone(audioMs),
})

describe('the webhook of an incoming call', () => {
  test('carries exactly the captured key set, and later requests all but CallToken and StirVerstat', async () => {
    const { server } = await place({ '/voice': '<Redirect>/next</Redirect>', '/next': '<Hangup/>' }, [])
    const places = ['Called', 'Caller', 'From', 'To'].flatMap((who) =>
      ['City', 'Country', 'State', 'Zip'].map((part) => who + part),
    )
    const standard = [
      'AccountSid',
      'ApiVersion',
      'CallSid',
      'CallStatus',
      'Called',
      'Caller',
      'Direction',
      'From',
      'To',
      ...places,
    ]
    expect(Object.keys(server.of('/voice')[0]?.form ?? {}).sort()).toEqual(
      [...standard, 'CallToken', 'StirVerstat'].sort(),
    )
    expect(Object.keys(server.of('/next')[0]?.form ?? {}).sort()).toEqual([...standard].sort())
    expect(server.of('/voice')[0]?.form).toMatchObject({
      CallStatus: 'ringing',
      From: FROM,
      Caller: FROM,
      To: NUMBER.phoneNumber,
      Called: NUMBER.phoneNumber,
      Direction: 'inbound',
    })
    expect(server.of('/next')[0]?.form).toMatchObject({ CallStatus: 'in-progress' })
  })

  test('is signed, carries an idempotency token and Twilio’s user agent', async () => {
    const { server } = await place({ '/voice': '<Hangup/>' }, [])
    const [asked] = server.of('/voice')
    expect(asked?.headers.get('i-twilio-idempotency-token')).toMatch(/^[0-9a-f-]{36}$/)
    expect(asked?.headers.get('user-agent')).toBe('TwilioProxy/1.1')
  })

  test('goes to the URL without its fragment, which is not signed either', async () => {
    const { record, server } = await place({ '/voice': '<Hangup/>' }, [], {
      number: { voiceUrl: `${NUMBER.voiceUrl}#rc=2` },
    })
    expect(server.of('/voice')).toHaveLength(1)
    expect(record.problems).toEqual([])
  })

  test('sends the cookies that were set in the call, to whoever set them, until they are too old', async () => {
    const answer = (inside: string, ...cookies: string[]) =>
      new Response(`<Response>${inside}</Response>`, {
        headers: [['content-type', 'text/xml'], ...cookies.map((cookie): [string, string] => ['set-cookie', cookie])],
      })
    const pages = {
      '/voice': answer('<Redirect>/next</Redirect>', 'step=one; Path=/; HttpOnly', 'short=lived; Max-Age=2'),
      '/next': answer('<Pause length="3"/><Redirect>/last</Redirect>', 'step=two'),
      '/last': '<Hangup/>',
    }
    const rig = await place(pages, [])
    const sent = () => rig.server.asked.map(({ path, headers }) => [path, headers.get('cookie')])
    const once = [
      ['/voice', null],
      ['/next', 'step=one; short=lived'],
      ['/last', 'step=two'],
      ['/status', null],
    ]
    expect(sent()).toEqual(once)
    await rig.clock.run(rig.carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller: [] }).done)
    expect(sent().slice(4)).toEqual(once)
  })

  test('by GET carries its parameters in the query, signed', async () => {
    const number = { voiceMethod: 'GET', voiceUrl: `${NUMBER.voiceUrl}#rc=2` } as const
    const { server } = await place({ '/voice': '<Hangup/>' }, [], { number })
    expect(server.of('/voice')).toMatchObject([{ method: 'GET', form: { CallStatus: 'ringing', From: FROM } }])
  })

  test('is redirected as a browser is, and relative URLs then count from there', async () => {
    const moved = new Response(null, { status: 307, headers: { location: '/elsewhere/voice' } })
    const pages = { '/voice': moved, '/elsewhere/voice': '<Redirect>next</Redirect>', '/elsewhere/next': '<Hangup/>' }
    const { server } = await place(pages, [])
    expect(server.asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /voice',
      'GET /elsewhere/voice',
      'POST /elsewhere/next',
      'POST /status',
    ])
  })

  test('what a REST request within it sets going does not let time run before it is answered', async () => {
    let movedMs = Number.NaN
    const rig = createVirtualRig({
      '/voice': async ({ form, atMs }) => {
        const url = `https://api.twilio.com/2010-04-01/Accounts/${form.AccountSid}/Calls/${form.CallSid}.json`
        const authorization = `Basic ${btoa(`${ACCOUNT.accountSid}:${ACCOUNT.authToken}`)}`
        const body = new URLSearchParams({ Status: 'completed' })
        await rig.carrier.standIn.fetch(new Request(url, { method: 'POST', headers: { authorization }, body }))
        // Some turns of the event loop, as a query to a real database takes them.
        for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
        movedMs = rig.clock.now() - atMs
        return '<Hangup/>'
      },
    })
    const call = rig.carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller: [] })
    expect(await rig.clock.run(call.done)).toMatchObject({ status: 'canceled', endedBy: 'server', problems: [] })
    expect(movedMs).toBe(0)
  })

  test('the end brings one status callback, completed, with minutes and seconds', async () => {
    const { server, record } = await place({ '/voice': '<Pause length="61"/>' }, [hangUpAfter(90_000)])
    expect(record).toMatchObject({ status: 'completed', endedBy: 'server' })
    expect(server.of('/status').map(({ form }) => form)).toEqual([
      expect.objectContaining({
        CallStatus: 'completed',
        CallDuration: '61',
        Duration: '2',
        SequenceNumber: '0',
        CallbackSource: 'call-progress-events',
        Timestamp: 'Tue, 24 Nov 2026 04:01:01 +0000',
      }),
    ])
    expect(server.of('/status')[0]?.atMs).toBe((record.endedAtMs ?? 0) + 100)
    expect(record.deliveries).toMatchObject([{ url: NUMBER.statusCallback, status: 204 }])
  })

  test.each([
    ['204', new Response(null, { status: 204 }), []],
    ['an empty document', '', []],
    ['words', new Response('OK', { headers: { 'content-type': 'text/plain' } }), [12300]],
    ['nothing that says what it is', new Response(null), [12300]],
    ['a document with verbs, which are not obeyed', '<Say>Still there?</Say>', [12300]],
  ])('a status callback may be answered with %s', async (_, status, codes) => {
    const { record } = await place({ '/voice': '<Hangup/>', '/status': status }, [])
    expect(record.problems.map(({ code }) => code)).toEqual(codes)
    expect(record.said).toEqual([])
  })

  test('the same seed gives the same identifiers and the same trace, another seed others', async () => {
    const run = async (seed: number) =>
      (await place({ '/voice': CONNECT }, [say(300), hangUpAfter(900)], { seed })).trace.entries
    expect(await run(7)).toEqual(await run(7))
    expect(JSON.stringify(await run(8))).not.toBe(JSON.stringify(await run(7)))
  })
})

describe('when the server fails', () => {
  const unanswered = () => Promise.reject(new Error('connection refused'))

  test('a connection that fails is tried once more, with the same token; then the caller hears of an error', async () => {
    let attempts = 0
    const { record, server } = await place({ '/voice': () => (++attempts === 1 ? unanswered() : '<Hangup/>') }, [])
    expect(record.problems).toEqual([])
    const tokens = server.of('/voice').map(({ headers }) => headers.get('i-twilio-idempotency-token'))
    expect(tokens).toHaveLength(2)
    expect(new Set(tokens).size).toBe(1)

    const dead = await place({ '/voice': unanswered }, [])
    expect(dead.server.of('/voice')).toHaveLength(2)
    expect(dead.record.problems).toMatchObject([{ code: 11205 }])
    expect(dead.record.said).toMatchObject([{ text: expect.stringContaining('application error') }])
    expect(dead.record).toMatchObject({ status: 'completed', endedBy: 'carrier' })
  })

  const overridden: [what: string, fragment: string, answers: (number | 'nothing' | 'late')[], asked: number][] = [
    ['5xx, as often as asked', '#rc=3&rp=5xx', [500, 503, 502, 200], 4],
    ['5xx, but no more often', '#rc=2&rp=5xx', [500, 500, 500, 200], 3],
    ['4xx among several', '#rp=4xx,5xx', [404, 200], 2],
    ['4xx not among others', '#rc=5&rp=5xx,ct', [404, 200], 1],
    ['no connection, never', '#rc=0', ['nothing', 200], 1],
    ['no answer in time', '#rc=2&rp=rt&rt=1000', ['late', 'late', 200], 3],
    ['all of it', '#rc=5&rp=all&rt=1000', ['late', 500, 404, 'nothing', 200], 5],
    ['nothing by values out of their range', '#rc=9&rp=5xx', [500, 500, 200], 2],
  ]
  test.each(overridden)('the fragment of a URL has it tried again after %s', async (_, fragment, answers, asked) => {
    const rig = createVirtualRig(
      {
        '/voice': () => {
          const answer = answers[rig.server.of('/voice').length - 1]
          if (answer === 'nothing') return unanswered()
          if (answer === 'late') return new Promise((resolve) => rig.clock.after(2_000, () => resolve('')))
          return answer === 200 ? '<Hangup/>' : new Response(null, { status: answer ?? 500 })
        },
      },
      { number: { voiceUrl: `https://${HOST}/voice?x=1${fragment}` } },
    )
    const record = await rig.clock.run(rig.carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller: [] }).done)
    const requests = rig.server.of('/voice')
    expect(requests).toHaveLength(asked)
    expect(new Set(requests.map(({ headers }) => headers.get('i-twilio-idempotency-token'))).size).toBe(1)
    expect(record.problems.length).toBe(answers[asked - 1] === 200 ? 0 : 1)
  })

  test('all attempts together have their time, and fifteen seconds at the most', async () => {
    const never = () => new Promise<string>((resolve) => rig.clock.after(60_000, () => resolve('')))
    let rig = createVirtualRig({})
    const tookMs = async (fragment: string) => {
      rig = createVirtualRig({ '/voice': never }, { number: { voiceUrl: `https://${HOST}/voice${fragment}` } })
      const placed = rig.carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller: [] })
      return (await rig.clock.run(placed.done)).documents.map((document) => document.tookMs)
    }
    expect(await tookMs('#tt=4000&rt=3000&rc=5&rp=all')).toEqual([4000])
    expect(await tookMs('#rt=9000&rc=5&rp=all')).toEqual([15_000])
  })

  test('an error answer is not tried again; the fallback URL gets ErrorCode and ErrorUrl, and its document goes on', async () => {
    const number = { voiceFallbackUrl: `https://${HOST}/fallback` }
    const pages = { '/voice': new Response('oh', { status: 500 }), '/fallback': '<Say>One moment</Say>' }
    const { record, server } = await place(pages, [], { number })
    expect(server.of('/voice')).toHaveLength(1)
    expect(server.of('/fallback')[0]?.form).toMatchObject({
      ErrorCode: '11217',
      ErrorUrl: NUMBER.voiceUrl,
      CallStatus: 'ringing',
    })
    expect(record.said).toMatchObject([{ text: 'One moment' }])
    expect(record).toMatchObject({ endedBy: 'server' })
  })

  test('an action asked in vain is never made up for by the fallback', async () => {
    const number = { voiceFallbackUrl: `https://${HOST}/fallback` }
    const pages = { '/voice': CONNECT, '/after': new Response(null, { status: 500 }), '/fallback': '<Say>No</Say>' }
    const { record, server } = await place(pages, [hangUpAfter(500)], { number })
    expect(record.problems).toMatchObject([{ code: 11217 }])
    expect(server.of('/fallback')).toEqual([])
  })

  test.each([
    ['no XML', new Response('oops', { headers: { 'content-type': 'text/xml' } }), 12100],
    ['another type', Response.json({}), 12300],
    ['no type', new Response(new Uint8Array(1)), 12300],
    [
      'a redirect in circles',
      new Response(null, { status: 302, headers: { location: `https://${HOST}/voice` } }),
      11215,
    ],
  ])('%s is logged by its number, and without a fallback the call ends', async (_, page, code) => {
    const { record } = await place({ '/voice': page }, [])
    expect(record.problems).toMatchObject([{ code }])
    expect(record.endedBy).toBe('carrier')
  })

  test('15 seconds are the limit of every request', async () => {
    const rig = createVirtualRig({
      '/voice': () => new Promise((resolve) => rig.clock.after(20_000, () => resolve('<Hangup/>'))),
    })
    const call = rig.carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller: [] })
    const record = await rig.clock.run(call.done)
    expect(record.problems).toMatchObject([{ code: 11200 }])
    expect(record.documents).toMatchObject([{ status: 0, tookMs: 15_000 }])
  })

  test('a number without a voice URL fails the call at once, without a word in the debugger', async () => {
    const { record, server } = await place({}, [], { number: { voiceUrl: '' } })
    expect(record).toMatchObject({ status: 'failed', answeredAtMs: null, problems: [] })
    expect(server.asked.map(({ path, form }) => [path, form.CallStatus])).toEqual([['/status', 'failed']])
  })

  test('documents that go round in circles end the call', async () => {
    const { record } = await place({ '/voice': '<Redirect>/voice</Redirect>' }, [])
    expect(record.problems).toMatchObject([{ code: 11215 }])
  })
})

describe('verbs', () => {
  test('Reject leaves the call unanswered', async () => {
    const busy = await place({ '/voice': '<Reject reason="busy"/>' }, [])
    expect(busy.record).toMatchObject({ status: 'busy', answeredAtMs: null })
    expect(busy.server.of('/status')[0]?.form).toMatchObject({ CallStatus: 'busy', CallDuration: '0' })
    expect((await place({ '/voice': '<Reject/>' }, [])).record.status).toBe('no-answer')
  })

  test('Say takes the time of its words, Pause its own, and plain text is spoken', async () => {
    const { record } = await place({ '/voice': '<Say>one two three</Say><Pause length="2"/>' }, [])
    expect(record.said).toMatchObject([{ text: 'one two three' }])
    expect((record.endedAtMs ?? 0) - (record.answeredAtMs ?? 0)).toBe(3 * 400 + 600 + 2000)
    const plain = await place(
      { '/voice': new Response('Hello there', { headers: { 'content-type': 'text/plain' } }) },
      [],
    )
    expect(plain.record.said).toMatchObject([{ text: 'Hello there' }])
  })

  test('Play fetches its file and lasts as long as the sound', async () => {
    const audio = new Response(new Uint8Array(tone(700)), { headers: { 'content-type': 'audio/basic' } })
    const { record, server } = await place({ '/voice': '<Play loop="2">/hello.ulaw</Play>', '/hello.ulaw': audio }, [])
    expect(server.of('/hello.ulaw')).toMatchObject([{ method: 'GET' }])
    expect((record.endedAtMs ?? 0) - (record.answeredAtMs ?? 0)).toBe(1400)
  })

  test('a document without a verb answers the call and ends it', async () => {
    const { record } = await place({ '/voice': '' }, [])
    expect(record).toMatchObject({ status: 'completed', endedBy: 'server' })
    expect(record.answeredAtMs).not.toBeNull()
  })

  test('nothing is carried out after the caller has hung up', async () => {
    const { record } = await place({ '/voice': '<Pause length="9"/><Say>Too late</Say>' }, [hangUpAfter(500)])
    expect(record).toMatchObject({ endedBy: 'caller', said: [] })
  })

  test('relative URLs are resolved against the document, and the end of the document hangs up', async () => {
    const pages = {
      '/voice': '<Redirect>/a/b</Redirect>',
      '/a/b': '<Redirect method="GET">c?x=1</Redirect>',
      '/a/c': '<Pause/>',
    }
    const { record, server } = await place(pages, [])
    expect(server.asked.map(({ path }) => path)).toEqual(['/voice', '/a/b', '/a/c', '/status'])
    expect(server.of('/a/c')[0]).toMatchObject({ method: 'GET', form: { x: '1', CallStatus: 'in-progress' } })
    expect(record).toMatchObject({ status: 'completed', endedBy: 'server', problems: [] })
  })

  test('a caller who hangs up while it rings cancels the call', async () => {
    const rig = createVirtualRig({
      '/voice': () => new Promise((resolve) => rig.clock.after(3000, () => resolve('<Hangup/>'))),
    })
    const call = rig.carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller: [] })
    rig.clock.after(1000, call.hangUp)
    expect(await rig.clock.run(call.done)).toMatchObject({ status: 'canceled', endedBy: 'caller', answeredAtMs: null })
  })
})

describe('Record', () => {
  const RECORD =
    '<Record action="/recorded" timeout="2" recordingStatusCallback="/recording"/><Say>Nothing was said</Say>'

  test('keeps what the caller says, trimmed, asks the action, and tells when the file is there', async () => {
    const spoken: CallerStep[] = [say(1500, 1000)]
    const { record, server } = await place({ '/voice': RECORD, '/recorded': '<Hangup/>' }, spoken)
    const [recording] = record.recordings
    expect(recording).toMatchObject({ status: 'completed', durationMs: 1500, channels: 1, source: 'RecordVerb' })
    expect(recording?.media.length).toBe(44 + 2 * 1500 * 8)
    const url = `https://api.twilio.com/2010-04-01/Accounts/${record.accountSid}/Recordings/${recording?.recordingSid}`
    const facts = { RecordingSid: recording?.recordingSid ?? '', RecordingUrl: url, RecordingDuration: '2' }
    expect(server.of('/recorded')[0]?.form).toMatchObject({ ...facts, CallStatus: 'in-progress' })
    expect(server.of('/recorded')[0]?.form).not.toHaveProperty('Digits')
    expect(server.of('/recording')[0]?.form).toMatchObject({
      ...facts,
      RecordingStatus: 'completed',
      RecordingChannels: '1',
      RecordingSource: 'RecordVerb',
      ErrorCode: '0',
    })
    expect(server.of('/recording')[0]?.form).not.toHaveProperty('From')
  })

  test('a hang-up ends it: the action hears of it in Digits, and its answer is void', async () => {
    const caller: CallerStep[] = [say(1000, 1000), { on: 'said', waitMs: 0, act: 'hang-up' }]
    const { record, server } = await place({ '/voice': RECORD, '/recorded': '<Say>too late</Say>' }, caller)
    expect(server.of('/recorded')[0]?.form).toMatchObject({ Digits: 'hangup', CallStatus: 'completed' })
    expect(record.said).toEqual([])
    expect(record).toMatchObject({ endedBy: 'caller', recordings: [{ durationMs: 1000 }] })
  })

  test('a key ends it and is told', async () => {
    const caller: CallerStep[] = [say(1000, 1000), { on: 'said', waitMs: 0, act: 'press', digits: '#' }]
    const { server } = await place({ '/voice': RECORD, '/recorded': '<Hangup/>' }, caller)
    expect(server.of('/recorded')[0]?.form).toMatchObject({ Digits: '#' })
  })

  test('silence is no recording: the next verb follows', async () => {
    const { record, server } = await place({ '/voice': RECORD }, [])
    expect(record.recordings).toEqual([])
    expect(server.of('/recorded')).toEqual([])
    expect(record.said).toMatchObject([{ text: 'Nothing was said' }])
    expect((record.endedAtMs ?? 0) - (record.answeredAtMs ?? 0)).toBeGreaterThan(2500)
  })

  test('what is said during the beep is not on the tape, and maxLength cuts it', async () => {
    const verb = '<Record action="/recorded" maxLength="3" trim="do-not-trim"/>'
    const { record } = await place({ '/voice': verb, '/recorded': '<Hangup/>' }, [say(6000)])
    expect(record.recordings).toMatchObject([{ durationMs: 3000 }])
    const short = await place({ '/voice': RECORD, '/recorded': '<Hangup/>' }, [say(1200)])
    expect(short.record.recordings).toMatchObject([{ durationMs: 700 }])
  })
})

test('a call of 20 seconds takes well under a second of work', async () => {
  const startedAt = performance.now()
  await place({ '/voice': CONNECT }, [say(4000, 1000), hangUpAfter(20_000)])
  expect(performance.now() - startedAt).toBeLessThan(1000)
})
