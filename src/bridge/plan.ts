// All that a live call must know before it begins, put together by whoever answered the webhook: plain data and two
// functions. The bridge looks nothing up by itself; which clinic this is, is decided before.
import type { ToolCall, ToolOutput } from '../clinic/tool-runner.ts'
import type { Journal } from '../conversations/journal.ts'
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
  runTool(call: ToolCall): Promise<ToolOutput>
  journal: Journal
}

/** What the pure machine knows of the plan. */
export type CallScript = {
  /** Which stream of the conversation this is; 0 is the first. */
  generation: number
  model: ModelSettings
  instructions: string
  /** What the agent is told for its first turn. Null: it waits for the caller. */
  greeting: string | null
  tools: readonly ToolSpec[]
  /** What was said and done before, for a conversation that goes on: messages, tool calls and their outputs, in order. */
  history: readonly ConversationItem[]
  limits?: Partial<CallLimits>
}

export type ModelSettings = {
  model: string
  voice: string
  /** 0.25 to 1.5. */
  speed?: number
  transcriptionModel: string
  /** ISO 639-1. Null: the transcriber finds out. */
  language: string | null
  noiseReduction: 'near_field' | 'far_field' | null
  turnDetection: TurnDetection
}

/** When the caller's turn has ended: by a silence, or by the sense of what they said. */
export type TurnDetection =
  | { by: 'silence'; threshold: number; prefixMs: number; silenceMs: number }
  | { by: 'meaning'; eagerness: 'low' | 'medium' | 'high' | 'auto' }

/** `parameters`: a JSON schema. */
export type ToolSpec = { name: string; description: string; parameters: unknown }
