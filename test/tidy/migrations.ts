// Migrations are append-only: what a database may have run already is never edited, moved or removed. A release records
// the hash of each (`bun test/tidy/freeze.ts`); until then a new migration may still change.
import type { Finding, Rule, Tree } from './tree.ts'

export const recordPath = 'test/tidy/migrations.json'
const journalPath = 'drizzle/meta/_journal.json'

type Entry = { idx: number; when: number; tag: string }

export const journalOf = (tree: Tree): Entry[] => JSON.parse(tree.texts.get(journalPath) ?? '{"entries":[]}').entries

/** By tag, in the journal's order. */
export const recordOf = (tree: Tree): Record<string, string> => JSON.parse(tree.texts.get(recordPath) ?? '{}')

export const hashOf = (text: string): string => new Bun.CryptoHasher('sha256').update(text).digest('hex')

export const journalIsInOrder: Rule = {
  name: "the migrations' journal names every migration once, in order",
  remedy:
    'Add a migration at the end: the next number in its name, a later `when`, an entry in drizzle/meta/_journal.json.',
  find(tree) {
    const entries = journalOf(tree)
    const finding = (what: string): Finding => ({ path: journalPath, line: 1, what })
    const outOfOrder = entries.flatMap((entry, index) => {
      const before = entries[index - 1]
      const isNext = entry.idx === index && entry.tag.startsWith(`${String(index).padStart(4, '0')}_`)
      return isNext && entry.when > (before?.when ?? 0) ? [] : [finding(`${entry.tag} is out of order`)]
    })
    const files = [...tree.texts.keys()].filter((path) => /^drizzle\/.*\.sql$/.test(path))
    const wanted = entries.map(({ tag }) => `drizzle/${tag}.sql`)
    return [
      ...outOfOrder,
      ...wanted.filter((path) => !files.includes(path)).map((path) => finding(`${path} is missing`)),
      ...files
        .filter((path) => !wanted.includes(path))
        .map((path) => ({ path, line: 1, what: 'is not in the journal' })),
    ]
  },
}

export const migrationsAreAppendOnly: Rule = {
  name: 'a released migration is never changed',
  remedy: 'Undo the change and write a new migration after the last one.',
  find(tree) {
    const journal = journalOf(tree)
    return Object.entries(recordOf(tree)).flatMap(([tag, hash], index): Finding[] => {
      const path = `drizzle/${tag}.sql`
      const text = tree.texts.get(path)
      if (text === undefined) return [{ path, line: 1, what: 'was released and is gone' }]
      if (hashOf(text) !== hash) return [{ path, line: 1, what: 'was released and has changed' }]
      return journal[index]?.tag === tag ? [] : [{ path, line: 1, what: 'was released in another place' }]
    })
  },
}
