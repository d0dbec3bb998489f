// The vendors' own clients against all three stand-ins: what each call comes to, as an answer or as the error that the client
// makes of it. One table; the files of each stand-in have its rules in full.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import OpenAI from 'openai'
import { OpenAIRealtimeWS } from 'openai/realtime/ws'
import { Resend } from 'resend'
import twilio from 'twilio'
import { type CarrierFaults, settingsWith } from '../../sim/carrier/faults.ts'
import { realClock } from '../../sim/clock.ts'
import { createInbox } from '../../sim/inbox/inbox.ts'
import { listen } from '../../sim/loopback.ts'
import { createModel } from '../../sim/model/model.ts'
import { createTrace } from '../../sim/trace.ts'
import { ACCOUNT, createVirtualRig, FROM, HOST, NUMBER } from '../pure/carrier-rig.ts'
import { script, speech } from '../pure/model-rig.ts'

const modelKey = 'sk-of-ours'
const mailKey = 're_of_ours'
const nobody = 'f'.repeat(32)
const stops: (() => Promise<void>)[] = []
const at = { carrier: '', model: '', inbox: '' }

beforeAll(async () => {
  const trace = createTrace(realClock)
  const rig = createVirtualRig({}, { people: [{ number: FROM, answers: 'busy', does: [] }] })
  const model = createModel({ clock: realClock, trace, speech, seed: 1, isStrict: false, apiKey: modelKey })
  const faults = { without: ['gpt-6-sol'] }
  await model.use(script({ responses: [[{ say: 'Good morning.' }]], writings: ['Written.'], faults }))
  const inbox = createInbox({ clock: realClock, trace, apiKey: mailKey, requestsPerSecond: 1000 })
  const opened = [await listen(rig.carrier.standIn), await listen(model.standIn), await listen(inbox.standIn)]
  const [carrierAt, modelAt, inboxAt] = opened.map(({ origin }) => origin)
  Object.assign(at, { carrier: carrierAt, model: modelAt, inbox: inboxAt })
  stops.push(...opened.map(({ stop }) => stop))
})
afterAll(async () => {
  for (const stop of stops) await stop()
})

function telephone(authToken: string = ACCOUNT.authToken) {
  const client = twilio(ACCOUNT.accountSid, authToken)
  client.api.baseUrl = at.carrier
  return client
}

/** The client of a carrier of its own, on which this goes wrong. */
async function telephoneOn(faults: CarrierFaults, options: { autoRetry?: boolean } = {}) {
  const rig = createVirtualRig({}, { settings: settingsWith(faults) })
  const { origin, stop } = await listen(rig.carrier.standIn)
  stops.push(stop)
  const client = twilio(ACCOUNT.accountSid, ACCOUNT.authToken, options)
  client.api.baseUrl = origin
  return client
}
const openai = (apiKey = modelKey) => new OpenAI({ apiKey, baseURL: `${at.model}/v1`, maxRetries: 0 })
const resend = (key = mailKey) => new Resend(key, { baseUrl: at.inbox })
const text = { to: FROM, from: NUMBER.phoneNumber, body: 'Hello' }
const placed = { to: FROM, from: NUMBER.phoneNumber, url: `https://${HOST}/voice` }
const letter = { from: 'Desk <desk@clinic.example>', to: ['admin@clinic.example'], subject: 'A call', text: 'Words.' }

/** What a call comes to: its answer, or the error that it rejects with. */
const outcome = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error)

