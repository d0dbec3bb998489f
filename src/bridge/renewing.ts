// PURE. The life of the session with the model. Its socket may break, it expires after an hour, and the call goes on: another
// session is opened, told all that was said and done, and asked for what the model still owed. What the caller is hearing
// sounds on meanwhile, and what they say is kept. A session that grows old is given up the same way, in a quiet moment.
import type { FactOf } from '../conversations/events.ts'
import type { ModelEvent } from '../wire/realtime.ts'
import { isThinking } from './consulting.ts'
import { correctRetold, failModel, finish, isQuiet, unsettled } from './ending.ts'
import { abandon, presumeHeard, unheardBytes } from './playback.ts'
import { configureRequest, isConfigured, renewedNote, tellItem } from './requests.ts'
import { type Ask, ask, type CallEvent, type CallState, type Command, isFiller, isTalking } from './state.ts'
import { retellTools } from './tooling.ts'
import { forgetUnheard, isTranscribed, outstanding } from './transcript.ts'

/** The socket is gone, or of no use any more. Before a caller is there, it only costs the head start. */
export function loseModel(state: CallState, out: Command[], reason: string, atMs: number): CallState {
  const { phase, stream, session, script, renewal, limits } = state
  if (phase.is === 'settling') return { ...state, phase: { ...phase, isModelGone: true } }
  if (stream === null) return finish(state, out)
  if (session.is === 'none') return state
  out.push({ do: 'drop-model' })
  if (session.is !== 'up') return openLater(state, out, reason, session.dueAtMs, atMs)
  const { generation } = script
  out.push({ do: 'record', fact: { kind: 'model.lost', generation, session: renewal.session, reason } })
  const left = { ...leftOff(state), renewal: { ...renewal, lost: { atMs, reason }, isRecalled: false } }
  return openLater(left, out, reason, atMs + limits.configureMs, atMs)
}

/** Soon, then after ever longer waits; not for ever. */
function openLater(state: CallState, out: Command[], reason: string, dueAtMs: number, atMs: number): CallState {
  const { renewal, limits } = state
  if (renewal.tries >= limits.reopenTries) return goWithout(state, out, reason, atMs)
  return {
    ...state,
    session: { is: 'lost', againAtMs: atMs + reopenWaitMs(state), dueAtMs },
    renewal: { ...renewal, tries: renewal.tries + 1 },
  }
}

/** Calls that lose their sessions at once come back ever further apart: what let all of them go would not take all of them. */
function reopenWaitMs({ renewal: { tries }, limits: { reopenMs }, script: { spread } }: CallState): number {
  return Math.round(tries === 0 ? reopenMs * spread : reopenMs * 2 ** (tries - 1) * (3 / 4 + spread / 2))
}

/** What the last session said whole, or in part, is not cut off as well: the caller hears it out first. */
export function goWithout(state: CallState, out: Command[], reason: string, atMs: number): CallState {
  if (!isTalking(state) || unheardBytes(state.playback) === 0) return failModel(state, out, reason, atMs)
  out.push({ do: 'drop-model' })
  return { ...state, session: { is: 'none', reason } }
}

/** Why the call has no model, once nothing sounds any more; null as long as it has one, or may have. */
export const whyWithout = (state: CallState): string | null =>
  state.session.is === 'none' && isTalking(state) && unheardBytes(state.playback) === 0 ? state.session.reason : null

/** The call without its session. What of the agent's speech is on its way to the caller is heard as it is. */
function leftOff(state: CallState): CallState {
  const owed = owedBy(state)
  return {
    ...state,
    floor: { is: 'open' },
    response: { is: 'none' },
    answerDueAtMs: null,
    asks: [...owed, ...state.asks.filter((what) => !owed.includes(what))],
    playback: abandon(state.playback),
    tools: { ...state.tools, unconfirmed: [] },
  }
}

