// The summary mail against a real database and the inbox over real HTTP: one message a call, the same bytes on every try,
// and a person where no try is safe any more.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import { createInbox, type Fate } from '../../sim/inbox/inbox.ts'
import type { TraceEntry } from '../../sim/trace.ts'
import type { ConversationFact } from '../../src/conversations/events.ts'
import type { Database } from '../../src/db/database.ts'
import { emailDeliveries, members } from '../../src/db/schema.ts'
import { ok, problem } from '../../src/lib/outcome.ts'
import { RetryLater } from '../../src/lib/retry-later.ts'
import { deliveryLimits, mailTasks } from '../../src/notifications/deliver.ts'
import { claimDelivery, freezePayload } from '../../src/notifications/store.ts'
import type { Mailer, MailPayload } from '../../src/vendors/mailer.ts'
import { createMailer } from '../../src/vendors/resend.ts'
import { callFacts, wholeCall } from '../support/call-summary.ts'
import { admins, type ClinicCall, type Ground, groundOf, placeCall } from '../support/clinic-call.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'

const apiKey = 're_test'
let database: TestDatabase
let ground: Ground
let servers: { stop(force: boolean): unknown }[]

beforeAll(async () => {
  database = await openTestDatabase()
})
beforeEach(() => {
  ground = groundOf()
  servers = []
})
afterEach(() => {
  for (const server of servers) server.stop(true)
})
afterAll(() => database.end())

/** The inbox on loopback, by the test's clock, and our mailer that reaches it. */
function openInbox(fates: Fate[] = []) {
  const entries: TraceEntry[] = []
  const { clock } = ground
  const inbox = createInbox({
    clock: { ...clock, isVirtual: true, hold: async (work) => (typeof work === 'function' ? work() : work) },
    trace: { add: (entry) => entries.push({ atMs: 0, ...entry }), entries, onEntry() {} },
    apiKey,
    requestsPerSecond: 1_000,
    fate: (n) => fates[n] ?? { is: 'answer' },
  })
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: (request) => inbox.standIn.fetch(request) })
  servers.push(server)
  const baseUrl = `http://127.0.0.1:${server.port}`
  const mailer = createMailer({ apiKey, baseUrl, timeoutMs: 300 })
  const asked = () => entries.filter(({ what }) => what === 'POST /emails').map(({ body }) => JSON.stringify(body))
  return { mailer, baseUrl, record: inbox.record, asked }
}

async function deliveryOf(call: ClinicCall) {
  const [row] = await database.db.withOrg(call.organizationId, (tx) =>
    tx.select().from(emailDeliveries).where(eq(emailDeliveries.conversationId, call.conversationId)),
  )
  if (row === undefined) throw new Error('No delivery was planned')
  return row
}

async function deliver(call: ClinicCall, mailer: Mailer, db: Database = database.db): Promise<void> {
  const { id: deliveryId } = await deliveryOf(call)
  await mailTasks({ ...ground, db, mailer })['send-mail']?.({ organizationId: call.organizationId, deliveryId }, 1)
}

/** A mailer that is asked, and answers when it is released. */
function held(answer: Awaited<ReturnType<Mailer['send']>>) {
  const asked = Promise.withResolvers<void>()
  const released = Promise.withResolvers<void>()
  const mailer: Mailer = {
    async send() {
      asked.resolve()
      await released.promise
      return answer
    },
  }
  return { mailer, asked: asked.promise, release: () => released.resolve() }
}

/**
 * A process that dies at its n-th step, which is the beginning or the end of a transaction or of a request: nothing that
 * would follow happens.
 */
function dyingAt(step: number, mailer: Mailer) {
  const died = Promise.withResolvers<void>()
  const { promise: never } = Promise.withResolvers<never>()
  let steps = 0
  const live = async (): Promise<void> => {
    if (steps++ < step) return
    died.resolve()
    await never
  }
  const stepping = async <T>(work: () => Promise<T>): Promise<T> => {
    await live()
    const answer = await work()
    await live()
    return answer
  }
  const db: Database = { ...database.db, withOrg: (...given) => stepping(() => database.db.withOrg(...given)) }
  return { died: died.promise, db, mailer: { send: (...given) => stepping(() => mailer.send(...given)) } as Mailer }
}

