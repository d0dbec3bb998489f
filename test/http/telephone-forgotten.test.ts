// What Twilio forgot to tell is asked for, and a call of which nothing more is heard is not forgotten by us.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { limits } from '../../src/config.ts'
import type { ConversationFact } from '../../src/conversations/events.ts'
import { eventOf, recordEvents } from '../../src/conversations/store.ts'
import type { CallSnapshot } from '../../src/vendors/telephony.ts'
import { completed, incoming, lakeside, newCallSid, openTelephone, sid, type Telephone } from '../support/telephone.ts'

let telephone: Telephone
beforeAll(async () => {
  telephone = await openTelephone()
})
afterAll(() => telephone.end())

let callSid: string
let conversationId: string
beforeEach(async () => {
  callSid = newCallSid()
  telephone.vendors.asked.length = 0
  telephone.vendors.isTelling = true
  await telephone.post('/incoming-call', incoming(callSid))
  conversationId = (await call()).id
})

const call = async () => {
  const [row] = await telephone.admin`select * from conversations where call_sid = ${callSid}`
  return row ?? {}
}
const keys = async (): Promise<string[]> =>
  (
    await telephone.admin<{ key: string }[]>`
      select key from conversation_events where conversation_id = ${conversationId} order by position`
  ).map(({ key }) => key)
const mails = async (): Promise<number> =>
  (await telephone.admin`select from email_deliveries where conversation_id = ${conversationId}`).length
const deadlines = async (): Promise<number[]> =>
  (await telephone.jobs(callSid)).filter(({ task }) => task === 'mail-deadline').map(({ dueAtMs }) => dueAtMs)

/** What is due of this call is done, as the queue would: the job is gone, and its task has run. */
async function deadlineComes(): Promise<void> {
  await telephone.admin`
    select graphile_worker.complete_jobs(array(
      select j.id from graphile_worker._private_jobs j
      join graphile_worker._private_tasks t on t.id = j.task_id
      where t.identifier = 'mail-deadline' and j.payload->>'conversationId' = ${conversationId}))`
  await telephone.run('mail-deadline', { conversationId })
}

async function happened(...facts: ConversationFact[]): Promise<void> {
  const { organizationId } = lakeside
  const { db, clock, ids } = telephone.deps
  const events = facts.map((fact) => eventOf(fact, clock.now()))
  await db.withOrg(organizationId, (tx) => recordEvents({ clock, ids }, tx, organizationId, conversationId, events))
}

const streamSid = sid('MZ', 1)
const streamIsOver: ConversationFact[] = [
  { kind: 'stream.started', streamSid, generation: 0 },
  { kind: 'stream.ended', streamSid, reason: 'stopped' },
  { kind: 'transcript.settled', streamSid },
]
const seenByTwilio = (status: CallSnapshot['status']): void => {
  const isOver = status === 'completed'
  telephone.vendors.calls.set(callSid, {
    ...{ from: '+15550102030', to: lakeside.number, direction: 'inbound', status },
    ...{ durationMs: isOver ? 42_000 : null, endedAtMs: isOver ? telephone.clock.now() : null },
  })
}

describe('a call of which nothing more is heard', () => {
  test('is asked for after a while, and gets its end, its analysis and its mail', async () => {
    expect(await deadlines()).toEqual([telephone.clock.now() + limits.reconcileMs])
    telephone.clock.advance(limits.reconcileMs)
    seenByTwilio('completed')
    await deadlineComes()
    expect(telephone.vendors.asked[0]).toBe(`fetch call ${callSid}`)
    expect(await call()).toMatchObject({ call_status: 'completed', duration_ms: '42000' })
    // It has the term of any call that has just ended, for its recording and its analysis.
    expect(await mails()).toBe(0)
    expect(await deadlines()).toEqual([telephone.clock.now() + limits.mailDeadlineMs])
    await deadlineComes()
    expect(await mails()).toBe(1)
  })

  test('is left alone when Twilio says that it goes on, and asked for again later', async () => {
    const before = await keys()
    for (const status of ['in-progress', 'ringing'] as const) {
      seenByTwilio(status)
      await deadlineComes()
      expect(await keys()).toEqual(before)
      expect(await deadlines()).toEqual([telephone.clock.now() + limits.reconcileMs])
    }
    expect(await mails()).toBe(0)
  })

  test('is asked for again later when Twilio cannot be asked now', async () => {
    telephone.vendors.isTelling = false
    telephone.clock.advance(limits.reconcileMs)
    await deadlineComes()
    expect(await deadlines()).toEqual([telephone.clock.now() + limits.reconcileMs])
    expect(await call()).toMatchObject({ call_status: 'ringing' })
  })
})

