// `sim up`: the stand-ins by themselves, for whatever server there is, for as long as one likes. Prints where they are and what a
// server must be told, and shows what happens on them. The account and the keys are the same on every run and machine.
import { type Carrier, createCarrier } from './carrier/carrier.ts'
import { type CarrierFaults, settingsWith } from './carrier/faults.ts'
import { createChaos } from './chaos/chaos.ts'
import { readChaos } from './chaos/reading.ts'
import { type ChaosPlan, processFaultsIn, scheduleOf } from './chaos/schedule.ts'
import { realClock } from './clock.ts'
import { carrierFaultsIn, modelFaultsIn } from './command-json.ts'
import { createConsole } from './console.ts'
import { createInbox } from './inbox/inbox.ts'
import { certificateOf } from './kept-certificate.ts'
import { createLoopbackNetwork } from './loopback.ts'
import { Mistake } from './mistake.ts'
import { unscripted } from './model/improvising.ts'
import { createModel } from './model/model.ts'
import { assertFree, usualPorts } from './ports.ts'
import { createRandom } from './random.ts'
import type { Answering, ModelScript } from './script.ts'
import { createSpeech, speechFolder } from './speech.ts'
import { createTrace } from './trace.ts'
import { createControl, withoutSound } from './up-control.ts'
import { doorPath, writeUpNote } from './up-door.ts'
import { fixtureOf } from './wish.ts'
import { openWorld, settingsFor, usualSeed, type World } from './world.ts'

export type UpFlags = {
  carrierPort: number
  modelPort: number
  inboxPort: number
  accountSid?: string
  authToken?: string
  fixture?: string
  /** JSON, as the next. */
  modelFaults?: string
  carrierFaults?: string
  /** Faults, or a file of them. */
  chaos?: string
  allowRemote?: boolean
  tls?: boolean
  /** Who does not pick up as everybody else does. */
  person: { number: string; answers: Answering }[]
  /** Numbers of the account from the beginning. */
  number: string[]
  json?: boolean
}

export const upPorts = { carrier: usualPorts.carrier, model: usualPorts.model, inbox: usualPorts.inbox }

/** Whom the server calls picks up after so long, and waits for orders. */
const STRANGER_ANSWERS_AFTER_MS = 1_500
/** Enough for several calls at once. */
const MAILS_PER_SECOND = 50

export async function upCommand(flags: UpFlags): Promise<void> {
  const { carrierPort, modelPort, inboxPort, accountSid, authToken } = flags
  if (accountSid !== undefined && !/^AC[0-9a-f]{32}$/i.test(accountSid))
    throw new Mistake('--account-sid is AC and 32 hexadecimal digits: Twilio’s own clients take no other.')
  const asked = await askedOf(flags)
  await assertFree(
    [carrierPort, modelPort, inboxPort],
    'Is "bun dev" or another "sim up" running? Others are chosen with --carrier-port, --model-port and --inbox-port.',
  )
  const ports = { carrier: carrierPort, model: modelPort, inbox: inboxPort }
  const certificate = flags.tls ? await certificateOf(realClock.now()) : undefined
  const opened = await openWorld(realClock, createRandom(usualSeed), ports, null, certificate)
  const account = {
    ...opened.account,
    ...(accountSid === undefined ? {} : { accountSid }),
    ...(authToken === undefined ? {} : { authToken }),
  }
  const world: World = { ...opened, account }
  await furnish(world, asked)
  const forget = await writeUpNote(world.carrier.origin)
  const authorityFile = certificate?.authorityFile
  console.log(flags.json ? JSON.stringify({ ...addressesOf(world), authorityFile }) : welcome(world, authorityFile))
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
  await forget()
  await world.close()
}

const scriptOf = async (fixture: string | undefined): Promise<ModelScript> => {
  if (fixture !== undefined) return (await fixtureOf({ fixture, seed: usualSeed, json: false })).model
  return unscripted
}

type Asked = {
  script: ModelScript
  plan: ChaosPlan
  faults: CarrierFaults
  people: UpFlags['person']
  numbers: string[]
  isForMachines: boolean
  allowRemote: boolean
}

async function askedOf({
  fixture,
  modelFaults,
  carrierFaults,
  chaos,
  person,
  number,
  json,
  allowRemote,
}: UpFlags): Promise<Asked> {
  const script = await scriptOf(fixture)
  const plan = chaos === undefined ? { faults: [] } : (await readChaos(chaos)).plan
  const needs = processFaultsIn(plan)
  if (needs.length > 0) throw new Mistake(`${needs.join(' and ')}: "sim up" has no server of its own to strike.`)
  return {
    script: modelFaults === undefined ? script : { ...script, faults: modelFaultsIn(modelFaults).faults },
    plan,
    faults: carrierFaults === undefined ? {} : carrierFaultsIn(carrierFaults).faults,
    people: person,
    numbers: number,
    isForMachines: json ?? false,
    allowRemote: allowRemote ?? false,
  }
}