const payloadOf = async (call: ClinicCall): Promise<MailPayload> =>
  JSON.parse((await deliveryOf(call)).payload ?? 'null')

const place = (facts: readonly ConversationFact[] = wholeCall) => placeCall(database.db, ground, facts)
const factsAbout = async (call: ClinicCall, kind: ConversationFact['kind']) =>
  (await call.events()).map(({ fact }) => fact).filter((fact) => fact.kind === kind)

describe('one message', () => {
  test('goes to all active admins and nobody else, and is a fact of the call', async () => {
    const { mailer, record } = openInbox()
    const call = await place()
    await deliver(call, mailer)
    const [message, ...others] = record().messages
    expect(others).toEqual([])
    expect(message).toMatchObject({
      from: 'Frontdesk <frontdesk@clinic.example>',
      to: admins,
      subject: 'Call summary: Lakeside Family Clinic · Tue 24 Nov, 10:14',
    })
    expect(message?.text).toContain('Call Maria Lopez back before noon.')
    expect(message?.html).toContain('earache')
    const delivery = await deliveryOf(call)
    expect(delivery).toMatchObject({
      state: 'sent',
      messageId: message?.id,
      attempts: 1,
      note: null,
      claimedUntil: null,
    })
    expect(message?.idempotencyKey).toBe(delivery.idempotencyKey)
    expect(await factsAbout(call, 'email.sent')).toEqual([{ kind: 'email.sent', deliveryId: delivery.id }])
  })

  test('however many workers take the job at once', async () => {
    const { mailer, record } = openInbox()
    const call = await place()
    const pools = [database.open(), database.open(), database.open()]
    const runs = await Promise.allSettled(Array.from({ length: 12 }, (_, n) => deliver(call, mailer, pools[n % 3])))
    expect(record().messages).toHaveLength(1)
    expect(record().requests).toHaveLength(1)
    for (const run of runs) if (run.status === 'rejected') expect(run.reason).toBeInstanceOf(RetryLater)
    expect((await deliveryOf(call)).state).toBe('sent')
  })

  test('however often the job comes back afterwards', async () => {
    const { mailer, record } = openInbox()
    const call = await place()
    for (let run = 0; run < 3; run++) await deliver(call, mailer)
    ground.clock.advance(deliveryLimits.leaseMs + 1)
    await deliver(call, mailer)
    expect(record().requests).toHaveLength(1)
    expect(await factsAbout(call, 'email.sent')).toHaveLength(1)
  })

  test('though the answer was lost and the call has changed since: the same bytes go again under the same key', async () => {
    const { mailer, record, asked } = openInbox([{ is: 'accept-then-hang' }])
    const call = await place()
    await expect(deliver(call, mailer)).rejects.toBeInstanceOf(RetryLater)
    expect(await deliveryOf(call)).toMatchObject({ state: 'ready', attempts: 1, messageId: null })
    await call.record([{ ...callFacts.message, toolCallId: 'call_2', message: 'Another thing.' }])
    await database.db.withOrg(call.organizationId, (tx) =>
      tx.update(members).set({ isActive: false }).where(eq(members.email, 'second@clinic.example')),
    )
    await deliver(call, mailer)
    const [first, second] = asked()
    expect(second).toBe(first ?? '')
    expect(record().messages).toHaveLength(1)
    expect(record().requests.map(({ status }) => status)).toEqual([0, 200])
    expect(await deliveryOf(call)).toMatchObject({ state: 'sent', attempts: 2, messageId: record().messages[0]?.id })
  })

  test('though a worker died between writing the message down and sending it', async () => {
    const { mailer, record } = openInbox()
    const call = await place()
    const dying: Mailer = { send: () => Promise.reject(new Error('the process died here')) }
    await expect(deliver(call, dying)).rejects.toThrow('died here')
    const frozen = (await deliveryOf(call)).payload
    expect(frozen).not.toBeNull()
    await expect(deliver(call, mailer)).rejects.toBeInstanceOf(RetryLater)
    expect(record().requests).toEqual([])
    ground.clock.advance(deliveryLimits.leaseMs)
    await deliver(call, mailer)
    expect(record().messages).toHaveLength(1)
    expect(await deliveryOf(call)).toMatchObject({ state: 'sent', payload: frozen, attempts: 2 })
  })

  test('at whichever step its worker dies: another goes on when the lease is over', async () => {
    const leftBehind = new Set<string>()
    for (let step = 0, isDone = false; !isDone; step++) {
      const { mailer, record } = openInbox()
      const call = await place()
      const { died, ...dying } = dyingAt(step, mailer)
      const finished = deliver(call, dying.mailer, dying.db).then(() => true)
      isDone = await Promise.race([finished, died.then(() => false)])
      const { state, payload } = await deliveryOf(call)
      const inInbox = record().messages.length
      leftBehind.add(`${state}, ${payload === null ? 'not written down' : 'written down'}, ${inInbox} in the inbox`)
      ground.clock.advance(deliveryLimits.leaseMs)
      await deliver(call, mailer)
      expect(record().messages).toHaveLength(1)
      expect(await deliveryOf(call)).toMatchObject({ state: 'sent', messageId: record().messages[0]?.id })
      expect(await factsAbout(call, 'email.sent')).toHaveLength(1)
    }
    expect([...leftBehind]).toEqual([
      'ready, not written down, 0 in the inbox',
      'claimed, not written down, 0 in the inbox',
      'claimed, written down, 0 in the inbox',
      'claimed, written down, 1 in the inbox',
      'sent, written down, 1 in the inbox',
    ])
  })

  test.each([
    ['has sent it', false],
    ['is sending it', true],
  ])(
    'though a worker was so slow that another %s meanwhile: its late word changes nothing',
    async (_, isStillSending) => {
      const { mailer, record } = openInbox()
      const call = await place()
      const slow = held(problem('refused', 'Cannot send e-mail: a late and wrong answer'))
      const slowRun = deliver(call, slow.mailer)
      await slow.asked
      ground.clock.advance(deliveryLimits.leaseMs)
      const second = held(await mailer.send(await payloadOf(call), (await deliveryOf(call)).idempotencyKey))
      if (!isStillSending) second.release()
      const secondRun = deliver(call, second.mailer)
      await second.asked
      if (!isStillSending) await secondRun
      slow.release()
      await slowRun
      second.release()
      await secondRun
      expect(record().messages).toHaveLength(1)
      expect(await deliveryOf(call)).toMatchObject({ state: 'sent', attempts: 2, note: null })
      expect(await factsAbout(call, 'warning')).toEqual([])
    },
  )

  test('is written down once: what would be sent cannot be changed any more', async () => {
    const call = await place()
    const { organizationId, id: deliveryId } = await deliveryOf(call)
    const alreadyOver = -1
    const write = (payload: string) =>
      database.db.withOrg(organizationId, async (tx) => {
        const nowMs = ground.clock.now()
        const claim = await claimDelivery(tx, { organizationId, deliveryId }, nowMs, alreadyOver)
        return claim !== null && freezePayload(tx, claim, payload, nowMs)
      })
    expect(await write('first')).toBe(true)
    expect(await write('second')).toBe(false)
    expect((await deliveryOf(call)).payload).toBe('first')
  })

  test('and no transaction is open while the vendor is asked', async () => {
    const call = await place()
    const single = database.open({ maxConnections: 1 })
    const { organizationId } = call
    const asking: Mailer = { send: async () => single.withOrg(organizationId, async () => ok({ messageId: 'm1' })) }
    await deliver(call, asking, single)
    expect(await deliveryOf(call)).toMatchObject({ state: 'sent', messageId: 'm1' })
  })
})

