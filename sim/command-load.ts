// `sim load`: many calls at once, with a live table, and one JSON object or a summary at the end. Fails when a call, a frame or a
// mail was lost, whatever the latencies.
import { realClock } from './clock.ts'
import { comingThrough, type Elsewhere, tokenIn } from './elsewhere.ts'
import { type LoadEnd, type Moment, runLoad } from './load/load.ts'
import { openOtherSite, openOwnSite } from './load/site.ts'
import { endText, lineOf, tableOf } from './load/table.ts'
import { isTrusted, lateLimitMs, problemsOf } from './load/verdict.ts'
import { Mistake } from './mistake.ts'
import { createRandom } from './random.ts'
import { openWorld, type World } from './world.ts'

export type LoadFlags = Elsewhere & {
  calls: number
  /** Calls begun a second. */
  ramp: number
  seconds: number
  /** Loads in a row, on the same server. */
  waves: number
  to: string
  json?: boolean
  target?: string
  inboxPort?: number
}

/** Shorter calls have no time to say anything: the last two seconds of a call are for falling silent. */
const shortestSeconds = 3
const mostCalls = 100_000

export async function loadCommand(flags: LoadFlags): Promise<void> {
  const { calls, ramp, seconds, waves } = flags
  if (waves < 1) throw new Mistake('--waves is at least 1.')
  if (calls < 1 || calls * waves > mostCalls)
    throw new Mistake(`--calls is at least 1; all waves together have at most ${mostCalls}.`)
  if (seconds < shortestSeconds)
    throw new Mistake(`--seconds is at least ${shortestSeconds}: a call must have time for a turn.`)
  const random = createRandom(`load ${Date.now()}`)
  const token = flags.target === undefined ? null : tokenIn(flags)
  // The stand-ins' keys are the same each time, so that a server can be started with them; the calls never are.
  const opened = await openWorld(realClock, createRandom('load'), { model: flags.modelPort, inbox: flags.inboxPort })
  const world = token === null ? opened : comingThrough(opened, token, flags)
  const say = (step: string) => void process.stderr.write(`… ${step}\n`)
  if (token !== null) for (const line of standInsOf(world)) say(line)
  const site =
    flags.target === undefined ? await openOwnSite(world, say) : openOtherSite(world, new URL(flags.target), flags)
  const ends: LoadEnd[] = []
  let callsLeft: number | null = null
  try {
    for (let wave = 0; wave < waves; wave++) {
      const wish = { calls, rampPerSecond: ramp, seconds, wave }
      ends.push(await runLoad(world, random, site, wish, createScreen()))
    }
  } finally {
    callsLeft = await site.close()
    await world.close()
  }
  const last = ends.length - 1
  const problems = ends.flatMap((end, wave) => problemsOf(end, wave === last ? callsLeft : null))
  for (const [wave, end] of ends.entries()) {
    if (flags.json) process.stdout.write(`${JSON.stringify(jsonOf(end, problems))}\n`)
    else for (const line of endText(end, wave === last ? problems : null)) process.stdout.write(`${line}\n`)
  }
  process.exitCode = problems.length === 0 ? 0 : 1
}

/** What the server must have been started with, for its frames and mails to be counted. */
const standInsOf = ({ modelUrl, modelKey, inbox, inboxKey }: World): string[] => [
  `the model:  OPENAI_BASE_URL=${modelUrl} OPENAI_API_KEY=${modelKey}`,
  `the inbox:  RESEND_BASE_URL=${inbox.origin} RESEND_API_KEY=${inboxKey}`,
]

function jsonOf(end: LoadEnd, problems: readonly string[]) {
  const { callerToModel, modelToCaller, webhooks, lateness, ...rest } = end
  return {
    verdict: problems.length === 0 ? 'held' : 'failed',
    problems,
    ...rest,
    latencyMs: { isTrusted: isTrusted(end), callerToModel, modelToCaller, webhooks },
    generatorLateMs: { limit: lateLimitMs, ...lateness },
  }
}

const linesEverySeconds = 5

/** On a terminal the table, written over itself; elsewhere a line now and then. */
function createScreen(): (moment: Moment) => void {
  const { stderr } = process
  let height = 0
  let ticks = 0
  return (moment) => {
    if (!stderr.isTTY) {
      if (++ticks % linesEverySeconds === 0) stderr.write(`${lineOf(moment)}\n`)
      return
    }
    const lines = tableOf(moment)
    stderr.write(`${height > 0 ? `\x1b[${height}A\x1b[J` : ''}${lines.join('\n')}\n`)
    height = lines.length
  }
}
