// OpenAI Realtime: the events of a session's socket. What we send has the vendor's own types; what we act on of what comes
// is checked, field by field, and the rest passes: unknown events and unknown fields are the vendor's to add.
// Source: openai 7.57, resources/realtime/realtime.d.ts.
import { z } from 'zod'

export type {
  ConversationItem,
  RealtimeClientEvent,
  RealtimeServerEvent,
  RealtimeSessionCreateRequest,
} from 'openai/resources/realtime/realtime'

const format = z.looseObject({ format: z.looseObject({ type: z.string().optional() }).optional() }).optional()
const session = z.looseObject({
  type: z.string().optional(),
  /** Seconds since the epoch. */
  expires_at: z.number().nullish(),
  audio: z.looseObject({ input: format, output: format }).optional(),
})

const item = z.looseObject({
  id: z.string().optional(),
  type: z.string(),
  role: z.string().optional(),
  status: z.string().optional(),
  name: z.string().optional(),
  call_id: z.string().optional(),
  arguments: z.string().optional(),
})
/** An item of the conversation, as far as we read it. */
export type ModelItem = z.infer<typeof item>

const response = z.looseObject({
  id: z.string(),
  status: z.string().optional(),
  status_details: z
    .looseObject({
      reason: z.string().nullish(),
      error: z.looseObject({ code: z.string().nullish(), type: z.string().nullish() }).nullish(),
    })
    .nullish(),
  output: z.array(item).nullish(),
  usage: z.unknown().optional(),
})

const ofItem = { item_id: z.string() }
/** One content part of one item of one response. */
const ofPart = { response_id: z.string(), item_id: z.string(), content_index: z.number().int().nonnegative() }
const inChain = { previous_item_id: z.string().nullish() }

const event = <T extends string, S extends z.core.$ZodShape>(type: T, shape: S) =>
  z.looseObject({ type: z.literal(type), ...shape })

const modelEvents = [
  event('error', {
    error: z.looseObject({
      type: z.string(),
      code: z.string().nullish(),
      param: z.string().nullish(),
      event_id: z.string().nullish(),
    }),
  }),
  event('session.created', { session }),
  event('session.updated', { session }),
  event('conversation.item.added', { item, ...inChain }),
  event('conversation.item.created', { item, ...inChain }),
  event('conversation.item.input_audio_transcription.delta', { ...ofItem, delta: z.string().optional() }),
  event('conversation.item.input_audio_transcription.completed', {
    ...ofItem,
    transcript: z.string(),
    usage: z.unknown().optional(),
  }),
  event('conversation.item.input_audio_transcription.failed', ofItem),
  event('input_audio_buffer.speech_started', { ...ofItem, audio_start_ms: z.number().nonnegative().optional() }),
  event('input_audio_buffer.speech_stopped', { ...ofItem, audio_end_ms: z.number().nonnegative().optional() }),
  event('input_audio_buffer.committed', { ...ofItem, ...inChain }),
  event('response.created', { response }),
  event('response.done', { response }),
  event('response.output_item.added', { response_id: z.string(), item }),
  event('response.output_item.done', { response_id: z.string(), item }),
  event('response.output_audio.delta', { ...ofPart, delta: z.string() }),
  event('response.output_audio_transcript.delta', { ...ofPart, delta: z.string() }),
  event('response.output_audio_transcript.done', { ...ofPart, transcript: z.string() }),
  event('response.function_call_arguments.delta', { response_id: z.string(), ...ofItem }),
] as const

const modelEvent = z.discriminatedUnion('type', modelEvents)
/** What the model's socket says, of what we act on. */
export type ModelEvent = z.infer<typeof modelEvent>

const actedOn: ReadonlySet<unknown> = new Set(modelEvents.map(({ shape }) => shape.type.value))

export type ReadModelEvent =
  | { is: 'event'; event: ModelEvent }
  /** Valid, and nothing to us. */
  | { is: 'unknown' }
  /** Not what the vendor documents; `type` is the event's own, where it had one that we know. */
  | { is: 'malformed'; type: string | null }

/** Reads one message of the model's socket. Never throws. */
export function readModelEvent(text: string): ReadModelEvent {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { is: 'malformed', type: null }
  }
  const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : null
  if (typeof type !== 'string') return { is: 'malformed', type: null }
  if (!actedOn.has(type)) return { is: 'unknown' }
  const parsed = modelEvent.safeParse(value)
  return parsed.success ? { is: 'event', event: parsed.data } : { is: 'malformed', type }
}
