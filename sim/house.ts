// The server under test, hosted in the simulator's own process: the one file of the simulator that may import the server.
// On the real clock it listens on loopback, with real sockets. On the virtual clock its sockets end in this process, and
// its queries, jobs and requests hold time while they last.
import { createHash } from 'node:crypto'
import { join, resolve } from 'node:path'
import { saveInstructions } from '../src/agents/instructions.ts'
import { createApp } from '../src/app.ts'
import { composeDeps } from '../src/compose.ts'
import { type Config, limits, loadConfig } from '../src/config.ts'
import { conversationEvent } from '../src/conversations/events.ts'
import { fold } from '../src/conversations/merge.ts'
import { recordEvents } from '../src/conversations/store.ts'
import type { Tx } from '../src/db/database.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/db/embedded.ts'
import { startJobs } from '../src/db/jobs.ts'
import { createDatabase } from '../src/db/pool.ts'
import { createQueueView } from '../src/db/queue-view.ts'
import { createScratchDatabase, dropScratchDatabase } from '../src/db/scratch.ts'
import { seedDemo } from '../src/demo.ts'
import type { Deps } from '../src/deps.ts'
import { systemClock } from '../src/lib/clock.ts'
import type { Ids } from '../src/lib/ids.ts'
import { createLog } from '../src/lib/log.ts'
import type { OpenSocket, SocketRoute } from '../src/lib/socket.ts'
import { localDatabase, localFolder } from '../src/local.ts'
import { issueApiToken } from '../src/organizations/api-token-store.ts'
import { routeCall, routeKnownCall } from '../src/organizations/route-store.ts'
import type { AgentMode } from '../src/organizations/settings.ts'
import { changeSettings, readAdminAddresses } from '../src/organizations/store.ts'
import { serve } from '../src/platform/serve.ts'
import { createThinker } from '../src/vendors/openai-thinker.ts'
import { createMailer } from '../src/vendors/resend.ts'
import type { Thinker } from '../src/vendors/thinker.ts'
import type { ServerView } from './audit/case.ts'
import type { SimClock, VirtualClock } from './clock.ts'
import { runDueJobs, type Stir, untilNoneIsDue } from './due-jobs.ts'
import { holding } from './holding.ts'
import { behindTls, dialInMemory, shakeHands } from './inward.ts'
import { createLoopbackNetwork } from './loopback.ts'
import { createMemoryNetwork } from './memory.ts'
import { Mistake } from './mistake.ts'
import type { Network, StandIn } from './network.ts'
import type { Random } from './random.ts'
import type { Fixture } from './script.ts'
import { settingsFor, type World } from './world.ts'

/** The name under which the simulated world knows the server. Nothing is ever asked of it outside this machine. */
export const publicHost = 'frontdesk.example'
export const publicBaseUrl = `https://${publicHost}`

export type Postgres = EmbeddedPostgres

export type House = {
  /** How the carrier reaches the server. */
  network: Network
  /** Of the run's own database. */
  adminUrl: string
  /** The server's log so far, a JSON object a line. */
  log: readonly string[]
  /** Changes settings of the clinic that has this number. */
  configure(phoneNumber: string, settings: Record<string, unknown>): Promise<void>
  /** Makes a text its base instructions. Throws a Mistake when it is no template. */
  instruct(phoneNumber: string, text: string): Promise<void>
  /** Asks for a call as the clinic's own system would: over the API, with a token. */
  askForCall(phoneNumber: string, call: { to: string; purpose: string }): Promise<void>
  /** Switches a call that is up to another mode, as an operator would. Null where the server is another process. */
  switchMode: ((callSid: string, to: AgentMode) => void) | null
  close(): Promise<void>
}

/** The embedded Postgres, for as many houses as come. `folder`: of another one than everybody's. */
export const openPostgres = (
  onProgress: (step: string) => void,
  folder = join(localFolder, 'postgres'),
): Promise<Postgres> =>
  startEmbeddedPostgres({ folder, onProgress }).catch((error: Error) => {
    throw new Mistake(error.message)
  })

/** The database of a server that was given none. */
export const localAdminUrl = (postgres: Postgres): string => postgres.adminUrl(localDatabase)