/** Puts somebody behind each door. */
async function furnish(
  world: World,
  { script, plan, faults, people, numbers, isForMachines, allowRemote }: Asked,
): Promise<void> {
  const clock = realClock
  const trace = createTrace(clock, false)
  const seed = crypto.randomUUID()
  const speech = createSpeech({ cacheFolder: speechFolder })
  const hosts: Record<string, string> = {}
  // Whoever is not ours is told what it did wrong, and not hung up on.
  const model = createModel({ clock, trace, speech, seed, isStrict: false, apiKey: world.modelKey })
  await model.use(script)
  const random = createRandom(seed).child('chaos')
  const schedule = scheduleOf(plan, random)
  const chaos = createChaos({ clock, trace, schedule, random, model })
  const inbox = createInbox({
    clock,
    trace,
    apiKey: world.inboxKey,
    requestsPerSecond: MAILS_PER_SECOND,
    fate: chaos.mailFate,
  })
  const { accountSid } = world.account
  const usual: Answering = { afterMs: STRANGER_ANSWERS_AFTER_MS }
  const carrier = createCarrier({
    clock,
    network: chaos.around(createLoopbackNetwork({ hosts, allowRemote })),
    trace,
    seed,
    accounts: [world.account],
    numbers: numbers.map((phoneNumber) => ({ phoneNumber, accountSid, voiceUrl: '' })),
    strangers: (phoneNumber) => people.find(({ number }) => number === phoneNumber)?.answers ?? usual,
    settings: { apiBaseUrl: world.carrier.origin, ...settingsWith(faults), ...chaos.carrier },
  })
  const rewind = () => model.use(script)
  const onCall = (callSid: string) => chaos.begin(callSid, null)
  const control = createControl({ carrier, model, rewind, speech, trace, accountSid, hosts, allowRemote, onCall })
  void followOrders(carrier, onCall)
  world.model.show(chaos.aroundModel(model.standIn))
  world.inbox.show(inbox.standIn)
  world.carrier.show({
    fetch: (request) =>
      new URL(request.url).pathname.startsWith(`${doorPath}/`)
        ? control.fetch(request)
        : carrier.standIn.fetch(request),
  })
  const screen = createConsole(process.stdout, process.env)
  trace.onEntry((entry) => {
    if (!isForMachines) return screen.entry(entry)
    const shown = withoutSound(entry)
    if (shown !== null) console.log(JSON.stringify(shown))
  })
}

/** For as long as it runs: tells of each call that the server places. */
async function followOrders(carrier: Carrier, onCall: (callSid: string) => void): Promise<void> {
  for (;;) onCall((await carrier.expectOutbound()).callSid)
}

const addressesOf = (world: World) => ({
  carrier: world.carrier.origin,
  model: world.modelUrl,
  inbox: world.inbox.origin,
  ...world.account,
  modelKey: world.modelKey,
  inboxKey: world.inboxKey,
})

function welcome(world: World, authorityFile: string | undefined): string {
  const { PUBLIC_BASE_URL: _, MAIL_FROM: __, ...settings } = settingsFor(world, '')
  const carrier = world.carrier.origin.endsWith(`:${usualPorts.carrier}`) ? '' : ` --carrier ${world.carrier.origin}`
  return `The stand-ins are up. What a server must be told, the same on every run:

${Object.entries(settings)
  .map(([name, value]) => `  ${name}=${value}`)
  .join('\n')}

${keyLine(world)}
The model speaks at ${world.modelUrl.replace('http', 'ws')}/realtime?model=…${trustLine(authorityFile)}

From another terminal:
  bun sim ring --to +15551234567 --webhook http://localhost:3000/voice${carrier}
  bun sim say "Hello, do you open on Saturdays?"${carrier}
  bun sim dtmf 1${carrier}       bun sim hangup${carrier}       bun sim tail${carrier}
  bun sim sms --to +15551234567 --webhook http://localhost:3000/sms "Hello"${carrier}

What happens (Ctrl-C ends it):`
}

const trustLine = (authorityFile: string | undefined): string =>
  authorityFile === undefined
    ? ''
    : `
Its certificate is trusted with NODE_EXTRA_CA_CERTS=${authorityFile} (Deno: DENO_CERT)`

/** Of those who ask the REST API by a key: it does not sign. */
const keyLine = ({ account: { apiKey } }: World): string =>
  apiKey === undefined ? '' : `The REST API takes ${apiKey.keySid} with ${apiKey.secret}, too.\n`
