// `sim record`: stands between Twilio and a server, and between the server and its vendors, passes everything on, and makes a
// fixture of each call. Owns what is listened to where; what is kept of it is decided in capture/.
import { randomUUID } from 'node:crypto'
import { type CallsHeard, hearCalls, type Outcome } from './capture/calls.ts'
import { legs } from './capture/listening.ts'
import { forwarding, type Leg, type Listener, tapped } from './capture/tap.ts'
import { keptOf, type Redaction, writeFixture } from './capture/writing.ts'
import { realClock } from './clock.ts'
import { lintFixtures } from './lint/files.ts'
import { createLoopbackNetwork, listen } from './loopback.ts'
import { Mistake } from './mistake.ts'
import { assertFree } from './ports.ts'
import { makeRoom } from './show.ts'

export type RecordFlags = {
  listen: number
  to: string
  modelListen?: number
  modelTo: string
  restListen?: number
  restTo: string
  keep: readonly string[]
  replace: readonly (readonly [string, string])[]
  clinic: string
  out: string
}

export async function recordCommand(flags: RecordFlags): Promise<void> {
  const redaction = redactionOf(flags)
  const calls = hearCalls(
    realClock,
    (callSid) => say(`recording  ${callSid}`),
    (outcome) => void (writing = over(outcome)),
  )
  let writing: Promise<void> = Promise.resolve()
  let written = 0
  async function over(outcome: Outcome): Promise<void> {
    await writing
    const { callSid } = outcome
    if (outcome.kind !== 'call') return say(`not kept   ${callSid}: ${lossOf[outcome.kind]}`)
    const name = `call-${new Date().toISOString().slice(0, 10)}-${callSid.slice(-6)}`
    const kept = keptOf(outcome.seen, redaction)
    const files = await writeFixture(flags.out, name, kept, redaction.keeps).catch((error: NodeJS.ErrnoException) => {
      say(`not kept   ${callSid}: it cannot be written (${error.code})`)
      return null
    })
    if (files === null) return
    written++
    say(`written    ${files.join(', ')}`)
    for (const fault of await lintFixtures([files[0]])) say(`look at    ${fault}`)
  }
  await makeRoom({ save: flags.out })
  const stops = await Promise.all(doorsOf(flags).map((door) => open(door, calls)))
  for (const line of explained(flags)) say(line)
  await untilStopped(calls)
  calls.finish()
  await writing
  await Promise.all(stops.map((stop) => stop()))
  say(`${written} ${written === 1 ? 'call' : 'calls'} written`)
}

/** Who calls at the moment would be cut off: so that takes being told twice, and one Ctrl-C is heard twice through `bun run`. */
const ONE_SIGNAL_MS = 500
const LOOK_AGAIN_MS = 200

async function untilStopped(calls: CallsHeard): Promise<void> {
  const told = (): Promise<void> =>
    new Promise((resolve) => {
      process.once('SIGINT', resolve)
      process.once('SIGTERM', resolve)
    })
  const pause = (ms: number): Promise<void> => new Promise((resolve) => void realClock.after(ms, resolve))
  await told()
  if (!calls.isCallUp()) return
  say('A call is up: this ends when all of it is there. Ctrl-C again ends it now, and does not keep what is still up.')
  let isToldAgain = false
  process.on('SIGINT', () => {})
  await pause(ONE_SIGNAL_MS)
  void told().then(() => {
    isToldAgain = true
  })
  while (calls.isCallKnown() && !isToldAgain) await pause(LOOK_AGAIN_MS)
}

const lossOf = {
  unclear: 'of several calls at once, whose model is whose cannot be told by its sound',
  unfinished: 'it was still up',
  'too-long': 'it is longer, or there are more calls at once, than can be kept',
} as const

const keepable = ['words', 'numbers', 'audio'] as const

function redactionOf({ keep: given, replace, clinic }: RecordFlags): Redaction {
  const keep = given.flatMap((each) => each.split(','))
  const unknown = keep.find((each) => each !== 'all' && !keepable.some((known) => known === each))
  if (unknown !== undefined) throw new Mistake(`--keep ${unknown}: there is ${keepable.join(', ')} and all to keep.`)
  const keeps = (what: string): boolean => keep.includes('all') || keep.includes(what)
  return {
    keeps: { words: keeps('words'), numbers: keeps('numbers'), audio: keeps('audio') },
    replace,
    clinic,
    secret: randomUUID(),
  }
}

/** `origin`: null keeps the host that was called, for whoever checks it. */
type Door = { port: number; leg: Leg; hosts: string; origin: string | null }

function doorsOf({ listen: port, to, modelListen, modelTo, restListen, restTo }: RecordFlags): Door[] {
  const doors: Door[] = [{ port, leg: legs.carrier, hosts: originOf(to, '--to'), origin: null }]
  const ownDoor = (own: number | undefined, leg: Leg, target: string, option: string) => {
    if (own === undefined) return
    const origin = originOf(target, option)
    doors.push({ port: own, leg, hosts: origin, origin })
  }
  ownDoor(modelListen, legs.model, modelTo, '--model-to')
  ownDoor(restListen, legs.rest, restTo, '--rest-to')
  const ports = doors.map((door) => door.port)
  if (new Set(ports).size < ports.length) throw new Mistake('Each of the recorder’s ports must be another one.')
  return doors
}

function originOf(text: string, option: string): string {
  const url = new URL(text)
  if (url.pathname.replace(/\/(v1)?$/, '') !== '')
    throw new Mistake(`${option} ${text}: give the address without a path, which is passed on as it comes.`)
  return url.origin
}

async function open({ port, leg, hosts, origin }: Door, calls: Listener): Promise<() => Promise<void>> {
  await assertFree([port], 'Choose another.')
  const network = createLoopbackNetwork({ hosts: {}, otherwise: hosts, allowRemote: true })
  const unreached = (why: string): void => say(`not there  ${hosts} (${why})`)
  const { stop } = await listen(tapped(forwarding(realClock, network, origin, unreached), leg, calls), { port })
  return stop
}

const address = (port: number): string => `http://127.0.0.1:${port}`

function explained({ listen: port, to, modelListen, modelTo, restListen, restTo }: RecordFlags): string[] {
  const vendor = (own: number | undefined, name: string, target: string, setting: string, missing: string): string =>
    own === undefined ? `${name}  not listened to: ${missing}` : `${name}  ${address(own)} → ${target}   ${setting}`
  return [
    `Twilio     ${address(port)} → ${to}`,
    vendor(
      modelListen,
      'model    ',
      modelTo,
      `set OPENAI_BASE_URL=${address(modelListen ?? 0)}/v1 on the server`,
      'without --model-listen a replay has no model',
    ),
    vendor(
      restListen,
      'REST     ',
      restTo,
      `set TWILIO_API_BASE_URL=${address(restListen ?? 0)} on the server`,
      'without --rest-listen a replay has no recordings',
    ),
    'Call now. Ctrl-C ends it.',
  ]
}

const say = (line: string): void => void process.stderr.write(`${line}\n`)
