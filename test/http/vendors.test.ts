// The real vendor packages, as our clients drive them, against small servers on loopback that answer as the vendors'
// documents say. What goes over the wire is checked, and what each answer comes to mean for us.
import { afterEach, describe, expect, test } from 'bun:test'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { createFolderStorage } from '../../src/vendors/folder-storage.ts'
import { createWriter } from '../../src/vendors/openai.ts'
import { createSupabaseStorage } from '../../src/vendors/supabase.ts'
import { createTelephony } from '../../src/vendors/twilio.ts'

type Seen = { method: string; path: string; query: URLSearchParams; headers: Headers; body: string }
const servers: { stop(force: boolean): unknown }[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.stop(true)
})

/** A loopback server that keeps what it was asked. */
function serve(answer: (seen: Seen) => Response | Promise<Response>): { url: string; seen: Seen[] } {
  const seen: Seen[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const { pathname, searchParams } = new URL(request.url)
      const body = await request.text()
      const one = { method: request.method, path: pathname, query: searchParams, headers: request.headers, body }
      seen.push(one)
      return answer(one)
    },
  })
  servers.push(server)
  return { url: `http://127.0.0.1:${server.port}`, seen }
}

const silence = () => new Promise<Response>(() => {})
const json = (body: unknown, status = 200) => Response.json(body, { status })

const account = { accountSid: `AC${'a'.repeat(32)}`, authToken: 'token-of-the-account' }
const callSid = `CA${'b'.repeat(32)}`
const recordingSid = `RE${'c'.repeat(32)}`
const api = `/2010-04-01/Accounts/${account.accountSid}`
const twilioError = (code: number, status: number) =>
  json({ code, message: 'about +15550001111', more_info: 'https://www.twilio.com/docs/errors', status }, status)

