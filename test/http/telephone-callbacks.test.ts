// Twilio's callbacks: late, early, twice, out of order or about a call we never heard of. Each is one fact, and none is lost.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createApp } from '../../src/app.ts'
import {
  completed,
  incoming,
  lakeside,
  later,
  newCallSid,
  openTelephone,
  recordingDone,
  sid,
  streamReport,
  type Telephone,
} from '../support/telephone.ts'

let telephone: Telephone
beforeAll(async () => {
  telephone = await openTelephone()
})
afterAll(() => telephone.end())

let last = 100
const newRecordingSid = (): string => sid('RE', ++last)

const send = async (...given: Parameters<Telephone['post']>): Promise<void> => {
  const response = await telephone.post(...given)
  expect([given[0], response.status, await response.text()]).toEqual([given[0], 204, ''])
}
const ring = async (callSid: string): Promise<void> => {
  expect((await telephone.post('/incoming-call', incoming(callSid))).status).toBe(200)
}
const callOf = async (callSid: string) =>
  (await telephone.admin`select * from conversations where call_sid = ${callSid}`)[0]
const recordingOf = async (recordingSid: string) =>
  (await telephone.admin`select * from recordings where recording_sid = ${recordingSid}`)[0]
const keysOf = async (callSid: string): Promise<string[]> =>
  (
    await telephone.admin<{ key: string }[]>`
      select e.key from conversation_events e join conversations c on c.id = e.conversation_id
      where c.call_sid = ${callSid} order by e.position`
  ).map(({ key }) => key)

describe('a status callback', () => {
  test('ends the call, with Twilio’s own time and duration', async () => {
    const callSid = newCallSid()
    await ring(callSid)
    await send('/status', completed(callSid))
    expect(await callOf(callSid)).toMatchObject({
      call_status: 'completed',
      ended_at: new Date('2026-03-02T09:00:17Z'),
      duration_ms: '17000',
    })
  })

  test('before the webhook that caused it opens the conversation, and the webhook finds it', async () => {
    const callSid = newCallSid()
    await send('/status', completed(callSid))
    expect(await callOf(callSid)).toMatchObject({
      organization_id: lakeside.organizationId,
      session_id: `twilio_${callSid}`,
      call_status: 'completed',
      direction: 'inbound',
    })
    await ring(callSid)
    expect(await callOf(callSid)).toMatchObject({ call_status: 'completed', duration_ms: '17000' })
    expect(await keysOf(callSid)).toContain('call.incoming')
  })

  test('of a lower status, late, takes nothing back', async () => {
    const callSid = newCallSid()
    await ring(callSid)
    await send('/status', completed(callSid, { SequenceNumber: '3' }))
    for (const [SequenceNumber, CallStatus] of ['initiated', 'ringing', 'in-progress'].entries())
      await send('/status', later(callSid, { CallStatus, SequenceNumber: String(SequenceNumber) }))
    await telephone.post('/resume?after=stream-0', later(callSid))
    expect(await callOf(callSid)).toMatchObject({ call_status: 'completed', duration_ms: '17000' })
  })

  test('delivered twice is one event', async () => {
    const callSid = newCallSid()
    await ring(callSid)
    await send('/status', completed(callSid))
    const before = await telephone.everything()
    await send('/status', completed(callSid))
    expect(await telephone.everything()).toEqual(before)
  })

  test('delivered to two machines at the same moment is one event, and has one effect', async () => {
    const { database, deps, jobs, post, admin } = telephone
    const machines = [telephone.app, createApp({ ...deps, db: database.open() })]
    for (let n = 0; n < 10; n++) {
      const callSid = newCallSid()
      await ring(callSid)
      const answers = await Promise.all(
        [...machines, ...machines].map((app) => post('/status', completed(callSid), { app })),
      )
      expect(answers.map(({ status }) => status)).toEqual([204, 204, 204, 204])
      const keys = await keysOf(callSid)
      expect(keys.filter((key) => key === 'call.status:completed:0')).toHaveLength(1)
      const [{ count = 0 } = {}] = await admin`
        select event_count as count from conversations where call_sid = ${callSid}`
      expect(count).toBe(keys.length)
      const tasks = (await jobs(callSid)).map(({ task }) => task)
      expect([tasks.length, new Set(tasks).size]).toEqual([2, 2])
    }
  })

  test('of a call that nobody has heard of yet opens one conversation, whichever machines it reaches at once', async () => {
    const { database, deps, post, admin } = telephone
    const machines = [telephone.app, createApp({ ...deps, db: database.open() })]
    const callSid = newCallSid()
    await Promise.all([...machines, ...machines].map((app) => post('/status', completed(callSid), { app })))
    expect(await admin`select from conversations where call_sid = ${callSid}`).toHaveLength(1)
    expect(await keysOf(callSid)).toEqual(['call.status:completed:0'])
  })

  test('of a call placed by us belongs to the clinic whose number calls out', async () => {
    const callSid = newCallSid()
    const parties = { Direction: 'outbound-api', From: lakeside.number, To: '+15550107777' }
    await send('/status', later(callSid, { ...parties, CallStatus: 'initiated', SequenceNumber: '0' }))
    expect(await callOf(callSid)).toMatchObject({
      organization_id: lakeside.organizationId,
      direction: 'outbound',
      from_number: lakeside.number,
      to_number: '+15550107777',
    })
  })

  test('that names neither side is kept for a call that is known, and set aside for one that is not', async () => {
    const { From: _, To: __, ...nameless } = completed(newCallSid())
    const before = await telephone.everything()
    await send('/status', nameless)
    expect(await telephone.everything()).toEqual(before)
    await ring(String(nameless.CallSid))
    await send('/status', nameless)
    expect(await callOf(String(nameless.CallSid))).toMatchObject({ call_status: 'completed' })
  })

  test('with times and numbers that cannot be read still ends the call', async () => {
    const callSid = newCallSid()
    await ring(callSid)
    await send('/status', completed(callSid, { Timestamp: 'soon', CallDuration: '', SequenceNumber: '' }))
    expect(await callOf(callSid)).toMatchObject({
      call_status: 'completed',
      ended_at: new Date(telephone.clock.now()),
      duration_ms: null,
    })
  })
})

