// A developer's own set-up, for when no database is configured: Postgres from a package, and a key, both kept in a folder
// that git ignores.
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type EmbeddedPostgres, startEmbeddedPostgres } from './db/embedded.ts'
import { ensureDatabase, migrate } from './db/migrate.ts'
import type { SealKey } from './organizations/seal.ts'

export const localFolder = '.frontdesk'
export const localDatabase = 'frontdesk'

export type LocalDatabase = { adminUrl: string; appUrl: string; postgres: EmbeddedPostgres }

/** Starts Postgres and brings the database up to date. `onProgress` hears what takes time. */
export async function startLocalDatabase(onProgress: (step: string) => void): Promise<LocalDatabase> {
  const postgres = await startEmbeddedPostgres({ folder: join(localFolder, 'postgres'), onProgress })
  const adminUrl = postgres.adminUrl(localDatabase)
  const appUrl = postgres.appUrl(localDatabase)
  onProgress('migrating the database')
  await ensureDatabase({ adminUrl: postgres.adminUrl('postgres'), name: localDatabase })
  await migrate({ adminUrl, appUrl })
  return { adminUrl, appUrl, postgres }
}

/** The development key: made once, readable by its owner only. */
export function localKeys(): SealKey[] {
  const file = join(localFolder, 'key')
  if (!existsSync(file)) {
    mkdirSync(localFolder, { recursive: true })
    writeFileSync(file, randomBytes(32).toString('base64'), { mode: 0o600 })
  }
  return [{ id: 'local', key: new Uint8Array(Buffer.from(readFileSync(file, 'utf8'), 'base64')) }]
}