test('a message waits for a key that is right, as for one at all', async () => {
  const { mailer, baseUrl, record } = openInbox()
  const call = await place()
  for (const apiKey of ['', 're_wrong'])
    await expect(deliver(call, createMailer({ apiKey, baseUrl, timeoutMs: 300 }))).rejects.toBeInstanceOf(RetryLater)
  await deliver(call, mailer)
  expect(record().messages).toHaveLength(1)
  expect((await deliveryOf(call)).state).toBe('sent')
})

describe('parked for a person', () => {
  const parkedBy = async (call: ClinicCall, mailer: Mailer) => {
    await deliver(call, mailer)
    const delivery = await deliveryOf(call)
    expect(delivery).toMatchObject({ state: 'parked', claimedUntil: null, messageId: null })
    expect(await factsAbout(call, 'warning')).toEqual([{ kind: 'warning', about: 'email', text: delivery.note ?? '' }])
    expect(await factsAbout(call, 'email.sent')).toEqual([])
    return delivery.note
  }

  test('a key that was used with other bytes; it is never tried again, and no new key is made', async () => {
    const { mailer, record } = openInbox()
    const call = await place()
    const { idempotencyKey } = await deliveryOf(call)
    const other = { from: 'a@b.example', to: ['c@d.example'], subject: 'x', html: 'x', text: 'x' }
    await mailer.send(other, idempotencyKey)
    expect(await parkedBy(call, mailer)).toContain('invalid_idempotent_request')
    const requests = record().requests.length
    await deliver(call, mailer)
    ground.clock.advance(deliveryLimits.leaseMs)
    await deliver(call, mailer)
    expect(record().requests).toHaveLength(requests)
    expect(record().messages).toHaveLength(1)
  })

  test('a message that Resend refuses', async () => {
    const { mailer, record } = openInbox()
    const fromNobody: Mailer = { send: (payload, key) => mailer.send({ ...payload, from: 'nobody' }, key) }
    expect(await parkedBy(await place(), fromNobody)).toContain('Resend answered 422')
    expect(record().messages).toEqual([])
  })

  test('a clinic without an active administrator', async () => {
    const { mailer, record } = openInbox()
    const call = await place()
    await database.db.withOrg(call.organizationId, (tx) => tx.update(members).set({ isActive: false }))
    expect(await parkedBy(call, mailer)).toBe('The organization has no active administrator')
    expect(record().requests).toEqual([])
  })

  test('a message that may have left, once Resend has forgotten its key', async () => {
    const { mailer, record } = openInbox([{ is: 'accept-then-hang' }])
    const call = await place()
    await expect(deliver(call, mailer)).rejects.toBeInstanceOf(RetryLater)
    ground.clock.advance(deliveryLimits.repeatableMs)
    expect(await parkedBy(call, mailer)).toContain('may have been sent or not')
    expect(record().messages).toHaveLength(1)
    expect(record().requests).toHaveLength(1)
  })

  test('a message that was tried as often as is allowed', async () => {
    const call = await place()
    let tries = 0
    const busy: Mailer = {
      async send() {
        tries++
        return problem('retryable', 'Cannot send e-mail: Resend answered 500')
      },
    }
    for (let run = 1; run < deliveryLimits.attempts; run++) {
      await expect(deliver(call, busy)).rejects.toBeInstanceOf(RetryLater)
    }
    expect(await parkedBy(call, busy)).toContain('too often')
    await deliver(call, busy)
    expect(tries).toBe(deliveryLimits.attempts)
  })
})

