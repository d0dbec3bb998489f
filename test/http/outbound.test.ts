// Calls that we place: once, whatever the carrier answers and in whatever order it tells of them; and what a machine hears.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { problem } from '../../src/lib/outcome.ts'
import { RetryLater } from '../../src/lib/retry-later.ts'
import { saveTwilioCredentials } from '../../src/organizations/account-store.ts'
import { createSeal } from '../../src/organizations/seal.ts'
import { outboundDesk } from '../support/outbound-desk.ts'
import {
  cedar,
  incoming,
  lakeside,
  newCallSid,
  openTelephone,
  publicBaseUrl,
  type Telephone,
} from '../support/telephone.ts'

let telephone: Telephone
beforeAll(async () => {
  telephone = await openTelephone()
})
afterAll(() => telephone.end())
const desk = outboundDesk(() => telephone)
const { wish, usual, look, wished, place, stateOf, about, status, answered, answeredBy } = desk
const { documentOf, callOf, keysOf, jobsOf } = desk
beforeEach(desk.begin)

let keys = 0

describe('placing', () => {
  test('asks the carrier once, from the clinic’s number, and each callback names the call by our id', async () => {
    const id = await wished()
    expect(await jobsOf(id)).toEqual(['place-call'])
    await place(id)
    await place(id)
    const at = (what: string) => `${publicBaseUrl}/api/twilio/${what}?call=${id}`
    expect(telephone.vendors.placed).toEqual([
      {
        to: '+15550102030',
        from: lakeside.number,
        ringSeconds: 25,
        answerUrl: at('outbound-call'),
        statusUrl: at('outbound-status'),
        answeredByUrl: at('answered-by'),
        fallbackUrl: `${publicBaseUrl}/api/twilio/fallback?after=silence`,
      },
    ])
    const { body } = await look(id)
    expect(body).toMatchObject({ state: 'placed', conversationId: id })
    expect(await callOf(id)).toMatchObject({
      direction: 'outbound',
      session_id: `twilio_${body.callSid}`,
      from_number: lakeside.number,
      to_number: '+15550102030',
      is_live: true,
    })
  })

  test('is not tried again when nobody knows whether there is a call', async () => {
    const id = await wished()
    telephone.vendors.placingTrouble = 'unknown'
    await place(id)
    telephone.vendors.placingTrouble = null
    await place(id)
    expect(telephone.vendors.placed).toEqual([])
    expect(await stateOf(id)).toBe('unknown')
  })

  test('is not tried again after a server that died between asking and writing down the answer', async () => {
    const id = await wished()
    await telephone.admin`update outbound_calls set state = 'placing' where id = ${id}`
    await place(id)
    expect(telephone.vendors.placed).toEqual([])
    expect(await stateOf(id)).toBe('unknown')
  })

  test('that was lost is found again by the first callback that names it', async () => {
    const id = await wished()
    telephone.vendors.placingTrouble = 'unknown'
    await place(id)
    const callSid = newCallSid()
    await status(id, callSid, 'ringing', '1')
    expect((await look(id)).body).toMatchObject({ state: 'placed', callSid, reason: null })
    expect(await keysOf(id)).toEqual(['call.outgoing', 'call.status:ringing:1'])
  })

  test('whose first callback is faster than the carrier’s own answer stays placed, whatever that answer is', async () => {
    const { telephony } = telephone.deps
    const { placeCall } = telephony
    for (const trouble of ['unknown', 'unavailable', 'refused'] as const) {
      const id = await wished({ ...usual(), to: `+1555015${String(++keys).padStart(4, '0')}` })
      const callSid = newCallSid()
      telephony.placeCall = async () => {
        await status(id, callSid, 'initiated', '0')
        return problem(trouble, 'too late')
      }
      await place(id).catch(() => {})
      telephony.placeCall = placeCall
      expect((await look(id)).body).toMatchObject({ state: 'placed', callSid, reason: null })
    }
  })

  test('is tried again when the carrier says that it did nothing', async () => {
    const id = await wished()
    telephone.vendors.placingTrouble = 'unavailable'
    await expect(place(id)).rejects.toBeInstanceOf(RetryLater)
    await place(id).catch(() => {})
    expect(await stateOf(id)).toBe('waiting')
    telephone.vendors.placingTrouble = null
    await place(id)
    expect(await stateOf(id)).toBe('placed')
  })

  test('that the carrier refuses is over, and why is kept', async () => {
    const id = await wished()
    telephone.vendors.placingTrouble = 'refused'
    await place(id)
    expect((await look(id)).body).toMatchObject({ state: 'refused', reason: 'as the test wants it' })
  })

  test('waits while the clinic carries as many calls as it wants, ringing ones included, or has no money left', async () => {
    await wish({ limits: { callsAtOnce: 1, outboundPerNumber: null } })
    const [first, second] = [await wished(), await wished()]
    await place(first)
    await expect(place(second)).rejects.toBeInstanceOf(RetryLater)
    const { callSid } = (await look(first)).body
    await status(first, callSid, 'no-answer', '2')
    await place(second)
    expect(await stateOf(second)).toBe('placed')
    await wish({ limits: { usdPerDay: 0 } })
    const third = await wished()
    await expect(place(third)).rejects.toBeInstanceOf(RetryLater)
  })

  test('a call that may be one already counts as one', async () => {
    await wish({ limits: { callsAtOnce: 1, outboundPerNumber: null } })
    const [first, second] = [await wished(), await wished()]
    await telephone.admin`update outbound_calls set state = 'placing' where id = ${first}`
    await expect(place(second)).rejects.toBeInstanceOf(RetryLater)
    await telephone.admin`update outbound_calls set state = 'refused' where id = ${first}`
    await place(second)
    expect(await stateOf(second)).toBe('placed')
  })

  test('a call that we place takes a line from those who call', async () => {
    await wish({ limits: { callsAtOnce: 1 } })
    await place(await wished())
    const twiml = await (await telephone.post('/incoming-call', incoming(newCallSid()))).text()
    expect(twiml).toContain('All our lines are busy')
  })

  test('comes too late after a quarter of an hour', async () => {
    const id = await wished()
    telephone.clock.advance(15 * 60_000 + 1)
    await place(id)
    expect(await stateOf(id)).toBe('lapsed')
    expect(telephone.vendors.placed).toEqual([])
  })
})

