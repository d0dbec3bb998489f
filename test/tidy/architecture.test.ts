// Holds the repository against every rule of its architecture. A failure lists the places, and says what to do.
import { beforeAll, describe, expect, test } from 'bun:test'
import { rules } from './rules.ts'
import { readRepository, type Tree } from './tree.ts'

describe('architecture', () => {
  let tree: Tree

  beforeAll(async () => {
    tree = await readRepository()
  })

  for (const rule of rules)
    test(rule.name, () => {
      const places = rule.find(tree).map(({ path, line, what }) => `${path}:${line}  ${what}`)
      if (places.length > 0) throw new Error([`${rule.name}:`, ...places, rule.remedy].join('\n  '))
    })

  test('the tree that is judged is the whole repository', () => {
    for (const path of ['src/config.ts', 'sim/clock.ts', 'test/tidy/tree.ts'])
      expect([...tree.modules.keys()]).toContain(path)
    for (const path of ['package.json', 'drizzle/0000_roles.sql', 'LICENSE'])
      expect([...tree.texts.keys()]).toContain(path)
    expect([...tree.texts.keys()].filter((path) => path.includes('node_modules'))).toEqual([])
  })
})
