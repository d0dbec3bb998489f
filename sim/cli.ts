// The simulator's command line: reads what was asked for, and hands it on. Exits 0 only when everything that should be true
// is; 1 when something is not; 2 when the command itself was wrong.
import { Command, InvalidArgumentError, Option } from 'commander'
import { addCallerOptions, type CallerFlags } from './caller-options.ts'
import { callCommand } from './command-call.ts'
import { fuzzCommand } from './command-fuzz.ts'
import { lintCommand } from './command-lint.ts'
import { loadCommand } from './command-load.ts'
import { raceCommand } from './command-race.ts'
import { recordCommand } from './command-record.ts'
import { replayCommand } from './command-replay.ts'
import { callbacks, triggerCommand } from './command-trigger.ts'
import { callerAddress, phoneNumber, portNumber, several, webUrl } from './command-values.ts'
import { listFixtures } from './fixture.ts'
import { Mistake } from './mistake.ts'
import { addUpCommands } from './up-commands.ts'

const speed = (text: string): number => {
  const value = Number(text)
  if (!(value >= 1)) throw new InvalidArgumentError('The speed is 1 for real time, or more for the virtual clock.')
  return value
}
/** More than a few only fight for the processor. */
const mostMachines = 8
const machines = (text: string): number => {
  if (!/^[1-9]$/.test(text) || Number(text) > mostMachines)
    throw new InvalidArgumentError(`The server can be 1 to ${mostMachines} machines.`)
  return Number(text)
}

const fixtures = (await listFixtures()).join(', ').match(/.{1,68}(, |$)/g) ?? []

const program = new Command('sim')
  .description(
    'Stands in for Twilio, OpenAI and Resend, so that real calls can be placed with no account, key or network.',
  )
  .configureHelp({ showGlobalOptions: true })
  .showHelpAfterError('(sim --help shows what there is)')
  .addHelpText(
    'after',
    `
First of all:
  sim call --to +15551234567    rings a clinic, on a server and a database of its
                                own, and tells what happens

Numbers:   +15551234567 Lakeside Family Clinic
           +15557654321 Cedar Grove Dental; any other is nobody's
Fixtures:  ${fixtures.join('\n           ')}
           (sim/fixtures/README.md tells how to write one)
Exit code: 0 when everything holds, 1 when something does not, 2 when the
           command was wrong
Each command has its own help: sim call --help`,
  )
  .exitOverride()

const acts: CallerFlags['acts'] = []

const call = program
  .command('call')
  .description('Places one call, shows it as it happens, and judges it.')
  .option('--to <number>', 'the number to call; chooses the fixture, unless --fixture does', phoneNumber)
  .option('--from <number>', 'who calls, in place of the fixture’s own: a number, anonymous, …', callerAddress)
  .option('--fixture <name|file>', 'who calls, what they say, and what must come of it (sim/fixtures)')
  .option('--seed <text>', 'makes the run repeatable; printed after every run')
  .addOption(
    new Option('--speed <factor>', '1: real time; more: the virtual clock, as fast as it goes')
      .default(1)
      .argParser(speed),
  )
  .option(
    '--chaos <faults|file>',
    'put the call through faults, such as reorder,duplicate=0.3; "--chaos help" lists them',
  )
  .option('--carrier-faults <json>', 'what goes wrong at the carrier: {"refuseRest":[{"code":20429}]}')
  .option('--model-faults <json>', 'what goes wrong with the model: {"transcripts":["failed"]}')
  .option('--json', 'print one JSON object at the end, and nothing else')
  .option('--trace <file>', 'write everything that went over every wire, as JSON lines')
  .option('--save <folder>', 'keep the call: stereo WAV (caller left, agent right), e-mail, trace')
  .option('--report [file]', 'write a page that shows and plays the call (.frontdesk/last-call/report.html)')
  .option('--instructions <file>', 'give the clinic this text for its instructions, for this call')
  .option('--live', 'talk with the real OpenAI, in real time, and grade what came of it; needs OPENAI_API_KEY')
  .option('--machines <count>', 'the server as so many processes on one database, as it is deployed', machines)
  .option('--target <url>', 'call a server that is running already: its voice webhook, or its base URL', webUrl)
  .option('--auth-token <token>', 'with --target: the Twilio auth token that the server checks signatures with')
  .option('--account-sid <sid>', 'with --target: the Twilio account that the call comes through')
  .option('--public-url <url>', 'with --target: the address by which the server knows itself, if it is another', webUrl)
  .addOption(new Option('--method <method>', 'with --target: how its webhook is asked').choices(['GET', 'POST']))
  .option('--fallback <url>', 'with --target: asked when the webhook fails; may be relative to it')
  .option('--tls', 'with --model-port: the model by wss, for servers that take nothing else')
  .option('--allow-remote', 'with --target: a server that is not on this machine')
  .option('--status-callback <url>', 'with --target: told when the call is over; may be relative to the webhook')
  .addOption(
    new Option(
      '--model-port <port>',
      'with --target: where to serve the fixture’s model, for a server that can be pointed at it',
    ).argParser(portNumber),
  )
  .action((flags) => callCommand({ ...flags, acts }))
  .addHelpText(
    'after',
    `
Examples:
  sim call --to +15551234567                      the default call, in real time
  sim call --fixture interrupts-twice --speed 10  another one, on the virtual clock
  sim call --to +15551234567 --save out           keep what was said and sent
  sim call --fixture interrupts-twice --report    see it: sound, words, callbacks and waits on one time axis
  sim call --say "I need a check-up." --barge-in 2.1s --say "On Monday." --hang-up 20s
                                                  a caller of your own, and a model that repeats what it hears
  sim call --fixture default --dtmf 0@3s          the fixture's caller, who also presses a key
  sim call --audio hello.wav --live               your recording, and the real model
  sim call --target http://localhost:3000         ring a server started with "bun dev"

Without --fixture, --say and --audio have the model's stand-in repeat what it hears:
it understands nothing, and says so. With --fixture it keeps that script. Such a call
is held to what is true of any call, not to what the fixture expects of the talk. The
stand-in does not transcribe: of an audio file it hears the name.`,
  )
