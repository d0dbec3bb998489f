// The model's stand-in over real sockets: handshakes as the service takes and refuses them, and the vendor's own client.
import { afterAll, describe, expect, test } from 'bun:test'
import OpenAI, { APIError } from 'openai'
import { zodTextFormat } from 'openai/helpers/zod'
import { z } from 'zod'
import { realClock } from '../../sim/clock.ts'
import { listen } from '../../sim/loopback.ts'
import { createModel, type Model } from '../../sim/model/model.ts'
import type { ModelScript } from '../../sim/script.ts'
import { createTrace } from '../../sim/trace.ts'
import { phone, script, silence, speech } from '../pure/model-rig.ts'

const KEY = 'sk-test-key'
const path = '/v1/realtime?model=gpt-realtime-2.1'
const bearer = { authorization: `Bearer ${KEY}` }
const servers: { stop(): Promise<void> }[] = []
afterAll(() => Promise.all(servers.map((server) => server.stop())))

async function serve(parts: Partial<ModelScript> = {}): Promise<{ model: Model; origin: string; client: OpenAI }> {
  const clock = realClock
  const model = createModel({
    clock,
    trace: createTrace(clock),
    speech,
    seed: 1,
    isStrict: true,
    apiKey: KEY,
    settings: { speedup: 1000, firstAudioMs: [1, 5], transcriptMs: [1, 5] },
  })
  await model.use(script(parts))
  const server = await listen(model.standIn)
  servers.push(server)
  const client = new OpenAI({ apiKey: KEY, baseURL: `${server.origin}/v1`, maxRetries: 0 })
  return { model, origin: server.origin, client }
}

type Opened = { protocol: string; next(type: string): Promise<Record<string, unknown>>; socket: WebSocket }

function dial(origin: string, options: { path?: string; headers?: Record<string, string>; protocols?: string[] }) {
  const url = origin.replace('http', 'ws') + (options.path ?? path)
  // Bun's WebSocket sends headers, which the standard's types do not know.
  const socket: WebSocket = Reflect.construct(WebSocket, [
    url,
    { headers: options.headers ?? {}, protocols: options.protocols ?? [] },
  ])
  const heard: Record<string, unknown>[] = []
  const waiting = new Map<string, (event: Record<string, unknown>) => void>()
  socket.addEventListener('message', ({ data }) => {
    const event: Record<string, unknown> = JSON.parse(String(data))
    heard.push(event)
    waiting.get(String(event.type))?.(event)
  })
  const next = (type: string) =>
    new Promise<Record<string, unknown>>((resolve) => {
      const already = heard.find((event) => event.type === type)
      if (already) resolve(already)
      else waiting.set(type, resolve)
    })
  return new Promise<Opened>((resolve, reject) => {
    socket.addEventListener('open', () => resolve({ protocol: socket.protocol, next, socket }))
    socket.addEventListener('error', (event) =>
      reject(new Error(event instanceof ErrorEvent ? event.message : 'error')),
    )
  })
}

describe('a handshake', () => {
  test('with a bearer key opens a session, without a subprotocol', async () => {
    const { origin } = await serve()
    const { protocol, next, socket } = await dial(origin, { headers: bearer })
    expect(protocol).toBe('')
    expect(await next('session.created')).toMatchObject({ session: { model: 'gpt-realtime-2.1' } })
    socket.close()
  })

  test('with the key among the subprotocols opens a session, and is answered `realtime`', async () => {
    const { origin } = await serve()
    const { protocol, next, socket } = await dial(origin, { protocols: ['realtime', `openai-insecure-api-key.${KEY}`] })
    expect(protocol).toBe('realtime')
    await next('session.created')
    socket.close()
  })

  for (const [name, options, status] of [
    ['without a key', {}, 401],
    ['with a wrong key', { headers: { authorization: 'Bearer sk-other' } }, 401],
    ['with a wrong key among the subprotocols', { protocols: ['realtime', 'openai-insecure-api-key.sk-other'] }, 401],
    ['of the beta', { headers: { ...bearer, 'openai-beta': 'realtime=v1' } }, 500],
    ['without a model', { headers: bearer, path: '/v1/realtime' }, 400],
    ['for an unknown call', { headers: bearer, path: '/v1/realtime?call_id=rtc_1' }, 404],
    ['at another address', { headers: bearer, path: '/v1/live/sessions' }, 404],
  ] as const)
    test(`${name} is answered with ${status}`, async () => {
      const { origin, model } = await serve()
      const opened = dial(origin, { ...options, protocols: 'protocols' in options ? [...options.protocols] : [] })
      await expect(opened).rejects.toThrow(`Expected 101 status code: ${status}`)
      expect(model.record().sessions).toEqual([])
    })

  test('is refused as the script says', async () => {
    const { origin } = await serve({ connection: { refuse: 429 } })
    await expect(dial(origin, { headers: bearer })).rejects.toThrow('Expected 101 status code: 429')
  })
})

