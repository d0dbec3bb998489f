// Where files that outlive a call are kept, such as recordings. One key, one file; putting it again replaces it, so that a
// repeated job does no harm.
import type { Outcome } from '../lib/outcome.ts'

/** not-found: no such file. unavailable: try again later. refused: the key is malformed, or the store will not take it. */
export type StorageProblem = 'not-found' | 'unavailable' | 'refused'

export type Storage = {
  put(key: string, bytes: Uint8Array, contentType: string): Promise<Outcome<null, StorageProblem>>
  get(key: string): Promise<Outcome<Uint8Array, StorageProblem>>
}

const segment = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/
const maxKeyChars = 300

/** Segments of plain characters between single slashes: nothing that could climb out of a folder or hide in one. */
export const isStorageKey = (key: string): boolean =>
  key.length <= maxKeyChars && key.split('/').every((part) => segment.test(part))
