// PURE. A conversation so far, as items for a model that has not lived through it: what was said and heard, and what the
// tools answered, in order, from the set of events.
import type { ConversationItem } from '../wire/realtime.ts'
import type { ConversationEvent, FactOf } from './events.ts'
import { utterancesOf } from './transcript.ts'

type Dated = { atMs: number; items: ConversationItem[] }

/**
 * What the agent must know of it before anything else, and at most the last `mostTurns` turns and deeds. Empty for a
 * conversation in which nothing was said or done. `presentStream`: what was said in it keeps its id, which is of no other item.
 */
export function historyOf(
  events: readonly ConversationEvent[],
  mostTurns: number,
  presentStream: string | null = null,
): ConversationItem[] {
  const turns: Dated[] = utterancesOf(events)
    .filter(({ text }) => text !== '')
    .map(({ speaker, text, startedAtMs, streamSid, itemId }) => {
      const said = speaker === 'agent' ? agentSaid(text) : callerSaid(text)
      return { atMs: startedAtMs, items: [streamSid === presentStream ? { ...said, id: itemId } : said] }
    })
  const calls = answeredCalls(events).map(({ atMs, call, result }) => ({ atMs, items: toolAnswered(call, result) }))
  const all = [...turns, ...calls, ...transfersNotTaken(events)].sort((a, b) => a.atMs - b.atMs)
  return [...purposeOf(events), ...all.slice(-mostTurns).flatMap(({ items }) => items)]
}

/** Why we called, of a call that we placed. */
const purposeOf = (events: readonly ConversationEvent[]): ConversationItem[] =>
  events.flatMap(({ fact }) =>
    fact.kind === 'call.outgoing' ? [note(`You placed this call. ${fact.purpose} ${discretion}`)] : [],
  )

/** Whoever picks up is not yet whoever was called. */
const discretion =
  'Ask for the person first. Say what it is about to nobody else, and nothing of a patient before your tools have shown that you ' +
  'speak with them; whoever else answers hears that the clinic called and would like to be called back.'

function transfersNotTaken(events: readonly ConversationEvent[]): Dated[] {
  const targets = new Map<string, string>()
  for (const { fact } of events) if (fact.kind === 'transfer.requested') targets.set(fact.toolCallId, fact.target)
  return events.flatMap(({ fact, atMs }) => {
    if (fact.kind !== 'transfer.ended' || fact.status === 'completed') return []
    const who = targets.get(fact.toolCallId) ?? 'the person'
    return [
      { atMs, items: [note(`The transfer to ${who} was not taken (${fact.status}). The caller is back with you.`)] },
    ]
  })
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

const note = (text: string): ConversationItem => ({
  type: 'message',
  role: 'system',
  content: [{ type: 'input_text', text }],
})
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
