// PURE. Questions to the supervisor while they are on their way: asked once the caller's last words are known, filled with a
// sentence where the wait would be silent, and stopped when the answer would come too late to be of use to anybody.
import { isBackchannel } from './backchannel.ts'
import { unsettled } from './ending.ts'
import { unheardBytes } from './playback.ts'
import { ask, type CallState, type Command, type Consult, type RunningTool } from './state.ts'
import { isTranscribed } from './transcript.ts'

/** Asks what was held: the words that led to it are known, or have had their time. */
export function askHeld(state: CallState, out: Command[], atMs: number): CallState {
  return changeConsults(state, (consult) => {
    if (consult.is !== 'held' || !(isTranscribed(state.transcript) || consult.dueAtMs <= atMs)) return consult
    return asked(state, out, consult)
  })
}

function asked(state: CallState, out: Command[], { call }: Extract<Consult, { is: 'held' }>): Consult {
  out.push({ do: 'consult', call, unsettled: unsettled(state) })
  return { is: 'asked', turnsSince: [] }
}

/** Nobody needs these answers any more. Each call still gets its output, from whoever was asked. */
export function stopConsults(
  state: CallState,
  out: Command[],
  isStale: (consult: Consult) => boolean = () => true,
): CallState {
  return changeConsults(state, (consult, toolCallId) => {
    if (consult.is === 'stopped' || !isStale(consult)) return consult
    if (consult.is === 'held') asked(state, out, consult)
    out.push({ do: 'stop-consult', toolCallId })
    return { is: 'stopped' }
  })
}

/** The caller has taken a turn; whether it changes the question, its words will tell. */
export const noteTurn = (state: CallState, itemId: string): CallState =>
  changeConsults(state, (consult) =>
    consult.is === 'asked' ? { ...consult, turnsSince: [...consult.turnsSince, itemId] } : consult,
  )

/** The words of a turn are known. Where they are more than a sign of listening, what was asked before them is out of date. */
export const weighTurn = (state: CallState, out: Command[], itemId: string, text: string): CallState =>
  isBackchannel(text)
    ? state
    : stopConsults(state, out, (consult) => consult.is === 'asked' && consult.turnsSince.includes(itemId))

function changeConsults(state: CallState, change: (consult: Consult, toolCallId: string) => Consult): CallState {
  if (state.tools.running.every(({ consult }) => consult === null)) return state
  const running = state.tools.running.map((tool): RunningTool => {
    const consult = tool.consult === null ? null : change(tool.consult, tool.toolCallId)
    return consult === tool.consult ? tool : { ...tool, consult }
  })
  return { ...state, tools: { ...state.tools, running } }
}

/** The supervisor has a question whose answer somebody still waits for. */
export const isThinking = ({ tools }: CallState): boolean =>
  tools.running.some(({ consult }) => consult !== null && consult.is !== 'stopped')

/** Measures how long it has been silent while the supervisor thinks. */
export function listenForHush(state: CallState, atMs: number): CallState {
  const { hush } = state
  const fillers = isThinking(state) ? hush.fillers : 0
  const sinceMs = isThinking(state) && isHushed(state) ? (hush.sinceMs ?? atMs) : null
  return sinceMs === hush.sinceMs && fillers === hush.fillers ? state : { ...state, hush: { sinceMs, fillers } }
}

const isHushed = ({ phase, session, response, asks, answerDueAtMs, floor, playback }: CallState): boolean =>
  phase.is === 'live' &&
  session.is === 'up' &&
  response.is === 'none' &&
  asks.length === 0 &&
  answerDueAtMs === null &&
  floor.is === 'open' &&
  unheardBytes(playback) === 0

/** When the silence is to be filled; Infinity when it is not. */
export function fillerDueAtMs({ hush, limits }: CallState): number {
  if (hush.sinceMs === null || hush.fillers >= limits.fillers) return Number.POSITIVE_INFINITY
  return hush.sinceMs + (hush.fillers === 0 ? limits.fillerMs : limits.fillerAgainMs)
}

export function fill(state: CallState): CallState {
  const { fillers } = state.hush
  const filled = { ...state, hush: { sinceMs: null, fillers: fillers + 1 } }
  return ask(filled, fillers === 0 ? 'one-moment' : 'still-checking')
}