addCallerOptions(call, acts)

program
  .command('replay')
  .description('Replays fixtures on the virtual clock, a line each; the last line counts them.')
  .argument('[files...]', 'fixtures, by name or file; without any, all of them')
  .option('--seed <text>', 'the seed of every call', '1')
  .option('--live', 'with the real OpenAI, in real time: graded, with a score; needs OPENAI_API_KEY')
  .option('--json', 'print one JSON object a line')
  .addHelpText(
    'after',
    `
Examples:
  sim replay                                  every fixture, with seed 1
  sim replay default second-clinic --seed 7   two of them, and other chances
  sim replay my-call.yaml                     one of your own`,
  )
  .action(replayCommand)

const replacement = (text: string, before: (readonly [string, string])[]): (readonly [string, string])[] => {
  const [, from, to] = /^([^=]+)=(.+)$/.exec(text) ?? []
  if (from === undefined || to === undefined) throw new InvalidArgumentError('It is written "Real Name=Dana Reyes".')
  return [...before, [from, to]]
}

program
  .command('record')
  .description('Stands between Twilio and a server, passes everything on, and makes a fixture of each call.')
  .addOption(
    new Option('--listen <port>', 'where Twilio comes in: point your tunnel here')
      .argParser(portNumber)
      .makeOptionMandatory(),
  )
  .requiredOption('--to <url>', 'the server', webUrl)
  .addOption(new Option('--model-listen <port>', 'where the server finds OpenAI').argParser(portNumber))
  .option('--model-to <url>', 'OpenAI', webUrl, 'https://api.openai.com')
  .addOption(new Option('--rest-listen <port>', 'where the server finds Twilio’s REST API').argParser(portNumber))
  .option('--rest-to <url>', 'Twilio’s REST API', webUrl, 'https://api.twilio.com')
  .option('--keep <what...>', 'words, numbers, audio or all: keep them as they are', [])
  .option('--replace <from=to>', 'put this in the place of that, and keep it; may be given again', replacement, [])
  .option('--clinic <number>', 'the number of the fixture’s clinic, in place of its own', phoneNumber, '+15551234567')
  .option('--out <folder>', 'where the fixtures go', '.frontdesk/captures')
  .addHelpText(
    'after',
    `
Twilio signs the address that it calls. The recorder passes the path, the body and the
Host header on unchanged, so its signature stays valid as long as the server's own idea
of its address (Frontdesk: PUBLIC_BASE_URL) stays the public one. So: leave Twilio's
webhooks and PUBLIC_BASE_URL as they are, and point the tunnel behind that address to
--listen instead of to the server.

What is written: frames, keys, marks, model events, requests and answers, with their
times. Unless told to keep them, words become other words, numbers those of fiction,
SIDs other ones, and sound a hum of the same length; keys that were pressed become 5.
Instructions, prompts and what a server tells its model are never written. "sim lint"
refuses a fixture that kept anything; look through each one before you give it away.

Example:
  sim record --listen 4000 --to http://localhost:3000 --model-listen 4001 --rest-listen 4002
  sim call --fixture .frontdesk/captures/call-….yaml --speed 10`,
  )
  .action(recordCommand)

program
  .command('lint')
  .description('Looks through fixtures for what may be a real patient; "sim replay" refuses a fixture that has any.')
  .argument('[files...]', 'fixtures, by name or file; without any, all of them')
  .option('--json', 'print one JSON object')
  .addHelpText(
    'after',
    `
It finds telephone numbers outside of the ranges that are kept free for fiction
(+1 and area code 555, or 555-01xx; those of the United Kingdom, France and
Australia), e-mail domains other than example, invalid and test, numbers of
national registers, of insurances and of payment cards, keys of vendors, and
capitalised words that are no name of sim/lint/cast.yaml.
It cannot find a name at the beginning of a sentence, or one without a capital,
nor hear whose voice an audio file holds.`,
  )
  .action(lintCommand)

const count = (text: string): number => {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('It is a whole number.')
  return value
}

