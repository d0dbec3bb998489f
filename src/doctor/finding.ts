// PURE. What the doctor found, one thing each: how it is, and, where it is not as it should be, how to mend it.

export type Finding = {
  /** What was looked at, such as `row security`, or `number +13125550123`. */
  check: string
  /** skipped: it could not be looked at, and `says` tells why. */
  state: 'ok' | 'warn' | 'fail' | 'skipped'
  says: string
  mend: string | null
}

export const good = (check: string, says: string): Finding => ({ check, state: 'ok', says, mend: null })
export const bad = (check: string, says: string, mend: string): Finding => ({ check, state: 'fail', says, mend })
export const doubtful = (check: string, says: string, mend: string): Finding => ({ check, state: 'warn', says, mend })
export const skipped = (check: string, says: string): Finding => ({ check, state: 'skipped', says, mend: null })

/** The worst of them decides. */
export const isHealthy = (findings: readonly Finding[]): boolean => findings.every(({ state }) => state !== 'fail')

const words = { ok: 'ok', warn: 'warning', fail: 'FAILED', skipped: 'skipped' } as const
const colours = { ok: 32, warn: 33, fail: 31, skipped: 2 } as const
const stateColumns = 9

/** A line each, and one below for how to mend it; the last line counts them. */
export function findingLines(findings: readonly Finding[], hasColour: boolean): string[] {
  const checkColumns = Math.max(0, ...findings.map(({ check }) => check.length)) + 2
  const paint = (state: Finding['state'], text: string) =>
    hasColour ? `\u001b[${colours[state]}m${text}\u001b[0m` : text
  const lines = findings.flatMap(({ check, state, says, mend }) => [
    `${paint(state, words[state].padEnd(stateColumns))}${check.padEnd(checkColumns)}${says}`,
    ...(mend === null ? [] : [`${''.padEnd(stateColumns + checkColumns)}→ ${mend}`]),
  ])
  const count = (wanted: Finding['state']) => findings.filter(({ state }) => state === wanted).length
  const counts = `${count('ok')} ok, ${count('warn')} ${count('warn') === 1 ? 'warning' : 'warnings'}, ${count('fail')} failed, ${count('skipped')} skipped`
  return [...lines, '', counts]
}

/** What a clock that is this far from ours means. */
export function clockFinding(
  check: string,
  whose: string,
  aheadMs: number,
  limits: { warnMs: number; failMs: number },
): Finding {
  const away = Math.abs(aheadMs)
  const says = `${whose} is ${(away / 1000).toFixed(1)} s ${aheadMs < 0 ? 'behind' : 'ahead of'} this machine's clock`
  const mend = 'let both keep time by NTP: tokens, holds and deadlines are measured by them'
  if (away > limits.failMs) return bad(check, says, mend)
  return away > limits.warnMs ? doubtful(check, says, mend) : good(check, says)
}
