// The configuration of one session: its defaults, and how an update changes it, all of it or nothing. Pure. Refuses what
// depends on the session's state: another model, another voice once it was heard, another speed while it speaks.
import type { AudioFormat } from './codec.ts'
import type { SessionUpdate, Tool, Transcription, TurnDetection } from './protocol.ts'
import { invalidValue, type Refusal, voiceIsLocked } from './refusal.ts'

type Keep<T> = Exclude<T, undefined>
type ServerVad = Required<Extract<TurnDetection, { type: 'server_vad' }>>
type SemanticVad = Required<Extract<TurnDetection, { type: 'semantic_vad' }>>

export type SessionConfig = {
  instructions: string
  output_modalities: ['audio' | 'text']
  audio: {
    input: {
      format: AudioFormat
      noise_reduction: Keep<Keep<Keep<SessionUpdate['audio']>['input']>['noise_reduction']>
      transcription: Transcription | null
      turn_detection: ServerVad | SemanticVad | null
    }
    output: { format: AudioFormat; voice: string | { id: string }; speed: number }
  }
  tools: Tool[]
  tool_choice: Keep<SessionUpdate['tool_choice']>
  parallel_tool_calls?: boolean
  reasoning?: SessionUpdate['reasoning']
  max_output_tokens: number | 'inf'
  tracing: Keep<SessionUpdate['tracing']>
  truncation: Keep<SessionUpdate['truncation']>
  include: Keep<SessionUpdate['include']>
  prompt: null
}

/** What of a session's state its configuration depends on. */
export type Circumstances = { model: string; hasSpoken: boolean; isResponding: boolean }

const SERVER_VAD: ServerVad = {
  type: 'server_vad',
  threshold: 0.5,
  prefix_padding_ms: 300,
  silence_duration_ms: 500,
  idle_timeout_ms: null,
  create_response: true,
  interrupt_response: true,
}
const SEMANTIC_VAD: SemanticVad = {
  type: 'semantic_vad',
  eagerness: 'auto',
  create_response: true,
  interrupt_response: true,
}

export const defaultConfig = (): SessionConfig => ({
  instructions: 'You are a helpful assistant. You speak with the user in real time.',
  output_modalities: ['audio'],
  audio: {
    input: {
      format: { type: 'audio/pcm', rate: 24000 },
      noise_reduction: null,
      transcription: null,
      turn_detection: SERVER_VAD,
    },
    output: { format: { type: 'audio/pcm', rate: 24000 }, voice: 'alloy', speed: 1 },
  },
  tools: [],
  tool_choice: 'auto',
  max_output_tokens: 'inf',
  tracing: null,
  truncation: 'auto',
  include: null,
  prompt: null,
})

/** Applies an update; what it does not name stays. Nothing is changed where any part of it is refused. */
export function updateConfig(
  config: SessionConfig,
  update: SessionUpdate,
  circumstances: Circumstances,
): { config: SessionConfig } | { refusal: Refusal } {
  const refusal = refusalOfUpdate(config, update, circumstances)
  if (refusal) return { refusal }
  const { type: _type, model: _model, audio, ...rest } = update
  const asked = audio?.input?.turn_detection
  return {
    config: {
      ...config,
      ...rest,
      audio: {
        input: {
          ...config.audio.input,
          ...audio?.input,
          turn_detection:
            asked === undefined
              ? config.audio.input.turn_detection
              : asked && completed(asked, config.audio.input.turn_detection),
        },
        output: { ...config.audio.output, ...audio?.output },
      },
    },
  }
}

function completed(asked: TurnDetection, current: SessionConfig['audio']['input']['turn_detection']) {
  switch (asked.type) {
    case 'server_vad':
      return { ...(current?.type === asked.type ? current : SERVER_VAD), ...asked } as ServerVad
    case 'semantic_vad':
      return { ...(current?.type === asked.type ? current : SEMANTIC_VAD), ...asked } as SemanticVad
  }
}

function refusalOfUpdate(
  config: SessionConfig,
  update: SessionUpdate,
  { model, hasSpoken, isResponding }: Circumstances,
): Refusal | null {
  const { audio, tracing } = update
  const { voice, speed } = audio?.output ?? {}
  if (update.model !== undefined && update.model !== model) return invalidValue('session.model', update.model, [model])
  if (hasSpoken && voice !== undefined && !isSame(voice, config.audio.output.voice)) return voiceIsLocked
  if (isResponding && speed !== undefined && speed !== config.audio.output.speed)
    return invalidValue('session.audio.output.speed', speed, [config.audio.output.speed])
  if (config.tracing !== null && tracing !== undefined && !isSame(tracing, config.tracing))
    return invalidValue('session.tracing', tracing, [config.tracing])
  for (const name of ['reasoning', 'parallel_tool_calls'] as const)
    if (update[name] !== undefined && !isReasoningModel(model)) return invalidValue(`session.${name}`, update[name])
  return refusalOfTranscription(audio?.input?.transcription)
}

function refusalOfTranscription(transcription: Transcription | null | undefined): Refusal | null {
  if (!transcription) return null
  const { model } = transcription
  const takesHints = model === undefined || model === 'gpt-transcribe' || model === 'gpt-live-transcribe'
  const isWhisper = model === 'gpt-realtime-whisper'
  const refuses = (name: 'keywords' | 'languages' | 'delay' | 'prompt', isAllowed: boolean) =>
    transcription[name] !== undefined && !isAllowed
      ? invalidValue(`session.audio.input.transcription.${name}`, transcription[name])
      : null
  return (
    refuses('keywords', takesHints) ??
    refuses('languages', takesHints) ??
    refuses('delay', isWhisper) ??
    refuses('prompt', !isWhisper)
  )
}

/** gpt-realtime-2 and later. */
const isReasoningModel = (model: string) => /^gpt-realtime-[2-9]/.test(model)

export const isSame = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other)
