// A call made by hand, right in every respect, for tests that break it in one: the agent greets, the caller asks, the agent
// answers at length and is cut off after 1.2 s, says goodbye and hangs up. All times in ms after `startMs`.
import type { ClinicView, Evidence, ServerView } from '../../sim/audit/case.ts'
import { createRandom } from '../../sim/random.ts'
import type { ModelRecord, StreamRecord } from '../../sim/record.ts'
import type { Fixture } from '../../sim/script.ts'

export const startMs = 1_700_000_000_000
export const at = (ms: number): number => startMs + ms

type Session = ModelRecord['sessions'][number]

const FRAME = 160
const DELTA_MS = 200
const callSid = `CA${'1'.repeat(32)}`
const streamSid = `MZ${'2'.repeat(32)}`
const from = '+15550102030'
const to = '+15551234567'

/** Loud bytes, no two stretches of which are alike, and none of them silence. */
export function speech(label: string, ms: number): Uint8Array {
  const random = createRandom(label)
  return Uint8Array.from({ length: ms * 8 }, () => random.int(0, 60))
}

const speaks = [
  { fromMs: 3_000, toMs: 4_000 },
  { fromMs: 6_000, toMs: 6_800 },
]

function callerFrames(): StreamRecord['sent'] {
  const frames: StreamRecord['sent'] = []
  for (let ms = 100; ms < 8_700; ms += 20) {
    const isSpeech = speaks.some(({ fromMs, toMs }) => ms >= fromMs && ms < toMs)
    frames.push({ atMs: at(ms), bytes: isSpeech ? speech(`caller ${ms}`, 20) : new Uint8Array(FRAME).fill(0xff) })
  }
  return frames
}

/** What the agent says: sent on as it leaves the model, at once, a mark after each delta. */
const says = [
  { itemId: 'item_A', responseId: 'resp_1', text: 'Hello, how can I help?', ms: 1_600, atMs: 500, heardMs: 1_600 },
  {
    itemId: 'item_B',
    responseId: 'resp_2',
    text: 'I will pass that on and they will call back.',
    ms: 3_000,
    atMs: 5_000,
    heardMs: 1_200,
  },
  { itemId: 'item_C', responseId: 'resp_3', text: 'Goodbye.', ms: 1_000, atMs: 7_600, heardMs: 1_000 },
]

const message = { itemId: '', responseId: null, audio: new Uint8Array(), truncatedAtMs: null }

function modelSession(sent: StreamRecord['sent']): Session {
  const items = says.map(({ itemId, responseId, text, ms, heardMs }) => ({
    ...message,
    itemId,
    responseId,
    role: 'assistant' as const,
    text,
    audio: speech(itemId, ms),
    truncatedAtMs: heardMs < ms ? heardMs : null,
  }))
  const [greeting, answer, goodbye] = items as [(typeof items)[0], (typeof items)[0], (typeof items)[0]]
  const tool = (name: string, argumentsText: string) => ({
    ...message,
    itemId: `item_${name}`,
    role: 'function_call' as const,
    text: '',
    name,
    arguments: argumentsText,
  })
  const appended = Buffer.concat([...sent.map(({ bytes }) => bytes), Buffer.alloc(8_000, 0xff)])
  return {
    sessionId: 'sess_1',
    openedAtMs: at(10),
    closedAtMs: at(8_700),
    config: { type: 'realtime' },
    appended,
    appends: [],
    speech: [
      { startedAtMs: at(3_100), stoppedAtMs: at(4_500), itemId: 'item_U1' },
      { startedAtMs: at(6_150), stoppedAtMs: at(7_300), itemId: 'item_U2' },
    ],
    responses: says.map(({ responseId, atMs }) => ({
      responseId,
      status: 'completed',
      reason: null,
      createdAtMs: at(atMs - 200),
      doneAtMs: at(atMs + 400),
      isAsked: true,
    })),
    items: [
      greeting,
      { ...message, itemId: 'item_U1', role: 'user', text: 'Please renew my inhaler.' },
      tool('take_message', '{"caller_name":"Dana"}'),
      { ...message, itemId: 'item_O1', role: 'function_call_output', text: '', output: '{"taken":true}' },
      answer,
      { ...message, itemId: 'item_U2', role: 'user', text: 'Thanks, bye.' },
      goodbye,
      tool('end_call', '{"reason":"done"}'),
    ],
    deltas: says.flatMap(({ itemId, responseId, ms, atMs }) =>
      Array.from({ length: ms / DELTA_MS }, (_, index) => ({
        atMs: at(atMs),
        responseId,
        itemId,
        fromByte: index * DELTA_MS * 8,
        toByte: (index + 1) * DELTA_MS * 8,
      })),
    ),
    violations: [],
  }
}

