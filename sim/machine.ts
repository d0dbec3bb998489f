// One machine of a deployment: the server as a process of its own, started as whoever deploys it would, watched, told to stop,
// or killed. It ends with us, however we end.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createLoopbackNetwork } from './loopback.ts'
import type { Network } from './network.ts'

export type Machine = {
  readonly name: string
  readonly pid: number
  /** Reaches it and nothing else, by the public host. */
  readonly network: Network
  /** What its `/readyz` answers now: 0 when nothing does. */
  health(): Promise<number>
  signal(signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void
  /** Resolves with its exit code, null when it was killed. */
  readonly exited: Promise<number | null>
}

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const tether = fileURLToPath(new URL('./dev-tether.ts', import.meta.url))
/** Where no .env of a developer's lies. */
const folder = join('.frontdesk', 'sim')

const startLimitMs = 60_000
const healthLimitMs = 2_000

/**
 * Resolves when it listens. `log` gets its log, a JSON object a line; `program`: another one that says where it listens as the
 * server does. Rejects when it does not start, with what it said.
 */
export async function startMachine(
  name: string,
  publicHost: string,
  environment: Record<string, string>,
  log: string[],
  program = main,
): Promise<Machine> {
  mkdirSync(folder, { recursive: true })
  const { PATH = '', HOME = '' } = process.env
  const child = Bun.spawn([process.execPath, '--preload', tether, program], {
    cwd: folder,
    env: { PATH, HOME, ...environment, PORT: '0', HOST: '127.0.0.1' },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const exited = child.exited.then(() => child.exitCode)
  const { promise: listening, resolve, reject } = Promise.withResolvers<string>()
  const said: string[] = []
  const hear = (line: string): void => {
    const [, address] = /^listening on (http:\S+)/.exec(line) ?? []
    if (address !== undefined) resolve(address)
    else if (line.startsWith('{')) log.push(line)
    else said.push(line)
  }
  const heard = Promise.all([child.stdout, child.stderr].map((stream) => eachLine(stream, hear)))
  void exited.then(() => heard).then(() => reject(new Error(`The server did not start: ${said.join(' ').trim()}`)))
  const timer = setTimeout(() => {
    child.kill('SIGKILL')
    reject(new Error(`The server did not start within ${startLimitMs} ms`))
  }, startLimitMs)
  const origin = await listening.finally(() => clearTimeout(timer))
  return {
    name,
    pid: child.pid,
    network: createLoopbackNetwork({ hosts: { [publicHost]: origin } }),
    health: () => statusOf(`${origin}/readyz`),
    signal: (signal) => child.kill(signal),
    exited,
  }
}

const statusOf = (url: string): Promise<number> =>
  fetch(url, { signal: AbortSignal.timeout(healthLimitMs) }).then(
    ({ status }) => status,
    () => 0,
  )

async function eachLine(stream: ReadableStream<Uint8Array>, hear: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) hear(line)
  }
  if (rest !== '') hear(rest)
}
