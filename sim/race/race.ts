// One call's deliveries in every order that matters: in the pure fold, and against real servers on a real Postgres. There
// must be one outcome, and one mail.
import type { CallResult } from '../call.ts'
import { signForm } from '../carrier/signature.ts'
import { realClock } from '../clock.ts'
import { type Fleet, foldOf, type Machine, openFleet, type Postgres, publicBaseUrl } from '../house.ts'
import { createInbox } from '../inbox/inbox.ts'
import { createModel } from '../model/model.ts'
import type { StandIn } from '../network.ts'
import { createRandom, type Random } from '../random.ts'
import type { InboxRecord } from '../record.ts'
import type { Speech } from '../speech.ts'
import { createTrace } from '../trace.ts'
import { createView, type View } from '../view.ts'
import { openWorld, type World } from '../world.ts'
import { type Aliases, aliases, sidsIn } from './again.ts'
import { cases, type Tried } from './cases.ts'
import { type Delivery, deliveriesOf, type LedgerEvent, shapeOf } from './deliveries.ts'
import { adjacentSwaps, doubledOrder, everyOrder, type Order, originalOrder, permuted, shuffled } from './orders.ts'

export type RaceOptions = {
  seed: string
  shuffles: number
  /** Names of the calls that were raced on the database, by their shape. */
  raced: Map<string, string>
  postgres: Postgres
  speech: Speech
  onProgress(step: string): void
}

export type Tally = { tried: number; perSecond: number; outcomes: number }

export type DatabaseTally = Tally & { mails: number; mailsWanted: number }

export type RaceResult = {
  name: string
  deliveries: string[]
  pure: Tally & { isExhaustive: boolean }
  /** Or the call that delivers the same, and was raced on the database for both. */
  database: DatabaseTally | { sameAs: string }
  cases: { name: string; times: number; isPossible: boolean }[]
  /** The shortest order found whose outcome is another one, by delivery, and how it differs. */
  counterexample: { order: string[][]; difference: string } | null
}

const EXHAUSTIVE_UP_TO = 8
const PURE_SAMPLES = 2_000
const ORDERS_AT_ONCE = 8
const MACHINES = 2
const MAIL_TIMEOUT_MS = 300
/** One in so many mails is taken, and its answer lost. */
const LOST_REPLY_EVERY = 25

export async function race(original: CallResult, options: RaceOptions): Promise<RaceResult> {
  const { server } = original.evidence
  if (server === null) throw new Error('Cannot race: the call left nothing to look at')
  const random = createRandom(options.seed).child(original.fixture.name)
  const deliveries = deliveriesOf(original.trace.entries, original.callSid, server)
  const { name } = original.fixture
  const pure = raceInFold(server.events, random.child('fold'))
  const labels = deliveries.map(({ label }) => label)
  const shape = shapeOf(deliveries)
  const sameAs = options.raced.get(shape)
  if (sameAs !== undefined)
    return { name, deliveries: labels, pure, database: { sameAs }, cases: [], counterexample: null }
  options.raced.set(shape, name)
  const orders = [
    originalOrder(deliveries),
    doubledOrder(deliveries),
    ...adjacentSwaps(deliveries),
    ...Array.from({ length: options.shuffles }, (_, i) => shuffled(deliveries, random.child(`order ${i}`))),
  ]
  options.onProgress(`${name}: ${orders.length} orders of ${deliveries.length} deliveries`)
  const database = await raceOnDatabase(original, deliveries, orders, options)
  const tried = (isExercised: (tried: Tried) => boolean): number =>
    database.outcomes.filter(({ order, wasReplyLost }) => isExercised({ deliveries, order, wasReplyLost })).length
  return {
    name,
    deliveries: labels,
    pure,
    database: database.tally,
    cases: cases.map((each) => ({
      name: each.name,
      isPossible: each.isPossible(deliveries),
      times: tried(each.isExercised),
    })),
    counterexample: counterexampleOf(deliveries, database.outcomes),
  }
}