describe('a call that is beyond saving', () => {
  const closed = async (): Promise<boolean> => (await keys()).includes('warning:end')

  test('because Twilio knows no such call is closed once nothing is heard of it, as of when it was last heard of', async () => {
    const lastHeardAtMs = telephone.clock.now()
    telephone.clock.advance(limits.reconcileMs - 1)
    await deadlineComes()
    expect([await closed(), await deadlines()]).toEqual([false, [telephone.clock.now() + limits.reconcileMs]])
    telephone.clock.advance(1)
    await deadlineComes()
    expect(await closed()).toBe(true)
    expect(await call()).toMatchObject({ call_status: 'failed', ended_at: new Date(lastHeardAtMs), is_live: false })
  })

  test.each(['in-progress', null] as const)(
    'because it would be longer than any is closed, though Twilio says %p',
    async (status) => {
      if (status !== null) seenByTwilio(status)
      telephone.vendors.isTelling = status !== null
      telephone.clock.advance(limits.longestCallMs)
      await deadlineComes()
      expect(await call()).toMatchObject({ call_status: 'failed', is_live: false })
    },
  )

  test('gets its words settled, its analysis and its mail, which says so; and an end that is told after all holds', async () => {
    await happened({ kind: 'stream.started', streamSid, generation: 0 }, { kind: 'recording.refused', reason: 'x' })
    telephone.clock.advance(limits.reconcileMs)
    await deadlineComes()
    const tasks = (await telephone.jobs(callSid)).map(({ task }) => task)
    expect(tasks).toEqual(expect.arrayContaining(['settle-stream', 'mail-deadline']))
    const dueAtMs = String(telephone.clock.now())
    await telephone.run('settle-stream', { conversationId, streamSid, dueAtMs })
    expect((await telephone.jobs(callSid)).map(({ task }) => task)).toContain('analyze')
    await happened({ kind: 'analysis.skipped', reason: 'x' })
    expect(await mails()).toBe(1)
    await telephone.post('/status', completed(callSid))
    expect(await call()).toMatchObject({ call_status: 'completed', duration_ms: '17000' })
    expect(await mails()).toBe(1)
  })
})

describe('a call whose stream is over', () => {
  test('and whose end was never told has it asked for, and a term for what comes of it: the analysis is in the mail', async () => {
    await happened(...streamIsOver, { kind: 'recording.refused', reason: 'x' })
    expect(await deadlines()).toEqual([telephone.clock.now() + limits.mailDeadlineMs])
    seenByTwilio('completed')
    await deadlineComes()
    expect(await call()).toMatchObject({ call_status: 'completed', duration_ms: '42000' })
    expect((await telephone.jobs(callSid)).map(({ task }) => task)).toContain('analyze')
    expect(await mails()).toBe(0)
    expect(await deadlines()).toEqual([telephone.clock.now() + limits.lateNewsMs])
    await happened({ kind: 'analysis.skipped', reason: 'x' })
    expect(await mails()).toBe(1)
    await deadlineComes()
    expect([await mails(), (await keys()).includes('deadline.passed')]).toEqual([1, false])
  })

  test('is mailed with what there is when nothing comes of the answer in its term', async () => {
    await happened(...streamIsOver, { kind: 'recording.refused', reason: 'x' })
    seenByTwilio('completed')
    await deadlineComes()
    await deadlineComes()
    expect([await mails(), (await keys()).includes('deadline.passed')]).toEqual([1, true])
  })

  test('is mailed at the deadline with what there is, though Twilio cannot be asked', async () => {
    await happened(...streamIsOver)
    await deadlineComes()
    expect(await mails()).toBe(1)
    expect(await call()).toMatchObject({ call_status: 'ringing' })
  })

  test('and whose recording was never told has it found, and fetched', async () => {
    const recordingSid = sid('RE', 31)
    await happened(...streamIsOver, { kind: 'recording.started', recordingSid, isVoicemail: false })
    await telephone.post('/status', completed(callSid))
    const found = { recordingSid, status: 'completed', durationMs: 40_000, channels: 2, isVoicemail: false }
    const unfinished = { ...found, recordingSid: sid('RE', 32), status: 'processing' }
    telephone.vendors.recordingsOf.set(callSid, [found, unfinished])
    await deadlineComes()
    expect(telephone.vendors.asked).toEqual([`list recordings ${callSid}`])
    const rows = await telephone.admin`select * from recordings where conversation_id = ${conversationId}`
    expect(rows).toMatchObject([
      { recording_sid: recordingSid, status: 'completed', duration_ms: '40000', channels: 2 },
    ])
    expect((await telephone.jobs(callSid)).map(({ task }) => task)).toContain('fetch-recording')
  })

  test('is asked for nothing when nothing is missing, and its mail is not planned again', async () => {
    await happened(
      ...streamIsOver,
      { kind: 'recording.refused', reason: 'x' },
      { kind: 'analysis.skipped', reason: 'x' },
    )
    await telephone.post('/status', completed(callSid))
    expect(await mails()).toBe(1)
    const before = await keys()
    await deadlineComes()
    expect([telephone.vendors.asked, await keys(), await mails()]).toEqual([[], before, 1])
  })
})