/** What the model was about to say, or was saying. A turn whose words are not known is heard again, and answered then. */
function owedBy({ response, answerDueAtMs, transcript, alarm, limits }: CallState): Ask[] {
  const isAnsweredAnew = outstanding(transcript).some(({ state }) => state === 'committed')
  const unlessAnew = (what: Ask) => (isAnsweredAnew && (what === 'reply' || what === 'go-on') ? [] : [what])
  const answer = answerDueAtMs === null ? [] : unlessAnew('reply')
  if (response.is === 'none') return answer
  const what = response.is === 'asked' ? response.ask : (response.asked?.ask ?? 'reply')
  if (response.is === 'active' && (response.isCut || response.callsTools || (isFiller(what) && response.hasSound))) {
    return answer
  }
  if (what === 'emergency') return (alarm?.timesSaid ?? 0) < limits.emergencyTimes ? [what] : []
  return unlessAnew(response.is === 'active' && response.hasSound ? 'go-on' : what)
}

/** The next try. The ledger is asked for all that the session must know, while its socket opens. */
function openAgain(state: CallState, out: Command[]): CallState {
  const { session, renewal, stream } = state
  if (session.is !== 'lost' || stream === null) return state
  const number = renewal.session + 1
  const isRecalled = renewal.isRecalled && !isTakingOver(state)
  const opening: CallState = {
    ...state,
    session: { is: 'opening', isCreated: false, dueAtMs: session.dueAtMs },
    renewal: { ...renewal, session: number, isRecalled },
  }
  out.push({ do: 'open-model' })
  if (!isRecalled) {
    const known = { ...state, transcript: forgetUnheard(state.transcript), playback: presumeHeard(state.playback) }
    const latest = unsettled(known)
    out.push({ do: 'recall', session: number, streamSid: stream.streamSid, unsettled: latest })
    return { ...opening, retold: latest.flatMap(toRetell) }
  }
  return opening
}

/** While no session can be had, the last words of the stream before may still be written down: what the plan knew is of before. */
const isTakingOver = ({ phase, script }: CallState): boolean => phase.is === 'opening' && script.generation > 0

const toRetell = ({ speaker, itemId, text }: FactOf<'utterance'>) =>
  speaker === 'agent' && text !== '' ? [{ itemId, text, heard: null }] : []

/** What the ledger knows of the call, in answer to the newest question. Without it no session can go on. */
export function recalled(
  state: CallState,
  out: Command[],
  { session, recollection }: Extract<CallEvent, { on: 'recalled' }>,
  atMs: number,
): CallState {
  const { renewal, script } = state
  if (session !== renewal.session || renewal.isRecalled || state.session.is === 'up') return state
  if (recollection === null) return loseModel(state, out, 'the ledger did not answer', atMs)
  const { agents, history } = recollection
  const next = { ...script, ...agents[script.mode], standby: agents[script.standby.mode], history }
  return configure({ ...state, script: next, renewal: { ...renewal, isRecalled: true } }, out)
}

export const sessionCreated = (state: CallState, out: Command[]): CallState =>
  state.session.is === 'opening' ? configure({ ...state, session: { ...state.session, isCreated: true } }, out) : state

function configure(state: CallState, out: Command[]): CallState {
  const { session, renewal, script } = state
  if (session.is !== 'opening' || !session.isCreated || !renewal.isRecalled) return state
  out.push({ do: 'tell-model', event: configureRequest(script) })
  return { ...state, session: { is: 'configuring', dueAtMs: session.dueAtMs } }
}

export function sessionUpdated(
  state: CallState,
  out: Command[],
  session: Extract<ModelEvent, { type: 'session.updated' }>['session'],
  atMs: number,
): CallState {
  if (state.session.is !== 'configuring') return state
  if (!isConfigured(session)) return failModel(state, out, 'session not as asked', atMs)
  const up: CallState = { ...state, session: { is: 'up', isOld: false, ...ageOf(state, session.expires_at, atMs) } }
  if (up.stream === null) return up
  return up.phase.is === 'opening' ? goLive(up, out) : goOn(up, out, atMs)
}

