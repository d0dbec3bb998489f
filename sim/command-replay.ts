// `sim replay`: every fixture on the virtual clock; or, with --live, with the real model in real time. A line each, in their
// order, and a count or a score at the end.
import { type CallResult, simulateCall, summaryOf } from './call.ts'
import { planOf } from './chaos/schedule.ts'
import { listFixtures } from './fixture.ts'
import { type Grade, isMet, scoreText, ungradable } from './grading.ts'
import { openPostgres } from './house.ts'
import { callsAtOnce, inOrder } from './in-order.ts'
import { lintFixtures } from './lint/files.ts'
import { assertTaken, realModel } from './live.ts'
import { Mistake } from './mistake.ts'
import type { Fixture } from './script.ts'
import { createSpeech, speechFolder } from './speech.ts'
import { fixtureOf } from './wish.ts'

export type ReplayFlags = { seed: string; json?: boolean; live?: boolean }

export async function replayCommand(files: string[], { seed, json, live }: ReplayFlags): Promise<void> {
  const real = live ? realModel(process.env) : undefined
  const names = files.length > 0 ? files : await listFixtures()
  const fixtures = await Promise.all(names.map((name) => fixtureOf({ fixture: name, seed, json: false })))
  await refusePatients(names)
  if (real !== undefined) await assertTaken(real)
  const postgres = await openPostgres((step) => console.error(`… ${step}`))
  const speech = createSpeech({ cacheFolder: speechFolder })
  const startedAt = performance.now()
  const results: CallResult[] = []
  const replay = async (fixture: Fixture) => {
    const reason = live ? ungradable(fixture) : null
    if (reason !== null) return { fixture, reason }
    const begunAt = performance.now()
    const quiet = { onProgress: () => {}, onTrace: () => {} }
    const result = await simulateCall({
      fixture,
      seed: fixture.struck?.seed ?? seed,
      chaos: live ? undefined : planOf(fixture),
      isVirtual: !live,
      real,
      speech,
      postgres,
      ...quiet,
    })
    return { fixture, result, tookMs: performance.now() - begunAt }
  }
  try {
    for await (const { fixture, reason, result, tookMs } of inOrder(fixtures, replay, live ? 1 : callsAtOnce)) {
      if (result === undefined) {
        if (!json) console.log(`skipped  ${fixture.name.padEnd(28)} ${reason}`)
        continue
      }
      results.push(result)
      if (json) console.log(JSON.stringify({ fixture: fixture.name, ...summaryOf(result) }))
      else for (const line of linesOf(result, tookMs)) console.log(line)
    }
  } finally {
    await postgres.stop()
  }
  if (!json) for (const line of summedUp(results, performance.now() - startedAt)) console.log(line)
  process.exitCode = results.every(isRight) ? 0 : 1
}

async function refusePatients(names: readonly string[]): Promise<void> {
  const found = await lintFixtures(names)
  if (found.length > 0) throw new Mistake(`These fixtures may hold a real patient:\n${found.join('\n')}`)
}

const isRight = ({ violations }: CallResult): boolean => violations.length === 0

function linesOf(result: CallResult, tookMs: number): string[] {
  const { fixture, violations, grades } = result
  const verdict = isRight(result) ? 'passed' : 'FAILED'
  const lasted = `${seconds(lengthMs(result), 1).padStart(5)} s of call in ${seconds(tookMs, 2)} s`
  const score = grades === undefined ? '' : `  ${grades.filter(isMet).length} of ${grades.length}`
  return [
    `${verdict}  ${fixture.name.padEnd(28)} ${lasted}${score}`,
    ...violations.flatMap(({ rule, explanation }) => [`        ${rule}`, `          ${explanation}`]),
  ]
}

function summedUp(results: readonly CallResult[], tookMs: number): string[] {
  const callMs = results.reduce((sum, result) => sum + lengthMs(result), 0)
  const passed = results.filter(isRight).length
  const graded = results.flatMap(({ grades = [] }): Grade[] => grades)
  return [
    graded.length > 0
      ? `score: ${scoreText(graded)}, in ${results.length} calls`
      : `${seconds(callMs, 0)} s of calls in ${seconds(tookMs, 1)} s: ${(callMs / tookMs).toFixed(0)} times faster than real time`,
    `${passed} passed, ${results.length - passed} failed`,
  ]
}

const lengthMs = ({ evidence: { carrier } }: CallResult): number =>
  (carrier.endedAtMs ?? carrier.ringingAtMs) - carrier.ringingAtMs

const seconds = (ms: number, digits: number): string => (ms / 1000).toFixed(digits)
