// Collects what taps hear, with its times and numbers, up to a limit. What the sockets carry is told to the trace as well.
import type { SimClock } from '../clock.ts'
import type { Trace, TraceEntry } from '../trace.ts'
import type { SocketWire } from './capture.ts'
import type { Leg, Listener, Seen } from './tap.ts'
import { MOST_SEEN } from './threads.ts'

/** The legs of a call: where the carrier calls the server, and where the server calls the carrier and the model. */
export const legs = {
  carrier: { http: 'webhook', socket: 'media', opener: 'vendor' },
  rest: { http: 'rest', socket: 'media', opener: 'server' },
  model: { http: 'responses', socket: 'realtime', opener: 'server' },
} as const satisfies Record<string, Leg>

export type Collected = Listener & { readonly seen: readonly Seen[] }

export function createCollector(
  clock: SimClock,
  { trace, onSeen }: { trace?: Trace; onSeen?: (seen: Seen) => void } = {},
): Collected {
  const seen: Seen[] = []
  const numbers = new Map<string, number>()
  return {
    seen,
    next(wire) {
      const n = numbers.get(wire) ?? 0
      numbers.set(wire, n + 1)
      return n
    },
    see(given) {
      const entry = { atMs: clock.now(), ...given }
      if (seen.length < MOST_SEEN) seen.push(entry)
      onSeen?.(entry)
      const told = trace === undefined ? null : tellingOf(entry)
      if (told !== null) trace?.add(told)
    },
  }
}

function tellingOf(seen: Seen): Omit<TraceEntry, 'atMs'> | null {
  if (seen.wire !== 'media' && seen.wire !== 'realtime') return null
  const vendor = vendorOf(seen.wire)
  if ('open' in seen)
    return { wire: seen.wire, from: vendor, to: 'server', what: 'handshake', body: { path: seen.open } }
  if (!('from' in seen)) return null
  const [from, to] = seen.from === 'server' ? (['server', vendor] as const) : ([vendor, 'server'] as const)
  if ('close' in seen) return { wire: seen.wire, from, to, what: 'close', body: { code: seen.close } }
  const body: unknown = JSON.parse(seen.text)
  return { wire: seen.wire, from, to, what: nameOf(body), body }
}

const vendorOf = (wire: SocketWire) => (wire === 'media' ? 'carrier' : 'model')

function nameOf(message: unknown): string {
  if (typeof message !== 'object' || message === null) return 'message'
  return String(Reflect.get(message, 'event') ?? Reflect.get(message, 'type') ?? 'message')
}
