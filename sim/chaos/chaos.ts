// Lets a schedule loose on one call, at the seams that the stand-ins have: between a callback and its way, on the carrier's
// line to the server, at the mail's answer. Everything that it does is in the trace and in its record. Knows no server.
import type { Callback, Deliver } from '../carrier/deliveries.ts'
import type { CarrierSettings } from '../carrier/exchange.ts'
import type { SimClock } from '../clock.ts'
import type { Deployment } from '../deployment.ts'
import type { Fate } from '../inbox/inbox.ts'
import type { Model } from '../model/model.ts'
import type { Handshake, Line, LineHandlers, Network, StandIn } from '../network.ts'
import type { Random } from '../random.ts'
import type { ChaosRecord } from '../record.ts'
import type { Trace } from '../trace.ts'
import { createForger } from './forger.ts'
import { createHeldLine } from './held-line.ts'
import { callbackOf, createNumbering, requestOf } from './naming.ts'
import { strikeProcess } from './processes.ts'
import type { Schedule } from './schedule.ts'
import { type Strike, strikeText, type TimedStrike } from './strikes.ts'

export type Chaos = {
  /** The carrier's way to the server, with faults on it. */
  around(network: Network): Network
  readonly carrier: Pick<CarrierSettings, 'reroute' | 'delayRest' | 'playoutDelayMs'>
  /** The model's door, with the sockets behind it cut. */
  aroundModel(model: StandIn): StandIn
  /** Decides over the n-th message, from 0. */
  mailFate(index: number): Fate
  /** The call has been placed: from now on the instants count. Without a deployment there are no processes to strike. */
  begin(callSid: string, deployment: Deployment | null): void
  /** When everything that was struck runs again. */
  over(): Promise<void>
  record(): ChaosRecord
}

type World = {
  clock: SimClock
  trace: Trace
  schedule: Schedule
  random: Random
  model: Pick<Model, 'breakOff' | 'expire' | 'fallOutOfStep'>
}

const OVERLOADED = 503

