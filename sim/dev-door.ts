// How `sim call` and a running `bun dev` talk: a note on disk says where, a request says what, and the answer is a JSON
// object a line.
import { join } from 'node:path'
import type { Wish } from './wish.ts'

export const devFile = join('.frontdesk', 'dev.json')

/** Origins of the server, and of the door at which calls are asked for. */
export type DevNote = { server: string; control: string }

export type DevRequest = {
  wish: Wish
  screen: { columns?: number; isTTY?: boolean; noColor?: string }
}

export type DevLine = { text: string } | { mistake: string } | { exitCode: number }
