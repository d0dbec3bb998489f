// PURE. THE LIVE CALL. `step` takes what happened and answers what is now true and what is to be done; two sockets and a timer
// carry it out (call.ts). It knows turns, barge-in, marks, tools, limits and endings. The audio's samples never pass here.

import type { ModelItem } from '../wire/realtime.ts'
import { listenForAlarm } from './alarm.ts'
import { isBackchannel } from './backchannel.ts'
import { askHeld, listenForHush, noteTurn, stopConsults, weighTurn } from './consulting.ts'
import {
  beginEnding,
  endStream,
  failModel,
  hangUp,
  isQuiet,
  finish as settle,
  settlesAtMs,
  writeDown,
} from './ending.ts'
import { breakIn, fallSilent, withdrawEnding } from './interrupting.ts'
import { enterKey } from './keypad.ts'
import { beginOverlap, cutIn, stopOverlap, weighCommitted, weighWords } from './overlap.ts'
import { begin, bytesPerMs, finishItem, hear, send, spell, unheardBytes } from './playback.ts'
import { goLive, loseModel, recalled, renewIfOld, sessionCreated, sessionUpdated, whyWithout } from './renewing.ts'
import { configureEventId, switchRequest, transferWithdrawn } from './requests.ts'
import { responseCreated, responseDone, responseRefused, speakNext } from './responding.ts'
import { type CallEvent, type CallState, type Command, isTalking } from './state.ts'
import { callTool, toolAnswered, toolConfirmed } from './tooling.ts'
import { isWritten, place, turnCaller } from './transcript.ts'
import { watch } from './watch.ts'

export type Step = { state: CallState; commands: Command[] }

/** After `closed` nothing happens and nothing is done. */
export function step(state: CallState, event: CallEvent): Step {
  if (state.phase.is === 'closed') return { state, commands: [] }
  const commands: Command[] = []
  const changed = happen(state, event, commands)
  const next = follow(changed, commands, event.atMs)
  // A session that is gone, or not one yet, is told nothing; the next one is told what came of it.
  const isHeard = next.session.is === 'up' || next.session.is === 'configuring'
  return { state: next, commands: isHeard ? commands : commands.filter((command) => command.do !== 'tell-model') }
}

function happen(state: CallState, event: CallEvent, out: Command[]): CallState {
  const { atMs } = event
  switch (event.on) {
    case 'joined':
      return join(state, out, event.streamSid, atMs)
    case 'said':
      return said(state, out, event.event, atMs)
    case 'audio':
      return speak(state, out, event)
    case 'mark':
      return { ...state, playback: hear(state.playback, event.name) }
    case 'key':
      return enterKey(state, out, event.key, atMs)
    case 'goes-on':
      return cutIn(state, out, atMs)
    case 'tool-answered':
      return toolAnswered(state, out, event, atMs)
    case 'left':
      return state.phase.is === 'settling' ? state : endStream(state, out, event.how, atMs)
    case 'model-gone':
      return loseModel(state, out, `socket closed with ${event.code}`, atMs)
    case 'recalled':
      return recalled(state, out, event, atMs)
    case 'audio-lost': {
      const text = `${event.ms} ms of the caller's audio were lost before a model could listen.`
      out.push({ do: 'record', fact: { kind: 'warning', about: 'audio-lost', text } })
      return state
    }
    case 'hand-over':
      return handOver(state, out, event.how, atMs)
    case 'switch-mode':
      return switchMode(state, out, event)
    case 'spent':
      return state.phase.is === 'live' ? beginEnding(state, 'spent', ['spent'], atMs) : state
    case 'time':
      return watch(state, out, atMs)
  }
}

/** What follows from any change: finished words are written, the call ends if it can, the agent speaks if it is its turn. */
function follow(changed: CallState, out: Command[], atMs: number): CallState {
  if (changed.phase.is === 'closed') return changed
  const state = writeDown(changed, out, false)
  if (settlesAtMs(state) <= atMs) return settle(state, out)
  if (state.phase.is === 'ending' && isQuiet(state)) {
    return follow(hangUp(state, out, state.phase.reason, atMs), out, atMs)
  }
  const without = whyWithout(state)
  if (without !== null) return follow(failModel(state, out, without, atMs), out, atMs)
  const fresh = renewIfOld(state, out, atMs)
  const next = listenForHush(speakNext(withConsults(fresh, out, atMs), out, atMs), atMs)
  const sinceMs = next.phase.is === 'live' && isQuiet(next) ? quietSinceMs(next, atMs) : null
  return sinceMs === next.quiet.sinceMs ? next : { ...next, quiet: { ...next.quiet, sinceMs } }
}

