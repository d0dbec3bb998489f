// One Postgres server process on a cluster: launching it, finding it, sharing it, stopping it.
//
// Nobody keeps a list of its users. Each holds a shared advisory lock inside the server, which the server releases when
// that user's connection breaks; whoever then gets the lock exclusively was the last, and stops the server. That two
// servers never run on one data directory is Postgres' own rule, so a launch that loses a race simply joins the winner.
import { spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { text as allOf } from 'node:stream/consumers'
import postgres from 'postgres'
import type { Cluster } from './embedded-cluster.ts'

/** One user's hold on the server: until `release`, or until our process ends, the server runs. */
export type Hold = { port: number; release(): Promise<void> }

type Server = { pid: number; port: number; state: string }

const startLimitMs = 30_000
/** A server that was told to stop takes nobody in, and waits for its last client; longer than this nobody waits for that. */
const stoppingLimitMs = 3_000
const stopLimitMs = 10_000
const connectLimitMs = 5_000
/** How long the server may take to notice that a killed user's connection is gone. */
const goneLimitMs = 2_000
const pollMs = 10
const maxLaunches = 20
/** Between launches: the processes of a killed server take a moment to notice that it is gone. */
const relaunchMs = 100
const maxLogBytes = 1 << 20
/** The advisory lock, in the database `postgres`, that the server's users share. */
const usersLock = 6_021_934

const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: 200,
  shared_buffers: '32MB',
  // What was committed outlives a server that is killed; only the machine must not lose its power.
  fsync: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: 0,
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // A log that cannot quote a row: no statements, no parameters, no details.
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
  log_parameter_max_length_on_error: 0,
}

/** Joins the cluster's server, launching it if there is none. */
export async function holdServer(cluster: Cluster, onLaunch: () => void): Promise<Hold> {
  const beganAtMs = Date.now()
  let hastened = 0
  for (let launches = 0; Date.now() < beganAtMs + startLimitMs && launches < maxLaunches; await pause(pollMs)) {
    const server = findServer(cluster)
    if (server === undefined) {
      if (launches === 0) onLaunch()
      else await pause(relaunchMs)
      launches++
      await launch(cluster, await freePort())
    } else if (server.state === 'ready') {
      const hold = await takeHold(cluster, server)
      if (hold !== undefined) return hold
    } else if (server.state === 'stopping' && hastened !== server.pid && Date.now() > beganAtMs + stoppingLimitMs) {
      hastened = server.pid
      process.kill(server.pid, 'SIGINT')
    }
  }
  throw new Error(`Cannot start the development database in ${cluster.data}. Its log ends:\n${lastLines(cluster.log)}`)
}

/**
 * Breaks every connection, ours among them, and starts the server again at the same port after `downMs`: the hold is a new
 * one. Nothing that was committed is lost. For a user that has the cluster to itself.
 */
export async function restartServer(cluster: Cluster, hold: Hold, downMs: number): Promise<Hold> {
  const server = findServer(cluster)
  if (server === undefined) throw new Error('Cannot restart the development database: it does not run')
  process.kill(server.pid, 'SIGQUIT')
  const hasStopped = async () => findServer(cluster) === undefined
  if (!(await eventually(hasStopped, stopLimitMs))) throw new Error(`Postgres (process ${server.pid}) does not stop`)
  await hold.release()
  await pause(downMs)
  await launch(cluster, hold.port)
  const again = await holdServer(cluster, () => {})
  if (again.port !== hold.port) throw new Error(`Postgres came back at port ${again.port}, not at ${hold.port}`)
  return again
}

/** Stops the server if nobody holds it: for the sake of a user that was killed. */
export async function stopUnusedServer(cluster: Cluster): Promise<void> {
  for (const deadlineMs = Date.now() + startLimitMs; Date.now() < deadlineMs; await pause(pollMs)) {
    const server = findServer(cluster)
    if (server === undefined) return
    if (server.state !== 'ready') continue
    const sql = connect(cluster, server)
    try {
      return await stopIfAlone(cluster, server, sql, goneLimitMs)
    } finally {
      await sql.end({ timeout: 0 })
    }
  }
}

/** Undefined when the server stopped before we had hold of it. */
async function takeHold(cluster: Cluster, server: Server): Promise<Hold | undefined> {
  const sql = connect(cluster, server)
  try {
    await sql`select pg_advisory_lock_shared(${usersLock})`
  } catch {
    await sql.end({ timeout: 0 })
    return undefined
  }
  return {
    port: server.port,
    async release() {
      try {
        await sql`select pg_advisory_unlock_shared(${usersLock})`.catch(() => {}) // The server was stopped by force.
        await stopIfAlone(cluster, server, sql, 0)
      } finally {
        await sql.end({ timeout: 0 })
      }
    },
  }
}

