// What we ask of the supervisor's text model: one step of its thinking at a time, with tools that it may ask for. The thread
// is ours to keep: nothing is stored at the vendor, so every step is given all that went before it.
import type {
  ResponseFunctionToolCall,
  ResponseOutputMessage,
  ResponseReasoningItem,
} from 'openai/resources/responses/responses'
import type { Outcome } from '../lib/outcome.ts'
import type { WriterProblem } from './writer.ts'

export type Thinker = {
  /** Answers within `timeoutMs`. Once `signal` is aborted the step is unavailable, at once. */
  think(step: ThinkingStep): Promise<Outcome<Thought, WriterProblem>>
}

export type ThinkingStep = {
  model: string
  instructions: string
  thread: readonly ThreadEntry[]
  tools: readonly ThinkerTool[]
  /** False: it must answer with what it has. */
  mayCallTools: boolean
  /** Reasoning included. */
  maxOutputTokens: number
  timeoutMs: number
  signal: AbortSignal
}

/** `parameters`: a JSON schema. */
export type ThinkerTool = { name: string; description: string; parameters: unknown }

export type ThreadEntry =
  | { is: 'question'; text: string }
  | { is: 'thought'; thought: Thought }
  | { is: 'tool-output'; toolCallId: string; output: string }

/** What the model puts out, in the vendor's own words. */
export type ThoughtItem = ResponseReasoningItem | ResponseFunctionToolCall | ResponseOutputMessage

export type Thought = {
  responseId: string
  /** All of it, its reasoning included, word for word: the next step goes on from it. */
  items: readonly ThoughtItem[]
  /** Tools that it asks for; none when it has answered. */
  calls: readonly { toolCallId: string; name: string; argumentsJson: string }[]
  /** Empty while it asks for tools. */
  answer: string
  usage: unknown
}
