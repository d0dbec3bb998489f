// PURE but for what its words remember. Takes the people out of a capture: of what the wires carried, only what the protocols
// themselves say stays as it is; every other text becomes other words, and every sound a hum that is as long. What is not known
// to be harmless is replaced or left out.
import { BYTES_PER_MS, encodeMulaw, FRAME_BYTES, isAudible, silence } from '../audio.ts'
import type { Capture, CaptureEvent, SocketMessage } from './capture.ts'
import { spansOf } from './capture.ts'
import { isReference, type Stranger } from './words.ts'

export type Keeping = { words: boolean; numbers: boolean; audio: boolean }

/** Of Twilio's forms and REST answers: what says nothing of a person. Others are left out, but numbers, SIDs and their URLs. */
const harmlessFields = new Set(
  `CallStatus Direction ApiVersion StreamEvent StreamName Timestamp SequenceNumber CallbackSource ErrorCode Duration
  CallDuration RecordingStatus RecordingChannels RecordingSource RecordingTrack RecordingDuration RecordingStartTime
  DialCallStatus AnsweredBy StirVerstat status direction api_version duration channels source track start_time
  date_created date_updated error_code code status_code more_info uri`.split(/\s+/),
)
/** Of the media stream and of the Realtime API: names, states and ids. */
const protocolKeys = new Set(
  `event type event_id item_id response_id call_id id object status role name previous_item_id code reason model voice
  track encoding tracks protocol version sequenceNumber chunk timestamp streamSid callSid accountSid output_modalities
  conversation_id tool_choice truncation eagerness language metadata incomplete_details max_output_tokens service_tier
  effort verbosity phase`.split(/\s+/),
)
const deltas =
  /^(response\.(output_audio_transcript|output_text|function_call_arguments)|conversation\.item\.input_audio_transcription)\.delta$/

/** Numbers below it count things; above, they may be somebody's. */
const SMALL_NUMBER = 100
const HUM_HZ = { vendor: 300, server: 450 } as const
const HUM_LEVEL = 3_000

export function redacted(capture: Capture, stranger: Stranger, keeps: Keeping): Capture {
  const pieces = keeps.words ? new Map<SocketMessage, string>() : otherDeltas(capture, stranger)
  const events = capture.events.map((event) => redactedEvent(event, stranger, keeps, pieces))
  return { ...capture, events, audio: keeps.audio ? capture.audio : hummed(capture) }
}

function redactedEvent(
  event: CaptureEvent,
  stranger: Stranger,
  keeps: Keeping,
  pieces: ReadonlyMap<SocketMessage, string>,
): CaptureEvent {
  if ('request' in event) {
    const { method, path, fields } = event.request
    return { ...event, request: { method, path: stranger.ids(path), fields: formOf(fields, stranger, keeps) } }
  }
  if ('answer' in event) {
    const { body } = event.answer
    if (body === undefined) return event
    const walked = event.wire === 'rest' ? restOf(body, stranger) : protocolOf(body, '', stranger)
    return { ...event, answer: { ...event.answer, body: walked } }
  }
  if ('open' in event) return { ...event, open: stranger.ids(event.open) }
  if ('close' in event) return event
  const message = objectOf(protocolOf(event.message, '', stranger))
  const piece = pieces.get(event)
  if (piece !== undefined) return { ...event, message: { ...message, delta: piece } }
  return { ...event, message: event.wire === 'media' ? mediaOf(message, keeps) : message }
}

function formOf(fields: Record<string, string>, stranger: Stranger, keeps: Keeping): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => {
      if (harmlessFields.has(name)) return [[name, value]]
      const other = stranger.ids(value)
      if (isReference(other)) return [[name, other]]
      return keeps.words ? [[name, value]] : []
    }),
  )
}