function mediaStream(sent: StreamRecord['sent'], session: Session): StreamRecord {
  const audio = session.items.filter(({ role }) => role === 'assistant').map((item) => item.audio)
  let byte = 0
  const runs = says.map(({ ms, atMs, heardMs }) => {
    const fromByte = byte
    byte += ms * 8
    return {
      atMs: at(atMs),
      clearedAtMs: at(atMs + heardMs),
      fromByte,
      heardToByte: fromByte + heardMs * 8,
      toByte: byte,
    }
  })
  return {
    streamSid,
    url: 'wss://frontdesk.example/media',
    openedAtMs: at(60),
    startedAtMs: at(100),
    endedAtMs: at(8_700),
    endedBy: 'server',
    sent,
    received: Buffer.concat(audio),
    receivedAt: runs.map(({ atMs, fromByte, toByte }) => ({ atMs, fromByte, toByte })),
    played: runs.map(({ atMs, fromByte, heardToByte }) => ({ atMs, fromByte, toByte: heardToByte })),
    cleared: runs
      .filter(({ heardToByte, toByte }) => heardToByte < toByte)
      .map(({ clearedAtMs, heardToByte, toByte }) => ({ atMs: clearedAtMs, fromByte: heardToByte, toByte })),
    marks: says.flatMap(({ itemId, ms, atMs, heardMs }, place) =>
      Array.from({ length: ms / DELTA_MS }, (_, index) => {
        const ofItemMs = (index + 1) * DELTA_MS
        return {
          name: `${itemId}:${ofItemMs}`,
          atByte: (runs[place]?.fromByte ?? 0) + ofItemMs * 8,
          receivedAtMs: at(atMs),
          returnedAtMs: at(atMs + Math.min(ofItemMs, heardMs)),
          wasCleared: ofItemMs > heardMs,
        }
      }),
    ),
  }
}

/** Dana is found, and a visit booked for her; a neighbour of hers is nobody's business. */
function clinicView(): ClinicView {
  const patient = (patientId: string, name: string, dateOfBirth: string, phoneNumber: string) => ({
    patientId,
    isOfThisClinic: true,
    isChanged: false,
    name,
    familyName: name.split(' ')[1] ?? '',
    dateOfBirth,
    phoneNumbers: [phoneNumber],
  })
  return {
    timeZone: 'UTC',
    identityPolicy: 'name-and-birth-date',
    patients: [
      patient('patient_1', 'Dana Reyes', '1988-04-12', from),
      patient('patient_2', 'Leo Novak', '2015-02-08', '+15550102055'),
    ],
    appointments: [
      {
        patientId: 'patient_1',
        provider: 'Dr. Okafor',
        service: 'Check-up',
        starts: '2023-11-16 09:00',
        startsAtMs: at(100_000_000),
        status: 'booked',
        conversationId: 'conversation_1',
        faults: [],
      },
    ],
    holds: 0,
    audits: [
      { patientId: 'patient_1', action: 'read', toolCallId: 'search_patient' },
      { patientId: 'patient_1', action: 'booked', toolCallId: 'book_appointment' },
    ],
  }
}

const analysis = { summary: 'Dana wants her inhaler renewed.' }

function serverView(): ServerView {
  const utterance = (itemId: string, order: number, speaker: string, ms: number, text: string, unheard = '') => ({
    key: `utterance:${streamSid}:${itemId}`,
    kind: 'utterance',
    atMs: at(ms),
    fact: { streamSid, itemId, order, speaker, text, unheard, isCut: unheard !== '', startedAtMs: at(ms) },
  })
  const tool = (name: string, ms: number, args: Record<string, unknown>) => [
    {
      key: `tool.called:${name}`,
      kind: 'tool.called',
      atMs: at(ms),
      fact: { toolCallId: name, name, arguments: args },
    },
    {
      key: `tool.returned:${name}`,
      kind: 'tool.returned',
      atMs: at(ms),
      fact: { toolCallId: name, name, outcome: 'done' },
    },
  ]
  return {
    conversation: {
      session_id: `twilio_${callSid}`,
      call_sid: callSid,
      from_number: from,
      to_number: to,
      channel: 'voice',
      call_status: 'completed',
      started_at: new Date(startMs),
      answered_at: new Date(at(100)).toISOString(),
      ended_at: new Date(at(8_700)),
      duration_ms: '8000',
      transcript:
        'Agent: Hello, how can I help?\nCaller: Please renew my inhaler.\nAgent: I will pass that on [interrupted]\nCaller: Thanks, bye.\nAgent: Goodbye.',
    },
    events: [
      utterance('item_A', 1, 'agent', 500, 'Hello, how can I help?'),
      utterance('item_U1', 2, 'caller', 3_000, 'Please renew my inhaler.'),
      ...tool('take_message', 4_700, { caller_name: 'Dana', is_urgent: false }),
      utterance('item_B', 5, 'agent', 5_000, 'I will pass that on', ' and they will call back.'),
      utterance('item_U2', 6, 'caller', 6_000, 'Thanks, bye.'),
      utterance('item_C', 7, 'agent', 7_600, 'Goodbye.'),
      ...tool('end_call', 7_700, { reason: 'done' }),
      { key: 'analysis', kind: 'analysis.completed', atMs: at(9_500), fact: { analysis } },
      { key: 'email.sent:1', kind: 'email.sent', atMs: at(9_900), fact: { deliveryId: '1' } },
    ],
    emailDeliveries: [{ state: 'sent' }],
    recordings: [
      { recording_sid: 'RE1', status: 'completed', is_voicemail: false, stored_as: 'a/b.wav', bytes: 1_000 },
    ],
    otherOrganizationsTouched: 0,
    keysOverAll: [],
    clinic: null,
    isUnrouted: false,
  }
}

