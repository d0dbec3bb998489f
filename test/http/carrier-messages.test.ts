// Messages by SMS and WhatsApp: what the server is asked, what its TwiML sends, and Twilio's own client that sends by REST.
import { afterEach, describe, expect, test } from 'bun:test'
import twilio from 'twilio'
import { createCarrier } from '../../sim/carrier/carrier.ts'
import type { InboundText } from '../../sim/carrier/inbound-message.ts'
import { createVirtualClock } from '../../sim/clock.ts'
import { listen } from '../../sim/loopback.ts'
import { createMemoryNetwork } from '../../sim/memory.ts'
import type { StandIn } from '../../sim/network.ts'
import { createTrace } from '../../sim/trace.ts'
import { ACCOUNT, createVirtualRig, FROM, HOST, NUMBER, type Page, rest } from '../pure/carrier-rig.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

const TO = NUMBER.phoneNumber
const smsUrl = `https://${HOST}/sms`
const status = `https://${HOST}/message-status`

async function setUp(pages: Record<string, Page> = {}, options: Parameters<typeof createVirtualRig>[1] = {}) {
  const rig = createVirtualRig(pages, { ...options, number: { smsUrl, ...options.number } })
  const { origin, stop } = await listen(rig.carrier.standIn)
  stops.push(stop)
  const client = twilio(ACCOUNT.accountSid, ACCOUNT.authToken)
  client.api.baseUrl = origin
  const write = (text: Partial<InboundText>) =>
    rig.clock.run(rig.carrier.text({ from: FROM, to: TO, body: 'Hello', ...text }))
  const settle = () => rig.clock.run(rig.carrier.idle())
  const statuses = () => rig.server.of('/message-status').map(({ form }) => form.MessageStatus)
  return { ...rig, client, write, settle, statuses }
}

describe('a message to come', () => {
  const sendAt = new Date(Date.UTC(2026, 10, 24, 5))
  const later = {
    messagingServiceSid: `MG${'0'.repeat(32)}`,
    to: FROM,
    body: 'Tomorrow at nine.',
    scheduleType: 'fixed',
    sendAt,
    statusCallback: status,
  } as const

  test('waits for its time, and is told of from then on', async () => {
    const { client, settle, statuses, server } = await setUp()
    const { sid, ...created } = await client.messages.create(later)
    expect(created).toMatchObject({ status: 'scheduled', numSegments: '0', dateSent: null })
    await settle()
    expect(statuses()).toEqual(['queued', 'sent', 'delivered'])
    expect(server.of('/message-status')[0]?.atMs).toBeGreaterThanOrEqual(sendAt.getTime())
    expect(await client.messages(sid).fetch()).toMatchObject({ status: 'delivered', numSegments: '1' })
  })

  test('can be called off until then, and not after it', async () => {
    const { client, settle, statuses } = await setUp()
    const { sid } = await client.messages.create(later)
    expect(await client.messages(sid).update({ status: 'canceled' })).toMatchObject({ status: 'canceled' })
    await settle()
    expect(statuses()).toEqual([])
    const sent = await client.messages.create({ from: TO, to: FROM, body: 'Now' })
    const late = client.messages(sent.sid).update({ status: 'canceled' })
    expect(await late.catch((error: unknown) => error)).toMatchObject({ status: 400 })
  })

  test.each([
    ['without a service', { messagingServiceSid: undefined, from: TO }],
    ['in five minutes', { sendAt: new Date(Date.UTC(2026, 10, 24, 4, 5)) }],
    ['in half a year', { sendAt: new Date(Date.UTC(2027, 5, 24)) }],
    ['at no time', { sendAt: undefined }],
  ])('is refused %s', async (_, change) => {
    const { client } = await setUp()
    const refusal = await client.messages.create({ ...later, ...change }).catch((error: unknown) => error)
    expect(refusal).toMatchObject({ status: 400 })
    expect(await client.messages.list()).toEqual([])
  })
})

