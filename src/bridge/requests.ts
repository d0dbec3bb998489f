// PURE. What we say to the model, each event in one place: how it is to be, when it is to speak, and what of its speech the
// caller never heard.
import type { ToolCall } from '../clinic/tool-runner.ts'
import { inLanguage, primary } from '../lib/languages.ts'
import type { ConversationItem, RealtimeClientEvent, RealtimeSessionCreateRequest } from '../wire/realtime.ts'
import type { Agent, CallScript, ModelSettings, ToolSpec, TurnDetection } from './plan.ts'
import type { Cut } from './playback.ts'
import type { Ask, Command } from './state.ts'

export const configureEventId = 'configure'

const phoneAudio = { type: 'audio/pcmu' } as const

/** The whole session, once: it is taken whole or not at all. Until it is taken, nothing else may be said. */
export function configureRequest(script: CallScript): RealtimeClientEvent {
  const { model } = script
  const session: RealtimeSessionCreateRequest = {
    type: 'realtime',
    instructions: script.instructions,
    output_modalities: ['audio'],
    // Callers' words are nobody's to trace, and what is once enabled cannot be undone.
    tracing: null,
    audio: {
      input: {
        format: phoneAudio,
        ...(model.noiseReduction === null ? {} : { noise_reduction: { type: model.noiseReduction } }),
        transcription: transcription(model),
        turn_detection: turnDetection(model.turnDetection, script.interruptMs === 0),
      },
      output: { format: phoneAudio, voice: model.voice, ...(model.speed === undefined ? {} : { speed: model.speed }) },
    },
    tools: script.tools.map(functionTool),
    tool_choice: 'auto',
  }
  return { type: 'session.update', event_id: configureEventId, session }
}

/** A transcriber that takes no list of languages is left to find out among all. */
function transcription({ transcriptionModel: model, language, languages }: ModelSettings) {
  if (language !== null) return { model, language: primary(language) }
  return /^gpt-(live-)?transcribe$/.test(model) ? { model, languages: [...new Set(languages.map(primary))] } : { model }
}

/** The caller is heard in another language from now on. */
export const languageRequest = (model: ModelSettings, eventId: string): RealtimeClientEvent => ({
  type: 'session.update',
  event_id: eventId,
  session: { type: 'realtime', audio: { input: { transcription: transcription(model) } } },
})

const functionTool = ({ name, description, parameters }: ToolSpec) => ({
  type: 'function' as const,
  name,
  description,
  parameters,
})

/** The model answers the caller by itself, and stops by itself when they speak, if any sound is to stop it. */
function turnDetection(detection: TurnDetection, interrupt_response: boolean) {
  const answers = { create_response: true, interrupt_response }
  switch (detection.by) {
    case 'silence':
      return {
        type: 'server_vad' as const,
        threshold: detection.threshold,
        prefix_padding_ms: detection.prefixMs,
        silence_duration_ms: detection.silenceMs,
        ...answers,
      }
    case 'meaning':
      return { type: 'semantic_vad' as const, eagerness: detection.eagerness, ...answers }
  }
}

/** Another agent goes on in the same session: the same model, history and voice, which must not be named again. */
export const switchRequest = ({ instructions, tools }: Agent, eventId: string): RealtimeClientEvent => ({
  type: 'session.update',
  event_id: eventId,
  session: { type: 'realtime', instructions, tools: tools.map(functionTool) },
})

type EchoedSession = {
  type?: string
  audio?: { input?: { format?: { type?: string } }; output?: { format?: { type?: string } } }
}

/** Whether the model took telephone audio both ways; with any other the caller would hear noise. */
export const isConfigured = ({ type, audio }: EchoedSession): boolean =>
  type === 'realtime' &&
  audio?.input?.format?.type === phoneAudio.type &&
  audio.output?.format?.type === phoneAudio.type

/** Asks for one response. Its instructions replace the session's, so these are repeated in front. */
export function responseRequest(script: CallScript, ask: Ask, eventId: string, mayCallTools: boolean) {
  const task = taskOf(script, ask)
  const response = {
    ...(task === null ? {} : { instructions: `${script.instructions}\n\n${task}` }),
    ...(mayCallTools ? {} : { tool_choice: 'none' as const }),
  }
  return { type: 'response.create', event_id: eventId, response } satisfies RealtimeClientEvent
}

