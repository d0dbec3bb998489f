// `sim fuzz`: calls of every fixture through every fault, for as long as was asked for. Ends at the first call that is not
// what it must be, with the line that repeats it and the file of the smallest schedule that still fails.
import { formatFaults } from './chaos/faults.ts'
import { type Failure, type FuzzResult, fuzz } from './chaos/fuzz.ts'
import { keepSchedule, scheduleLines } from './chaos/reproducing.ts'
import type { Strike } from './chaos/strikes.ts'
import { listFixtures } from './fixture.ts'
import { openPostgres } from './house.ts'
import { Mistake } from './mistake.ts'
import { createSpeech, speechFolder } from './speech.ts'
import { commandOf, fixtureOf } from './wish.ts'

export type FuzzFlags = { for?: number; runs?: number; seed?: string; fixture?: string; json?: boolean }

const USUAL_MS = 60_000

export async function fuzzCommand({ for: forMs, runs, seed: given, fixture: named, json }: FuzzFlags): Promise<void> {
  const seed = given ?? String(Math.floor(Math.random() * 1e6))
  const say = (step: string) => void process.stderr.write(`… ${step}\n`)
  const names = named === undefined ? await listFixtures() : [named]
  const all = await Promise.all(names.map((name) => fixtureOf({ fixture: name, seed, json: false })))
  // Sockets that break at a certain word, and a desk that books at a certain time, have no such moment under other faults.
  const fixtures = all.filter(
    ({ model, clinic, struck }) => model.faults === undefined && clinic.desk.length === 0 && struck === undefined,
  )
  if (fixtures.length === 0)
    throw new Mistake(`What happens to ${named} beside the talk has its own time: fuzz has none of it.`)
  say(`seed ${seed}`)
  const postgres = await openPostgres(say)
  try {
    const result = await fuzz({
      fixtures,
      seed,
      // A count that was asked for is reached, however long it takes.
      runsMax: runs ?? Number.POSITIVE_INFINITY,
      forMs: forMs ?? (runs === undefined ? USUAL_MS : Number.POSITIVE_INFINITY),
      isVirtual: true,
      postgres,
      speech: createSpeech({ cacheFolder: speechFolder }),
      onProgress: say,
    })
    const kept = result.failure === null ? null : await keepSchedule(result.failure)
    if (json) print(JSON.stringify({ verdict: isRight(result) ? 'passed' : 'failed', seed, ...result, schedule: kept }))
    else for (const line of linesOf(result, seed, kept)) print(line)
    process.exitCode = isRight(result) ? 0 : 1
  } finally {
    await postgres.stop()
  }
}

const isRight = ({ failure, untried }: FuzzResult): boolean => failure === null && untried.length === 0

function linesOf(result: FuzzResult, seed: string, kept: string | null): string[] {
  const { runs, tookMs, callMs, failure, untried } = result
  const rate = `${(runs / (tookMs / 1000)).toFixed(1)}/s, ${Math.round(callMs / 60_000)} min of talk`
  return [
    ...table('Faults, and how often each struck:', result.faults),
    fixturesLine(result.fixtures),
    `seed ${seed}: ${runs} calls in ${(tookMs / 1000).toFixed(1)} s, ${rate}`,
    ...(failure === null ? [] : failureLines(failure, kept)),
    ...(untried.length === 0 ? [] : [`FAILED  never struck: ${untried.join(', ')}`]),
    `${runs - (failure === null ? 0 : 1)} passed, ${(failure === null ? 0 : 1) + untried.length} failed`,
  ]
}

function fixturesLine(calls: Record<string, number>): string {
  const counts = Object.values(calls)
  const called = counts.filter((count) => count > 0)
  return `Fixtures: ${called.length} of ${counts.length}, with up to ${Math.max(0, ...counts)} calls each`
}

const table = (title: string, counts: Record<string, number>): string[] => [
  title,
  ...Object.entries(counts).map(([name, count]) => `  ${String(count).padStart(6)}  ${name}`),
]

/** All that is needed to see it again, elsewhere too: no line but one needs a file of this machine. */
export function failureLines({ fixture, seed, faults, violations, smallest }: Failure, kept: string | null): string[] {
  const wish = { fixture, seed, json: false }
  const chaos = formatFaults(faults)
  return [
    `FAILED  ${fixture}`,
    ...violations.flatMap(({ rule, explanation }) => [`  ${rule}`, `    ${explanation}`]),
    `  again:    ${commandOf({ ...wish, chaos: { text: chaos, plan: { faults } } }, ['--speed 10'])}`,
    ...scheduleLines(smallest).map((line) => `  ${line}`),
    `  as small: ${commandOf(wish, [`--chaos ${kept}`, '--speed 10'])}`,
    `  to keep it: copy sim/fixtures/${fixture}.yaml to a name of its own, and add`,
    ...struckLines(seed, smallest.list).map((line) => `    ${line}`),
  ]
}

/** As a fixture has it. Without a strike, its seed is all that there is to keep. */
const struckLines = (seed: string, strikes: readonly Strike[]): string[] => [
  'struck:',
  `  seed: ${JSON.stringify(seed)}`,
  ...(strikes.length === 0 ? [] : ['  strikes:', ...strikes.map((strike) => `    - ${JSON.stringify(strike)}`)]),
]

const print = (line: string): void => void process.stdout.write(`${line}\n`)