test('a message can be emptied of its words, and of nothing else', async () => {
  const { client } = await setUp()
  const { sid } = await client.messages.create({ from: TO, to: FROM, body: 'About your knee' })
  expect((await client.messages(sid).update({ body: '' })).body).toBe('')
  expect((await client.messages(sid).fetch()).body).toBe('')
  const other = client.messages(sid).update({ body: 'About your hip' })
  expect(await other.catch((error: unknown) => error)).toMatchObject({ status: 400, code: 20001 })
})

test.each([
  ['a', 160, '1'],
  ['a', 161, '2'],
  ['é', 160, '1'],
  ['ő', 70, '1'],
  ['ő', 71, '2'],
  ['ő', 135, '3'],
])('segments go by the alphabet: %s, %d times', async (letter, times, numSegments) => {
  const { client } = await setUp()
  const sent = await client.messages.create({ from: TO, to: FROM, body: letter.repeat(times) })
  expect(sent.numSegments).toBe(numSegments)
})

test('what is told of messages is signed with the port of its address, as of calls it is not', async () => {
  const clock = createVirtualClock({ startMs: Date.UTC(2026, 10, 24, 4), stuckAfterMs: 2000 })
  const signatures: string[] = []
  const desk: StandIn = {
    async fetch(request) {
      const form = Object.fromEntries(new URLSearchParams(await request.text()))
      const signed = (url: string) => twilio.getExpectedTwilioSignature(ACCOUNT.authToken, url, form)
      const [whole, bare] = [signed(request.url), signed(request.url.replace(':8443', ''))]
      const given = request.headers.get('x-twilio-signature')
      signatures.push(given === whole ? 'with its port' : given === bare ? 'without' : 'otherwise')
      return new Response(null, { status: 204 })
    },
  }
  const network = createMemoryNetwork({ clock, servers: { [`${HOST}:8443`]: desk } })
  const voiceUrl = `https://${HOST}:8443/voice`
  const number = { phoneNumber: TO, accountSid: ACCOUNT.accountSid, voiceUrl, smsUrl }
  const parts = { clock, network, trace: createTrace(clock), seed: 1, accounts: [ACCOUNT], numbers: [number] }
  const carrier = createCarrier(parts)
  const form = { To: FROM, From: TO, Body: 'Hello', StatusCallback: `https://${HOST}:8443/text` }
  await rest({ carrier }, '/Messages.json', form)
  await clock.run(carrier.idle())
  expect(signatures).toEqual(['with its port', 'with its port'])
  await clock.run(carrier.call({ to: TO, from: FROM, caller: [] }).done)
  expect(signatures.slice(2)).toEqual(['without'])
})