/** What writes facts together stays together: up to eight such groups are tried in every order, more in samples. */
function raceInFold(events: readonly LedgerEvent[], random: Random): RaceResult['pure'] {
  const groups = [...Map.groupBy(events, ({ atMs }) => atMs).values()]
  const isExhaustive = groups.length <= EXHAUSTIVE_UP_TO
  const indices = groups.map((_, i) => i)
  const samples = Array.from({ length: isExhaustive ? 0 : PURE_SAMPLES }, () => permuted(indices, random))
  const factsOf = foldOf(groups)
  const outcomes = new Set<string>([factsOf(indices)])
  const startedAt = performance.now()
  let tried = 0
  for (const order of isExhaustive ? everyOrder(groups.length) : samples) {
    const again = order[tried++ % order.length] ?? 0
    outcomes.add(factsOf([...order, again]))
  }
  return { tried, perSecond: perSecond(tried, startedAt), outcomes: outcomes.size, isExhaustive }
}

type Outcome = { order: Order; state: string; wasReplyLost: boolean }

async function raceOnDatabase(
  original: CallResult,
  deliveries: Delivery[],
  orders: Order[],
  { postgres, speech }: RaceOptions,
): Promise<{ tally: DatabaseTally; outcomes: Outcome[] }> {
  const world = await openWorld(realClock, createRandom(original.seed))
  const trace = createTrace(realClock)
  const inbox = createInbox({
    clock: realClock,
    trace,
    apiKey: world.inboxKey,
    requestsPerSecond: Number.MAX_SAFE_INTEGER,
    fate: (index) => (index % LOST_REPLY_EVERY === 3 ? { is: 'accept-then-hang' } : { is: 'answer' }),
  })
  const model = createModel({
    clock: realClock,
    trace,
    speech,
    seed: original.seed,
    isStrict: true,
    apiKey: world.modelKey,
  })
  await model.use(original.fixture.model)
  const sids = sidsIn(JSON.stringify([original.callSid, deliveries]))
  world.model.show(model.standIn)
  world.inbox.show(inbox.standIn)
  world.carrier.show({ fetch: (request) => answerAsOriginal(original.carrierApi, sids, request) })
  const nowMs = original.evidence.carrier.ringingAtMs
  const fleet = await openFleet(world, postgres, {
    machines: MACHINES,
    nowMs,
    mailTimeoutMs: MAIL_TIMEOUT_MS,
    fixture: original.fixture,
  })
  const view = createView(fleet.adminUrl)
  try {
    const startedAt = performance.now()
    const runs = orders.map((order, run) => ({ order, alias: aliases(sids, run + 1) }))
    for (let i = 0; i < runs.length; i += ORDERS_AT_ONCE) {
      await Promise.all(
        runs.slice(i, i + ORDERS_AT_ONCE).map(({ order, alias }) => deliver(fleet, world, deliveries, order, alias)),
      )
    }
    await fleet.untilIdle()
    const tried = perSecond(orders.length, startedAt)
    const mail = inbox.record()
    const outcomes: Outcome[] = []
    for (const { order, alias } of runs)
      outcomes.push({ order, ...(await outcomeOf(view, original.callSid, alias, mail)) })
    const mailsWanted = original.evidence.inbox.messages.length * orders.length
    return {
      tally: {
        tried: orders.length,
        perSecond: tried,
        outcomes: new Set(outcomes.map(({ state }) => state)).size,
        mails: mail.messages.length,
        mailsWanted,
      },
      outcomes,
    }
  } finally {
    await view.end()
    await fleet.close()
    await world.close()
  }
}

async function deliver(
  fleet: Fleet,
  world: World,
  deliveries: Delivery[],
  order: Order,
  alias: Aliases,
): Promise<void> {
  let turn = 0
  for (const wave of order) {
    await Promise.all(
      wave.map((number) => {
        const machine = fleet.machines[turn++ % fleet.machines.length]
        const delivery = deliveries[number]
        return machine === undefined || delivery === undefined ? undefined : deliverOne(machine, world, delivery, alias)
      }),
    )
  }
}

