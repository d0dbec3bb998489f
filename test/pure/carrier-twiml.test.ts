// TwiML as it is read: each verb with its defaults, and what becomes of what TwiML does not have.
import { describe, expect, test } from 'bun:test'
import twilio from 'twilio'
import { parseTwiml, type Verb } from '../../sim/carrier/twiml.ts'

const read = (inside: string) => parseTwiml(`<?xml version="1.0" encoding="UTF-8"?><Response>${inside}</Response>`)

function verbsOf(inside: string): Verb[] {
  const reading = read(inside)
  if (!reading.ok) throw new Error(reading.problem.text)
  expect(reading.warnings).toEqual([])
  return reading.verbs
}

const record = {
  verb: 'Record',
  action: null,
  method: 'POST',
  timeoutMs: 5000,
  finishOnKey: '1234567890*#',
  maxLengthMs: 3_600_000,
  hasBeep: true,
  isTrimmed: true,
  statusCallback: null,
} as const
const stream = { url: 'wss://h/s', name: null, track: 'inbound_track', statusCallback: null, parameters: {} } as const

const gather: Extract<Verb, { verb: 'Gather' }> = {
  verb: 'Gather',
  action: null,
  method: 'POST',
  timeoutMs: 5000,
  finishOnKey: '#',
  digitsMax: Infinity,
  takes: { keys: true, speech: false },
  speechTimeoutMs: 5000,
  speechMaxMs: 60_000,
  isInterruptible: true,
  language: 'en-US',
  isEmptyTold: false,
  partial: null,
  prompts: [],
}
const dial = {
  verb: 'Dial',
  action: null,
  method: 'POST',
  timeoutMs: 30_000,
  timeLimitMs: 14_400_000,
  isAnsweredOnBridge: false,
  callerId: null,
  hangsUpOnStar: false,
  isSequential: false,
  recording: null,
} as const
const number = { number: '+15550109999', url: null, method: 'POST', sendDigits: '', statusCallback: null } as const
const conference = {
  name: 'front desk',
  label: null,
  isMuted: false,
  startsOnEnter: true,
  endsOnExit: false,
  beepsOn: 'both',
  statusCallback: null,
} as const

