// PURE. The model's tool calls: each runs once and gets exactly one output, whether or not the turn that called it lasted;
// and when the last of a batch has answered, the model is asked to speak once.
import type { ToolCall } from '../clinic/tool-runner.ts'
import type { ConversationItem, ModelItem } from '../wire/realtime.ts'
import { stopConsults } from './consulting.ts'
import { beginEnding } from './ending.ts'
import { languageRequest, toolCall, toolOutput } from './requests.ts'
import { type Ask, ask, type CallState, type Command, type Ending, isTalking, type RunningTool } from './state.ts'

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
  const hadSpeech = isOfActive && response.hasSound
  const call = runningTool(state, { toolCallId, name, argumentsJson }, atMs)
  // The newest question to the supervisor is the one that counts.
  const { running } = call.consult === null ? tools : stopConsults(state, out).tools
  const next: CallState = {
    ...state,
    tools: {
      ...tools,
      seen: [...tools.seen, toolCallId],
      running: [...running, { ...call, session: state.renewal.session, responseId, hadSpeech }],
    },
    response: isOfActive ? { ...response, callsTools: true } : response,
  }
  if (tools.rounds >= limits.toolRounds || tools.running.length >= limits.toolsAtOnce) {
    const text = `The tool ${name} was not run: too many tool calls.`
    out.push({ do: 'record', fact: { kind: 'warning', about: 'tool-calls', text } })
    const output = { error: 'too many tool calls; answer the caller with what you have' }
    return toolAnswered(next, out, { toolCallId, output: JSON.stringify(output), endsCall: false }, atMs)
  }
  if (call.consult === null) out.push({ do: 'run-tool', call: { toolCallId, name, argumentsJson } })
  return next
}

/** A tool is run at once; a question to the supervisor is held until it can be asked (consulting.ts). */
function runningTool(
  { script, limits }: CallState,
  call: ToolCall,
  atMs: number,
): Pick<RunningTool, 'toolCallId' | 'call' | 'calledAtMs' | 'dueAtMs' | 'consult' | 'isTransfer'> {
  const { toolCallId, name } = call
  const { isConsult = false, isTransfer = false } = script.tools.find((tool) => tool.name === name) ?? {}
  const called = { toolCallId, call, calledAtMs: atMs, isTransfer }
  if (!isConsult) return { ...called, dueAtMs: atMs + limits.toolMs, consult: null }
  const consult = { is: 'held' as const, call, dueAtMs: atMs + limits.lastTurnMs }
  return { ...called, dueAtMs: atMs + limits.consultMs, consult }
}

/** A second answer to a call, or one that comes after we answered for it, changes nothing. */
export function toolAnswered(
  state: CallState,
  out: Command[],
  answer: { toolCallId: string; output: string; endsCall: boolean; language?: string },
  atMs: number,
): CallState {
  const { toolCallId, output, endsCall, language } = answer
  const call = state.tools.running.find((tool) => tool.toolCallId === toolCallId)
  if (call === undefined) return state
  const running = state.tools.running.filter((tool) => tool !== call)
  if (!isTalking(state)) return { ...state, tools: { ...state.tools, running } }
  const told = tellOutput({ ...state, tools: { ...state.tools, running } }, out, call, output)
  const next = language === undefined ? told : inLanguage(told, out, language)
  if (state.phase.is === 'ending') return next
  if (endsCall) return beginEnding(next, endingBy(call), lastWords(next, call), atMs)
  return running.length === 0 ? ask(next, 'tool-results') : next
}

/** The transcriber hears the caller in their language from now on; whoever goes on with the call has it from the ledger. */
function inLanguage(state: CallState, out: Command[], language: string): CallState {
  const { script, eventCount } = state
  const model = { ...script.model, language }
  out.push({ do: 'tell-model', event: languageRequest(model, `language_${eventCount}`) })
  return { ...state, eventCount: eventCount + 1, script: { ...script, model } }
}

/** The model has its own call; a session that took over since has not, unless the ledger had it with its answer. */
function tellOutput(state: CallState, out: Command[], { call, session }: RunningTool, output: string): CallState {
  const { tools, script, renewal } = state
  const { toolCallId } = call
  if (state.session.is !== 'up') return { ...state, tools: { ...tools, owed: [...tools.owed, { call, output }] } }
  if (session !== renewal.session) {
    if (isTold(script.history, toolCallId)) return state
    out.push({ do: 'tell-model', event: toolCall(call) })
  }
  out.push({ do: 'tell-model', event: toolOutput(toolCallId, output) })
  return { ...state, tools: { ...tools, unconfirmed: [...tools.unconfirmed, toolCallId] } }
}

const isTold = (history: readonly ConversationItem[], toolCallId: string): boolean =>
  history.some((item) => item.type === 'function_call_output' && item.call_id === toolCallId)

/** What was answered while there was no session, as far as the ledger has not told it. */
export function retellTools(state: CallState, out: Command[]): CallState {
  const { tools, script } = state
  const untold = tools.owed.filter(({ call }) => !isTold(script.history, call.toolCallId))
  for (const { call, output } of untold) {
    out.push(
      { do: 'tell-model', event: toolCall(call) },
      { do: 'tell-model', event: toolOutput(call.toolCallId, output) },
    )
  }
  const unconfirmed = [...tools.unconfirmed, ...untold.map(({ call }) => call.toolCallId)]
  return { ...state, tools: { ...tools, owed: [], unconfirmed } }
}

const endingBy = ({ isTransfer, toolCallId, calledAtMs }: RunningTool): Ending =>
  isTransfer ? { transfer: toolCallId, askedAtMs: calledAtMs } : 'agent'

/** What is still to be said before the call ends. */
function lastWords({ response }: CallState, call: RunningTool): Ask[] {
  // What the supervisor has done, the caller has not heard yet.
  if (call.consult !== null) return ['tool-results']
  // The turn that ended the call also spoke: that was the goodbye, or that they will be put through.
  const isSpeaking = response.is === 'active' && response.responseId === call.responseId && response.hasSound
  if (call.hadSpeech || isSpeaking) return []
  return [call.isTransfer ? 'connecting' : 'goodbye']
}

/** The output has its place in the model's conversation: responses from here on have seen it. */
export const toolConfirmed = (state: CallState, toolCallId: string | undefined): CallState => ({
  ...state,
  tools: { ...state.tools, unconfirmed: state.tools.unconfirmed.filter((id) => id !== toolCallId) },
})

/** Answers for tools that have not, so that the caller does not wait in silence. */
export function toolsOverdue(state: CallState, out: Command[], atMs: number): CallState {
  const excuse = { error: 'this takes too long just now', advice: 'apologise and offer to take a message' }
  const answer = { output: JSON.stringify(excuse), endsCall: false }
  return state.tools.running
    .filter(({ dueAtMs }) => dueAtMs <= atMs)
    .reduce((next, { toolCallId, consult }) => {
      if (consult !== null && consult.is !== 'stopped') out.push({ do: 'stop-consult', toolCallId })
      return toolAnswered(next, out, { toolCallId, ...answer }, atMs)
    }, state)
}
