// The server on Deno: starts src/main.ts there with its own Postgres and a demo clinic, and knocks at each of its doors.
// Plain checks in place of a test runner, because Deno has no `bun:test`: `deno run -A test/runtime/deno-smoke.ts`.
import { type ChildProcess, spawn } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import process from 'node:process'
import { createInterface } from 'node:readline'

const readyLimitMs = 60_000
const answerLimitMs = 10_000
const stopLimitMs = 20_000

const publicUrl = 'https://frontdesk.example'
const accountSid = `AC${'0123456789abcdef'.repeat(2)}`
const authToken = 'a token of this run alone'
/** Where nothing listens: no request of this run may leave the machine. */
const nowhere = 'http://127.0.0.1:9'

const settings = {
  PORT: '0',
  HOST: '127.0.0.1',
  PUBLIC_BASE_URL: publicUrl,
  LOG_LEVEL: 'error',
  TWILIO_ACCOUNT_SID: accountSid,
  TWILIO_AUTH_TOKEN: authToken,
  TWILIO_API_BASE_URL: nowhere,
  OPENAI_API_KEY: 'none',
  OPENAI_BASE_URL: `${nowhere}/v1`,
  RESEND_API_KEY: 'none',
  RESEND_BASE_URL: nowhere,
  DRAIN_SECONDS: '0',
}

const incomingCall = {
  AccountSid: accountSid,
  ApiVersion: '2010-04-01',
  CallSid: `CA${randomBytes(16).toString('hex')}`,
  CallStatus: 'ringing',
  Direction: 'inbound',
  From: '+15550100001',
  To: '+15551234567',
}

function startServer(): ChildProcess {
  const { DATABASE_URL: _, DATABASE_ADMIN_URL: __, ...environment } = process.env
  const onDeno = 'Deno' in globalThis ? ['run', '-A'] : []
  return spawn(process.execPath, [...onDeno, 'src/main.ts', '--demo'], {
    env: { ...environment, ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

/** The address in its line `listening on http://…`; fails when it ends before, or takes too long. */
async function addressOf(server: ChildProcess): Promise<URL> {
  if (server.stdout === null) throw new Error('the server has no output')
  for await (const line of createInterface({ input: server.stdout })) {
    const [, address] = /listening on (http:\S+)/.exec(line) ?? []
    if (address !== undefined) return new URL(address)
  }
  throw new Error('the server ended before it listened')
}

/** Twilio's signature: HMAC-SHA1 over the URL and each parameter's name and value, sorted by name. */
function sign(url: string, form: Record<string, string> = {}): string {
  const parameters = Object.entries(form).sort(([a], [b]) => (a < b ? -1 : 1))
  return createHmac('sha1', authToken)
    .update([url, ...parameters.flat()].join(''))
    .digest('base64')
}

function ring(server: URL, signature: string): Promise<Response> {
  return fetch(new URL('/api/twilio/incoming-call', server), {
    method: 'POST',
    headers: { 'x-twilio-signature': signature },
    body: new URLSearchParams(incomingCall),
    signal: AbortSignal.timeout(answerLimitMs),
  })
}

/** Knocks with a WebSocket handshake, and answers with the HTTP status it got. */
async function handshake(server: URL, path: string, signature?: string): Promise<number> {
  const socket = connect(Number(server.port), server.hostname)
  const deadline = setTimeout(() => socket.destroy(new Error('no answer to the handshake')), answerLimitMs)
  try {
    const lines = [
      `GET ${path} HTTP/1.1`,
      `Host: ${new URL(publicUrl).host}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      ...(signature === undefined ? [] : [`X-Twilio-Signature: ${signature}`]),
    ]
    socket.write(`${lines.join('\r\n')}\r\n\r\n`)
    const [answer] = await once(socket, 'data')
    return Number(/^HTTP\/1\.1 (\d{3})/.exec(String(answer))?.[1])
  } finally {
    clearTimeout(deadline)
    socket.destroy()
  }
}

let passed = 0
let failed = 0

async function check(guarantee: string, run: () => Promise<void>): Promise<void> {
  try {
    await run()
    passed += 1
    console.log(`ok      ${guarantee}`)
  } catch (error) {
    failed += 1
    console.log(`FAILED  ${guarantee}: ${error instanceof Error ? error.message : error}`)
  }
}

function same<T>(actual: T, expected: T): void {
  if (actual !== expected) throw new Error(`expected ${expected}, got ${actual}`)
}

async function knock(address: URL): Promise<void> {
  for (const path of ['/healthz', '/readyz'])
    await check(`${path} answers 200`, async () => {
      const response = await fetch(new URL(path, address), { signal: AbortSignal.timeout(answerLimitMs) })
      await response.body?.cancel()
      same(response.status, 200)
    })

  await check('an unsigned call is refused with 403', async () => {
    const response = await ring(address, '')
    await response.body?.cancel()
    same(response.status, 403)
  })

  let streamUrl = ''
  await check('a signed call is answered with TwiML that connects a stream', async () => {
    const response = await ring(address, sign(`${publicUrl}/api/twilio/incoming-call`, incomingCall))
    same(response.status, 200)
    const twiml = await response.text()
    streamUrl = /<Stream[^>]* url="([^"]+)"/.exec(twiml)?.[1] ?? ''
    same(new URL(streamUrl).host, new URL(publicUrl).host)
  })

  const path = () => new URL(streamUrl).pathname
  await check('an unsigned media socket is refused with 403', async () => {
    same(await handshake(address, path()), 403)
  })
  await check('a signed media socket is taken', async () => {
    same(await handshake(address, path(), sign(streamUrl)), 101)
  })
}

const server = startServer()
const ended = once(server, 'exit')
const readyLimit = setTimeout(() => server.kill('SIGKILL'), readyLimitMs)
await check('src/main.ts starts, its database included', async () => {
  const address = await addressOf(server)
  clearTimeout(readyLimit)
  await knock(address)
})
clearTimeout(readyLimit)
await check('SIGTERM ends it cleanly', async () => {
  const stopLimit = setTimeout(() => server.kill('SIGKILL'), stopLimitMs)
  // Not server.kill: Deno would then report the signal that was sent in place of how the process ended.
  if (server.pid !== undefined && server.exitCode === null) process.kill(server.pid, 'SIGTERM')
  const [code, signal] = await ended
  clearTimeout(stopLimit)
  same(signal ?? code, 0)
})
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
