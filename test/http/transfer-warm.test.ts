// A warm transfer: whoever answers takes the call or does not, and hears no more of the caller than the clinic allows.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  completed,
  type Fields,
  incoming,
  newCallSid,
  openTelephone,
  publicBaseUrl,
  type Telephone,
} from '../support/telephone.ts'
import { transferDesk } from '../support/transfer-desk.ts'

let telephone: Telephone
beforeAll(async () => {
  telephone = await openTelephone()
})
afterAll(() => telephone.end())
const { wish, conversationOf, happen, putThrough, documentOf, resume, ended, leg } = transferDesk(() => telephone)

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
