// `sim replay`: every fixture on the virtual clock, one after the other. A line each, and a count at the end.
import { join } from 'node:path'
import { simulateCall, summaryOf } from './call.ts'
import { listFixtures } from './fixture.ts'
import { openPostgres } from './house.ts'
import { createSpeech } from './speech.ts'
import { fixtureOf } from './wish.ts'

export async function replayCommand(files: string[], options: { seed: string; json?: boolean }): Promise<void> {
  const names = files.length > 0 ? files : await listFixtures()
  const fixtures = await Promise.all(names.map((name) => fixtureOf({ fixture: name, seed: options.seed, json: false })))
  const postgres = await openPostgres((step) => console.error(`… ${step}`))
  const speech = createSpeech({ cacheFolder: join('.frontdesk', 'speech') })
  const startedAt = performance.now()
  let callMs = 0
  let failed = 0
  try {
    for (const fixture of fixtures) {
      const begunAt = performance.now()
      const result = await simulateCall({
        fixture,
        seed: options.seed,
        isVirtual: true,
        speech,
        postgres,
        onProgress: () => {},
        onTrace: () => {},
      })
      const { ringingAtMs, endedAtMs } = result.evidence.carrier
      const lastedMs = (endedAtMs ?? ringingAtMs) - ringingAtMs
      callMs += lastedMs
      if (result.violations.length > 0) failed++
      if (options.json) console.log(JSON.stringify({ fixture: fixture.name, ...summaryOf(result) }))
      else {
        const verdict = result.violations.length === 0 ? 'passed' : 'FAILED'
        console.log(
          `${verdict}  ${fixture.name.padEnd(28)} ${(lastedMs / 1000).toFixed(1).padStart(5)} s of call in ${((performance.now() - begunAt) / 1000).toFixed(2)} s`,
        )
        for (const { rule, explanation } of result.violations) console.log(`        ${rule}\n          ${explanation}`)
      }
    }
  } finally {
    await postgres.stop()
  }
  if (options.json) return void (process.exitCode = failed > 0 ? 1 : 0)
  const tookMs = performance.now() - startedAt
  console.log(
    `${(callMs / 1000).toFixed(0)} s of calls in ${(tookMs / 1000).toFixed(1)} s: ${(callMs / tookMs).toFixed(0)} times faster than real time`,
  )
  console.log(`${fixtures.length - failed} passed, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}
