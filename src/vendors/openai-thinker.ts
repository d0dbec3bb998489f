// The thinker, over OpenAI's Responses API with function tools. Stateless: store is false, and the reasoning travels with the
// thread, sealed by OpenAI. One tool call at a time, so that each is judged by what the one before it found.
// Source: platform.openai.com/docs/guides/function-calling and /guides/reasoning ("encrypted reasoning items").
import type {
  FunctionTool,
  Response as ModelResponse,
  ResponseCreateParamsNonStreaming,
  ResponseInputItem,
  ResponseOutputItem,
} from 'openai/resources/responses/responses'
import { type Outcome, ok } from '../lib/outcome.ts'
import { createClient, failure, type OpenaiOptions, withoutAnswer, withoutKey } from './openai-client.ts'
import type { Thinker, ThinkerTool, ThinkingStep, Thought, ThoughtItem, ThreadEntry } from './thinker.ts'
import type { WriterProblem } from './writer.ts'

export function createThinker(options: OpenaiOptions): Thinker {
  const openai = createClient(options)
  if (openai === null) return { think: async () => withoutKey }
  return {
    async think(step) {
      const { timeoutMs: timeout } = step
      const signal = AbortSignal.any([step.signal, AbortSignal.timeout(timeout)])
      try {
        return thoughtIn(await openai.responses.create(requestOf(step), { timeout, signal }))
      } catch (error) {
        return failure(error)
      }
    },
  }
}

const requestOf = (step: ThinkingStep): ResponseCreateParamsNonStreaming => ({
  model: step.model,
  instructions: step.instructions,
  input: step.thread.flatMap(inputItems),
  tools: step.tools.map(functionTool),
  tool_choice: step.mayCallTools ? 'auto' : 'none',
  parallel_tool_calls: false,
  max_output_tokens: step.maxOutputTokens,
  store: false,
  include: ['reasoning.encrypted_content'],
})

function inputItems(entry: ThreadEntry): ResponseInputItem[] {
  switch (entry.is) {
    case 'question':
      return [{ role: 'user', content: entry.text }]
    case 'thought':
      return [...entry.thought.items]
    case 'tool-output':
      return [{ type: 'function_call_output', call_id: entry.toolCallId, output: entry.output }]
  }
}

/** Not strict: strict schemas cannot carry the limits that ours have. Whoever runs the tool checks its arguments. */
const functionTool = ({ name, description, parameters }: ThinkerTool): FunctionTool => ({
  type: 'function',
  name,
  description,
  parameters: parameters as FunctionTool['parameters'],
  strict: false,
})

/** A response that was cut short is no thought: its last call may lack half of its arguments. */
function thoughtIn(response: ModelResponse): Outcome<Thought, WriterProblem> {
  const { id: responseId, output, output_text: text, usage = null, status } = response
  const items = output.filter(isOfThought)
  const calls = items.flatMap((item) =>
    item.type === 'function_call' ? [{ toolCallId: item.call_id, name: item.name, argumentsJson: item.arguments }] : [],
  )
  if (status !== 'completed' || (calls.length === 0 && text.trim() === '')) return withoutAnswer(response)
  return ok({ responseId, items, calls, answer: calls.length === 0 ? text.trim() : '', usage })
}

/** Items of the vendor's own tools, of which we offer none, do not come. */
const isOfThought = (item: ResponseOutputItem): item is ThoughtItem =>
  item.type === 'reasoning' || item.type === 'function_call' || item.type === 'message'
