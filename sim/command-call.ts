// `sim call`: one call, watched.
import { join } from 'node:path'
import { simulateCall, summaryOf } from './call.ts'
import { loadFixture } from './fixture.ts'
import { openPostgres } from './house.ts'
import { createSpeech } from './speech.ts'

export async function callCommand(options: {
  to?: string
  from?: string
  fixture?: string
  seed?: string
  speed: number
  json?: boolean
}): Promise<void> {
  const fixture = await loadFixture(options.fixture ?? 'default')
  const postgres = await openPostgres((step) => console.error(`… ${step}`))
  const result = await simulateCall({
    fixture,
    seed: options.seed ?? '1',
    isVirtual: options.speed > 1,
    speech: createSpeech({ cacheFolder: join('.frontdesk', 'speech') }),
    postgres,
    onProgress: (step) => console.error(`… ${step}`),
    onTrace: (trace) =>
      trace.onEntry(
        (e) =>
          e.wire !== 'media' &&
          !/delta|append/.test(e.what) &&
          console.error(e.atMs, e.wire, e.from, '->', e.to, e.what),
      ),
  })
  console.log(JSON.stringify(summaryOf(result), null, 1))
  if (result.violations.length) console.error(result.serverLog.join('\n'))
  await postgres.stop()
  process.exitCode = result.violations.length
}
