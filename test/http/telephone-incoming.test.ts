// A caller is on the line: whose call it is, what Twilio is told, and what is written, once, however often it asks.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { XMLParser } from 'fast-xml-parser'
import { seedDemo } from '../../src/demo.ts'
import {
  cedar,
  completed,
  house,
  incoming,
  lakeside,
  later,
  newCallSid,
  openTelephone,
  publicBaseUrl,
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

const answerOf = async (response: Response): Promise<string> => {
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('text/xml; charset=utf-8')
  return response.text()
}
const ring = async (...given: Parameters<typeof incoming>): Promise<string> =>
  answerOf(await telephone.post('/incoming-call', incoming(...given)))

const callOf = async (callSid: string, from: Telephone = telephone) => {
  const rows = await from.admin`select * from conversations where call_sid = ${callSid}`
  expect(rows.length).toBeLessThanOrEqual(1)
  return rows[0]
}
const keysOf = async (callSid: string): Promise<string[]> =>
  (
    await telephone.admin<{ key: string }[]>`
      select e.key from conversation_events e join conversations c on c.id = e.conversation_id
      where c.call_sid = ${callSid} order by e.position`
  ).map(({ key }) => key)

describe('an incoming call', () => {
  // The first of all: no call from before is still opening one.
  test('opens the model ahead of its stream, once', async () => {
    const callSid = newCallSid()
    await ring(callSid)
    await telephone.until(() => telephone.vendors.dialled.length >= 1)
    await ring(callSid)
    const another = newCallSid()
    await ring(another)
    await telephone.until(() => telephone.vendors.dialled.length >= 2)
    expect(telephone.vendors.dialled.length).toBe(2)
  })

  test('is connected to its stream, and has a way on for when the stream is over', async () => {
    const callSid = newCallSid()
    const twiml = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '' }).parse(await ring(callSid))
    const { Response: document } = twiml
    expect(Object.keys(document)).toEqual(['Say', 'Connect'])
    // The path names the account by nothing that is known elsewhere.
    expect(document.Connect.Stream.url).not.toContain(house.accountSid)
    expect(document.Say).toBe('This call is recorded.')
    expect(document.Connect).toMatchObject({
      action: `${publicBaseUrl}/api/twilio/resume?after=stream-0`,
      method: 'POST',
      Stream: {
        url: expect.stringMatching(/^wss:\/\/frontdesk\.example\/api\/twilio\/media-stream\/[0-9a-f]{32}$/),
        statusCallback: `${publicBaseUrl}/api/twilio/stream-status`,
        Parameter: { name: 'token', value: expect.stringMatching(/^[0-9a-f]{32}$/) },
      },
    })
  })

  test('is a conversation at once, with everything that Twilio said of it', async () => {
    const callSid = newCallSid()
    await ring(callSid)
    expect(await callOf(callSid)).toMatchObject({
      organization_id: lakeside.organizationId,
      session_id: `twilio_${callSid}`,
      channel: 'voice',
      direction: 'inbound',
      account_sid: house.accountSid,
      from_number: '+15550102030',
      to_number: lakeside.number,
      call_status: 'ringing',
      started_at: new Date(telephone.clock.now()),
      answered_at: null,
      ended_at: null,
      transcript: null,
    })
    expect(await keysOf(callSid)).toEqual(['call.incoming', 'call.status:ringing:none', 'stream.expected:0'])
  })

  test('that a clinic does not record says nothing of it', async () => {
    expect(await ring(newCallSid(), { To: cedar.number })).not.toContain('<Say>')
  })

  test('that Twilio repeats gets the same answer, and leaves nothing behind', async () => {
    const callSid = newCallSid()
    const first = await ring(callSid)
    const before = await telephone.everything()
    telephone.clock.advance(1_000)
    expect(await ring(callSid)).toBe(first)
    const after = await telephone.everything()
    // The job that watches for the stream is the same job, and may be renewed.
    for (const table of Object.keys(before).filter((name) => !name.startsWith('graphile_worker')))
      expect([table, after[table]]).toEqual([table, before[table]])
    expect(await telephone.jobs(callSid)).toMatchObject([{ task: 'lapse-stream' }, { task: 'mail-deadline' }])
  })

  test('delivered twenty times at once is one conversation, with one event of each kind, and one answer', async () => {
    const callSid = newCallSid()
    const answers = await Promise.all(Array.from({ length: 20 }, () => ring(callSid)))
    expect(new Set(answers).size).toBe(1)
    expect((await keysOf(callSid)).sort()).toEqual(['call.incoming', 'call.status:ringing:none', 'stream.expected:0'])
    const ties = await telephone.admin`select from routing.calls where call_sid = ${callSid}`
    const tokens = await telephone.admin`select from routing.stream_tokens where call_sid = ${callSid}`
    expect([ties.length, tokens.length]).toEqual([1, 1])
  })

  test('together with its own callbacks, in any order and all at once, is one conversation', async () => {
    for (let round = 0; round < 8; round++) {
      const callSid = newCallSid()
      const deliveries = [
        () => telephone.post('/incoming-call', incoming(callSid)),
        () => telephone.post('/status', completed(callSid)),
        () => telephone.post('/status', later(callSid, { SequenceNumber: '0', CallStatus: 'ringing' })),
        () => telephone.post('/resume?after=stream-0', later(callSid)),
        () => telephone.post('/incoming-call', incoming(callSid)),
        () => telephone.post('/status', completed(callSid)),
      ]
      const turned = deliveries.map((_, i) => deliveries[(i * 5 + round) % deliveries.length])
      for (const { status } of await Promise.all(turned.map((deliver) => deliver?.()).filter((sent) => !!sent)))
        expect([200, 204]).toContain(status)
      expect(await callOf(callSid)).toMatchObject({ call_status: 'completed', duration_ms: '17000' })
      expect((await keysOf(callSid)).filter((key) => key === 'call.incoming').length).toBe(1)
    }
  })
})

