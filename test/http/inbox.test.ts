// The real `resend` package against the inbox over real loopback HTTP: every rule of Resend's idempotency keys, what is
// refused and how, and what our mailer makes of each answer.
import { afterEach, describe, expect, test } from 'bun:test'
import { Resend } from 'resend'
import type { SimClock } from '../../sim/clock.ts'
import { createInbox, type Fate } from '../../sim/inbox/inbox.ts'
import type { Trace, TraceEntry } from '../../sim/trace.ts'
import { createMailer } from '../../src/vendors/resend.ts'

const apiKey = 're_test'
const day = 24 * 60 * 60_000
const servers: { stop(force: boolean): unknown }[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.stop(true)
})

/** A clock that stands still until it is moved. */
function stillClock() {
  let nowMs = Date.UTC(2026, 10, 24, 10, 0)
  const firstTimer = Promise.withResolvers<void>()
  let timers: { atMs: number; run: () => void }[] = []
  const clock: SimClock & { advance(ms: number): void; firstTimer: Promise<void> } = {
    isVirtual: true,
    firstTimer: firstTimer.promise,
    now: () => nowMs,
    after(delayMs, run) {
      const timer = { atMs: nowMs + delayMs, run }
      timers.push(timer)
      firstTimer.resolve()
      return () => {
        timers = timers.filter((other) => other !== timer)
      }
    },
    hold: async (work) => (typeof work === 'function' ? work() : work),
    advance(ms) {
      nowMs += ms
      const due = timers.filter(({ atMs }) => atMs <= nowMs)
      timers = timers.filter(({ atMs }) => atMs > nowMs)
      for (const { run } of due) run()
    },
  }
  return clock
}

function open(options: { requestsPerSecond?: number; fates?: Fate[]; pause?: (ms: number) => Promise<void> } = {}) {
  const entries: TraceEntry[] = []
  const trace: Trace = { add: (entry) => entries.push({ atMs: 0, ...entry }), entries, onEntry() {} }
  const clock = stillClock()
  const { requestsPerSecond = 1000, fates = [], pause = async (ms) => clock.advance(ms) } = options
  const inbox = createInbox({ clock, trace, apiKey, requestsPerSecond, fate: (n) => fates[n] ?? { is: 'answer' } })
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: (request) => inbox.standIn.fetch(request) })
  servers.push(server)
  const baseUrl = `http://127.0.0.1:${server.port}`
  const mailer = createMailer({ apiKey, baseUrl, timeoutMs: 400, pause })
  return { clock, entries, baseUrl, mailer, record: inbox.record, resend: new Resend(apiKey, { baseUrl }) }
}

const letter = {
  from: 'Frontdesk <frontdesk@clinic.example>',
  to: ['admin@clinic.example'],
  subject: 'Call summary',
  html: '<p>Hello</p>',
  text: 'Hello',
}

describe('idempotency keys', () => {
  test('the same request under the same key gets the same id, and one message', async () => {
    const { resend, record } = open()
    const first = await resend.emails.send(letter, { idempotencyKey: 'call/1' })
    const second = await resend.emails.send(letter, { idempotencyKey: 'call/1' })
    expect(first.error).toBeNull()
    expect(second.data).toEqual(first.data)
    expect(record().messages).toHaveLength(1)
    expect(record().messages[0]).toMatchObject({ ...letter, idempotencyKey: 'call/1' })
  })

  test('another request under the same key is refused with 409 invalid_idempotent_request, and sends nothing', async () => {
    const { resend, record } = open()
    await resend.emails.send(letter, { idempotencyKey: 'call/1' })
    const { error } = await resend.emails.send({ ...letter, text: 'Goodbye' }, { idempotencyKey: 'call/1' })
    expect(error).toMatchObject({ statusCode: 409, name: 'invalid_idempotent_request' })
    expect(record().messages).toHaveLength(1)
  })

  test('while the first is in progress, the second is refused with 409 concurrent_idempotent_requests', async () => {
    const { resend, record, clock } = open({ fates: [{ is: 'slow', ms: 500 }] })
    const first = resend.emails.send(letter, { idempotencyKey: 'call/1' })
    await clock.firstTimer
    const second = await resend.emails.send(letter, { idempotencyKey: 'call/1' })
    expect(second.error).toMatchObject({ statusCode: 409, name: 'concurrent_idempotent_requests' })
    clock.advance(500)
    const third = await resend.emails.send(letter, { idempotencyKey: 'call/1' })
    expect(third.data).toEqual((await first).data)
    expect(record().messages).toHaveLength(1)
  })

  test('a key is remembered for 24 hours, and not a moment longer', async () => {
    const { resend, record, clock } = open()
    const first = await resend.emails.send(letter, { idempotencyKey: 'call/1' })
    clock.advance(day - 1)
    expect((await resend.emails.send(letter, { idempotencyKey: 'call/1' })).data).toEqual(first.data)
    clock.advance(1)
    const late = await resend.emails.send(letter, { idempotencyKey: 'call/1' })
    expect(late.data?.id).not.toBe(first.data?.id)
    expect(record().messages).toHaveLength(2)
  })

  test('a refused request leaves its key free', async () => {
    const { resend, record } = open()
    const wrong = await resend.emails.send({ ...letter, to: ['nobody'] }, { idempotencyKey: 'call/1' })
    expect(wrong.error).toMatchObject({ statusCode: 422, name: 'validation_error' })
    expect((await resend.emails.send(letter, { idempotencyKey: 'call/1' })).error).toBeNull()
    expect(record().messages).toHaveLength(1)
  })

  test('a key over 256 characters is refused, one of 256 is not', async () => {
    const { resend } = open()
    const { error } = await resend.emails.send(letter, { idempotencyKey: 'k'.repeat(257) })
    expect(error).toMatchObject({ statusCode: 400, name: 'invalid_idempotency_key' })
    expect((await resend.emails.send(letter, { idempotencyKey: 'k'.repeat(256) })).error).toBeNull()
  })

  test('without a key, the same request twice is two messages', async () => {
    const { resend, record } = open()
    await resend.emails.send(letter)
    await resend.emails.send(letter)
    expect(record().messages).toHaveLength(2)
  })

  test('a batch is one request under one key', async () => {
    const { resend, record } = open()
    const batch = [letter, { ...letter, subject: 'Another' }]
    const first = await resend.batch.send(batch, { idempotencyKey: 'batch/1' })
    const second = await resend.batch.send(batch, { idempotencyKey: 'batch/1' })
    expect(first.data?.data).toHaveLength(2)
    expect(second.data?.data).toEqual(first.data?.data)
    expect(record().messages.map(({ subject }) => subject)).toEqual(['Call summary', 'Another'])
  })
})

