// The server as whoever deploys it meets it: it starts, says what is wrong with a start, stops when told, and leaves nothing
// behind, not even after it was killed.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import postgres from 'postgres'
import { openSocket } from '../../src/platform/sockets.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { bodyOf, house, incoming, newCallSid, publicBaseUrl, sid, sign } from '../support/telephone.ts'
import { Premises } from './server-process.ts'

setDefaultTimeout(60_000)

let premises: Premises
beforeAll(() => {
  premises = new Premises()
})
afterAll(() => premises.remove())

/** Killed by a deadline only, so that a server that hangs fails its own test and not the whole run. */
const get = (url: string): Promise<Response> => fetch(url, { signal: AbortSignal.timeout(10_000) })

describe('a server without any database configured', () => {
  test('starts on its own Postgres, is ready, and at SIGTERM ends with 0 and leaves no process behind', async () => {
    const server = premises.start(['--demo'])
    const address = await server.listening
    const ready = await get(`${address}/readyz`)
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready', calls: 0 }])
    expect(premises.processes().length).toBeGreaterThan(1)
    server.kill('SIGTERM')
    const { code, signal, err } = await server.ended
    expect([code, signal]).toEqual([0, null])
    expect(err).toContain('"draining')
    expect(premises.processes()).toEqual([])
  })

  test('that was killed does not block the next, which stops what the first left running', async () => {
    const killed = premises.start()
    await killed.listening
    killed.kill('SIGKILL')
    expect(await killed.ended).toMatchObject({ signal: 'SIGKILL' })
    const next = premises.start()
    expect((await get(`${await next.listening}/readyz`)).status).toBe(200)
    next.kill('SIGINT')
    expect((await next.ended).code).toBe(0)
    expect(premises.processes()).toEqual([])
  })

  test('ends with 0 at one Ctrl-C, of which it hears twice: from the terminal, and from the script that runs it', async () => {
    const server = premises.start()
    await server.listening
    // Two signals, because two of the same may arrive as one.
    server.kill('SIGINT')
    server.kill('SIGTERM')
    const { code, err } = await server.ended
    expect(code).toBe(0)
    expect(err.match(/"draining/g)).toHaveLength(1)
  })
})

describe('a start that cannot be', () => {
  const refusedStart = async (environment: Record<string, string>, args: string[] = []): Promise<string> => {
    const { code, out, err } = await premises.start(args, environment).ended
    expect([code, out]).toEqual([1, ''])
    expect(err).not.toMatch(/^\s+at |node_modules|Error:/m)
    return err
  }

  test('for wrong settings lists them all, plainly, without a value', async () => {
    const told = await refusedStart({ PORT: 'eighty', TWILIO_ACCOUNT_SID: 'hunter2', LOG_LEVEL: 'loud' })
    expect(told.trim().split('\n')).toEqual([
      'Cannot start: these settings are wrong.',
      '  PORT must be a whole number',
      '  LOG_LEVEL must be debug, info, warn, error or silent',
      '  TWILIO_ACCOUNT_SID must be AC and 32 hexadecimal digits',
      '  TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN go together: set both, or neither',
    ])
  })

  test('for a database that is not there says so in one line, without its password', async () => {
    const told = await refusedStart({
      DATABASE_URL: 'postgres://frontdesk_app:hunter2@127.0.0.1:9/frontdesk',
      FRONTDESK_KEYS: `k1:${Buffer.alloc(32).toString('base64')}`,
    })
    expect(told.trim()).toMatch(/^Cannot start: the database at 127\.0\.0\.1:9 cannot be used: connect ECONNREFUSED/)
    expect(told).not.toContain('hunter2')
  })

  test('for a fallback clinic that does not exist says so, before a caller needs it', async () => {
    const told = await refusedStart({ FALLBACK_ORGANIZATION_ID: crypto.randomUUID() })
    expect(told).toEndWith('Cannot start: FALLBACK_ORGANIZATION_ID names an organization that does not exist\n')
  })

  test('for a command that is none, or an option, says which there are', async () => {
    expect(await refusedStart({}, ['serve'])).toStartWith('Cannot start: there is no command "serve".')
    expect(await refusedStart({}, ['--fast'])).toMatch(/^Cannot start: .*--fast/)
  })

  test('for a port that is taken says which, and leaves nothing running', async () => {
    const taken = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() })
    const told = await refusedStart({ PORT: String(taken.port) })
    expect(told).toContain(`Cannot start: port ${taken.port} is taken`)
    await taken.stop(true)
    expect(premises.processes()).toEqual([])
  })

  test('is not what was asked for with --help', async () => {
    const { code, out } = await premises.start(['--help']).ended
    expect(code).toBe(0)
    expect(out).toContain('Usage: bun start')
  })
})

