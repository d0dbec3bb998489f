// What a person asked of `sim call`, and the fixture that follows from it.
import { quoted, typed, word } from './caller-options.ts'
import { type CallerWish, withCaller } from './caller-wish.ts'
import type { CarrierFaults } from './carrier/faults.ts'
import type { AskedChaos } from './chaos/reading.ts'
import { listFixtures, loadFixture } from './fixture.ts'
import type { ModelFaults } from './model/settings.ts'
import type { Fixture } from './script.ts'
import { createSpeech, speechFolder } from './speech.ts'

export type Wish = {
  to?: string
  from?: string
  fixture?: string
  seed: string
  json: boolean
  trace?: string
  save?: string
  chaos?: AskedChaos
  /** What goes wrong at the carrier. `text`: as it was given. */
  carrierFaults?: { text: string; faults: CarrierFaults }
  /** What goes wrong with the model, beside what goes wrong in the fixture. */
  modelFaults?: { text: string; faults: ModelFaults }
  /** In place of the fixture's caller, or in addition to what they do. */
  caller?: CallerWish
  /** The file of the page that shows the call. */
  report?: string
}

/** Where the last call is kept when no other folder was asked for. */
export const lastCallFolder = '.frontdesk/last-call'

/** The fixture named; else the usual one of the number; else the one that calls a number of nobody. */
export async function fixtureOf({ to, from, fixture: named, modelFaults, caller }: Wish): Promise<Fixture> {
  const written = await loadFixture(named ?? (await fixtureCalling(to)))
  const call = { ...written.call, to: to ?? written.call.to, from: from ?? written.call.from }
  const fixture = {
    ...written,
    call,
    expect: expectedOf(written, call),
    ...(modelFaults && withFaults(written, modelFaults.faults)),
  }
  if (caller === undefined) return fixture
  return withCaller(fixture, caller, named !== undefined, createSpeech({ cacheFolder: speechFolder }))
}

/** Whoever calls somebody else, or as somebody else, finds that in the row. */
function expectedOf({ call: before, expect }: Fixture, call: Fixture['call']): Fixture['expect'] {
  const { from_number, to_number } = expect.row
  const row = {
    ...expect.row,
    ...(from_number === before.from ? { from_number: call.from } : {}),
    ...(to_number === before.to ? { to_number: call.to } : {}),
  }
  return { ...expect, row }
}

/** What the fixture expects of the talk does not follow then. */
const withFaults = ({ model }: Fixture, faults: ModelFaults): Pick<Fixture, 'model' | 'isAltered'> => ({
  model: { ...model, faults: { ...model.faults, ...faults } },
  isAltered: true,
})

async function fixtureCalling(to: string | undefined): Promise<string> {
  if (to === undefined) return 'default'
  const fixtures = await Promise.all((await listFixtures()).map((name) => loadFixture(name)))
  return fixtures.find(({ call, isUsual }) => isUsual && call.to === to)?.name ?? 'unknown-number'
}

/** What to type to have the same call again. */
export function commandOf(
  { to, from, fixture, seed, chaos, carrierFaults, modelFaults, caller }: Wish,
  more: string[] = [],
): string {
  const options = [
    ['--to', to],
    ['--from', from],
    ['--fixture', fixture && word(fixture)],
    ['--seed', word(seed)],
    ['--chaos', chaos && word(chaos.text)],
    ['--carrier-faults', carrierFaults && quoted(carrierFaults.text)],
    ['--model-faults', modelFaults && quoted(modelFaults.text)],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]))
  return ['bun sim call', ...options, ...(caller === undefined ? [] : typed(caller)), ...more].join(' ')
}