describe('what is refused', () => {
  test.each([
    ['no recipient', { to: [] }, 422, 'missing_required_field'],
    ['no subject', { subject: undefined }, 422, 'missing_required_field'],
    ['no sender', { from: undefined }, 422, 'missing_required_field'],
    ['a malformed sender', { from: 'Frontdesk' }, 422, 'invalid_from_address'],
    ['a malformed recipient', { to: ['admin@clinic'] }, 422, 'validation_error'],
    ['51 recipients', { to: Array.from({ length: 51 }, (_, n) => `a${n}@clinic.example`) }, 422, 'validation_error'],
    ['neither html nor text', { html: undefined, text: undefined }, 422, 'validation_error'],
    ['a tag with a space', { tags: [{ name: 'call', value: 'a b' }] }, 422, 'validation_error'],
    ['a subject of two lines', { subject: 'a\nBcc: b@c.example' }, 422, 'validation_error'],
  ])('%s, and nothing is sent', async (_, change, statusCode, name) => {
    const { baseUrl, record } = open()
    const response = await fetch(`${baseUrl}/emails`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}` },
      body: JSON.stringify({ ...letter, ...change }),
    })
    expect(response.status).toBe(statusCode)
    expect(await response.json()).toMatchObject({ statusCode, name })
    expect(record().messages).toEqual([])
  })

  test('a missing key, a wrong key, an unknown endpoint and a wrong method', async () => {
    const { baseUrl } = open()
    const ask = async (path: string, method: string, authorization?: string) =>
      (await (
        await fetch(`${baseUrl}${path}`, { method, headers: authorization ? { authorization } : {} })
      ).json()) as object
    expect(await ask('/emails', 'POST')).toMatchObject({ statusCode: 401, name: 'missing_api_key' })
    expect(await ask('/emails', 'POST', 'Bearer re_other')).toMatchObject({ statusCode: 403, name: 'invalid_api_key' })
    expect(await ask('/nothing', 'GET', `Bearer ${apiKey}`)).toMatchObject({ statusCode: 404, name: 'not_found' })
    expect(await ask('/emails', 'DELETE', `Bearer ${apiKey}`)).toMatchObject({
      statusCode: 405,
      name: 'method_not_allowed',
    })
  })

  test('more requests than the rate allows: 429 with its headers, until the second is over', async () => {
    const { resend, clock, record } = open({ requestsPerSecond: 2 })
    await resend.emails.send(letter)
    await resend.emails.send(letter)
    const third = await resend.emails.send(letter)
    expect(third.error).toMatchObject({ statusCode: 429, name: 'rate_limit_exceeded' })
    expect(third.headers).toMatchObject({ 'ratelimit-limit': '2', 'ratelimit-remaining': '0', 'retry-after': '1' })
    clock.advance(1000)
    expect((await resend.emails.send(letter)).error).toBeNull()
    expect(record().messages).toHaveLength(3)
  })
})

test('an accepted message can be read back', async () => {
  const { resend } = open()
  const { data } = await resend.emails.send({ ...letter, replyTo: 'desk@clinic.example' })
  const found = await resend.emails.get(data?.id ?? '')
  expect(found.data).toMatchObject({ ...letter, reply_to: ['desk@clinic.example'], last_event: 'delivered' })
  expect((await resend.emails.get('other')).error).toMatchObject({ statusCode: 404, name: 'not_found' })
})

test('every request is recorded and traced, whatever became of it', async () => {
  const { resend, record, entries } = open()
  await resend.emails.send(letter, { idempotencyKey: 'call/1' })
  await resend.emails.send({ ...letter, to: ['nobody'] }, { idempotencyKey: 'call/2' })
  expect(record().requests).toMatchObject([
    { idempotencyKey: 'call/1', status: 200, error: null },
    { idempotencyKey: 'call/2', status: 422, error: 'validation_error' },
  ])
  expect(entries.map(({ what }) => what)).toEqual([
    'POST /emails',
    '200 POST /emails',
    'POST /emails',
    '422 POST /emails',
  ])
})

describe('our mailer', () => {
  test('answers with the id, and with the same id for the same bytes under the same key', async () => {
    const { mailer, record } = open()
    const first = await mailer.send(letter, 'call/1')
    expect(first).toMatchObject({ ok: true })
    expect(await mailer.send(letter, 'call/1')).toEqual(first)
    expect(record().messages).toHaveLength(1)
  })

  test('other bytes under a used key are a conflict', async () => {
    const { mailer } = open()
    await mailer.send(letter, 'call/1')
    expect(await mailer.send({ ...letter, text: 'Goodbye' }, 'call/1')).toMatchObject({
      ok: false,
      problem: 'conflict',
    })
  })

  test('accepted, then no answer: retryable in bounded time, and the retry sends no second message', async () => {
    const { mailer, record } = open({ fates: [{ is: 'accept-then-hang' }] })
    expect(await mailer.send(letter, 'call/1')).toMatchObject({ ok: false, problem: 'retryable' })
    expect(await mailer.send(letter, 'call/1')).toMatchObject({ ok: true })
    expect(record().messages).toHaveLength(1)
    expect(record().requests.map(({ status }) => status)).toEqual([0, 200])
  })

  test('a request in progress, an overload, a server error and a closed port are retryable', async () => {
    const { mailer } = open({ fates: [{ is: 'slow', ms: 500 }, { is: 'answer' }, { is: 'fail' }] })
    const slow = mailer.send(letter, 'call/1')
    expect(await slow).toMatchObject({ ok: false, problem: 'retryable' })
    expect(await mailer.send(letter, 'call/1')).toMatchObject({
      ok: false,
      problem: 'retryable',
      message: expect.stringContaining('concurrent'),
    })
    expect(await mailer.send(letter, 'call/2')).toMatchObject({
      ok: false,
      problem: 'retryable',
      message: expect.stringContaining('500'),
    })
    const busy = open({ requestsPerSecond: 0 })
    expect(await busy.mailer.send(letter, 'call/3')).toMatchObject({
      ok: false,
      problem: 'retryable',
      message: expect.stringContaining('429'),
    })
    const nobody = createMailer({ apiKey, baseUrl: 'http://127.0.0.1:9', timeoutMs: 400 })
    expect(await nobody.send(letter, 'call/4')).toMatchObject({ ok: false, problem: 'retryable' })
  })

  test('too many in one second all go, each in its turn and once', async () => {
    const { mailer, record } = open({ requestsPerSecond: 2 })
    const sent = await Promise.all(Array.from({ length: 8 }, (_, n) => mailer.send(letter, `call/${n}`)))
    expect(sent.filter(({ ok }) => ok)).toHaveLength(8)
    expect(record().messages).toHaveLength(8)
  })

  test('a wrong key may be mended, a malformed address is refused, and not repeated', async () => {
    const { mailer, baseUrl } = open()
    const stranger = createMailer({ apiKey: 're_other', baseUrl, timeoutMs: 400 })
    expect(await stranger.send(letter, 'call/1')).toMatchObject({ ok: false, problem: 'retryable' })
    const wrong = await mailer.send({ ...letter, to: ['jane.doe@'] }, 'call/1')
    expect(wrong).toMatchObject({ ok: false, problem: 'refused' })
    expect(JSON.stringify(wrong)).not.toContain('jane')
  })

  test('a proxy’s page instead of Resend’s answer is retryable, whatever its status', async () => {
    for (const status of [200, 502]) {
      const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('<html>', { status }) })
      servers.push(server)
      const mailer = createMailer({ apiKey, baseUrl: `http://127.0.0.1:${server.port}`, timeoutMs: 400 })
      expect(await mailer.send(letter, 'call/1')).toMatchObject({ ok: false, problem: 'retryable' })
    }
  })
})
