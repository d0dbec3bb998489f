// TwiML for voice, read into typed verbs with Twilio's defaults filled in. What TwiML does not have is left out and
// reported under the number that Twilio logs for it; only a document that is no TwiML at all is refused.
// Sources: twilio.com/docs/voice/twiml and the page of each verb. That an unknown verb or attribute is a warning [mem].
import { type Problem, problemCode } from './problems.ts'
import { type DialVerb, readDial } from './twiml-dial.ts'
import { type Reader, reader, type Warn } from './twiml-reader.ts'
import { type Element, parseXml } from './xml.ts'

export type Method = 'GET' | 'POST'
export type CallbackTarget = { url: string; method: Method; events: string[] }

export type StreamNoun = {
  url: string
  name: string | null
  track: 'inbound_track' | 'outbound_track' | 'both_tracks'
  statusCallback: { url: string; method: Method } | null
  parameters: Record<string, string>
}

export type RecordingNoun = {
  channels: 1 | 2
  track: 'inbound' | 'outbound' | 'both'
  callback: CallbackTarget | null
}

export type SoundVerb =
  | { verb: 'Say'; text: string; loops: number }
  | { verb: 'Play'; url: string; digits: string; loops: number }
  | { verb: 'Pause'; lengthMs: number }

export type Verb =
  | SoundVerb
  | {
      verb: 'Record'
      /** null: the URL of the document itself. */
      action: string | null
      method: Method
      timeoutMs: number
      finishOnKey: string
      maxLengthMs: number
      hasBeep: boolean
      isTrimmed: boolean
      statusCallback: CallbackTarget | null
    }
  | {
      verb: 'Gather'
      /** null: the URL of the document itself. */
      action: string | null
      method: Method
      /** From the end of the prompts, and from each key. */
      timeoutMs: number
      /** Empty: no key ends it. */
      finishOnKey: string
      digitsMax: number
      takes: { keys: boolean; speech: boolean }
      /** Silence after which speech is over. */
      speechTimeoutMs: number
      speechMaxMs: number
      /** Speech cuts the prompts off. */
      isInterruptible: boolean
      language: string
      /** Told what is understood by then, while the caller speaks. */
      partial: { url: string; method: Method } | null
      /** The action is asked also when there was nothing. */
      isEmptyTold: boolean
      prompts: SoundVerb[]
    }
  | DialVerb
  | { verb: 'Connect'; action: string | null; method: Method; stream: StreamNoun }
  | { verb: 'Start'; starts: { kind: 'stream'; stream: StreamNoun } | ({ kind: 'recording' } & RecordingNoun) }
  /** The stream of this name. */
  | { verb: 'Stop'; name: string }
  | { verb: 'Redirect'; url: string; method: Method }
  | { verb: 'Reject'; reason: 'rejected' | 'busy' }
  | { verb: 'Hangup' }

export type TwimlReading = { ok: true; verbs: Verb[]; warnings: Problem[] } | { ok: false; problem: Problem }

const methods = ['POST', 'GET'] as const
const recordingEvents = ['in-progress', 'completed', 'absent'] as const
const ANY_KEY = '1234567890*#'
/** Name and value of a `<Parameter>` together must be shorter (twilio.com/docs/voice/twiml/stream). */
const PARAMETER_MAX_CHARS = 500

export function parseTwiml(text: string): TwimlReading {
  const xml = parseXml(text)
  if ('fault' in xml) return unparsable(xml.fault)
  if (xml.root.name !== 'Response') return unparsable(`The root element is <${xml.root.name}>, not <Response>`)
  const warnings: Problem[] = []
  const warn: Warn = (fault) => warnings.push({ code: problemCode.schemaWarning, text: fault })
  const response = reader(xml.root, warn)
  const verbs = response.children().flatMap((element) => readVerb(element, warn) ?? [])
  response.done()
  return { ok: true, verbs, warnings }
}