describe('a stream that was asked for', () => {
  const lapse = () => telephone.run('lapse-stream', { conversationId, generation: '0' })

  test('and never came has lapsed once its token has expired', async () => {
    const [job] = (await telephone.jobs(callSid)).filter(({ task }) => task === 'lapse-stream')
    expect(job?.ids).toMatchObject({ conversationId, generation: '0' })
    expect(job?.dueAtMs).toBeGreaterThan(telephone.clock.now() + limits.streamTokenMs)
    await lapse()
    await lapse()
    expect((await keys()).filter((key) => key === 'stream.lapsed:0')).toHaveLength(1)
  })

  test('and came has not', async () => {
    await happened({ kind: 'stream.started', streamSid, generation: 0 })
    await lapse()
    expect(await keys()).not.toContain('stream.lapsed:0')
  })
})

describe('a stream whose process died', () => {
  const next = sid('MZ', 2)
  const started: ConversationFact = { kind: 'stream.started', streamSid, generation: 0 }
  const followed: ConversationFact[] = [
    { kind: 'stream.expected', generation: 1 },
    { kind: 'stream.started', streamSid: next, generation: 1 },
  ]
  const settling = async () => (await telephone.jobs(callSid)).filter(({ task }) => task === 'settle-stream')
  const settle = async (dueAtMs = telephone.clock.now()) =>
    telephone.run('settle-stream', { conversationId, streamSid, dueAtMs: String(dueAtMs) })

  test('and that another has followed gets a term for its last words, once', async () => {
    await happened(started)
    expect(await settling()).toEqual([])
    await happened(...followed)
    await happened({ kind: 'call.resumed', generation: 1 })
    expect(await settling()).toMatchObject([
      { ids: { conversationId, streamSid }, dueAtMs: telephone.clock.now() + limits.settleStreamMs },
    ])
  })

  test('is settled after that: the analysis and the mail come, and say that words may be missing', async () => {
    await happened(started, ...followed, { kind: 'recording.refused', reason: 'x' })
    await settle()
    expect(await keys()).toEqual(
      expect.arrayContaining([`stream.ended:${streamSid}`, `transcript.settled:${streamSid}`]),
    )
    expect(await keys()).toContain(`warning:stream ${streamSid}`)
    await happened({ kind: 'transcript.settled', streamSid: next })
    await telephone.post('/status', completed(callSid))
    expect((await telephone.jobs(callSid)).map(({ task }) => task)).toContain('analyze')
    await happened({ kind: 'analysis.skipped', reason: 'x' })
    expect([await mails(), (await keys()).includes('deadline.passed')]).toEqual([1, false])
  })

  test('is settled by nobody when it has given its last words itself, or when there is none', async () => {
    await happened(started, { kind: 'stream.ended', streamSid, reason: 'stopped' })
    await happened({ kind: 'transcript.settled', streamSid })
    const before = await keys()
    await settle()
    await telephone.run('settle-stream', { conversationId, streamSid: next, dueAtMs: '0' })
    expect(await keys()).toEqual(before)
  })

  test('gets its term anew when the database was away, for its last words were as well', async () => {
    await happened(started, ...followed)
    const before = await keys()
    await settle(telephone.clock.now() - limits.settleStreamMs - 1)
    expect(await keys()).toEqual(before)
    const [{ ids: { dueAtMs = '' } = {} } = {}] = await settling()
    expect(Number(dueAtMs)).toBe(telephone.clock.now() + limits.settleStreamMs)
  })

  test('is settled, too, when the call ended with it', async () => {
    await happened(started)
    await telephone.post('/status', completed(callSid))
    expect(await settling()).toHaveLength(1)
    await settle()
    expect(await keys()).toContain(`transcript.settled:${streamSid}`)
  })
})