const fixture: Fixture = {
  version: 1,
  date: '2026-11-24',
  name: 'by-hand',
  about: 'A call made by hand.',
  isUsual: false,
  call: { direction: 'inbound', to, from, answers: { afterMs: 3_000 }, purpose: null },
  atMs: null,
  caller: [],
  people: [],
  clinic: { settings: {}, switches: [], desk: [] },
  model: { connection: { take: true }, hears: [], responses: [], writings: [], supervisor: [] },
  expect: {
    isRouted: true,
    row: { call_status: 'completed', channel: 'voice', duration_ms: { min: 7_000, max: 9_000 } },
    turns: [
      { speaker: 'agent', text: 'Hello, how can I help?' },
      { speaker: 'caller', text: 'Please renew my inhaler.' },
      { speaker: 'agent', isCut: true },
      { speaker: 'caller' },
      { speaker: 'agent', text: 'Goodbye.', isCut: false },
    ],
    tools: [
      { name: 'take_message', outcome: 'done', arguments: { caller_name: 'Dana' } },
      { name: 'end_call', outcome: 'done' },
    ],
    refused: [],
    database: {
      appointments: [
        {
          patient: 'Dana Reyes',
          provider: 'Dr. Okafor',
          service: 'Check-up',
          starts: '2023-11-16 09:00',
          status: 'booked',
        },
      ],
      patients: [],
      audited: ['Dana Reyes'],
      untouched: false,
    },
    messages: [],
    bargeIns: 1,
    emails: [{ to: ['a@clinic.example', 'b@clinic.example'], contains: ["Dana's inhaler"] }],
    dialled: [],
    problems: [],
  },
}

/** A new copy every time, with a database to look into: free to be broken. */
export type AuditedCall = Omit<Evidence, 'server'> & {
  server: ServerView
  clinic: ClinicView
  stream: StreamRecord
  session: Session
  row: Record<string, unknown>
}

export function auditedCall(): AuditedCall {
  const sent = callerFrames()
  const session = modelSession(sent)
  const stream = mediaStream(sent, session)
  const clinic = clinicView()
  const server = { ...serverView(), clinic }
  return {
    stream,
    session,
    server,
    clinic,
    row: server.conversation ?? {},
    fixture: structuredClone(fixture),
    isVirtual: true,
    carrier: {
      callSid,
      accountSid: `AC${'3'.repeat(32)}`,
      direction: 'inbound',
      parentCallSid: null,
      from,
      to,
      status: 'completed',
      ringingAtMs: startMs,
      answeredAtMs: at(20),
      endedAtMs: at(8_700),
      endedBy: 'server',
      documents: [
        {
          atMs: at(10),
          url: 'https://frontdesk.example/api/twilio/incoming-call',
          status: 200,
          body: '<Response/>',
          tookMs: 12,
        },
      ],
      said: [],
      forks: [],
      streams: [stream],
      gathered: [],
      detection: null,
      bridges: [],
      legs: [],
      deliveries: [
        {
          causedAtMs: at(8_700),
          atMs: at(8_900),
          url: 'https://frontdesk.example/api/twilio/status',
          form: {},
          status: 204,
          tookMs: 3,
        },
      ],
      recordings: [
        {
          recordingSid: 'RE1',
          status: 'completed',
          startedAtMs: at(100),
          durationMs: 8_000,
          channels: 2,
          source: 'StartCallRecordingAPI',
          media: new Uint8Array(),
        },
      ],
      problems: [{ atMs: at(8_700), code: 31921, text: 'The server closed the media socket' }],
    },
    model: { sessions: [session], writings: [], thoughts: [], notes: [] },
    inbox: {
      messages: [
        {
          id: 'mail_1',
          atMs: at(9_900),
          from: 'frontdesk@frontdesk.example',
          to: ['b@clinic.example', 'a@clinic.example'],
          subject: 'A call',
          html: '<p>Dana&#x27;s <b>inhaler</b></p>',
          text: "Dana's\ninhaler",
          idempotencyKey: 'call-summary/1',
        },
      ],
      requests: [],
    },
  }
}