/** A silence begins only when there is somebody to break it; the one that is under way does not end with their session. */
const quietSinceMs = ({ session, quiet }: CallState, atMs: number): number | null =>
  session.is === 'up' ? (quiet.sinceMs ?? atMs) : quiet.sinceMs

/** The supervisor is asked when all is known that it should know; when the call is about to end, it need not answer. */
const withConsults = (state: CallState, out: Command[], atMs: number): CallState =>
  state.phase.is === 'live' ? askHeld(state, out, atMs) : stopConsults(state, out)

function join(state: CallState, out: Command[], streamSid: string, atMs: number): CallState {
  if (state.stream !== null) return state
  const { generation, modeBefore: from, mode: to } = state.script
  out.push({ do: 'record', fact: { kind: 'stream.started', streamSid, generation } })
  if (from !== to) {
    const reason = 'settings'
    out.push({ do: 'record', fact: { kind: 'mode.switched', generation, count: 0, from, to, reason } })
  }
  const joined = { ...state, stream: { streamSid, startedAtMs: atMs } }
  return state.session.is === 'up' ? goLive(joined, out) : joined
}

function said(state: CallState, out: Command[], event: Said, atMs: number): CallState {
  switch (event.type) {
    case 'session.created':
      return sessionCreated(state, out)
    case 'session.updated':
      return sessionUpdated(state, out, event.session, atMs)
    case 'error':
      return failed(state, out, event.error, atMs)
    case 'conversation.item.added':
    case 'conversation.item.created':
      return added(state, event.item, event.previous_item_id)
    case 'input_audio_buffer.speech_started':
      return callerSpeaks(state, out, event, atMs)
    case 'input_audio_buffer.speech_stopped': {
      const audioHeardToMs = Math.max(state.audioHeardToMs, event.audio_end_ms ?? 0)
      if (state.floor.is !== 'caller') return stopOverlap({ ...state, audioHeardToMs }, event.item_id, atMs)
      const dueAtMs = atMs + state.limits.commitMs
      return { ...state, audioHeardToMs, floor: { is: 'pausing', itemId: event.item_id, dueAtMs } }
    }
    case 'input_audio_buffer.committed':
      return callerSpoke(state, event.item_id, event.previous_item_id, atMs)
    case 'conversation.item.input_audio_transcription.delta':
      return listenForAlarm(
        words(state, event.item_id, { state: 'committed', addText: event.delta ?? '' }, atMs),
        out,
        { itemId: event.item_id, isFinal: false },
        atMs,
      )
    case 'conversation.item.input_audio_transcription.completed': {
      const { usage, item_id: itemId, transcript: text } = event
      const model = state.script.model.transcriptionModel
      if (usage !== null && usage !== undefined) {
        out.push({ do: 'record', fact: { kind: 'usage', source: 'transcription', model, usage }, attempt: itemId })
      }
      const heard = words(state, itemId, { state: 'final', text }, atMs)
      const alarmed = listenForAlarm(heard, out, { itemId, isFinal: true }, atMs)
      const weighed = weighWords(weighTurn(alarmed, out, itemId, text), out, itemId, text, atMs)
      return withdrawTransfer(weighed, out, itemId, text)
    }
    case 'conversation.item.input_audio_transcription.failed':
      out.push({ do: 'note', level: 'info', about: 'a turn of the caller could not be transcribed' })
      return words(state, event.item_id, { state: 'final' }, atMs)
    case 'response.created':
      return responseCreated(state, out, event.response.id, atMs)
    case 'response.done': {
      const calls = event.response.output ?? []
      const called = calls.reduce((next, item) => callTool(next, out, item, event.response.id, atMs), state)
      return responseDone(called, out, event.response, atMs)
    }
    case 'response.output_item.added':
      if (event.item.type !== 'message' || event.item.id === undefined) return state
      if (isWritten(state.transcript, event.item.id)) return state
      return { ...state, playback: begin(state.playback, event.item.id, event.response_id, atMs) }
    case 'response.output_item.done':
      if (event.item.type === 'message' && event.item.id !== undefined) {
        return { ...state, playback: finishItem(state.playback, event.item.id) }
      }
      return callTool(state, out, event.item, event.response_id, atMs)
    case 'response.output_audio_transcript.delta':
      return spells(state, event, { add: event.delta }, atMs)
    case 'response.output_audio_transcript.done':
      return spells(state, event, { whole: event.transcript }, atMs)
    case 'response.function_call_arguments.delta':
      return alive(state, event.response_id, atMs)
  }
}

