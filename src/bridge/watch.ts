// PURE. What must have happened by when, and what is done if it has not: the one list of the call's timers. Each entry says
// when it is due and what it does then; the machine is told the time at the earliest of them.
import { askHeld, fill, fillerDueAtMs } from './consulting.ts'
import { beginEnding, finish, hangUp, settlesAtMs } from './ending.ts'
import { takeKeys } from './keypad.ts'
import { answerLate, cutIn } from './overlap.ts'
import { presumeHeard, unheardBytes } from './playback.ts'
import { sessionDues } from './renewing.ts'
import { answerOverdue, responseOverdue } from './responding.ts'
import { ask, type CallState, type Command } from './state.ts'
import { toolsOverdue } from './tooling.ts'

type Due = { atMs: number; act(state: CallState, out: Command[], atMs: number): CallState }

/** When the machine next wants to be told the time; Infinity when it waits for nothing. */
export const nextDueAtMs = (state: CallState): number => Math.min(...dues(state).map(({ atMs }) => atMs))

/** Does what is due, earliest first. What one does may make another needless. */
export function watch(state: CallState, out: Command[], atMs: number): CallState {
  let next = state
  for (let due = earliest(next); due !== undefined && due.atMs <= atMs; due = earliest(next)) {
    next = due.act(next, out, atMs)
  }
  return next
}

const earliest = (state: CallState): Due | undefined => dues(state).sort((a, b) => a.atMs - b.atMs)[0]

/** Each `act` leaves its own due behind, or moves it into the future. */
function dues(state: CallState): Due[] {
  const { phase, stream, claimDueAtMs } = state
  switch (phase.is) {
    case 'opening':
      return [...sessionDues(state), ...(stream === null ? [unclaimed(claimDueAtMs)] : [])]
    case 'live':
      return [
        ...sessionDues(state),
        ...speechDues(state),
        ...lengthDues(state),
        ...silenceDues(state),
        { atMs: fillerDueAtMs(state), act: fill },
      ]
    case 'ending': {
      const act: Due['act'] = (late, out, atMs) => hangUp(late, out, phase.reason, atMs)
      return [{ atMs: phase.dueAtMs, act }, ...sessionDues(state), ...speechDues(state)]
    }
    case 'settling':
      return [{ atMs: settlesAtMs(state), act: finish }]
    case 'closed':
      return []
  }
}

const unclaimed = (atMs: number): Due => ({ atMs, act: finish })

function speechDues({ session, response, answerDueAtMs, floor, keys, playback, tools, limits }: CallState): Due[] {
  const dues: Due[] = []
  if (keys !== null && session.is === 'up') dues.push({ atMs: keys.dueAtMs, act: takeKeys })
  if (response.is !== 'none') dues.push({ atMs: response.dueAtMs, act: responseOverdue })
  else if (answerDueAtMs !== null) dues.push({ atMs: answerDueAtMs, act: answerOverdue })
  if (floor.is === 'pausing') dues.push({ atMs: floor.dueAtMs, act: (state) => ({ ...state, floor: { is: 'open' } }) })
  if (floor.is === 'overlap') dues.push({ atMs: floor.dueAtMs, act: cutIn })
  if (floor.is === 'weighing') dues.push({ atMs: floor.dueAtMs, act: answerLate })
  if (floor.is === 'caller') dues.push({ atMs: floor.sinceMs + limits.callerTurnMs, act: endTurn })
  if (unheardBytes(playback) > 0) dues.push({ atMs: playback.soundsUntilMs + limits.markSlackMs, act: marksOverdue })
  for (const { dueAtMs, consult } of tools.running) {
    dues.push({ atMs: dueAtMs, act: toolsOverdue })
    if (consult?.is === 'held') dues.push({ atMs: consult.dueAtMs, act: askHeld })
  }
  return dues
}

/** Music or a machine never pauses. What there is becomes a turn, and is answered. */
function endTurn(state: CallState, out: Command[], atMs: number): CallState {
  if (state.floor.is !== 'caller') return state
  out.push({ do: 'tell-model', event: { type: 'input_audio_buffer.commit' } })
  return { ...state, floor: { is: 'pausing', itemId: state.floor.itemId, dueAtMs: atMs + state.limits.commitMs } }
}

function marksOverdue(state: CallState, out: Command[]): CallState {
  const text = 'The carrier did not confirm what the caller heard; it is taken as heard.'
  out.push({ do: 'record', fact: { kind: 'warning', about: 'marks', text } })
  return { ...state, playback: presumeHeard(state.playback) }
}

function lengthDues({ stream, limits, isTimeWarningGiven }: CallState): Due[] {
  if (stream === null) return []
  const endsAtMs = stream.startedAtMs + limits.callMs
  const end: Due = { atMs: endsAtMs, act: (state, _, atMs) => beginEnding(state, 'too-long', ['goodbye'], atMs) }
  if (isTimeWarningGiven) return [end]
  const warn: Due['act'] = (state) => ({ ...ask(state, 'time-warning'), isTimeWarningGiven: true })
  return [end, { atMs: endsAtMs - limits.callWarningMs, act: warn }]
}

function silenceDues({ quiet, session, limits }: CallState): Due[] {
  return quiet.sinceMs === null || session.is !== 'up'
    ? []
    : [{ atMs: quiet.sinceMs + limits.idleMs, act: breakSilence }]
}

function breakSilence(state: CallState, _: Command[], atMs: number): CallState {
  const { quiet, limits } = state
  if (quiet.prompts >= limits.idlePrompts) return beginEnding(state, 'silence', ['goodbye'], atMs)
  return ask({ ...state, quiet: { sinceMs: null, prompts: quiet.prompts + 1 } }, 'still-there')
}
