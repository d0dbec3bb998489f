// What failed, again and smaller: the call is played anew with parts of what struck it, until as little as can be still breaks
// one of the same rules. The schedule is kept as a file that replays it to the letter.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Violation } from '../audit/case.ts'
import { type CallRequest, type CallResult, type Hosting, simulateCall } from '../call.ts'
import type { Fixture } from '../script.ts'
import { planText } from './reading.ts'
import type { ChaosPlan } from './schedule.ts'
import { type Smallest, smallest } from './shrinking.ts'
import { type Strike, strikeText } from './strikes.ts'

const SHRINKING_TRIES_MAX = 60
/** In real time each lasts as long as the call, and what fails there may fail by chance. */
const SHRINKING_TRIES_REAL_MAX = 12
const folder = join('.frontdesk', 'chaos')

export type Outcome = { violations: Violation[]; struck: Strike[]; callMs: number }
/** How a call is played, the first time and again: on which clock and in how many processes, and what else it was given. */
export type Played = Pick<CallRequest, 'speech' | 'instructions' | 'carrierFaults'> &
  Pick<Hosting, 'isVirtual' | 'machines' | 'postgres'>

const unended = 'the call can be played to its end'

/** A call that cannot even be played to its end has failed, too. */
export async function outcomeOf(fixture: Fixture, seed: string, chaos: ChaosPlan, played: Played): Promise<Outcome> {
  const quiet = { onProgress: () => {}, onTrace: () => {} }
  try {
    const result = await simulateCall({ ...played, fixture, seed, chaos, ...quiet })
    const { violations, evidence } = result
    return { violations, struck: evidence.chaos?.struck.map(({ strike }) => strike) ?? [], callMs: lengthMs(result) }
  } catch (error) {
    const explanation = error instanceof Error ? error.message : String(error)
    return { violations: [{ rule: unended, explanation }], struck: [], callMs: 0 }
  }
}

const lengthMs = ({ evidence: { carrier } }: CallResult): number =>
  (carrier.endedAtMs ?? carrier.ringingAtMs) - carrier.ringingAtMs

/** Of what struck a call, as little as still breaks one of the same rules. */
export async function smallestSchedule(
  { fixture, seed, struck, violations }: Pick<Outcome, 'struck' | 'violations'> & { fixture: Fixture; seed: string },
  played: Played & { onProgress(step: string): void },
): Promise<Smallest<Strike>> {
  const rules = new Set(violations.map(({ rule }) => rule))
  const fails = async (strikes: Strike[]): Promise<boolean> => {
    played.onProgress(`trying ${strikes.length} of ${struck.length} strikes`)
    const again = await outcomeOf(fixture, seed, { strikes }, played)
    return again.violations.some(({ rule }) => rules.has(rule))
  }
  return smallest(struck, fails, played.isVirtual ? SHRINKING_TRIES_MAX : SHRINKING_TRIES_REAL_MAX)
}

/** The file that replays the smallest schedule. */
export async function keepSchedule({
  fixture,
  seed,
  smallest,
}: {
  fixture: string
  seed: string
  smallest: Smallest<Strike>
}): Promise<string> {
  await mkdir(folder, { recursive: true })
  const file = join(folder, `${fixture}-${seed}.json`)
  await writeFile(file, planText({ strikes: smallest.list }))
  return file
}

/** What is left of a schedule that fails. */
export const scheduleLines = ({ list, tries, isMinimal }: Smallest<Strike>): string[] => [
  `smallest schedule that fails${isMinimal ? '' : ' (of those that were tried)'}, after ${tries} tries:`,
  ...(list.length === 0 ? ['  none: it fails without any fault'] : list.map((strike) => `  ${strikeText(strike)}`)),
]
