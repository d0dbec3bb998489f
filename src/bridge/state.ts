// PURE. The vocabulary of the live call's machine: what it knows, what happens to it, and what it wants done. Types, and the
// state in which every call begins; what may follow is decided in machine.ts and the files that it calls.
import type { ToolCall } from '../clinic/tool-runner.ts'
import type { ConversationFact, FactOf } from '../conversations/events.ts'
import type { AgentMode } from '../organizations/settings.ts'
import type { ModelEvent, RealtimeClientEvent } from '../wire/realtime.ts'
import { type CallLimits, callLimits } from './limits.ts'
import type { CallScript, Recollection } from './plan.ts'
import { type PartName, type Place, type Playback, silentPlayback } from './playback.ts'
import { emptyTranscript, type Transcript } from './transcript.ts'

export type CallState = {
  script: CallScript
  limits: CallLimits
  phase: Phase
  session: Session
  renewal: Renewal
  /** Null until the caller's stream is there; it must be by `claimDueAtMs`. */
  stream: { streamSid: string; startedAtMs: number } | null
  claimDueAtMs: number
  floor: Floor
  response: Response
  /** What the agent is to speak about next, in this order. */
  asks: readonly Ask[]
  /** The caller's turn is over and the model is about to answer by itself; if it has not by then, it is asked to. */
  answerDueAtMs: number | null
  /** Keys that the caller has pressed, taken for all of them when due. */
  keys: { pressed: string; dueAtMs: number } | null
  playback: Playback
  transcript: Transcript
  /** Where in the audio that the session was given the caller's last turn has ended. */
  audioHeardToMs: number
  /** What the session was told as words, and may still be cut off: the agent's speech that sounds on from the session before. */
  retold: readonly Retold[]
  tools: Tools
  /** Failed or silent responses since the last that was whole. */
  failures: number
  /** Counts the events that we may have to recognise in an error. */
  eventCount: number
  /** Since when nobody speaks while the supervisor thinks, and how often the caller was asked for a moment. */
  hush: { sinceMs: number | null; fillers: number }
  /** Since when nobody speaks and nothing is under way, and how often the agent has asked into the silence. */
  quiet: { sinceMs: number | null; prompts: number }
  isTimeWarningGiven: boolean
  alarm: Alarm | null
  /** How often the mode was switched in this stream. */
  switches: number
}

export type Phase =
  /** The caller's stream, or the first session with the model, is not there yet. */
  | { is: 'opening' }
  | { is: 'live' }
  /** The call is to end once the caller has heard the agent out, or at the latest when due. */
  | { is: 'ending'; reason: Ending; dueAtMs: number }
  /** The stream is over. The caller's last words may still be on their way: from the detector, then from the transcriber. */
  | { is: 'settling'; lingersUntilMs: number; dueAtMs: number; isModelGone: boolean }
  | { is: 'closed' }

/** The session with the model. Without one at `dueAtMs`, the call has no model. */
export type Session =
  /** Its socket is opening; its first word is `session.created`. */
  | { is: 'opening'; isCreated: boolean; dueAtMs: number }
  /** Our `session.update` is sent. */
  | { is: 'configuring'; dueAtMs: number }
  /** The model is as we want it. Once old it is given up in a quiet moment, at last in any: before it expires. */
  | { is: 'up'; isOld: boolean; oldAtMs: number; lastAtMs: number }
  /** The socket is gone, and another is opened when due. */
  | { is: 'lost'; againAtMs: number; dueAtMs: number }
  /** No other is to be had. What was sent to the caller is heard out, and then the call has no model. */
  | { is: 'none'; reason: string }

/** `session`: counts the sessions of this stream. `tries`: sockets opened again since the last whole response. */
export type Renewal = {
  session: number
  tries: number
  /** When the session was lost that the present one replaces, and why. */
  lost: { atMs: number; reason: string } | null
  /** The script holds all that the next session must know. */
  isRecalled: boolean
  /** It replaces one that went silent, or failed again and again, and has not spoken yet. */
  isLastChance: boolean
}

