// Runs a program of the test run and takes down what it prints. It ends with all that it started, however it ends: a process
// that outlives it would hold its output open, and the run with it.
import type { Run } from './tally.ts'

type Options = {
  cwd: string
  /** After so long it is ended. */
  limitMs: number
  /** Hears each line of either output as it comes. */
  take(line: string): void
}

const running = new Set<number>()

/** For when we are ended ourselves: a Ctrl-C in our terminal is not heard by them. */
export const endPrograms = (): void => running.forEach(killGroup)

export async function runProgram(command: string[], { cwd, limitMs, take }: Options): Promise<Run> {
  const child = Bun.spawn(command, {
    cwd,
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  running.add(child.pid)
  let wasCut = false
  const limit = setTimeout(() => {
    wasCut = true
    killGroup(child.pid)
  }, limitMs)
  const lines: string[] = []
  const takeDown = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    for await (const line of linesOf(stream)) {
      lines.push(line)
      take(line)
    }
  }
  const printed = Promise.all([takeDown(child.stdout), takeDown(child.stderr)])
  const exitCode = await child.exited
  killGroup(child.pid)
  running.delete(child.pid)
  await printed
  clearTimeout(limit)
  return { exitCode, output: lines.join('\n'), wasCut }
}

/** What it started is of its group, unless it was meant to outlive it. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}