describe('telephony', () => {
  const at = (url: string) =>
    createTelephony({ baseUrl: url, timeoutMs: 300, mediaTimeoutMs: 300, maxRecordingBytes: 1000 })

  test('starts a two-channel recording, with each callback event as a parameter of its own', async () => {
    const { url, seen } = serve(() => json({ sid: recordingSid, status: 'in-progress' }, 201))
    const outcome = await at(url).startRecording(account, callSid, 'https://frontdesk.example/recording')
    expect(outcome).toEqual({ ok: true, value: { recordingSid } })
    const [request] = seen
    const form = new URLSearchParams(request?.body)
    expect(request?.path).toBe(`${api}/Calls/${callSid}/Recordings.json`)
    expect(request?.headers.get('authorization')).toBe(`Basic ${btoa(`${account.accountSid}:${account.authToken}`)}`)
    expect(form.getAll('RecordingStatusCallbackEvent')).toEqual(['in-progress', 'completed', 'absent'])
    expect(form.get('RecordingChannels')).toBe('dual')
    expect(form.get('RecordingStatusCallback')).toBe('https://frontdesk.example/recording')
  })

  const read = { from: '+15550100001', to: '+15551234567', direction: 'inbound' as const }
  const parties = { sid: callSid, ...read }

  test('reads a call: seconds become milliseconds, RFC 2822 becomes an instant', async () => {
    const { url, seen } = serve(() =>
      json({ ...parties, status: 'completed', duration: '42', end_time: 'Tue, 24 Nov 2026 04:00:01 +0000' }),
    )
    expect(await at(url).fetchCall(account, callSid)).toEqual({
      ok: true,
      value: { ...read, status: 'completed', durationMs: 42_000, endedAtMs: Date.UTC(2026, 10, 24, 4, 0, 1) },
    })
    expect(seen[0]?.path).toBe(`${api}/Calls/${callSid}.json`)
  })

  test('reads a running call: what Twilio does not know yet is null', async () => {
    const { url } = serve(() => json({ ...parties, status: 'in-progress', duration: null, end_time: null }))
    expect(await at(url).fetchCall(account, callSid)).toEqual({
      ok: true,
      value: { ...read, status: 'in-progress', durationMs: null, endedAtMs: null },
    })
  })

  test('lists the recordings of a call', async () => {
    const { url, seen } = serve(() =>
      json({
        recordings: [{ sid: recordingSid, status: 'completed', duration: '9', channels: 2 }],
        next_page_uri: null,
      }),
    )
    expect(await at(url).listRecordings(account, callSid)).toEqual({
      ok: true,
      value: [{ recordingSid, status: 'completed', durationMs: 9_000, channels: 2, isVoicemail: false }],
    })
    expect(seen[0]?.path).toBe(`${api}/Calls/${callSid}/Recordings.json`)
  })

  test('fetches the recording’s WAV with the account’s credentials', async () => {
    const wav = new Uint8Array([82, 73, 70, 70, 0, 255])
    const { url, seen } = serve(() => new Response(wav, { headers: { 'content-type': 'audio/x-wav' } }))
    expect(await at(url).fetchRecordingMedia(account, recordingSid)).toEqual({ ok: true, value: wav })
    expect(seen[0]?.path).toBe(`${api}/Recordings/${recordingSid}.wav`)
    expect(seen[0]?.headers.get('authorization')).toStartWith('Basic ')
  })

  test('does not take a recording over the limit', async () => {
    const { url } = serve(() => new Response(new Uint8Array(1001)))
    expect(await at(url).fetchRecordingMedia(account, recordingSid)).toMatchObject({ ok: false, problem: 'refused' })
  })

  test('a recording that is not ready yet is not found, though Twilio says so in XML', async () => {
    const xml = '<TwilioResponse><RestException><Code>20404</Code></RestException></TwilioResponse>'
    const { url } = serve(() => new Response(xml, { status: 404, headers: { 'content-type': 'application/xml' } }))
    expect(await at(url).fetchRecordingMedia(account, recordingSid)).toMatchObject({ ok: false, problem: 'not-found' })
  })

  test.each([
    [404, 20404, 'not-found'],
    [400, 21220, 'not-live'],
    [429, 20429, 'unavailable'],
    [503, 20503, 'unavailable'],
    [401, 20003, 'refused'],
    [400, 21211, 'refused'],
  ] as const)(
    'Twilio’s %d with error %d is %s, and none of Twilio’s words are repeated',
    async (status, code, kind) => {
      const { url } = serve(() => twilioError(code, status))
      const outcome = await at(url).endCall(account, callSid)
      expect(outcome).toMatchObject({ ok: false, problem: kind })
      expect(JSON.stringify(outcome)).not.toContain('5550001111')
    },
  )

  test('ends a call by setting its status', async () => {
    const { url, seen } = serve(() => json({ sid: callSid, status: 'completed' }))
    expect(await at(url).endCall(account, callSid)).toEqual({ ok: true, value: null })
    expect(seen[0]).toMatchObject({ method: 'POST', path: `${api}/Calls/${callSid}.json`, body: 'Status=completed' })
  })

  test('silence, a closed port, and a page that is not Twilio’s are all unavailable, in bounded time', async () => {
    const unreadable = serve(() => new Response('<html>maintenance</html>'))
    const trickle = serve(
      () =>
        new Response(new ReadableStream({ pull: (c) => new Promise(() => c.enqueue(new TextEncoder().encode('{'))) })),
    )
    for (const url of [serve(silence).url, trickle.url, 'http://127.0.0.1:9', unreadable.url]) {
      expect(await at(url).fetchCall(account, callSid)).toMatchObject({ ok: false, problem: 'unavailable' })
    }
  })

  test('TWILIO_EDGE and TWILIO_REGION of the environment change nothing', async () => {
    const kept = { edge: process.env.TWILIO_EDGE, region: process.env.TWILIO_REGION }
    Object.assign(process.env, { TWILIO_EDGE: 'sydney', TWILIO_REGION: 'au1' })
    try {
      const { url, seen } = serve(() => json({ sid: callSid, status: 'completed' }))
      expect(await at(url).fetchCall(account, callSid)).toMatchObject({ ok: true })
      expect(seen).toHaveLength(1)
    } finally {
      for (const [name, value] of [
        ['TWILIO_EDGE', kept.edge],
        ['TWILIO_REGION', kept.region],
      ] as const) {
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
    }
  })
})

describe('writer', () => {
  const schema = z.object({ answer: z.enum(['yes', 'no']), note: z.string().nullable() })
  const question = {
    model: 'gpt-5.4-mini',
    instructions: 'Decide.',
    input: 'words of a patient',
    schemaName: 'decision',
    schema,
    deadlineMs: 300,
  }
  const ask = (url: string) => createWriter({ apiKey: 'key', baseUrl: `${url}/v1` }).answer(question)
  const message = (content: unknown[], rest: Record<string, unknown> = {}) => ({
    id: 'resp_1',
    object: 'response',
    status: 'completed',
    output: [{ type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content }],
    usage: { input_tokens: 7, output_tokens: 3, total_tokens: 10 },
    ...rest,
  })
  const text = (words: string) => [{ type: 'output_text', text: words, annotations: [] }]

  test('asks for strict structured output, stored nowhere, and answers with the parsed value and the usage', async () => {
    const { url, seen } = serve(() => json(message(text('{"answer":"yes","note":null}'))))
    expect(await ask(url)).toEqual({
      ok: true,
      value: { value: { answer: 'yes', note: null }, usage: { input_tokens: 7, output_tokens: 3, total_tokens: 10 } },
    })
    const sent = JSON.parse(seen[0]?.body ?? '{}')
    expect(seen[0]?.path).toBe('/v1/responses')
    expect(seen[0]?.headers.get('authorization')).toBe('Bearer key')
    expect(sent).toMatchObject({
      model: 'gpt-5.4-mini',
      store: false,
      instructions: 'Decide.',
      input: 'words of a patient',
    })
    expect(sent.text.format).toMatchObject({ type: 'json_schema', name: 'decision', strict: true })
    expect(sent.text.format.schema).toMatchObject({ required: ['answer', 'note'], additionalProperties: false })
  })

  test.each([
    ['a refusal', () => json(message([{ type: 'refusal', refusal: 'no' }])), 'refused'],
    [
      'a filtered answer',
      () => json(message([], { status: 'incomplete', incomplete_details: { reason: 'content_filter' } })),
      'refused',
    ],
    [
      'an answer cut at the token limit',
      () => json(message([], { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } })),
      'malformed',
    ],
    [
      'half an answer',
      () =>
        json(
          message(text('{"answer":"y'), { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } }),
        ),
      'malformed',
    ],
    ['an answer outside the schema', () => json(message(text('{"answer":"perhaps","note":null}'))), 'malformed'],
    ['an answer that is not JSON', () => json(message(text('yes'))), 'malformed'],
    [
      'a failed response',
      () => json({ ...message([]), status: 'failed', error: { code: 'server_error', message: 'x' } }),
      'unavailable',
    ],
    [
      'a bad key',
      () => json({ error: { message: 'x', type: 'invalid_request_error', code: 'invalid_api_key' } }, 401),
      'refused',
    ],
    ['an unknown model', () => json({ error: { message: 'x', code: 'model_not_found' } }, 404), 'refused'],
    ['a rate limit', () => json({ error: { message: 'x', code: 'rate_limit_exceeded' } }, 429), 'unavailable'],
    ['a server error', () => json({ error: { message: 'x' } }, 500), 'unavailable'],
    ['a page that is not OpenAI’s', () => new Response('<html>words of a patient</html>'), 'unavailable'],
    ['silence', silence, 'unavailable'],
  ] as const)('%s is one outcome, asked for once, and quotes nothing', async (_, answer, kind) => {
    const { url, seen } = serve(answer)
    const outcome = await ask(url)
    expect(outcome).toMatchObject({ ok: false, problem: kind })
    expect(JSON.stringify(outcome)).not.toMatch(/patient|perhaps/)
    expect(seen).toHaveLength(1)
  })

  test('a closed port is unavailable', async () => {
    expect(await ask('http://127.0.0.1:9')).toMatchObject({ ok: false, problem: 'unavailable' })
  })
})

