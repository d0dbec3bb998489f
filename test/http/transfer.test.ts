// A caller is put through to a person: only to somebody on the clinic's list, once, however often Twilio asks; and back again
// when nobody takes the call.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { XMLParser } from 'fast-xml-parser'
import { runTool, type ToolOutput } from '../../src/clinic/tool-runner.ts'
import { toolsFor } from '../../src/clinic/toolbox.ts'
import type { ConversationFact } from '../../src/conversations/events.ts'
import type { Facts } from '../../src/conversations/merge.ts'
import { isReadyForAnalysis, isWindingDown } from '../../src/conversations/readiness.ts'
import { eventOf, findConversation, readEvents, recordEvents } from '../../src/conversations/store.ts'
import { saveTwilioCredentials } from '../../src/organizations/account-store.ts'
import { createSeal } from '../../src/organizations/seal.ts'
import { readOrganization } from '../../src/organizations/store.ts'
import {
  cedar,
  completed,
  type Fields,
  house,
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

const nurse = { name: 'the nurse', phoneNumber: '+15550100200' }
const billing = {
  name: 'billing',
  phoneNumber: '+15550100300',
  hours: [{ days: [1, 2, 3, 4, 5], from: '09:00', until: '17:00' }],
}
const usual = { targets: [nurse, billing], isWarm: false, ringSeconds: 25 }

const wish = (own: Record<string, unknown> = {}) =>
  telephone.admin`
    update organizations set settings = jsonb_set(settings, '{transfer}', ${telephone.admin.json({ ...usual, ...own } as never)})
    where id = ${lakeside.organizationId}`
beforeEach(async () => void (await wish()))

const conversationOf = async (callSid: string) => {
  const [row] = await telephone.admin<{ id: string }[]>`select id from conversations where call_sid = ${callSid}`
  if (row === undefined) throw new Error(`no conversation of ${callSid}`)
  const { organizationId } = lakeside
  return telephone.deps.db.withOrg(organizationId, async (tx) => ({
    id: row.id,
    facts: (await findConversation(tx, organizationId, row.id))?.facts as Facts,
    events: await readEvents(tx, organizationId, row.id),
  }))
}
const keysOf = async (callSid: string) => (await conversationOf(callSid)).events.map(({ key }) => key)

async function happen(callSid: string, ...facts: ConversationFact[]): Promise<void> {
  const { id } = await conversationOf(callSid)
  const events = facts.map((fact) => eventOf(fact, telephone.clock.now()))
  const { deps } = telephone
  await deps.db.withOrg(lakeside.organizationId, (tx) => recordEvents(deps, tx, lakeside.organizationId, id, events))
}

/** As the model asks for it. */
async function ask(callSid: string, toolCallId: string, to: string, reason = 'a rash'): Promise<ToolOutput> {
  const { id: conversationId } = await conversationOf(callSid)
  const { organizationId } = lakeside
  const organization = await telephone.deps.db.withOrg(organizationId, (tx) => readOrganization(tx, organizationId))
  const tools = toolsFor(organization, 'single')
  const argumentsJson = JSON.stringify({ to, reason })
  return runTool(
    telephone.deps,
    { organizationId, conversationId, tools },
    { toolCallId, name: 'transfer_to_person', argumentsJson },
  )
}

let streams = 9_000
/** A call whose agent was asked to put the caller through, and whose stream is over. */
async function putThrough(toolCallId: string, to = 'the nurse', callSid = newCallSid()): Promise<string> {
  await telephone.post('/incoming-call', incoming(callSid))
  const streamSid = sid('MZ', ++streams)
  await happen(callSid, { kind: 'stream.started', streamSid, generation: 0 })
  await ask(callSid, toolCallId, to)
  await happen(
    callSid,
    { kind: 'stream.ended', streamSid, reason: 'hung-up' },
    { kind: 'transcript.settled', streamSid },
  )
  return callSid
}

const documentOf = async (response: Response | Promise<Response>) => {
  const answer = await response
  expect(answer.status).toBe(200)
  const xml = await answer.text()
  return new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '', parseAttributeValue: false }).parse(xml)
    .Response
}
const resume = (callSid: string, after = 'stream-0', fields: Fields = {}) =>
  documentOf(telephone.post(`/resume?after=${after}`, later(callSid, fields)))
const ended = (callSid: string, toolCallId: string, fields: Fields) =>
  resume(callSid, `transfer-0.${toolCallId}`, fields)

let legs = 70_000
/** A request about the person's leg: another call, made for the caller's. */
const leg = (parent: string, fields: Fields = {}): Fields => ({
  AccountSid: house.accountSid,
  ApiVersion: '2010-04-01',
  CallSid: sid('CA', ++legs),
  ParentCallSid: parent,
  CallStatus: 'in-progress',
  Direction: 'outbound-dial',
  From: lakeside.number,
  To: nurse.phoneNumber,
  ...fields,
})

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
    await happen(callSid, { kind: 'stream.started', streamSid: sid('MZ', ++streams), generation: 0 })
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

