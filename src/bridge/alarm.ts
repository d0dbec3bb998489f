// PURE. Emergencies, acted on by code. As soon as the caller's words hold one, whatever the model makes of them, the agent falls
// silent, the clinic's own text is said, and the person that the clinic has named for it is rung. Once in a conversation.
import { emergencyIn, withoutUnfinishedWord } from '../agents/emergency.ts'
import { stopConsults } from './consulting.ts'
import { beginEnding } from './ending.ts'
import { breakIn, withdrawEnding } from './interrupting.ts'
import type { Contact } from './plan.ts'
import { outlivesTurn } from './responding.ts'
import { type Ask, type CallState, type Command, isTalking } from './state.ts'

/** Listens to a turn of the caller, as far as its words are known. */
export function listenForAlarm(
  state: CallState,
  out: Command[],
  { itemId, isFinal }: { itemId: string; isFinal: boolean },
  atMs: number,
): CallState {
  const { script, stream, alarm, transcript } = state
  if (script.emergency === null || stream === null || alarm !== null) return state
  const text = transcript.turns.find((turn) => turn.itemId === itemId)?.text ?? ''
  const phrase = emergencyIn(isFinal ? text : withoutUnfinishedWord(text), script.emergency.phrases)
  return phrase === null ? state : raise(state, out, phrase, atMs)
}

/** Of a caller who is gone already the clinic hears all the same. Whoever is on the way to a person is told, and stays on it. */
function raise(state: CallState, out: Command[], phrase: string, atMs: number): CallState {
  const { stream, script } = state
  if (stream === null || script.emergency === null) return state
  const isAnswered = isTalking(state)
  out.push({ do: 'record', fact: { kind: 'emergency.raised', streamSid: stream.streamSid, phrase, isAnswered } })
  const raised: CallState = { ...state, alarm: { timesSaid: 0, responseId: null } }
  if (!isAnswered) return raised
  const silent = stopConsults(breakIn({ ...withdrawEnding(raised), keys: null, answerDueAtMs: null }, out, atMs), out)
  const told: CallState = { ...silent, asks: ['emergency', ...silent.asks.filter(outlivesTurn)] }
  const { phase } = told
  if (phase.is === 'ending' && typeof phase.reason === 'object')
    return beginEnding(told, { ...phase.reason, isFirm: true }, [], atMs)
  const { contact } = script.emergency
  if (contact === null) return told
  const wish = { toolCallId: `emergency-${script.generation}`, contact, reason: 'an emergency', isFirm: true, asks: [] }
  return putThrough(told, out, wish, atMs)
}

/** By the code's own decision; as a tool would have it done. `isFirm`: nothing that is said now takes it back. */
export function putThrough(
  state: CallState,
  out: Command[],
  wish: { toolCallId: string; contact: Contact; reason: string; isFirm: boolean; asks: Ask[] },
  atMs: number,
): CallState {
  const { toolCallId, reason, isFirm, asks } = wish
  const { name: target, phoneNumber, isWarm } = wish.contact
  out.push({ do: 'record', fact: { kind: 'transfer.requested', toolCallId, target, phoneNumber, reason, isWarm } })
  return beginEnding(state, { transfer: toolCallId, askedAtMs: atMs, isFirm }, asks, atMs)
}
