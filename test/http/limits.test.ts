// What a clinic's telephone carries and costs at most: who is told that the lines are busy, from when on, and until when.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { limits } from '../../src/config.ts'
import type { ConversationFact } from '../../src/conversations/events.ts'
import type { Facts } from '../../src/conversations/merge.ts'
import { isReadyForMail } from '../../src/conversations/readiness.ts'
import { eventOf, recordEvents } from '../../src/conversations/store.ts'
import {
  cedar,
  completed,
  incoming,
  lakeside,
  later,
  newCallSid,
  openTelephone,
  recordingDone,
  sid,
  type Telephone,
} from '../support/telephone.ts'

let telephone: Telephone
beforeAll(async () => {
  telephone = await openTelephone()
})
afterAll(() => telephone.end())

const aDayMs = 24 * 3_600_000
const busy = 'All our lines are busy'
const tooOften = 'You have called many times'
const tape = '<Record'
const stream = '<Stream'

let callers = 0
/** A number that no test has called from. */
const newNumber = (): string => `+1555${String(2_000_000 + ++callers)}`

const ring = async (callSid = newCallSid(), from = newNumber(), to = lakeside.number): Promise<string> =>
  (await telephone.post('/incoming-call', incoming(callSid, { From: from, To: to }))).text()

const conversationOf = async (callSid: string) => {
  const [row] = await telephone.admin<{ id: string; cost: unknown; cost_nano_usd: string; facts: Facts }[]>`
    select id, cost, cost_nano_usd, facts from conversations where call_sid = ${callSid}`
  if (row === undefined) throw new Error(`no conversation of ${callSid}`)
  return row
}

async function happen(callSid: string, fact: ConversationFact, attempt = ''): Promise<void> {
  const { id } = await conversationOf(callSid)
  const event = eventOf(fact, telephone.clock.now(), attempt)
  await telephone.deps.db.withOrg(lakeside.organizationId, (tx) =>
    recordEvents(telephone.deps, tx, lakeside.organizationId, id, [event]),
  )
}

/** A response of so many dollars: a dollar is 250,000 fresh text tokens. */
const use = (callSid: string, usd: number, attempt: string) =>
  happen(
    callSid,
    {
      kind: 'usage',
      source: 'realtime',
      model: 'gpt-realtime-2.1',
      usage: { input_tokens: usd * 250_000, output_tokens: 0 },
    },
    attempt,
  )

const limit = (own: Record<string, unknown>) =>
  telephone.admin`
    update organizations set settings = jsonb_set(settings, '{limits}', ${telephone.admin.json(own as never)})
    where id = ${lakeside.organizationId}`

/** Nothing goes on any more, and nothing was spent. */
beforeEach(async () => {
  await telephone.admin`update conversations set is_live = false, cost_nano_usd = 0`
  await limit({})
})

