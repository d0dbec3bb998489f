// PURE. A call taken apart into what reached the server: the carrier's requests, and what the live call wrote by itself.
// Each can then be delivered again, in another order, to another conversation.
import type { ServerView } from '../audit/case.ts'
import type { TraceEntry } from '../trace.ts'

export type LedgerEvent = ServerView['events'][number]

/** `asks`: a request for TwiML, and not only to tell something. */
export type Delivery = { label: string } & (
  | { from: 'carrier'; path: string; form: Record<string, string>; asks: boolean }
  /** Written while the stream was up: never before the webhook that let the stream in. */
  | { from: 'live-call'; callSid: string; events: LedgerEvent[] }
)

/** Facts that the carrier's requests cause, and facts that jobs find out: both come by themselves. */
const causedElsewhere = [
  /^call\.(incoming|status|resumed)/,
  /^stream\.(expected|reported|lapsed)/,
  /^voicemail\./,
  /^transfer\.(dialled|leg|answered|ended)/,
  /^recording\.(status|fetched|refused)/,
  /^analysis/,
  /^usage:analysis/,
  /^email\.sent/,
  /^deadline/,
]

export function deliveriesOf(trace: readonly TraceEntry[], callSid: string, server: ServerView): Delivery[] {
  const requests = trace
    .filter(({ wire, from }) => (wire === 'webhook' || wire === 'callback') && from === 'carrier')
    .map((entry) => ({ atMs: entry.atMs, delivery: requestOf(entry) }))
  const begunAtMs = Math.min(...server.events.map(({ atMs }) => atMs))
  const written = groupedByTime(server.events.filter(isOfLiveCall)).map((events) => ({
    atMs: (events[0]?.atMs ?? begunAtMs) - begunAtMs,
    delivery: writing(callSid, events),
  }))
  const all = [...requests, ...written].sort((a, b) => a.atMs - b.atMs || rank(a.delivery) - rank(b.delivery))
  return all.map(({ delivery }) => delivery).reduce<Delivery[]>(withWordsTogether, [])
}

const writing = (callSid: string, events: LedgerEvent[]): Delivery => ({
  label: labelOf(events),
  from: 'live-call',
  callSid,
  events,
})

/** Words, tools and usage decide nothing by themselves: those between two other deliveries are written at once. */
function withWordsTogether(before: Delivery[], delivery: Delivery): Delivery[] {
  const last = before.at(-1)
  if (last?.from !== 'live-call' || delivery.from !== 'live-call' || !isOnlyWords(last) || !isOnlyWords(delivery))
    return [...before, delivery]
  return [...before.slice(0, -1), writing(last.callSid, [...last.events, ...delivery.events])]
}

/**
 * What a call delivers, without its words and identifiers. Calls of one shape deliver the same to the server, so that an
 * order of one is an order of all.
 */
export const shapeOf = (deliveries: readonly Delivery[]): string =>
  JSON.stringify(
    deliveries.map((delivery) =>
      delivery.from === 'carrier'
        ? delivery.label
        : [...new Set(delivery.events.map(({ kind }) => kind))].filter((kind) => decides.test(kind)).sort(),
    ),
  )

const decides = /^(call|stream|model|recording|transfer|transcript|voicemail)\./
const isOnlyWords = ({ events }: { events: readonly LedgerEvent[] }): boolean =>
  events.every(({ kind }) => !decides.test(kind))

/** In one millisecond: a call begins, something is written of it, and then the carrier hears or tells what came of that. */
const rank = (delivery: Delivery): number => (isFirstRequest(delivery) ? 0 : delivery.from === 'live-call' ? 1 : 2)

export const isFirstRequest = (delivery: Delivery): boolean =>
  delivery.from === 'carrier' && delivery.path.endsWith('/incoming-call')

function requestOf({ wire, what, query = '', body }: TraceEntry): Delivery {
  const form = body as Record<string, string>
  const path = what.replace(/^POST /, '')
  const state = form.RecordingStatus ?? form.StreamEvent ?? form.CallStatus ?? ''
  return {
    label: `${path.split('/').at(-1)} ${state}`.trim(),
    from: 'carrier',
    path: `${path}${query}`,
    form,
    asks: wire === 'webhook',
  }
}

/** A tape's start is told by the carrier's own request. */
const isOfLiveCall = ({ key, fact }: LedgerEvent): boolean =>
  !causedElsewhere.some((pattern) => pattern.test(key)) && fact.isVoicemail !== true

function groupedByTime(events: readonly LedgerEvent[]): LedgerEvent[][] {
  const groups = new Map<number, LedgerEvent[]>()
  for (const event of events) groups.set(event.atMs, [...(groups.get(event.atMs) ?? []), event])
  return [...groups.values()]
}

const labelOf = (events: readonly LedgerEvent[]): string => [...new Set(events.map(({ kind }) => kind))].join(' + ')
