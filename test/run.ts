// What `bun run test` runs: every kind of evidence, one after the other, in plain text, with a last line for machines.
// A step that fails does not stop the later ones. `bun test/run.ts --help` tells the rest.
import { parseArgs } from 'node:util'
import { installChromium } from './chromium-setup.ts'
import { endPrograms, runProgram } from './program.ts'
import {
  asOneCheck,
  type Count,
  fromBunTest,
  fromLastLine,
  linesOfFailure,
  type Run,
  type Tally,
  tallyOf,
} from './tally.ts'

type Step = { name: string; about: string; minutesMax: number; command: () => string[]; count: Count }

const bun = process.execPath
const repository = `${import.meta.dir}/..`
const journeys = 'test/journey'
const folders = [...new Bun.Glob('test/*/').scanSync({ cwd: repository, onlyFiles: false })].sort()

const steps: Step[] = [
  {
    name: 'format',
    about: 'format and lint (Biome)',
    minutesMax: 1,
    command: () => [bun, 'x', '--bun', 'biome', 'check', '--error-on-warnings'],
    count: asOneCheck,
  },
  {
    name: 'types',
    about: 'types (TypeScript)',
    minutesMax: 2,
    command: () => [bun, 'x', '--bun', 'tsc', '--noEmit'],
    count: asOneCheck,
  },
  {
    name: 'tests',
    about: 'architecture and tests (Bun)',
    minutesMax: 5,
    command: () => [bun, 'test', ...folders.filter((folder) => folder !== journeys)],
    count: fromBunTest,
  },
  {
    name: 'replay',
    about: 'every fixture, called at speed (sim replay)',
    minutesMax: 4,
    command: () => [bun, 'sim/cli.ts', 'replay'],
    count: fromLastLine,
  },
  {
    name: 'race',
    about: 'what every call delivers, in many orders (sim race)',
    minutesMax: 5,
    command: () => [bun, 'sim/cli.ts', 'race', '--all'],
    count: fromLastLine,
  },
  {
    name: 'fuzz',
    about: 'calls of known seeds, put through faults (sim fuzz)',
    minutesMax: 3,
    command: () => [bun, 'sim/cli.ts', 'fuzz', '--seed', 'known', '--runs', '26'],
    count: fromLastLine,
  },
  {
    name: 'fuzz-new',
    about: 'and of a seed that nobody has tried, for five seconds; a failure says how to see it again and keep it',
    minutesMax: 2,
    command: () => [bun, 'sim/cli.ts', 'fuzz', '--for', '5s'],
    count: fromLastLine,
  },
  {
    name: 'deno',
    about: 'the same server on Deno',
    minutesMax: 2,
    command: () => [denoBinary(), 'run', '-A', 'test/runtime/deno-smoke.ts'],
    count: fromLastLine,
  },
]

/** Mostly waiting: processes that are started, killed and replaced in real time. Told when all else has been. */
const beside: Step = {
  name: 'journeys',
  about: 'whole calls, through processes of their own (Bun), beside the others',
  minutesMax: 20,
  command: () => [bun, 'test', journeys],
  count: fromBunTest,
}

const help = `Usage: bun run test [--only STEP]

Runs, in this order, and exits 0 only if all of it passes:
${[...steps, beside].map(({ name, about }) => `  ${name.padEnd(10)}${about}`).join('\n')}

--only STEP   run that step alone
--help        this text

One test file alone: bun test test/pure/conversations.test.ts
What failed is told once more at the end. The last line is "N passed, N failed"; a step without tests of its own counts as one.`

/** The npm package `deno` links its binary in a postinstall, which Bun does not run; the binary is there all the same. */
function denoBinary(): string {
  const [installed] = new Bun.Glob('node_modules/@deno/*/deno{,.exe}').scanSync({ cwd: repository })
  const found = installed === undefined ? Bun.which('deno') : `${repository}/${installed}`
  if (found === null) throw new Error('Cannot find Deno: `bun install` brings it for Linux, macOS and Windows')
  return found
}

/** Passing tests are counted, not listed; each file is named as it begins. */
const isWorthPrinting = (line: string): boolean => !/^\(pass\)|^\s*$/.test(line)

/** Told once more at the very end, where whoever has only the end of a long run finds it. */
const failures: string[] = []

async function perform(step: Step, say: (line: string) => void = console.log): Promise<Tally> {
  const startedMs = performance.now()
  say(`\n== ${step.name}: ${step.about}`)
  let run: Run
  try {
    const take = (line: string) => isWorthPrinting(line) && say(line)
    run = await runProgram(step.command(), { cwd: repository, limitMs: step.minutesMax * 60_000, take })
  } catch (error) {
    run = { exitCode: 1, output: '', wasCut: false }
    say(error instanceof Error ? error.message : String(error))
  }
  const tally = tallyOf(run, step.count)
  if (run.wasCut) say(`had not ended after ${step.minutesMax} minutes`)
  if (tally.failed > 0)
    failures.push(`== of ${step.name}`, ...linesOfFailure(run.output.split('\n').filter(isWorthPrinting)))
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  say(`== ${step.name}: ${tally.failed === 0 ? 'passed' : 'FAILED'} in ${seconds} s`)
  return tally
}

/** What it has to say is said when it is asked for. */
function performBeside(step: Step): () => Promise<Tally> {
  const lines: string[] = []
  const tally = perform(step, (line) => void lines.push(line))
  return async () => {
    const done = await tally
    for (const line of lines) console.log(line)
    return done
  }
}

const { values } = parseArgs({ options: { only: { type: 'string' }, help: { type: 'boolean' } } })
if (values.help) {
  console.log(help)
  process.exit(0)
}
const isChosen = ({ name }: Step): boolean => values.only === undefined || values.only === name
const chosen = steps.filter(isChosen)
if (chosen.length === 0 && !isChosen(beside)) {
  console.error(`No step is called ${values.only}.\n\n${help}`)
  process.exit(2)
}
if (chosen.some(({ name }) => name === 'tests')) await installChromium()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    endPrograms()
    process.exit(130)
  })
const sum: Tally = { passed: 0, failed: 0 }
const count = ({ passed, failed }: Tally): void => {
  sum.passed += passed
  sum.failed += failed
}
const finish = isChosen(beside) ? performBeside(beside) : undefined
for (const step of chosen) count(await perform(step))
if (finish !== undefined) count(await finish())
if (failures.length > 0) console.log(`\nWhat failed:\n${failures.join('\n')}`)
console.log(`\n${sum.passed} passed, ${sum.failed} failed`)
process.exit(sum.failed === 0 ? 0 : 1)
