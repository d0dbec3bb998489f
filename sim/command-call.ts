// `sim call`: places one call and shows it. To a server of its own, with the model's stand-in or the real one; to one that
// `bun dev` has running; or to any other. Owns what of the command line goes together, and refuses the rest with a reason.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallResult, simulateCall } from './call.ts'
import { type CallerFlags, callerWishOf } from './caller-options.ts'
import type { Method } from './carrier/twiml.ts'
import { faultsHelp } from './chaos/faults.ts'
import { readChaos } from './chaos/reading.ts'
import { keepSchedule, type Played, scheduleLines, smallestSchedule } from './chaos/reproducing.ts'
import { planOf, processFaultsIn } from './chaos/schedule.ts'
import { carrierFaultsIn, modelFaultsIn } from './command-json.ts'
import { createConsole } from './console.ts'
import { type DevLine, type DevNote, readDevNote } from './dev-door.ts'
import { callElsewhere } from './elsewhere.ts'
import { ungradable } from './grading.ts'
import { openPostgres } from './house.ts'
import { linesOf } from './lines.ts'
import { assertTaken, realModel } from './live.ts'
import { Mistake } from './mistake.ts'
import { openOwnPostgres } from './own-postgres.ts'
import { makeRoom, showCall } from './show.ts'
import { createSpeech, speechFolder } from './speech.ts'
import { commandOf, fixtureOf, lastCallFolder, type Wish } from './wish.ts'

export type CallFlags = Omit<
  Wish,
  'seed' | 'json' | 'report' | 'chaos' | 'carrierFaults' | 'modelFaults' | 'caller'
> & {
  seed?: string
  json?: boolean
  /** True without a file of its own. */
  report?: string | true
  speed: number
  /** Faults, or a file of them; `help` tells what there is. */
  chaos?: string
  /** Both JSON. */
  carrierFaults?: string
  modelFaults?: string
  /** A file. */
  instructions?: string
  live?: boolean
  machines?: number
  target?: string
  authToken?: string
  accountSid?: string
  publicUrl?: string
  method?: Method
  fallback?: string
  statusCallback?: string
  allowRemote?: boolean
  tls?: boolean
  modelPort?: number
}

export async function callCommand(flags: CallFlags & CallerFlags): Promise<void> {
  if (flags.chaos === 'help') {
    print(faultsHelp())
    return
  }
  const { to, from, fixture, trace, save } = flags
  const chaos = flags.chaos === undefined ? undefined : await readChaos(flags.chaos)
  const seed = flags.seed ?? String(Math.floor(Math.random() * 1e6))
  const report = flags.report === true ? join(lastCallFolder, 'report.html') : flags.report
  const caller = callerWishOf(flags)
  const carrierFaults = flags.carrierFaults === undefined ? undefined : carrierFaultsIn(flags.carrierFaults)
  const modelFaults = flags.modelFaults === undefined ? undefined : modelFaultsIn(flags.modelFaults)
  const files = { trace, save, report }
  const faults = { chaos, carrierFaults, modelFaults }
  const wish: Wish = { to, from, fixture, ...files, ...faults, caller, seed, json: flags.json ?? false }
  if (flags.target !== undefined) {
    if (flags.speed > 1)
      throw new Mistake('A server that is running already keeps real time: leave --speed out with --target.')
    if (flags.live)
      throw new Mistake('--live hosts a server of its own to talk with the real model: leave --target out.')
    if (flags.machines !== undefined) throw new Mistake('--machines starts the server itself: leave --target out.')
    if (flags.instructions !== undefined)
      throw new Mistake('--instructions tries a text on a server of its own: leave --target out.')
    const needs = chaos === undefined ? [] : processFaultsIn(chaos.plan)
    if (needs.length > 0)
      throw new Mistake(
        `${needs.join(' and ')}: only processes that "sim call" started can be struck. Leave --target out.`,
      )
    process.exitCode = await callTarget(flags.target, flags, wish)
  } else process.exitCode = await callOwn(wish, flags)
}

/** One that is struck, and one that goes on. */
const MACHINES_TO_STRIKE = 2