describe('folder storage', () => {
  const inFolder = async (run: (folder: string) => Promise<void>) => {
    const folder = await mkdtemp(join(tmpdir(), 'frontdesk-storage-'))
    try {
      await run(folder)
    } finally {
      await rm(folder, { recursive: true })
    }
  }

  test('gives back the bytes it was given, the last ones where a key was put twice', () =>
    inFolder(async (folder) => {
      const storage = createFolderStorage(join(folder, 'recordings'))
      expect(await storage.put('org/call/RE1.wav', new Uint8Array([1, 2]), 'audio/wav')).toEqual({
        ok: true,
        value: null,
      })
      expect(await storage.put('org/call/RE1.wav', new Uint8Array([3]), 'audio/wav')).toEqual({ ok: true, value: null })
      expect(await storage.get('org/call/RE1.wav')).toEqual({ ok: true, value: new Uint8Array([3]) })
      expect(await readdir(join(folder, 'recordings/org/call'))).toEqual(['RE1.wav'])
      expect((await stat(join(folder, 'recordings/org/call/RE1.wav'))).mode & 0o077).toBe(0)
    }))

  test('a key that was never put is not found', () =>
    inFolder(async (folder) => {
      expect(await createFolderStorage(folder).get('nothing')).toMatchObject({ ok: false, problem: 'not-found' })
    }))

  test.each([
    ['../escaped'],
    ['a/../../escaped'],
    ['/etc/passwd'],
    ['a//b'],
    ['.hidden'],
    ['a/.'],
    [''],
    ['a\\b'],
    ['a\0b'],
    ['a/'],
    ['x'.repeat(301)],
  ])('refuses the key %j, and writes nothing', (key) =>
    inFolder(async (folder) => {
      const storage = createFolderStorage(join(folder, 'inner'))
      expect(await storage.put(key, new Uint8Array([1]), 'audio/wav')).toMatchObject({ ok: false, problem: 'refused' })
      expect(await storage.get(key)).toMatchObject({ ok: false, problem: 'refused' })
      expect(await readdir(folder)).toEqual([])
    }),
  )

  test('a disk that cannot take it is unavailable', () =>
    inFolder(async (folder) => {
      const storage = createFolderStorage(folder)
      await storage.put('taken', new Uint8Array([1]), 'audio/wav')
      expect(await storage.put('taken/below', new Uint8Array([1]), 'audio/wav')).toMatchObject({
        ok: false,
        problem: 'unavailable',
      })
    }))
})

