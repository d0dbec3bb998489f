// A caller is put through to a person: only to somebody on the clinic's list, once, however often Twilio asks; and back again
// when nobody takes the call.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { runTool } from '../../src/clinic/tool-runner.ts'
import { toolsFor } from '../../src/clinic/toolbox.ts'
import { isReadyForAnalysis, isWindingDown } from '../../src/conversations/readiness.ts'
import { saveTwilioCredentials } from '../../src/organizations/account-store.ts'
import { createSeal } from '../../src/organizations/seal.ts'
import { readOrganization } from '../../src/organizations/store.ts'
import {
  cedar,
  completed,
  incoming,
  lakeside,
  newCallSid,
  openTelephone,
  publicBaseUrl,
  sid,
  type Telephone,
} from '../support/telephone.ts'
import { billing, nurse, transferDesk } from '../support/transfer-desk.ts'

let telephone: Telephone
beforeAll(async () => {
  telephone = await openTelephone()
})
afterAll(() => telephone.end())
const { wish, conversationOf, keysOf, happen, ask, putThrough, resume, ended, leg } = transferDesk(() => telephone)
beforeEach(async () => void (await wish()))

describe('the tool', () => {
  const answer = async (to: string) => {
    const callSid = newCallSid()
    await telephone.post('/incoming-call', incoming(callSid))
    const { outcome, output, endsCall } = await ask(callSid, `call_${callSid}`, to)
    return { outcome, output, endsCall, keys: await keysOf(callSid) }
  }

  test('puts through to somebody on the clinic’s list, by name', async () => {
    const { outcome, output, endsCall, keys } = await answer('The Nurse')
    expect([outcome, output, endsCall]).toEqual(['done', '{"connecting_to":"the nurse"}', true])
    expect(keys.some((key) => key.startsWith('transfer.requested:'))).toBe(true)
  })

  test('puts through to nobody else: not to a number, not to another name, whoever says so', async () => {
    for (const to of ['+15550100200', '5550100200', 'Doctor Moreau', '911', 'the nurse, billing']) {
      const { outcome, output, endsCall, keys } = await answer(to)
      expect([to, outcome, endsCall]).toEqual([to, 'refused', false])
      expect(output).toContain('the nurse, billing')
      expect(keys.filter((key) => key.startsWith('transfer.'))).toEqual([])
    }
  })

  test('dials the number on the list, whatever else is in the name that it was given', async () => {
    const callSid = await putThrough('call_number', 'the nurse or +15550100999')
    expect((await resume(callSid)).Dial.Number['#text']).toBe(Number(nurse.phoneNumber))
  })

  test('says when somebody cannot be reached at this time, by the clinic’s own clock', async () => {
    // Monday, 04:00 in New York; then 09:00.
    expect(await answer('billing')).toMatchObject({ outcome: 'refused', endsCall: false })
    telephone.clock.advance(5 * 3_600_000)
    expect(await answer('billing')).toMatchObject({ outcome: 'done' })
  })

  test('goes by the list as it is now, not as it was when the call began', async () => {
    const callSid = newCallSid()
    await telephone.post('/incoming-call', incoming(callSid))
    const { id: conversationId } = await conversationOf(callSid)
    const { organizationId } = lakeside
    const before = await telephone.deps.db.withOrg(organizationId, (tx) => readOrganization(tx, organizationId))
    await wish({ targets: [billing] })
    const scene = { organizationId, conversationId, tools: toolsFor(before, 'single') }
    const call = {
      toolCallId: 'call_stale',
      name: 'transfer_to_person',
      argumentsJson: JSON.stringify({ to: 'the nurse', reason: 'a rash' }),
    }
    expect(await runTool(telephone.deps, scene, call)).toMatchObject({ outcome: 'refused' })
  })

  test('is not offered where the list is empty, nor to the supervisor, who has no caller', async () => {
    const { organizationId } = lakeside
    const namesFor = async (role: 'single' | 'receptionist' | 'supervisor') => {
      const organization = await telephone.deps.db.withOrg(organizationId, (tx) => readOrganization(tx, organizationId))
      return toolsFor(organization, role).map(({ name }) => name)
    }
    expect(await namesFor('single')).toContain('transfer_to_person')
    expect(await namesFor('receptionist')).toContain('transfer_to_person')
    expect(await namesFor('supervisor')).not.toContain('transfer_to_person')
    await wish({ targets: [] })
    expect(await namesFor('single')).not.toContain('transfer_to_person')
  })
})

