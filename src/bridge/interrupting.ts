// PURE. Falling silent before all was said: what the caller has not heard by now they never will, and the model is told so.
// And what a caller takes back by having something left to say.
import { type Cut, cutOff } from './playback.ts'
import { forgetRequests } from './requests.ts'
import type { CallState, Command } from './state.ts'
import { markDeleted, place, type Transcript } from './transcript.ts'

/** Clears the line. A model that hears the caller speak stops by itself. */
export function fallSilent(state: CallState, out: Command[], atMs: number): CallState {
  const { response, limits } = state
  const { playback, cuts, isSounding } = cutOff(state.playback)
  if (isSounding) out.push({ do: 'clear' })
  for (const event of cuts.flatMap(forgetRequests)) out.push({ do: 'tell-model', event })
  return tellAgain({
    ...state,
    playback,
    transcript: cuts.reduce(forgotten, state.transcript),
    response: response.is === 'active' ? { ...response, isCut: true, dueAtMs: atMs + limits.stalledMs } : response,
  })
}

const forgotten = (transcript: Transcript, { itemId, keep }: Cut): Transcript =>
  keep === 'nothing' ? markDeleted(transcript, itemId) : place(transcript, itemId, undefined)

/** Who talks over the text for an emergency has not heard it: it is said again, but not for ever. */
function tellAgain(state: CallState): CallState {
  const { alarm, response, playback, limits, asks } = state
  if (alarm === null || alarm.timesSaid >= limits.emergencyTimes || asks.includes('emergency')) return state
  const isOfIt = (responseId: string) => responseId === alarm.responseId
  const isCut =
    (response.is === 'active' && response.isCut && isOfIt(response.responseId)) ||
    playback.items.some(({ cut, responseId }) => cut !== null && isOfIt(responseId))
  return isCut ? { ...state, asks: ['emergency', ...asks] } : state
}

/** The same where the model has heard nothing that would stop it. */
export function breakIn(state: CallState, out: Command[], atMs: number): CallState {
  const { response } = state
  if (response.is === 'active' && !response.isCut) {
    out.push({ do: 'tell-model', event: { type: 'response.cancel', response_id: response.responseId } })
  }
  return fallSilent(state, out, atMs)
}

/** Whoever speaks during the goodbye has something left to say. Time and money that have run out are not negotiable. */
export function withdrawEnding(state: CallState): CallState {
  const { phase } = state
  if (phase.is !== 'ending' || (phase.reason !== 'agent' && phase.reason !== 'silence')) return state
  return { ...state, phase: { is: 'live' }, asks: state.asks.filter((what) => what !== 'goodbye') }
}