describe('a call that we placed', () => {
  /** Placed, and known to the carrier by the name that is answered with it. */
  async function placed(): Promise<{ id: string; callSid: string }> {
    const id = await wished({ ...usual(), to: `+1555011${String(++keys).padStart(4, '0')}` })
    await place(id)
    return { id, callSid: (await look(id)).body.callSid }
  }

  test('is connected to an agent when it is answered, in one conversation with all its callbacks', async () => {
    const { id, callSid } = await placed()
    await status(id, callSid, 'initiated', '0')
    await status(id, callSid, 'ringing', '1')
    const document = await documentOf(await answered(id, callSid))
    expect(document.Connect.action).toBe(`${publicBaseUrl}/api/twilio/resume?after=stream-0`)
    expect(document.Say).toBe('This call is recorded.')
    await status(id, callSid, 'in-progress', '2')
    await status(id, callSid, 'completed', '3', { CallDuration: '31' })
    expect(await callOf(id)).toMatchObject({ call_status: 'completed', duration_ms: '31000', is_live: false })
    expect(await telephone.admin`select from conversations where call_sid = ${callSid}`).toHaveLength(1)
  })

  test('is the same conversation in every order of its requests, also before our own was answered', async () => {
    const deliveries = [
      (id: string, callSid: string) => status(id, callSid, 'completed', '3', { CallDuration: '31' }),
      (id: string, callSid: string) => answered(id, callSid),
      (id: string, callSid: string) => status(id, callSid, 'initiated', '0'),
      (id: string, callSid: string) => answeredBy(id, callSid, 'human'),
      (id: string, callSid: string) => status(id, callSid, 'in-progress', '2'),
    ]
    for (let round = 0; round < deliveries.length; round++) {
      const id = await wished({ ...usual(), to: `+1555012000${round}` })
      await telephone.admin`update outbound_calls set state = 'placing' where id = ${id}`
      const callSid = newCallSid()
      const turned = deliveries.map((_, n) => deliveries[(n + round) % deliveries.length])
      const answers = await Promise.all(turned.map((deliver) => deliver?.(id, callSid)))
      expect(answers.map((answer) => answer?.ok)).toEqual(deliveries.map(() => true))
      expect(await callOf(id)).toMatchObject({ call_sid: callSid, call_status: 'completed', duration_ms: '31000' })
      expect((await keysOf(id)).filter((key) => key === 'call.outgoing')).toHaveLength(1)
    }
  })

  test('answered twice gets the same document', async () => {
    const { id, callSid } = await placed()
    const first = await (await answered(id, callSid)).text()
    expect(await (await answered(id, callSid)).text()).toBe(first)
  })

  test('that nobody answers ends as the carrier says, without a stream to wait for', async () => {
    for (const ended of ['no-answer', 'busy', 'failed', 'canceled']) {
      const { id, callSid } = await placed()
      await status(id, callSid, ended, '2')
      expect(await callOf(id)).toMatchObject({ call_status: ended, is_live: false })
      expect(await jobsOf(id)).toContain('analyze')
    }
  })

  test('is ours only under its own name, and through the account that carries the clinic', async () => {
    const { id, callSid } = await placed()
    const [other] = [newCallSid()]
    expect((await status(id, other, 'completed', '3')).status).toBe(403)
    expect((await answered(id, other)).status).toBe(403)
    const second = await placed()
    expect((await status(second.id, callSid, 'completed', '3')).status).toBe(403)
    const inbound = newCallSid()
    await telephone.post('/incoming-call', incoming(inbound))
    expect((await status(await wished(), inbound, 'ringing', '1')).status).toBe(403)
    for (const nobody of ['', 'x', crypto.randomUUID()])
      expect((await status(nobody, newCallSid(), 'ringing', '1')).status).toBe(204)
    expect(await callOf(id)).toMatchObject({ call_status: null })
    expect(await telephone.admin`select from conversations where call_sid = ${other}`).toHaveLength(0)
  })
})