/** By which share of its life a session is given up in a quiet moment, and by which in any. */
const oldShare = 5 / 6
const lastShare = 19 / 20

/** The end of a session is told in seconds of the vendor's clock; where that cannot be believed, the usual one counts. */
function ageOf({ limits }: CallState, expiresAt: number | null | undefined, atMs: number) {
  const toldMs = (expiresAt ?? 0) * 1000 - atMs
  const lifeMs = toldMs >= limits.shortestSessionMs && toldMs <= limits.sessionMs ? toldMs : limits.sessionMs
  return { oldAtMs: atMs + lifeMs * oldShare, lastAtMs: atMs + lifeMs * lastShare }
}

/** The model knows what was said before, then hears the caller, then greets them. */
export function goLive(state: CallState, out: Command[]): CallState {
  for (const item of state.script.history) out.push(tellItem(item))
  out.push({ do: 'open-ear', again: null })
  const live: CallState = { ...state, phase: { is: 'live' } }
  return state.script.greeting === null ? live : ask(live, 'greeting')
}

/** The same in the middle of a call, and the caller's words that nobody has understood are heard again. */
function goOn(state: CallState, out: Command[], atMs: number): CallState {
  const { script, renewal, limits, transcript, audioHeardToMs } = state
  for (const item of script.history) out.push(tellItem(item))
  const told = retellTools(state, out)
  if (script.history.length > 0) out.push(tellItem(renewedNote))
  const turns = outstanding(transcript)
  const fromMs = Math.min(...turns.map((turn) => turn.audioFromMs ?? audioHeardToMs))
  const mostMs = turns.length > 0 ? limits.heardAgainMs : limits.undetectedMs
  out.push({ do: 'open-ear', again: { fromMs: turns.length > 0 ? fromMs : audioHeardToMs, mostMs } })
  const { generation } = script
  const pauseMs = renewal.lost === null ? 0 : atMs - renewal.lost.atMs
  const { session, tries } = renewal
  out.push({ do: 'record', fact: { kind: 'model.rebuilt', generation, session, tries, pauseMs } })
  const renewed = { ...renewal, lost: null }
  const asks = state.asks.filter((what) => !isFiller(what) || isThinking(state))
  return correctRetold(
    { ...told, asks, transcript: forgetUnheard(transcript), audioHeardToMs: 0, renewal: renewed },
    out,
  )
}

/** What is due of the session by itself. `act` leaves its due behind or moves it into the future. */
export function sessionDues({ session }: CallState) {
  switch (session.is) {
    case 'opening':
    case 'configuring':
      return [{ atMs: session.dueAtMs, act: noSession }]
    case 'lost':
      return [
        { atMs: session.againAtMs, act: openAgain },
        { atMs: session.dueAtMs, act: noSession },
      ]
    case 'up':
      return [
        ...(session.isOld ? [] : [{ atMs: session.oldAtMs, act: growOld }]),
        { atMs: session.lastAtMs, act: giveUp },
      ]
    case 'none':
      return []
  }
}

const noSession = (state: CallState, out: Command[], atMs: number) => goWithout(state, out, 'no session', atMs)

const growOld = (state: CallState): CallState =>
  state.session.is === 'up' ? { ...state, session: { ...state.session, isOld: true } } : state

const giveUp = (state: CallState, out: Command[], atMs: number) => loseModel(state, out, 'too old', atMs)

/** Nobody speaks, nothing runs and all words are known: nobody notices that the model is another. */
export const renewIfOld = (state: CallState, out: Command[], atMs: number): CallState =>
  state.session.is === 'up' &&
  state.session.isOld &&
  state.phase.is === 'live' &&
  state.keys === null &&
  isQuiet(state) &&
  isTranscribed(state.transcript)
    ? loseModel(state, out, 'old', atMs)
    : state
