// PURE. What there was to hear: the caller's voice, what the caller heard of the agent's and what not, where one cut the
// other short, and where sound was missing. Taken from what the carrier saw and what the model made; the server is not asked.
import { silence } from '../audio.ts'
import { BYTES_PER_MS, type Case, joined, millis } from '../audit/case.ts'
import { waitsOf } from '../audit/latency.ts'
import type { BridgeRecord, StreamRecord } from '../record.ts'
import { layOut, tracksOf } from '../tracks.ts'

/** μ-law that sounds, or would have sounded, from `fromMs` on. */
export type Run = { fromMs: number; toMs: number; bytes: Uint8Array }

export type Cut = {
  atMs: number
  itemId: string | null
  heardMs: number
  unheardMs: number
  /** What the model was told of how much was heard. */
  toldMs: number | null
  /** From when the caller began to speak. */
  reactionMs: number | null
}

/** All that came back at one instant. */
export type Marks = { atMs: number; count: number; fate: 'heard' | 'cleared' | 'lost'; names: string[] }

/** Sound that stopped coming in the middle. */
export type Hole = { fromMs: number; toMs: number; whose: 'caller' | 'agent' }

export type Voices = {
  caller: Run
  heard: Run[]
  unheard: Run[]
  /** What the caller heard of people to whom they were put through. */
  person: Run[]
  cuts: Cut[]
  marks: Marks[]
  holes: Hole[]
}

const FRAME_MS = 20
/** Two frames' time: what comes this late is hidden by any telephone's own buffer. */
const JITTER_MS = 40

export function voicesOf(given: Case): Voices {
  const { carrier } = given
  const { caller, startMs } = tracksOf(carrier)
  return {
    caller: runOf(startMs, caller),
    heard: carrier.streams.flatMap(({ played, received }) =>
      played.map(({ atMs, fromByte, toByte }) => runOf(atMs, received.subarray(fromByte, toByte))),
    ),
    unheard: carrier.streams.flatMap(unheardRuns),
    person: carrier.bridges.flatMap(personRun),
    cuts: cutsOf(given),
    marks: carrier.streams.flatMap(marksOf),
    holes: [...carrier.streams.flatMap(callerHoles), ...agentHoles(given)],
  }
}

const runOf = (fromMs: number, bytes: Uint8Array): Run => ({
  fromMs,
  toMs: fromMs + bytes.length / BYTES_PER_MS,
  bytes,
})

function personRun({ heard }: BridgeRecord): Run[] {
  const [first, last] = [heard[0], heard.at(-1)]
  if (first === undefined || last === undefined) return []
  const byteCount = Math.round(last.atMs - first.atMs) * BYTES_PER_MS + last.bytes.length
  return [runOf(first.atMs, layOut(silence(byteCount), first.atMs, heard))]
}

/** What was cleared, and what the end of the stream left unsaid: as if it had gone on from there. */
function unheardRuns({ cleared, played, received, endedAtMs }: StreamRecord): Run[] {
  const settled = [...played, ...cleared].reduce((most, { toByte }) => Math.max(most, toByte), 0)
  const left = endedAtMs === null ? [] : [runOf(endedAtMs, received.subarray(settled))]
  const runs = cleared.map(({ atMs, fromByte, toByte }) => runOf(atMs, received.subarray(fromByte, toByte)))
  return [...runs, ...left].filter(({ bytes }) => bytes.length > 0)
}

function cutsOf({ carrier, hearing }: Case): Cut[] {
  const reactions = waitsOf(carrier).filter(({ what }) => what === 'bargeIn')
  return joined(carrier.streams)
    .cleared.filter(({ fromByte, toByte }) => toByte > fromByte)
    .map(({ atMs, fromByte, toByte }) => {
      const spoken = hearing.items.find(({ place }) => place.fromByte <= fromByte && place.toByte > fromByte)
      const reaction = reactions.find(({ toMs }) => toMs === atMs)
      return {
        atMs,
        itemId: spoken?.item.itemId ?? null,
        heardMs: spoken === undefined ? 0 : millis(fromByte - spoken.place.fromByte),
        unheardMs: millis(toByte - fromByte),
        toldMs: spoken?.item.truncatedAtMs ?? null,
        reactionMs: reaction === undefined ? null : reaction.toMs - reaction.fromMs,
      }
    })
}

function marksOf({ marks, endedAtMs, openedAtMs }: StreamRecord): Marks[] {
  const groups = new Map<string, Marks>()
  for (const { name, returnedAtMs, wasCleared } of marks) {
    const fate = returnedAtMs === null ? 'lost' : wasCleared ? 'cleared' : 'heard'
    const atMs = returnedAtMs ?? endedAtMs ?? openedAtMs
    const key = `${fate} ${atMs}`
    const group = groups.get(key) ?? { atMs, count: 0, fate, names: [] }
    group.count++
    group.names.push(name)
    groups.set(key, group)
  }
  return [...groups.values()]
}

const callerHoles = ({ sent }: StreamRecord): Hole[] =>
  sent.flatMap(({ atMs }, index) => {
    const next = sent[index + 1]
    const fromMs = atMs + FRAME_MS
    return next === undefined || next.atMs - fromMs <= JITTER_MS ? [] : [{ fromMs, toMs: next.atMs, whose: 'caller' }]
  })

/** Between two runs of one item: the caller heard the agent stop in the middle of a word. */
function agentHoles({ carrier, hearing }: Case): Hole[] {
  const { played } = joined(carrier.streams)
  return played.flatMap(({ atMs, fromByte, toByte }, index) => {
    const next = played[index + 1]
    const fromMs = atMs + (toByte - fromByte) / BYTES_PER_MS
    if (next === undefined || next.fromByte !== toByte || next.atMs - fromMs <= JITTER_MS) return []
    const isInside = hearing.items.some(({ place }) => place.fromByte < toByte && place.toByte > toByte)
    return isInside ? [{ fromMs, toMs: next.atMs, whose: 'agent' }] : []
  })
}
