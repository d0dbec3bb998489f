// PURE. Makes a capture of what was seen on the wires: audio is taken out of the messages, documents become the list of their
// elements, and what only the server says to itself (instructions, prompts, transcripts that it sends along) is left out.
import { readChannels } from '../audio.ts'
import type { Capture, CaptureEvent, Span } from './capture.ts'
import type { Seen } from './tap.ts'

/** `seen` in the order of time. Times count from the first of them. */
export function captureOf(seen: readonly Seen[]): Capture {
  const pieces: Uint8Array[] = []
  let byteCount = 0
  const keep = (bytes: Uint8Array): Span => {
    pieces.push(bytes)
    byteCount += bytes.length
    return [byteCount - bytes.length, byteCount]
  }
  const startedAtMs = seen[0]?.atMs ?? 0
  const events = seen.filter(isNoEcho).flatMap((each) => eventOf(each, each.atMs - startedAtMs, keep))
  return { beganAtMs: startedAtMs, events, audio: new Uint8Array(Buffer.concat(pieces)) }
}

/** A close is answered with a close, which ends nothing more. */
const isNoEcho = (seen: Seen, place: number, all: readonly Seen[]): boolean =>
  !('close' in seen) ||
  !all.slice(0, place).some((each) => 'close' in each && each.wire === seen.wire && each.n === seen.n)

type Keep = (bytes: Uint8Array) => Span

function eventOf(seen: Seen, at: number, keep: Keep): CaptureEvent[] {
  const { wire, n } = seen
  if ('request' in seen) {
    const { method, path, type, body } = seen.request
    return [{ at, wire: seen.wire, n, request: { method, path, fields: fieldsOf(type, body) } }]
  }
  if ('answer' in seen) return [{ at, wire: seen.wire, n, answer: answerOf(seen.answer, keep) }]
  if ('open' in seen) return [{ at, wire: seen.wire, n, open: seen.open }]
  if ('close' in seen) return [{ at, wire: seen.wire, n, from: seen.from, close: seen.close }]
  const message = objectOf(seen.text)
  if (message === null) return []
  const event = wire === 'media' ? mediaOf(message, keep) : realtimeOf(message, seen.from, keep)
  return event === null ? [] : [{ at, wire: seen.wire, n, from: seen.from, ...event }]
}

/** Only forms are of use for sending them again; what goes to the text model is told by its answer. */
const fieldsOf = (type: string, body: Uint8Array): Record<string, string> =>
  type.startsWith('application/x-www-form-urlencoded')
    ? Object.fromEntries(new URLSearchParams(new TextDecoder().decode(body)))
    : {}

type Answer = Extract<CaptureEvent, { answer: unknown }>['answer']

function answerOf({ status, type, body }: { status: number; type: string; body: Uint8Array }, keep: Keep): Answer {
  const kind = type.split(';')[0]?.trim() ?? ''
  if (/xml$/.test(kind)) return { status, type: kind, verbs: elementsOf(new TextDecoder().decode(body)) }
  if (/^audio\/(x-)?wave?$/.test(kind)) return { status, type: kind, channels: readChannels(body).map(keep) }
  if (/json$/.test(kind))
    return { status, type: kind, body: withoutAsked(objectOf(new TextDecoder().decode(body)) ?? {}) }
  return { status, type: kind }
}

const elementsOf = (xml: string): string[] => [...xml.matchAll(/<([A-Z]\w*)/g)].map(([, name = '']) => name)

type Message = Record<string, unknown>
type Kept = { message: Message; audio?: Span }

function mediaOf(message: Message, keep: Keep): Kept {
  const { media } = message
  if (!isObject(media) || typeof media.payload !== 'string') return { message }
  const { payload, ...rest } = media
  return { message: { ...message, media: rest }, audio: keep(bytesOf(payload)) }
}

/** Null for the caller's audio on its way to the model: these are the frames that came from the carrier. */
function realtimeOf(message: Message, from: 'vendor' | 'server', keep: Keep): Kept | null {
  if (from === 'server') return message.type === 'input_audio_buffer.append' ? null : { message: outlineOf(message) }
  if (message.type === 'response.output_audio.delta' && typeof message.delta === 'string') {
    const { delta, ...rest } = message
    return { message: rest, audio: keep(bytesOf(delta)) }
  }
  if (isObject(message.session)) return { message: { ...message, session: withoutAsked(message.session) } }
  if (isObject(message.item)) return { message: { ...message, item: withoutTold(message.item) } }
  return { message }
}

/** A session or an answer, without the instructions that it repeats. */
function withoutAsked({ instructions: _, tools: __, input: ___, text: ____, ...rest }: Message): Message {
  return rest
}

/** An item that the server made, without what it says. */
function withoutTold(item: Message): Message {
  const { content, output } = item
  const blank = (part: unknown) => (isObject(part) && part.type === 'input_text' ? { ...part, text: '' } : part)
  return {
    ...item,
    ...(output !== undefined && { output: '' }),
    ...(Array.isArray(content) && { content: content.map(blank) }),
  }
}

/** Of what a server tells the model: what it is, of which item, and where that is cut. */
function outlineOf({ type, item_id, audio_end_ms, item }: Message): Message {
  const kind = isObject(item) ? { item: { type: item.type, role: item.role } } : {}
  return JSON.parse(JSON.stringify({ type, item_id, audio_end_ms, ...kind }))
}

const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'))

const isObject = (value: unknown): value is Message =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function objectOf(text: string): Message | null {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : null
  } catch {
    return null
  }
}
