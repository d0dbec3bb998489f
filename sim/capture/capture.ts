// PURE. A call as it went over the wires between the vendors and a server: what is kept of it, and how it is written. One JSON
// object a line, in the order of time; the audio lies beside it, one stretch after the other, and is named by its bytes.
import { z } from 'zod'

const httpWires = ['webhook', 'rest', 'responses'] as const
const socketWires = ['media', 'realtime'] as const
/** `vendor`: the carrier or the model. */
const parties = ['vendor', 'server'] as const

const span = z.tuple([z.number().int().min(0), z.number().int().min(0)])
const common = { at: z.number().min(0), n: z.number().int().min(0) }
const json = z.record(z.string(), z.unknown())

const captureEvent = z.union([
  z.strictObject({
    ...common,
    wire: z.enum(httpWires),
    request: z.strictObject({ method: z.string(), path: z.string(), fields: z.record(z.string(), z.string()) }),
  }),
  z.strictObject({
    ...common,
    wire: z.enum(httpWires),
    answer: z.strictObject({
      status: z.number().int(),
      type: z.string(),
      /** Of a TwiML document: its elements, in order. */
      verbs: z.array(z.string()).optional(),
      body: z.unknown().optional(),
      /** Of a WAV file: its channels. */
      channels: z.array(span).optional(),
    }),
  }),
  z.strictObject({ ...common, wire: z.enum(socketWires), open: z.string() }),
  z.strictObject({
    ...common,
    wire: z.enum(socketWires),
    from: z.enum(parties),
    message: json,
    audio: span.optional(),
  }),
  z.strictObject({ ...common, wire: z.enum(socketWires), from: z.enum(parties), close: z.number().int() }),
])

/** `at`: ms since the call's first request. `n` numbers the exchanges, or the sockets, of a wire. */
export type CaptureEvent = z.infer<typeof captureEvent>
export type HttpWire = (typeof httpWires)[number]
export type SocketWire = (typeof socketWires)[number]
export type Party = (typeof parties)[number]
export type SocketMessage = Extract<CaptureEvent, { message: unknown }>
export type Span = z.infer<typeof span>
export type Capture = {
  /** When it began, in epoch ms. */
  beganAtMs: number
  events: readonly CaptureEvent[]
  /** 8 kHz μ-law, which the spans count in. */
  audio: Uint8Array
}

/** Throws, with the number of the line, when it is none. */
export function readCapture(text: string, audio: Uint8Array, beganAtMs: number): Capture {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  const events = lines.map((line, place) => {
    const read = captureEvent.safeParse(parsed(line))
    if (!read.success) throw new Error(`line ${place + 1} is no event of a call`)
    return read.data
  })
  const beyond = events.findIndex((event) => spansOf(event).some(([from, to]) => from > to || to > audio.length))
  if (beyond >= 0) throw new Error(`line ${beyond + 1} names audio that the file beside it does not have`)
  const isInOrder = events.every(({ at }, place) => at >= (events[place - 1]?.at ?? 0))
  if (!isInOrder) throw new Error('its lines are not in the order of time')
  return { beganAtMs, events, audio }
}

export const writeCapture = ({ events }: Capture): string =>
  events.map((event) => `${JSON.stringify(event)}\n`).join('')

export function spansOf(event: CaptureEvent): Span[] {
  if ('audio' in event && event.audio !== undefined) return [event.audio]
  return 'answer' in event ? (event.answer.channels ?? []) : []
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** Of the carrier's first request about the call, its fields. */
export function introductionOf({ events }: Capture): Record<string, string> {
  const first = events.find((event) => event.wire === 'webhook' && 'request' in event)
  return first !== undefined && 'request' in first ? first.request.fields : {}
}

/** Whether the server placed the call. */
export const isOutbound = (capture: Capture): boolean => /^outbound/.test(introductionOf(capture).Direction ?? '')
