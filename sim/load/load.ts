// A load: many calls at once, in real time, over real sockets, to a server in a process of its own; the carrier, the model and
// the inbox of all of them are here, in one process and so on one clock. Says what came of it, and whether it was itself on time.
import { availableParallelism, loadavg } from 'node:os'
import { createWebhookSender } from '../carrier/webhook.ts'
import { realClock } from '../clock.ts'
import { createInbox } from '../inbox/inbox.ts'
import type { StandIn } from '../network.ts'
import type { Random } from '../random.ts'
import type { World } from '../world.ts'
import { createBeat } from './beat.ts'
import { carryCall, type Exchange } from './caller.ts'
import { type Mails, mailsOf } from './mails.ts'
import { createLoadModel } from './model.ts'
import type { Complaint, LoadSite } from './site.ts'
import type { SpreadSummary } from './spread.ts'
import { type Counts, countsOf, createTally, tallyOf } from './tally.ts'
import { createWindow, type ServerUse } from './window.ts'

/** `mailsPerSecond`: what the inbox takes; by default what Resend does. */
export type LoadWish = {
  calls: number
  rampPerSecond: number
  seconds: number
  mailsPerSecond?: number
  /** So much of the time with all calls up is for the server to get warm, and is not measured. */
  warmSeconds?: number
  /** Of several loads on one server: which it is, from 0. */
  wave?: number
}

/** What is known at a moment of the run. Times are ms; `loadAverage`: of the machine, when the run began. */
export type Moment = {
  seconds: number
  wish: LoadWish
  sendsMails: boolean
  loadAverage: number
  cores: number
  counts: Counts
  /** Of the calls that were lost. */
  why: { reason: string; count: number }[]
  callerToModel: SpreadSummary
  modelToCaller: SpreadSummary
  webhooks: SpreadSummary
  webhooksRefused: number
  /** Of this process's own timers. */
  lateness: SpreadSummary
  server: ServerUse | null
  memory: { beforeBytes: number; nowBytes: number } | null
  mailsOut: number
}

export type LoadEnd = Moment & { mails: Mails; complaints: Complaint[] }

const readEveryMs = 1_000
/** No mail for so long, and the rest is not coming. Resend takes five a second. */
const mailPatienceMs = 30_000
/** A mail that is sent twice is sent within this. */
const secondMailMs = 3_000

/** Resolves when every call is over, and every mail has come or is not coming. `onMoment`: each second. */
export async function runLoad(
  world: World,
  random: Random,
  site: LoadSite,
  wish: LoadWish,
  onMoment: (moment: Moment) => void,
): Promise<LoadEnd> {
  const { calls, rampPerSecond, seconds, wave = 0, warmSeconds = 0 } = wish
  // Each caller has a number of their own, by which their mail is known.
  const callerOf = (index: number): string => `+1555${2_000_000 + wave * calls + index}`
  const loadAverage = loadavg()[0] ?? 0
  const beat = createBeat()
  const tally = createTally()
  const model = createLoadModel({
    beat,
    tally,
    clock: realClock,
    random: random.child(`model ${wave}`),
    apiKey: world.modelKey,
  })
  const inbox = createInbox({
    clock: realClock,
    trace: unkept,
    apiKey: world.inboxKey,
    requestsPerSecond: wish.mailsPerSecond,
  })
  const mails = counted(inbox.standIn)
  world.model.show(model.standIn)
  world.inbox.show(mails.standIn)
  const { network, account, urls } = site
  const send = createWebhookSender({ clock: realClock, network, trace: unkept })
  const exchange: Exchange = { network, send, random: random.child(`carrier ${wave}`), account, urls, beat, tally }
  const window = createWindow(site.pid, tally, calls, warmSeconds * 1000)
  const startedAtMs = performance.now()

  async function placeAll(): Promise<void> {
    const placed: Promise<unknown>[] = []
    for (let index = 0; index < calls; index++) {
      await until(startedAtMs + (index * 1000) / rampPerSecond)
      const call = tallyOf(index)
      tally.calls.push(call)
      const to = site.numbers[index % site.numbers.length] ?? ''
      placed.push(carryCall(exchange, call, { to, from: callerOf(index), seconds }))
    }
    await Promise.all(placed)
  }

  async function awaitMails(): Promise<void> {
    if (!site.sendsMails && mails.count() === 0) return
    let [seen, sinceMs] = [mails.count(), performance.now()]
    while (mails.count() < calls && performance.now() - sinceMs < mailPatienceMs) {
      await pause(readEveryMs / 4)
      if (mails.count() > seen) [seen, sinceMs] = [mails.count(), performance.now()]
    }
    await pause(secondMailMs)
  }

  const moment = (): Moment => ({
    seconds: (performance.now() - startedAtMs) / 1000,
    wish,
    sendsMails: site.sendsMails,
    loadAverage,
    cores: availableParallelism(),
    counts: countsOf(tally),
    why: [...tally.lost].map(([reason, count]) => ({ reason, count })),
    callerToModel: tally.callerToModel.summary(),
    modelToCaller: tally.modelToCaller.summary(),
    webhooks: tally.webhooks.summary(),
    webhooksRefused: tally.webhooksRefused,
    lateness: beat.lateness(),
    server: window.serverUse(),
    memory: window.memory(),
    mailsOut: mails.count(),
  })

  const timer = setInterval(() => {
    window.read()
    onMoment(moment())
  }, readEveryMs)
  await placeAll()
  await awaitMails()
  clearInterval(timer)
  beat.stop()
  const callers = tally.calls.map(({ index }) => callerOf(index))
  return { ...moment(), mails: mailsOf(inbox.record().messages, callers), complaints: site.complaints() }
}

/** What goes over the wires is counted, and not kept. */
const unkept = { add() {}, entries: [], onEntry() {} }

/** Counts the mails that were taken, as they are. */
function counted(standIn: StandIn): { standIn: StandIn; count(): number } {
  let count = 0
  return {
    count: () => count,
    standIn: {
      async fetch(request) {
        const answer = await standIn.fetch(request)
        if (answer.status === 200 && request.method === 'POST') count++
        return answer
      },
    },
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const until = (atMs: number): Promise<void> => pause(Math.max(0, atMs - performance.now()))