const unparsable = (fault: string): TwimlReading => ({
  ok: false,
  problem: { code: problemCode.documentUnparsable, text: `Document parse failure: ${fault}` },
})

function readVerb(element: Element, warn: Warn): Verb | null {
  const from = reader(element, warn)
  const verb = verbOf(element, from, warn)
  if (verb) from.done()
  return verb
}

function verbOf(element: Element, from: Reader, warn: Warn): Verb | null {
  switch (element.name) {
    case 'Say':
    case 'Play':
    case 'Pause':
      return soundOf(element.name, from)
    case 'Record':
      return readRecord(from)
    case 'Gather':
      return readGather(from, warn)
    case 'Dial':
      return readDial(from, warn)
    case 'Connect':
      return readConnect(from, warn)
    case 'Start':
      return readStart(from, warn)
    case 'Stop':
      return readStop(from, warn)
    case 'Redirect':
      return { verb: 'Redirect', url: from.text(), method: from.choice('method', methods) }
    case 'Reject':
      return { verb: 'Reject', reason: from.choice('reason', ['rejected', 'busy']) }
    case 'Hangup':
      return { verb: 'Hangup' }
    default:
      warn(`<${element.name}> is not a verb that this carrier has`)
      return null
  }
}

function soundOf(name: SoundVerb['verb'], from: Reader): SoundVerb {
  switch (name) {
    case 'Say':
      from.ignore('voice', 'language')
      return { verb: 'Say', text: from.text(), loops: from.loops() }
    case 'Play':
      return { verb: 'Play', url: from.text(), digits: from.string('digits') ?? '', loops: from.loops() }
    case 'Pause':
      return { verb: 'Pause', lengthMs: 1000 * from.whole('length', 1, 1) }
  }
}

/** When silence is to tell by itself that speech is over. Twilio's own figure is not published. */
const AUTO_SPEECH_TIMEOUT_MS = 1_000

function readGather(from: Reader, warn: Warn): Verb {
  from.ignore('profanityFilter', 'hints', 'speechModel', 'enhanced', 'debug')
  const partial = from.string('partialResultCallback')
  const partialMethod = from.choice('partialResultCallbackMethod', methods)
  const kinds = (from.string('input') ?? 'dtmf').split(/\s+/)
  for (const kind of kinds)
    if (kind !== 'dtmf' && kind !== 'speech') warn(`<Gather input> takes dtmf and speech, not ${kind}`)
  const timeout = from.whole('timeout', 5, 1)
  const isAuto = from.string('speechTimeout') === 'auto'
  return {
    verb: 'Gather',
    action: from.string('action'),
    method: from.choice('method', methods),
    timeoutMs: 1000 * timeout,
    finishOnKey: from.string('finishOnKey') ?? '#',
    digitsMax: from.whole('numDigits', Number.POSITIVE_INFINITY, 1),
    takes: { keys: !kinds.includes('speech') || kinds.includes('dtmf'), speech: kinds.includes('speech') },
    speechTimeoutMs: isAuto ? AUTO_SPEECH_TIMEOUT_MS : 1000 * from.whole('speechTimeout', timeout, 1),
    speechMaxMs: 1000 * from.whole('maxSpeechTime', 60, 1),
    isInterruptible: from.flag('bargeIn', true),
    language: from.string('language') ?? 'en-US',
    partial: partial === null ? null : { url: partial, method: partialMethod },
    isEmptyTold: from.flag('actionOnEmptyResult', false),
    prompts: from.children().flatMap((child) => readPrompt(child, warn)),
  }
}

function readPrompt(element: Element, warn: Warn): SoundVerb[] {
  const { name } = element
  if (name !== 'Say' && name !== 'Play' && name !== 'Pause') {
    warn(`<Gather> takes <Say>, <Play> and <Pause>, not <${name}>`)
    return []
  }
  const from = reader(element, warn)
  const verb = soundOf(name, from)
  from.done()
  return [verb]
}

