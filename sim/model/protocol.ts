// What a client may say on a Realtime socket: every event, every field, every range, as schemas. Unknown keys are refused,
// as the vendor refuses them. Rules that depend on the state of a session are not here.
import { z } from 'zod'

const VOICES = ['alloy', 'ash', 'ballad', 'coral', 'echo', 'sage', 'shimmer', 'verse', 'marin', 'cedar'] as const

const audioFormat = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('audio/pcm'), rate: z.literal(24000) }),
  z.strictObject({ type: z.literal('audio/pcmu') }),
  z.strictObject({ type: z.literal('audio/pcma') }),
])
const voice = z.union([z.enum(VOICES), z.strictObject({ id: z.string().regex(/^voice_/) })])
const modalities = z.tuple([z.enum(['audio', 'text'])])
const maxOutputTokens = z.union([z.int().min(1).max(4096), z.literal('inf')])
const tool = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('function'),
    name: z.string().min(1),
    description: z.string().optional(),
    parameters: z.record(z.string(), z.unknown()).optional(),
  }),
  z.looseObject({ type: z.literal('mcp'), server_label: z.string() }),
])
const toolChoice = z.union([
  z.enum(['auto', 'none', 'required']),
  z.strictObject({ type: z.literal('function'), name: z.string() }),
  z.strictObject({ type: z.literal('mcp'), server_label: z.string(), name: z.string().nullish() }),
])
const reasoning = z.strictObject({ effort: z.enum(['minimal', 'low', 'medium', 'high', 'xhigh']).optional() })

const transcription = z.strictObject({
  model: z
    .enum([
      'gpt-transcribe',
      'gpt-live-transcribe',
      'gpt-realtime-whisper',
      'gpt-4o-transcribe',
      'gpt-4o-mini-transcribe',
      'gpt-4o-mini-transcribe-2025-12-15',
      'gpt-4o-transcribe-diarize',
      'whisper-1',
    ])
    .optional(),
  language: z.string().optional(),
  languages: z.array(z.string()).optional(),
  prompt: z.string().optional(),
  keywords: z.array(z.string()).optional(),
  delay: z.enum(['minimal', 'low', 'medium', 'high', 'xhigh']).optional(),
})

const isAutomatic = { create_response: z.boolean().optional(), interrupt_response: z.boolean().optional() }
const turnDetection = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('server_vad'),
    threshold: z.number().min(0).max(1).optional(),
    prefix_padding_ms: z.int().min(0).optional(),
    silence_duration_ms: z.int().min(0).optional(),
    idle_timeout_ms: z.int().min(1).nullish(),
    ...isAutomatic,
  }),
  z.strictObject({
    type: z.literal('semantic_vad'),
    eagerness: z.enum(['low', 'medium', 'high', 'auto']).optional(),
    ...isAutomatic,
  }),
])

export const sessionUpdate = z.strictObject({
  type: z.literal('realtime'),
  model: z.string().optional(),
  instructions: z.string().optional(),
  output_modalities: modalities.optional(),
  audio: z
    .strictObject({
      input: z
        .strictObject({
          format: audioFormat.optional(),
          noise_reduction: z
            .strictObject({ type: z.enum(['near_field', 'far_field']), strength: z.number().optional() })
            .nullish(),
          transcription: transcription.nullish(),
          turn_detection: turnDetection.nullish(),
        })
        .optional(),
      output: z
        .strictObject({
          format: audioFormat.optional(),
          voice: voice.optional(),
          speed: z.number().min(0.25).max(1.5).optional(),
        })
        .optional(),
    })
    .optional(),
  tools: z.array(tool).optional(),
  tool_choice: toolChoice.optional(),
  parallel_tool_calls: z.boolean().optional(),
  reasoning: reasoning.optional(),
  max_output_tokens: maxOutputTokens.optional(),
  tracing: z
    .union([
      z.literal('auto'),
      z.strictObject({
        workflow_name: z.string().optional(),
        group_id: z.string().optional(),
        metadata: z.unknown().optional(),
      }),
    ])
    .nullish(),
  truncation: z
    .union([
      z.enum(['auto', 'disabled']),
      z.strictObject({
        type: z.literal('retention_ratio'),
        retention_ratio: z.number().min(0).max(1),
        token_limits: z.strictObject({ post_instructions: z.int().min(0).optional() }).optional(),
      }),
    ])
    .optional(),
  include: z.array(z.literal('item.input_audio_transcription.logprobs')).nullish(),
  prompt: z.null().optional(),
})