describe('a message that comes in', () => {
  test('asks the number’s server with every field of an SMS, signed, and sends what it answers', async () => {
    const { write, server } = await setUp({ '/sms': '<Message>Good <Body>morning</Body></Message>' })
    const { message, replies } = await write({ body: 'Are you open?' })
    expect(message.messageSid).toMatch(/^SM[0-9a-f]{32}$/)
    expect(server.of('/sms').map(({ form }) => form)).toMatchObject([
      {
        MessageSid: message.messageSid,
        SmsSid: message.messageSid,
        SmsMessageSid: message.messageSid,
        AccountSid: ACCOUNT.accountSid,
        From: FROM,
        To: TO,
        Body: 'Are you open?',
        NumMedia: '0',
        NumSegments: '1',
        SmsStatus: 'received',
        FromCountry: 'US',
      },
    ])
    expect(replies).toMatchObject([{ from: TO, to: FROM, body: 'morning', direction: 'outbound-reply' }])
  })

  test('of WhatsApp has the channel’s fields and no places', async () => {
    const { write, server } = await setUp({ '/sms': '<Message>Yes</Message>' })
    const { replies } = await write({ from: `whatsapp:${FROM}`, to: `whatsapp:${TO}` })
    const [asked] = server.of('/sms')
    expect(asked?.form).toMatchObject({
      WaId: FROM.slice(1),
      ProfileName: expect.any(String),
      From: `whatsapp:${FROM}`,
    })
    expect(Object.keys(asked?.form ?? {})).not.toContain('FromCountry')
    expect(replies).toMatchObject([{ from: `whatsapp:${TO}`, to: `whatsapp:${FROM}`, body: 'Yes' }])
  })

  test('with media has their addresses and types, and the id of one with media', async () => {
    const { write, server } = await setUp()
    const media = [{ url: 'https://api.twilio.com/x', contentType: 'image/png' }]
    const { message } = await write({ media, body: '' })
    expect(message.messageSid).toStartWith('MM')
    expect(server.of('/sms')[0]?.form).toMatchObject({
      Body: '',
      NumMedia: '1',
      MediaUrl0: 'https://api.twilio.com/x',
      MediaContentType0: 'image/png',
    })
  })

  const silent: [what: string, page: Page][] = [
    ['an empty document', ''],
    ['204', new Response(null, { status: 204 })],
    ['a document with nothing of messages in it', '<Say>Hello</Say>'],
  ]
  test.each(silent)('is not answered by %s', async (_, page) => {
    const { write } = await setUp({ '/sms': page })
    expect((await write({})).replies).toEqual([])
  })

  test('whose server fails goes to the fallback, with the error and the address', async () => {
    const { write, server } = await setUp(
      { '/sms': new Response(null, { status: 500 }), '/sms-fallback': '<Message>Later</Message>' },
      { number: { smsFallbackUrl: `https://${HOST}/sms-fallback` } },
    )
    const { replies, problems } = await write({})
    expect(server.of('/sms-fallback')[0]?.form).toMatchObject({ ErrorCode: '11217', ErrorUrl: smsUrl, Body: 'Hello' })
    expect(replies).toMatchObject([{ body: 'Later' }])
    expect(problems).toMatchObject([{ code: 11217 }])
  })

  test('brings the cookies of the two numbers’ conversation, for four hours', async () => {
    const answer = new Response('<Response/>', { headers: { 'content-type': 'text/xml', 'set-cookie': 'asked=hours' } })
    const { write, server, clock } = await setUp({ '/sms': answer })
    await write({})
    await write({})
    await write({ from: '+15550009999' })
    await clock.run(new Promise<void>((resolve) => clock.after(5 * 60 * 60 * 1000, resolve)))
    await write({})
    const cookies = server.of('/sms').map(({ headers }) => headers.get('cookie'))
    expect(cookies).toEqual([null, 'asked=hours', null, null])
  })

  test('an action is asked with the message that it is about, a redirect with what was asked before', async () => {
    const { write, server } = await setUp({
      '/sms': '<Message action="/sent">One</Message><Message>Never</Message>',
      '/sent': '<Redirect>/more</Redirect>',
      '/more': '<Message to="+15550001111" from="+15551234567">Two</Message>',
    })
    const { replies } = await write({})
    expect(replies.map(({ body, to }) => [body, to])).toEqual([
      ['One', FROM],
      ['Two', '+15550001111'],
    ])
    expect(server.of('/sent')[0]?.form).toMatchObject({ MessageSid: replies[0]?.messageSid, MessageStatus: 'queued' })
    expect(server.of('/more')[0]?.form).toMatchObject({ Body: 'Hello' })
  })
})