describe('so many calls at once', () => {
  test('are carried, and the next hears that the lines are busy; another clinic’s are not counted', async () => {
    await limit({ callsAtOnce: 2 })
    expect(await ring()).toContain(stream)
    expect(await ring(newCallSid(), newNumber(), cedar.number)).toContain(stream)
    expect(await ring()).toContain(stream)
    const refused = await ring()
    expect(refused).toContain(`<Say>${busy}`)
    expect(refused).toContain('<Hangup/>')
    expect(refused).not.toContain(stream)
    expect(await ring(newCallSid(), newNumber(), cedar.number)).toContain(stream)
  })

  test('is a limit that twenty who call at the same moment cannot pass', async () => {
    // Whether they meet is chance: four rounds, each with three places more.
    for (const callsAtOnce of [3, 6, 9, 12]) {
      await limit({ callsAtOnce })
      const answers = await Promise.all(Array.from({ length: 20 }, () => ring()))
      expect(answers.filter((twiml) => twiml.includes(stream)).length).toBe(3)
      expect(answers.filter((twiml) => twiml.includes(busy)).length).toBe(17)
    }
  })

  test('leave a place when one has ended, or its stream has', async () => {
    await limit({ callsAtOnce: 1 })
    const first = newCallSid()
    await ring(first)
    expect(await ring()).toContain(busy)
    await telephone.post('/status', completed(first))
    const second = newCallSid()
    expect(await ring(second)).toContain(stream)
    await happen(second, { kind: 'stream.started', streamSid: sid('MZ', 1), generation: 0 })
    expect(await ring()).toContain(busy)
    await happen(second, { kind: 'stream.ended', streamSid: sid('MZ', 1), reason: 'stopped' })
    expect(await ring()).toContain(stream)
  })

  test('count a call that goes on in a new stream, though the end of the old one was never heard of', async () => {
    await limit({ callsAtOnce: 1 })
    const callSid = newCallSid()
    await ring(callSid)
    await happen(callSid, { kind: 'stream.started', streamSid: sid('MZ', 2), generation: 0 })
    await telephone.post('/resume?after=stream-0', later(callSid))
    expect(await ring()).toContain(busy)
    await happen(callSid, { kind: 'stream.started', streamSid: sid('MZ', 3), generation: 1 })
    await happen(callSid, { kind: 'stream.ended', streamSid: sid('MZ', 3), reason: 'stopped' })
    expect(await ring()).toContain(stream)
  })

  test('do not leak: a call of whose end nobody ever tells counts for an hour at the most', async () => {
    await limit({ callsAtOnce: 1 })
    await ring()
    telephone.clock.advance(59 * 60_000)
    expect(await ring()).toContain(busy)
    telephone.clock.advance(2 * 60_000)
    expect(await ring()).toContain(stream)
  })

  test('are decided once: a webhook that Twilio repeats gets the answer that it had', async () => {
    await limit({ callsAtOnce: 1 })
    const [admitted, refused] = [newCallSid(), newCallSid()]
    const [from, other] = [newNumber(), newNumber()]
    const first = await ring(admitted, from)
    const second = await ring(refused, other)
    expect(second).toContain(busy)
    expect(await ring(admitted, from)).toBe(first)
    await telephone.post('/status', completed(admitted))
    expect(await ring(refused, other)).toBe(second)
  })

  test('can be without a limit', async () => {
    await limit({ callsAtOnce: null })
    for (let n = 0; n < 25; n++) expect(await ring()).toContain(stream)
  })

  test('a call that was refused is the clinic’s to know of: it is complete when it has ended', async () => {
    await limit({ callsAtOnce: 0 })
    const callSid = newCallSid()
    await ring(callSid)
    await telephone.post('/status', completed(callSid))
    expect((await telephone.jobs(callSid)).map(({ task }) => task).sort()).toEqual(['analyze', 'mail-deadline'])
  })

  test('and if nobody tells its end, it is asked for after the term of a call that is over', async () => {
    await limit({ callsAtOnce: 0 })
    const callSid = newCallSid()
    await ring(callSid)
    const [deadline] = await telephone.jobs(callSid)
    expect(deadline).toMatchObject({ task: 'mail-deadline' })
    expect(deadline?.dueAtMs).toBeLessThanOrEqual(telephone.clock.now() + limits.mailDeadlineMs)
  })
})

describe('one number', () => {
  test('that calls without end is asked to call later, while others get through', async () => {
    await limit({ callsPerCaller: 3 })
    const number = newNumber()
    for (let n = 0; n < 3; n++) expect(await ring(newCallSid(), number)).toContain(stream)
    expect(await ring(newCallSid(), number)).toContain(`<Say>${tooOften}`)
    expect(await ring()).toContain(stream)
  })

  test('gets through again when its calls are long enough ago; those that were refused do not count', async () => {
    await limit({ callsPerCaller: 1, callerWindowMinutes: 10 })
    const number = newNumber()
    expect(await ring(newCallSid(), number)).toContain(stream)
    telephone.clock.advance(9 * 60_000)
    expect(await ring(newCallSid(), number)).toContain(tooOften)
    telephone.clock.advance(2 * 60_000)
    expect(await ring(newCallSid(), number)).toContain(stream)
  })

  test('that is withheld is nobody’s, and is not counted', async () => {
    await limit({ callsPerCaller: 1 })
    for (const from of ['anonymous', 'anonymous', '+266696687', '+266696687', ''])
      expect(await ring(newCallSid(), from)).toContain(stream)
  })

  test('fills no mailbox with its calls', async () => {
    await limit({ callsPerCaller: 0 })
    const callSid = newCallSid()
    await ring(callSid)
    await telephone.post('/status', completed(callSid))
    await happen(callSid, { kind: 'deadline.passed' })
    const { facts } = await conversationOf(callSid)
    expect([facts.refusal, isReadyForMail(facts)]).toEqual(['caller', false])
  })
})