/** Starts a server on a database of its own, with the demonstration's clinics in it. */
export async function openHouse(world: World, random: Random, postgres: Postgres): Promise<House> {
  const { adminUrl, appUrl, drop } = await openScratch(postgres)
  const log: string[] = []
  const stir: Stir = { isFresh: true }
  const deps = buildDeps(world, random, appUrl, log, stir)
  await seedDemo(deps.db, deps.ids, deps.clock.now())
  const app = createApp(deps)
  const stopListening = await app.listen()
  const jobs = await startJobs({
    url: appUrl,
    tasks: app.tasks,
    log: deps.log,
    concurrency: limits.jobsAtOnce,
    pollIntervalMs: limits.jobPollMs,
  })
  const line = isDriven(world.clock) ? connectInMemory(world.clock, app, appUrl, stir) : await connectByLoopback(app)
  return {
    network: line.network,
    adminUrl,
    log,
    ...deskOf(deps, app.fetch),
    switchMode: (callSid, to) => void app.bridge.switchMode(callSid, to),
    async close() {
      await app.bridge.stop()
      await jobs.stop()
      await stopListening()
      await line.close()
      await deps.db.end()
      await drop()
    },
  }
}

/** A run's own database. `adminUrl` and `appUrl` are of it. */
async function openScratch(postgres: Postgres) {
  const adminUrl = postgres.adminUrl('postgres')
  const name = await createScratchDatabase({ adminUrl, appUrl: postgres.appUrl('postgres') })
  const drop = () => dropScratchDatabase({ adminUrl, name })
  return { adminUrl: postgres.adminUrl(name), appUrl: postgres.appUrl(name), drop }
}

/** What servers that run elsewhere, as processes, have in common. */
export type Site = Pick<House, 'adminUrl' | 'configure' | 'instruct' | 'askForCall'> & {
  /** What each of them is started with, beside its port. */
  environment: Record<string, string>
  close(): Promise<void>
}

/** A database for them, with the demonstration's clinics in it. `fetch` reaches them. */
export async function openSite(world: World, postgres: Postgres, fetch: StandIn['fetch']): Promise<Site> {
  const { adminUrl, appUrl, drop } = await openScratch(postgres)
  const environment = environmentOf(world)
  const deps = composeDeps(settingsFrom(environment), appUrl, { log: createLog({ level: 'silent' }) })
  await seedDemo(deps.db, deps.ids, deps.clock.now())
  return {
    adminUrl,
    environment: { ...environment, DATABASE_URL: appUrl },
    ...deskOf(deps, fetch),
    async close() {
      await deps.db.end()
      await drop()
    },
  }
}

const deskOf = (deps: Deps, fetch: StandIn['fetch']): Pick<House, 'configure' | 'instruct' | 'askForCall'> => ({
  configure: (phoneNumber, settings) => configure(deps, phoneNumber, settings),
  instruct: (phoneNumber, text) => instruct(deps, phoneNumber, text),
  askForCall: (phoneNumber, call) => askForCall(deps, fetch, phoneNumber, call),
})

async function configure(deps: Deps, phoneNumber: string, settings: Record<string, unknown>): Promise<void> {
  const organizationId = await clinicOf(deps, phoneNumber)
  await deps.db.withOrg(organizationId, (tx) => changeSettings(tx, organizationId, settings))
}

async function instruct(deps: Deps, phoneNumber: string, text: string): Promise<void> {
  const organizationId = await clinicOf(deps, phoneNumber)
  const save = (tx: Tx) => saveInstructions(tx, organizationId, 'voice', 'base', text)
  const saved = await deps.db.withOrg(organizationId, save)
  if (!saved.ok) throw new Mistake(`These instructions cannot be used. ${saved.message}`)
}

async function askForCall(
  deps: Deps,
  fetch: StandIn['fetch'],
  phoneNumber: string,
  call: { to: string; purpose: string },
): Promise<void> {
  const organizationId = await clinicOf(deps, phoneNumber)
  const { token } = await deps.db.withOrg(organizationId, async (tx) => {
    const [memberEmail = ''] = await readAdminAddresses(tx, organizationId)
    const wanted = { organizationId, memberEmail, name: 'simulator', scopes: ['calls'] as const }
    return issueApiToken(tx, deps.ids, wanted, deps.clock.now())
  })
  const asked = new Request(`http://${publicHost}/api/calls`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ ...call, idempotencyKey: 'the call of the fixture' }),
  })
  const answer = await fetch(asked)
  if (answer.status !== 202) throw new Mistake(`The server would not place the call: ${await answer.text()}`)
}