describe('twilio', () => {
  const table: [what: string, call: () => Promise<unknown>, comesTo: object][] = [
    ['calls.create', () => telephone().calls.create(placed), { status: 'queued', direction: 'outbound-api' }],
    [
      '… without a document',
      () => telephone().calls.create({ ...placed, url: undefined }),
      { status: 400, code: 21205 },
    ],
    ['… to no number', () => telephone().calls.create({ ...placed, to: 'Dana' }), { status: 400, code: 21211 }],
    ['… from somebody else’s', () => telephone().calls.create({ ...placed, from: FROM }), { status: 400, code: 21210 }],
    ['… with a wrong token', () => telephone('wrong').calls.create(placed), { status: 401, code: 20003 }],
    ['calls.fetch of nobody', () => telephone().calls(`CA${nobody}`).fetch(), { status: 404, code: 20404 }],
    ['calls.update of nobody', () => telephone().calls(`CA${nobody}`).update({ status: 'completed' }), { code: 20404 }],
    ['calls.recordings of nobody', () => telephone().calls(`CA${nobody}`).recordings.create(), { code: 20404 }],
    [
      'calls.streams of nobody',
      () => telephone().calls(`CA${nobody}`).streams.create({ url: 'wss://x/' }),
      { code: 20404 },
    ],
    ['recordings.fetch of nothing', () => telephone().recordings(`RE${nobody}`).fetch(), { code: 20404 }],
    ['messages.create', () => telephone().messages.create(text), { status: 'queued', numSegments: '1' }],
    ['… to no number', () => telephone().messages.create({ ...text, to: '1' }), { status: 400, code: 21211 }],
    ['… with a wrong token', () => telephone('wrong').messages.create(text), { status: 401, code: 20003 }],
    ['messages.fetch of nothing', () => telephone().messages(`SM${nobody}`).fetch(), { status: 404, code: 20404 }],
    [
      'incomingPhoneNumbers.list',
      () =>
        telephone()
          .incomingPhoneNumbers.list({ phoneNumber: NUMBER.phoneNumber })
          .then(([first]) => first),
      { phoneNumber: NUMBER.phoneNumber, voiceUrl: NUMBER.voiceUrl },
    ],
  ]
  test.each(table)('%s', async (_, call, comesTo) => expect(await outcome(call())).toMatchObject(comesTo))

  const refused: [code: number, status: number][] = [
    [20003, 401],
    [20404, 404],
    [20429, 429],
    [20503, 503],
    [21217, 400],
    [21608, 400],
    [21610, 400],
    [21614, 400],
  ]
  test.each(refused)('any error of the sheet is there for the asking: %d', async (code, status) => {
    const client = await telephoneOn({ refuseRest: [{ code, times: 1, path: 'Messages' }] })
    const moreInfo = `https://www.twilio.com/docs/errors/${code}`
    expect(await outcome(client.messages.create(text))).toMatchObject({ status, code, moreInfo })
    expect(await outcome(client.messages.create(text))).toMatchObject({ status: 'queued' })
  })

  test('a client that tries again by itself gets past 429, and the call is placed once', async () => {
    const client = await telephoneOn({ refuseRest: [{ code: 20429, times: 2, path: 'Calls' }] }, { autoRetry: true })
    expect(await client.calls.create(placed)).toMatchObject({ status: 'queued' })
    expect(await client.calls.list()).toHaveLength(1)
  })
})

