// PURE. How a call ends: by us, by the caller, or for want of a model; and what is still owed to the ledger afterwards.
// What Twilio's next request will be answered from is recorded before the stream is closed.
import type { FactOf } from '../conversations/events.ts'
import { cutOff, takeFinished, unheardBytes } from './playback.ts'
import { mendRequests } from './requests.ts'
import { type CallState, type Command, type Ending, isTalking, type Retold } from './state.ts'
import { isDeleted, isTranscribed, markDeleted, writeAgent, writeCaller } from './transcript.ts'

/** From now on the call waits for the agent to be heard out, and then hangs up. What is said of an emergency is said first. */
export const beginEnding = (state: CallState, reason: Ending, asks: CallState['asks'], atMs: number): CallState => ({
  ...state,
  phase: { is: 'ending', reason, dueAtMs: atMs + state.limits.goodbyeMs },
  asks: [...new Set([...state.asks.filter((what) => what === 'emergency'), ...asks])],
})

/** The end that was decided on: the stream is closed, and Twilio asks what comes next. */
export function hangUp(state: CallState, out: Command[], reason: Ending, atMs: number): CallState {
  // Somebody else goes on: another machine, or a person.
  const isHandedOver = reason === 'handed-over' || typeof reason === 'object'
  if (!isHandedOver) out.push({ do: 'record', fact: { kind: 'call.ending', reason } })
  const ended = endStream(state, out, isHandedOver ? 'handed-over' : 'hung-up', atMs)
  out.push({ do: 'hang-up' })
  return ended
}

/** The model cannot be had, or cannot be had any more. Before a caller is there, it only costs the head start. */
export function failModel(state: CallState, out: Command[], reason: string, atMs: number): CallState {
  if (state.stream === null) return finish(state, out)
  if (state.phase.is === 'settling') return { ...state, phase: { ...state.phase, isModelGone: true } }
  out.push({ do: 'note', level: 'warn', about: 'the model failed', code: reason })
  out.push({ do: 'record', fact: { kind: 'model.failed', reason }, attempt: state.stream.streamSid })
  const ended = endStream(state, out, 'failed', atMs)
  out.push({ do: 'hang-up' })
  return ended
}

/** The caller hears and says nothing any more; what they said last may still have to be transcribed. */
export function endStream(
  state: CallState,
  out: Command[],
  reason: FactOf<'stream.ended'>['reason'],
  atMs: number,
): CallState {
  const { stream, floor, response, limits } = state
  const isModelGone = state.session.is !== 'up'
  if (stream === null) return finish(state, out)
  out.push({ do: 'record', fact: { kind: 'stream.ended', streamSid: stream.streamSid, reason } })
  if (!isModelGone) {
    // Speech that no silence has ended would never be transcribed.
    if (floor.is === 'caller' || floor.is === 'overlap')
      out.push({ do: 'tell-model', event: { type: 'input_audio_buffer.commit' } })
    if (response.is === 'active') {
      out.push({ do: 'tell-model', event: { type: 'response.cancel', response_id: response.responseId } })
    }
  }
  return {
    ...state,
    phase: {
      is: 'settling',
      lingersUntilMs: isTalking(state) ? atMs + limits.lingerMs : atMs,
      dueAtMs: atMs + limits.lastWordsMs,
      isModelGone,
    },
    floor: { is: 'open' },
    response: response.is === 'active' ? { ...response, isCut: true } : response,
    asks: [],
    answerDueAtMs: null,
    playback: cutOff(state.playback).playback,
  }
}

/**
 * When the call that settles will be closed. Sooner than at its limit, if every word is known that we know of, and the
 * response that was cancelled has told what it used.
 */
export function settlesAtMs({ phase, transcript, response }: CallState): number {
  if (phase.is !== 'settling') return Number.POSITIVE_INFINITY
  if (phase.isModelGone) return Number.NEGATIVE_INFINITY
  return isTranscribed(transcript) && response.is !== 'active' ? phase.lingersUntilMs : phase.dueAtMs
}

/** Writes what is left and closes. Nothing follows. */
export function finish(state: CallState, out: Command[]): CallState {
  const written = writeDown(state, out, true)
  if (state.stream !== null) {
    out.push({ do: 'record', fact: { kind: 'transcript.settled', streamSid: state.stream.streamSid } })
  }
  out.push({ do: 'finish' })
  return { ...written, phase: { is: 'closed' } }
}

/** What would be written of the last turns if nothing more were learnt of them. */
export function unsettled(state: CallState): FactOf<'utterance'>[] {
  const out: Command[] = []
  writeDown(state, out, true)
  return out.flatMap((command) => (command.do === 'record' && command.fact.kind === 'utterance' ? [command.fact] : []))
}

/** Writes every utterance of which nothing more can be learnt; with `isLast`, every one. */
export function writeDown(state: CallState, out: Command[], isLast: boolean): CallState {
  if (state.stream === null) return state
  const { streamSid } = state.stream
  let { retold } = state
  const [playback, finished] = isLast
    ? [{ ...state.playback, items: [] }, state.playback.items]
    : takeFinished(state.playback)
  let [transcript, utterances] = writeCaller(state.transcript, streamSid, isLast)
  for (const fact of utterances) out.push({ do: 'record', fact })
  for (const item of finished) {
    const [next, fact] = writeAgent(transcript, streamSid, item)
    transcript = next
    if (fact !== null) out.push({ do: 'record', fact })
    if (fact !== null)
      retold = retold.map((told) => (told.itemId === item.itemId ? { ...told, heard: fact.text } : told))
    // Words without sound: the model must not believe that it said them.
    if (item.isOfBefore) continue
    if (isTalking(state) && fact?.heardMs === 0 && !isDeleted(transcript, item.itemId)) {
      out.push({ do: 'tell-model', event: { type: 'conversation.item.delete', item_id: item.itemId } })
      transcript = markDeleted(transcript, item.itemId)
    }
  }
  return correctRetold({ ...state, playback, transcript, retold }, out)
}

/** A session that was told words of which not all were heard is told which were. */
export function correctRetold(state: CallState, out: Command[]): CallState {
  if (state.session.is !== 'up' || state.retold.every(({ heard }) => heard === null)) return state
  const retold: Retold[] = []
  let { transcript } = state
  for (const { itemId, text, heard } of state.retold) {
    if (heard === null) retold.push({ itemId, text, heard })
    else if (heard !== text) {
      for (const event of mendRequests({ itemId, heard })) out.push({ do: 'tell-model', event })
      transcript = markDeleted(transcript, itemId)
    }
  }
  return { ...state, retold, transcript }
}

/** Nobody speaks, nothing is under way, and nothing is about to be said: all that was said is heard. */
export const isQuiet = ({ response, asks, answerDueAtMs, floor, keys, tools, playback }: CallState): boolean =>
  response.is === 'none' &&
  asks.length === 0 &&
  answerDueAtMs === null &&
  floor.is === 'open' &&
  keys === null &&
  tools.running.length === 0 &&
  unheardBytes(playback) === 0
