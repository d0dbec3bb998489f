// What a person asked of `sim call`, and the fixture that follows from it.
import type { AskedChaos } from './chaos/reading.ts'
import { FixtureFault, listFixtures, loadFixture } from './fixture.ts'
import { Mistake } from './mistake.ts'
import type { Fixture } from './script.ts'

export type Wish = {
  to?: string
  from?: string
  fixture?: string
  seed: string
  json: boolean
  trace?: string
  save?: string
  chaos?: AskedChaos
  /** The file of the page that shows the call. */
  report?: string
}

/** Where the last call is kept when no other folder was asked for. */
export const lastCallFolder = '.frontdesk/last-call'

/** The fixture named; else the usual one of the number; else the one that calls a number of nobody. */
export async function fixtureOf({ to, from, fixture: named }: Wish): Promise<Fixture> {
  const fixture = await load(named ?? (await fixtureCalling(to)))
  return { ...fixture, call: { ...fixture.call, to: to ?? fixture.call.to, from: from ?? fixture.call.from } }
}

async function fixtureCalling(to: string | undefined): Promise<string> {
  if (to === undefined) return 'default'
  const fixtures = await Promise.all((await listFixtures()).map(load))
  return fixtures.find(({ call, isUsual }) => isUsual && call.to === to)?.name ?? 'unknown-number'
}

async function load(name: string): Promise<Fixture> {
  try {
    return await loadFixture(name)
  } catch (error) {
    throw error instanceof FixtureFault ? new Mistake(error.message) : error
  }
}

/** What to type to have the same call again. */
export function commandOf({ to, from, fixture, seed, chaos }: Wish, more: string[] = []): string {
  const options = [
    ['--to', to],
    ['--from', from],
    ['--fixture', fixture],
    ['--seed', seed],
    ['--chaos', chaos?.text],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]))
  return ['bun sim call', ...options, ...more].join(' ')
}