describe('whose call it is', () => {
  test('a number that no clinic has gets a polite sentence and a hang-up, and is kept for the operator', async () => {
    const callSid = newCallSid()
    const tables = ['public.conversations', 'public.conversation_events', 'routing.calls', 'routing.stream_tokens']
    const before = await telephone.everything()
    const twiml = await ring(callSid, { To: '+15550000000' })
    expect(twiml).toMatch(/<Response><Say>We are sorry, [^<]+ Goodbye\.<\/Say><Hangup\/><\/Response>$/)
    await ring(callSid, { To: '+15550000000' })
    const kept = await telephone.admin`select * from routing.unrouted_calls where call_sid = ${callSid}`
    expect(kept.length).toBe(1)
    expect(kept[0]).toMatchObject({ account_sid: house.accountSid, to_number: '+15550000000' })
    const after = await telephone.everything()
    for (const table of tables) expect([table, after[table]]).toEqual([table, before[table]])
    // Its later requests belong to nobody either.
    expect((await telephone.post('/status', completed(callSid, { To: '+15550000000' }))).status).toBe(204)
    expect((await telephone.post('/stream-status', streamReport(callSid, sid('MZ', 1)))).status).toBe(204)
    expect(await callOf(callSid)).toBeUndefined()
  })

  test('the log tells the operator of the miss, without a number in it', async () => {
    telephone.log.length = 0
    await ring(newCallSid(), { To: '+15550000001', From: '+15550109999' })
    const lines = telephone.log.join('')
    expect(lines).toContain('an incoming call found no clinic')
    expect(lines).not.toMatch(/15550000001|15550109999/)
  })

  test('an inactive number is nobody’s', async () => {
    const { admin } = telephone
    await admin`update phone_numbers set is_active = false where phone_number = ${cedar.number}`
    expect(await ring(newCallSid(), { To: cedar.number })).toContain('<Hangup/>')
    await admin`update phone_numbers set is_active = true where phone_number = ${cedar.number}`
    expect(await ring(newCallSid(), { To: cedar.number })).toContain('<Connect')
  })

  test('a call stays with its clinic, though its number is given to another while it lasts', async () => {
    const [early, late] = [newCallSid(), newCallSid()]
    await ring(early)
    const { admin } = telephone
    await admin`update phone_numbers set is_active = false where phone_number = ${lakeside.number}`
    await admin`
      insert into phone_numbers (organization_id, id, phone_number, channel)
      values (${cedar.organizationId}, gen_random_uuid(), ${lakeside.number}, 'twilio')`
    await ring(late)
    await telephone.post('/resume?after=stream-0', later(early))
    await telephone.post('/status', completed(early))
    await telephone.post('/recording', recordingDone(early, sid('RE', 77)))
    expect(await callOf(early)).toMatchObject({ organization_id: lakeside.organizationId, call_status: 'completed' })
    expect(await callOf(late)).toMatchObject({ organization_id: cedar.organizationId })
    await admin`
      delete from phone_numbers where phone_number = ${lakeside.number} and organization_id = ${cedar.organizationId}`
    await admin`update phone_numbers set is_active = true where phone_number = ${lakeside.number}`
  })

  test('a caller cannot choose a clinic by anything they send', async () => {
    const callSid = newCallSid()
    await ring(callSid, {
      organization_id: cedar.organizationId,
      OrganizationId: cedar.organizationId,
      Called: cedar.number,
      ForwardedFrom: cedar.number,
      From: cedar.number,
      agent_id: 'agent_of_cedar',
    })
    expect(await callOf(callSid)).toMatchObject({ organization_id: lakeside.organizationId })
  })

  test('a caller without a number is answered like any other', async () => {
    for (const From of ['anonymous', '', 'sip:dana@example.com']) {
      const callSid = newCallSid()
      expect(await ring(callSid, { From })).toContain('<Connect')
      expect(await callOf(callSid)).toMatchObject({ from_number: From })
    }
  })
})

describe('a fallback organization', () => {
  test('gets the calls that nobody else has, when one is configured', async () => {
    const fallback = await openTelephone({ FALLBACK_ORGANIZATION_ID: cedar.organizationId })
    const callSid = newCallSid()
    expect(await answerOf(await fallback.post('/incoming-call', incoming(callSid, { To: '+15550000000' })))).toContain(
      '<Connect',
    )
    expect(await callOf(callSid, fallback)).toMatchObject({
      organization_id: cedar.organizationId,
      to_number: '+15550000000',
    })
    const routed = newCallSid()
    await fallback.post('/incoming-call', incoming(routed))
    expect(await callOf(routed, fallback)).toMatchObject({ organization_id: lakeside.organizationId })
    expect(await fallback.admin`select from routing.unrouted_calls`).toHaveLength(0)
    await fallback.end()
  })
})

test('seeding the demonstration again changes nothing', async () => {
  const before = await telephone.everything()
  await seedDemo(telephone.deps.db, telephone.deps.ids, telephone.deps.clock.now())
  expect(await telephone.everything()).toEqual(before)
})