/** Parameters are the server's own, and keys that were pressed may be a birthday. */
function mediaOf(message: Record<string, unknown>, keeps: Keeping): Record<string, unknown> {
  const { start, dtmf } = message
  return {
    ...message,
    ...(isObject(start) && { start: { ...start, customParameters: {} } }),
    ...(isObject(dtmf) &&
      !keeps.numbers && { dtmf: { ...dtmf, digit: /[*#]/.test(String(dtmf.digit)) ? dtmf.digit : '5' } }),
  }
}

function restOf(value: unknown, stranger: Stranger): unknown {
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, each]) => {
      if (typeof each !== 'string' || harmlessFields.has(name)) return [[name, deep(each, stranger)]]
      return [[name, stranger.words(each)]]
    }),
  )
}

const deep = (value: unknown, stranger: Stranger): unknown =>
  typeof value === 'string' ? stranger.ids(value) : isObject(value) ? restOf(value, stranger) : value

function protocolOf(value: unknown, key: string, stranger: Stranger): unknown {
  if (typeof value === 'string') return protocolKeys.has(key) ? stranger.ids(value) : textOf(value, stranger)
  if (Array.isArray(value)) return value.map((each) => protocolOf(each, key, stranger))
  if (!isObject(value) || key === 'metadata') return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, protocolOf(each, name, stranger)]))
}

/** Arguments and outputs are JSON within a text: their names stay, their values do not. */
function textOf(text: string, stranger: Stranger): string {
  if (!/^\s*[{[]/.test(text)) return stranger.words(text)
  try {
    return JSON.stringify(valuesOf(JSON.parse(text), stranger))
  } catch {
    return stranger.words(text)
  }
}

function valuesOf(value: unknown, stranger: Stranger): unknown {
  if (typeof value === 'string') return stranger.words(value)
  if (typeof value === 'number') return Math.abs(value) < SMALL_NUMBER ? value : SMALL_NUMBER
  if (Array.isArray(value)) return value.map((each) => valuesOf(each, stranger))
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, valuesOf(each, stranger)]))
}

/** A text that comes in pieces is replaced as a whole, and parted where it was. */
function otherDeltas({ events }: Capture, stranger: Stranger): Map<SocketMessage, string> {
  const texts = new Map<string, SocketMessage[]>()
  for (const event of events) {
    if (!('message' in event) || event.from !== 'vendor' || !deltas.test(String(event.message.type))) continue
    const { type, item_id, content_index } = event.message
    const key = JSON.stringify([event.n, type, item_id, content_index])
    texts.set(key, [...(texts.get(key) ?? []), event])
  }
  const pieces = new Map<SocketMessage, string>()
  for (const parts of texts.values()) {
    const said = parts.map(({ message }) => String(message.delta ?? ''))
    const whole = said.join('')
    const other = textOf(whole, stranger)
    let [before, from] = [0, 0]
    parts.forEach((part, place) => {
      before += said[place]?.length ?? 0
      const to = place === parts.length - 1 ? other.length : Math.round((before / whole.length) * other.length)
      pieces.set(part, other.slice(from, to))
      from = to
    })
  }
  return pieces
}

/** A hum where something can be heard, silence where nothing can. */
function hummed({ events, audio }: Capture): Uint8Array {
  const out = silence(audio.length)
  for (const event of events) {
    const isServers = event.wire === 'realtime' || ('from' in event && event.from === 'server')
    const hz = HUM_HZ[isServers ? 'server' : 'vendor']
    for (const [from, to] of spansOf(event))
      for (let at = from; at < to; at += FRAME_BYTES) {
        const end = Math.min(to, at + FRAME_BYTES)
        if (isAudible(audio, at, end)) out.set(hum(hz, end - at), at)
      }
  }
  return out
}

const hum = (hz: number, byteCount: number): Uint8Array =>
  encodeMulaw(
    Int16Array.from({ length: byteCount }, (_, at) =>
      Math.round(HUM_LEVEL * Math.sin((2 * Math.PI * hz * at) / (BYTES_PER_MS * 1_000))),
    ),
  )

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const objectOf = (value: unknown): Record<string, unknown> => (isObject(value) ? value : {})