/** `heard`: what was heard of it in the end, once that is known. */
export type Retold = { itemId: string; text: string; heard: string | null }

/**
 * agent: by its tool. silence: nobody spoke. too-long: `callMs`. spent: there is no money left for it. handed-over: another
 * machine goes on with the call. transfer: a person does, as the tool call of this id asked; firm: whatever is still said.
 */
export type Ending =
  | 'agent'
  | 'silence'
  | 'too-long'
  | 'spent'
  | 'handed-over'
  | { transfer: string; askedAtMs: number; isFirm?: boolean }

/** Who has the floor. pausing: speech has stopped, and the turn is about to be committed. */
export type Floor =
  | { is: 'open' }
  | { is: 'caller'; itemId: string; sinceMs: number }
  | { is: 'pausing'; itemId: string; dueAtMs: number }
  /** The caller makes a sound while the agent speaks, and has the floor if they still do when due. */
  | { is: 'overlap'; itemId: string; dueAtMs: number }
  /** They have stopped before that, and their words will tell what it was; when due, it was a turn. */
  | { is: 'weighing'; itemId: string; dueAtMs: number }

/** There is one response at a time, whoever asked for it: us, or the model itself after a turn of the caller. */
export type Response =
  | { is: 'none' }
  /** Our `response.create` is under way. */
  | { is: 'asked'; eventId: string; ask: Ask; dueAtMs: number }
  /** `isCut`: nothing of it reaches the caller any more. `dueAtMs`: by then it must show another sign of life. */
  | {
      is: 'active'
      responseId: string
      asked: { eventId: string; ask: Ask } | null
      hasSound: boolean
      callsTools: boolean
      isCut: boolean
      dueAtMs: number
    }

/** Why the agent is to speak. one-moment, still-checking: the supervisor is thinking. */
export type Ask =
  | 'emergency'
  | 'greeting'
  | 'reply'
  /** The response was lost in the middle of what it said. */
  | 'go-on'
  | 'tool-results'
  | 'one-moment'
  | 'still-checking'
  | 'still-there'
  | 'time-warning'
  | 'connecting'
  | 'spent'
  | 'goodbye'

/** What we want said; once is enough. */
export const ask = (state: CallState, what: Ask): CallState =>
  state.asks.includes(what) ? state : { ...state, asks: [...state.asks, what] }

/** Said only to fill a silence: of no use once somebody else has spoken. */
export const isFiller = (what: Ask): boolean => what === 'one-moment' || what === 'still-checking'

export type Tools = {
  running: readonly RunningTool[]
  /** Every call that was ever seen, so that none runs twice. */
  seen: readonly string[]
  /** Outputs that are sent, but not known to be in the model's conversation yet. */
  unconfirmed: readonly string[]
  /** Answered while there was no session to tell. */
  owed: readonly { call: ToolCall; output: string }[]
  /** Responses in a row that called tools. */
  rounds: number
}

/** `hadSpeech`: the response that called it also spoke. */
export type RunningTool = {
  toolCallId: string
  call: ToolCall
  /** In which session it was called. */
  session: number
  responseId: string
  hadSpeech: boolean
  calledAtMs: number
  dueAtMs: number
  consult: Consult | null
  isTransfer: boolean
}

/** A question to the supervisor. */
export type Consult =
  /** Until the caller's last words are known, or until due. */
  | { is: 'held'; call: ToolCall; dueAtMs: number }
  /** `turnsSince`: the caller's turns since then; one with something in it outdates the question. */
  | { is: 'asked'; turnsSince: readonly string[] }
  /** Nobody needs the answer any more. What comes of it is told to the model all the same. */
  | { is: 'stopped' }

/** The caller has said words of an emergency. `responseId`: of the response that last told them the clinic's text for it. */
export type Alarm = { timesSaid: number; responseId: string | null }

