// PURE. The model's tool calls: each runs once and gets exactly one output, whether or not the turn that called it lasted;
// and when the last of a batch has answered, the model is asked to speak once.
import type { ModelItem } from '../wire/realtime.ts'
import { beginEnding } from './ending.ts'
import { toolOutput } from './requests.ts'
import { ask } from './responding.ts'
import { type CallState, type Command, isTalking, type RunningTool } from './state.ts'

/** A finished call runs; a cut one never does. More than the limits allow are answered for. */
export function callTool(
  state: CallState,
  out: Command[],
  item: ModelItem,
  responseId: string,
  atMs: number,
): CallState {
  const { call_id: toolCallId, name, arguments: argumentsJson = '', status = 'completed' } = item
  const { tools, limits, response } = state
  if (item.type !== 'function_call' || status !== 'completed') return state
  if (toolCallId === undefined || name === undefined || tools.seen.includes(toolCallId)) return state
  const isOfActive = response.is === 'active' && response.responseId === responseId
  const dueAtMs = atMs + limits.toolMs
  const call: RunningTool = { toolCallId, responseId, hadSpeech: isOfActive && response.hasSound, dueAtMs }
  const next: CallState = {
    ...state,
    tools: { ...tools, seen: [...tools.seen, toolCallId], running: [...tools.running, call] },
    response: isOfActive ? { ...response, callsTools: true } : response,
  }
  if (tools.rounds >= limits.toolRounds || tools.running.length >= limits.toolsAtOnce) {
    const text = `The tool ${name} was not run: too many tool calls.`
    out.push({ do: 'record', fact: { kind: 'warning', about: 'tool-calls', text } })
    const output = { error: 'too many tool calls; answer the caller with what you have' }
    return toolAnswered(next, out, { toolCallId, output: JSON.stringify(output), endsCall: false }, atMs)
  }
  out.push({ do: 'run-tool', call: { toolCallId, name, argumentsJson } })
  return next
}

/** A second answer to a call, or one that comes after we answered for it, changes nothing. */
export function toolAnswered(
  state: CallState,
  out: Command[],
  answer: { toolCallId: string; output: string; endsCall: boolean },
  atMs: number,
): CallState {
  const { toolCallId, output, endsCall } = answer
  const call = state.tools.running.find((tool) => tool.toolCallId === toolCallId)
  if (call === undefined) return state
  const running = state.tools.running.filter((tool) => tool !== call)
  if (!isTalking(state)) return { ...state, tools: { ...state.tools, running } }
  out.push({ do: 'tell-model', event: toolOutput(toolCallId, output) })
  const next = { ...state, tools: { ...state.tools, running, unconfirmed: [...state.tools.unconfirmed, toolCallId] } }
  if (state.phase.is === 'ending') return next
  if (endsCall) return beginEnding(next, 'agent', saidGoodbye(next, call) ? [] : ['goodbye'], atMs)
  return running.length === 0 ? ask(next, 'tool-results') : next
}

/** The turn that ended the call also spoke: that was the goodbye. */
const saidGoodbye = ({ response }: CallState, call: RunningTool): boolean =>
  call.hadSpeech || (response.is === 'active' && response.responseId === call.responseId && response.hasSound)

/** The output has its place in the model's conversation: responses from here on have seen it. */
export const toolConfirmed = (state: CallState, toolCallId: string | undefined): CallState => ({
  ...state,
  tools: { ...state.tools, unconfirmed: state.tools.unconfirmed.filter((id) => id !== toolCallId) },
})

/** Answers for tools that have not, so that the caller does not wait in silence. */
export function toolsOverdue(state: CallState, out: Command[], atMs: number): CallState {
  const output = JSON.stringify({ error: 'this takes too long just now' })
  return state.tools.running
    .filter(({ dueAtMs }) => dueAtMs <= atMs)
    .reduce((next, { toolCallId }) => toolAnswered(next, out, { toolCallId, output, endsCall: false }, atMs), state)
}