program
  .command('race')
  .description(
    'Delivers one call’s webhooks, callbacks and facts in many orders, to two servers on one database: one outcome, one mail.',
  )
  .option('--fixture <name|file>', 'the call', 'default')
  .option('--all', 'every fixture')
  .option('--seed <text>', 'the seed of the orders', '1')
  .addOption(
    new Option(
      '--shuffles <count>',
      'seeded orders beside all swaps of neighbours (default: 200; with --all 30 of each shape)',
    ).argParser(count),
  )
  .option('--json', 'print one JSON object a fixture')
  .action(raceCommand)

const positive = (text: string): number => {
  const value = Number(text)
  if (!(value > 0 && value < Number.POSITIVE_INFINITY)) throw new InvalidArgumentError('It is a number above 0.')
  return value
}
const perSecond = (text: string): number => {
  const [, value] = /^(\d+(?:\.\d+)?)(?:\/s)?$/.exec(text) ?? []
  if (value === undefined) throw new InvalidArgumentError('It is a rate, such as 10/s.')
  return positive(value)
}

program
  .command('load')
  .description(
    'Many calls at once, in real time, to a server in a process of its own: what was lost, and how long it took.',
  )
  .addOption(new Option('--calls <count>', 'how many calls').default(100).argParser(count))
  .addOption(new Option('--ramp <rate>', 'how many begin in a second').default(10, '10/s').argParser(perSecond))
  .addOption(new Option('--seconds <count>', 'how long each call is').default(60).argParser(positive))
  .addOption(new Option('--waves <count>', 'so many loads in a row, on the same server').default(1).argParser(count))
  .option('--json', 'print one JSON object at the end')
  .option('--target <url>', 'load a server that is running already: its voice webhook, or its base URL', webUrl)
  .option('--to <number>', 'with --target: the number to call', phoneNumber, '+15551234567')
  .option('--auth-token <token>', 'with --target: the Twilio auth token that the server checks signatures with')
  .option('--account-sid <sid>', 'with --target: the Twilio account that the calls come through')
  .option('--public-url <url>', 'with --target: the address by which the server knows itself, if it is another', webUrl)
  .addOption(
    new Option('--model-port <port>', 'with --target: where its OPENAI_BASE_URL points to').argParser(portNumber),
  )
  .addOption(
    new Option('--inbox-port <port>', 'with --target: where its RESEND_BASE_URL points to').argParser(portNumber),
  )
  .addHelpText(
    'after',
    `
Without --target it starts the server itself, on the embedded Postgres, with the two
demonstration clinics, no ceilings and no recordings. Latencies are those that the
server adds: from a frame's sending to the arrival of its audio on the other side.
Exit code 1 when a call, a frame or a mail was lost or doubled.

Examples:
  sim load                                       100 calls of a minute
  sim load --calls 400 --ramp 20/s --seconds 30  more of them, shorter
  sim load --waves 5 --calls 50 --seconds 20     does memory come back?
  sim load --json > load.json                    for a machine`,
  )
  .action(loadCommand)

const some = (text: string): number => {
  if (count(text) === 0)
    throw new InvalidArgumentError('It is a whole number from 1 on: of no call nothing can be said.')
  return count(text)
}
const seconds = (text: string): number => {
  const [, value, unit] = /^(\d+)(s|m)$/.exec(text) ?? []
  if (value === undefined) throw new InvalidArgumentError('It is a time such as 60s or 5m.')
  return Number(value) * (unit === 'm' ? 60_000 : 1_000)
}

program
  .command('fuzz')
  .description(
    'Puts calls of all fixtures through faults by chance, on the virtual clock; ends at the first that is not as it must be.',
  )
  .addOption(new Option('--for <time>', 'how long new calls are placed (60s)').argParser(seconds))
  .addOption(new Option('--runs <count>', 'how many calls').argParser(some))
  .option('--seed <text>', 'makes the run repeatable; printed at its beginning')
  .option('--fixture <name|file>', 'this one alone')
  .option('--json', 'print one JSON object at the end')
  .action(fuzzCommand)

program
  .command('trigger')
  .description('Sends one signed callback by hand, to a running "bun dev" or to --target.')
  .argument('<event>', `one of: ${Object.keys(callbacks).join(', ')}`)
  .requiredOption('--call <sid>', 'the call that it is about')
  .option('--override <name=value>', 'another value for a field; may be given again', several, [])
  .option('--skip <name>', 'a field to leave out; may be given again', several, [])
  .option('--twice', 'send it twice, at the same moment')
  .option('--target <url>', 'the server, if it is not the one of "bun dev"', webUrl)
  .option('--auth-token <token>', 'with --target: the Twilio auth token to sign with')
  .option('--account-sid <sid>', 'with --target: the Twilio account')
  .option('--public-url <url>', 'with --target: the address by which the server knows itself, if it is another', webUrl)
  .option('--json', 'print one JSON object')
  .action(triggerCommand)

addUpCommands(program)

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof Mistake) {
    console.error(error.message)
    process.exit(2)
  }
  // Commander has said already what was wrong; help that was asked for is no error.
  if (error instanceof Error && 'exitCode' in error) process.exit(error.exitCode === 0 ? 0 : 2)
  throw error
}
process.exit(process.exitCode ?? 0)
