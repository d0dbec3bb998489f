// The server as a process of its own, in a folder of its own: started, watched, told to stop, or killed; and what is left of
// it afterwards.
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
/** Where nothing listens: no request of a test may leave the machine. */
const nowhere = 'http://127.0.0.1:9'

const settings = {
  PORT: '0',
  HOST: '127.0.0.1',
  PUBLIC_BASE_URL: 'https://frontdesk.example',
  TWILIO_API_BASE_URL: nowhere,
  OPENAI_API_KEY: 'none',
  OPENAI_BASE_URL: `${nowhere}/v1`,
  RESEND_API_KEY: 'none',
  RESEND_BASE_URL: nowhere,
  DRAIN_SECONDS: '0',
}

export type ServerProcess = {
  /** Resolves with its address; rejects when it ends before it listens. */
  listening: Promise<string>
  kill(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL' | 'SIGUSR1' | 'SIGUSR2'): void
  /** Resolves when it has ended, with how, and all that it said. */
  ended: Promise<{ code: number | null; signal: string | number | null; out: string; err: string }>
}

/** A folder for one server's database and keys, and what must be gone when it is. */
export class Premises {
  readonly folder = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'frontdesk-process-')))

  start(args: string[] = [], environment: Record<string, string | undefined> = {}): ServerProcess {
    const { DATABASE_URL: _, DATABASE_ADMIN_URL: __, ...inherited } = process.env
    const child = Bun.spawn([process.execPath, main, ...args], {
      cwd: this.folder,
      env: { ...inherited, ...settings, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const { promise: listening, resolve, reject } = Promise.withResolvers<string>()
    listening.catch(() => {})
    const out = read(child.stdout, (text) => {
      const [, address] = /listening on (http:\S+)/.exec(text) ?? []
      if (address !== undefined) resolve(address)
    })
    const err = read(child.stderr, () => {})
    const ended = child.exited.then(async () => {
      const said = { out: await out, err: await err }
      reject(new Error(`the server ended before it listened: ${said.err}`))
      return { code: child.exitCode, signal: child.signalCode, ...said }
    })
    return { listening, kill: (signal) => child.kill(signal), ended }
  }

  /** Processes that work in this folder, or on the database that belongs to it. */
  processes(): string[] {
    const places = [this.folder, ...this.clusters()]
    return listProcesses().filter((process) => places.some((place) => process.includes(place)))
  }

  remove(): void {
    for (const place of [...this.clusters(), this.folder]) fs.rmSync(place, { recursive: true, force: true })
  }

  /** For root the database lives elsewhere; the folder's own record says where. */
  private clusters(): string[] {
    const folder = join(this.folder, '.frontdesk/postgres')
    const records = fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => name.endsWith('.json')) : []
    return records
      .map((name) => JSON.parse(fs.readFileSync(join(folder, name), 'utf8')).home as string)
      .filter((home) => home.startsWith('/'))
  }
}

async function read(stream: ReadableStream<Uint8Array>, heard: (text: string) => void): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const bytes of stream) {
    text += decoder.decode(bytes, { stream: true })
    heard(text)
  }
  return text
}

/** Each as its folder and its command line; without /proc, as the command line alone. */
function listProcesses(): string[] {
  if (!fs.existsSync('/proc/self/cwd')) return Bun.spawnSync(['ps', '-axo', 'args']).stdout.toString().split('\n')
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const command = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return command === '' ? [] : [`${fs.readlinkSync(`/proc/${pid}/cwd`)} ${command}`]
      } catch {
        return [] // It ended while we looked, or is somebody else's.
      }
    })
}
