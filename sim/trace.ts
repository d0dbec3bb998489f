// Everything that went over every wire, in order, with the clock's time. The report, the auditor and `--trace` read it; what was
// heard or decided is not in it, unless somebody said so over a wire.
import type { SimClock } from './clock.ts'

/** `person`: somebody whom the server has rung for the caller. */
export type Party = 'carrier' | 'server' | 'model' | 'inbox' | 'caller' | 'person'
/** `chaos`: no wire, but what was done to one on purpose. */
export type Wire = 'webhook' | 'callback' | 'media' | 'realtime' | 'responses' | 'rest' | 'mail' | 'call' | 'chaos'

export type TraceEntry = {
  /** Milliseconds on the clock, since the trace began. */
  atMs: number
  wire: Wire
  from: Party
  to: Party
  /** The event's or request's own name: `media`, `response.create`, `POST /api/twilio/status`, `answered` … */
  what: string
  /** Of a request that has one, as it stands in its URL, with the question mark. */
  query?: string
  /** What went over the wire, or what is to be said of it. */
  body?: unknown
}

export type Trace = {
  add(entry: Omit<TraceEntry, 'atMs'>): void
  readonly entries: readonly TraceEntry[]
  /** Called with each new entry, as it is added. */
  onEntry(listener: (entry: TraceEntry) => void): void
}

/** `isKept`: false for a trace without end, of which only its listeners learn. */
export function createTrace(clock: SimClock, isKept = true): Trace {
  const startedAtMs = clock.now()
  const entries: TraceEntry[] = []
  const listeners: ((entry: TraceEntry) => void)[] = []
  return {
    entries,
    add(given) {
      const entry: TraceEntry = { atMs: clock.now() - startedAtMs, ...given }
      if (isKept) entries.push(entry)
      for (const listener of listeners) listener(entry)
    },
    onEntry: (listener) => void listeners.push(listener),
  }
}

/** In one millisecond, what usually causes comes before what it causes. */
const wireOrder: readonly Wire[] = [
  'call',
  'chaos',
  'webhook',
  'rest',
  'media',
  'realtime',
  'responses',
  'callback',
  'mail',
]
/** On these wires each request stands for itself, so that no order among those of one millisecond means anything. */
const exchanges: ReadonlySet<Wire> = new Set(['chaos', 'webhook', 'rest', 'responses', 'callback', 'mail'])

/**
 * In canonical order: by time, then wire; then as it happened on a socket, and by content among requests, whose order
 * within a millisecond is the database's whim. So equal runs on the virtual clock are equal in everything made from it.
 */
export const canonical = (entries: readonly TraceEntry[]): TraceEntry[] => sorted(entries).map(({ entry }) => entry)

/** One JSON object a line, in canonical order. */
export const toJsonl = (entries: readonly TraceEntry[]): string =>
  sorted(entries)
    .map(({ line }) => `${line}\n`)
    .join('')

const sorted = (entries: readonly TraceEntry[]): Lined[] =>
  entries
    .map((entry, place) => ({ entry, place, line: JSON.stringify(inOrder(entry), readable) }))
    .sort(
      (a, b) =>
        a.entry.atMs - b.entry.atMs ||
        wireOrder.indexOf(a.entry.wire) - wireOrder.indexOf(b.entry.wire) ||
        (exchanges.has(a.entry.wire) ? compareRequests(a, b) : 0) ||
        a.place - b.place,
    )

const inOrder = ({ atMs, wire, from, to, what, query, body }: TraceEntry) => ({
  atMs,
  wire,
  from,
  to,
  what,
  query,
  body,
})

/** Audio as base64, as the wires carry it. (`value` may be what a Buffer's own toJSON made of it.) */
function readable(this: Record<string, unknown>, name: string, value: unknown): unknown {
  const raw = this[name]
  return raw instanceof Uint8Array ? Buffer.from(raw).toString('base64') : value
}

type Lined = { entry: TraceEntry; line: string }

/** Requests before answers, whose name is their status. */
const compareRequests = (a: Lined, b: Lined): number =>
  Number(isAnswer(a.entry)) - Number(isAnswer(b.entry)) || (a.line < b.line ? -1 : a.line > b.line ? 1 : 0)

const isAnswer = ({ what }: TraceEntry): boolean => /^\d/.test(what)