async function clinicOf(deps: Deps, phoneNumber: string): Promise<string> {
  const route = await routeCall(deps.db, deps.config, { callSid: '', toNumber: phoneNumber, channel: 'twilio' })
  if (route === null) throw new Mistake(`No clinic has the number ${phoneNumber}, so it cannot be set up for this call`)
  return route.organizationId
}

type LedgerEvent = ServerView['events'][number]

/** Servers that share one database, as the machines of a deployment do, for deliveries without a call. */
export type Fleet = {
  machines: Machine[]
  adminUrl: string
  /** Resolves when no job is due any more, those that were to be tried again soon included. */
  untilIdle(): Promise<void>
  close(): Promise<void>
}

export type Machine = {
  /** Takes a request as if it had come through the public address. */
  fetch(request: Request): Promise<Response>
  /** Writes what a live call writes, as its journal does. */
  write(callSid: string, events: readonly LedgerEvent[]): Promise<void>
}

/** `nowMs` is the time on every machine. `fixture`: whose clinic is called. `mailTimeoutMs`: after which a mail's answer counts as lost. */
export async function openFleet(
  world: World,
  postgres: Postgres,
  options: { machines: number; nowMs: number; mailTimeoutMs: number; fixture: Fixture },
): Promise<Fleet> {
  const { adminUrl, appUrl, drop } = await openScratch(postgres)
  const config = settingsFrom(environmentOf(world))
  const clock = { now: () => options.nowMs, after: systemClock.after }
  const { RESEND_API_KEY: apiKey = '', RESEND_BASE_URL: baseUrl } = config
  const mailer = createMailer({ apiKey, baseUrl, timeoutMs: options.mailTimeoutMs })
  const log = createLog({ level: 'silent' })
  // No voice is needed: a model that never answers is never joined by a stream.
  const openSocket: OpenSocket = () => ({ send: () => true, close() {} })
  const running = await Promise.all(
    Array.from({ length: options.machines }, async () => {
      const deps = composeDeps(config, appUrl, { clock, mailer, log, openSocket })
      return { deps, app: createApp(deps) }
    }),
  )
  const [first] = running
  if (first !== undefined) {
    await seedDemo(first.deps.db, first.deps.ids, options.nowMs)
    await prepareClinic(first.deps, options.fixture)
  }
  const workers = await Promise.all(
    running.map(({ app }) =>
      startJobs({
        url: appUrl,
        tasks: app.tasks,
        log,
        concurrency: limits.jobsAtOnce,
        pollIntervalMs: limits.jobPollMs,
      }),
    ),
  )
  const queue = createQueueView({ url: appUrl })
  return {
    machines: running.map(({ app, deps }) => ({
      fetch: async (request) => app.fetch(behindTls(request)),
      write: (callSid, events) => writeAsLiveCall(deps, callSid, events),
    })),
    adminUrl,
    untilIdle: () => untilNoneIsDue(queue, RETRIED_WITHIN_MS),
    async close() {
      await Promise.all(running.map(({ app }) => app.bridge.stop()))
      await Promise.all(workers.map((worker) => worker.stop()))
      await Promise.all(running.map(({ deps }) => deps.db.end()))
      await queue.end()
      await drop()
    },
  }
}

/** One call told many times over is no flood of calls, unless the fixture wants it to be. A number of nobody has no settings. */
async function prepareClinic(deps: Deps, { call, clinic }: Fixture): Promise<void> {
  const unlimited = { callsAtOnce: null, callsPerCaller: null, usdPerCall: null, usdPerDay: null, usdPerMonth: null }
  const own = clinic.settings as { limits?: object }
  await configure(deps, call.to, { ...own, limits: { ...unlimited, ...own.limits } }).catch((error: unknown) => {
    if (!(error instanceof Mistake)) throw error
  })
}

/** The pure fold of groups of events, in any order of the groups, as text: equal facts are equal text. */
export function foldOf(groups: readonly (readonly LedgerEvent[])[]): (order: readonly number[]) => string {
  const parsed = groups.map((events) =>
    events.map(({ key, atMs, fact }) => ({ key, atMs, fact: conversationEvent.parse(fact) })),
  )
  return (order) => JSON.stringify(fold(order.flatMap((group) => parsed[group] ?? [])))
}

/** A job that failed is tried again within this; what is planned for later belongs to another day. */
const RETRIED_WITHIN_MS = 60 * 60_000