describe('money', () => {
  test('that a call costs is in its row, whatever the order and number of its usages', async () => {
    const [one, two] = [newCallSid(), newCallSid()]
    await ring(one)
    await ring(two)
    for (const [callSid, order] of [
      [one, ['a', 'b', 'a']],
      [two, ['b', 'a', 'b']],
    ] as const)
      for (const attempt of order) await use(callSid, attempt === 'a' ? 1 : 0.25, attempt)
    const { cost, cost_nano_usd } = await conversationOf(one)
    expect(Number(cost_nano_usd)).toBe(1_250_000_000)
    expect(cost).toEqual({ nanoUsd: 1_250_000_000, byModel: { 'gpt-realtime-2.1': 1_250_000_000 }, assumed: [] })
    expect((await conversationOf(two)).cost).toEqual(cost)
  })

  test('of the day spent: a caller can leave a message, and gets no agent until the next day in the clinic’s zone', async () => {
    await limit({ usdPerDay: 2 })
    const callSid = newCallSid()
    await ring(callSid)
    await use(callSid, 1.5, 'a')
    expect(await ring()).toContain(stream)
    await use(callSid, 0.5, 'b')
    const refused = newCallSid()
    const twiml = await ring(refused)
    expect(twiml).toContain(tape)
    expect(twiml).not.toContain(stream)
    const midnightInNewYork = Date.UTC(
      2026,
      2,
      Math.floor((telephone.clock.now() - Date.UTC(2026, 2, 1)) / aDayMs) + 2,
      5,
    )
    telephone.clock.advance(midnightInNewYork - telephone.clock.now() - 1)
    expect(await ring()).toContain(tape)
    telephone.clock.advance(1)
    expect(await ring()).toContain(stream)
  })

  test('of the month spent ends with the month', async () => {
    await limit({ usdPerMonth: 2 })
    const callSid = newCallSid()
    await ring(callSid)
    await use(callSid, 2, 'a')
    telephone.clock.advance(3 * aDayMs)
    expect(await ring()).toContain(tape)
    telephone.clock.advance(31 * aDayMs)
    expect(await ring()).toContain(stream)
  })

  test('spent, a clinic may have its callers told so instead', async () => {
    await limit({ usdPerDay: 0, whenSpent: 'goodbye', spentMessage: 'We are closed for today.' })
    const twiml = await ring()
    expect(twiml).toContain('<Say>We are closed for today.</Say><Hangup/>')
  })

  test('spent, it is told in each language of the clinic', async () => {
    await limit({ usdPerDay: 0, whenSpent: 'goodbye', spentMessage: 'We are closed for today.' })
    await telephone.admin`
      update organizations set settings = settings || '{"languages": ["es"]}' where id = ${lakeside.organizationId}`
    const twiml = await ring()
    await telephone.admin`update organizations set settings = settings - 'languages' where id = ${lakeside.organizationId}`
    expect(twiml).toContain('<Say>We are closed for today.</Say><Say language="es-US">Lo sentimos')
  })

  test('spent, a message on tape is a conversation like any other, and complete when the tape is', async () => {
    await limit({ usdPerDay: 0 })
    const callSid = newCallSid()
    await ring(callSid)
    const recordingSid = sid('RE', 4_001)
    await telephone.post('/resume?after=voicemail', later(callSid, { RecordingSid: recordingSid }))
    await telephone.post('/status', completed(callSid))
    await happen(callSid, { kind: 'analysis.skipped', reason: 'nobody spoke' })
    expect(isReadyForMail((await conversationOf(callSid)).facts)).toBe(false)
    await telephone.post('/recording', recordingDone(callSid, recordingSid, { RecordingSource: 'RecordVerb' }))
    expect(isReadyForMail((await conversationOf(callSid)).facts)).toBe(true)
  })
})
