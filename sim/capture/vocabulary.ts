// PURE. The words that a server's own schemas ask for, of its tools and of its analysis: "morning", "urgent". They are the
// server's, not the caller's, and without them an answer would no longer be one.
import type { Seen } from './tap.ts'

export function vocabularyOf(seen: readonly Seen[]): Set<string> {
  const words = new Set<string>()
  for (const each of seen) {
    if ('text' in each && each.from === 'server' && each.text.includes('"enum"')) gather(parsed(each.text), words)
    if ('request' in each && each.wire === 'responses')
      gather(parsed(new TextDecoder().decode(each.request.body)), words)
  }
  return words
}

function gather(value: unknown, words: Set<string>): void {
  if (typeof value !== 'object' || value === null) return
  if ('enum' in value && Array.isArray(value.enum))
    for (const word of value.enum) if (typeof word === 'string') words.add(word)
  for (const each of Object.values(value)) gather(each, words)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
