// PURE. How long people waited, by what they heard: measured at the caller's ear, on the carrier's clock.
import { loudness } from '../audio.ts'
import type { CarrierRecord, StreamRecord } from '../record.ts'
import { BYTES_PER_MS } from './case.ts'

/** `count`: how often it happened; without any, the others are null. */
export type Waits = { count: number; p50Ms: number | null; maxMs: number | null }

export type Latencies = {
  /** From the end of what the caller said until the agent sounds. */
  reply: Waits
  /** From the start of what the caller said over the agent until the agent is silent. */
  bargeIn: Waits
  /** From the carrier's request until the TwiML is there. */
  twiml: Waits
  /** From the answered call until the agent first sounds. */
  greeting: Waits
}

/** A caller's frame louder than this is speech: a telephone line's noise is far below, a quiet voice above. */
const SPEECH_LOUDNESS = 200
/** A pause shorter than this is part of what is being said. */
const PAUSE_MS = 450
/** An agent that is cut off later than this after the caller has stopped is cut off for another reason. */
const CUT_WITHIN_MS = 1_500

/** One wait, by the instants at which it began and ended. */
export type Wait = { what: keyof Latencies; fromMs: number; toMs: number }

type Heard = Pick<CarrierRecord, 'documents' | 'streams' | 'answeredAtMs'>

export function latencies(carrier: Heard): Latencies {
  const all = waitsOf(carrier)
  const of = (what: keyof Latencies) =>
    summedUp(all.filter((wait) => wait.what === what).map(({ fromMs, toMs }) => toMs - fromMs))
  return { reply: of('reply'), bargeIn: of('bargeIn'), twiml: of('twiml'), greeting: of('greeting') }
}

export function waitsOf({ documents, streams, answeredAtMs }: Heard): Wait[] {
  const firstPlayed = streams.flatMap(({ played }) => played.map(({ atMs }) => atMs)).sort((a, b) => a - b)[0]
  return [
    ...(answeredAtMs === null || firstPlayed === undefined
      ? []
      : [{ what: 'greeting' as const, fromMs: answeredAtMs, toMs: firstPlayed }]),
    ...streams.flatMap(replies),
    ...streams.flatMap(bargeIns),
    ...documents.map(({ atMs, tookMs }) => ({ what: 'twiml' as const, fromMs: atMs, toMs: atMs + tookMs })),
  ]
}

function replies(stream: StreamRecord): Wait[] {
  const utterances = utterancesOf(stream)
  return utterances.flatMap(({ toMs }, index) => {
    const next = utterances[index + 1]?.fromMs ?? Number.POSITIVE_INFINITY
    const reply = stream.played.find(({ atMs }) => atMs >= toMs)
    if (reply === undefined || reply.atMs >= next) return []
    return [{ what: 'reply' as const, fromMs: toMs, toMs: reply.atMs }]
  })
}

function bargeIns(stream: StreamRecord): Wait[] {
  const utterances = utterancesOf(stream)
  return stream.cleared.flatMap(({ atMs }) => {
    const cause = utterances.findLast(({ fromMs }) => fromMs <= atMs)
    return cause === undefined || atMs - cause.toMs > CUT_WITHIN_MS
      ? []
      : [{ what: 'bargeIn' as const, fromMs: cause.fromMs, toMs: atMs }]
  })
}

/** When the caller spoke, from the first loud frame to the end of the last one. */
function utterancesOf({ sent }: StreamRecord): { fromMs: number; toMs: number }[] {
  const utterances: { fromMs: number; toMs: number }[] = []
  for (const { atMs, bytes } of sent) {
    if (loudness(bytes) <= SPEECH_LOUDNESS) continue
    const endMs = atMs + bytes.length / BYTES_PER_MS
    const last = utterances.at(-1)
    if (last !== undefined && atMs - last.toMs < PAUSE_MS) last.toMs = endMs
    else utterances.push({ fromMs: atMs, toMs: endMs })
  }
  return utterances
}

function summedUp(ms: number[]): Waits {
  const sorted = [...ms].sort((a, b) => a - b).map(Math.round)
  return {
    count: sorted.length,
    p50Ms: sorted[Math.floor((sorted.length - 1) / 2)] ?? null,
    maxMs: sorted.at(-1) ?? null,
  }
}
