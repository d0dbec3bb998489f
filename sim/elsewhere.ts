// A call to a server that is not ours to look into: the carrier rings it, and what can be judged is what went over the wires:
// the carrier's, and the model's, where the server talks with the stand-in that is served for it.
import { latencies } from './audit/latency.ts'
import { audit, rulesOnTheWires } from './auditor.ts'
import type { CallResult } from './call.ts'
import { createCarrier } from './carrier/carrier.ts'
import { type CarrierFaults, settingsWith } from './carrier/faults.ts'
import { problemCode } from './carrier/problems.ts'
import { unseenSeed } from './carrier/sids.ts'
import type { Method } from './carrier/twiml.ts'
import { createChaos } from './chaos/chaos.ts'
import { type ChaosPlan, faultNamesIn, scheduleOf } from './chaos/schedule.ts'
import { realClock } from './clock.ts'
import { createConsole } from './console.ts'
import { certificateOf } from './kept-certificate.ts'
import { createLoopbackNetwork, isLoopback } from './loopback.ts'
import { Mistake } from './mistake.ts'
import { createModel } from './model/model.ts'
import { assertFree } from './ports.ts'
import { createRandom } from './random.ts'
import type { CarrierRecord } from './record.ts'
import type { Fixture } from './script.ts'
import { makeRoom, showCall } from './show.ts'
import { createSpeech, speechFolder } from './speech.ts'
import { createTrace, type Trace } from './trace.ts'
import { commandOf, fixtureOf, type Wish } from './wish.ts'
import { openWorld, type World } from './world.ts'

const usualPath = '/api/twilio/incoming-call'

/** What a server that is not ours goes by. The last two may be relative to its voice webhook. */
export type Elsewhere = {
  authToken?: string
  accountSid?: string
  publicUrl?: string
  modelPort?: number
  fallback?: string
  statusCallback?: string
  /** POST without it. */
  method?: Method
  allowRemote?: boolean
  /** The model by wss. */
  tls?: boolean
}

/** Throws a Mistake when there is nothing to sign with. */
export function tokenIn({ authToken }: Elsewhere): string {
  if (authToken !== undefined) return authToken
  throw new Mistake(
    '--target needs --auth-token (and --account-sid, if the server looks at it): the Twilio auth token of the server, to sign with.',
  )
}

/** The world, with its calls coming through the account that the server knows. */
export const comingThrough = (world: World, authToken: string, { accountSid }: Elsewhere): World => ({
  ...world,
  account: { accountSid: accountSid ?? world.account.accountSid, authToken },
})

/** The voice webhook, by the name that the server knows itself by. */
export function voiceUrlOf(target: URL, known: URL): string {
  const voice = new URL(target)
  if (voice.pathname === '/') voice.pathname = usualPath
  return new URL(voice.pathname + voice.search + voice.hash, known).href
}

/** What is told beside the rules that do not hold, since it is the reason: the server is not there, or was and went away. */
function lossOf({ problems, documents }: CarrierRecord, { origin }: URL): string | null {
  if (!problems.some(({ code }) => code === problemCode.connectionFailed)) return null
  const wasThere = documents.some(({ status }) => status === 200)
  return wasThere ? `The server at ${origin} went away in the middle of the call.` : `Nobody answers at ${origin}.`
}

/** Answers with the exit code. */
export async function callElsewhere(target: URL, flags: Elsewhere, wish: Wish): Promise<number> {
  const { publicUrl, modelPort, fallback, statusCallback } = flags
  const token = tokenIn(flags)
  const console = createConsole(wish.json ? { write: () => true } : process.stdout, process.env)
  const fixture = await fixtureOf(wish)
  const plan = wish.chaos?.plan ?? { faults: [] }
  refuseWhatIsFar(target, flags.allowRemote ?? false)
  refuseWhatIsOurs(fixture)
  refuseWhatCannotBeStruck(plan, modelPort !== undefined)
  if (flags.tls && modelPort === undefined)
    throw new Mistake('--tls is the model’s: serve the server its model with --model-port.')
  if (wish.modelFaults !== undefined && modelPort === undefined)
    throw new Mistake('--model-faults: serve the server its model with --model-port, so that it can go wrong.')
  await makeRoom(wish)
  if (modelPort !== undefined) await assertFree([modelPort], 'Choose another with --model-port.')
  const certificate = flags.tls ? await certificateOf(realClock.now()) : undefined
  const opened = await openWorld(realClock, createRandom(wish.seed), { model: modelPort }, null, certificate)
  const world = comingThrough(opened, token, flags)
  const trace = createTrace(realClock)
  trace.onEntry(console.entry)
  try {
    console.say(`The carrier's REST API, for the server's TWILIO_API_BASE_URL: ${world.carrier.origin}`)
    if (modelPort !== undefined) console.say(`The model, for the server's OPENAI_BASE_URL: ${world.modelUrl}`)
    if (certificate !== undefined)
      console.say(`The authority of its certificate, for NODE_EXTRA_CA_CERTS: ${certificate.authorityFile}`)
    const known = new URL(publicUrl ?? target)
    const { seed } = wish
    const asked = {
      target,
      number: numberOf(target, known, flags),
      known,
      fixture,
      seed,
      plan,
      faults: wish.carrierFaults?.faults ?? {},
      allowRemote: flags.allowRemote ?? false,
      hasModel: modelPort !== undefined,
    }
    const result = await placeElsewhere(world, trace, asked)
    const held = rulesOnTheWires(result.evidence)
    const more = Object.entries({
      '--account-sid': flags.accountSid,
      '--public-url': publicUrl,
      '--model-port': modelPort,
      '--method': flags.method,
      '--fallback': fallback,
      '--status-callback': statusCallback,
    })
      .filter(([, given]) => given !== undefined)
      .map((each) => each.join(' '))
      .concat(flags.allowRemote ? ['--allow-remote'] : [], flags.tls ? ['--tls'] : [])
    const repeat = commandOf(wish, [`--target ${target.href}`, '--auth-token …', ...more])
    const print = (line: string) => void process.stdout.write(`${line}\n`)
    const exitCode = await showCall(result, wish, { console, print, repeat, held })
    // Faults may look the same.
    const lost = wish.chaos === undefined ? lossOf(result.evidence.carrier, target) : null
    if (lost !== null) process.stderr.write(`\n✘ ${lost}\n`)
    return exitCode
  } finally {
    await world.close()
  }
}