test('messages are signed with the port of their URL, of which calls leave it out', async () => {
  const signatures: Record<string, string | null> = {}
  const asked: Record<string, string> = {}
  const clock = createVirtualClock({ startMs: Date.UTC(2026, 10, 24, 4) })
  const server: StandIn = {
    fetch(request) {
      const { pathname, search } = new URL(request.url)
      asked[pathname] = search
      signatures[pathname] = request.headers.get('x-twilio-signature')
      return new Response(null, { status: 204 })
    },
  }
  const host = 'clinic.example:8443'
  const carrier = createCarrier({
    clock,
    network: createMemoryNetwork({ clock, servers: { [host]: server } }),
    trace: createTrace(clock),
    seed: 1,
    accounts: [ACCOUNT],
    numbers: [
      {
        ...NUMBER,
        voiceUrl: `https://${host}/voice`,
        smsUrl: `https://${host}/sms`,
        smsMethod: 'GET',
        voiceMethod: 'GET',
      },
    ],
  })
  await clock.run(carrier.text({ from: FROM, to: TO, body: 'Hello' }))
  await clock.run(carrier.call({ from: FROM, to: TO, caller: [] }).done)
  const expected = (origin: string, path: string) =>
    twilio.getExpectedTwilioSignature(ACCOUNT.authToken, `https://${origin}${path}${asked[path]}`, {})
  expect(signatures['/sms']).toBe(expected(host, '/sms'))
  expect(signatures['/voice']).toBe(expected('clinic.example', '/voice'))
})

describe('STOP and START', () => {
  test('are answered by the carrier, told to the server, and heeded until the other', async () => {
    const { write, client, clock } = await setUp({ '/sms': '<Message>Unheard</Message>' })
    const send = () => client.messages.create({ to: FROM, from: TO, body: 'News' })
    const stopped = await write({ body: ' Stop ' })
    expect(stopped.replies.map(({ body }) => body)).toEqual([expect.stringContaining('unsubscribed')])
    expect(stopped.problems).toMatchObject([{ code: 21610 }])
    expect(await clock.run(send().catch((error: unknown) => error))).toMatchObject({ status: 400, code: 21610 })
    await write({ body: 'START' })
    expect(await clock.run(send())).toMatchObject({ status: 'queued' })
  })
})

