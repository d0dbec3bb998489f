// `sim race`: one call's deliveries in many orders. Says how many were tried, how fast, and that there was one outcome.
// A call that the server placed is refused: its first delivery is not the carrier's.
import { simulateCall } from './call.ts'
import { listFixtures } from './fixture.ts'
import { openPostgres } from './house.ts'
import { callsAtOnce, inOrder } from './in-order.ts'
import { Mistake } from './mistake.ts'
import { cases } from './race/cases.ts'
import { type RaceResult, race } from './race/race.ts'
import type { Fixture } from './script.ts'
import { createSpeech, speechFolder } from './speech.ts'
import { fixtureOf } from './wish.ts'

export type RaceFlags = { fixture?: string; all?: boolean; seed: string; shuffles?: number; json?: boolean }

const SHUFFLES_OF_ONE = 200
/** Of each shape: some two minutes for all of them, on two cores. */
const SHUFFLES_OF_EACH = 30

export async function raceCommand(flags: RaceFlags): Promise<void> {
  const say = (step: string) => void process.stderr.write(`… ${step}\n`)
  const fixtures = await fixturesToRace(flags, say)
  const postgres = await openPostgres(say)
  const speech = createSpeech({ cacheFolder: speechFolder })
  const quiet = { onProgress: () => {}, onTrace: () => {} }
  const call = (fixture: Fixture) =>
    simulateCall({ fixture, seed: flags.seed, isVirtual: true, speech, postgres, ...quiet })
  const shuffles = flags.shuffles ?? (flags.all ? SHUFFLES_OF_EACH : SHUFFLES_OF_ONE)
  const options = { ...flags, shuffles, postgres, speech, raced: new Map<string, string>(), onProgress: say }
  const results: RaceResult[] = []
  const startedAt = performance.now()
  try {
    for await (const original of inOrder(fixtures, call, callsAtOnce)) {
      const result = await race(original, options)
      results.push(result)
      print(flags.json ? JSON.stringify(result) : resultText(result, flags.seed))
    }
  } finally {
    await postgres.stop()
  }
  const untried = casesUntried(results)
  if (!flags.json) print(coverageText(results, untried, performance.now() - startedAt))
  process.exitCode = results.every(holds) && untried.length === 0 ? 0 : 1
}

async function fixturesToRace(flags: RaceFlags, say: (step: string) => void): Promise<Fixture[]> {
  const names = flags.all ? await listFixtures() : [flags.fixture ?? 'default']
  const fixtures = await Promise.all(names.map((name) => fixtureOf({ fixture: name, seed: flags.seed, json: false })))
  return fixtures.filter(({ name, call }) => {
    if (call.direction !== 'outbound') return true
    if (!flags.all)
      throw new Mistake(`The call of ${name} is placed by the server: it cannot be told again as another call.`)
    say(`${name}: left out, its call is placed by the server`)
    return false
  })
}

const holds = ({ pure, database }: RaceResult): boolean =>
  pure.outcomes === 1 && ('sameAs' in database || (database.outcomes === 1 && database.mails === database.mailsWanted))

/** Situations that some call could have been in, and none was. */
const casesUntried = (results: readonly RaceResult[]): string[] =>
  cases
    .map(({ name }) => name)
    .filter((name) => {
      const seen = results.flatMap((result) => result.cases.filter((each) => each.name === name))
      return seen.some(({ isPossible }) => isPossible) && seen.every(({ times }) => times === 0)
    })

function resultText(result: RaceResult, seed: string): string {
  const { name, pure, database, counterexample, deliveries } = result
  const lines = [
    `${holds(result) ? 'passed' : 'FAILED'}  ${name}: ${deliveries.length} deliveries`,
    `  in the fold      ${pure.tried} orders${pure.isExhaustive ? ' (all)' : ''}, ${pure.perSecond}/s, outcomes: ${pure.outcomes}`,
    'sameAs' in database
      ? `  on the database  delivers the same as ${database.sameAs}`
      : `  on the database  ${database.tried} orders, ${database.perSecond}/s, outcomes: ${database.outcomes}, mails: ${database.mails} of ${database.mailsWanted}`,
  ]
  if (counterexample !== null) {
    lines.push(
      `  another outcome, of this order: ${counterexample.order.map((wave) => wave.join(' with ')).join(' · ')}`,
    )
    lines.push(`    ${counterexample.difference}`, `    again: bun sim race --fixture ${name} --seed ${seed}`)
  }
  return lines.join('\n')
}

function coverageText(results: readonly RaceResult[], untried: readonly string[], tookMs: number): string {
  const rows = cases.map(({ name }) => {
    const seen = results.flatMap((result) => result.cases.filter((each) => each.name === name))
    const times = seen.reduce((sum, each) => sum + each.times, 0)
    return seen.some(({ isPossible }) => isPossible)
      ? `  ${String(times).padStart(6)}  ${name}`
      : `       –  ${name}: cannot come about in ${results.length === 1 ? 'this call' : 'these calls'}`
  })
  const verdict = untried.length === 0 ? [] : [`FAILED  never tried: ${untried.join(', ')}`]
  const passed = results.filter(holds).length
  const onDatabase = results.reduce((sum, { database }) => sum + ('sameAs' in database ? 0 : database.tried), 0)
  const inFold = results.reduce((sum, { pure }) => sum + pure.tried, 0)
  return [
    'Situations, and how many orders had them:',
    ...rows,
    ...verdict,
    `${inFold} orders in the fold, ${onDatabase} on the database, in ${(tookMs / 1000).toFixed(0)} s`,
    `${passed} passed, ${results.length - passed + untried.length} failed`,
  ].join('\n')
}

const print = (text: string): void => void process.stdout.write(`${text}\n`)