async function deliverOne(machine: Machine, world: World, delivery: Delivery, alias: Aliases): Promise<void> {
  if (delivery.from === 'live-call') {
    const { callSid, events } = JSON.parse(
      alias.there(JSON.stringify({ callSid: delivery.callSid, events: delivery.events })),
    )
    return machine.write(callSid, events)
  }
  const url = `${publicBaseUrl}${delivery.path}`
  const form: Record<string, string> = JSON.parse(alias.there(JSON.stringify(delivery.form)))
  const signature = signForm(
    world.account.authToken,
    url,
    Object.entries({ ...form, AccountSid: world.account.accountSid }),
  )
  const response = await machine.fetch(
    new Request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-twilio-signature': signature },
      body: new URLSearchParams({ ...form, AccountSid: world.account.accountSid }),
    }),
  )
  if (!response.ok) throw new Error(`${delivery.label} was answered with ${response.status}`)
}

/**
 * Whatever call is asked about, the carrier tells of the one that there was. What is on a tape decides nothing here, so it is
 * a short one.
 */
function answerAsOriginal(api: StandIn, sids: readonly string[], request: Request): Response | Promise<Response> {
  const url = sids.reduce(
    (text, sid) => text.replaceAll(new RegExp(`${sid.slice(0, -8)}[0-9a-f]{8}`, 'g'), sid),
    request.url,
  )
  if (url.endsWith('.wav')) return new Response('RIFF', { headers: { 'content-type': 'audio/x-wav' } })
  return api.fetch(new Request(url, request))
}

/** What became of one order, with the original's identifiers in place of its own. */
async function outcomeOf(
  view: View,
  callSid: string,
  alias: Aliases,
  mail: InboxRecord,
): Promise<Omit<Outcome, 'order'>> {
  const { conversation, recordings, emailDeliveries, isUnrouted } = await view.of(alias.there(callSid), null)
  const keys = emailDeliveries.map((delivery) => delivery.idempotency_key)
  const mails = mail.messages.filter(({ idempotencyKey }) => keys.includes(idempotencyKey))
  const state = {
    // How much had to be asked for by REST depends on the order; what it amounts to must not.
    conversation: conversation === null ? null : { ...conversation, id: null, event_count: null },
    recordings: recordings.map((row) => ({ ...row, conversation_id: null, stored_as: null })),
    deliveries: emailDeliveries.map(({ state: reached, template }) => ({ reached, template })),
    mails: mails.map(({ to, subject, text }) => ({ to, subject, text })),
    isUnrouted,
  }
  const text = alias.back(JSON.stringify(state, null, 1)).replaceAll(String(conversation?.id), 'the conversation')
  return {
    state: text,
    wasReplyLost: mail.requests.filter(({ idempotencyKey }) => keys.includes(idempotencyKey)).length > 1,
  }
}

function counterexampleOf(deliveries: Delivery[], outcomes: readonly Outcome[]): RaceResult['counterexample'] {
  const [wanted] = outcomes
  const other = outcomes
    .filter(({ state }) => state !== wanted?.state)
    .sort((a, b) => a.order.flat().length - b.order.flat().length)[0]
  if (wanted === undefined || other === undefined) return null
  const order = other.order.map((wave) => wave.map((number) => deliveries[number]?.label ?? '?'))
  return { order, difference: firstDifference(wanted.state, other.state) }
}

const firstDifference = (wanted: string, got: string): string =>
  differenceOf(JSON.parse(wanted), JSON.parse(got), []) ?? 'the same things in another order'

/** Where two values differ first, and how. */
function differenceOf(wanted: unknown, got: unknown, path: string[]): string | null {
  if (!isTree(wanted) || !isTree(got)) {
    const text = (value: unknown) => (value === undefined ? 'nothing' : JSON.stringify(value))
    return Object.is(wanted, got) ? null : `${path.join('.')}: wanted ${text(wanted)}, got ${text(got)}`
  }
  for (const name of new Set([...Object.keys(wanted), ...Object.keys(got)])) {
    const found = differenceOf(wanted[name], got[name], [...path, name])
    if (found !== null) return found
  }
  return null
}

const isTree = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const perSecond = (count: number, startedAt: number): number =>
  Math.round((count / (performance.now() - startedAt)) * 1000)
