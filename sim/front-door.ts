// The public address of several machines, as a proxy before them would keep it (fly.io's, say): a request goes to one that says
// it is ready, a socket stays with the machine that took it and breaks with it, and what no machine has taken is offered to
// another. It reads nothing but the one frame by which a media stream says whose call it is.
import type { Machine } from './machine.ts'
import { HandshakeRefused, type Line, type Network } from './network.ts'

export type FrontDoor = {
  network: Network
  /** From here on it is looked after, and given calls when it is ready. */
  admit(machine: Machine): void
  /** Resolves when the machine has said that it is ready. Rejects when it ended instead, or after `limitMs`. */
  untilReady(machine: Machine, limitMs: number): Promise<void>
  /** Which machine has the media stream of this call now. */
  machineOf(callSid: string): Machine | null
  /** Ends the health checks. */
  close(): void
}

/** More often than any proxy asks, so that nobody waits for it. */
const checkEveryMs = 100

type Known = { machine: Machine; isReady: boolean; hasEnded: boolean }

export function createFrontDoor(): FrontDoor {
  let known: Known[] = []
  let turn = 0
  const streams = new Map<string, Machine>()

  async function check(each: Known): Promise<void> {
    each.isReady = (await each.machine.health()) === 200 && !each.hasEnded
  }

  let isChecking = false
  const timer = setInterval(async () => {
    if (isChecking) return
    isChecking = true
    await Promise.all(known.map(check))
    isChecking = false
  }, checkEveryMs)

  /** Ready ones, each in turn the first. */
  function candidates(): Machine[] {
    const ready = known.filter(({ isReady }) => isReady).map(({ machine }) => machine)
    const first = turn++ % Math.max(1, ready.length)
    return [...ready.slice(first), ...ready.slice(0, first)]
  }

  async function fetchFrom(url: string, init: RequestInit): Promise<Response> {
    for (const machine of candidates()) {
      try {
        return await machine.network.fetch(url, init)
      } catch (error) {
        if (init.signal?.aborted) throw error
        // It died with the request: whether anything came of it, nobody knows.
        if (!isRefused(error)) return new Response('The machine broke off', { status: 502 })
      }
    }
    return new Response('No machine is ready', { status: 503 })
  }

  const dial: Network['dial'] = async (url, headers, handlers) => {
    let refusal = new HandshakeRefused(503)
    for (const machine of candidates()) {
      let callSid: string | null = null
      const close = (code: number, reason: string): void => {
        if (callSid !== null && streams.get(callSid) === machine) streams.delete(callSid)
        handlers.close(code, reason)
      }
      try {
        const line = await machine.network.dial(url, headers, { message: handlers.message, close })
        return noticing(line, (started) => {
          callSid = started
          streams.set(started, machine)
        })
      } catch (error) {
        if (!(error instanceof HandshakeRefused)) throw error
        refusal = error
        if (error.status !== 0) throw refusal
      }
    }
    throw refusal
  }

  return {
    network: { fetch: fetchFrom, dial },
    admit(machine) {
      const each: Known = { machine, isReady: false, hasEnded: false }
      known.push(each)
      void machine.exited.then(() => {
        Object.assign(each, { isReady: false, hasEnded: true })
        known = known.filter((other) => other !== each)
      })
    },
    async untilReady(machine, limitMs) {
      const giveUpAtMs = Date.now() + limitMs
      for (;;) {
        const each = known.find((other) => other.machine === machine)
        if (each?.isReady) return
        if (each === undefined || Date.now() > giveUpAtMs) throw new Error(`${machine.name} did not become ready`)
        await new Promise((resolve) => setTimeout(resolve, checkEveryMs))
      }
    },
    machineOf: (callSid) => streams.get(callSid) ?? null,
    close: () => clearInterval(timer),
  }
}

/** Nothing was sent: another machine may have it. */
const isRefused = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && ['ConnectionRefused', 'ECONNREFUSED'].includes(String(error.code))

/** Tells, once, which call's stream begins on this line. */
function noticing(line: Line, onStart: (callSid: string) => void): Line {
  let isKnown = false
  return {
    ...line,
    send(text) {
      if (!isKnown && text.includes('"event":"start"')) {
        isKnown = true
        onStart(JSON.parse(text).start.callSid)
      }
      line.send(text)
    },
  }
}