describe('after the stream', () => {
  test('the person’s telephone is rung, from the clinic’s number, and Twilio knows where to say how it went', async () => {
    const callSid = await putThrough('call_a1')
    const document = await resume(callSid)
    expect(Object.keys(document)).toEqual(['Dial'])
    expect(document.Dial).toMatchObject({
      action: `${publicBaseUrl}/api/twilio/resume?after=transfer-0.call_a1`,
      method: 'POST',
      timeout: '25',
      callerId: lakeside.number,
      Number: {
        '#text': Number(nurse.phoneNumber),
        statusCallback: `${publicBaseUrl}/api/twilio/leg-status?transfer=call_a1`,
        statusCallbackEvent: 'initiated ringing answered completed',
      },
    })
    expect(document.Dial.Number.url).toBeUndefined()
  })

  test('it is rung once: Twilio asks again, and gets the same document', async () => {
    const callSid = await putThrough('call_a2')
    const first = await resume(callSid)
    expect(await resume(callSid)).toEqual(first)
    const keys = await keysOf(callSid)
    expect(keys.filter((key) => key.startsWith('transfer.dialled'))).toEqual(['transfer.dialled:call_a2'])
  })

  test('a caller who has hung up is put through to nobody', async () => {
    const callSid = await putThrough('call_a3')
    expect(await resume(callSid, 'stream-0', { CallStatus: 'completed' })).toBe('')
    expect((await keysOf(callSid)).some((key) => key.startsWith('transfer.dialled'))).toBe(false)
  })

  test('a transfer that was taken back is not made', async () => {
    const callSid = await putThrough('call_a4')
    await happen(callSid, { kind: 'transfer.withdrawn', toolCallId: 'call_a4' })
    expect(Object.keys(await resume(callSid))).toEqual(['Connect'])
    await telephone.post('/status', completed(callSid))
    expect(Object.keys(await resume(callSid))).toEqual([])
  })

  test('asked once more, and late, after a talk that was had, the call ends as it did', async () => {
    const callSid = await putThrough('call_d5')
    await resume(callSid)
    await ended(callSid, 'call_d5', { DialCallStatus: 'completed', DialBridged: 'true' })
    expect(Object.keys(await resume(callSid))).toEqual(['Hangup'])
  })

  test('of two that were asked for, the last is made', async () => {
    const callSid = await putThrough('call_a5', 'the nurse')
    telephone.clock.advance(1_000)
    await ask(callSid, 'call_a6', 'billing')
    expect((await resume(callSid)).Dial.Number['#text']).toBe(Number(billing.phoneNumber))
  })

  test('it is made though our process died before it closed the stream: nothing else says that the caller waits', async () => {
    const callSid = newCallSid()
    await telephone.post('/incoming-call', incoming(callSid))
    await happen(callSid, { kind: 'stream.started', streamSid: sid('MZ', 8_999), generation: 0 })
    await ask(callSid, 'call_a7', 'the nurse')
    expect(Object.keys(await resume(callSid))).toEqual(['Dial'])
  })
})

