// Twilio comes back for more TwiML: whatever ended, the caller is never left in silence, and no question changes the answer.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { limits } from '../../src/config.ts'
import type { ConversationFact } from '../../src/conversations/events.ts'
import { eventOf, recordEvents } from '../../src/conversations/store.ts'
import {
  completed,
  type Fields,
  incoming,
  lakeside,
  later,
  newCallSid,
  openTelephone,
  publicBaseUrl,
  sid,
  type Telephone,
} from '../support/telephone.ts'

let telephone: Telephone
beforeAll(async () => {
  telephone = await openTelephone()
})
afterAll(() => telephone.end())

const bare = (twiml: string): string => twiml.replace(/^<\?xml[^>]*\?>/, '')
const resume = async (callSid: string, after: string, changes: Fields = {}): Promise<string> => {
  const response = await telephone.post(`/resume?after=${after}`, later(callSid, changes))
  expect(response.status).toBe(200)
  return bare(await response.text())
}
const callOf = async (callSid: string) =>
  (await telephone.admin`select * from conversations where call_sid = ${callSid}`)[0]
const keysOf = async (callSid: string): Promise<string[]> =>
  (
    await telephone.admin<{ key: string }[]>`
      select e.key from conversation_events e join conversations c on c.id = e.conversation_id
      where c.call_sid = ${callSid} order by e.position`
  ).map(({ key }) => key)

/** A call that is up, in which this has happened. */
async function callWith(...facts: ConversationFact[]): Promise<string> {
  const callSid = newCallSid()
  await telephone.post('/incoming-call', incoming(callSid))
  const { id } = (await callOf(callSid)) ?? {}
  const { db, clock, ids } = telephone.deps
  const events = facts.map((fact) => eventOf(fact, clock.now()))
  const { organizationId } = lakeside
  await db.withOrg(organizationId, (tx) => recordEvents({ clock, ids }, tx, organizationId, id, events))
  return callSid
}
const streamSid = sid('MZ', 1)
const started: ConversationFact = { kind: 'stream.started', streamSid, generation: 0 }
const tokenIn = (twiml: string): string | undefined => /name="token" value="([0-9a-f]+)"/.exec(twiml)?.[1]

describe('what comes after a stream', () => {
  test('that we ended is a hang-up', async () => {
    const callSid = await callWith(started, { kind: 'call.ending', reason: 'goodbye' })
    expect(await resume(callSid, 'stream-0')).toBe('<Response><Hangup/></Response>')
  })

  test('whose caller is gone is nothing', async () => {
    const callSid = await callWith(started)
    expect(await resume(callSid, 'stream-0', { CallStatus: 'completed' })).toBe('<Response/>')
    expect(await callOf(callSid)).toMatchObject({ call_status: 'completed' })
  })

  test('without a model is an apology and a tape, which is in the ledger', async () => {
    const callSid = await callWith(started, { kind: 'model.failed', reason: 'refused' })
    const twiml = await resume(callSid, 'stream-0')
    expect(twiml).toMatch(/^<Response><Say>We are sorry, .*<\/Say><Record .*<Redirect/)
    for (const attribute of [
      `action="${publicBaseUrl}/api/twilio/resume?after=voicemail"`,
      `maxLength="${limits.voicemailSeconds}"`,
      'playBeep="true"',
      `recordingStatusCallback="${publicBaseUrl}/api/twilio/recording"`,
      'recordingStatusCallbackEvent="completed absent"',
    ])
      expect(twiml).toContain(attribute)
    expect(twiml).toContain(`<Redirect method="POST">${publicBaseUrl}/api/twilio/resume?after=silence</Redirect>`)
    expect(await keysOf(callSid)).toContain('voicemail.offered')
  })

  test('without a model speaks the caller’s language, if it is known, at the tape and after it', async () => {
    const chosen: ConversationFact = { kind: 'language.chosen', toolCallId: 'c1', language: 'es' }
    const callSid = await callWith(started, chosen, { kind: 'model.failed', reason: 'refused' })
    const twiml = await resume(callSid, 'stream-0')
    expect(twiml).toMatch(/^<Response><Say language="es-US">Lo sentimos, [^<]*<\/Say><Record /)
    expect(await resume(callSid, 'voicemail', { RecordingSid: sid('RE', 70) })).toMatch(
      /^<Response><Say language="es-US">Gracias\. [^<]*<\/Say><Hangup/,
    )
  })

  test('that broke is a new stream of the same conversation, with a token of its own', async () => {
    const callSid = newCallSid()
    const first = await (await telephone.post('/incoming-call', incoming(callSid))).text()
    const before = await callOf(callSid)
    const twiml = await resume(callSid, 'stream-0')
    expect(twiml).toMatch(/^<Response><Connect/)
    expect(twiml).toContain(`${publicBaseUrl}/api/twilio/resume?after=stream-1`)
    expect(tokenIn(twiml)).toMatch(/^[0-9a-f]{32}$/)
    expect(tokenIn(twiml)).not.toBe(tokenIn(first))
    expect((await callOf(callSid))?.id).toBe(before?.id)
    expect(await keysOf(callSid)).toContain('stream.expected:1')
    expect(await telephone.admin`select from routing.stream_tokens where call_sid = ${callSid}`).toHaveLength(2)
  })

  test('that broke too often is the tape', async () => {
    const callSid = await callWith(started)
    for (let generation = 0; generation < limits.resumptions; generation++)
      expect(await resume(callSid, `stream-${generation}`)).toContain('<Connect')
    expect(await resume(callSid, `stream-${limits.resumptions}`)).toContain('<Record')
  })

  test('of a call that we never heard of, because its webhook failed, is a conversation now', async () => {
    const callSid = newCallSid()
    expect(await resume(callSid, 'stream-0')).toContain('<Connect')
    expect(await callOf(callSid)).toMatchObject({ session_id: `twilio_${callSid}`, call_status: 'in-progress' })
  })

  test('to a number that nobody has is the polite sentence', async () => {
    expect(await resume(newCallSid(), 'stream-0', { To: '+15550000000' })).toContain('not in service')
  })
})

