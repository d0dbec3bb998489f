// The development database: shared by all who start it, gone with the last of them, and never in the way of the next.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Subprocess } from 'bun'
import postgres from 'postgres'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'

type User = { port: number; process: Subprocess<'pipe', 'pipe', 'inherit'> }

const script = fileURLToPath(new URL('../support/embedded-user.ts', import.meta.url))
/** Starting servers is slow on a busy machine. */
const patienceMs = 60_000
let folder: string

beforeAll(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'frontdesk-test-'))
})
afterAll(() => {
  for (const path of [home(), folder]) fs.rmSync(path, { recursive: true, force: true })
})

/** Another process that uses the database: answers when it does. */
async function startUser(): Promise<User> {
  const user = Bun.spawn([process.execPath, script, folder], { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' })
  const { value } = await user.stdout.getReader().read()
  return { port: Number(new TextDecoder().decode(value)), process: user }
}

async function leave(user: User): Promise<void> {
  user.process.stdin.end()
  expect(await user.process.exited).toBe(0)
}

async function kill(user: User): Promise<void> {
  user.process.kill('SIGKILL')
  await user.process.exited
}

/** Where the cluster is kept. */
function home(): string {
  const record = fs.readdirSync(folder).find((name) => name.endsWith('.json')) ?? ''
  return resolve(folder, JSON.parse(fs.readFileSync(join(folder, record), 'utf8')).home)
}

const pidFile = () => join(home(), 'data/postmaster.pid')
const serverPid = () => Number(fs.readFileSync(pidFile(), 'utf8').split('\n')[0])
const isRunning = () => fs.existsSync(pidFile())
const turn = () => new Promise((resolve) => setImmediate(resolve))

async function untilStopped(): Promise<void> {
  while (isRunning()) await turn()
}

test(
  'two processes that start it first, at the same time, share one, until the last of them leaves',
  async () => {
    const [first, second] = await Promise.all([startUser(), startUser()])
    expect(first.port).toBe(second.port)
    await leave(first)
    expect(isRunning()).toBe(true)
    const third = await startUser()
    expect(third.port).toBe(first.port)
    await Promise.all([leave(second), leave(third)])
    expect(isRunning()).toBe(false)
  },
  patienceMs,
)

test(
  'what was written is there the next time',
  async () => {
    for (const step of ['write', 'read']) {
      const server = await startEmbeddedPostgres({ folder })
      const sql = postgres(server.adminUrl('postgres'), { max: 1 })
      if (step === 'write') await sql`create table kept as select 42 as answer`
      expect(await sql`select answer from kept`).toMatchObject([{ answer: 42 }])
      await sql.end()
      await server.stop()
      expect(isRunning()).toBe(false)
    }
  },
  patienceMs,
)

test(
  'it lets nobody in without the password, and keeps that from other users',
  async () => {
    const server = await startEmbeddedPostgres({ folder })
    const url = new URL(server.adminUrl('postgres'))
    const secret = url.password
    url.password = 'guess'
    const stranger = postgres(url.href, { max: 1 })
    await expect((async () => await stranger`select 1`)()).rejects.toMatchObject({ code: '28P01' })
    await stranger.end()
    for (const name of fs.readdirSync(folder).filter((name) => name.endsWith('.json'))) {
      expect(fs.readFileSync(join(folder, name), 'utf8')).toContain(secret)
      expect(fs.statSync(join(folder, name)).mode & 0o077).toBe(0)
    }
    expect(fs.statSync(join(home(), 'data')).mode & 0o077).toBe(0)
    await server.stop()
  },
  patienceMs,
)

test(
  'a test that takes too long, for which the runner ends the children of its process, leaves it running until the end',
  async () => {
    const command = [process.execPath, 'test', fileURLToPath(new URL('../support/hanging-tests.ts', import.meta.url))]
    const { stderr } = Bun.spawnSync(command, { env: { ...process.env, FOLDER: folder }, timeout: patienceMs })
    expect(stderr.toString()).toContain('(fail) one takes too long')
    expect(stderr.toString()).toContain('(pass) the next one has its database')
    await untilStopped()
  },
  patienceMs,
)

test(
  'it stops after its only user was killed',
  async () => {
    await kill(await startUser())
    await untilStopped()
  },
  patienceMs,
)

test(
  'it stops after the last of several killed users, and not before',
  async () => {
    const [first, second] = await Promise.all([startUser(), startUser()])
    await kill(first)
    const third = await startUser()
    expect(third.port).toBe(second.port)
    await Promise.all([kill(second), kill(third)])
    await untilStopped()
  },
  patienceMs,
)

test(
  'it stops after its only user was killed, although the folder that names it is gone',
  async () => {
    const user = await startUser()
    const file = pidFile()
    for (const name of fs.readdirSync(folder).filter((name) => name.endsWith('.json'))) fs.rmSync(join(folder, name))
    await kill(user)
    while (fs.existsSync(file)) await turn()
    expect(fs.readdirSync(folder).filter((name) => name.endsWith('.json'))).toEqual([])
    fs.rmSync(resolve(file, '../..'), { recursive: true })
    await leave(await startUser())
  },
  patienceMs,
)

test(
  'somebody who starts it while it stops gets it nevertheless',
  async () => {
    for (let round = 0; round < 5; round++) {
      const [next] = await Promise.all([startUser(), startUser().then(leave)])
      expect(next.port).toBeGreaterThan(0)
      await leave(next)
    }
  },
  patienceMs,
)

test(
  'a server that was killed is no hindrance, even if its process number is in use again',
  async () => {
    const user = await startUser()
    const pid = serverPid()
    const stale = fs.readFileSync(pidFile(), 'utf8').replace(String(pid), String(process.pid))
    process.kill(pid, 'SIGKILL')
    await kill(user)
    await leave(await startUser())
    fs.writeFileSync(pidFile(), stale)
    await leave(await startUser())
  },
  patienceMs,
)

test(
  'a server that somebody told to wait for its clients is not waited for by whoever comes',
  async () => {
    const user = await startUser()
    const pid = serverPid()
    process.kill(pid, 'SIGTERM')
    const next = await startUser()
    expect(serverPid()).not.toBe(pid)
    await leave(user)
    expect(isRunning()).toBe(true)
    await leave(next)
  },
  patienceMs,
)

test(
  'restarted, it is back at its address, with all that was committed, and stops with its user as before',
  async () => {
    const server = await startEmbeddedPostgres({ folder })
    const pid = serverPid()
    const sql = postgres(server.adminUrl('postgres'), { max: 1, onnotice: () => {} })
    await sql`create table counted (n int)`
    for (let n = 0; n < 20; n++) await sql`insert into counted values (${n})`
    await server.restart(0)
    expect(serverPid()).not.toBe(pid)
    expect(await sql`select count(*)::int as n from counted`).toMatchObject([{ n: 20 }])
    await sql`drop table counted`
    await sql.end()
    await server.stop()
    expect(isRunning()).toBe(false)
  },
  patienceMs,
)
