// PURE. A conversation so far, as items for a model that has not lived through it: what was said and heard, and what the
// tools answered, in order, from the set of events.
import type { ConversationItem } from '../wire/realtime.ts'
import type { ConversationEvent, FactOf } from './events.ts'
import { turnsOf } from './transcript.ts'

type Dated = { atMs: number; items: ConversationItem[] }

/** At most the last `mostTurns` turns and tool calls. Empty for a conversation in which nothing was said or done. */
export function historyOf(events: readonly ConversationEvent[], mostTurns: number): ConversationItem[] {
  const turns: Dated[] = turnsOf(events)
    .filter(({ text }) => text !== '')
    .map(({ speaker, text, startedAtMs }) => ({
      atMs: startedAtMs,
      items: [speaker === 'agent' ? agentSaid(text) : callerSaid(text)],
    }))
  const calls = answeredCalls(events).map(({ atMs, call, result }) => ({ atMs, items: toolAnswered(call, result) }))
  const all = [...turns, ...calls].sort((a, b) => a.atMs - b.atMs)
  return all.slice(-mostTurns).flatMap(({ items }) => items)
}

/** Every tool call that was answered, and when it was made. A model must not wait for an output that never comes. */
export function answeredCalls(
  events: readonly ConversationEvent[],
): { atMs: number; call: FactOf<'tool.called'>; result: unknown }[] {
  const results = new Map<string, unknown>()
  for (const { fact } of events) if (fact.kind === 'tool.returned') results.set(fact.toolCallId, fact.result)
  return events.flatMap(({ fact, atMs }) =>
    fact.kind === 'tool.called' && results.has(fact.toolCallId)
      ? [{ atMs, call: fact, result: results.get(fact.toolCallId) }]
      : [],
  )
}

const toolAnswered = ({ toolCallId: call_id, name, ...call }: FactOf<'tool.called'>, result: unknown) => [
  { type: 'function_call' as const, call_id, name, arguments: JSON.stringify(call.arguments) },
  { type: 'function_call_output' as const, call_id, output: JSON.stringify(result) },
]

const callerSaid = (text: string): ConversationItem => ({
  type: 'message',
  role: 'user',
  content: [{ type: 'input_text', text }],
})
const agentSaid = (text: string): ConversationItem => ({
  type: 'message',
  role: 'assistant',
  content: [{ type: 'output_text', text }],
})