type Said = Extract<CallEvent, { on: 'said' }>['event']
type EventOf<T extends Said['type']> = Extract<Said, { type: T }>
type EventTo<O extends CallEvent['on']> = Extract<CallEvent, { on: O }>

/** Errors that follow from two sides acting at once; nothing is lost by them. */
const harmless = new Set([
  'response_cancel_not_active',
  'input_audio_buffer_commit_empty',
  'conversation_already_has_active_response',
  'cannot_update_voice',
  'item_not_found',
])

function failed(state: CallState, out: Command[], error: EventOf<'error'>['error'], atMs: number): CallState {
  const code = error.code ?? error.type
  if (error.event_id === configureEventId) return failModel(state, out, `session refused: ${code}`, atMs)
  if (code === 'session_expired') return loseModel(state, out, code, atMs)
  const refused = responseRefused(state, out, error.event_id ?? null, code, atMs)
  if (refused !== null) return refused
  out.push({ do: 'note', level: harmless.has(code) ? 'info' : 'warn', about: 'the model reported an error', code })
  return state
}

function added(state: CallState, item: ModelItem, previousItemId: string | null | undefined): CallState {
  const confirmed = item.type === 'function_call_output' ? toolConfirmed(state, item.call_id) : state
  if (item.id === undefined) return confirmed
  return { ...confirmed, transcript: place(state.transcript, item.id, previousItemId) }
}

/** Barge-in. */
function callerSpeaks(
  state: CallState,
  out: Command[],
  { item_id: itemId, audio_start_ms: audioFromMs }: EventOf<'input_audio_buffer.speech_started'>,
  atMs: number,
): CallState {
  const transcript = turnCaller(state.transcript, itemId, { state: 'speaking', audioFromMs }, atMs)
  if (state.phase.is === 'settling') {
    out.push({ do: 'tell-model', event: { type: 'input_audio_buffer.commit' } })
    return { ...state, transcript }
  }
  const overlap = beginOverlap({ ...state, transcript }, out, itemId, atMs)
  if (overlap !== null) return overlap
  const silence = state.script.interruptMs === 0 ? fallSilent : breakIn
  return {
    ...silence(withdrawEnding({ ...state, transcript }), out, atMs),
    floor: { is: 'caller', itemId, sinceMs: atMs },
    quiet: { sinceMs: null, prompts: 0 },
  }
}

/**
 * Whoever is about to be put through may thank for it; whoever says something else stays with the agent. The words that asked
 * for it may be transcribed after it: they are told by when they were said.
 */
function withdrawTransfer(state: CallState, out: Command[], itemId: string, text: string): CallState {
  const { phase, transcript } = state
  if (phase.is !== 'ending' || typeof phase.reason !== 'object' || phase.reason.isFirm || isBackchannel(text))
    return state
  const turn = transcript.turns.find((each) => each.itemId === itemId)
  if (turn === undefined || turn.startedAtMs < phase.reason.askedAtMs) return state
  out.push({ do: 'record', fact: { kind: 'transfer.withdrawn', toolCallId: phase.reason.transfer } })
  out.push({ do: 'tell-model', event: transferWithdrawn })
  return { ...state, phase: { is: 'live' }, asks: state.asks.filter((what) => what !== 'connecting') }
}