describe('when it is over', () => {
  test('a talk that was had ends the call', async () => {
    const callSid = await putThrough('call_b1')
    await resume(callSid)
    await telephone.post('/leg-status?transfer=call_b1', leg(callSid))
    expect(await ended(callSid, 'call_b1', { DialCallStatus: 'completed', DialCallDuration: '73' })).toEqual({
      Hangup: '',
    })
    expect((await conversationOf(callSid)).facts.transfers.call_b1).toMatchObject({
      isAnswered: true,
      ending: 'completed',
      durationMs: 73_000,
    })
  })

  for (const status of ['busy', 'no-answer', 'failed', 'canceled'])
    test(`${status}: the caller is back with the agent, in a new stream`, async () => {
      const callSid = await putThrough(`call_c_${status}`)
      await resume(callSid)
      const document = await ended(callSid, `call_c_${status}`, { DialCallStatus: status })
      expect(Object.keys(document)).toEqual(['Connect'])
      expect(document.Connect.action).toBe(`${publicBaseUrl}/api/twilio/resume?after=stream-1`)
      expect(await ended(callSid, `call_c_${status}`, { DialCallStatus: status })).toEqual(document)
      expect((await keysOf(callSid)).filter((key) => key.startsWith('stream.expected'))).toEqual([
        'stream.expected:0',
        'stream.expected:1',
      ])
    })

  test('the clinic may have its callers leave a message instead', async () => {
    await wish({ fallback: 'voicemail' })
    const callSid = await putThrough('call_d1')
    await resume(callSid)
    const document = await ended(callSid, 'call_d1', { DialCallStatus: 'no-answer' })
    expect(document.Say).toStartWith('We are sorry, nobody could take your call.')
    expect(document.Record.action).toBe(`${publicBaseUrl}/api/twilio/resume?after=voicemail`)
    expect(await keysOf(callSid)).toContain('voicemail.offered')
  })

  test('but nobody with an emergency is asked to speak after the tone: the agent has them again', async () => {
    await wish({ fallback: 'voicemail' })
    const callSid = await putThrough('emergency-0')
    const streamSid = sid('MZ', 8_888)
    await happen(callSid, { kind: 'emergency.raised', streamSid, phrase: 'stroke', isAnswered: true })
    await resume(callSid)
    expect(Object.keys(await ended(callSid, 'emergency-0', { DialCallStatus: 'no-answer' }))).toEqual(['Connect'])
  })

  test('a caller who hangs up while it rings is gone: nothing more is played or streamed', async () => {
    const callSid = await putThrough('call_d2')
    await resume(callSid)
    const gone = { CallStatus: 'completed', DialCallStatus: 'canceled' }
    expect(await ended(callSid, 'call_d2', gone)).toBe('')
    expect((await conversationOf(callSid)).facts.transfers.call_d2).toMatchObject({ ending: 'canceled' })
  })

  test('asked in the wrong order, or a second time with another word, the first answer stays', async () => {
    const callSid = await putThrough('call_d3')
    await resume(callSid)
    await telephone.post('/leg-status?transfer=call_d3', leg(callSid))
    await ended(callSid, 'call_d3', { DialCallStatus: 'completed' })
    expect(await ended(callSid, 'call_d3', { DialCallStatus: 'no-answer' })).toEqual({ Hangup: '' })
  })

  test('asked once more, and late, for what came after the stream, it rings nobody again', async () => {
    const callSid = await putThrough('call_d4')
    await resume(callSid)
    await ended(callSid, 'call_d4', { DialCallStatus: 'busy' })
    expect(Object.keys(await resume(callSid))).toEqual(['Connect'])
  })

  test('the agent can put the caller through to another, after the first was not there', async () => {
    const callSid = await putThrough('call_e1')
    await resume(callSid)
    await ended(callSid, 'call_e1', { DialCallStatus: 'no-answer' })
    telephone.clock.advance(5_000)
    await ask(callSid, 'call_e2', 'billing')
    const document = await resume(callSid, 'stream-1')
    expect(document.Dial).toMatchObject({
      action: `${publicBaseUrl}/api/twilio/resume?after=transfer-1.call_e2`,
      Number: { '#text': Number(billing.phoneNumber) },
    })
  })
})

describe('what is told of the person’s leg', () => {
  test('belongs to the caller’s conversation, in any order and once', async () => {
    const callSid = await putThrough('call_f1')
    await resume(callSid)
    const CallSid = sid('CA', 69_999)
    const told: Record<string, string>[] = [
      { CallStatus: 'completed', SequenceNumber: '3', CallDuration: '60' },
      { CallStatus: 'in-progress', SequenceNumber: '2' },
      { CallStatus: 'initiated', SequenceNumber: '0' },
      { CallStatus: 'ringing', SequenceNumber: '1' },
      { CallStatus: 'completed', SequenceNumber: '3', CallDuration: '60' },
    ]
    for (const fields of told)
      expect((await telephone.post('/leg-status?transfer=call_f1', leg(callSid, { CallSid, ...fields }))).status).toBe(
        204,
      )
    const keys = await keysOf(callSid)
    expect(keys.filter((key) => key.startsWith('transfer.leg')).length).toBe(4)
    expect((await conversationOf(callSid)).facts).toMatchObject({
      status: { status: 'in-progress' },
      transfers: { call_f1: { isLegOver: true, isAnswered: true } },
    })
    expect(await telephone.admin`select from conversations where call_sid = ${CallSid}`).toHaveLength(0)
  })

  test('of a leg without its caller, or of an unknown one, is nobody’s', async () => {
    const before = await telephone.everything()
    const { ParentCallSid: _, ...orphan } = leg(newCallSid())
    expect((await telephone.post('/leg-status?transfer=call_f1', orphan)).status).toBe(204)
    expect((await telephone.post('/leg-status?transfer=call_f1', leg(newCallSid()))).status).toBe(204)
    expect(await telephone.everything()).toEqual(before)
  })

  test('is not taken from an account that does not carry the caller’s clinic', async () => {
    const callSid = await putThrough('call_f2')
    const own = { accountSid: `AC${'c3'.repeat(16)}`, authToken: 'the token of cedar' }
    const { deps } = telephone
    const seal = createSeal(deps.config.FRONTDESK_KEYS)
    await deps.db.withOrg(cedar.organizationId, (tx) =>
      saveTwilioCredentials(tx, { seal, ids: deps.ids }, cedar.organizationId, own),
    )
    const options = { authToken: own.authToken }
    for (const path of ['/leg-status', '/screening', '/screened']) {
      const fields = leg(callSid, { AccountSid: own.accountSid, Digits: '1' })
      expect((await telephone.post(`${path}?transfer=call_f2`, fields, options)).status).toBe(403)
    }
    expect((await conversationOf(callSid)).facts.transfers.call_f2).toMatchObject({ isAnswered: false })
  })
})