describe('a message sent by REST', () => {
  test('is queued, then sent, then delivered, and each but the first is told', async () => {
    const { client, settle, statuses, server } = await setUp()
    const sent = await client.messages.create({ to: FROM, from: TO, body: 'Until tomorrow.', statusCallback: status })
    expect(sent).toMatchObject({ status: 'queued', direction: 'outbound-api', numSegments: '1', errorCode: null })
    await settle()
    expect(statuses()).toEqual(['sent', 'delivered'])
    const [, delivered] = server.of('/message-status')
    expect(delivered?.form).toMatchObject({
      MessageSid: sent.sid,
      RawDlrDoneDate: '2611240400',
      SmsStatus: 'delivered',
    })
    expect(Object.keys(delivered?.form ?? {})).not.toContain('SequenceNumber')
    expect(await client.messages(sent.sid).fetch()).toMatchObject({ status: 'delivered', body: 'Until tomorrow.' })
  })

  test('by WhatsApp is read in the end, and through a service is accepted first', async () => {
    const { client, settle, statuses, server } = await setUp()
    await client.messages.create({ to: `whatsapp:${FROM}`, from: `whatsapp:${TO}`, body: 'Hi', statusCallback: status })
    await settle()
    expect(statuses()).toEqual(['sent', 'delivered', 'read'])
    expect(server.of('/message-status').at(-1)?.form).toMatchObject({ EventType: 'READ', ChannelPrefix: 'whatsapp' })
    const messagingServiceSid = `MG${'a'.repeat(32)}`
    const pooled = await client.messages.create({ to: FROM, messagingServiceSid, body: 'Hi', statusCallback: status })
    expect(pooled).toMatchObject({ status: 'accepted', numSegments: '0', messagingServiceSid })
    await settle()
    expect(statuses().slice(3)).toEqual(['queued', 'sent', 'delivered'])
  })

  test('to a number that is out of reach is undelivered, and says why', async () => {
    const away = { number: FROM, answers: 'unreachable', does: [] } as const
    const { client, settle, server, statuses } = await setUp({}, { people: [away] })
    const { sid } = await client.messages.create({ to: FROM, from: TO, body: 'Hi', statusCallback: status })
    await settle()
    expect(statuses()).toEqual(['sent', 'undelivered'])
    expect(server.of('/message-status').at(-1)?.form.ErrorCode).toBe('30003')
    expect(await client.messages(sid).fetch()).toMatchObject({ status: 'undelivered', errorCode: 30003 })
  })

  test('are listed newest first, and forgotten when deleted', async () => {
    const { client } = await setUp()
    for (const body of ['one', 'two']) await client.messages.create({ to: FROM, from: TO, body })
    const listed = await client.messages.list({ to: FROM })
    expect(listed.map(({ body }) => body)).toEqual(['two', 'one'])
    expect(await client.messages(listed[0]?.sid ?? '').remove()).toBe(true)
    expect((await client.messages.list({ to: FROM })).map(({ body }) => body)).toEqual(['one'])
  })

  const refused: [what: string, order: Record<string, string>, code: number, httpStatus?: number][] = [
    ['no recipient', { to: '' }, 21604],
    ['a recipient that is no number', { to: '5550001111' }, 21211],
    ['no sender', { from: '' }, 21603],
    ['a sender that is somebody else’s', { from: '+15559998888' }, 21606],
    ['a sender of another channel', { from: `whatsapp:${TO}` }, 21606],
    ['neither words nor media', { body: '' }, 21602],
    ['more than 1600 characters', { body: 'x'.repeat(1601) }, 21617],
  ]
  test.each(refused)('is refused with %s', async (_, order, code, httpStatus = 400) => {
    const { client } = await setUp()
    const given = { to: FROM, from: TO, body: 'Hi', ...order }
    const error = await client.messages.create(given).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code, status: httpStatus, moreInfo: `https://www.twilio.com/docs/errors/${code}` })
  })

  test('429 is passed on to whoever asks, and nothing was sent', async () => {
    const { client, carrier, clock } = await setUp({}, { settings: { refuseRest: () => 20429 } })
    const error = await client.messages.create({ to: FROM, from: TO, body: 'Hi' }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 20429, status: 429 })
    await clock.run(carrier.idle())
  })
})

describe('a number', () => {
  test('is found by itself, pointed elsewhere by REST, and goes there from then on', async () => {
    const { client, write, server } = await setUp({ '/other': '<Message>Elsewhere</Message>' })
    const [number] = await client.incomingPhoneNumbers.list({ phoneNumber: TO })
    expect(number).toMatchObject({
      phoneNumber: TO,
      smsUrl,
      voiceUrl: NUMBER.voiceUrl,
      statusCallback: NUMBER.statusCallback,
    })
    const changed = await client
      .incomingPhoneNumbers(number?.sid ?? '')
      .update({ smsUrl: `https://${HOST}/other`, voiceMethod: 'GET' })
    expect(changed).toMatchObject({ smsUrl: `https://${HOST}/other`, voiceMethod: 'GET', voiceUrl: NUMBER.voiceUrl })
    expect((await write({})).replies).toMatchObject([{ body: 'Elsewhere' }])
    expect(server.of('/sms')).toEqual([])
  })

  test('that is nobody’s is not found, and an address that is none is refused', async () => {
    const { client } = await setUp()
    expect(await client.incomingPhoneNumbers.list({ phoneNumber: '+15550009999' })).toEqual([])
    const [number] = await client.incomingPhoneNumbers.list()
    const order = client.incomingPhoneNumbers(number?.sid ?? '').update({ voiceUrl: 'nowhere' })
    const error = await order.catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 21502, status: 400 })
    const missing = client.incomingPhoneNumbers(`PN${'0'.repeat(32)}`).fetch()
    expect(await missing.catch((reason: unknown) => reason)).toMatchObject({ code: 20404, status: 404 })
  })
})