function readRecord(from: Reader): Verb {
  from.ignore('transcribe', 'transcribeCallback')
  return {
    verb: 'Record',
    action: from.string('action'),
    method: from.choice('method', methods),
    timeoutMs: 1000 * from.whole('timeout', 5, 1),
    finishOnKey: from.string('finishOnKey') ?? ANY_KEY,
    maxLengthMs: 1000 * from.whole('maxLength', 3600, 1),
    hasBeep: from.flag('playBeep', true),
    isTrimmed: from.choice('trim', ['trim-silence', 'do-not-trim']) === 'trim-silence',
    statusCallback: from.callback('recordingStatusCallback', recordingEvents, ['completed']),
  }
}

function readConnect(from: Reader, warn: Warn): Verb | null {
  const action = from.string('action')
  const method = from.choice('method', methods)
  const [noun, extra] = from.children()
  if (noun?.name === 'Stream' && !extra) return { verb: 'Connect', action, method, stream: readStream(noun, warn) }
  warn(noun ? `<Connect> takes one <Stream>, not <${(extra ?? noun).name}>` : '<Connect> is empty')
  return null
}

function readStart(from: Reader, warn: Warn): Verb | null {
  const [noun, extra] = from.children()
  if (noun?.name === 'Stream' && !extra)
    return { verb: 'Start', starts: { kind: 'stream', stream: readStream(noun, warn) } }
  if (noun?.name === 'Recording' && !extra)
    return { verb: 'Start', starts: { kind: 'recording', ...readRecordingNoun(noun, warn) } }
  warn(noun ? `<Start> takes one <Stream> or <Recording>, not <${(extra ?? noun).name}>` : '<Start> is empty')
  return null
}

/** That a recording has one channel unless told otherwise is taken over from REST [?]. */
function readRecordingNoun(element: Element, warn: Warn): RecordingNoun {
  const from = reader(element, warn)
  from.ignore('trim')
  const noun: RecordingNoun = {
    channels: from.choice('channels', ['mono', 'dual']) === 'dual' ? 2 : 1,
    track: from.choice('track', ['both', 'inbound', 'outbound']),
    callback: from.callback('recordingStatusCallback', recordingEvents, ['completed']),
  }
  from.done()
  return noun
}

function readStop(from: Reader, warn: Warn): Verb | null {
  const [noun, extra] = from.children()
  const name = noun?.attributes.name
  if (noun?.name === 'Stream' && !extra && name !== undefined) return { verb: 'Stop', name }
  warn('<Stop> takes one <Stream> with its name')
  return null
}

function readStream(element: Element, warn: Warn): StreamNoun {
  const from = reader(element, warn)
  from.ignore('connectorName', 'audioFormat', 'sampleRate')
  const callback = from.string('statusCallback')
  const method = from.choice('statusCallbackMethod', methods)
  const stream: StreamNoun = {
    url: from.string('url') ?? '',
    name: from.string('name'),
    track: from.choice('track', ['inbound_track', 'outbound_track', 'both_tracks']),
    statusCallback: callback === null ? null : { url: callback, method },
    parameters: Object.fromEntries(from.children().flatMap((child) => readParameter(child, warn))),
  }
  from.done()
  return stream
}

function readParameter(element: Element, warn: Warn): [string, string][] {
  const from = reader(element, warn)
  const [name, value] = [from.string('name'), from.string('value')]
  const isTaken = element.name === 'Parameter' && name !== null && value !== null
  if (isTaken && name.length + value.length < PARAMETER_MAX_CHARS) {
    from.done()
    return [[name, value]]
  }
  warn(
    element.name === 'Parameter'
      ? `<Parameter> needs a name and a value, together under ${PARAMETER_MAX_CHARS} characters`
      : `<Stream> takes <Parameter>, not <${element.name}>`,
  )
  return []
}