async function writeAsLiveCall(deps: Deps, callSid: string, given: readonly LedgerEvent[]): Promise<void> {
  const events = given.map(({ key, atMs, fact }) => ({ key, atMs, fact: conversationEvent.parse(fact) }))
  const known = await routeKnownCall(deps.db, callSid)
  if (known === null) throw new Error(`Cannot write for call ${callSid}: it is not known`)
  const { organizationId, conversationId } = known
  await deps.db.withOrg(organizationId, (tx) => recordEvents(deps, tx, organizationId, conversationId, events))
}

const isDriven = (clock: SimClock): clock is VirtualClock => clock.isVirtual

type Line = { network: Network; close(): Promise<void> }
type Hosted = { fetch: StandIn['fetch']; sockets: SocketRoute[] }

async function connectByLoopback(app: Hosted): Promise<Line> {
  const server = await serve({ port: 0, hostname: '127.0.0.1', fetch: app.fetch, sockets: app.sockets })
  const network = createLoopbackNetwork({ hosts: { [publicHost]: `http://127.0.0.1:${server.port}` } })
  return { network, close: () => server.close() }
}

function connectInMemory(clock: VirtualClock, app: Hosted, appUrl: string, stir: Stir): Line {
  const standIn: StandIn = {
    fetch: (request) => app.fetch(behindTls(request)),
    upgrade: (request) => shakeHands(app.sockets, request),
  }
  const queue = createQueueView({ url: appUrl })
  const forget = clock.onIdle(runDueJobs(clock, queue, stir), 'the job queue')
  return {
    network: createMemoryNetwork({ clock, servers: { [publicHost]: standIn } }),
    async close() {
      forget()
      await queue.end()
    },
  }
}

/** The supervisor takes time of this clock to think: it is asked within this process, and time moves while it thinks. */
function thinkInMemory(clock: SimClock, model: StandIn, config: Config): Thinker {
  const { OPENAI_API_KEY: apiKey = '', OPENAI_BASE_URL: baseUrl } = config
  const network = createMemoryNetwork({ clock, servers: { [new URL(baseUrl).host]: model } })
  const thinker = createThinker({ apiKey, baseUrl, fetch: (url, init = {}) => network.fetch(String(url), init) })
  return { think: (step) => clock.hold(() => thinker.think(step), 'the supervisor') }
}

function buildDeps(world: World, random: Random, appUrl: string, log: string[], stir: Stir): Deps {
  const config = settingsFrom(environmentOf(world))
  const own: Partial<Deps> = { log: createLog({ level: 'info', write: (line) => void log.push(line.trimEnd()) }) }
  if (!world.clock.isVirtual) return composeDeps(config, appUrl, own)
  const { clock } = world
  const deps = composeDeps(config, appUrl, {
    ...own,
    // Every machine's clock tells whole milliseconds.
    clock: { now: () => Math.floor(clock.now()), after: clock.after },
    ids: idsFrom(random.child('server ids')),
    db: createDatabase({ url: appUrl, maxConnections: config.DATABASE_POOL_SIZE }),
    openSocket: dialInMemory(clock, world.model.standIn),
  })
  return {
    ...deps,
    db: holding(clock, deps.db, 'a query', () => void (stir.isFresh = true)),
    telephony: holding(clock, deps.telephony, 'a request to the carrier'),
    writer: holding(clock, deps.writer, 'a request to the text model'),
    thinker: thinkInMemory(clock, world.model.standIn, config),
    mailer: holding(clock, deps.mailer, 'a request to the mail carrier'),
    storage: holding(clock, deps.storage, 'a file'),
  }
}

const environmentOf = (world: World): Record<string, string> => ({
  ...settingsFor(world, publicBaseUrl),
  RECORDINGS_FOLDER: resolve(localFolder, 'sim', 'recordings'),
  FRONTDESK_KEYS: `sim:${createHash('sha256').update('the simulator keeps no secrets').digest('base64')}`,
})

function settingsFrom(environment: Record<string, string>): Config {
  const settings = loadConfig(environment)
  if (!settings.ok) throw new Error(`Cannot host the server: ${settings.problems.join('; ')}`)
  return settings.config
}

function idsFrom(random: Random): Ids {
  return {
    uuid() {
      const hex = random.hex(32)
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`
    },
    token: () => random.hex(64),
  }
}
