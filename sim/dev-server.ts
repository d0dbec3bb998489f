// The server that `bun dev` keeps, as a process: started, started again when it has died, and ended with us. Owns how long it
// may take to be ready; what it says goes to our own terminal.
import { fileURLToPath } from 'node:url'
import { realClock } from './clock.ts'
import { Mistake } from './mistake.ts'

/** The server may take this long to start, or to come back after a change. */
const PATIENCE_MS = 15_000
const LOOK_AGAIN_MS = 100

export type KeptServer = {
  readonly origin: string
  /** Throws a Mistake when it is not ready in time. */
  untilReady(): Promise<void>
  /** Resolves when the process that runs now has ended, with how it ended: "SIGKILL", "exit code 1". */
  ended(): Promise<string>
  stop(): Promise<void>
}

/**
 * `onLost`: it has ended before it was ready, and is not started again. One that has ended later is, and `onProgress` is told.
 */
export function keepServer(
  port: number,
  env: Record<string, string | undefined>,
  { onProgress, onLost }: { onProgress(what: string): void; onLost(how: string): void },
): KeptServer {
  const origin = `http://127.0.0.1:${port}`
  let isStopping = false
  let wasReady = false
  let child = spawnServer({ ...env, PORT: String(port) })
  let ended = watch()

  async function watch(): Promise<string> {
    await child.exited
    const how = child.signalCode === null ? `exit code ${child.exitCode}` : String(child.signalCode)
    if (isStopping) return how
    if (wasReady) {
      onProgress(`the server has ended (${how}); it is started again`)
      wasReady = false
      child = spawnServer({ ...env, PORT: String(port) })
      ended = watch()
      void untilReady().catch((error: Error) => onProgress(error.message))
    } else onLost(how)
    return how
  }

  async function untilReady(): Promise<void> {
    const giveUpAtMs = Date.now() + PATIENCE_MS
    for (;;) {
      const answer = await fetch(`${origin}/readyz`).catch(() => null)
      if (answer?.ok) {
        wasReady = true
        return
      }
      if (Date.now() > giveUpAtMs)
        throw new Mistake(`The server at ${origin} is not ready. What does it say in the terminal of "bun dev"?`)
      await new Promise<void>((resolve) => realClock.after(LOOK_AGAIN_MS, resolve))
    }
  }

  return {
    origin,
    untilReady,
    ended: () => ended,
    async stop() {
      isStopping = true
      child.kill('SIGTERM')
      await child.exited
    },
  }
}

const pathOf = (place: string): string => fileURLToPath(new URL(place, import.meta.url))

/** It ends with us, however we end, and is not held up by a call that nobody is left to play. */
function spawnServer(env: Record<string, string | undefined>) {
  const [tether, main] = [pathOf('./dev-tether.ts'), pathOf('../src/main.ts')]
  return Bun.spawn([process.execPath, '--watch', '--preload', tether, main, '--demo'], {
    env: { ...env, DRAIN_SECONDS: '0' },
    stdio: ['pipe', 'inherit', 'inherit'],
  })
}