const named = { id: z.string().min(1).optional(), object: z.literal('realtime.item').optional() }
const status = z.enum(['completed', 'incomplete', 'in_progress']).optional()
const inputText = z.strictObject({ type: z.literal('input_text'), text: z.string() })
const message = z.discriminatedUnion('role', [
  z.strictObject({
    ...named,
    type: z.literal('message'),
    role: z.literal('system'),
    status,
    content: z.array(z.discriminatedUnion('type', [inputText])),
  }),
  z.strictObject({
    ...named,
    type: z.literal('message'),
    role: z.literal('user'),
    status,
    content: z.array(
      z.discriminatedUnion('type', [
        inputText,
        z.strictObject({ type: z.literal('input_audio'), audio: z.string(), transcript: z.string().nullish() }),
        z.strictObject({
          type: z.literal('input_image'),
          image_url: z.string(),
          detail: z.enum(['auto', 'low', 'high']).optional(),
        }),
      ]),
    ),
  }),
  z.strictObject({
    ...named,
    type: z.literal('message'),
    role: z.literal('assistant'),
    status,
    content: z.array(
      z.discriminatedUnion('type', [
        z.strictObject({ type: z.literal('output_text'), text: z.string() }),
        // Spoken answers cannot be recreated: the service wants text in their place.
        z.looseObject({ type: z.literal('output_audio'), text: z.string() }),
      ]),
    ),
  }),
])
const item = z.discriminatedUnion('type', [
  message,
  z.strictObject({
    ...named,
    type: z.literal('function_call'),
    status,
    call_id: z.string().optional(),
    name: z.string(),
    arguments: z.string(),
  }),
  z.strictObject({
    ...named,
    type: z.literal('function_call_output'),
    status,
    call_id: z.string(),
    output: z.string(),
  }),
])

const METADATA_KEYS = 16
const metadata = z
  .record(z.string().max(64), z.string().max(512))
  .refine((pairs) => Object.keys(pairs).length <= METADATA_KEYS)

const responseCreate = z.strictObject({
  instructions: z.string().optional(),
  output_modalities: modalities.optional(),
  audio: z
    .strictObject({ output: z.strictObject({ format: audioFormat.optional(), voice: voice.optional() }).optional() })
    .optional(),
  tools: z.array(tool).optional(),
  tool_choice: toolChoice.optional(),
  parallel_tool_calls: z.boolean().optional(),
  reasoning: reasoning.optional(),
  max_output_tokens: maxOutputTokens.optional(),
  metadata: metadata.nullish(),
  conversation: z.enum(['auto', 'none']).optional(),
  input: z.array(z.union([item, z.strictObject({ type: z.literal('item_reference'), id: z.string() })])).optional(),
  prompt: z.null().optional(),
})

const event_id = z.string().max(512).optional()

export const clientEvent = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('input_audio_buffer.append'), event_id, audio: z.string() }),
  z.strictObject({ type: z.literal('input_audio_buffer.commit'), event_id }),
  z.strictObject({ type: z.literal('input_audio_buffer.clear'), event_id }),
  z.strictObject({ type: z.literal('session.update'), event_id, session: sessionUpdate }),
  z.strictObject({
    type: z.literal('conversation.item.create'),
    event_id,
    previous_item_id: z.string().nullish(),
    item,
  }),
  z.strictObject({ type: z.literal('conversation.item.retrieve'), event_id, item_id: z.string() }),
  z.strictObject({ type: z.literal('conversation.item.delete'), event_id, item_id: z.string() }),
  z.strictObject({
    type: z.literal('conversation.item.truncate'),
    event_id,
    item_id: z.string(),
    content_index: z.int().min(0),
    audio_end_ms: z.int().min(0),
  }),
  z.strictObject({ type: z.literal('response.create'), event_id, response: responseCreate.nullish() }),
  z.strictObject({ type: z.literal('response.cancel'), event_id, response_id: z.string().optional() }),
])

export type ClientEvent = z.infer<typeof clientEvent>
export type SessionUpdate = z.infer<typeof sessionUpdate>
export type TurnDetection = z.infer<typeof turnDetection>
export type ResponseCreate = z.infer<typeof responseCreate>
export type NewItem = z.infer<typeof item>
export type Transcription = z.infer<typeof transcription>
export type Tool = z.infer<typeof tool>
