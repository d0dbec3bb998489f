// Shows that every rule can fail: a few lines that break it, with the place it must point at, beside a few that keep it.
// A rule without a proof fails here, so that none can be written that never bites.
import { describe, expect, test } from 'bun:test'
import { proofsOfCode } from './proofs-of-code.ts'
import { proofsOfFiles } from './proofs-of-files.ts'
import { rules } from './rules.ts'
import { plant } from './tree.ts'

const proofs = [...proofsOfCode, ...proofsOfFiles]

for (const { rule, breaks, keeps } of proofs)
  describe(rule.name, () => {
    for (const [about, files, places] of breaks)
      test(`notices ${about}`, async () => {
        const found = rule.find(await plant(files)).map(({ path, line }) => `${path}:${line}`)
        expect(found).toEqual(places)
      })
    for (const [about, files] of keeps)
      test(`accepts ${about}`, async () => {
        expect(rule.find(await plant(files))).toEqual([])
      })
  })

test('every rule has a proof that it can fail, with a remedy to go with it', () => {
  const proven = proofs.filter(({ breaks }) => breaks.length > 0).map(({ rule }) => rule.name)
  expect(rules.map(({ name }) => name).sort()).toEqual(proven.sort())
  expect(rules.filter(({ remedy }) => remedy.length < 20)).toEqual([])
})
