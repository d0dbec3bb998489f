// PURE. One response at a time. We ask for responses, and so does the model itself after each turn of the caller; whoever
// was first has the floor, and what we wanted waits its turn. Only the response that has the floor reaches the caller.
import type { ModelEvent } from '../wire/realtime.ts'
import { failModel } from './ending.ts'
import { breakIn } from './interrupting.ts'
import { finishResponse } from './playback.ts'
import { goWithout, loseModel } from './renewing.ts'
import { responseRequest } from './requests.ts'
import { type Alarm, type Ask, ask, type CallState, type Command, isFiller, isTalking } from './state.ts'

/** Asks for the next response, if there is something to say and it is our turn. */
export function speakNext(state: CallState, out: Command[], atMs: number): CallState {
  // Results are told together, once nothing runs any more.
  const isReady = (what: Ask) => what !== 'tool-results' || state.tools.running.length === 0
  const next = state.asks.find((what) => what === 'emergency') ?? state.asks.find(isReady)
  if (next === undefined || !isOurTurn(state)) return state
  const asks = state.asks.filter((what) => what !== next)
  const eventId = `ask_${state.eventCount}`
  const mayCallTools = !isSaying(next) && state.tools.rounds < state.limits.toolRounds
  out.push({ do: 'tell-model', event: responseRequest(state.script, next, eventId, mayCallTools) })
  const response = { is: 'asked' as const, eventId, ask: next, dueAtMs: atMs + state.limits.answerMs }
  return { ...state, asks, eventCount: state.eventCount + 1, response }
}

/** Something of ours is to be said, and nothing to be done. */
const isSaying = (what: Ask): boolean =>
  what === 'emergency' || what === 'goodbye' || what === 'spent' || what === 'connecting' || isFiller(what)

const isOurTurn = (state: CallState): boolean =>
  isTalking(state) &&
  state.session.is === 'up' &&
  state.response.is === 'none' &&
  state.floor.is === 'open' &&
  state.answerDueAtMs === null &&
  state.keys === null

/** A response has begun; ours, if we asked for one and no error says otherwise later. */
export function responseCreated(state: CallState, out: Command[], responseId: string, atMs: number): CallState {
  const before = state.response
  if (before.is === 'active' && before.responseId === responseId) return state
  const asked = before.is === 'asked' ? { eventId: before.eventId, ask: before.ask } : null
  const playback = before.is === 'active' ? finishResponse(state.playback, before.responseId) : state.playback
  // While the caller speaks nobody may talk over them; after the end there is nobody to talk to; an emergency goes first.
  const isAlarm = asked?.ask === 'emergency'
  const isUnwelcome =
    state.floor.is !== 'open' ||
    !isTalking(state) ||
    (isAlarmed(state) && !isAlarm) ||
    (asked === null && answersHum(state))
  if (isUnwelcome) out.push({ do: 'tell-model', event: { type: 'response.cancel', response_id: responseId } })
  const isWanted = asked !== null && outlivesTurn(asked.ask) && (isAlarm || !isFirm(state))
  const again = isUnwelcome && isWanted ? [asked.ask] : []
  return {
    ...state,
    response: {
      is: 'active',
      responseId,
      asked,
      hasSound: false,
      callsTools: false,
      isCut: isUnwelcome,
      dueAtMs: atMs + state.limits.firstSoundMs,
    },
    answerDueAtMs: null,
    alarm: isAlarm && state.alarm !== null ? alarmSounds(state.alarm, responseId) : state.alarm,
    asks: [...again, ...(asked === null ? stillUnsaid(state) : state.asks)],
    playback,
  }
}

/** The model answers by itself what was only a sign of listening: no turn waits for an answer. */
const answersHum = ({ script, answerDueAtMs }: CallState): boolean => script.interruptMs > 0 && answerDueAtMs === null

/** Whether only the text for an emergency may be said. */
const isAlarmed = (state: CallState): boolean => state.asks.includes('emergency') || isFirm(state)

/** The caller is on the way to a person, whatever anybody still says. */
const isFirm = ({ phase }: CallState): boolean =>
  phase.is === 'ending' && typeof phase.reason === 'object' && phase.reason.isFirm === true

const alarmSounds = ({ timesSaid }: Alarm, responseId: string): Alarm => ({ timesSaid: timesSaid + 1, responseId })

/** What an answer to the caller leaves still to be said. Results it has not seen are still to be told. */
const stillUnsaid = ({ asks, tools }: CallState): Ask[] =>
  asks.filter((what) => outlivesTurn(what) && (what !== 'tool-results' || tools.unconfirmed.length > 0))

/** Whether something is worth saying even after the caller has said something else. */
export const outlivesTurn = (what: Ask): boolean =>
  what === 'emergency' || what === 'tool-results' || what === 'time-warning' || what === 'goodbye' || what === 'spent'

/** Errors that mean that the model will never speak on this key, model or account. */
const hopeless = new Set(['insufficient_quota', 'model_not_found', 'invalid_api_key', 'account_deactivated'])

