// What fuzz prints of a call that failed: enough to see it again on another machine, and to keep it as a fixture.
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { parse } from 'yaml'
import { parseFaults } from '../../sim/chaos/faults.ts'
import type { Strike } from '../../sim/chaos/strikes.ts'
import { failureLines } from '../../sim/command-fuzz.ts'
import { fixtureShape } from '../../sim/fixture-shape.ts'

const fixture = await Bun.file('sim/fixtures/default.yaml').text()

const strikes: Strike[] = [
  { fault: 'duplicate', callback: 'recording completed #1', afterMs: 1_200 },
  { fault: 'repeat', request: 'incoming-call ringing #1' },
  { fault: 'late-audio', stream: 'stream #1', byMs: 300 },
  { fault: 'ws-cut', atMs: 12_000 },
  { fault: 'model-refuses', handshake: 2 },
  { fault: 'mail-timeout', attempt: 1 },
]

const linesOf = (seed: string, list: Strike[]): string[] =>
  failureLines(
    {
      fixture: 'default',
      seed,
      faults: parseFaults('duplicate=0.5,ws-cut@12s'),
      violations: [{ rule: 'a rule', explanation: 'It does not hold.' }],
      smallest: { list, tries: 3, isMinimal: true },
    },
    '.frontdesk/chaos/default.json',
  )

test('the call that failed is repeated by a line that needs nothing of the machine', () => {
  const [again] = linesOf('n3.27', strikes).filter((line) => line.includes('again:'))
  expect(again).toContain('bun sim call --fixture default --seed n3.27 --chaos duplicate=0.5,ws-cut@12s --speed 10')
})

test('what is added to a copy of its fixture is struck the same, whatever struck and whatever the seed', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.subarray(strikes), (seed, list) => {
      const lines = linesOf(seed, list)
      const added = lines.slice(
        lines.findIndex((line) => line.includes('to keep it: copy sim/fixtures/default.yaml')) + 1,
      )
      const indent = /^ */.exec(added[0] ?? '')?.[0].length ?? 0
      const file = fixtureShape.parse(parse(`${fixture}\n${added.map((line) => line.slice(indent)).join('\n')}\n`))
      expect(file.struck).toEqual({ seed, strikes: list })
    }),
  )
})
