// PURE. The words of a conversation, from the set of its events: in the order they were spoken, whatever order they
// arrived in; what the caller heard, and what was cut off before they could.
import type { ConversationEvent, FactOf } from './events.ts'

export type Turn = {
  speaker: 'caller' | 'agent'
  /** Of an agent's turn: what the caller heard. */
  text: string
  /** Generated, but cut off before the caller heard it. */
  unheard: string
  isCut: boolean
  startedAtMs: number
}

/** Streams in the order they began; within one, the model's own order of items. Turns without a word are left out. */
export const turnsOf = (events: Iterable<ConversationEvent>): Turn[] =>
  utterancesOf(events).map(({ speaker, text, unheard, isCut, startedAtMs }) => ({
    speaker,
    text,
    unheard,
    isCut,
    startedAtMs,
  }))

/** The same, as the ledger has them. */
export function utterancesOf(events: Iterable<ConversationEvent>): FactOf<'utterance'>[] {
  const byStream = new Map<string, FactOf<'utterance'>[]>()
  for (const { fact } of events) {
    if (fact.kind !== 'utterance') continue
    const stream = byStream.get(fact.streamSid)
    if (stream === undefined) byStream.set(fact.streamSid, [fact])
    else stream.push(fact)
  }
  return [...byStream.entries()]
    .map(([streamSid, utterances]) => ({
      streamSid,
      utterances,
      beganAtMs: Math.min(...utterances.map((u) => u.startedAtMs)),
    }))
    .sort((a, b) => a.beganAtMs - b.beganAtMs || compare(a.streamSid, b.streamSid))
    .flatMap(({ utterances }) => utterances.sort((a, b) => a.order - b.order || compare(a.itemId, b.itemId)))
    .filter(({ text, unheard }) => text !== '' || unheard !== '')
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** The transcript as plain text, a turn a line. */
export const transcriptText = (turns: readonly Turn[]): string =>
  turns.map((turn) => `${turn.speaker === 'agent' ? 'Agent' : 'Caller'}: ${spoken(turn)}`).join('\n')

const spoken = ({ text, unheard, isCut }: Turn): string => {
  if (!isCut) return text
  return unheard === '' ? `${text} [interrupted]` : `${text} [interrupted; not heard: ${unheard}]`.trimStart()
}
