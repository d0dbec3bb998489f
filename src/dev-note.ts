// `--dev` of the commands: the server that `bun dev` keeps in this folder, by the note that it leaves there. Refuses a note whose
// server does not answer, since a `bun dev` that was killed leaves its note behind.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { limits } from './config.ts'
import { localFolder } from './local.ts'
import { Mistake } from './setup/mistake.ts'
import { directly, type Reach, reachedAt } from './setup/reach.ts'

const note = z.object({ server: z.url(), settings: z.record(z.string(), z.string()) })

export type Surroundings = { environment: Record<string, string | undefined>; reach: Reach }

/** What a command works with: our own environment, or that of the server of `bun dev`. Throws a Mistake when there is none. */
export async function surroundings(isDev: boolean | undefined): Promise<Surroundings> {
  if (!isDev) return { environment: process.env, reach: directly }
  const { server, settings } = await readNote()
  const answer = await fetch(`${server}/healthz`, { signal: AbortSignal.timeout(limits.vendorRequestMs) }).catch(
    () => null,
  )
  if (!answer?.ok) throw new Mistake(`--dev: the server of \`bun dev\` does not answer at ${server}. Start it again.`)
  return { environment: { ...process.env, ...settings }, reach: reachedAt(server) }
}

/** What is told to be typed next, as it is typed for the same server. */
export const toBeTyped = (isDev: boolean | undefined, text: string): string =>
  isDev ? text.replace(/bun clinic .*$/, '$& --dev') : text

async function readNote(): Promise<z.infer<typeof note>> {
  const text = await readFile(join(localFolder, 'dev.json'), 'utf8').catch(() => null)
  if (text === null) throw new Mistake('--dev: no `bun dev` is running in this folder. Start one with: bun dev')
  const read = note.safeParse(parsedOrNull(text))
  if (!read.success) throw new Mistake('--dev: what `bun dev` left behind here cannot be read. Start it again: bun dev')
  return read.data
}

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
