// The object that /v1/responses answers with, around whatever was put out: what was asked is echoed, and what it costs is
// counted by its letters.
import { textTokens } from './usage.ts'

/** What of a request is echoed or counted. `input` as text. */
export type Asked = {
  model: string
  instructions: string | null
  input: string
  text?: unknown
  tools?: unknown[]
  toolChoice?: unknown
  isParallel?: boolean
  isStored?: boolean
}

/** `said`: everything that was put out, as text; `thoughtTokens` of it were reasoning. */
export function envelope(id: string, atMs: number, asked: Asked, output: unknown[], said: string, thoughtTokens = 0) {
  const createdAt = Math.floor(atMs / 1000)
  const inputTokens = textTokens((asked.instructions ?? '') + asked.input)
  const outputTokens = textTokens(said) + thoughtTokens
  return {
    id,
    object: 'response',
    created_at: createdAt,
    completed_at: createdAt,
    status: 'completed',
    error: null,
    incomplete_details: null,
    instructions: asked.instructions,
    metadata: {},
    model: asked.model,
    output,
    parallel_tool_calls: asked.isParallel ?? true,
    previous_response_id: null,
    service_tier: 'default',
    store: asked.isStored ?? true,
    temperature: 1,
    text: asked.text ?? { format: { type: 'text' } },
    tool_choice: asked.toolChoice ?? 'auto',
    tools: asked.tools ?? [],
    top_p: 1,
    truncation: 'disabled',
    usage: {
      input_tokens: inputTokens,
      input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
      output_tokens: outputTokens,
      output_tokens_details: { reasoning_tokens: thoughtTokens },
      total_tokens: inputTokens + outputTokens,
    },
  }
}

type Content =
  | { type: 'output_text'; text: string; annotations: []; logprobs: [] }
  | { type: 'refusal'; refusal: string }

export const textContent = (text: string): Content => ({ type: 'output_text', text, annotations: [], logprobs: [] })
export const refusalContent = (refusal: string): Content => ({ type: 'refusal', refusal })

export const messageItem = (id: string, content: Content) => ({
  id,
  type: 'message',
  role: 'assistant',
  status: 'completed',
  content: [content],
})

/** What is said when the script has run out. */
export const NOTHING_LEFT = 'There is nothing left in the script to answer with.'