describe('what comes after the tape', () => {
  test('with a message on it is a word of thanks, and the recording is the call’s', async () => {
    const callSid = await callWith({ kind: 'voicemail.offered' })
    const recordingSid = sid('RE', 41)
    const twiml = await resume(callSid, 'voicemail', { RecordingSid: recordingSid, RecordingDuration: '' })
    expect(twiml).toBe('<Response><Say>Thank you. We will call you back. Goodbye.</Say><Hangup/></Response>')
    const [recording] = await telephone.admin`select * from recordings where recording_sid = ${recordingSid}`
    expect(recording).toMatchObject({ status: 'started', is_voicemail: true })
  })

  test('whose caller hung up while speaking is nothing, and the recording is kept all the same', async () => {
    const ways: Fields[] = [{ Digits: 'hangup' }, { CallStatus: 'completed' }]
    for (const [n, gone] of ways.entries()) {
      const callSid = await callWith({ kind: 'voicemail.offered' })
      expect(await resume(callSid, 'voicemail', { RecordingSid: sid('RE', 50 + n), ...gone })).toBe('<Response/>')
      expect(await keysOf(callSid)).toContain(`recording.started:${sid('RE', 50 + n)}`)
    }
  })

  test('on which nobody spoke is a hang-up, and nothing is waited for', async () => {
    const callSid = await callWith({ kind: 'voicemail.offered' })
    expect(await resume(callSid, 'silence')).toBe('<Response><Hangup/></Response>')
    expect(await keysOf(callSid)).toContain('voicemail.declined')
    await telephone.post('/status', completed(callSid))
    const stream = { conversationId: (await callOf(callSid))?.id, generation: '0' }
    await telephone.run('lapse-stream', stream)
    expect((await telephone.jobs(callSid)).map(({ task }) => task)).toContain('analyze')
  })
})

describe('a request that Twilio makes again', () => {
  const cases: [after: string, facts: ConversationFact[], changes?: Fields][] = [
    ['stream-0', [started]],
    ['stream-0', [started, { kind: 'call.ending', reason: 'goodbye' }]],
    ['stream-0', [started, { kind: 'model.failed', reason: 'refused' }]],
    ['stream-0', [started], { CallStatus: 'completed' }],
    ['voicemail', [{ kind: 'voicemail.offered' }], { RecordingSid: sid('RE', 60) }],
    ['silence', [{ kind: 'voicemail.offered' }]],
  ]

  test.each(cases)('after %s gets the same answer, and leaves nothing new', async (after, facts, changes = {}) => {
    const callSid = await callWith(...facts)
    const first = await resume(callSid, after, changes)
    const [before, jobs] = [await telephone.everything(), await telephone.jobs(callSid)]
    const again = await Promise.all([1, 2, 3].map(() => resume(callSid, after, changes)))
    expect(again).toEqual([first, first, first])
    const now = await telephone.everything()
    for (const table of Object.keys(before).filter((name) => !name.startsWith('graphile_worker')))
      expect([table, now[table]]).toEqual([table, before[table]])
    expect(await telephone.jobs(callSid)).toEqual(jobs)
  })

  test('opens no second model', async () => {
    const callSid = await callWith(started)
    const dialled = telephone.vendors.dialled.length
    await resume(callSid, 'stream-0')
    await telephone.until(() => telephone.vendors.dialled.length >= dialled + 1)
    await resume(callSid, 'stream-0')
    const another = await callWith(started)
    await telephone.until(() => telephone.vendors.dialled.length >= dialled + 2)
    await resume(another, 'stream-0')
    await telephone.until(() => telephone.vendors.dialled.length >= dialled + 3)
    expect(telephone.vendors.dialled.length).toBe(dialled + 3)
  })

  test('at the same moment as the first is one new stream', async () => {
    const callSid = await callWith(started)
    const answers = await Promise.all(Array.from({ length: 10 }, () => resume(callSid, 'stream-0')))
    expect(new Set(answers).size).toBe(1)
    expect((await keysOf(callSid)).filter((key) => key.startsWith('stream.expected'))).toHaveLength(2)
  })
})

describe('when the machine that was asked died, the fallback', () => {
  const fallback = async (callSid: string, failed: string): Promise<string> => {
    const ErrorUrl = `${publicBaseUrl}/api/twilio/${failed}`
    const response = await telephone.post('/fallback', later(callSid, { ErrorCode: '11205', ErrorUrl }))
    return bare(await response.text())
  }

  test('goes on with the call as the resume request would have', async () => {
    const callSid = await callWith(started)
    const offered = await fallback(callSid, 'resume?after=stream-0')
    expect(offered).toContain('<Stream ')
    expect(offered).toBe(await resume(callSid, 'stream-0'))
    const ended = await callWith(started, { kind: 'call.ending', reason: 'goodbye' })
    expect(await fallback(ended, 'resume?after=stream-0')).toBe('<Response><Hangup/></Response>')
  })

  test('takes the call that the first request would have taken', async () => {
    const callSid = newCallSid()
    expect(await fallback(callSid, 'incoming-call')).toContain('<Stream ')
    expect(await keysOf(callSid)).toContain('stream.expected:0')
  })

  test('offers the tape for anything else that failed', async () => {
    expect(await fallback(newCallSid(), 'leave-message')).toContain('<Record ')
    expect(await fallback(newCallSid(), 'resume/../fallback')).toContain('<Record ')
  })
})