export type CallEvent = { atMs: number } & (
  | { on: 'joined'; streamSid: string }
  | { on: 'said'; event: Exclude<ModelEvent, { type: 'response.output_audio.delta' }> }
  /** Audio of the model; the samples themselves stay outside. */
  | ({ on: 'audio'; bytes: number } & PartName)
  | { on: 'mark'; name: string }
  | { on: 'key'; key: string }
  /** The caller is loud although so long has passed as was to be attended to. */
  | { on: 'goes-on' }
  /** `language`: in which the call goes on, if that has changed. */
  | { on: 'tool-answered'; toolCallId: string; output: string; endsCall: boolean; language?: string }
  /** stopped: Twilio said so. broken: the socket ended without a word. */
  | { on: 'left'; how: 'stopped' | 'broken' }
  | { on: 'model-gone'; code: number }
  /** What the ledger knows for the session of this number; null: it did not answer. */
  | { on: 'recalled'; session: number; recollection: Recollection | null }
  /** Caller audio that had to be thrown away. */
  | { on: 'audio-lost'; ms: number }
  /** gently: at the end of what the agent is saying. at-once: the process is ending. */
  | { on: 'hand-over'; how: 'gently' | 'at-once' }
  /** The ledger says that this call, or its clinic, has no money left. */
  | { on: 'spent' }
  | { on: 'switch-mode'; to: AgentMode; reason: FactOf<'mode.switched'>['reason'] }
  | { on: 'time' }
)

export type Command =
  | { do: 'tell-model'; event: RealtimeClientEvent }
  /**
   * The caller's audio goes to the model from now on, what was held first; before it, what the session before was given from
   * this place in its audio on, but no more than the last `mostMs`.
   */
  | { do: 'open-ear'; again: { fromMs: number; mostMs: number } | null }
  /** The model's socket is closed, nothing more is heard of it, and the caller's audio is held. */
  | { do: 'drop-model' }
  | { do: 'open-model' }
  /** Asks the ledger for all that a session must know; `unsettled`: what it cannot have yet. */
  | { do: 'recall'; session: number; streamSid: string; unsettled: readonly FactOf<'utterance'>[] }
  /** The audio of the present event goes to the caller, with marks. */
  | ({ do: 'play' } & Place)
  | { do: 'clear' }
  /** Tell when the caller is loud after so long. */
  | { do: 'attend'; ms: number }
  | { do: 'run-tool'; call: ToolCall }
  | { do: 'consult'; call: ToolCall; unsettled: readonly FactOf<'utterance'>[] }
  | { do: 'stop-consult'; toolCallId: string }
  | { do: 'record'; fact: ConversationFact; attempt?: string }
  /** Ends the stream, once what is recorded is in the ledger: Twilio's next request is answered from it. */
  | { do: 'hang-up' }
  /** The last command of a call: close what is open. */
  | { do: 'finish' }
  | { do: 'note'; level: 'info' | 'warn'; about: string; code?: string }

/** Whether caller and agent can hear each other. */
export const isTalking = ({ phase }: CallState): boolean => phase.is === 'live' || phase.is === 'ending'

export function beginCall(script: CallScript, atMs: number): CallState {
  const limits = { ...callLimits, ...script.limits }
  return {
    script,
    limits,
    phase: { is: 'opening' },
    session: { is: 'opening', isCreated: false, dueAtMs: atMs + limits.configureMs },
    renewal: { session: 0, tries: 0, lost: null, isRecalled: true, isLastChance: false },
    stream: null,
    claimDueAtMs: atMs + limits.unclaimedMs,
    floor: { is: 'open' },
    response: { is: 'none' },
    asks: [],
    answerDueAtMs: null,
    keys: null,
    playback: silentPlayback,
    transcript: emptyTranscript,
    audioHeardToMs: 0,
    retold: [],
    tools: { running: [], seen: [], unconfirmed: [], owed: [], rounds: 0 },
    failures: 0,
    eventCount: 0,
    hush: { sinceMs: null, fillers: 0 },
    quiet: { sinceMs: null, prompts: 0 },
    isTimeWarningGiven: false,
    alarm: script.emergency?.isOver ? { timesSaid: 0, responseId: null } : null,
    switches: 0,
  }
}
