// PURE. The time axis of the page: an instant's place in seconds from the first ring. The call itself is drawn evenly; what
// comes long after it, such as a late callback or the mail at its deadline, is drawn closer together, and the page says so.
import type { Evidence } from '../audit/case.ts'
import { everyLeg } from '../audit/legs.ts'

export type Axis = {
  /** Of the whole axis, as it is drawn. */
  length: number
  /** Where the call ends: up to here a second is a second. */
  callLength: number
  place(atMs: number): number
  /** Seconds since the first ring, as they are told. */
  at(atMs: number): number
  ticks: Tick[]
  /** How many times closer together what comes after the call is drawn; 1 where it is not. */
  squeeze: number
}

/** Minor ones are told only where there is room. */
export type Tick = { place: number; label: string; isMajor: boolean }

/** As long after the call as this, or this share of it, is drawn like the call. */
const EVEN_TAIL_SECONDS = 4
const EVEN_TAIL_SHARE = 0.25
/** For the label of the last tick. */
const TICK_ROOM_SECONDS = 0.5
/** Room after the last event. */
const MARGIN_SECONDS = 0.4
const MAJOR_TICKS_MAX = 24
const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600]

export function axisOf(evidence: Evidence): Axis {
  const startMs = evidence.carrier.ringingAtMs
  const at = (atMs: number) => (atMs - startMs) / 1000
  const lastLength = Math.max(0, ...instantsOf(evidence).map(at))
  const callLength = evidence.carrier.endedAtMs === null ? lastLength : at(evidence.carrier.endedAtMs)
  const tail = Math.max(0, lastLength - callLength)
  const evenTail = Math.max(EVEN_TAIL_SECONDS, callLength * EVEN_TAIL_SHARE)
  const squeeze = tail > evenTail ? tail / evenTail : 1
  const place = (atMs: number) => {
    const seconds = at(atMs)
    return seconds <= callLength ? seconds : callLength + (seconds - callLength) / squeeze
  }
  const length = callLength + tail / squeeze + MARGIN_SECONDS
  const ticks = [...evenTicks(callLength, squeeze === 1 ? length - TICK_ROOM_SECONDS : callLength), ...tailTicks()]
  return { length, callLength, place, at, squeeze, ticks }

  function tailTicks(): Tick[] {
    if (squeeze === 1) return []
    const step = stepFor(tail / 5)
    const first = Math.ceil((callLength + step / 2) / step) * step
    const lastTold = lastLength - TICK_ROOM_SECONDS * squeeze
    return range(first, lastTold, step).map((seconds) => ({
      place: callLength + (seconds - callLength) / squeeze,
      label: labelOf(seconds),
      isMajor: true,
    }))
  }
}

function evenTicks(callLength: number, upTo: number): Tick[] {
  const step = stepFor(callLength / MAJOR_TICKS_MAX)
  return range(0, upTo, 1).map((seconds) => ({
    place: seconds,
    label: labelOf(seconds),
    isMajor: seconds % step === 0,
  }))
}

const stepFor = (seconds: number): number => steps.find((step) => step >= seconds) ?? 7_200

const range = (from: number, to: number, step: number): number[] =>
  Array.from({ length: Math.max(0, Math.floor((to - from) / step) + 1) }, (_, index) => from + index * step)

const labelOf = (seconds: number): string =>
  seconds < 100 ? `${seconds} s` : `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`

/** Everything that may come last. */
function instantsOf({ carrier, model, inbox }: Evidence): number[] {
  const legs = everyLeg(carrier)
  const known = [
    ...legs
      .flatMap(({ documents, deliveries }) => [...documents, ...deliveries])
      .map(({ atMs, tookMs }) => atMs + tookMs),
    ...legs.map(({ endedAtMs }) => endedAtMs),
    ...carrier.streams.map(({ endedAtMs }) => endedAtMs),
    ...model.sessions.map(({ closedAtMs }) => closedAtMs),
    ...[...model.writings, ...inbox.requests].map(({ atMs }) => atMs),
  ]
  return known.filter((atMs) => atMs !== null)
}