describe('a warm transfer', () => {
  const warm = (whisper: string) => wish({ isWarm: true, whisper })
  const screen = (callSid: string, toolCallId: string, fields: Fields = {}) =>
    documentOf(telephone.post(`/screening?transfer=${toolCallId}`, leg(callSid, fields)))
  const press = (callSid: string, toolCallId: string, Digits: string) =>
    documentOf(telephone.post(`/screened?transfer=${toolCallId}`, leg(callSid, { Digits })))
  /** Known to the clinic by name, and rung. */
  async function ringing(toolCallId: string): Promise<string> {
    const callSid = await putThrough(toolCallId)
    const note = { kind: 'note.kept', toolCallId, field: 'caller-name', value: 'Dana Reyes' } as const
    await happen(callSid, note)
    const { Dial } = await resume(callSid)
    expect(Dial.Number.url).toBe(`${publicBaseUrl}/api/twilio/screening?transfer=${toolCallId}`)
    return callSid
  }

  test('asks whoever answers to take the call; without a key pressed it hangs up, as on a mailbox', async () => {
    await warm('nothing')
    const callSid = await ringing('call_w1')
    const document = await screen(callSid, 'call_w1')
    expect(Object.keys(document)).toEqual(['Gather', 'Hangup'])
    expect(document.Gather).toMatchObject({
      action: `${publicBaseUrl}/api/twilio/screened?transfer=call_w1`,
      numDigits: '1',
      input: 'dtmf',
    })
  })

  test('tells them no more of the caller than the clinic allows', async () => {
    const said: Record<string, string> = {}
    for (const [n, whisper] of ['nothing', 'reason', 'name-and-reason'].entries()) {
      await warm(whisper)
      const callSid = await ringing(`call_x${n}`)
      said[whisper] = (await screen(callSid, `call_x${n}`)).Gather.Say
    }
    expect(said.nothing).toBe(
      'A call for you, from the receptionist of Lakeside Family Clinic. To take the call, press 1.',
    )
    expect(said.reason).toContain('It is about this: a rash.')
    expect(said.reason).not.toContain('Dana')
    expect(said['name-and-reason']).toContain('The caller is Dana Reyes. It is about this: a rash.')
  })

  test('connects on 1, and on nothing else', async () => {
    await warm('nothing')
    const callSid = await ringing('call_w2')
    for (const digits of ['2', '11', '', '#']) expect(await press(callSid, 'call_w2', digits)).toEqual({ Hangup: '' })
    expect((await conversationOf(callSid)).facts.transfers.call_w2).toMatchObject({ isAnswered: false })
    expect(await press(callSid, 'call_w2', '1')).toBe('')
    expect((await conversationOf(callSid)).facts.transfers.call_w2).toMatchObject({ isAnswered: true })
    expect(await ended(callSid, 'call_w2', { DialCallStatus: 'completed', DialCallDuration: '9' })).toEqual({
      Hangup: '',
    })
  })

  test('that was picked up and not taken is declined, though Twilio calls it completed', async () => {
    await warm('nothing')
    const callSid = await ringing('call_w3')
    await telephone.post('/leg-status?transfer=call_w3', leg(callSid))
    await screen(callSid, 'call_w3')
    const document = await ended(callSid, 'call_w3', { DialCallStatus: 'completed', DialBridged: 'false' })
    expect(Object.keys(document)).toEqual(['Connect'])
    expect((await conversationOf(callSid)).facts.transfers.call_w3).toMatchObject({ ending: 'declined' })
  })

  test('whose caller has hung up meanwhile is told so, and connected to nobody', async () => {
    await warm('reason')
    const callSid = await ringing('call_w4')
    await telephone.post('/status', completed(callSid))
    const gone = { Say: 'The caller has hung up. Goodbye.', Hangup: '' }
    expect(await screen(callSid, 'call_w4')).toEqual(gone)
    expect(await press(callSid, 'call_w4', '1')).toEqual(gone)
    expect((await conversationOf(callSid)).facts.transfers.call_w4).toMatchObject({ isAnswered: false })
  })

  test('that nobody asked for, or of a call that is not known, tells nothing', async () => {
    const callSid = newCallSid()
    await telephone.post('/incoming-call', incoming(callSid))
    expect(await screen(callSid, 'call_none')).toEqual({ Hangup: '' })
    const response = await telephone.post('/screening?transfer=call_w1', leg(newCallSid()))
    expect(response.status).toBe(403)
  })

  test('that we cannot answer hangs up: the person is not asked to leave a message for us', async () => {
    const odd = await documentOf(telephone.post('/screening?transfer=x', leg(newCallSid(), { CallStatus: 'odd' })))
    expect(odd).toEqual({ Hangup: '' })
  })
})

describe('what is told of the person’s leg', () => {
  test('belongs to the caller’s conversation, in any order and once', async () => {
    const callSid = await putThrough('call_f1')
    await resume(callSid)
    const CallSid = sid('CA', ++legs)
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

  test('ends with the callbacks of the person’s leg alone, when nothing else is told', async () => {
    const callSid = await putThrough('call_g2')
    await resume(callSid)
    await telephone.post('/leg-status?transfer=call_g2', leg(callSid, { CallStatus: 'no-answer', SequenceNumber: '2' }))
    await telephone.post('/status', completed(callSid))
    expect(await standing(callSid)).toMatchObject({ isReadyForAnalysis: true })
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