export function createChaos({ clock, trace, schedule, random, model }: World): Chaos {
  const record: ChaosRecord = { struck: [], missed: [], forgeries: [] }
  const numbering = createNumbering()
  const forge = createForger(random.child('forger'))
  const streams = new Set<Line>()
  const sessions = new Set<Line>()
  const recovering: Promise<unknown>[] = []
  let handshakes = 0
  let isHandedOver = false
  /** Callbacks that came before what caused them: until they are answered, nothing else tells of it. */
  const ahead = new Set<Promise<void>>()
  /** Where callbacks go; every other request asks for TwiML. */
  const told = new Set<string>()

  function strike(done: Strike, details: object = {}): void {
    record.struck.push({ atMs: clock.now(), strike: done })
    trace.add({ wire: 'chaos', from: 'carrier', to: 'server', what: strikeText(done), body: { ...done, ...details } })
  }

  function miss(strike: Strike): void {
    record.missed.push(strike)
    const what = `${strikeText(strike)} strikes nothing`
    trace.add({ wire: 'chaos', from: 'carrier', to: 'server', what, body: strike })
  }

  const caughtUp = async (): Promise<void> => {
    while (ahead.size > 0) await Promise.all(ahead)
  }

  function reroute(deliver: Deliver): Deliver {
    return async (call, callback) => {
      told.add(addressOf(callback.url))
      const { name, kinds } = callbackOf(call.record, callback)
      const id = numbering(name)
      const strikes = schedule.onCallback(id, kinds)
      for (const each of strikes) strike(each)
      // Tokens must not depend on the order of arrival: the same callback draws the same one, and so does its double.
      const send = (sent: Callback) => deliver({ ...call, random: call.random.child(id) }, sent)
      if (strikes.some(({ fault }) => fault === 'drop')) return
      const lateMs = strikes.reduce((sum, each) => sum + ('byMs' in each ? each.byMs : 0), 0)
      const isEarly = strikes.some(({ fault }) => fault === 'early')
      const first = send({ ...callback, afterMs: isEarly ? 0 : callback.afterMs + lateMs })
      if (isEarly) goAhead(first)
      const doubles = strikes
        .filter((each) => each.fault === 'duplicate')
        .map(({ afterMs }) => send({ ...callback, afterMs: callback.afterMs + lateMs + afterMs }))
      await Promise.all([first, ...doubles])
    }
  }

  function goAhead(delivery: Promise<void>): void {
    ahead.add(delivery)
    void delivery.finally(() => ahead.delete(delivery))
  }

  async function fetchThrough(network: Network, url: string, init: RequestInit): Promise<Response> {
    const asks = !told.has(addressOf(url))
    const id = numbering(requestOf(url, init))
    const strikes = schedule.onRequest(id, asks)
    if (asks) await caughtUp()
    for (const each of strikes) if (each.fault === 'bad-signature') await sendForged(network, url, init, each, asks)
    let response = await network.fetch(url, init)
    for (const each of strikes) {
      if (each.fault === 'repeat') {
        strike(each, { lost: response.status })
        response = await network.fetch(url, init)
      } else if (each.fault === 'slow-webhook') {
        strike(each)
        model.fallOutOfStep()
        await new Promise<void>((resolve) => clock.after(each.byMs, resolve))
      }
    }
    return response
  }

  /** Of GET requests there is no form to forge. */
  async function sendForged(
    network: Network,
    url: string,
    init: RequestInit,
    done: Strike,
    asks: boolean,
  ): Promise<void> {
    const forged = forge(init, asks)
    if (forged === null) return
    const { status } = await network.fetch(url, forged.init)
    record.forgeries.push({
      atMs: clock.now(),
      url,
      status,
      callSid: forged.callSid,
      marks: forged.marks,
      isKept: false,
    })
    strike(done, { answered: status })
  }

  function breakNewest(open: ReadonlySet<Line>, done: Strike, breaks: (line: Line) => void): void {
    const line = [...open].at(-1)
    if (line === undefined) {
      miss(done)
      return
    }
    strike(done)
    breaks(line)
    model.breakOff()
  }

  return {
    around: (network) => ({
      fetch: (url, init) => fetchThrough(network, url, init),
      async dial(url, headers, handlers) {
        const line = await dialHeld(network, url, headers, handlers)
        streams.add(line)
        return line
      },
    }),
    aroundModel: ({ fetch, upgrade }) => ({
      fetch,
      upgrade: async (request) => refusal() ?? withCuts(await upgrade?.(request)),
    }),
    carrier: { reroute, delayRest: caughtUp, playoutDelayMs },
    mailFate(index) {
      const [lost] = schedule.onMail(index + 1)
      if (lost === undefined) return { is: 'answer' }
      strike(lost)
      return clock.isVirtual ? { is: 'accept-then-break' } : { is: 'accept-then-hang' }
    },
    begin(callSid, deployment) {
      for (const each of schedule.timed) clock.after(each.atMs, () => strikeAtTime(each, callSid, deployment))
    },
    over: async () => void (await Promise.all(recovering)),
    record: () => ({ ...record }),
  }

  function playoutDelayMs(): number {
    const strikes = schedule.onStream(numbering('stream'))
    for (const each of strikes) strike(each)
    return strikes.reduce((sum, each) => sum + ('byMs' in each ? each.byMs : 0), 0)
  }

  function strikeAtTime(each: TimedStrike, callSid: string, deployment: Deployment | null): void {
    const { fault } = each
    if (fault === 'ws-cut') breakNewest(streams, each, cut)
    else if (fault === 'model-cut') breakNewest(sessions, each, cut)
    else if (fault === 'model-expires') breakNewest(sessions, each, model.expire)
    else {
      const recovery = deployment === null ? null : strikeProcess(deployment, fault, callSid)
      if (recovery === null) miss(each)
      else {
        strike(each)
        recovering.push(recovery)
        // A deployed version hands the call over when it likes; whoever goes on opens a session of its own then.
        if (fault === 'crash') model.breakOff()
        else if (fault === 'deploy') isHandedOver = true
      }
    }
  }

  function refusal(): Handshake | null {
    const strikes = schedule.onHandshake(++handshakes)
    for (const each of strikes) strike(each)
    if (strikes.length === 0) return null
    model.fallOutOfStep()
    return { refuse: new Response(null, { status: OVERLOADED }) }
  }

  function withCuts(handshake: Handshake | undefined): Handshake {
    if (handshake === undefined) return { refuse: new Response(null, { status: 404 }) }
    if ('refuse' in handshake) return handshake
    return {
      ...handshake,
      accept(line) {
        if (isHandedOver) model.breakOff()
        isHandedOver = false
        sessions.add(line)
        const handlers = handshake.accept(line)
        return {
          ...handlers,
          close(code, reason) {
            sessions.delete(line)
            handlers.close(code, reason)
          },
        }
      },
    }
  }

  async function dialHeld(network: Network, url: string, headers: Record<string, string>, handlers: LineHandlers) {
    let line: Line | null = null
    const held = createHeldLine(() => line, { isHeld: () => ahead.size > 0, released: caughtUp })
    line = await network.dial(url, headers, {
      ...handlers,
      close(code, reason) {
        streams.delete(held)
        handlers.close(code, reason)
      },
    })
    return held
  }
}

const cut = (line: Line): void => line.cut()

const addressOf = (url: string): string => url.split('#')[0] ?? url