describe('supabase storage', () => {
  const at = (url: string) =>
    createSupabaseStorage({ url, serviceRoleKey: 'service-key', bucket: 'recordings', timeoutMs: 300 })

  test('uploads over what is there, and downloads the same bytes', async () => {
    const files = new Map<string, string>()
    const { url, seen } = serve(({ method, path, body }) => {
      if (method === 'POST') {
        files.set(path, body)
        return json({ Key: path, Id: 'id' })
      }
      const kept = files.get(path)
      return kept === undefined
        ? json({ statusCode: '404', error: 'not_found', message: 'Object not found' }, 400)
        : new Response(kept)
    })
    const storage = at(url)
    expect(await storage.put('org/call/RE1.wav', new TextEncoder().encode('RIFF'), 'audio/wav')).toEqual({
      ok: true,
      value: null,
    })
    expect(await storage.get('org/call/RE1.wav')).toEqual({ ok: true, value: new TextEncoder().encode('RIFF') })
    expect(await storage.get('org/call/RE2.wav')).toMatchObject({ ok: false, problem: 'not-found' })
    expect(seen[0]?.path).toBe('/storage/v1/object/recordings/org/call/RE1.wav')
    expect(seen[0]?.headers.get('x-upsert')).toBe('true')
    expect(seen[0]?.headers.get('content-type')).toBe('audio/wav')
    expect(seen[0]?.headers.get('authorization')).toBe('Bearer service-key')
  })

  test('a refusal, an overload and silence are told apart', async () => {
    const refused = serve(() => json({ statusCode: '403', error: 'Unauthorized', message: 'x' }, 400))
    const busy = serve(() => json({ statusCode: '500', error: 'Internal', message: 'x' }, 500))
    expect(await at(refused.url).get('a')).toMatchObject({ ok: false, problem: 'refused' })
    expect(await at(busy.url).put('a', new Uint8Array([1]), 'audio/wav')).toMatchObject({
      ok: false,
      problem: 'unavailable',
    })
    expect(await at(serve(silence).url).get('a')).toMatchObject({ ok: false, problem: 'unavailable' })
    expect(await at('http://127.0.0.1:9').put('a', new Uint8Array([1]), 'audio/wav')).toMatchObject({
      ok: false,
      problem: 'unavailable',
    })
  })

  test('a malformed key never reaches Supabase', async () => {
    const { url, seen } = serve(() => json({}))
    expect(await at(url).get('../other-bucket/a')).toMatchObject({ ok: false, problem: 'refused' })
    expect(seen).toEqual([])
  })
})