describe('a session over a real socket', () => {
  test('is configured, speaks every byte, and is closed with 1008 when a rule is broken', async () => {
    const { origin, model } = await serve({ responses: [[{ say: 'Good morning.' }]] })
    const { next, socket } = await dial(origin, { headers: bearer })
    const send = (event: object) => socket.send(JSON.stringify(event))
    await next('session.created')
    send(phone)
    await next('session.updated')
    send({ type: 'input_audio_buffer.append', audio: silence(20).toBase64() })
    send({ type: 'response.create' })
    expect(await next('response.done')).toMatchObject({ response: { status: 'completed' } })
    const closed = new Promise<number>((resolve) => socket.addEventListener('close', ({ code }) => resolve(code)))
    send({ type: 'nonsense' })
    expect(await closed).toBe(1008)
    const [session] = model.record().sessions
    expect(session?.items[0]?.audio).toEqual(await speech.speak('Good morning.'))
    expect(session?.appended).toEqual(silence(20))
    expect(session?.closedAtMs).not.toBeNull()
  })
})

describe("the vendor's own client", () => {
  const Analysis = z.object({
    summary: z.string(),
    outcome: z.enum(['message', 'none']),
    followUps: z.array(z.string()),
  })
  const text = { format: zodTextFormat(Analysis, 'analysis') }
  const first = { summary: 'Anna Berg asks to be called back.', outcome: 'message', followUps: ['Call back'] }
  const second = { summary: 'Nothing was said.', outcome: 'none', followUps: [] }
  const ask = (input: string) => ({ model: 'gpt-6-luna', instructions: 'Analyse.', input, store: false, text })

  /** A promise proper, which the client's own is not to `expect`. */
  const parsed = async (client: OpenAI) => await client.responses.parse(ask('one'))

  test('parses the scripted answers, the n-th question having the n-th', async () => {
    const { client, model } = await serve({ writings: [first, second] })
    const answer = await client.responses.parse(ask('one'))
    expect(answer.output_parsed).toEqual(first as z.infer<typeof Analysis>)
    expect(answer).toMatchObject({ object: 'response', status: 'completed', model: 'gpt-6-luna', error: null })
    expect(answer._request_id).toMatch(/^req_/)
    expect(answer.usage?.total_tokens).toBe((answer.usage?.input_tokens ?? 0) + (answer.usage?.output_tokens ?? 0))
    expect((await client.responses.parse(ask('two'))).output_parsed).toEqual(second as z.infer<typeof Analysis>)
    expect(model.record().writings).toMatchObject([
      { model: 'gpt-6-luna', instructions: 'Analyse.', input: 'one', output: JSON.stringify(first), status: 200 },
      { input: 'two', output: JSON.stringify(second) },
    ])
  })

  test('gets the same answer to the same question, as a retry would', async () => {
    const { client } = await serve({ writings: [first, second] })
    await client.responses.parse(ask('one'))
    expect((await client.responses.parse(ask('one'))).output_parsed).toEqual(first as z.infer<typeof Analysis>)
    expect((await client.responses.parse(ask('two'))).output_parsed).toEqual(second as z.infer<typeof Analysis>)
  })

  test('gets plain text where it asks for no structure', async () => {
    const { client } = await serve({ writings: ['Say that we call back.', first] })
    const request = { model: 'gpt-6-luna', input: [{ role: 'user' as const, content: 'What now?' }] }
    expect((await client.responses.create(request)).output_text).toBe('Say that we call back.')
    expect((await client.responses.create({ ...request, input: 'And now?' })).output_text).toBe(JSON.stringify(first))
  })

  test('gets a refusal, and the record a note, when the script has run out', async () => {
    const { client, model } = await serve()
    const answer = await client.responses.parse(ask('one'))
    expect(answer.output_parsed).toBeNull()
    expect(answer.output[0]).toMatchObject({ type: 'message', content: [{ type: 'refusal' }] })
    expect(model.record().notes).toHaveLength(1)
  })

  test('is told of a script that does not fit its schema by a note', async () => {
    const { client, model } = await serve({ writings: [{ summary: 1 }] })
    await expect(parsed(client)).rejects.toThrow()
    expect(model.record().notes).toEqual(["What the script writes does not fit the schema 'analysis' of request 1"])
  })

  for (const [name, request, status, code] of [
    ['no input', { model: 'gpt-6-luna' }, 400, 'missing_required_parameter'],
    ['a stream', { model: 'gpt-6-luna', input: 'x', stream: true }, 400, 'invalid_value'],
    [
      'an open object in a strict schema',
      schemaOf({ type: 'object', properties: {}, required: [] }),
      400,
      'invalid_json_schema',
    ],
    [
      'an optional property deep in a strict schema',
      schemaOf({
        type: 'object',
        additionalProperties: false,
        required: ['list'],
        properties: {
          list: {
            type: 'array',
            items: { type: 'object', additionalProperties: false, properties: { a: { type: 'string' } }, required: [] },
          },
        },
      }),
      400,
      'invalid_json_schema',
    ],
  ] as const)
    test(`is refused ${name}`, async () => {
      const { client, model } = await serve({ writings: [first] })
      const failure: unknown = await client.post('/responses', { body: request }).catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(APIError)
      expect(failure).toMatchObject({ status, code })
      expect(model.record().notes).toEqual([])
    })

  test('is told that a body is no JSON, and that there is nothing at another address', async () => {
    const { origin } = await serve()
    const ask = (path: string, body: string) => fetch(origin + path, { method: 'POST', headers: bearer, body })
    expect((await ask('/v1/responses', '{')).status).toBe(400)
    expect((await ask('/v1/chat/completions', '{}')).status).toBe(404)
  })

  test('with a wrong key gets its AuthenticationError', async () => {
    const { origin } = await serve({ writings: [first] })
    const stranger = new OpenAI({ apiKey: 'sk-other', baseURL: `${origin}/v1`, maxRetries: 0 })
    await expect(parsed(stranger)).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' })
  })

  test('lists models, with the dates on which some of them end', async () => {
    const { client } = await serve()
    const models = []
    for await (const model of client.models.list()) models.push(model)
    expect(models.map(({ id }) => id)).toContain('gpt-realtime-2.1')
    expect(models.find(({ id }) => id === 'gpt-realtime')).toMatchObject({
      object: 'model',
      shutdown_date: '2027-01-20',
    })
  })

  test('makes a client secret that opens the session it was made for', async () => {
    const { client, origin } = await serve()
    const { value, session } = await client.realtime.clientSecrets.create({
      expires_after: { anchor: 'created_at', seconds: 60 },
      session: { type: 'realtime', model: 'gpt-realtime-2.1-mini', instructions: 'Be kind.' },
    })
    expect(value).toStartWith('ek_')
    expect(session).toMatchObject({ object: 'realtime.session', instructions: 'Be kind.' })
    const { next, socket } = await dial(origin, { path: '/v1/realtime', headers: { authorization: `Bearer ${value}` } })
    expect(await next('session.created')).toMatchObject({
      session: { model: 'gpt-realtime-2.1-mini', instructions: 'Be kind.' },
    })
    socket.close()
  })
})

function schemaOf(schema: object) {
  const format = { type: 'json_schema', name: 'x', strict: true, schema }
  return { model: 'gpt-6-luna', input: 'x', text: { format } }
}
