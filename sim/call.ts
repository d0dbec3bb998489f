// One simulated call from beginning to end: the world is set up around a fixture, the call is placed and lived through, and
// once everything that was going to happen has happened, the auditor is asked.

import type { Evidence, Row, Violation } from './audit/case.ts'
import { type Latencies, latencies } from './audit/latency.ts'
import { audit } from './auditor.ts'
import { type Carrier, createCarrier } from './carrier/carrier.ts'
import { createVirtualClock, realClock, type SimClock } from './clock.ts'
import { type House, openHouse, publicBaseUrl } from './house.ts'
import { createInbox } from './inbox/inbox.ts'
import { listen } from './loopback.ts'
import { createModel } from './model/model.ts'
import { createRandom } from './random.ts'
import type { Fixture } from './script.ts'
import type { Speech } from './speech.ts'
import { createTrace, type Trace } from './trace.ts'
import { createView } from './view.ts'

export type CallOptions = {
  fixture: Fixture
  seed: string
  /** Virtual: as fast as the work allows, on a clock of its own. */
  isVirtual: boolean
  speech: Speech
  postgres: Parameters<typeof openHouse>[1]
  onProgress(step: string): void
  /** The trace, before its first entry, for whoever wants to watch. */
  onTrace(trace: Trace): void
}

export type CallResult = {
  fixture: Fixture
  seed: string
  callSid: string
  evidence: Evidence
  violations: Violation[]
  latencies: Latencies
  trace: Trace
  serverLog: readonly string[]
  tookMs: number
}

/** A day that no database's clock will reach for long: jobs planned on the virtual clock never fall due by themselves. */
const VIRTUAL_START_MS = Date.UTC(2040, 0, 2, 15, 0, 0)
/** After the call, for its mail: real time, or virtual time (the mail's own deadline is ten minutes). */
const SETTLE_REAL_MS = 45_000
const SETTLE_VIRTUAL_MS = 30 * 60_000
const LOOK_AGAIN_MS = 100

export async function simulateCall(options: CallOptions): Promise<CallResult> {
  const startedAt = performance.now()
  if (!options.isVirtual) return live(options, realClock, startedAt)
  const clock = createVirtualClock({ startMs: VIRTUAL_START_MS })
  return clock.run(live(options, clock, startedAt))
}

async function live(options: CallOptions, clock: SimClock, startedAt: number): Promise<CallResult> {
  const { fixture, seed } = options
  const random = createRandom(seed)
  const trace = createTrace(clock)
  options.onTrace(trace)
  const hex = (length: number, label: string) => random.child(label).hex(length)
  const account = { accountSid: `AC${hex(32, 'account')}`, authToken: hex(32, 'token') }
  const modelKey = `sk-sim-${hex(24, 'model key')}`
  const inboxKey = `re_sim_${hex(24, 'inbox key')}`

  const model = createModel({ clock, trace, speech: options.speech, seed, isStrict: true, apiKey: modelKey })
  const inbox = createInbox({ clock, trace, apiKey: inboxKey })
  let carrier: Carrier | undefined
  const carrierDoor = {
    fetch: (request: Request) => carrier?.standIn.fetch(request) ?? new Response(null, { status: 503 }),
  }
  const doors = await Promise.all([listen(carrierDoor), listen(model.standIn), listen(inbox.standIn)])
  const [carrierOrigin, modelOrigin, inboxOrigin] = doors.map(({ origin }) => origin) as [string, string, string]

  options.onProgress('starting the server')
  const house = await clock.hold(
    openHouse(
      { clock, random, account, carrierOrigin, modelOrigin, inboxOrigin, modelKey, inboxKey, model: model.standIn },
      options.postgres,
    ),
    'the server to start',
  )
  try {
    await clock.hold(model.use(fixture.model), 'the model to rehearse')
    const number = {
      phoneNumber: fixture.call.to,
      accountSid: account.accountSid,
      voiceUrl: `${publicBaseUrl}/api/twilio/incoming-call`,
      voiceFallbackUrl: `${publicBaseUrl}/api/twilio/fallback`,
      statusCallback: `${publicBaseUrl}/api/twilio/status`,
    }
    carrier = createCarrier({
      clock,
      network: house.network,
      trace,
      seed,
      accounts: [account],
      numbers: [number],
      settings: { apiBaseUrl: carrierOrigin },
    })
    const placed = carrier.call({ ...fixture.call, caller: fixture.caller })
    const carrierRecord = await placed.done
    const server = await settled(clock, house, placed.callSid)
    const evidence = { fixture, carrier: carrierRecord, model: model.record(), inbox: inbox.record(), server }
    return {
      fixture,
      seed,
      callSid: placed.callSid,
      evidence,
      violations: audit(evidence),
      latencies: latencies(carrierRecord),
      trace,
      serverLog: house.log,
      tookMs: performance.now() - startedAt,
    }
  } finally {
    await clock.hold(house.close(), 'the server to stop')
    await clock.hold(Promise.all(doors.map((door) => door.stop())), 'the stand-ins to stop')
  }
}

/** Waits until the call's mail has gone or been parked, or nothing can be expected any more. */
async function settled(clock: SimClock, house: House, callSid: string) {
  const view = createView(house.adminUrl)
  const giveUpAtMs = clock.now() + (clock.isVirtual ? SETTLE_VIRTUAL_MS : SETTLE_REAL_MS)
  try {
    for (;;) {
      const seen = await clock.hold(view.of(callSid), 'a look at the database')
      const isMailDone = seen.emailDeliveries.some(({ state }) => state === 'sent' || state === 'parked')
      if (isMailDone || seen.isUnrouted || clock.now() >= giveUpAtMs) return seen
      await new Promise<void>((resolve) => clock.after(clock.isVirtual ? 10 * LOOK_AGAIN_MS : LOOK_AGAIN_MS, resolve))
    }
  } finally {
    await clock.hold(view.end(), 'the view to close')
  }
}

/** What a machine is told: one object, with nothing in it that only a person could use. */
export function summaryOf({ fixture, seed, callSid, evidence, violations, latencies: latencyMs }: CallResult) {
  const { server, inbox } = evidence
  const row: Row = server?.conversation ?? {}
  const facts = (kind: string) => (server?.events ?? []).filter((event) => event.kind === kind).map(({ fact }) => fact)
  return {
    verdict: violations.length === 0 ? 'passed' : 'failed',
    fixture: fixture.name,
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
  }
}

export type CallSummary = ReturnType<typeof summaryOf>
