// `bun run bench`: the server against the least that could stand in its place, under the same load and in the same run, in turns.
// The server keeps marks, words and ledger and sends its mails; the relay does nothing but pass audio on.
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { realClock } from '../clock.ts'
import { publicBaseUrl, publicHost } from '../house.ts'
import { type LoadEnd, type LoadWish, runLoad } from '../load/load.ts'
import { type LoadSite, openOwnSite } from '../load/site.ts'
import { isTrusted, problemsOf } from '../load/verdict.ts'
import { startMachine } from '../machine.ts'
import { createRandom } from '../random.ts'
import { openWorld, type World } from '../world.ts'
import { type Figure, figureOf, ratioOf } from './rounds.ts'

const help = `Usage: bun run bench [--calls 100] [--rounds 7] [--seconds 55] [--warm 30] [--ramp 20] [--json]

Puts the same load on the server and on a raw relay, in turns, and sets one against the other.

--calls     calls at once
--rounds    of each, in turns
--seconds   a call's length
--warm      seconds before anything is measured: the server's code is compiled as it runs
--ramp      calls placed in a second
--json      print one JSON object`

const options = {
  calls: { type: 'string', default: '100' },
  rounds: { type: 'string', default: '7' },
  seconds: { type: 'string', default: '55' },
  warm: { type: 'string', default: '30' },
  ramp: { type: 'string', default: '20' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

const values = readFlags()
const rounds = Number(values.rounds)
/** Mails are no part of what is measured: they may go as fast as they come. */
const wish: LoadWish = {
  calls: Number(values.calls),
  rampPerSecond: Number(values.ramp),
  seconds: Number(values.seconds),
  mailsPerSecond: 1_000,
  warmSeconds: Number(values.warm),
}

function readFlags() {
  try {
    const { values: given } = parseArgs({ options })
    if (given.help) {
      console.log(help)
      process.exit(0)
    }
    for (const [name, value] of Object.entries(given))
      if (typeof value === 'string' && !/^[1-9]\d{0,3}$/.test(value))
        throw new Error(`--${name} takes a whole number from 1 to 9999, not "${value}"`)
    return given
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${help}`)
    process.exit(2)
  }
}

const relayProgram = fileURLToPath(new URL('./relay.ts', import.meta.url))

async function openRelay(world: World): Promise<LoadSite> {
  const settings = {
    MODEL_URL: `${world.modelUrl.replace(/^http/, 'ws')}/realtime?model=gpt-realtime-2.1`,
    MODEL_KEY: world.modelKey,
    PUBLIC_BASE_URL: publicBaseUrl,
  }
  const machine = await startMachine('relay', publicHost, settings, [], relayProgram)
  return {
    network: machine.network,
    account: world.account,
    urls: { voice: `${publicBaseUrl}/incoming-call`, status: `${publicBaseUrl}/status` },
    numbers: ['+15551234567'],
    pid: machine.pid,
    sendsMails: false,
    complaints: () => [],
    async close() {
      machine.signal('SIGKILL')
      await machine.exited
      return null
    },
  }
}

const contenders = { server: (world: World) => openOwnSite(world, () => {}), relay: openRelay }
type Contender = keyof typeof contenders

async function runRound(name: Contender): Promise<LoadEnd> {
  const random = createRandom(`bench ${name} ${Date.now()}`)
  const world = await openWorld(realClock, random)
  try {
    const site = await contenders[name](world)
    const end = await runLoad(world, random, site, wish, () => {})
    const problems = problemsOf(end, await site.close())
    for (const problem of problems) say(`  ${name}: ${problem}`)
    for (const { message, count } of end.complaints) say(`  ${name}'s log, ${count} times: ${message}`)
    return end
  } finally {
    await world.close()
  }
}

type Measure = { name: string; unit: string; digits: number; of(end: LoadEnd): number | null | undefined }

const measures: Measure[] = [
  { name: 'CPU a media frame', unit: 'µs', digits: 1, of: ({ server }) => server?.cpuUsPerFrame },
  { name: 'caller → model, p50', unit: 'ms', digits: 2, of: ({ callerToModel }) => callerToModel.p50 },
  { name: 'caller → model, p99', unit: 'ms', digits: 2, of: ({ callerToModel }) => callerToModel.p99 },
  { name: 'model → caller, p50', unit: 'ms', digits: 2, of: ({ modelToCaller }) => modelToCaller.p50 },
  { name: 'model → caller, p99', unit: 'ms', digits: 2, of: ({ modelToCaller }) => modelToCaller.p99 },
  { name: 'memory a call', unit: 'kB', digits: 0, of: ({ server }) => server?.memoryPerCallKb },
  { name: 'calls that fill a core', unit: '', digits: 0, of: ({ server }) => server?.callsPerCore },
]

const say = (line: string): void => void process.stderr.write(`${line}\n`)

const ends: Record<Contender, LoadEnd[]> = { server: [], relay: [] }
const loadAverage = loadavg()[0] ?? 0
for (let round = 1; round <= rounds; round++) {
  // Whoever is first in one round is second in the next.
  const order: Contender[] = round % 2 === 1 ? ['server', 'relay'] : ['relay', 'server']
  for (const name of order) {
    const end = await runRound(name)
    ends[name].push(end)
    say(
      `round ${round}, ${name}: ${end.server?.cpuUsPerFrame.toFixed(1) ?? 'unknown'} µs a frame${isTrusted(end) ? '' : ', generator late'}`,
    )
  }
}

const valuesOf = (name: Contender, { of }: Measure): number[] => ends[name].map((end) => of(end) ?? Number.NaN)
const text = ({ median, least, most }: Figure, digits: number): string =>
  `${median.toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`

const table = measures.map((measure) => {
  const [server, relay] = [valuesOf('server', measure), valuesOf('relay', measure)]
  return { measure, server: figureOf(server), relay: figureOf(relay), ratio: ratioOf(server, relay) }
})

if (values.json) {
  const figures = table.map(({ measure: { name, unit }, ...row }) => ({ name, unit, ...row }))
  console.log(JSON.stringify({ wish, rounds, loadAverage, figures }))
} else {
  const row = (cells: readonly string[]): void =>
    console.log(cells.map((cell, at) => (at === 0 ? cell.padEnd(28) : cell.padStart(22))).join(''))
  row(['', 'server', 'raw relay', 'ratio'])
  for (const { measure, server, relay, ratio } of table) {
    const { name, unit, digits } = measure
    row([`${name}${unit && `, ${unit}`}`, text(server, digits), text(relay, digits), text(ratio, 2)])
  }
  const late = [...ends.server, ...ends.relay].filter((end) => !isTrusted(end)).length
  console.log(
    `\nmedian (least–most) of ${rounds} rounds in turns, ${wish.calls} calls of ${wish.seconds} s; load average ${loadAverage.toFixed(2)} when it began` +
      (late > 0
        ? `\nin ${late} of ${2 * rounds} runs the generator itself was late: their latencies are not to be trusted`
        : ''),
  )
}
process.exit(0)