export function responseDone(
  state: CallState,
  out: Command[],
  response: Extract<ModelEvent, { type: 'response.done' }>['response'],
  atMs: number,
): CallState {
  const { id, status, status_details: details, usage } = response
  if (usage !== null && usage !== undefined) {
    const { model } = state.script.model
    out.push({ do: 'record', fact: { kind: 'usage', source: 'realtime', model, usage }, attempt: id })
  }
  const done = { ...state, playback: finishResponse(state.playback, id) }
  const active = state.response
  if (active.is !== 'active' || active.responseId !== id) return done
  const free = released(done, atMs)
  if (status === 'failed') {
    const code = details?.error?.code ?? details?.error?.type ?? 'failed'
    return hopeless.has(code)
      ? failModel(free, out, code, atMs)
      : tryAgain(free, out, active.asked?.ask ?? 'reply', code, atMs)
  }
  const rounds = active.callsTools ? state.tools.rounds + 1 : state.tools.rounds
  const isProof = status !== 'cancelled'
  const failures = isProof ? 0 : state.failures
  const renewal = { ...state.renewal, tries: 0, isLastChance: state.renewal.isLastChance && !isProof }
  return { ...free, failures, renewal, tools: { ...state.tools, rounds } }
}

/** No response runs. If the model owes the caller an answer, its time counts from here. */
const released = (state: CallState, atMs: number): CallState => ({
  ...state,
  response: { is: 'none' },
  answerDueAtMs: state.answerDueAtMs === null ? null : atMs + state.limits.answerMs,
})

/** What could not be said is next; a filler has lost its use. */
const putBack = (what: Ask, asks: readonly Ask[]): readonly Ask[] =>
  isFiller(what) ? asks : [what, ...asks.filter((other) => other !== what)]

/** Asks once more; after too many failures in a row, in another session. */
function tryAgain(state: CallState, out: Command[], what: Ask, code: string, atMs: number): CallState {
  const failures = state.failures + 1
  if (!isTalking(state)) return state
  if (failures >= state.limits.failuresInRow)
    return tryElsewhere({ ...state, asks: putBack(what, state.asks) }, out, code, atMs)
  out.push({ do: 'note', level: 'warn', about: 'a response failed and is asked for again', code })
  return { ...state, failures, asks: putBack(what, state.asks) }
}

/**
 * The session may be ill, and not the service: what it owes is asked of another one, once. When that has nothing to say either,
 * the model counts as failed. A silence is long already, so the same session is not asked again first.
 */
function tryElsewhere(state: CallState, out: Command[], code: string, atMs: number): CallState {
  if (!isTalking(state)) return state
  if (state.renewal.isLastChance) return goWithout(state, out, code, atMs)
  out.push({ do: 'note', level: 'warn', about: 'a session is given up for another', code })
  return loseModel({ ...state, renewal: { ...state.renewal, isLastChance: true } }, out, code, atMs)
}

const alreadyActive = 'conversation_already_has_active_response'

/** The model refused our `response.create`: somebody else's response runs, or it cannot. False when it was about another event. */
export function responseRefused(
  state: CallState,
  out: Command[],
  eventId: string | null,
  code: string,
  atMs: number,
): CallState | null {
  const { response } = state
  const isOurs = (own: string) => eventId === own || (eventId === null && code === alreadyActive)
  if (response.is === 'asked' && isOurs(response.eventId)) {
    const free: CallState = { ...state, response: { is: 'none' } }
    if (code !== alreadyActive) return tryAgain(free, out, response.ask, code, atMs)
    return { ...free, asks: putBack(response.ask, state.asks), answerDueAtMs: atMs + state.limits.answerMs }
  }
  if (response.is === 'active' && response.asked !== null && isOurs(response.asked.eventId)) {
    const { ask: what } = response.asked
    const theirs = { ...state, response: { ...response, asked: null }, asks: putBack(what, stillUnsaid(state)) }
    return what === 'emergency' ? breakIn(theirs, out, atMs) : theirs
  }
  return null
}

/** The response that we wait for shows no sign of life. */
export function responseOverdue(state: CallState, out: Command[], atMs: number): CallState {
  const { response } = state
  switch (response.is) {
    case 'none':
      return state
    case 'asked':
      return tryElsewhere(state, out, 'no answer', atMs)
    case 'active': {
      if (response.isCut) {
        out.push({ do: 'note', level: 'warn', about: 'a response never ended' })
        return released({ ...state, playback: finishResponse(state.playback, response.responseId) }, atMs)
      }
      return tryElsewhere(state, out, response.hasSound ? 'speech stalled' : 'no sound', atMs)
    }
  }
}

/** After a turn of the caller the model did not answer by itself. */
export function answerOverdue(state: CallState): CallState {
  const free = { ...state, answerDueAtMs: null }
  return state.asks.length > 0 ? free : ask(free, 'reply')
}
