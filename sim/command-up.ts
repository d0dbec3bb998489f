// `sim up`: the stand-ins by themselves, for whatever server there is, for as long as one likes. Prints where they are and what a
// server must be told, and shows what happens on them. The account and the keys are the same on every run and machine.
import { z } from 'zod'
import { createCarrier } from './carrier/carrier.ts'
import { realClock } from './clock.ts'
import { createConsole } from './console.ts'
import { definedOf, modelFaults } from './fixture-shape.ts'
import { createInbox } from './inbox/inbox.ts'
import { createLoopbackNetwork } from './loopback.ts'
import { Mistake } from './mistake.ts'
import { createModel } from './model/model.ts'
import { assertFree, usualPorts } from './ports.ts'
import { createRandom } from './random.ts'
import type { ModelScript } from './script.ts'
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
  modelFaults?: string
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
  const script = { ...(await scriptOf(flags.fixture)), ...faultsOf(flags.modelFaults) }
  await assertFree(
    [carrierPort, modelPort, inboxPort],
    'Is "bun dev" or another "sim up" running? Others are chosen with --carrier-port, --model-port and --inbox-port.',
  )
  const ports = { carrier: carrierPort, model: modelPort, inbox: inboxPort }
  const opened = await openWorld(realClock, createRandom(usualSeed), ports)
  const account = {
    accountSid: accountSid ?? opened.account.accountSid,
    authToken: authToken ?? opened.account.authToken,
  }
  const world: World = { ...opened, account }
  await furnish(world, script, flags)
  const forget = await writeUpNote(world.carrier.origin)
  console.log(flags.json ? JSON.stringify(addressesOf(world)) : welcome(world))
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
  await forget()
  await world.close()
}

const scriptOf = async (fixture: string | undefined): Promise<ModelScript> => {
  if (fixture !== undefined) return (await fixtureOf({ fixture, seed: usualSeed, json: false })).model
  const nothing = { hears: [], responses: [], writings: [], supervisor: [] }
  return { connection: { take: true }, improvises: true, ...nothing }
}

function faultsOf(json: string | undefined): Pick<ModelScript, 'faults'> {
  if (json === undefined) return {}
  const read = modelFaults.safeParse(parsedOrNull(json))
  if (read.success) return { faults: definedOf(read.data) }
  throw new Mistake(`--model-faults: ${z.prettifyError(read.error)}\nsim/fixtures/README.md tells what there is.`)
}

function parsedOrNull(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return null
  }
}

/** Puts somebody behind each door. */
async function furnish(world: World, script: ModelScript, { json }: UpFlags): Promise<void> {
  const clock = realClock
  const trace = createTrace(clock, false)
  const seed = crypto.randomUUID()
  const speech = createSpeech({ cacheFolder: speechFolder })
  const hosts: Record<string, string> = {}
  // Whoever is not ours is told what it did wrong, and not hung up on.
  const model = createModel({ clock, trace, speech, seed, isStrict: false, apiKey: world.modelKey })
  await model.use(script)
  const inbox = createInbox({ clock, trace, apiKey: world.inboxKey, requestsPerSecond: MAILS_PER_SECOND })
  const carrier = createCarrier({
    clock,
    network: createLoopbackNetwork({ hosts }),
    trace,
    seed,
    accounts: [world.account],
    numbers: [],
    strangers: { afterMs: STRANGER_ANSWERS_AFTER_MS },
    settings: { apiBaseUrl: world.carrier.origin },
  })
  const { accountSid } = world.account
  const rewind = () => model.use(script)
  const control = createControl({ carrier, model, rewind, speech, trace, accountSid, hosts })
  world.model.show(model.standIn)
  world.inbox.show(inbox.standIn)
  world.carrier.show({
    fetch: (request) =>
      new URL(request.url).pathname.startsWith(`${doorPath}/`)
        ? control.fetch(request)
        : carrier.standIn.fetch(request),
  })
  const screen = createConsole(process.stdout, process.env)
  trace.onEntry((entry) => {
    if (!json) return screen.entry(entry)
    const shown = withoutSound(entry)
    if (shown !== null) console.log(JSON.stringify(shown))
  })
}

const addressesOf = (world: World) => ({
  carrier: world.carrier.origin,
  model: world.modelUrl,
  inbox: world.inbox.origin,
  ...world.account,
  modelKey: world.modelKey,
  inboxKey: world.inboxKey,
})

function welcome(world: World): string {
  const { PUBLIC_BASE_URL: _, MAIL_FROM: __, ...settings } = settingsFor(world, '')
  const carrier = world.carrier.origin.endsWith(`:${usualPorts.carrier}`) ? '' : ` --carrier ${world.carrier.origin}`
  return `The stand-ins are up. What a server must be told, the same on every run:

${Object.entries(settings)
  .map(([name, value]) => `  ${name}=${value}`)
  .join('\n')}

The model speaks at ${world.modelUrl.replace('http', 'ws')}/realtime?model=…

From another terminal:
  bun sim ring --to +15551234567 --webhook http://localhost:3000/voice${carrier}
  bun sim say "Hello, do you open on Saturdays?"${carrier}
  bun sim dtmf 1${carrier}       bun sim hangup${carrier}       bun sim tail${carrier}
  bun sim sms --to +15551234567 --webhook http://localhost:3000/sms "Hello"${carrier}

What happens (Ctrl-C ends it):`
}
