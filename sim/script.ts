// A fixture's scripts, of the caller, the model and the clinic, and what must be true afterwards. Fixtures are YAML files
// under fixtures/; this is their shape.

import type { Capture } from './capture/capture.ts'
import type { Strike } from './chaos/strikes.ts'
import type { ModelFaults } from './model/settings.ts'

/** When a step of the caller begins. Each cue counts from the step before it. Of a person, the "agent" is whoever they hear. */
export type Cue =
  | { on: 'answered' }
  /** So long after the answer, whatever else goes on: this step belongs to no order, and only presses keys or hangs up. */
  | { on: 'time' }
  /** The agent has spoken since the last step, and what it said has finished sounding. */
  | { on: 'agent-finished' }
  /** The caller has heard this much of what the agent is saying now. */
  | { on: 'agent-speaking'; heardMs: number }
  /** The caller's own last utterance has begun, or has ended. */
  | { on: 'saying' }
  | { on: 'said' }
  /** The line has been given over to wait for a person: a phone rings, or a conference has not begun. */
  | { on: 'waiting' }
  /** A person is at the other end. */
  | { on: 'connected' }
  /** Nobody rings any more, and no person is at the other end: the agent has the line again. */
  | { on: 'returned' }

export type CallerStep = Cue & { waitMs: number } & (
    | { act: 'say'; words: string; audio: Uint8Array }
    | { act: 'press'; digits: string }
    /** As an answering machine does after its greeting. */
    | { act: 'beep' }
    /** Nothing: the next step counts from here. */
    | { act: 'listen' }
    | { act: 'hang-up' }
  )

/** After how much ringing somebody answers; or why nobody does. */
export type Answering = { afterMs: number } | 'busy' | 'never' | 'unreachable'

/** Somebody who can be rung, or their machine. */
export type Person = { number: string; answers: Answering; does: readonly CallerStep[] }

/** `knows`: what the model must have been told by then, in its instructions or in the conversation. */
export type ModelOutput = { knows?: string[] } & (
  | { say: string; voice?: string }
  | { call: string; arguments: Record<string, unknown> }
  | { fail: string }
  /** The response ends here, incomplete. */
  | { stop: 'max_output_tokens' | 'content_filter' }
  /** Nothing more is heard of the response, unless it is cancelled. */
  | { hang: true }
)

/** One step of the supervisor's thinking. `waitMs`: how long it takes. `refuse`: the request is answered with this status. */
export type Thought = { waitMs?: number; knows?: string[] } & (
  | { say: string }
  | { call: string; arguments: Record<string, unknown> }
  | { refuse: number }
)

export type ModelScript = {
  /** What goes wrong with the sockets of its sessions. */
  faults?: ModelFaults
  /** `refuse`: the handshake is answered with this HTTP status. `stall`: session.update is never answered. */
  connection: { take: true } | { refuse: number } | { stall: true }
  /** What the caller says, in order: the n-th committed turn is transcribed as the n-th of these, later ones as ''. */
  hears: string[]
  /** From the commit of a turn to its transcript, always; left out, as it comes (settings.ts). */
  transcriptMs?: number
  /** The n-th response has the n-th list of outputs; when they run out, the model has nothing to say and says so. */
  responses: ModelOutput[][]
  /** Instead of responses and writings: it repeats what it hears, and says that it has no script. */
  improvises?: boolean
  /** The n-th structured answer of /v1/responses. */
  writings: unknown[]
  /** The n-th consultation of /v1/responses with tools: its thoughts, one a request, until it says something. */
  supervisor: Thought[][]
}

/** What the clinic does: its settings, where they differ from the demonstration's, and the call's switches to another mode. */
export type ClinicScript = {
  settings: Record<string, unknown>
  /** `afterMs`: since the call was placed. */
  switches: { afterMs: number; to: 'single' | 'two_agent' }[]
  desk: DeskStep[]
}

/** An appointment that the call makes or changes, as it is afterwards. */
export type ExpectedAppointment = {
  /** By name; with a birth date where there are two: `Maria Garcia, 1992-01-27`. */
  patient: string
  provider?: string
  service?: string
  /** On the clinic's wall, `2040-01-31 09:15`; or the slot that was offered under this number, or any that was offered. */
  starts?: string | { slot: number }
  status: 'booked' | 'cancelled'
}

export type ExpectedPatient = { name: string; dateOfBirth: string; phoneNumbers?: string[] }
export type ExpectedMessage = { from: string; forWhom?: string; contains?: string; isUrgent?: boolean }

/** What becomes of the clinic's records; what is not named here stays as it was. */
export type ExpectedRecords = {
  appointments: ExpectedAppointment[]
  patients: ExpectedPatient[]
  /** The patients whose records are looked at, and no others; where it is missing, any. */
  audited?: string[]
  /** Not even a time is held, and nobody's record is looked at. */
  untouched: boolean
}

/** Somebody at the clinic's own desk makes an appointment, so long after the call was placed. */
export type DeskStep = {
  afterMs: number
  books: { patient: string; provider: string; service: string; starts: string }
}

export type Expectations = {
  /** False: no clinic has the number; nothing is written but the miss. */
  isRouted: boolean
  /** Columns of the conversations row, by their SQL name; a value, or a range for numbers. */
  row: Record<string, unknown | { min?: number; max?: number }>
  /** The turns of the transcript, in order. */
  turns: { speaker: 'caller' | 'agent'; text?: string; isCut?: boolean }[]
  tools: { name: string; outcome: string; arguments?: Record<string, unknown> }[]
  /** Tool calls that are refused, and a part of the reason that the model is given. */
  refused: { name: string; because?: string }[]
  database: ExpectedRecords
  /** Taken for the clinic. */
  messages: ExpectedMessage[]
  bargeIns: number
  /** To which modes the call was switched, in order; it begins in `single`. */
  modes?: ('single' | 'two_agent')[]
  /** Messages left on tape. */
  voicemails?: number
  /** How often the model is replaced in the middle of the call; left out, as often as it must be. */
  renewals?: number
  emails: { to: string[]; subject?: string; contains?: string[] }[]
  /** The legs that the call led to, in order. `hears`: what the carrier says to them before anybody else does. */
  dialled: { number: string; status?: string; isBridged?: boolean; hears?: string[] }[]
  /** Twilio debugger codes that the call is meant to provoke. */
  problems: number[]
}

export type Fixture = {
  version: 1
  /** The day on which it was made: YYYY-MM-DD. */
  date: string
  name: string
  about: string
  /** The one that is placed when only its number is asked for. */
  isUsual: boolean
  /** Its caller does something else than is written there: what it expects of their talk does not follow then. */
  isAltered?: boolean
  /** What went over the wires of a call that took place: replayed as it is, in place of the scripts. */
  capture?: Capture
  /** What is done to it on purpose, and the seed that it is replayed with: a call that failed once under faults. */
  struck?: { seed: string; strikes: Strike[] }
  /** When the call is placed, in epoch ms of the virtual clock; null: at any time. It speaks of days, then, and has no meaning on others. */
  atMs: number | null
  /**
   * Of an outbound call: `answers`, how the one who is called answers; `purpose`, why the clinic's own system asks for the call;
   * null: nobody does, the server calls by itself.
   */
  call: { direction: 'inbound' | 'outbound'; to: string; from: string; answers: Answering; purpose: string | null }
  clinic: ClinicScript
  /** What the caller does; of an outbound call, the one who is called. */
  caller: CallerStep[]
  /** Who else can be rung. Nobody answers at any other number. */
  people: Person[]
  model: ModelScript
  expect: Expectations
}
