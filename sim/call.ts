// One simulated call from beginning to end: placed, lived through, and, once everything that was going to happen has
// happened, judged.

import type { Evidence, Row, ServerView, Violation } from './audit/case.ts'
import { type Latencies, latencies } from './audit/latency.ts'
import { audit } from './auditor.ts'
import { replayCapture } from './capture/replay.ts'
import { createCarrier } from './carrier/carrier.ts'
import { type CarrierFaults, settingsWith } from './carrier/faults.ts'
import { unseenSeed } from './carrier/sids.ts'
import { createChaos } from './chaos/chaos.ts'
import { type ChaosPlan, scheduleOf } from './chaos/schedule.ts'
import { createVirtualClock, realClock } from './clock.ts'
import { type Deployment, openDeployment } from './deployment.ts'
import { type Grade, grade, isMet, violationsIn } from './grading.ts'
import { type House, openHouse, type Postgres, publicBaseUrl } from './house.ts'
import { createInbox } from './inbox/inbox.ts'
import { ownMails } from './inbox/own-mails.ts'
import { Mistake } from './mistake.ts'
import { createModel } from './model/model.ts'
import type { Network, StandIn } from './network.ts'
import { createRandom } from './random.ts'
import type { ChaosRecord } from './record.ts'
import type { Fixture } from './script.ts'
import { settled } from './settling.ts'
import type { Speech } from './speech.ts'
import { createTrace, type Trace } from './trace.ts'
import { createView, type View } from './view.ts'
import { openWorld, type RealModel, type World } from './world.ts'

export type CallRequest = {
  fixture: Fixture
  seed: string
  speech: Speech
  /** The clinic's base instructions, in place of its own. */
  instructions?: string | undefined
  /** Whom the server talks with in place of the model: the call is graded, then. In real time only. */
  real?: RealModel | undefined
  /** What is done to the call on purpose. */
  chaos?: ChaosPlan | undefined
  /** What goes wrong at the carrier. */
  carrierFaults?: CarrierFaults | undefined
  /** Once it is aborted, the caller hangs up. */
  signal?: AbortSignal | undefined
  /** Called with the trace before its first entry. */
  onTrace(trace: Trace): void
}

export type CallResult = {
  fixture: Fixture
  seed: string
  callSid: string
  evidence: Evidence
  violations: Violation[]
  /** Of a call with a real model, which is graded where others are judged. */
  grades?: Grade[] | undefined
  /** Rules of the Realtime API that a server of somebody else broke: told, and not held against it. */
  protocolNotes?: string[] | undefined
  latencies: Latencies
  trace: Trace
  /** The carrier's REST API, which still remembers the call. */
  carrierApi: StandIn
}

/** Where the server is: how the carrier reaches it, and what it wrote down. `clinic`: null where nobody can act for it. */
export type Scene = {
  world: World
  network: Network
  publicBaseUrl: string
  view: View
  /** The server was there before the call, and remembers others. */
  isLasting?: boolean
  clinic: Pick<House, 'configure' | 'instruct' | 'askForCall' | 'switchMode'> | null
  /** The processes that the server is, where it is some. */
  deployment?: Deployment | null
}

/** A day that no database's clock will reach for long: jobs planned on the virtual clock never fall due by themselves. */
const VIRTUAL_START_MS = Date.UTC(2040, 0, 2, 15, 0, 0)
export type Hosting = {
  /** As fast as the work allows, on a clock of its own. */
  isVirtual: boolean
  /** In so many processes, in real time, instead of in this one. */
  machines?: number | undefined
  postgres: Postgres
  onProgress(step: string): void
}

