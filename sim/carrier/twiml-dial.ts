// `<Dial>` and whom it is for, as they are read: numbers, or a conference. Sources: twilio.com/docs/voice/twiml/dial, number;
// the attributes of a conference by the twilio package's types.
import type { CallbackTarget, Method, Verb } from './twiml.ts'
import { type Reader, reader, type Warn } from './twiml-reader.ts'
import type { Element } from './xml.ts'

export type DialVerb = {
  verb: 'Dial'
  /** null: the next verb follows. */
  action: string | null
  method: Method
  timeoutMs: number
  /** From the moment on in which both hear each other. */
  timeLimitMs: number
  /** Leaves a call that nobody has answered ringing until then. */
  isAnsweredOnBridge: boolean
  /** null: the caller's own number is shown. */
  callerId: string | null
  hangsUpOnStar: boolean
  /** One number after the other, not all at once. */
  isSequential: boolean
  recording: DialRecording | null
  to: { kind: 'numbers'; numbers: NumberNoun[] } | { kind: 'conference'; conference: ConferenceNoun }
}

export type DialRecording = {
  from: 'answer' | 'ringing'
  channels: 1 | 2
  track: 'inbound' | 'outbound' | 'both'
  callback: CallbackTarget | null
}

export type NumberNoun = {
  number: string
  /** The document that whoever answers is read before both hear each other. */
  url: string | null
  method: Method
  sendDigits: string
  statusCallback: CallbackTarget | null
}

export type ConferenceNoun = {
  name: string
  label: string | null
  isMuted: boolean
  startsOnEnter: boolean
  endsOnExit: boolean
  beepsOn: 'enter' | 'exit' | 'both' | 'neither'
  statusCallback: CallbackTarget | null
}

const TIME_LIMIT_SECONDS = 14_400
const rungs = ['initiated', 'ringing', 'answered', 'completed']
const conferenceEvents = ['start', 'end', 'join', 'leave', 'mute', 'hold', 'modify', 'speaker', 'announcement']
export const usualConferenceEvents = ['start', 'end']
const recordings = [
  'do-not-record',
  'record-from-answer',
  'record-from-ringing',
  'record-from-answer-dual',
  'record-from-ringing-dual',
  'true',
  'false',
] as const

export function readDial(from: Reader, warn: Warn): Verb | null {
  from.ignore('ringTone', 'referUrl', 'referMethod', 'trim')
  const to = readTo(from, warn)
  if (to === null) return null
  return {
    verb: 'Dial',
    action: from.string('action'),
    method: from.choice('method', ['POST', 'GET']),
    timeoutMs: 1000 * from.whole('timeout', 30, 1),
    timeLimitMs: 1000 * from.whole('timeLimit', TIME_LIMIT_SECONDS, 1),
    isAnsweredOnBridge: from.flag('answerOnBridge', false),
    callerId: from.string('callerId'),
    hangsUpOnStar: from.flag('hangupOnStar', false),
    isSequential: from.flag('sequential', false),
    recording: readRecording(from),
    to,
  }
}

function readRecording(from: Reader): DialRecording | null {
  const record = from.choice('record', recordings)
  const callback = from.callback('recordingStatusCallback', ['in-progress', 'completed', 'absent'], ['completed'])
  const track = from.choice('recordingTrack', ['both', 'inbound', 'outbound'])
  if (record === 'do-not-record' || record === 'false') return null
  const channels = record.endsWith('-dual') ? 2 : 1
  return { from: record.includes('ringing') ? 'ringing' : 'answer', channels, track, callback }
}

function readTo(from: Reader, warn: Warn): DialVerb['to'] | null {
  const nouns = from.children()
  const text = from.ownText()
  const [first] = nouns
  if (first === undefined && text === '') {
    warn('<Dial> is empty')
    return null
  }
  if (first === undefined) return { kind: 'numbers', numbers: [numberOf(text)] }
  if (first.name === 'Conference' && nouns.length === 1)
    return { kind: 'conference', conference: readConference(first, warn) }
  const strange = nouns.find(({ name }) => name !== 'Number')
  if (strange === undefined) return { kind: 'numbers', numbers: nouns.map((noun) => readNumber(noun, warn)) }
  warn(`<Dial> takes <Number>, or one <Conference>, not <${strange.name}> here`)
  return null
}

const numberOf = (number: string): NumberNoun => ({
  number,
  url: null,
  method: 'POST',
  sendDigits: '',
  statusCallback: null,
})

function readNumber(element: Element, warn: Warn): NumberNoun {
  const from = reader(element, warn)
  const noun: NumberNoun = {
    number: from.text(),
    url: from.string('url'),
    method: from.choice('method', ['POST', 'GET']),
    sendDigits: from.string('sendDigits') ?? '',
    statusCallback: from.callback('statusCallback', rungs, ['completed']),
  }
  from.done()
  return noun
}

function readConference(element: Element, warn: Warn): ConferenceNoun {
  const from = reader(element, warn)
  from.ignore('waitMethod', 'region', 'maxParticipants', 'jitterBufferSize')
  // Who waits hears nothing here, or hold music, which is no voice: a document of the server's own is not asked for.
  if ((from.string('waitUrl') ?? '') !== '') warn('<Conference waitUrl> can only be empty with this carrier')
  const noun: ConferenceNoun = {
    name: from.text(),
    label: from.string('participantLabel'),
    isMuted: from.flag('muted', false),
    startsOnEnter: from.flag('startConferenceOnEnter', true),
    endsOnExit: from.flag('endConferenceOnExit', false),
    beepsOn: beeps[from.choice('beep', ['true', 'false', 'onEnter', 'onExit'])],
    statusCallback: from.callback('statusCallback', conferenceEvents, usualConferenceEvents),
  }
  from.done()
  return noun
}

export const beeps = { true: 'both', false: 'neither', onEnter: 'enter', onExit: 'exit' } as const