function taskOf(script: CallScript, ask: Ask): string | null {
  switch (ask) {
    case 'emergency':
      return verbatim(emergencyMessage(script))
    case 'greeting':
      return script.greeting
    case 'reply':
    case 'tool-results':
      return null
    case 'go-on':
      return 'The line to you broke while you were speaking: the caller heard no more than what is written of your last words. Go on from there. Do not greet, do not apologise, and do not repeat what they have heard.'
    case 'one-moment':
      return saying('One moment, please, let me check that for you.')
    case 'still-checking':
      return saying('I am still checking. Thank you for your patience.')
    case 'still-there':
      return 'The caller has been silent for a while. Ask in one short sentence whether they are still there.'
    case 'time-warning':
      return 'Tell the caller in one short sentence that this call must end in about a minute, and go on with the most important thing.'
    case 'connecting':
      return 'Tell the caller in one short sentence that you are putting them through now, and ask nothing.'
    case 'spent':
      return 'This conversation must end here. Say so in one short sentence, with an apology, and ask nothing more.'
    case 'goodbye':
      return 'The call ends now. Say goodbye in one short sentence, and ask nothing more.'
  }
}

const verbatim = (sentences: string): string =>
  `Say exactly this, word for word, calmly, and nothing more: "${sentences}"`

/** In the language of the call, where the clinic has it so. */
const emergencyMessage = ({ emergency, model }: CallScript): string =>
  emergency === null ? '' : (inLanguage(emergency.messages, model.language ?? '') ?? emergency.message)

const saying = (sentence: string): string =>
  `Say exactly this, in the language of the call, and nothing more: "${sentence}"`

/** What the caller did not hear was not said: the model's own memory is cut where their hearing was. */
export function forgetRequests(cut: Cut): RealtimeClientEvent[] {
  if (cut.keep === 'words') return []
  if (cut.keep === 'nothing') return [{ type: 'conversation.item.delete', item_id: cut.itemId }]
  return cut.parts.map(({ contentIndex, heardMs }) => ({
    type: 'conversation.item.truncate',
    item_id: cut.itemId,
    content_index: contentIndex,
    audio_end_ms: heardMs,
  }))
}

/** What the model could not know of what it asked for. */
export const transferWithdrawn: RealtimeClientEvent = {
  type: 'conversation.item.create',
  item: {
    type: 'message',
    role: 'system',
    content: [
      {
        type: 'input_text',
        text: 'The caller spoke before they were put through, and is still with you. If they still want it, call the tool again.',
      },
    ],
  },
}

/** A turn that the caller did not speak. The id is ours, so that the ledger can name the item before the model confirms it. */
export const keysPressed = (itemId: string, text: string): RealtimeClientEvent => ({
  type: 'conversation.item.create',
  item: { id: itemId, type: 'message', role: 'user', content: [{ type: 'input_text', text }] },
})

export const toolCall = ({ toolCallId, name, argumentsJson }: ToolCall): RealtimeClientEvent => ({
  type: 'conversation.item.create',
  item: { type: 'function_call', call_id: toolCallId, name, arguments: argumentsJson },
})

export const tellItem = (item: ConversationItem): Command => ({
  do: 'tell-model',
  event: { type: 'conversation.item.create', item },
})

/** A model that was given the words of others may begin from the beginning. */
export const renewedNote: ConversationItem = {
  type: 'message',
  role: 'system',
  content: [
    {
      type: 'input_text',
      text: 'You are in the middle of this call, and all of the above has been said and done. Do not greet again; go on in the same language.',
    },
  ],
}

/** Words that the caller did not hear all of give way to those that they did. */
export function mendRequests({ itemId, heard }: { itemId: string; heard: string }): RealtimeClientEvent[] {
  const mended: RealtimeClientEvent = {
    type: 'conversation.item.create',
    previous_item_id: itemId,
    item: { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: heard }] },
  }
  return [...(heard === '' ? [] : [mended]), { type: 'conversation.item.delete', item_id: itemId }]
}

export const toolOutput = (toolCallId: string, output: string): RealtimeClientEvent => ({
  type: 'conversation.item.create',
  item: { type: 'function_call_output', call_id: toolCallId, output },
})
