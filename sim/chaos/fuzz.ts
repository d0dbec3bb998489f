// Many calls, each of another fixture and put through other faults, until one is not what it must be or the time is up. What
// fails is made smaller until nothing can be left out. Each call follows from the seed and its number alone.

import type { Violation } from '../audit/case.ts'
import { callsAtOnce, inOrder } from '../in-order.ts'
import { permuted } from '../race/orders.ts'
import { createRandom } from '../random.ts'
import type { Fixture } from '../script.ts'
import { drawFaults, virtualFaults } from './drawing.ts'
import type { Fault, FaultName } from './faults.ts'
import { type Outcome, outcomeOf, type Played, smallestSchedule } from './reproducing.ts'
import type { Smallest } from './shrinking.ts'
import { faultOf, type Strike } from './strikes.ts'

export type FuzzOptions = Played & {
  fixtures: readonly Fixture[]
  seed: string
  /** It ends after so many calls, or when no new call may begin any more, by the machine's time. */
  runsMax: number
  forMs: number
  onProgress(step: string): void
}

export type Failure = {
  fixture: string
  /** The call's own. */
  seed: string
  faults: Fault[]
  violations: Violation[]
  smallest: Smallest<Strike>
}

export type FuzzResult = {
  runs: number
  tookMs: number
  callMs: number
  /** How often each fault struck, and how many calls each fixture had. */
  faults: Record<string, number>
  fixtures: Record<string, number>
  failure: Failure | null
  /** Faults that never struck, though there were enough calls for each of them. */
  untried: FaultName[]
}

/** Each fault must be in every so many calls; after this many rounds, each must have struck. */
const ROUNDS_FOR_ALL = 2
const TELL_EVERY_RUNS = 10

type Run = { number: number; fixture: Fixture; seed: string; faults: Fault[] }

export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const { fixtures, forMs, onProgress } = options
  const beganAt = performance.now()
  const struck = new Map<FaultName, number>(virtualFaults.map((name) => [name, 0]))
  const called = new Map<string, number>(fixtures.map(({ name }) => [name, 0]))
  let [runs, callMs] = [0, 0]
  let failure: Failure | null = null
  const isOver = () => failure !== null || performance.now() - beganAt >= forMs
  const place = async (run: Run) => ({ run, outcome: await outcomeOf(run.fixture, run.seed, run, options) })
  for await (const { run, outcome } of inOrder(runsOf(options, isOver), place, callsAtOnce)) {
    runs++
    called.set(run.fixture.name, (called.get(run.fixture.name) ?? 0) + 1)
    callMs += outcome.callMs
    for (const strike of outcome.struck) struck.set(faultOf(strike), (struck.get(faultOf(strike)) ?? 0) + 1)
    if (runs % TELL_EVERY_RUNS === 0) onProgress(`${runs} calls`)
    if (outcome.violations.length === 0 || failure !== null) continue
    onProgress(`call ${run.number} of ${run.fixture.name} fails: looking for the smallest schedule that does`)
    failure = await failureOf(run, outcome, options)
  }
  const isEnough = failure === null && runs >= ROUNDS_FOR_ALL * virtualFaults.length
  return {
    runs,
    callMs,
    tookMs: performance.now() - beganAt,
    faults: Object.fromEntries(struck),
    fixtures: Object.fromEntries(called),
    failure,
    untried: isEnough ? virtualFaults.filter((name) => struck.get(name) === 0) : [],
  }
}

/** Round and round through the fixtures and the faults, each time in another order. */
function* runsOf({ fixtures, seed, runsMax }: FuzzOptions, isOver: () => boolean): Generator<Run> {
  for (let number = 0; number < runsMax && !isOver(); number++) {
    const own = `${seed}.${number}`
    const random = createRandom(own)
    yield {
      number,
      fixture: inTurn(fixtures, number, `${seed} fixtures`),
      seed: own,
      faults: drawFaults(random, inTurn(virtualFaults, number, `${seed} faults`)),
    }
  }
}

function inTurn<T>(list: readonly T[], number: number, label: string): T {
  const round = Math.floor(number / list.length)
  const order = permuted([...list.keys()], createRandom(`${label} ${round}`))
  return list[order[number % list.length] ?? 0] as T
}

async function failureOf(
  { fixture, seed, faults }: Run,
  outcome: Outcome,
  played: Played & Pick<FuzzOptions, 'onProgress'>,
): Promise<Failure> {
  const found = await smallestSchedule({ fixture, seed, ...outcome }, played)
  return { fixture: fixture.name, seed, faults, violations: outcome.violations, smallest: found }
}
