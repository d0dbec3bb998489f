// Fixtures from disk, looked through for real patients: each file with the recording that it names. A fault is told like any
// other fault of a fixture: `sim/fixtures/x.yaml:14:5: …`.
import { readFile } from 'node:fs/promises'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { z } from 'zod'
import { keptIn, textsOf } from '../fixture.ts'
import { type Cast, castOf } from './cast.ts'
import { lintText } from './lint.ts'

const castFile = fileURLToPath(new URL('./cast.yaml', import.meta.url))
const castShape = z.strictObject({ people: z.array(z.string()), places: z.array(z.string()) })

const readCast = async (): Promise<Cast> => {
  const { people, places } = castShape.parse(parse(await readFile(castFile, 'utf8')))
  return castOf([...people, ...places])
}

/** A line for everything that looks like a real patient. `fixtures`: names or paths. Throws a FixtureFault when one cannot be read. */
export async function lintFixtures(fixtures: readonly string[]): Promise<string[]> {
  const cast = await readCast()
  const kept = (await Promise.all(fixtures.map(keptIn))).flat()
  const texts = (await Promise.all(fixtures.map(textsOf))).flat()
  const found = texts.flatMap(({ path, text }) =>
    lintText(text, cast).map(
      ({ line, column, message }) => `${relative(process.cwd(), path)}:${line}:${column}: ${message}`,
    ),
  )
  return [...kept, ...found]
}
