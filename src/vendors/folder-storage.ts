// Files in a folder of this machine: for a developer, the simulator, and a server with a disk of its own. A file appears
// whole or not at all, readable by this user only; a key that could lead out of the folder is refused.
import { access, constants, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type Outcome, ok, problem } from '../lib/outcome.ts'
import { isStorageKey, type Storage, type StorageProblem } from './storage.ts'

export function createFolderStorage(folder: string): Storage {
  return {
    async put(key, bytes) {
      if (!isStorageKey(key)) return malformed
      const path = join(folder, key)
      try {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 })
        await replace(path, bytes)
        return ok(null)
      } catch (error) {
        return failure('keep file', error)
      }
    },

    async get(key) {
      if (!isStorageKey(key)) return malformed
      try {
        return ok(new Uint8Array(await readFile(join(folder, key))))
      } catch (error) {
        return failure('read file', error)
      }
    },
  }
}

/** Whether files can be kept there: in the folder, or in the nearest above it that exists, in which it would be made. */
export async function folderTakesFiles(folder: string): Promise<boolean> {
  for (let place = resolve(folder); ; place = dirname(place)) {
    const trouble = await access(place, constants.W_OK).then(
      () => null,
      ({ code }: { code?: string }) => code,
    )
    if (trouble === null) return (await stat(place)).isDirectory()
    if (trouble !== 'ENOENT' || place === dirname(place)) return false
  }
}

const malformed = problem('refused', 'Cannot use storage key: it must be plain names between single slashes')

async function replace(path: string, bytes: Uint8Array): Promise<void> {
  const partial = `${path}.${crypto.randomUUID()}.partial`
  try {
    await writeFile(partial, bytes, { mode: 0o600 })
    await rename(partial, path)
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
}

function failure(action: string, error: unknown): Outcome<never, StorageProblem> {
  const code = (error as { code?: unknown }).code
  if (typeof code !== 'string') throw error
  return problem(code === 'ENOENT' ? 'not-found' : 'unavailable', `Cannot ${action}: ${code}`)
}