describe('openai', () => {
  const lookUp = { type: 'function', name: 'look_up', parameters: {}, strict: false } as const
  const ask = (client: OpenAI, input: string | undefined = 'Hello') =>
    client.responses.create({ model: 'gpt-6-luna', input })
  const table: [what: string, call: () => Promise<unknown>, comesTo: object][] = [
    ['responses.create', () => ask(openai()), { status: 'completed', output_text: expect.any(String) }],
    ['… with a wrong key', () => ask(openai('sk-wrong')), { status: 401, code: 'invalid_api_key' }],
    ['… without a model', () => openai().post('/responses', { body: { input: 'x' } }), { status: 400 }],
    [
      'models.list',
      () =>
        openai()
          .models.list()
          .then(({ data }) => data[0]),
      { object: 'model' },
    ],
    [
      '… with a tool and words of one line',
      () => openai().responses.create({ model: 'gpt-6-luna', input: 'Hello', tools: [lookUp] }),
      { status: 'completed', output: [{ type: 'message' }] },
    ],
    [
      '… after one that is not kept',
      () => openai().responses.create({ model: 'gpt-6-luna', input: 'Hello', previous_response_id: 'resp_1' }),
      { status: 400, code: 'previous_response_not_found', param: 'previous_response_id' },
    ],
    [
      '… of a model that the key may not use',
      () => openai().responses.create({ model: 'gpt-6-sol', input: 'Hello' }),
      { status: 404, code: 'model_not_found' },
    ],
    ['models.retrieve of it', () => openai().models.retrieve('gpt-6-sol'), { status: 404, code: 'model_not_found' }],
    ['realtime.calls.hangup', () => openai().realtime.calls.hangup('rtc_1'), { status: 404 }],
    ['an address that there is not', () => openai().post('/nothing', { body: {} }), { status: 404 }],
    [
      'realtime.clientSecrets.create',
      () => openai().realtime.clientSecrets.create({ session: { type: 'realtime', model: 'gpt-realtime-2.1' } }),
      { value: expect.stringMatching(/^ek_/), session: { object: 'realtime.session' } },
    ],
    [
      '… for less than ten seconds',
      () => openai().realtime.clientSecrets.create({ expires_after: { anchor: 'created_at', seconds: 1 } }),
      { status: 400, param: 'expires_after.seconds' },
    ],
  ]
  test.each(table)('%s', async (_, call, comesTo) => expect(await outcome(call())).toMatchObject(comesTo))

  test('OpenAIRealtimeWS has a session, an answer, and its own mistakes as errors', async () => {
    const port = Number(new URL(at.model).port)
    const createConnection = () => connect(port, '127.0.0.1')
    const realtime = new OpenAIRealtimeWS({ model: 'gpt-realtime-2.1', options: { createConnection } }, openai())
    const next = <T extends 'session.created' | 'response.done'>(type: T) =>
      new Promise<unknown>((resolve) => realtime.once(type, resolve))
    const failed = new Promise<unknown>((resolve) => realtime.on('error', resolve))
    expect(await next('session.created')).toMatchObject({ session: { model: 'gpt-realtime-2.1' } })
    const done = next('response.done')
    realtime.send({ type: 'response.create' })
    expect(await done).toMatchObject({ response: { status: 'completed', output: [{ role: 'assistant' }] } })
    realtime.send({ type: 'response.cancel', event_id: 'late' })
    expect(await failed).toMatchObject({ error: { code: 'response_cancel_not_active', event_id: 'late' } })
    realtime.close()
  })
})

describe('resend', () => {
  const send = (change: object = {}, key?: string) => resend(key).emails.send({ ...letter, ...change } as typeof letter)
  const table: [what: string, call: () => Promise<unknown>, comesTo: object][] = [
    ['emails.send', () => send(), { data: { id: expect.any(String) }, error: null }],
    ['… with a wrong key', () => send({}, 're_wrong'), { error: { statusCode: 403, name: 'invalid_api_key' } }],
    ['… to nobody', () => send({ to: [] }), { error: { statusCode: 422, name: 'missing_required_field' } }],
    [
      '… to what is no address',
      () => send({ to: ['admin'] }),
      { error: { statusCode: 422, name: 'validation_error' } },
    ],
    ['emails.get of nothing', () => resend().emails.get('nothing'), { error: { statusCode: 404, name: 'not_found' } }],
    [
      'another mail under the same key',
      async () => {
        await resend().emails.send(letter, { idempotencyKey: 'call/1' })
        return resend().emails.send({ ...letter, subject: 'Another' }, { idempotencyKey: 'call/1' })
      },
      { error: { statusCode: 409, name: 'invalid_idempotent_request' } },
    ],
  ]
  test.each(table)('%s', async (_, call, comesTo) => expect(await outcome(call())).toMatchObject(comesTo))
})
