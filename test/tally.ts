// PURE. How many checks of a step of the test run have passed and failed, by how it ended and what it printed, and which of
// its lines tell of a failure. Refuses to believe in a pass that nothing shows.

export type Tally = { passed: number; failed: number }
/** `wasCut`: it had not ended after its limit, and was ended. */
export type Run = { exitCode: number; output: string; wasCut: boolean }
export type Count = (run: Run) => Tally

/** A step that was cut off has failed, whatever it says; it counts once beside the failures that it had told of. */
export function tallyOf(run: Run, count: Count): Tally {
  const { passed, failed } = count(run)
  return { passed, failed: run.wasCut ? Math.max(1, failed) : failed }
}

/** A step that says only yes or no. */
export const asOneCheck: Count = ({ exitCode }) =>
  exitCode === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }

/** Errors between tests count as failures, and so does a run that ended before its summary, with whatever code. */
export const fromBunTest: Count = ({ exitCode, output }) => {
  const count = (word: string) => Number(new RegExp(`^ *(\\d+) ${word}s?$`, 'm').exec(output)?.[1] ?? 0)
  const failed = count('fail') + count('error')
  const isWhole = exitCode === 0 && /^Ran \d+ tests/m.test(output)
  return { passed: count('pass'), failed: failed === 0 && !isWhole ? 1 : failed }
}

/** A last line "N passed, N failed". */
export const fromLastLine: Count = ({ exitCode, output }) => {
  const [, passed, failed] = /^(\d+) passed, (\d+) failed$/m.exec(output) ?? []
  if (passed === undefined) return { passed: 0, failed: 1 }
  return { passed: Number(passed), failed: exitCode !== 0 && failed === '0' ? 1 : Number(failed) }
}

/** Bun's tests say what went wrong and then of which test; our commands say of what, and then what. */
const tellsOfFailure = /^\(fail\)|^FAILED\b|^not ok\b|^(\S+: )?error\b/
const linesBefore = 30
const linesAfter = 12
const linesMax = 150

/** The lines around each failure that were printed, or the last ones if none says that it is one. */
export function linesOfFailure(lines: readonly string[]): string[] {
  const tell = [...lines.keys()].filter((at) => tellsOfFailure.test(lines[at] ?? ''))
  if (tell.length === 0) return lines.slice(-(linesBefore + linesAfter))
  const isNear = (at: number) => tell.some((told) => at >= told - linesBefore && at <= told + linesAfter)
  const near = lines.filter((_line, at) => isNear(at))
  return near.length <= linesMax
    ? near
    : [...near.slice(0, linesMax), `… and ${near.length - linesMax} lines more, above`]
}