test('at the deadline the mail goes without what is missing, and says so', async () => {
  const { mailer, record } = openInbox()
  const late = ['recording.status', 'analysis.completed']
  const call = await place([...wholeCall.filter(({ kind }) => !late.includes(kind)), callFacts.deadline])
  await deliver(call, mailer)
  expect(record().messages[0]?.text).toContain('The recording had not arrived.\nThe summary was not ready.')
  await call.record([callFacts.recording, callFacts.analysed])
  await deliver(call, mailer)
  expect(record().messages).toHaveLength(1)
})

test('another clinic’s job cannot send, or even see, this clinic’s mail', async () => {
  const { mailer, record } = openInbox()
  const ours = await place()
  const theirs = await place()
  const { id: deliveryId } = await deliveryOf(ours)
  const ids = { organizationId: theirs.organizationId, deliveryId }
  await mailTasks({ ...ground, db: database.db, mailer })['send-mail']?.(ids, 1)
  expect(record().requests).toEqual([])
  expect(await deliveryOf(ours)).toMatchObject({ state: 'ready', attempts: 0 })
})

test('no log line holds a word, name, number or address of anybody', async () => {
  const { mailer } = openInbox([{ is: 'accept-then-hang' }])
  const call = await place()
  await expect(deliver(call, mailer)).rejects.toBeInstanceOf(RetryLater)
  ground.clock.advance(deliveryLimits.repeatableMs)
  await deliver(call, mailer)
  expect(ground.logged.length).toBeGreaterThan(0)
  expect(ground.logged.join('\n')).not.toMatch(/Maria|Lopez|earache|5557654321|clinic\.example|redacted/)
})