/** Hosts a server of its own for one call. */
export async function simulateCall(
  request: CallRequest & Hosting,
): Promise<CallResult & { serverLog: readonly string[] }> {
  const virtual = request.isVirtual ? createVirtualClock({ startMs: request.fixture.atMs ?? VIRTUAL_START_MS }) : null
  const clock = virtual ?? realClock
  const random = createRandom(request.seed)
  const whole = async () => {
    const world = await clock.hold(openWorld(clock, random, {}, request.real), 'the stand-ins to listen')
    request.onProgress('starting the server')
    const { postgres, machines } = request
    const deployment = machines === undefined ? null : await openDeployment(world, postgres, { machines })
    const house = deployment ?? (await clock.hold(openHouse(world, random, postgres), 'the server to start'))
    const view = createView(house.adminUrl)
    try {
      const scene = { world, network: house.network, publicBaseUrl, view, clinic: house, deployment }
      const result = await runCall(scene, request)
      return { ...result, serverLog: house.log }
    } finally {
      await clock.hold(view.end(), 'the view to close')
      await clock.hold(house.close(), 'the server to stop')
      await clock.hold(world.close(), 'the stand-ins to stop')
    }
  }
  return virtual === null ? whole() : virtual.run(whole())
}

/** Places one call to a server that is up. */
export async function runCall(scene: Scene, request: CallRequest): Promise<CallResult> {
  if (request.fixture.capture !== undefined) {
    const { fixture } = request
    // A call that the server places is asked for in the course of the replay.
    const silent = { ...request, fixture: { ...fixture, call: { ...fixture.call, purpose: null } } }
    await scene.world.clock.hold(prepareClinic(scene, silent), 'the clinic to be ready')
    return replayCapture(scene, request, request.fixture.capture)
  }
  const { fixture, seed, speech, onTrace, real, chaos: plan = noChaos, carrierFaults = {} } = request
  const { world, network, view } = scene
  const { clock, account } = world
  if (fixture.atMs !== null && !clock.isVirtual)
    throw new Mistake(
      `The fixture ${fixture.name} speaks of days of the virtual clock: it needs --speed 10, and no --target.`,
    )
  const trace = createTrace(clock)
  onTrace(trace)
  const model = createModel({ clock, trace, speech, seed, isStrict: true, apiKey: world.modelKey })
  const random = createRandom(seed).child('chaos')
  const schedule = scheduleOf(plan, random)
  const chaos = createChaos({ clock, trace, schedule, random, model })
  const inbox = createInbox({ clock, trace, apiKey: world.inboxKey, fate: chaos.mailFate })
  const carrier = createCarrier({
    clock,
    network: chaos.around(network),
    settings: { ...settingsWith(carrierFaults), ...chaos.carrier },
    trace,
    seed: scene.isLasting ? unseenSeed(seed) : seed,
    accounts: [account],
    numbers: [
      { phoneNumber: clinicsNumber(fixture), accountSid: account.accountSid, ...webhooks(scene.publicBaseUrl) },
    ],
    people: fixture.people,
    ...whoIsCalled(fixture),
  })
  if (real === undefined) await clock.hold(model.use(fixture.model), 'the model to rehearse')
  world.model.show(chaos.aroundModel(model.standIn))
  world.inbox.show(inbox.standIn)
  world.carrier.show(carrier.standIn)
  const before = await clock.hold(view.look(), 'a look at the database')
  await clock.hold(prepareClinic(scene, request), 'the clinic to be ready')
  const isInbound = fixture.call.direction === 'inbound'
  const placed = isInbound ? carrier.call({ ...fixture.call, caller: fixture.caller }) : await carrier.expectOutbound()
  request.signal?.addEventListener('abort', () => placed.hangUp())
  chaos.begin(placed.callSid, scene.deployment ?? null)
  for (const { afterMs, to } of fixture.clinic.switches)
    clock.after(afterMs, () => scene.clinic?.switchMode?.(placed.callSid, to))
  const desk = fixture.clinic.desk.map(async ({ afterMs, books }) => {
    await new Promise<void>((resolve) => clock.after(afterMs, resolve))
    await clock.hold(view.bookAtDesk(fixture.call.to, books), 'the clinic’s desk')
  })
  const [record] = await Promise.all([placed.done, ...desk])
  await chaos.over()
  await settled(clock, () => view.of(placed.callSid, null))
  const server = await clock.hold(view.of(placed.callSid, before), 'a look at the database')
  const othersKeys = await clock.hold(view.mailKeysOfOthers(placed.callSid), 'a look at the database')
  const forgeries = await clock.hold(
    lookForForged(view, chaos.record(), placed.callSid, server),
    'a look at the database',
  )
  const evidence = {
    fixture,
    isVirtual: clock.isVirtual,
    carrier: record,
    model: model.record(),
    inbox: ownMails(inbox.record(), othersKeys),
    server,
    chaos: { ...chaos.record(), forgeries },
  }
  const grades = real === undefined ? undefined : grade(evidence)
  return {
    fixture,
    seed,
    callSid: placed.callSid,
    evidence,
    violations: grades === undefined ? audit(evidence) : violationsIn(grades),
    grades,
    latencies: latencies(record),
    trace,
    carrierApi: carrier.standIn,
  }
}