describe('each verb is read with the defaults of its page', () => {
  const table: [xml: string, verb: Verb][] = [
    ['<Say>Hello  &amp;\n welcome &#33;</Say>', { verb: 'Say', text: 'Hello & welcome !', loops: 1 }],
    [
      '<Say loop="0"><emphasis>Hi</emphasis> <![CDATA[<all>]]></Say>',
      { verb: 'Say', text: 'Hi <all>', loops: Infinity },
    ],
    ['<Play loop="2">/a.wav</Play>', { verb: 'Play', url: '/a.wav', digits: '', loops: 2 }],
    ['<Play digits="1w2"/>', { verb: 'Play', url: '', digits: '1w2', loops: 1 }],
    ['<Pause/>', { verb: 'Pause', lengthMs: 1000 }],
    ['<Pause length="3"/>', { verb: 'Pause', lengthMs: 3000 }],
    ['<Hangup/>', { verb: 'Hangup' }],
    ['<Redirect method="get">/x?a=1&amp;b=2</Redirect>', { verb: 'Redirect', url: '/x?a=1&b=2', method: 'GET' }],
    ['<Reject/>', { verb: 'Reject', reason: 'rejected' }],
    ['<Reject reason="busy"/>', { verb: 'Reject', reason: 'busy' }],
    ['<Record/>', record],
    [
      '<Record action="/r" timeout="2" finishOnKey="" maxLength="60" playBeep="false" trim="do-not-trim" recordingStatusCallback="/c" recordingStatusCallbackEvent="in-progress completed"/>',
      {
        ...record,
        action: '/r',
        timeoutMs: 2000,
        finishOnKey: '',
        maxLengthMs: 60_000,
        hasBeep: false,
        isTrimmed: false,
        statusCallback: { url: '/c', method: 'POST', events: ['in-progress', 'completed'] },
      },
    ],
    ['<Gather/>', gather],
    [
      '<Gather action="/k" method="GET" input="dtmf" timeout="3" finishOnKey="" numDigits="4" actionOnEmptyResult="true"><Say>Keys</Say><Pause/><Play>/a.wav</Play></Gather>',
      {
        ...gather,
        action: '/k',
        method: 'GET',
        timeoutMs: 3000,
        finishOnKey: '',
        digitsMax: 4,
        speechTimeoutMs: 3000,
        isEmptyTold: true,
        partial: null,
        prompts: [
          { verb: 'Say', text: 'Keys', loops: 1 },
          { verb: 'Pause', lengthMs: 1000 },
          { verb: 'Play', url: '/a.wav', digits: '', loops: 1 },
        ],
      },
    ],
    ['<Dial>+15550109999</Dial>', { ...dial, to: { kind: 'numbers', numbers: [number] } }],
    [
      '<Dial action="/d" timeout="9" timeLimit="60" answerOnBridge="true" callerId="+1555" hangupOnStar="true" sequential="true" record="record-from-ringing-dual"><Number url="/s" method="GET" sendDigits="w1" statusCallback="/c" statusCallbackEvent="initiated  answered">+15550109999</Number><Number>+15550109999</Number></Dial>',
      {
        ...dial,
        action: '/d',
        timeoutMs: 9000,
        timeLimitMs: 60_000,
        isAnsweredOnBridge: true,
        callerId: '+1555',
        hangsUpOnStar: true,
        isSequential: true,
        recording: { from: 'ringing', channels: 2, track: 'both', callback: null },
        to: {
          kind: 'numbers',
          numbers: [
            {
              ...number,
              url: '/s',
              method: 'GET',
              sendDigits: 'w1',
              statusCallback: { url: '/c', method: 'POST', events: ['initiated', 'answered'] },
            },
            number,
          ],
        },
      },
    ],
    ['<Dial><Conference>front desk</Conference></Dial>', { ...dial, to: { kind: 'conference', conference } }],
    [
      '<Dial><Conference participantLabel="caller" muted="true" startConferenceOnEnter="false" endConferenceOnExit="true" beep="onExit" waitUrl="" statusCallback="/c">front desk</Conference></Dial>',
      {
        ...dial,
        to: {
          kind: 'conference',
          conference: {
            ...conference,
            label: 'caller',
            isMuted: true,
            startsOnEnter: false,
            endsOnExit: true,
            beepsOn: 'exit',
            statusCallback: { url: '/c', method: 'POST', events: ['start', 'end'] },
          },
        },
      },
    ],
    ['<Connect><Stream url="wss://h/s"/></Connect>', { verb: 'Connect', action: null, method: 'POST', stream }],
    [
      '<Connect action="/after"><Stream url="wss://h/s" name="main" statusCallback="/c"><Parameter name="a" value="1"/><Parameter name="b" value=""/></Stream></Connect>',
      {
        verb: 'Connect',
        action: '/after',
        method: 'POST',
        stream: {
          ...stream,
          name: 'main',
          statusCallback: { url: '/c', method: 'POST' },
          parameters: { a: '1', b: '' },
        },
      },
    ],
  ]
  test.each(table)('%s', (xml, verb) => expect(verbsOf(xml)).toEqual([verb]))
})

test("what Twilio's own library writes is read without a warning", () => {
  const response = new twilio.twiml.VoiceResponse()
  response.say({ voice: 'Polly.Joanna', language: 'en-US' }, 'Good "morning" & welcome')
  response
    .connect({ action: 'https://h/a?x=1&y=2' })
    .stream({ url: 'wss://h/s' })
    .parameter({ name: 't', value: '<>&"' })
  response.record({ action: '/voicemail', maxLength: 60 })
  response.gather({ input: ['dtmf'], numDigits: 1, action: '/keys' }).say('Press 1')
  const dialled = response.dial({ action: '/dialled', answerOnBridge: true, callerId: '+15551234567', timeout: 20 })
  dialled.number(
    { url: '/screen', statusCallback: '/leg', statusCallbackEvent: ['initiated', 'answered'] },
    '+15550109999',
  )
  response.dial().conference({ waitUrl: '', endConferenceOnExit: true, beep: 'false' }, 'front desk')
  response.redirect('/again')
  const reading = parseTwiml(response.toString())
  expect(reading).toMatchObject({ ok: true, warnings: [] })
  if (!reading.ok) return
  const names = reading.verbs.map(({ verb }) => verb)
  expect(names).toEqual(['Say', 'Connect', 'Record', 'Gather', 'Dial', 'Dial', 'Redirect'])
  expect(reading.verbs[1]).toMatchObject({ action: 'https://h/a?x=1&y=2', stream: { parameters: { t: '<>&"' } } })
})

