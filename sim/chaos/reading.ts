// Reads what was asked of `--chaos`: a comma list, or a JSON file of faults or of strikes, which are replayed
// to the letter.
import { readFile } from 'node:fs/promises'
import { Mistake } from '../mistake.ts'
import { formatFaults, parseFaults, readFaults } from './faults.ts'
import type { ChaosPlan } from './schedule.ts'
import { readStrikes } from './strikes.ts'

/** `text`: as it was given, for the line that repeats it. */
export type AskedChaos = { text: string; plan: ChaosPlan }

const VERSION = 1

/** Throws a Mistake. */
export async function readChaos(text: string): Promise<AskedChaos> {
  if (!text.endsWith('.json')) {
    const faults = parseFaults(text)
    return { text: formatFaults(faults), plan: { faults } }
  }
  const where = `--chaos ${text}`
  const content = await readFile(text, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Mistake(`${where}: the file cannot be read (${error.code}).`)
  })
  return { text, plan: planIn(content, where) }
}

function planIn(content: string, where: string): ChaosPlan {
  const { version, faults, strikes } = parsed(content, where)
  if (version !== VERSION) throw new Mistake(`${where}: version is not ${VERSION}, the only one there is`)
  if ((faults === undefined) === (strikes === undefined))
    throw new Mistake(`${where}: it must have either faults, to draw from, or strikes, to replay`)
  return faults === undefined ? { strikes: readStrikes(strikes, where) } : { faults: readFaults(faults, where) }
}

function parsed(content: string, where: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(content)
    if (typeof json === 'object' && json !== null) return { ...json }
  } catch (error) {
    throw new Mistake(`${where}: it is not JSON (${error instanceof Error ? error.message : String(error)})`)
  }
  throw new Mistake(`${where}: it is not a JSON object`)
}

/** A plan as its file has it: planIn reads it back. */
export const planText = (plan: ChaosPlan): string => `${JSON.stringify({ version: VERSION, ...plan }, null, 1)}\n`