/** Throws a Mistake when a server is not on this machine and nobody said that it need not be. */
export function refuseWhatIsFar({ hostname }: URL, allowRemote: boolean): void {
  if (!allowRemote && !isLoopback(hostname))
    throw new Mistake(`${hostname} is not this machine. If it is a server that you may call, add --allow-remote.`)
}

function refuseWhatIsOurs({ name, capture, call: { direction } }: Fixture): void {
  if (capture !== undefined)
    throw new Mistake(
      `The fixture ${name} is of a call that took place: only the server that it was recorded with can be held to it.`,
    )
  if (direction === 'outbound')
    throw new Mistake(`The fixture ${name} is a call that Frontdesk places: leave --target out.`)
}

function refuseWhatCannotBeStruck(plan: ChaosPlan, hasModel: boolean): void {
  const names = faultNamesIn(plan)
  if (names.includes('mail-timeout')) throw new Mistake('mail-timeout: no mail of a server elsewhere is taken here.')
  const ofModel = names.find((name) => name.startsWith('model-'))
  if (ofModel !== undefined && !hasModel)
    throw new Mistake(`${ofModel}: serve the server its model with --model-port, so that it can be struck.`)
}

/** Where the number's calls go, by the names that the server knows itself by. */
function numberOf(target: URL, known: URL, { method = 'POST', fallback, statusCallback }: Elsewhere) {
  const voiceUrl = voiceUrlOf(target, known)
  const resolved = (name: string, given: string | undefined) => {
    if (given === undefined) return ''
    const url = URL.parse(given, voiceUrl)
    if (url?.protocol.startsWith('http')) return url.href
    throw new Mistake(`${name} ${given} is not a URL, nor a path such as /status.`)
  }
  return {
    voiceUrl,
    voiceMethod: method,
    voiceFallbackUrl: resolved('--fallback', fallback),
    statusCallback: resolved('--status-callback', statusCallback),
  }
}

type Asked = {
  target: URL
  number: ReturnType<typeof numberOf>
  known: URL
  fixture: Fixture
  seed: string
  plan: ChaosPlan
  faults: CarrierFaults
  allowRemote: boolean
  hasModel: boolean
}

async function placeElsewhere(world: World, trace: Trace, asked: Asked): Promise<CallResult> {
  const { target, number, known, fixture, seed, plan } = asked
  const { account } = world
  const clock = realClock
  const speech = createSpeech({ cacheFolder: speechFolder })
  // Whoever is not ours is told what it did wrong, and not hung up on.
  const model = createModel({ clock, trace, speech, seed, isStrict: false })
  const random = createRandom(seed).child('chaos')
  const schedule = scheduleOf(plan, random)
  const chaos = createChaos({ clock, trace, schedule, random, model })
  const carrier = createCarrier({
    clock,
    network: chaos.around(
      createLoopbackNetwork({ hosts: { [known.host]: target.origin }, allowRemote: asked.allowRemote }),
    ),
    trace,
    seed: unseenSeed(seed),
    accounts: [account],
    numbers: [{ phoneNumber: fixture.call.to, accountSid: account.accountSid, ...number }],
    people: fixture.people,
    settings: { apiBaseUrl: world.carrier.origin, ...settingsWith(asked.faults), ...chaos.carrier },
  })
  world.carrier.show(carrier.standIn)
  if (asked.hasModel) {
    await model.use(fixture.model)
    world.model.show(chaos.aroundModel(model.standIn))
  }
  const placed = carrier.call({ ...fixture.call, caller: fixture.caller })
  chaos.begin(placed.callSid, null)
  const record = await placed.done
  const heard = model.record()
  const evidence = {
    fixture,
    isVirtual: false,
    carrier: record,
    model: heard,
    inbox: { messages: [], requests: [] },
    server: null,
    chaos: chaos.record(),
  }
  return {
    fixture,
    seed,
    callSid: placed.callSid,
    evidence,
    violations: audit(evidence, rulesOnTheWires(evidence)),
    protocolNotes: heard.sessions.flatMap(({ violations }) => violations),
    latencies: latencies(record),
    trace,
    carrierApi: carrier.standIn,
  }
}
