// All that a live call must know before it begins, put together by whoever answered the webhook: plain data and two
// functions. The bridge looks nothing up by itself; which clinic this is, is decided before.
import type { ToolCall, ToolOutput } from '../clinic/tool-runner.ts'
import type { FactOf } from '../conversations/events.ts'
import type { Journal } from '../conversations/journal.ts'
import type { AgentMode } from '../organizations/settings.ts'
import type { ConversationItem } from '../wire/realtime.ts'
import type { CallLimits } from './limits.ts'

export type CallPlan = CallScript & {
  organizationId: string
  conversationId: string
  callSid: string
  /** How the model is reached. */
  realtime: {
    /** As in OPENAI_BASE_URL, …/v1. */
    baseUrl: string
    apiKey: string
    /** Names the caller to OpenAI without telling who they are. */
    safetyIdentifier?: string
  }
  /** Resolves when the outcome is in the ledger: the model hears of nothing that could be forgotten. */
  runTool(call: ToolCall, mode: AgentMode): Promise<ToolOutput>
  /** Takes a tool's call to the supervisor. The same holds of it; once `signal` is aborted it resolves soon. */
  consult(call: ToolCall, view: ConsultView): Promise<ToolOutput>
  /** All that is in the ledger and may be said to the model, for a session that takes over. Rejects when it cannot be read. */
  recall(view: RecallView): Promise<Recollection>
  /** Asked whenever more was used, once that is in the ledger: whether the call must end for it. */
  isSpent(): Promise<boolean>
  journal: Journal
}

/** What only the live call knows when the supervisor is asked: turns that are not in the ledger yet, as far as they have come. */
export type ConsultView = { unsettled: readonly FactOf<'utterance'>[]; signal: AbortSignal }

/** `unsettled`: as above. Items of this stream keep their ids in the history. */
export type RecallView = { streamSid: string; unsettled: readonly FactOf<'utterance'>[] }
export type Recollection = { agents: Record<AgentMode, Agent>; history: readonly ConversationItem[] }

/** Who answers the caller: in the single mode one agent for everything, else the receptionist of two. */
export type Agent = { mode: AgentMode; instructions: string; tools: readonly ToolSpec[] }

/** What the pure machine knows of the plan. */
export type CallScript = Agent & {
  /** Who takes over when the mode is switched while the call is up. */
  standby: Agent
  /** In which mode the conversation was before this stream; the single one, where it is new. */
  modeBefore: AgentMode
  /** Which stream of the conversation this is; 0 is the first. */
  generation: number
  model: ModelSettings
  /** How long a caller goes on speaking over the agent before it is cut off; 0: any sound cuts it off at once. */
  interruptMs: number
  emergency: Emergency | null
  /** Whom the key 0 rings, pressed by itself; null: it is a key like any other. */
  operator: Contact | null
  /** From 0 to 1: where this call stands among many that lose their models at once, and must not all come back at once. */
  spread: number
  /** What the agent is told for its first turn. Null: it waits for the caller. */
  greeting: string | null
  /** What was said and done before, for a conversation that goes on: messages, tool calls and their outputs, in order. */
  history: readonly ConversationItem[]
  limits?: Partial<CallLimits>
}

/** A person who can be rung without anybody's asking for them by name. */
export type Contact = { name: string; phoneNumber: string; isWarm: boolean }

/** What is done when the caller says one of the phrases. */
export type Emergency = {
  phrases: readonly string[]
  /** Said word for word: the clinic's own, or the one in the language of the call where there is one. */
  message: string
  messages: Readonly<Record<string, string>>
  contact: Contact | null
  /** It was done in an earlier stream of this conversation. */
  isOver: boolean
}

export type ModelSettings = {
  model: string
  voice: string
  /** 0.25 to 1.5. */
  speed?: number
  transcriptionModel: string
  /** A BCP 47 tag. Null: the transcriber finds out, among these `languages`. */
  language: string | null
  languages: readonly string[]
  noiseReduction: 'near_field' | 'far_field' | null
  turnDetection: TurnDetection
}

/** When the caller's turn has ended: by a silence, or by the sense of what they said. */
export type TurnDetection =
  | { by: 'silence'; threshold: number; prefixMs: number; silenceMs: number }
  | { by: 'meaning'; eagerness: 'low' | 'medium' | 'high' | 'auto' }

/**
 * `parameters`: a JSON schema. `isConsult`: it asks the supervisor, takes seconds, and depends on all that was said; the caller
 * is told to wait, and its answer is dropped when they say something else meanwhile. `isTransfer`: when it ends the call, a
 * person goes on with it.
 */
export type ToolSpec = {
  name: string
  description: string
  parameters: unknown
  isConsult?: boolean
  isTransfer?: boolean
}
