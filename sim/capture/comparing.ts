// PURE. Where two captures of one call differ: of a call that was captured, and of its replay. The carrier and the model must
// have said the same at the same times, and the server must have answered, played and asked for the same, at nearly the same.
import type { Capture, CaptureEvent, Party, SocketWire } from './capture.ts'

/** A server on a real machine is not as quick twice. Sooner is never a fault: what the vendors send comes at its own time. */
const SAME_MOMENT_MS = 250

type Told = { at: number; what: string }
type Limit = { earlyMs: number; lateMs: number }

/** `exactMs`: how far what the vendors sent may lie apart. Lines that say where, and what. */
export function differences(before: Capture, after: Capture, exactMs = 0): string[] {
  const sockets = (wire: SocketWire): number[] => [
    ...new Set([...before.events, ...after.events].flatMap(({ wire: each, n }) => (each === wire ? [n] : []))),
  ]
  const spoken = (wire: SocketWire, from: Party, limit: Limit): string[] =>
    sockets(wire).flatMap((n) => {
      // Once the server has ended a socket, there is nothing more to send on it.
      const endedAt = from === 'vendor' ? endOf(after, wire, n) : Number.POSITIVE_INFINITY
      const sent = (capture: Capture) => messagesOf(capture, wire, n, from).filter(({ at }) => at < endedAt)
      const party = from === 'server' ? 'server' : wire === 'media' ? 'carrier' : 'model'
      return parted(`${wire} socket ${n + 1}, from the ${party}`, sent(before), sent(after), limit)
    })
  const exact: Limit = { earlyMs: exactMs, lateMs: exactMs }
  const servers: Limit = { earlyMs: Number.POSITIVE_INFINITY, lateMs: SAME_MOMENT_MS }
  return [
    ...parted('requests of the carrier', requestsOf(before, 'webhook'), requestsOf(after, 'webhook'), exact),
    ...parted('answers of the server', answersOf(before), answersOf(after), servers),
    ...parted('requests of the server', requestsOf(before, 'rest'), requestsOf(after, 'rest'), servers),
    ...parted('questions', requestsOf(before, 'responses'), requestsOf(after, 'responses'), servers),
    ...spoken('media', 'vendor', exact),
    ...spoken('realtime', 'vendor', exact),
    ...spoken('media', 'server', servers),
    ...spoken('realtime', 'server', servers),
  ]
}

/** The first place where they part; what follows from it is no news. */
function parted(where: string, before: readonly Told[], after: readonly Told[], { earlyMs, lateMs }: Limit): string[] {
  const length = Math.max(before.length, after.length)
  for (let place = 0; place < length; place++) {
    const [was, is] = [before[place], after[place]]
    if (was === undefined) return [`${where}: ${is?.what} at ${ms(is)} is new`]
    if (is === undefined) return [`${where}: ${was.what} at ${ms(was)} is missing`]
    if (was.what !== is.what) return [`${where}: at ${ms(is)} ${is.what}, where ${was.what} was`]
    if (is.at - was.at > lateMs || was.at - is.at > earlyMs)
      return [`${where}: ${was.what} at ${ms(is)}, not at ${ms(was)}`]
  }
  return []
}

const ms = (told: Told | undefined): string => `${Math.round(told?.at ?? 0)} ms`

/** What identifies an account, a run or an address is another one each time. */
const plain = (path: string): string => path.replace(/AC[0-9a-f]{32}/g, '*').replace(/\?.*/, '')

const requestsOf = ({ events }: Capture, wire: CaptureEvent['wire']): Told[] =>
  events.flatMap((event) =>
    event.wire === wire && 'request' in event
      ? [{ at: event.at, what: `${event.request.method} ${plain(event.request.path)}` }]
      : [],
  )

/** In the order of what they answer. */
const answersOf = ({ events }: Capture): Told[] =>
  events
    .flatMap((event) => (event.wire === 'webhook' && 'answer' in event ? [event] : []))
    .sort((a, b) => a.n - b.n)
    .map(({ at, answer: { status, verbs = [] } }) => ({ at, what: [status, ...verbs].join(' ') }))

function endOf({ events }: Capture, wire: SocketWire, n: number): number {
  const end = events.find(
    (event) => event.wire === wire && event.n === n && 'close' in event && event.from === 'server',
  )
  return end?.at ?? Number.POSITIVE_INFINITY
}

/** What the server plays is bytes, however they are cut; a mark or a clear stands at its byte. */
function messagesOf({ events, audio }: Capture, wire: SocketWire, n: number, from: Party): Told[] {
  let byteCount = 0
  return events.flatMap((event): Told[] => {
    if (event.wire !== wire || event.n !== n || !('from' in event) || event.from !== from) return []
    if ('close' in event) return [{ at: event.at, what: `the end, at byte ${byteCount}` }]
    if (event.audio !== undefined) byteCount += event.audio[1] - event.audio[0]
    if (event.audio !== undefined && from === 'server') return []
    const sound = event.audio === undefined ? '' : ` ${hashOf(audio.subarray(...event.audio))}`
    return [{ at: event.at, what: `${nameOf(event.message)}${sound} at byte ${byteCount}` }]
  })
}

function nameOf({ event, type, mark, audio_end_ms, item }: Record<string, unknown>): string {
  const of = (value: unknown, name: string): string =>
    typeof value === 'object' && value !== null ? ` ${Reflect.get(value, name) ?? ''}` : ''
  return `${event ?? type}${of(mark, 'name')}${audio_end_ms === undefined ? '' : ` ${audio_end_ms}`}${of(item, 'type')}`
}

/** FNV-1a: two equal stretches have one name. */
function hashOf(bytes: Uint8Array): string {
  let bits = 0x811c9dc5
  for (const byte of bytes) bits = Math.imul(bits ^ byte, 0x01000193)
  return (bits >>> 0).toString(16)
}