async function prepareClinic({ clinic }: Scene, { fixture, instructions }: CallRequest): Promise<void> {
  const { settings, switches } = fixture.clinic
  const { to, purpose } = fixture.call
  const isAsItIs = Object.keys(settings).length === 0 && switches.length === 0 && instructions === undefined
  if (isAsItIs && purpose === null) return
  if (clinic === null)
    throw new Mistake(`The call of ${fixture.name} sets up the clinic, and a server elsewhere cannot be set up.`)
  if (switches.length > 0 && clinic.switchMode === null)
    throw new Mistake(
      `The call of ${fixture.name} is switched to another mode, which another process cannot be told to do.`,
    )
  await clinic.configure(clinicsNumber(fixture), settings)
  if (instructions !== undefined) await clinic.instruct(clinicsNumber(fixture), instructions)
  if (purpose !== null) await clinic.askForCall(clinicsNumber(fixture), { to, purpose })
}

const clinicsNumber = ({ call: { direction, to, from } }: Fixture): string => (direction === 'inbound' ? to : from)

/** Of an outbound call, the fixture's caller is the one who is called. */
const whoIsCalled = ({ call: { direction, to, answers }, caller }: Fixture) =>
  direction === 'inbound' ? {} : { caller: { number: to, answers, does: caller } }

/** A number's configuration, as a clinic's would be. */
export const webhooks = (base: string) => ({
  voiceUrl: `${base}/api/twilio/incoming-call`,
  voiceFallbackUrl: `${base}/api/twilio/fallback`,
  statusCallback: `${base}/api/twilio/status`,
})

const noChaos: ChaosPlan = { faults: [] }

/** Whether anything of what was forged is in the database: a call that there never was, or a fact that nobody told. */
async function lookForForged(
  view: View,
  { forgeries }: ChaosRecord,
  callSid: string,
  server: ServerView,
): Promise<ChaosRecord['forgeries']> {
  const ledger = JSON.stringify([server.events, server.recordings])
  const looked = forgeries.map(async (forgery) => {
    const isOfOurs = forgery.callSid === callSid
    const forged = isOfOurs ? null : await view.of(forgery.callSid, null)
    const isKept = forgery.marks.some((mark) => ledger.includes(mark))
    return { ...forgery, isKept: isKept || (forged !== null && (forged.conversation !== null || forged.isUnrouted)) }
  })
  return Promise.all(looked)
}

/** What a machine is told: one object. */
export function summaryOf(result: CallResult) {
  const { seed, callSid, evidence, violations, grades, protocolNotes, latencies: latencyMs } = result
  const { server, inbox } = evidence
  const row: Row = server?.conversation ?? {}
  const facts = (kind: string) => (server?.events ?? []).filter((event) => event.kind === kind).map(({ fact }) => fact)
  return {
    verdict: violations.length === 0 ? 'passed' : 'failed',
    seed,
    callSid,
    sessionId: row.session_id ?? null,
    organizationId: row.organization_id ?? null,
    conversation: server?.conversation ?? null,
    turns: facts('utterance'),
    tools: facts('tool.returned'),
    emails: inbox.messages,
    latencyMs,
    violations,
    ...(protocolNotes && { protocolNotes }),
    ...(grades && { grades: { met: grades.filter(isMet).length, of: grades.length } }),
  }
}