describe('a document that is no TwiML is refused with 12100', () => {
  test.each(['', 'Hello', '<Response>', '<Response><Say></Response>', '<html/>', '<Response/><Response/>', '{"a":1}'])(
    '%j',
    (text) => expect(parseTwiml(text)).toMatchObject({ ok: false, problem: { code: 12100 } }),
  )
  test('an empty Response is a document', () => expect(read('')).toEqual({ ok: true, verbs: [], warnings: [] }))
})

describe('what TwiML does not have is left out and warned of with 12200', () => {
  const table: [xml: string, left: Verb['verb'][], fault: RegExp][] = [
    ['<Dance/><Hangup/>', ['Hangup'], /<Dance>/],
    ['<say>small</say>', [], /<say>/],
    ['<Hangup reason="x"/>', ['Hangup'], /no attribute reason/],
    ['<Pause length="-1"/>', ['Pause'], /length="-1"/],
    ['<Pause length="soon"/>', ['Pause'], /length="soon"/],
    ['<Reject reason="rude"/>', ['Reject'], /reason="rude"/],
    ['<Connect/>', [], /empty/],
    ['<Connect><Room>x</Room></Connect>', [], /<Room>/],
    ['<Connect><Stream url="wss://h/s"><Say>x</Say></Stream></Connect>', ['Connect'], /takes <Parameter>/],
    ['<Connect><Stream url="wss://h/s"><Parameter name="a"/></Stream></Connect>', ['Connect'], /name and a value/],
    ['<Pause>words</Pause>', ['Pause'], /no text/],
    ['<Hangup><Say>bye</Say></Hangup>', ['Hangup'], /takes no <Say>/],
    ['<Dial/>', [], /<Dial> is empty/],
    ['<Dial><Client>x</Client></Dial>', [], /not <Client>/],
    ['<Dial><Number>+15550109999</Number><Conference>x</Conference></Dial>', [], /not <Conference> here/],
    ['<Dial><Conference waitUrl="/music">x</Conference></Dial>', ['Dial'], /waitUrl/],
    ['<Dial answerOnBridge="yes">+15550109999</Dial>', ['Dial'], /neither true nor false/],
    ['<Dial><Number statusCallback="/c" statusCallbackEvent="picked">1</Number></Dial>', ['Dial'], /not an event/],
    ['<Gather input="eyes"/>', ['Gather'], /dtmf and speech/],
    ['<Gather><Hangup/></Gather>', ['Gather'], /not <Hangup>/],
    ['words<Hangup/>', ['Hangup'], /no text/],
  ]
  test.each(table)('%s', (xml, left, fault) => {
    const reading = read(xml)
    if (!reading.ok) throw new Error(reading.problem.text)
    expect(reading.verbs.map(({ verb }) => verb)).toEqual(left)
    expect(reading.warnings).toEqual([{ code: 12200, text: expect.stringMatching(fault) }])
  })

  test('a <Parameter> of 500 characters is too long, one of 499 is not', () => {
    const withValue = (chars: number) =>
      read(`<Connect><Stream url="wss://h/s"><Parameter name="a" value="${'x'.repeat(chars - 1)}"/></Stream></Connect>`)
    expect(withValue(499)).toMatchObject({ warnings: [] })
    expect(withValue(500)).toMatchObject({ warnings: [{ code: 12200 }], verbs: [{ stream: { parameters: {} } }] })
  })
})
