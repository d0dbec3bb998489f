// `sim up` as it is typed: stand-ins that stay, a call driven from another terminal step by step, a message, and what is said when
// there is nothing to drive.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { fileURLToPath } from 'node:url'
import twilio from 'twilio'
import { openForeignServer } from '../support/foreign-server.ts'
import { freePort } from '../support/free-port.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const aCallMs = 60_000
/** Of the first, the addresses. */
type Entry = {
  wire: string
  from: string
  what: string
  body?: Record<string, unknown>
  accountSid?: string
  authToken?: string
  model?: string
  authorityFile?: string
  modelKey?: string
}

async function sim(...given: string[]) {
  const child = Bun.spawn([process.execPath, 'sim/cli.ts', ...given], {
    cwd: root,
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { code: await child.exited, out, err }
}

/** What a process prints, a JSON object a line, as it comes; `until` waits for the first that is meant, also among those before. */
function linesOf(output: ReadableStream<Uint8Array>) {
  const lines: Entry[] = []
  const waiting = new Set<() => void>()
  const read = async () => {
    const decoder = new TextDecoder()
    let rest = ''
    for await (const chunk of output) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = parts.pop() ?? ''
      lines.push(...parts.map((line) => JSON.parse(line)))
      for (const look of waiting) look()
    }
  }
  void read()
  const until = (isMeant: (entry: Entry) => boolean): Promise<Entry> =>
    new Promise((resolve) => {
      const look = () => {
        const found = lines.find(isMeant)
        if (found === undefined) return
        waiting.delete(look)
        resolve(found)
      }
      waiting.add(look)
      look()
    })
  return { lines, until }
}

function startUp([carrier, model, inbox]: number[], more: string[] = []) {
  const ports = { '--carrier-port': carrier, '--model-port': model, '--inbox-port': inbox }
  const child = Bun.spawn(
    [process.execPath, 'sim/cli.ts', 'up', '--json', ...Object.entries(ports).flat().map(String), ...more],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  return { child, ...linesOf(child.stdout) }
}

describe('a running sim up', () => {
  let carrier: string[] = []
  let modelPort = 0
  let up: ReturnType<typeof startUp> | null = null
  let addresses: Pick<Entry, 'authToken' | 'modelKey'> = {}

  beforeAll(async () => {
    const ports = await Promise.all([freePort(), freePort(), freePort()])
    modelPort = ports[1]
    carrier = ['--carrier', `http://127.0.0.1:${ports[0]}`]
    up = startUp(ports)
    addresses = await up.until((entry) => 'authToken' in entry)
  })
  afterAll(async () => {
    up?.child.kill('SIGINT')
    expect(await up?.child.exited).toBe(0)
  })

  const server = () =>
    openForeignServer({
      authToken: addresses.authToken ?? '',
      apiKey: addresses.modelKey,
      modelUrl: `ws://127.0.0.1:${modelPort}/v1/realtime?model=gpt-realtime-2.1`,
      format: { type: 'audio/pcmu' },
    })

  test(
    'has a call rung, spoken, keyed and hung up from another terminal, on a server of another make',
    async () => {
      if (up === null) throw new Error('It is not up')
      const { until } = up
      const bakery = server()
      const rung = await sim(
        'ring',
        ...carrier,
        '--to',
        '+15551234567',
        '--webhook',
        `${bakery.origin}/voice`,
        '--field',
        'ForwardedFrom=+15550109999',
        '--json',
      )
      expect([rung.code, rung.err]).toEqual([0, ''])
      const { callSid } = JSON.parse(rung.out)
      const asked = await until(({ what }) => what === 'POST /voice')
      expect(asked).toMatchObject({ body: { ForwardedFrom: '+15550109999' } })
      await until(({ what, from }) => what === 'mark' && from === 'carrier')
      const said = await sim('say', ...carrier, 'Do you open on Saturdays?')
      expect(said.out).toStartWith(`${callSid} says “Do you open on Saturdays?”`)
      const spoken = ({ body }: Entry) => String(body?.transcript ?? '')
      const heard = 'conversation.item.input_audio_transcription.completed'
      expect(spoken(await until(({ what }) => what === heard))).toBe('Do you open on Saturdays?')
      const answered = (entry: Entry) =>
        entry.what === 'response.output_audio_transcript.done' && spoken(entry).startsWith('You said')
      expect(spoken(await until(answered))).toBe('You said: Do you open on Saturdays?')
      await sim('dtmf', ...carrier, '7')
      expect(await until(({ what }) => what === 'dtmf')).toMatchObject({ body: { dtmf: { digit: '7' } } })
      expect((await sim('hangup', ...carrier, '--call', callSid)).code).toBe(0)
      expect(await until(({ what }) => what === 'ended')).toMatchObject({ body: { by: 'caller', status: 'completed' } })
      expect(up.lines.filter(({ what }) => what === 'protocol note')).toEqual([])
      bakery.stop()
    },
    aCallMs,
  )

  test(
    'takes a message for a server, and shows its answer',
    async () => {
      const bakery = server()
      const number = ['--to', 'whatsapp:+15551234567', '--from', '+15550102030']
      const button = ['--field', 'ButtonPayload=yes', '--media', 'http://127.0.0.1:9/bread.JPG']
      const written = await sim(
        'sms',
        ...carrier,
        ...number,
        '--webhook',
        `${bakery.origin}/sms`,
        ...button,
        'Two loaves',
      )
      expect([written.code, written.err]).toEqual([0, ''])
      const form = { Body: 'Two loaves', ButtonPayload: 'yes', MediaContentType0: 'image/jpeg' }
      expect(await up?.until(({ what }) => what === 'POST /sms')).toMatchObject({ body: form })
      expect(written.out).toContain('whatsapp:+15551234567 → whatsapp:+15550102030: We have read: Two loaves')
      const asked = ['--webhook', `${bakery.origin}/sms`, '--method', 'GET', 'Three loaves']
      expect((await sim('sms', ...carrier, ...number, ...asked)).out).toContain('We have read: Three loaves')
      expect(await up?.until(({ what }) => what === 'GET /sms')).toMatchObject({ body: { Body: 'Three loaves' } })
      bakery.stop()
    },
    aCallMs,
  )

  test(
    'lets whoever wants follow what happens',
    async () => {
      const child = Bun.spawn([process.execPath, 'sim/cli.ts', 'tail', ...carrier, '--json'], {
        cwd: root,
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const { until } = linesOf(child.stdout)
      const nobody = `http://127.0.0.1:${await freePort()}/sms`
      const seen = until(({ what }) => what === 'problem 11205')
      const isSeen = () => Bun.peek.status(seen) === 'fulfilled'
      while (!isSeen()) await sim('sms', ...carrier, '--to', '+15550001111', '--webhook', nobody, 'Anybody?')
      expect((await seen).body?.text).toContain('Cannot reach the server')
      child.kill()
    },
    aCallMs,
  )

  test(
    'lets those who follow go, without a complaint, when it ends or is killed',
    async () => {
      for (const signal of ['SIGINT', 'SIGKILL'] as const) {
        const ports = [await freePort(), await freePort(), await freePort()]
        const other = startUp(ports)
        await other.until((entry) => 'authToken' in entry)
        const follower = Bun.spawn(
          [process.execPath, 'sim/cli.ts', 'tail', '--carrier', `http://127.0.0.1:${ports[0]}`],
          {
            cwd: root,
            stdio: ['ignore', 'pipe', 'pipe'],
          },
        )
        const at = ['--carrier', `http://127.0.0.1:${ports[0]}`, '--to', '+15550001111']
        const nobody = ['--webhook', `http://127.0.0.1:${await freePort()}/sms`]
        const said = follower.stdout.getReader()
        const first = said.read()
        while (Bun.peek.status(first) !== 'fulfilled') await sim('sms', ...at, ...nobody, 'Anybody?')
        said.releaseLock()
        other.child.kill(signal)
        const [complaints, code] = [await new Response(follower.stderr).text(), await follower.exited]
        expect([signal, complaints, code]).toEqual([signal, 'The carrier has ended.\n', 0])
      }
    },
    aCallMs,
  )

  test('is driven by no page in a browser', async () => {
    const headers = { origin: 'https://somebody.example' }
    const ask = (init: RequestInit) => fetch(`${carrier[1]}/sim/hangup`, { method: 'POST', body: '{}', ...init })
    expect([(await ask({ headers })).status, (await ask({})).status]).toEqual([403, 400])
  })

  test.each([
    ['no call is up', ['say', 'Hello'], 'No call is up. Place one with: bun sim ring'],
    ['that call is not up', ['hangup', '--call', 'CA1'], 'No call CA1 is up.'],
    ['nobody knows where a number leads', ['ring', '--to', '+15559990000'], 'give --webhook'],
    [
      'somebody writes from WhatsApp to a telephone',
      ['sms', '--to', '+15551234567', '--from', 'whatsapp:+15550102030', 'Hello'],
      'Both numbers are of WhatsApp, or neither is.',
    ],
    [
      'a webhook is on another machine',
      ['ring', '--to', '+15559990000', '--webhook', 'https://desk.example/voice'],
      'desk.example is not this machine',
    ],
    ['nobody calls from there', ['ring', '--to', '+15551234567', '--from', 'Dana'], 'anonymous, unknown, client:name'],
    ['a field has no value', ['sms', '--to', '+15551234567', '--field', 'Button', 'Hello'], 'a name and a value'],
    ['a webhook is no address', ['ring', '--to', '+15559990000', '--webhook', 'voice'], 'It is not a URL'],
  ])('says so when %s, and ends with 2', async (_, given, words) => {
    const { code, out, err } = await sim(...given, ...carrier)
    expect([code, out]).toEqual([2, ''])
    expect(err).toContain(words)
  })
})

describe('a sim up on which things go wrong', () => {
  const [busy, gone, slow] = ['+15550101111', '+15550102222', '+15550103333']
  let up: ReturnType<typeof startUp> | null = null
  let client: ReturnType<typeof twilio>

  beforeAll(async () => {
    const ports = await Promise.all([freePort(), freePort(), freePort()])
    up = startUp(ports, [
      ...['--carrier-faults', '{"refuseRest":[{"code":20429,"times":1,"path":"Calls"}],"recordings":["absent"]}'],
      ...['--chaos', 'duplicate=1'],
      ...['--number', '+13125550123'],
      ...[`${busy}=busy`, `${gone}=unreachable`, `${slow}=0s`].flatMap((each) => ['--person', each]),
    ])
    const { accountSid = '', authToken = '' } = await up.until((entry) => 'authToken' in entry)
    client = twilio(accountSid, authToken)
    client.api.baseUrl = `http://127.0.0.1:${ports[0]}`
    const webhook = ['--webhook', 'http://127.0.0.1:9/sms']
    await sim('sms', '--carrier', client.api.baseUrl, '--to', '+15551234567', ...webhook, 'To have the number')
  })
  afterAll(async () => {
    up?.child.kill('SIGINT')
    expect(await up?.child.exited).toBe(0)
  })

  test('has the numbers that it was given, which lead nowhere until they are pointed somewhere', async () => {
    const [number, ...others] = await client.incomingPhoneNumbers.list({ phoneNumber: '+13125550123' })
    expect([number?.voiceUrl, others]).toEqual(['', []])
    const ring = ['ring', '--carrier', client.api.baseUrl, '--to', '+13125550123']
    expect((await sim(...ring)).err).toContain('Nobody knows where calls to +13125550123 go')
    const ours = client.incomingPhoneNumbers(number?.sid ?? '')
    const voiceUrl = 'http://127.0.0.1:9/voice'
    await ours.update({ voiceUrl, voiceFallbackUrl: `${voiceUrl}/failed`, statusCallback: `${voiceUrl}/over` })
    expect((await sim(...ring)).code).toBe(0)
    // Whoever rings it at another address changes what they name.
    expect((await sim(...ring, '--webhook', 'http://127.0.0.1:9/other', '--status-callback', '')).code).toBe(0)
    const { voiceFallbackUrl, statusCallback, ...left } = await ours.fetch()
    expect([left.voiceUrl, voiceFallbackUrl, statusCallback]).toEqual([
      'http://127.0.0.1:9/other',
      `${voiceUrl}/failed`,
      '',
    ])
  })

  test(
    'refuses, loses recordings, tells twice, and has people who do not pick up',
    async () => {
      if (up === null) throw new Error('It is not up')
      const told: string[] = []
      const server = Bun.serve({
        hostname: '127.0.0.1',
        port: 0,
        async fetch(request) {
          const form = new URLSearchParams(await request.text())
          told.push(`${form.get('RecordingStatus') ?? form.get('MessageStatus') ?? form.get('CallStatus')}`)
          return new Response(null, { status: 204 })
        },
      })
      const origin = server.url.origin
      const placed = {
        from: '+15551234567',
        twiml: '<Response><Hangup/></Response>',
        statusCallback: `${origin}/status`,
      }
      const refusal = await client.calls.create({ ...placed, to: busy }).catch((error: unknown) => error)
      expect(refusal).toMatchObject({ status: 429, code: 20429 })
      await client.calls.create({ ...placed, to: busy })
      await up.until(({ what, body }) => what === 'ended' && body?.status === 'busy')
      const twiml = `<Response><Start><Recording recordingStatusCallback="${origin}/kept" recordingStatusCallbackEvent="absent"/></Start><Pause/></Response>`
      await client.calls.create({ ...placed, twiml, to: slow })
      await up.until(({ what, body }) => what === 'ended' && body?.status === 'completed')
      await client.messages.create({ from: '+15551234567', to: gone, body: 'Hello?', statusCallback: `${origin}/text` })
      await up.until(({ what }) => what === 'message undelivered')
      const { lines } = up
      const answered = () =>
        lines.filter(({ wire, from, what }) => wire === 'callback' && from === 'server' && what === '204')
      await up.until(() => answered().length >= 8)
      expect(told.toSorted()).toEqual(
        ['absent', 'busy', 'completed', 'sent', 'undelivered'].flatMap((each) => [each, each]),
      )
      server.stop(true)
    },
    aCallMs,
  )

  test.each([
    ['--carrier-faults', '{"recordings":["lost"]}', 'Invalid option: expected one of "kept"|"absent"'],
    ['--model-faults', 'expires', 'it is not JSON'],
    ['--model-faults', '{"expires":1}', 'Unrecognized key: "expires"'],
    ['--person', '+15550101111=asleep', 'a number and busy, never, unreachable or a time'],
    ['--chaos', 'crash@2s', '"sim up" has no server of its own to strike'],
  ])('what cannot go wrong is refused, and it does not start: %s %s', async (option, value, words) => {
    const { code, out, err } = await sim('up', option, value)
    expect([code, out]).toEqual([2, ''])
    expect(err).toContain(words)
  })
})

/** As anybody would write it: nothing but the client, told where the service is. */
const officialClient = `
import OpenAI from 'openai'
import { OpenAIRealtimeWS } from 'openai/realtime/ws'
const client = new OpenAI()
console.log((await client.models.retrieve('gpt-realtime-2.1')).id)
const realtime = new OpenAIRealtimeWS({ model: 'gpt-realtime-2.1' }, client)
realtime.on('error', (error) => console.log(error.message))
realtime.once('session.created', () => realtime.send({ type: 'response.create' }))
realtime.once('response.done', ({ response }) => {
  console.log(response.status)
  realtime.close()
})
`

test(
  'with --tls the realtime class of the openai package talks with it as it is',
  async () => {
    const ports = await Promise.all([freePort(), freePort(), freePort()])
    const up = startUp(ports, ['--tls'])
    const { model = '', modelKey = '', authorityFile = '' } = await up.until((entry) => 'authToken' in entry)
    expect(model).toBe(`https://127.0.0.1:${ports[1]}/v1`)
    const told = { OPENAI_BASE_URL: model, OPENAI_API_KEY: modelKey, NODE_EXTRA_CA_CERTS: authorityFile }
    const child = Bun.spawn([process.execPath, '-e', officialClient], {
      cwd: root,
      env: { ...process.env, ...told },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    expect(await new Response(child.stdout).text()).toBe('gpt-realtime-2.1\ncompleted\n')
    up.child.kill('SIGINT')
    expect(await up.child.exited).toBe(0)
  },
  aCallMs,
)

test('without a carrier, a command says how to start one', async () => {
  const nowhere = `http://127.0.0.1:${await freePort()}`
  const { code, err } = await sim('hangup', '--carrier', nowhere)
  expect([code, err]).toEqual([2, `No carrier answers at ${nowhere}. Start one with: bun sim up\n`])
})