function callerSpoke(
  state: CallState,
  itemId: string,
  previousItemId: string | null | undefined,
  atMs: number,
): CallState {
  const { floor, limits } = state
  const transcript = turnCaller(place(state.transcript, itemId, previousItemId), itemId, { state: 'committed' }, atMs)
  if (!isTalking(state)) return { ...state, transcript }
  const weighed = weighCommitted({ ...state, transcript }, itemId, atMs)
  if (weighed !== null) return weighed
  const isStillSpeaking = floor.is === 'caller' && floor.itemId !== itemId
  return {
    ...state,
    transcript,
    floor: isStillSpeaking ? floor : { is: 'open' },
    answerDueAtMs: atMs + limits.answerMs,
    tools: { ...noteTurn(state, itemId).tools, rounds: 0 },
    quiet: { sinceMs: null, prompts: 0 },
  }
}

const words = (
  state: CallState,
  itemId: string,
  change: Parameters<typeof turnCaller>[2],
  atMs: number,
): CallState => ({
  ...state,
  transcript: turnCaller(state.transcript, itemId, change, atMs),
})

/** Audio reaches the caller only from the response that has the floor, and only as long as it is not cut off. */
function speak(state: CallState, out: Command[], event: Extract<CallEvent, { on: 'audio' }>): CallState {
  const { response, limits, playback } = state
  const { responseId, itemId, bytes, atMs } = event
  if (!isTalking(state)) return state
  if (response.is !== 'active' || response.responseId !== responseId || response.isCut) return state
  if (bytes === 0 || isWritten(state.transcript, itemId)) return state
  if (unheardBytes(playback) + bytes > limits.unheardAudioMs * bytesPerMs) {
    const text = 'The agent spoke for longer than may wait to be heard; the rest was dropped.'
    out.push({ do: 'record', fact: { kind: 'warning', about: 'unheard-audio', text } })
    out.push({ do: 'tell-model', event: { type: 'response.cancel', response_id: responseId } })
    return { ...state, response: { ...response, isCut: true, dueAtMs: atMs + limits.stalledMs } }
  }
  const [sent, position] = send(playback, event, bytes, atMs)
  out.push({ do: 'play', ...position })
  return { ...state, playback: sent, response: { ...response, hasSound: true, dueAtMs: atMs + limits.stalledMs } }
}

/** The words of what the agent says come beside the sound, before or after it. */
function spells(
  state: CallState,
  part: { response_id: string; item_id: string; content_index: number },
  text: { add: string } | { whole: string },
  atMs: number,
): CallState {
  if (isWritten(state.transcript, part.item_id)) return state
  const name = { responseId: part.response_id, itemId: part.item_id, contentIndex: part.content_index }
  return { ...state, playback: spell(state.playback, name, text, atMs) }
}

function alive(state: CallState, responseId: string, atMs: number): CallState {
  const { response, limits } = state
  if (response.is !== 'active' || response.responseId !== responseId || response.isCut) return state
  return { ...state, response: { ...response, dueAtMs: atMs + limits.stalledMs } }
}

/** Another machine goes on with this call: from the next quiet moment, or from now. */
function handOver(state: CallState, out: Command[], how: 'gently' | 'at-once', atMs: number): CallState {
  const { phase, stream } = state
  if (stream === null) return settle(state, out)
  if (how === 'gently' && phase.is === 'live') return beginEnding(state, 'handed-over', [], atMs)
  if (how === 'gently' && (phase.is === 'ending' || phase.is === 'settling')) return state
  const ended = phase.is === 'settling' ? state : hangUp(state, out, 'handed-over', atMs)
  return how === 'gently' ? ended : settle(ended, out)
}

/** The other agent goes on, knowing all that the first one knew: it is the same session. */
function switchMode(state: CallState, out: Command[], { to, reason }: EventTo<'switch-mode'>): CallState {
  const { script, phase, session } = state
  const { standby, mode: from, instructions, tools, generation } = script
  if (standby.mode !== to || session.is === 'opening' || phase.is === 'settling') return state
  const switches = state.switches + 1
  out.push({ do: 'tell-model', event: switchRequest(standby, `switch_${switches}`) })
  out.push({ do: 'record', fact: { kind: 'mode.switched', generation, count: switches, from, to, reason } })
  return { ...state, switches, script: { ...script, ...standby, standby: { mode: from, instructions, tools } } }
}