describe('a recording callback', () => {
  test('is kept, and the file is asked for once it is complete', async () => {
    const [callSid, recordingSid] = [newCallSid(), newRecordingSid()]
    await ring(callSid)
    await send('/recording', recordingDone(callSid, recordingSid, { RecordingStatus: 'in-progress' }))
    expect((await telephone.jobs(callSid)).map(({ task }) => task)).not.toContain('fetch-recording')
    await send('/recording', recordingDone(callSid, recordingSid))
    await send('/recording', recordingDone(callSid, recordingSid))
    expect(await recordingOf(recordingSid)).toMatchObject({
      organization_id: lakeside.organizationId,
      status: 'completed',
      is_voicemail: false,
      duration_ms: '16000',
      channels: 2,
    })
    const jobs = (await telephone.jobs(callSid)).filter(({ task }) => task === 'fetch-recording')
    expect(jobs).toMatchObject([{ ids: { recordingSid } }])
    for (const { ids } of jobs) await telephone.run('fetch-recording', ids)
    const { id } = (await callOf(callSid)) ?? {}
    const storedAs = `${lakeside.organizationId}/${id}/${recordingSid}.wav`
    expect([...telephone.vendors.files.keys()]).toEqual([storedAs])
    expect(await recordingOf(recordingSid)).toMatchObject({ stored_as: storedAs, bytes: '4' })
  })

  test('of silence is no file to fetch', async () => {
    const [callSid, recordingSid] = [newCallSid(), newRecordingSid()]
    await ring(callSid)
    await send(
      '/recording',
      recordingDone(callSid, recordingSid, {
        RecordingStatus: 'absent',
        RecordingDuration: '-1',
        RecordingUrl: '',
        RecordingChannels: '',
        ErrorCode: '13213',
      }),
    )
    expect(await recordingOf(recordingSid)).toMatchObject({ status: 'absent', duration_ms: null, channels: null })
    expect((await telephone.jobs(callSid)).map(({ task }) => task)).not.toContain('fetch-recording')
  })

  test('of a tape says that it is one, whatever else we know of the call', async () => {
    const [callSid, recordingSid] = [newCallSid(), newRecordingSid()]
    await ring(callSid)
    await send(
      '/recording',
      recordingDone(callSid, recordingSid, { RecordingSource: 'RecordVerb', RecordingChannels: '1' }),
    )
    expect(await recordingOf(recordingSid)).toMatchObject({ status: 'completed', is_voicemail: true })
  })

  test('for a call that we never heard of is kept, once the carrier has told whose it is', async () => {
    const [callSid, recordingSid] = [newCallSid(), newRecordingSid()]
    const call = { from: '+15550102030', to: lakeside.number, direction: 'inbound', status: 'completed' } as const
    telephone.vendors.calls.set(callSid, { ...call, durationMs: 21_000, endedAtMs: Date.UTC(2026, 2, 2, 8, 0, 21) })
    await send('/recording', recordingDone(callSid, recordingSid, { RecordingSource: 'RecordVerb' }))
    expect(telephone.vendors.asked.at(-1)).toBe(`fetch call ${callSid}`)
    expect(await callOf(callSid)).toMatchObject({
      organization_id: lakeside.organizationId,
      session_id: `twilio_${callSid}`,
      from_number: '+15550102030',
      call_status: 'completed',
      ended_at: new Date('2026-03-02T08:00:21Z'),
      duration_ms: '21000',
    })
    expect(await recordingOf(recordingSid)).toMatchObject({ status: 'completed', is_voicemail: true })
    // Nothing else is to be waited for: its words are on the tape.
    expect((await telephone.jobs(callSid)).map(({ task }) => task)).toContain('analyze')
  })

  test('for a call that not even the carrier knows is set aside, and nothing is written', async () => {
    const before = await telephone.everything()
    await send('/recording', recordingDone(newCallSid(), newRecordingSid()))
    expect(await telephone.everything()).toEqual(before)
  })
})

describe('a stream callback', () => {
  test('is kept, once an event', async () => {
    const callSid = newCallSid()
    await ring(callSid)
    const streamSid = sid('MZ', 7)
    await send('/stream-status', streamReport(callSid, streamSid))
    await send('/stream-status', streamReport(callSid, streamSid))
    await send('/stream-status', streamReport(callSid, streamSid, { StreamEvent: 'stream-error', StreamError: 'cut' }))
    expect((await keysOf(callSid)).slice(3)).toEqual([
      `stream.reported:${streamSid}:stream-started`,
      `stream.reported:${streamSid}:stream-error`,
    ])
  })

  test('for a call that we never heard of is set aside, and nothing is written', async () => {
    const before = await telephone.everything()
    await send('/stream-status', streamReport(newCallSid(), sid('MZ', 8)))
    expect(await telephone.everything()).toEqual(before)
  })
})