/** What a fault in a library would be: loaded before the server, it throws where nobody catches. */
const faulty = `
  process.on('SIGUSR1', () => setTimeout(() => { throw new Error('Grace Hopper called') }))
  process.on('SIGUSR2', () => void Promise.reject(new Error('Grace Hopper called')))
`

describe('a server that is told to stop in the middle of a call, or meets an error that nobody caught', () => {
  let database: TestDatabase
  let admin: postgres.Sql
  beforeAll(async () => {
    database = await openTestDatabase()
    admin = postgres(database.adminUrl, { max: 1, onnotice: () => {} })
  })
  afterAll(async () => {
    await admin.end()
    await database.end()
  })

  test.each([
    { signal: 'SIGTERM', exitCode: 0 },
    { signal: 'SIGUSR1', exitCode: 1 },
    { signal: 'SIGUSR2', exitCode: 1 },
  ] as const)(
    'hands the call over ($signal): everything is in the ledger before the database is closed, and Twilio goes on with its TwiML',
    async ({ signal, exitCode }) => {
      const preload = `${premises.folder}/faulty.ts`
      await Bun.write(preload, faulty)
      // A model that takes the call and never says a word.
      const model = Bun.serve({
        port: 0,
        hostname: '127.0.0.1',
        fetch: (request, bun) =>
          bun.upgrade(request, { data: undefined }) ? undefined : new Response('', { status: 400 }),
        websocket: { message() {} },
      })
      const server = premises.start(['--demo'], {
        DATABASE_URL: database.appUrl,
        FRONTDESK_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
        TWILIO_ACCOUNT_SID: house.accountSid,
        TWILIO_AUTH_TOKEN: house.authToken,
        OPENAI_BASE_URL: `http://127.0.0.1:${model.port}/v1`,
        BUN_OPTIONS: `--preload=${preload}`,
      })
      const address = await server.listening
      const callSid = newCallSid()
      const { closed, streamSid } = await ringAndStream(address, callSid)
      await liveCall(address)
      server.kill(signal)
      expect(await closed).toBe(1000)
      const { code, err } = await server.ended
      expect([code, err.includes('events were lost')]).toEqual([exitCode, false])
      expect(err.includes('an error that nobody caught')).toBe(exitCode === 1)
      expect(err).not.toContain('Grace')
      const events = await admin<{ key: string; reason: string | null }[]>`
      select e.key, e.fact->>'reason' as reason from conversation_events e
      join conversations c on c.id = e.conversation_id where c.call_sid = ${callSid} order by e.position`
      expect(events.map(({ key }) => key)).toContain(`transcript.settled:${streamSid}`)
      expect(events.find(({ key }) => key === `stream.ended:${streamSid}`)).toMatchObject({ reason: 'handed-over' })
      await model.stop(true)
    },
  )
})

/** As Twilio would: the webhook, the socket that its TwiML offers, and the start of the stream. */
async function ringAndStream(
  address: string,
  callSid: string,
): Promise<{ closed: Promise<number>; streamSid: string }> {
  const fields = incoming(callSid)
  const response = await fetch(`${address}/api/twilio/incoming-call`, {
    method: 'POST',
    headers: { 'x-twilio-signature': sign(house.authToken, `${publicBaseUrl}/api/twilio/incoming-call`, fields) },
    body: new URLSearchParams(bodyOf(fields)),
  })
  const twiml = await response.text()
  const [, url = ''] = /<Stream url="([^"]+)"/.exec(twiml) ?? []
  const [, token = ''] = /name="token" value="([^"]+)"/.exec(twiml) ?? []
  const { promise: closed, resolve: close } = Promise.withResolvers<number>()
  const { promise: opened, resolve: open } = Promise.withResolvers<void>()
  const handlers = { open, message() {}, close: (code: number) => close(code) }
  const headers = { 'x-twilio-signature': sign(house.authToken, url) }
  const socket = openSocket(address.replace('http', 'ws') + new URL(url).pathname, headers, handlers)
  await opened
  const streamSid = sid('MZ', 1)
  const start = {
    accountSid: house.accountSid,
    streamSid,
    callSid,
    mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 },
    customParameters: { token },
  }
  socket.send(JSON.stringify({ event: 'start', sequenceNumber: '1', streamSid, start }))
  return { closed, streamSid }
}

/** Asks until the server says that a call is live. */
async function liveCall(address: string): Promise<void> {
  const giveUpAtMs = performance.now() + 10_000
  for (;;) {
    const { calls } = (await (await get(`${address}/readyz`)).json()) as { calls: number }
    if (calls > 0) return
    if (performance.now() > giveUpAtMs) throw new Error('no call has become live')
  }
}
