// PURE. A caller who makes a sound while the agent speaks, at a clinic that does not want every sound to cut it off. Whether
// they cut in or only show that they listen is told by how long it lasts and by what it was: who goes on has the floor
// after a short while; who stops before that is weighed by their words, and hums go unanswered. What is said into the last of the
// agent's speech is an answer, whatever it is. Nothing of this can be told from the sound alone; hence the limits.
import { isHum } from './backchannel.ts'
import { noteTurn } from './consulting.ts'
import { breakIn } from './interrupting.ts'
import { unheardBytes } from './playback.ts'
import { ask, type CallState, type Command, type Floor } from './state.ts'

type Overlap = Extract<Floor, { is: 'overlap' | 'weighing' }>
const isOverlap = (floor: Floor): floor is Overlap => floor.is === 'overlap' || floor.is === 'weighing'

/** Null: they have the floor at once, as anywhere else. Whoever speaks up a second time while they are weighed insists. */
export function beginOverlap(state: CallState, out: Command[], itemId: string, atMs: number): CallState | null {
  const { script, phase, floor, playback } = state
  const { interruptMs, model } = script
  if (interruptMs === 0 || phase.is !== 'live' || floor.is !== 'open' || unheardBytes(playback) === 0) return null
  out.push({ do: 'attend', ms: interruptMs })
  const silenceMs = model.turnDetection.by === 'silence' ? model.turnDetection.silenceMs : state.limits.commitMs
  return {
    ...state,
    // A voice too soft to be measured has no more than the detector's word, and that comes late.
    floor: { is: 'overlap', itemId, dueAtMs: atMs + 2 * interruptMs + silenceMs },
    quiet: { sinceMs: null, prompts: 0 },
  }
}

/** They go on: by the loudness of the line, or since the detector has not said that they stopped. */
export function cutIn(state: CallState, out: Command[], atMs: number): CallState {
  const { floor } = state
  if (floor.is !== 'overlap') return state
  return { ...breakIn(state, out, atMs), floor: { is: 'caller', itemId: floor.itemId, sinceMs: atMs } }
}

export function stopOverlap(state: CallState, itemId: string, atMs: number): CallState {
  const { floor, limits } = state
  if (floor.is !== 'overlap' || floor.itemId !== itemId) return state
  return { ...state, floor: { is: 'weighing', itemId, dueAtMs: atMs + limits.commitMs } }
}

/** Their turn is an item now. Null: it is a turn like any other, since the agent has as good as finished. */
export function weighCommitted(state: CallState, itemId: string, atMs: number): CallState | null {
  const { floor, response, playback, limits } = state
  if (!isOverlap(floor) || floor.itemId !== itemId) return null
  const isGoingOn = response.is === 'active' || playback.soundsUntilMs - atMs >= limits.answerLeadMs
  if (!isGoingOn) return null
  return { ...noteTurn(state, itemId), floor: { is: 'weighing', itemId, dueAtMs: atMs + limits.humWordsMs } }
}

/** Their words are known. */
export function weighWords(state: CallState, out: Command[], itemId: string, text: string, atMs: number): CallState {
  const { floor } = state
  if (!isOverlap(floor) || floor.itemId !== itemId) return state
  if (floor.is === 'overlap') return isHum(text) ? state : cutIn(state, out, atMs)
  return isHum(text) ? { ...state, floor: { is: 'open' } } : answerLate(state, out, atMs)
}

/** A short word with something in it. The model has given it no answer of its own that was let through, so it is asked to. */
export function answerLate(state: CallState, out: Command[], atMs: number): CallState {
  if (state.floor.is !== 'weighing') return state
  const silent = breakIn({ ...state, floor: { is: 'open' } }, out, atMs)
  return ask({ ...silent, tools: { ...silent.tools, rounds: 0 } }, 'reply')
}
