// A deploy while calls are up: new machines beside the old, the old ones say that they are not ready and take no call any more,
// and what still goes on when their time is over goes on at the new ones. No caller notices, and no word is lost.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import type { ServerView } from '../../sim/audit/case.ts'
import { createCarrier, type PlacedCall } from '../../sim/carrier/carrier.ts'
import { realClock } from '../../sim/clock.ts'
import { publicBaseUrl } from '../../sim/house.ts'
import { createInbox } from '../../sim/inbox/inbox.ts'
import { createModel, type Model } from '../../sim/model/model.ts'
import type { StandIn } from '../../sim/network.ts'
import type { CallerStep } from '../../sim/script.ts'
import { createTrace } from '../../sim/trace.ts'
import { type Deployed, factsIn, openDeployed, says, speech } from './deployed.ts'

setDefaultTimeout(120_000)

const callers = ['Ann', 'Ben', 'Cleo', 'Dan', 'Eve', 'Finn']
/** Rings while the old machines are being drained. */
const late = 'Zoe'
/** What each of them says, and what the agent says to them, from the greeting on. */
const turns = 3
const clinicNumber = '+15551234567'

let deployed: Deployed
beforeAll(async () => {
  deployed = await openDeployed({ machines: 2, settings: { DRAIN_SECONDS: '2' } })
  const unlimited = { callsAtOnce: null, callsPerCaller: null, usdPerCall: null, usdPerDay: null, usdPerMonth: null }
  await deployed.deployment.configure(clinicNumber, { recordCalls: false, limits: unlimited })
})
afterAll(() => deployed.close())

/** Each caller has a model of their own, in whichever session and on whichever machine they are. */
function switchboard(models: readonly Model[]): StandIn {
  const taken = new Map<string, Model>()
  const [first] = models
  if (first === undefined) throw new Error('there is no model')
  return {
    fetch: first.standIn.fetch,
    upgrade(request) {
      const caller = request.headers.get('openai-safety-identifier') ?? ''
      const model = taken.get(caller) ?? models[taken.size] ?? first
      taken.set(caller, model)
      return model.standIn.upgrade?.(request) ?? { refuse: new Response('no socket', { status: 500 }) }
    },
  }
}

const agentSays = (name: string): string[] => Array.from({ length: turns + 2 }, (_, n) => `${name}, answer ${n}.`)
const callerSays = (name: string): string[] => Array.from({ length: turns }, (_, n) => `This is ${name}, number ${n}.`)

async function openModels(): Promise<Model[]> {
  const writing = { ...{ summary: 'They talked.', reason: 'Talk', outcome: 'question-answered', urgency: 'routine' } }
  const writings = [...callers, late].map(() => ({
    ...{ ...writing, followUps: [], language: 'en', callerName: null, callbackNumber: null },
  }))
  const { modelKey: apiKey } = deployed.world
  return Promise.all(
    [...callers, late].map(async (name) => {
      const trace = createTrace(realClock)
      const model = createModel({ clock: realClock, trace, speech, seed: name, isStrict: true, apiKey })
      const responses = agentSays(name).map((say) => [{ say }])
      const connection = { take: true } as const
      await model.use({ connection, hears: callerSays(name), responses, writings, supervisor: [] })
      return model
    }),
  )
}

/** They leave the agent time, as people do, say something short, and hang up when they have had their answers. */
async function behaviour(name: string): Promise<CallerStep[]> {
  const afterAgent = { on: 'agent-finished', waitMs: 1_200 } as const
  const steps = await Promise.all(callerSays(name).map((words) => says(afterAgent, words, 'yes-please')))
  return [...steps, { on: 'agent-finished', waitMs: 500, act: 'hang-up' }]
}

async function settled(callSid: string): Promise<ServerView> {
  for (;;) {
    const seen = await deployed.view.of(callSid, null)
    if (seen.emailDeliveries.some(({ state }) => state === 'sent' || state === 'parked')) return seen
  }
}

test('a rolling deploy loses no call and no word, and each call gets its one mail', async () => {
  const { deployment, world } = deployed
  const models = await openModels()
  const trace = createTrace(realClock)
  const inbox = createInbox({ clock: realClock, trace, apiKey: world.inboxKey, requestsPerSecond: 100 })
  const { account } = world
  const voiceUrl = `${publicBaseUrl}/api/twilio/incoming-call`
  const voiceFallbackUrl = `${publicBaseUrl}/api/twilio/fallback`
  const statusCallback = `${publicBaseUrl}/api/twilio/status`
  const urls = { voiceUrl, voiceFallbackUrl, statusCallback }
  const carrier = createCarrier({
    ...{ clock: realClock, network: deployment.network, trace, seed: 'rolling', accounts: [account] },
    numbers: [{ phoneNumber: clinicNumber, accountSid: account.accountSid, ...urls }],
  })
  world.model.show(switchboard(models))
  world.inbox.show(inbox.standIn)
  world.carrier.show(carrier.standIn)
  const old = [...deployment.machines()]

  const placed: PlacedCall[] = []
  const place = async (name: string) => {
    const call = carrier.call({ to: clinicNumber, from: `+1555010010${placed.length}`, caller: await behaviour(name) })
    placed.push(call)
    while (deployment.machineOf(call.callSid) === null) await deployed.admin`select`
    return deployment.machineOf(call.callSid)
  }
  const takenBy = await Promise.all(callers.map(place))
  expect(takenBy.every((machine) => machine !== null && old.includes(machine))).toBe(true)
  const deploying = deployment.deploy()
  while (!(await Promise.all(old.map((machine) => machine.health()))).includes(503));
  const latecomer = await place(late)
  expect(latecomer !== null && !old.includes(latecomer)).toBe(true)
  await deploying
  expect(deployment.machines().some((machine) => old.includes(machine))).toBe(false)

  const calls = await Promise.all(placed.map(({ done }) => done))
  const servers = await Promise.all(placed.map(({ callSid }) => settled(callSid)))
  for (const [n, server] of servers.entries()) {
    const record = calls[n]
    expect([record?.endedBy, record?.problems.filter(({ code }) => code !== 31921)]).toEqual(['caller', []])
    expect(server.conversation).toMatchObject({ session_id: `twilio_${placed[n]?.callSid}`, call_status: 'completed' })
    const utterances = factsIn(server, 'utterance')
    const of = (speaker: string) =>
      utterances.filter((each) => each.speaker === speaker).map(({ text }) => String(text))
    // Which caller has which model is settled by who comes first.
    const name = [...callers, late].find((each) => of('caller')[0]?.includes(each)) ?? ''
    expect(of('caller')).toEqual(callerSays(name))
    expect(of('agent')).toEqual(agentSays(name).slice(0, of('agent').length))
    expect(server.emailDeliveries.map(({ state }) => state)).toEqual(['sent'])
    for (const words of callerSays(name)) expect(String(server.conversation?.transcript)).toContain(words)
  }
  expect(inbox.record().messages).toHaveLength(placed.length)
  const handedOver = servers
    .flatMap((server) => factsIn(server, 'stream.ended'))
    .filter((end) => end.reason === 'handed-over')
  expect(handedOver.length).toBeGreaterThan(0)
  expect(models.flatMap((model) => model.record().sessions.flatMap(({ violations }) => violations))).toEqual([])
})
