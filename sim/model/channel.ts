// One session's way out: its events with their ids, its timers, its end. After the end nothing is sent and nothing fires,
// so that no part of a session needs to ask whether it is still open.
import type { RealtimeServerEvent } from '../../src/wire/realtime.ts'
import type { Cancel, SimClock } from '../clock.ts'
import type { Line } from '../network.ts'
import type { Random } from '../random.ts'
import type { Trace } from '../trace.ts'

type Fields = Record<string, unknown>
export type Outgoing = [type: RealtimeServerEvent['type'], fields: Fields]

export type Channel = {
  readonly isOpen: boolean
  now(): number
  send(type: RealtimeServerEvent['type'], fields?: Fields): void
  /** Sends events whose order among themselves is not promised. */
  sendGroup(events: Outgoing[]): void
  /** Fires once, unless the session has ended. */
  after(delayMs: number, run: () => void): Cancel
  /** A new id such as `item_…`: decided by the seed. */
  id(prefix: string): string
  close(code: number, reason: string): void
  /** As a cut cable ends it. */
  cut(): void
  /** The other side has closed. */
  ended(): void
}

const ID_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const ID_CHARS = 21
/** A close reason is at most 123 bytes (RFC 6455, 5.5). */
const MAX_REASON_CHARS = 120

export function drawId(random: Random, prefix: string): string {
  let id = prefix
  for (let count = 0; count < ID_CHARS; count++) id += ID_ALPHABET[random.int(0, ID_ALPHABET.length - 1)]
  return id
}

export function createChannel(parts: {
  line: Line
  clock: SimClock
  trace: Trace
  random: Random
  isOrderShuffled: boolean
  onEnd: () => void
}): Channel {
  const { line, clock, trace, random } = parts
  const eventIds = random.child('events')
  const ids = random.child('ids')
  const order = random.child('order')
  const timers = new Set<Cancel>()
  let isOpen = true

  function end() {
    if (!isOpen) return
    isOpen = false
    for (const cancel of timers) cancel()
    timers.clear()
    parts.onEnd()
  }

  const channel: Channel = {
    get isOpen() {
      return isOpen
    },
    now: () => clock.now(),
    send(type, fields = {}) {
      if (!isOpen) return
      const event = { type, event_id: drawId(eventIds, 'event_'), ...fields }
      trace.add({ wire: 'realtime', from: 'model', to: 'server', what: type, body: event })
      line.send(JSON.stringify(event))
    },
    sendGroup(events) {
      for (const [type, fields] of parts.isOrderShuffled ? shuffled(events, order) : events) channel.send(type, fields)
    },
    after(delayMs, run) {
      if (!isOpen) return () => {}
      const cancel = () => {
        timers.delete(cancel)
        cancelTimer()
      }
      const cancelTimer = clock.after(delayMs, () => {
        timers.delete(cancel)
        run()
      })
      timers.add(cancel)
      return cancel
    },
    id: (prefix) => drawId(ids, prefix),
    close(code, reason) {
      if (!isOpen) return
      end()
      trace.add({ wire: 'realtime', from: 'model', to: 'server', what: 'close', body: { code, reason } })
      line.close(code, reason.slice(0, MAX_REASON_CHARS))
    },
    cut() {
      if (!isOpen) return
      end()
      trace.add({ wire: 'realtime', from: 'model', to: 'server', what: 'cut' })
      line.cut()
    },
    ended: end,
  }
  return channel
}

function shuffled<T>(values: readonly T[], random: Random): T[] {
  const left = [...values]
  return values.flatMap(() => left.splice(random.int(0, left.length - 1), 1))
}