describe('a conversation with a transfer under way', () => {
  const standing = async (callSid: string) => {
    const { facts } = await conversationOf(callSid)
    return { isWindingDown: isWindingDown(facts), isReadyForAnalysis: isReadyForAnalysis(facts) }
  }

  test('is not over, and no deadline runs; when the person has hung up and the caller is gone, it is', async () => {
    const callSid = await putThrough('call_g1')
    await resume(callSid)
    expect(await standing(callSid)).toEqual({ isWindingDown: false, isReadyForAnalysis: false })
    await telephone.post('/status', completed(callSid))
    expect(await standing(callSid)).toMatchObject({ isReadyForAnalysis: false })
    await ended(callSid, 'call_g1', { DialCallStatus: 'completed', CallStatus: 'completed' })
    expect(await standing(callSid)).toEqual({ isWindingDown: true, isReadyForAnalysis: true })
  })

  const lapseOf = async (callSid: string) =>
    (await telephone.jobs(callSid)).find(({ task }) => task === 'lapse-transfer')

  test.each([
    ['no-answer', {}, 'lost'],
    ['completed', { CallDuration: '60' }, 'lost'],
  ])(
    'waits a minute after the person’s leg (%s) for word of how it went, and no longer',
    async (CallStatus, more, ending) => {
      const callSid = await putThrough(`call_${CallStatus}`)
      await resume(callSid)
      const over = leg(callSid, { CallStatus, SequenceNumber: '2', ...more })
      await telephone.post(`/leg-status?transfer=call_${CallStatus}`, over)
      await telephone.post('/status', completed(callSid))
      expect(await standing(callSid)).toMatchObject({ isReadyForAnalysis: false })
      const lapse = await lapseOf(callSid)
      expect(lapse?.dueAtMs).toBe(telephone.clock.now() + 60_000)
      await telephone.run('lapse-transfer', lapse?.ids ?? {})
      expect((await conversationOf(callSid)).facts.transfers[`call_${CallStatus}`]).toMatchObject({ ending })
      expect(await standing(callSid)).toMatchObject({ isReadyForAnalysis: true })
    },
  )

  test('that somebody took, and whose leg is over, was a talk, though nobody said so', async () => {
    const callSid = await putThrough('call_g5')
    // The leg's end overtakes the answer to the request that had it rung.
    await telephone.post('/leg-status?transfer=call_g5', leg(callSid, { CallStatus: 'completed', SequenceNumber: '3' }))
    await resume(callSid)
    await telephone.post('/screened?transfer=call_g5', leg(callSid, { Digits: '1' }))
    const lapse = await lapseOf(callSid)
    expect(lapse?.dueAtMs).toBe(telephone.clock.now() + 60_000)
    await telephone.run('lapse-transfer', lapse?.ids ?? {})
    expect((await conversationOf(callSid)).facts.transfers.call_g5).toMatchObject({ ending: 'completed' })
  })

  test('of which nothing more is ever told is given up after the longest talk', async () => {
    const callSid = await putThrough('call_g3')
    await resume(callSid)
    const lapse = (await telephone.jobs(callSid)).find(({ task }) => task === 'lapse-transfer')
    expect(lapse?.dueAtMs).toBe(telephone.clock.now() + 2 * 3_600_000)
    await telephone.run('lapse-transfer', lapse?.ids ?? {})
    expect((await conversationOf(callSid)).facts.transfers.call_g3).toMatchObject({ ending: 'lost' })
    expect(await standing(callSid)).toMatchObject({ isWindingDown: true })
  })

  test('of which the end is known is not lost', async () => {
    const callSid = await putThrough('call_g4')
    await resume(callSid)
    await ended(callSid, 'call_g4', { DialCallStatus: 'busy' })
    const { id } = await conversationOf(callSid)
    await telephone.run('lapse-transfer', { conversationId: id, generation: '0' })
    expect((await conversationOf(callSid)).facts.transfers.call_g4).toMatchObject({ ending: 'busy' })
  })
})
