// The items of one conversation in their order, and every item that ever was for the record. Owns the chain of previous
// items, which mends itself when one is deleted; refuses nothing by itself.
import { type Bytes, createBytes } from './bytes.ts'

/** An item as it goes over the wire: never with audio, unless it is retrieved. */
export type WireItem = {
  id: string
  object: 'realtime.item'
  type: 'message' | 'function_call' | 'function_call_output'
  status: 'in_progress' | 'completed' | 'incomplete'
  role?: 'system' | 'user' | 'assistant'
  content?: { type: string; text?: string; transcript?: string | null }[]
  name?: string
  call_id?: string
  arguments?: string
  output?: string
}

export type Entry = {
  /** Replaced, never changed: events already sent hold the older ones. */
  wire: WireItem
  readonly responseId: string | null
  /** Bytes in the format that they came or went in. */
  readonly audio: Bytes
  /** How long the caller's audio is; for the model's, how much of it has been emitted and was not truncated. */
  audioMs: number
  /** Everything that was said or heard, also after a truncation has blanked it on the wire. */
  text: string
  truncatedAtMs: number | null
}

export type Conversation = {
  /** In order; what was deleted is gone. */
  readonly entries: readonly Entry[]
  /** In order of creation; what was deleted, or never belonged to the conversation, is here. */
  readonly everything: readonly Entry[]
  find(itemId: string): Entry | undefined
  previousOf(itemId: string): string | null
  /** Adds at the end, at the front (`root`), or after another item, which must exist. */
  add(entry: Entry, after?: string | null): void
  /** Keeps what a response beside the conversation put out, for the record only. */
  keepAside(entry: Entry): void
  remove(itemId: string): void
}

export const createEntry = (wire: WireItem, responseId: string | null = null, text = ''): Entry => ({
  wire,
  responseId,
  audio: createBytes(),
  audioMs: 0,
  text,
  truncatedAtMs: null,
})

export function createConversation(): Conversation {
  const entries: Entry[] = []
  const everything: Entry[] = []
  const placeOf = (itemId: string) => entries.findIndex(({ wire }) => wire.id === itemId)
  return {
    entries,
    everything,
    find: (itemId) => entries[placeOf(itemId)],
    previousOf: (itemId) => entries[placeOf(itemId) - 1]?.wire.id ?? null,
    add(entry, after) {
      const place = after === 'root' ? 0 : after ? placeOf(after) + 1 : entries.length
      entries.splice(place, 0, entry)
      everything.push(entry)
    },
    keepAside: (entry) => everything.push(entry),
    remove(itemId) {
      entries.splice(placeOf(itemId), 1)
    },
  }
}
