// How `sim call` and a running `bun dev` talk: a note on disk says where, a request says what, and the answer is a JSON
// object a line.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Mistake } from './mistake.ts'
import type { Wish } from './wish.ts'

export const devFile = join('.frontdesk', 'dev.json')

/**
 * Origins of the server, and of the door at which calls are asked for; and how the server is to be spoken to. `settings`: those
 * that the server was given, by which `bun clinic` and `bun run doctor` work on it.
 */
export type DevNote = {
  server: string
  control: string
  publicBaseUrl: string
  accountSid: string
  authToken: string
  settings: Record<string, string>
}

/** Null when no `bun dev` is running, as far as is known. Throws a Mistake when the note is broken. */
export async function readDevNote(): Promise<DevNote | null> {
  const text = await readFile(devFile, 'utf8').catch(() => null)
  try {
    return text === null ? null : JSON.parse(text)
  } catch {
    throw new Mistake(`${devFile} cannot be read. Start "bun dev" again, or remove the file.`)
  }
}

export type DevRequest = {
  wish: Wish
  screen: { columns?: number; isTTY?: boolean; noColor?: string }
}

/** `gone`: the server is not there any more. */
export type DevLine =
  | { text: string }
  | { progress: string }
  | { mistake: string }
  | { gone: string }
  | { exitCode: number }
