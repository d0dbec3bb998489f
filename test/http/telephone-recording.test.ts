// The recording of a call: asked for once it is answered, and never made twice, whatever became of the first request.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { RetryLater } from '../../src/lib/retry-later.ts'
import type { RecordingSnapshot } from '../../src/vendors/telephony.ts'
import { incoming, newCallSid, openTelephone, sid, type Telephone } from '../support/telephone.ts'

let telephone: Telephone
beforeAll(async () => {
  telephone = await openTelephone()
})
beforeEach(() => {
  telephone.vendors.asked.length = 0
  telephone.vendors.recordingTrouble = null
})
afterAll(() => telephone.end())

const running: RecordingSnapshot = {
  recordingSid: sid('RE', 0xabc),
  status: 'in-progress',
  durationMs: null,
  channels: 2,
  isVoicemail: false,
}

async function ring(there: RecordingSnapshot[] = []) {
  const callSid = newCallSid()
  await telephone.post('/incoming-call', incoming(callSid))
  telephone.vendors.recordingsOf.set(callSid, there)
  const [row] = await telephone.admin<{ id: string }[]>`select id from conversations where call_sid = ${callSid}`
  const conversationId = row?.id ?? ''
  return {
    callSid,
    start: (attempt = 1) => telephone.run('start-recording', { conversationId }, attempt),
    recordings: async () =>
      (
        await telephone.admin<{ recording_sid: string }[]>`
          select recording_sid from recordings where conversation_id = ${conversationId}`
      ).map((recording) => recording.recording_sid),
  }
}

describe('a recording', () => {
  test('is started, and kept under the carrier’s name for it', async () => {
    const call = await ring()
    await call.start()
    expect(telephone.vendors.asked).toEqual([`start recording ${call.callSid}`])
    expect(await call.recordings()).toHaveLength(1)
  })

  test('is not asked for before its notice was spoken: the stream comes after that, and asks for it', async () => {
    const { callSid } = await ring()
    expect((await telephone.jobs(callSid)).map(({ task }) => task)).not.toContain('start-recording')
  })

  test('that is known is not started again', async () => {
    const call = await ring()
    await call.start()
    await call.start(2)
    expect(telephone.vendors.asked).toEqual([`start recording ${call.callSid}`])
  })

  test('that was started although nobody heard so is found, not made a second time', async () => {
    const call = await ring()
    telephone.vendors.recordingTrouble = 'unavailable'
    await expect(call.start()).rejects.toBeInstanceOf(RetryLater)
    telephone.vendors.recordingTrouble = null
    telephone.vendors.recordingsOf.set(call.callSid, [running])
    await call.start(2)
    expect(telephone.vendors.asked).toEqual([`start recording ${call.callSid}`, `list recordings ${call.callSid}`])
    expect(await call.recordings()).toEqual([running.recordingSid])
  })

  test('is started at a later attempt, when the earlier ones did nothing', async () => {
    const tape = { ...running, recordingSid: sid('RE', 0xabd), isVoicemail: true }
    const failed = { ...running, recordingSid: sid('RE', 0xabe), status: 'failed' }
    const call = await ring([tape, failed])
    await call.start(2)
    expect(telephone.vendors.asked).toEqual([`list recordings ${call.callSid}`, `start recording ${call.callSid}`])
    expect(await call.recordings()).not.toContain(tape.recordingSid)
  })

  test('that the carrier refuses is not asked for again', async () => {
    const call = await ring()
    telephone.vendors.recordingTrouble = 'not-live'
    await call.start()
    await call.start(2)
    expect(telephone.vendors.asked).toEqual([`start recording ${call.callSid}`])
    expect(await call.recordings()).toEqual([])
  })
})
