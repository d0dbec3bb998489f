// PURE. A conversation so far, as items for a model that has not lived through it: what was said and heard, and what the
// tools answered, in order, from the set of events.
import type { ConversationItem } from '../wire/realtime.ts'
import type { ConversationEvent } from './events.ts'
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
  const all = [...turns, ...toolCalls(events)].sort((a, b) => a.atMs - b.atMs)
  return all.slice(-mostTurns).flatMap(({ items }) => items)
}

/** Only calls that were answered: the model must not wait for an output that never comes. */
function toolCalls(events: readonly ConversationEvent[]): Dated[] {
  const outputs = new Map<string, unknown>()
  for (const { fact } of events) if (fact.kind === 'tool.returned') outputs.set(fact.toolCallId, fact.result)
  return events.flatMap(({ fact, atMs }) => {
    if (fact.kind !== 'tool.called' || !outputs.has(fact.toolCallId)) return []
    const { toolCallId: call_id, name } = fact
    return [
      {
        atMs,
        items: [
          { type: 'function_call', call_id, name, arguments: JSON.stringify(fact.arguments) },
          { type: 'function_call_output', call_id, output: JSON.stringify(outputs.get(call_id)) },
        ],
      },
    ]
  })
}

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
