// What the test run counts of a step: nothing passes that was not seen to, and nothing fails twice.
import { describe, expect, test } from 'bun:test'
import { asOneCheck, fromBunTest, fromLastLine, linesOfFailure, type Run, tallyOf } from '../tally.ts'

const whole = ' 12 pass\n 0 fail\nRan 12 tests across 3 files. [1.00s]'
const ran = (output: string, more: Partial<Run> = {}): Run => ({ exitCode: 0, output, wasCut: false, ...more })

describe('a step that is cut off at its limit', () => {
  // Bun ends with 0 at SIGTERM; others with the signal's code.
  test.each([
    ['Bun’s tests, before their summary', fromBunTest, ran('(pass) one', { wasCut: true }), 0],
    ['Bun’s tests, ended by the signal', fromBunTest, ran('(pass) one', { wasCut: true, exitCode: 143 }), 0],
    ['Bun’s tests, that all passed and then hung', fromBunTest, ran(whole, { wasCut: true }), 12],
    ['a check', asOneCheck, ran('', { wasCut: true, exitCode: 143 }), 0],
    ['a command, before its last line', fromLastLine, ran('…', { wasCut: true, exitCode: 143 }), 0],
    ['a command, after its last line', fromLastLine, ran('3 passed, 0 failed', { wasCut: true, exitCode: 143 }), 3],
  ])('counts as one failure: %s', (_what, count, run, passed) => {
    expect(tallyOf(run, count)).toEqual({ passed, failed: 1 })
  })

  test('adds none to the failures that it told of', () => {
    const run = ran('1 passed, 2 failed', { wasCut: true, exitCode: 143 })
    expect(tallyOf(run, fromLastLine)).toEqual({ passed: 1, failed: 2 })
  })
})

test('a step that ended by itself counts as it says', () => {
  expect(tallyOf(ran(whole), fromBunTest)).toEqual({ passed: 12, failed: 0 })
  expect(tallyOf(ran(' 12 pass\n 2 fail\n 1 error\nRan 14 tests', { exitCode: 1 }), fromBunTest).failed).toBe(3)
  expect(tallyOf(ran('3 passed, 1 failed', { exitCode: 1 }), fromLastLine)).toEqual({ passed: 3, failed: 1 })
  expect(tallyOf(ran(''), asOneCheck)).toEqual({ passed: 1, failed: 0 })
})

test('a step that fails without saying what, or ends before it says anything, counts as one failure', () => {
  expect(tallyOf(ran('(pass) one'), fromBunTest)).toEqual({ passed: 0, failed: 1 })
  expect(tallyOf(ran(whole, { exitCode: 1 }), fromBunTest)).toEqual({ passed: 12, failed: 1 })
  expect(tallyOf(ran('3 passed, 0 failed', { exitCode: 1 }), fromLastLine)).toEqual({ passed: 3, failed: 1 })
  expect(tallyOf(ran(''), fromLastLine)).toEqual({ passed: 0, failed: 1 })
})

describe('what is told once more of a step that failed', () => {
  const quiet = (count: number) => Array.from({ length: count }, (_line, at) => `quiet ${at}`)

  test('is each failure with what was printed around it, and nothing from afar', () => {
    const lines = [...quiet(90), 'expected 1', '(fail) counts', ...quiet(90), 'FAILED  a-call', '  rule', ...quiet(90)]
    const told = linesOfFailure(lines)
    for (const line of ['expected 1', '(fail) counts', 'FAILED  a-call', '  rule']) expect(told).toContain(line)
    expect(told.length).toBeLessThan(100)
  })

  test('is its end, where no line says that it is a failure', () => {
    expect(linesOfFailure([...quiet(90), 'killed']).at(-1)).toBe('killed')
  })

  test('has an end, however much failed', () => {
    const told = linesOfFailure(Array.from({ length: 1000 }, () => '(fail) this one, too'))
    expect(told.length).toBeLessThan(200)
    expect(told.at(-1)).toBe('… and 850 lines more, above')
  })
})