/**
 * With the lock all to itself a connection knows that no user is left, and lets none in until the server is gone. Should
 * the connection break instead, somebody else was the last, and is stopping the server.
 */
async function stopIfAlone(cluster: Cluster, server: Server, sql: postgres.Sql, waitMs: number): Promise<void> {
  const isAlone = async () => {
    const [row] = await sql<{ locked: boolean }[]>`select pg_try_advisory_lock(${usersLock}) as locked`
    return row?.locked === true
  }
  if (!(await eventually(isAlone, waitMs).catch(() => false))) return
  process.kill(server.pid, 'SIGINT')
  const hasStopped = async () => findServer(cluster)?.pid !== server.pid
  if (!(await eventually(hasStopped, stopLimitMs))) throw new Error(`Postgres (process ${server.pid}) does not stop`)
}

/** One connection, kept for as long as it is needed: the lock is bound to it. */
function connect(cluster: Cluster, server: Server): postgres.Sql {
  return postgres({
    ...{ host: '127.0.0.1', port: server.port, database: 'postgres', user: 'postgres', pass: cluster.adminPassword },
    ...{ max: 1, max_lifetime: null, fetch_types: false, connect_timeout: connectLimitMs / 1000 },
    onnotice: () => {},
  })
}

/** The server that runs on the cluster now, if any; it may still be starting, or already be stopping. */
function findServer(cluster: Cluster): Server | undefined {
  const file = join(cluster.data, 'postmaster.pid')
  const text = readText(file)
  if (text === undefined) return undefined
  const lines = text.split('\n')
  const server = { pid: Number(lines[0]), port: Number(lines[3]), state: lines[7]?.trim() ?? '' }
  const isBeingWritten = server.pid === 0
  if (isBeingWritten || commandOf(server.pid).includes(cluster.data)) return server
  // A killed server left it. Postgres sees that by itself, unless there is still, or again, a process of that number.
  if (isThere(server.pid) && readText(file) === text) fs.rmSync(file, { force: true })
  return undefined
}

/** Starts it in the background, and tells its process number: its output goes where the shell's errors go. */
const inBackground = '"$@" >&2 & echo $!'

/**
 * Answers when the server is ready, or has ended, as it does at once where another one was faster. It is nobody's child: `bun test`
 * ends those of its process when a test takes too long, and with them would go the server of all other tests and users.
 */
async function launch(cluster: Cluster, port: number): Promise<void> {
  const isLong = (fs.statSync(cluster.log, { throwIfNoEntry: false })?.size ?? 0) > maxLogBytes
  const log = fs.openSync(cluster.log, isLong ? 'w' : 'a', 0o600)
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const command = [cluster.postgres, '-D', cluster.data, '-p', String(port), ...options]
  const shell = spawn('/bin/sh', ['-c', inBackground, 'sh', ...command], {
    ...cluster.runAs,
    cwd: cluster.data,
    // Not our environment, which may hold keys; and its own session: Ctrl-C in our terminal is not meant for it.
    env: { PATH: process.env.PATH },
    detached: true,
    stdio: ['ignore', 'pipe', log],
  })
  fs.closeSync(log)
  shell.once('error', (error) => fs.appendFileSync(cluster.log, `${error.message}\n`))
  const pid = shell.stdout === null ? 0 : Number(await allOf(shell.stdout))
  const hasEnded = () => !commandOf(pid).includes(cluster.data)
  await eventually(async () => hasEnded() || findServer(cluster)?.state === 'ready', startLimitMs)
}

/** The command line of a process, empty if there is none that we may look at. */
function commandOf(pid: number): string {
  if (fs.existsSync('/proc/self/cmdline')) return readText(`/proc/${pid}/cmdline`) ?? ''
  return spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout
}

/** Also true of a dead process that its parent, or a container's first process, does not bury. */
function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Undefined when there is no such file (any more). */
function readText(path: string): string | undefined {
  try {
    return fs.readFileSync(path, 'utf8')
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

/** A process that ends while its files are read gives ESRCH. */
const isGone = (error: unknown): boolean => ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')

const lastLines = (log: string): string => (readText(log) ?? '').trimEnd().split('\n').slice(-5).join('\n')

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

async function eventually(isTrue: () => Promise<boolean>, limitMs: number): Promise<boolean> {
  const deadlineMs = Date.now() + limitMs
  for (;;) {
    if (await isTrue()) return true
    if (Date.now() >= deadlineMs) return false
    await pause(pollMs)
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
