// A program of the test run ends with what it started, and is heard to the end. That it is over at all is the proof: whoever is
// left alive would hold its output open.
import { expect, test } from 'bun:test'
import { runProgram } from '../program.ts'

/** Longer than any test may take. */
const leavesOneBehind = 'sleep 600 & echo one; echo two >&2; printf rest'

async function run(script: string, limitMs = 60_000) {
  const lines: string[] = []
  const take = (line: string) => void lines.push(line)
  return { ...(await runProgram(['sh', '-c', script], { cwd: import.meta.dir, limitMs, take })), lines }
}

test('a program is over when it has ended, although what it started holds its output open', async () => {
  const { exitCode, wasCut, lines, output } = await run(`${leavesOneBehind}; exit 3`)
  expect([exitCode, wasCut]).toEqual([3, false])
  expect(lines.toSorted()).toEqual(['one', 'rest', 'two'])
  expect(output).toBe(lines.join('\n'))
})

test('one that goes on after its limit is ended with all that it started, and said to be cut off', async () => {
  const { wasCut, lines } = await run(`${leavesOneBehind}; wait`, 300)
  expect(wasCut).toBe(true)
  expect(lines.toSorted()).toEqual(['one', 'rest', 'two'])
})