/** Hosts a server for this one call. */
async function callOwn(wish: Wish, { speed, live, instructions: file, machines: asked }: CallFlags): Promise<number> {
  const isVirtual = speed > 1
  const needs = wish.chaos === undefined ? [] : processFaultsIn(wish.chaos.plan)
  if (needs.length > 0 && isVirtual)
    throw new Mistake(`${needs.join(' and ')} strike processes, which keep real time: leave --speed out.`)
  const machines = asked ?? (needs.length > 0 ? MACHINES_TO_STRIKE : undefined)
  if (live && wish.modelFaults !== undefined)
    throw new Mistake('--model-faults are those of the stand-in: leave them out with --live.')
  if (live && isVirtual) throw new Mistake('The real model keeps real time: leave --speed out with --live.')
  if (machines !== undefined && isVirtual)
    throw new Mistake('Processes of their own keep real time: leave --speed out with --machines.')
  const real = live ? realModel(process.env) : undefined
  const instructions = file === undefined ? undefined : await readInstructions(file)
  const console = createConsole(wish.json ? quiet : process.stdout, process.env)
  const fixture = await fixtureOf(wish)
  await makeRoom(wish)
  const reason = live ? ungradable(fixture) : null
  if (reason !== null) throw new Mistake(`The fixture ${fixture.name} has no meaning with --live: ${reason}.`)
  if (real !== undefined) await assertTaken(real)
  const postgres = await (machines === undefined ? openPostgres : openOwnPostgres)(console.progress)
  try {
    const speech = createSpeech({ cacheFolder: speechFolder })
    const carrierFaults = wish.carrierFaults?.faults
    const played: Played = { instructions, carrierFaults, isVirtual, machines, postgres, speech }
    const result = await simulateCall({
      ...played,
      fixture,
      seed: wish.seed,
      real,
      chaos: wish.chaos?.plan ?? (live ? undefined : planOf(fixture)),
      onProgress: console.progress,
      onTrace: (trace) => trace.onEntry(console.entry),
    })
    const more = [
      ...(isVirtual ? ['--speed 10'] : []),
      ...(file === undefined ? [] : [`--instructions ${file}`]),
      ...(live ? ['--live'] : []),
      ...(asked === undefined ? [] : [`--machines ${asked}`]),
    ]
    const repeat = commandOf(wish, more)
    const exitCode = await showCall(result, wish, { console, print, repeat })
    if (exitCode === 0) return exitCode
    for (const line of warnings(result.serverLog)) process.stderr.write(`${line}\n`)
    if (wish.chaos !== undefined && !live) await shrink(wish, result, played, more)
    return exitCode
  } finally {
    await postgres.stop()
  }
}

/** Tells the smallest schedule that still fails, where people read it. */
async function shrink(
  wish: Wish,
  { fixture, seed, violations, evidence }: CallResult,
  played: Played,
  more: readonly string[],
): Promise<void> {
  const tell = (line: string) => void (wish.json ? process.stderr : process.stdout).write(`${line}\n`)
  const struck = evidence.chaos?.struck.map(({ strike }) => strike) ?? []
  const found = await smallestSchedule(
    { fixture, seed, violations, struck },
    { ...played, onProgress: (step) => process.stderr.write(`… ${step}\n`) },
  )
  for (const line of scheduleLines(found)) tell(line)
  const file = await keepSchedule({ fixture: fixture.name, seed, smallest: found })
  tell(`as small: ${commandOf({ ...wish, chaos: undefined }, [`--chaos ${file}`, ...more])}`)
}

async function readInstructions(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Mistake(`--instructions ${file}: the file cannot be read (${error.code}).`)
  })
  if (text.trim() === '') throw new Mistake(`--instructions ${file}: the file is empty.`)
  return text
}

async function callTarget(target: string, flags: CallFlags, wish: Wish): Promise<number> {
  const url = new URL(target)
  const note = await readDevNote()
  const isOurs = note !== null && flags.authToken === undefined && samePlace(new URL(note.server), url)
  return isOurs ? callDev(note, wish) : callElsewhere(url, flags, wish)
}

/** Asks a running `bun dev` to place the call, and prints what it tells. */
async function callDev(note: DevNote, wish: Wish): Promise<number> {
  const screen = { columns: process.stdout.columns, isTTY: process.stdout.isTTY, noColor: process.env.NO_COLOR }
  const response = await fetch(note.control, { method: 'POST', body: JSON.stringify({ wish, screen }) }).catch(
    () => null,
  )
  if (response?.body == null)
    throw new Mistake(`"bun dev" does not answer at ${note.control} any more. Start it again.`)
  for await (const told of linesOf(response.body)) {
    const line: DevLine = JSON.parse(told)
    if ('text' in line) process.stdout.write(line.text)
    else if ('progress' in line) process.stderr.write(`… ${line.progress}\n`)
    else if ('mistake' in line) throw new Mistake(line.mistake)
    else if ('gone' in line) return lost(line.gone)
    else return line.exitCode
  }
  return lost('"bun dev" ended in the middle of the call, and the server with it.')
}

function lost(what: string): number {
  process.stderr.write(`\n✘ ${what}\n`)
  return 1
}

const local = new Set(['localhost', '127.0.0.1', '[::1]'])
const samePlace = (a: URL, b: URL): boolean => a.port === b.port && local.has(a.hostname) && local.has(b.hostname)

const print = (line: string): void => void process.stdout.write(`${line}\n`)
const quiet = { write: () => true }
const warnings = (log: readonly string[]): string[] => log.filter((line) => /"level":(40|50|60)/.test(line))
