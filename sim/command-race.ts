// `sim race`: one call's deliveries in many orders. Says how many were tried, how fast, and that there was one outcome.
// A call that the server placed is refused: its first delivery is not the carrier's.
import { simulateCall } from './call.ts'
import { listFixtures } from './fixture.ts'
import { openPostgres } from './house.ts'
import { Mistake } from './mistake.ts'
import { cases } from './race/cases.ts'
import { type RaceResult, race } from './race/race.ts'
import { createSpeech, speechFolder } from './speech.ts'
import { fixtureOf } from './wish.ts'

export type RaceFlags = { fixture?: string; all?: boolean; seed: string; shuffles: number; json?: boolean }

export async function raceCommand(flags: RaceFlags): Promise<void> {
  const names = flags.all ? await listFixtures() : [flags.fixture ?? 'default']
  const say = (step: string) => void process.stderr.write(`… ${step}\n`)
  const postgres = await openPostgres(say)
  const speech = createSpeech({ cacheFolder: speechFolder })
  const results: RaceResult[] = []
  try {
    for (const name of names) {
      const fixture = await fixtureOf({ fixture: name, seed: flags.seed, json: false })
      if (fixture.call.direction === 'outbound') {
        if (!flags.all)
          throw new Mistake(`The call of ${name} is placed by the server: it cannot be told again as another call.`)
        say(`${name}: left out, its call is placed by the server`)
        continue
      }
      const original = await simulateCall({
        fixture,
        seed: flags.seed,
        isVirtual: true,
        speech,
        postgres,
        onProgress: () => {},
        onTrace: () => {},
      })
      const result = await race(original, {
        seed: flags.seed,
        shuffles: flags.shuffles,
        postgres,
        speech,
        onProgress: say,
      })
      results.push(result)
      print(flags.json ? JSON.stringify(result) : resultText(result, flags.seed))
    }
  } finally {
    await postgres.stop()
  }
  const untried = casesUntried(results)
  if (!flags.json) print(coverageText(results, untried))
  process.exitCode = results.every(holds) && untried.length === 0 ? 0 : 1
}

const holds = ({ pure, database }: RaceResult): boolean =>
  pure.outcomes === 1 && database.outcomes === 1 && database.mails === database.mailsWanted

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
    `  on the database  ${database.tried} orders, ${database.perSecond}/s, outcomes: ${database.outcomes}, mails: ${database.mails} of ${database.mailsWanted}`,
  ]
  if (counterexample !== null) {
    lines.push(
      `  another outcome, of this order: ${counterexample.order.map((wave) => wave.join(' with ')).join(' · ')}`,
    )
    lines.push(`    ${counterexample.difference}`, `    again: bun sim race --fixture ${name} --seed ${seed}`)
  }
  return lines.join('\n')
}

function coverageText(results: readonly RaceResult[], untried: readonly string[]): string {
  const rows = cases.map(({ name }) => {
    const times = results.reduce(
      (sum, result) => sum + (result.cases.find((each) => each.name === name)?.times ?? 0),
      0,
    )
    return `  ${String(times).padStart(6)}  ${name}`
  })
  const verdict = untried.length === 0 ? [] : [`FAILED  never tried: ${untried.join(', ')}`]
  const passed = results.filter(holds).length
  return [
    'Situations, and how many orders had them:',
    ...rows,
    ...verdict,
    `${passed} passed, ${results.length - passed + untried.length} failed`,
  ].join('\n')
}

const print = (text: string): void => void process.stdout.write(`${text}\n`)