test('a call is not told of through an account that does not carry the clinic', async () => {
  const theirs = { accountSid: `AC${'d4'.repeat(16)}`, authToken: 'the token of cedar' }
  const { db, ids, config } = telephone.deps
  const seal = createSeal(config.FRONTDESK_KEYS)
  await db.withOrg(cedar.organizationId, (tx) => saveTwilioCredentials(tx, { seal, ids }, cedar.organizationId, theirs))
  const id = await wished()
  for (const path of ['outbound-status', 'outbound-call', 'answered-by', 'leave-message']) {
    const fields = about(newCallSid(), { AccountSid: theirs.accountSid, AnsweredBy: 'human', SequenceNumber: '1' })
    const options = { authToken: theirs.authToken }
    expect([path, (await telephone.post(`/${path}?call=${id}`, fields, options)).status]).toEqual([path, 403])
  }
  expect(await stateOf(id)).toBe('waiting')
})

describe('a machine', () => {
  async function talking(): Promise<{ id: string; callSid: string }> {
    const id = await wished({ ...usual(), to: `+1555013${String(++keys).padStart(4, '0')}` })
    await place(id)
    const { callSid } = (await look(id)).body
    await answered(id, callSid)
    return { id, callSid }
  }
  const leave = (id: string) => telephone.run('leave-message', { conversationId: id })

  test('is told our message once its greeting is over: who called, and nothing of why', async () => {
    const { id, callSid } = await talking()
    await answeredBy(id, callSid, 'machine_end_beep')
    expect(await jobsOf(id)).toContain('leave-message')
    await leave(id)
    expect(telephone.vendors.redirected).toEqual([
      { callSid, url: `${publicBaseUrl}/api/twilio/leave-message?call=${id}` },
    ])
    const document = await documentOf(await telephone.post(`/leave-message?call=${id}`, about(callSid)))
    expect(document).toEqual({
      Say: 'Hello, this is Lakeside Family Clinic. Please call us back. Goodbye.',
      Hangup: '',
    })
  })

  test('is told it once, however often its detection is told and the job is run', async () => {
    const { id, callSid } = await talking()
    await answeredBy(id, callSid, 'machine_end_silence')
    await answeredBy(id, callSid, 'machine_end_silence')
    await leave(id)
    await telephone.post(`/leave-message?call=${id}`, about(callSid))
    await leave(id)
    expect(telephone.vendors.redirected).toHaveLength(1)
  })

  test('is not told it from the beginning again when its detection is told while it listens', async () => {
    const { id, callSid } = await talking()
    await answeredBy(id, callSid, 'machine_end_silence')
    await leave(id)
    await telephone.admin`delete from graphile_worker._private_jobs`
    await answeredBy(id, callSid, 'machine_end_silence')
    expect(await jobsOf(id)).not.toContain('leave-message')
  })

  test('may be told the clinic’s own words', async () => {
    const machineMessage = 'Lakeside here. Nothing urgent.'
    await wish({ outbound: { from: '00:00', until: '23:59', machineMessage } })
    const { id, callSid } = await talking()
    const document = await documentOf(await telephone.post(`/leave-message?call=${id}`, about(callSid)))
    expect(document.Say).toBe(machineMessage)
  })

  test('gets no new stream when Twilio asks what comes after the one that was cut', async () => {
    const { id, callSid } = await talking()
    await answeredBy(id, callSid, 'machine_end_other')
    const before = await keysOf(id)
    const document = await documentOf(await telephone.post('/resume?after=stream-0', about(callSid)))
    expect(Object.keys(document)).toEqual(['Say', 'Hangup'])
    expect((await keysOf(id)).filter((key) => key.startsWith('stream.expected'))).toEqual(
      before.filter((key) => key.startsWith('stream.expected')),
    )
  })

  test('that was found out before anybody asked for a document is told it at once', async () => {
    const id = await wished()
    await place(id)
    const { callSid } = (await look(id)).body
    await answeredBy(id, callSid, 'machine_end_beep')
    expect(Object.keys(await documentOf(await answered(id, callSid)))).toEqual(['Say', 'Hangup'])
  })

  test('a human, or nobody knows what, keeps the agent; a fax is hung up on', async () => {
    for (const by of ['human', 'unknown', 'machine_start']) {
      const { id, callSid } = await talking()
      await answeredBy(id, callSid, by)
      expect(await jobsOf(id)).not.toContain('leave-message')
    }
    const { id, callSid } = await talking()
    await answeredBy(id, callSid, 'fax')
    await leave(id)
    expect(telephone.vendors.asked).toContain(`end call ${callSid}`)
    expect(telephone.vendors.redirected).toEqual([])
  })

  test('of a call that is over is told nothing', async () => {
    const { id, callSid } = await talking()
    await answeredBy(id, callSid, 'machine_end_beep')
    await status(id, callSid, 'completed', '3')
    await leave(id)
    expect(telephone.vendors.redirected).toEqual([])
  })
})
