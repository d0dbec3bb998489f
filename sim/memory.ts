// The network within this process, for the virtual clock: every request and every message holds time until it has been
// dealt with, so that nothing is ever late because the machine is slow. Requests and answers are read whole; no socket,
// no port, no delay.
import type { SimClock } from './clock.ts'
import { addressOf, HandshakeRefused, type Line, type LineHandlers, type Network, type StandIn } from './network.ts'

/** One end of a line. What arrives before `listen` waits for it. */
export type LineEnd = Line & { listen(handlers: LineHandlers): void }

/** `servers`: public host (with its port, if it has one) → who answers there. */
export function createMemoryNetwork(options: { clock: SimClock; servers: Record<string, StandIn> }): Network {
  const { clock, servers } = options

  return {
    async fetch(url, init) {
      const address = addressOf(url)
      const standIn = servers[address.host]
      if (standIn === undefined) throw new TypeError(`Cannot reach ${address.host}: nothing answers there`)
      const request = new Request(address, init)
      const label = `${request.method} ${address.origin}${address.pathname}`
      return unlessAborted(
        init.signal,
        clock.hold(async () => whole(await standIn.fetch(request)), label),
      )
    },

    async dial(url, headers, handlers) {
      const address = addressOf(url)
      const standIn = servers[address.host]
      if (standIn === undefined) throw new HandshakeRefused(0)
      const label = `${address.origin}${address.pathname}`
      address.protocol = address.protocol === 'ws:' ? 'http:' : 'https:'
      const request = new Request(address, { headers: { ...headers, connection: 'Upgrade', upgrade: 'websocket' } })
      return clock.hold(() => connect(clock, standIn, request, handlers, label), `the handshake with ${label}`)
    },
  }
}

async function connect(
  clock: SimClock,
  standIn: StandIn,
  request: Request,
  handlers: LineHandlers,
  label: string,
): Promise<Line> {
  if (standIn.upgrade === undefined) throw new HandshakeRefused((await standIn.fetch(request)).status)
  const handshake = await standIn.upgrade(request)
  if ('refuse' in handshake) throw new HandshakeRefused(handshake.refuse.status)
  const [near, far] = linePair(clock, label)
  far.listen(handshake.accept(far))
  // Whoever dialled must have the line before it hears anything on it.
  const nextTurn = new Promise<void>((resolve) => setImmediate(resolve))
  void clock.hold(
    nextTurn.then(() => near.listen(handlers)),
    label,
  )
  return near
}

/** The two ends of a line within this process. Time stands still while anything is under way on it. */
export function linePair(clock: SimClock, label = 'a line'): [LineEnd, LineEnd] {
  const left = createEnd(clock, label, () => right)
  const right: End = createEnd(clock, label, () => left)
  return [left, right]
}

type Delivery = { kind: 'message'; text: string } | { kind: 'close'; code: number; reason: string }
type End = LineEnd & { deliver(delivery: Delivery): void }

function createEnd(clock: SimClock, label: string, other: () => End): End {
  const arriving: { delivery: Delivery; release: () => void }[] = []
  let handlers: LineHandlers | null = null
  let state: 'open' | 'closing' | 'closed' = 'open'

  function deliver(delivery: Delivery): void {
    let release = () => {}
    void clock.hold(new Promise<void>((resolve) => (release = resolve)), `a message on ${label}`)
    arriving.push({ delivery, release })
    if (handlers !== null) queueMicrotask(takeNext)
  }

  function takeNext(): void {
    const next = arriving.shift()
    if (next === undefined || handlers === null) return
    try {
      take(next.delivery, handlers)
    } finally {
      next.release()
    }
  }

  function take(delivery: Delivery, to: LineHandlers): void {
    if (delivery.kind === 'message') {
      if (state === 'open') to.message(delivery.text)
      return
    }
    if (state === 'closed') return
    state = 'closed'
    // A close is answered with the same code, after which the end that began it is closed too.
    other().deliver(delivery)
    to.close(delivery.code, delivery.reason)
  }

  return {
    deliver,
    send(text) {
      if (state === 'open') other().deliver({ kind: 'message', text })
    },
    close(code = 1005, reason = '') {
      if (state !== 'open') return
      state = 'closing'
      other().deliver({ kind: 'close', code, reason })
    },
    cut() {
      if (state === 'closed') return
      state = 'closing'
      const broken: Delivery = { kind: 'close', code: 1006, reason: '' }
      deliver(broken)
      other().deliver(broken)
    },
    listen(listener) {
      handlers = listener
      for (const _ of arriving) queueMicrotask(takeNext)
    },
  }
}

/** The answer with its body already here, so that reading it later takes no time that nobody holds. */
async function whole(response: Response): Promise<Response> {
  const bytes = await response.arrayBuffer()
  const { status, statusText, headers } = response
  return new Response(bytes.byteLength > 0 ? bytes : null, { status, statusText, headers })
}

function unlessAborted<T>(signal: AbortSignal | null | undefined, answer: Promise<T>): Promise<T> {
  if (signal === null || signal === undefined) return answer
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
