// PURE. Finds each thing that the model said among the bytes that reached the caller: in order, whole, or without a tail
// that was dropped because the caller had cut in. Anything else is a fault: a byte lost, invented, or out of order.
import { type Evidence, type Hearing, IN_FLIGHT_MS, joined, type ModelItem, millis, overlap } from './case.ts'

type Spoken = {
  item: ModelItem
  longestDeltaMs: number
  isInterrupted: boolean
  isTorn: boolean
  /** How many bytes of it may have been sent on, most first: all, or up to a delta after which a cut allows to drop. */
  allowedBytes: number[]
}

export function hear({ carrier, model }: Pick<Evidence, 'carrier' | 'model'>): Hearing {
  const spoken = spokenItems({ carrier, model })
  const { received, played } = joined(carrier.streams)
  const search = createSearch(spoken, received)
  const lengths = search.match(0, 0)
  if (lengths === null) return { items: [], fault: search.explain() }
  let fromByte = 0
  const items = spoken.map(({ item, longestDeltaMs, isInterrupted, isTorn }, index) => {
    const place = { fromByte, toByte: fromByte + (lengths[index] ?? 0) }
    fromByte = place.toByte
    const heardBytes = overlap(played, place.fromByte, place.toByte)
    return { item, longestDeltaMs, place, heardBytes, isInterrupted, isTorn }
  })
  return { items, fault: null }
}

function spokenItems({ carrier, model }: Pick<Evidence, 'carrier' | 'model'>): Spoken[] {
  const cuts = cutInstants({ carrier, model })
  return model.sessions.flatMap(({ items, deltas, responses }) =>
    items
      .filter(({ audio, role }) => role === 'assistant' && audio.length > 0)
      .map((item) => {
        const own = deltas.filter(({ itemId }) => itemId === item.itemId)
        const response = responses.find(({ responseId }) => responseId === item.responseId)
        const createdAtMs = response?.createdAtMs ?? 0
        const mayDrop = (atMs: number) =>
          cuts.some((cutAtMs) => cutAtMs >= createdAtMs - IN_FLIGHT_MS && cutAtMs <= atMs + IN_FLIGHT_MS)
        const droppable = own.filter(({ atMs }) => mayDrop(atMs)).map(({ fromByte }) => fromByte)
        return {
          item,
          isInterrupted: response?.status === 'cancelled',
          isTorn: response?.status === 'lost' && item.isTorn === true,
          longestDeltaMs: millis(Math.max(0, ...own.map(({ fromByte, toByte }) => toByte - fromByte))),
          allowedBytes: [item.audio.length, ...droppable.sort((a, b) => b - a)],
        }
      }),
  )
}

/** When the caller began to speak, when audio was cleared, when a stream ended: after these a server may drop audio. */
const cutInstants = ({ carrier, model }: Pick<Evidence, 'carrier' | 'model'>): number[] => [
  ...model.sessions.flatMap(({ speech }) => speech.map(({ startedAtMs }) => startedAtMs)),
  ...carrier.streams.flatMap(({ cleared, endedAtMs }) => [
    ...cleared.map(({ atMs }) => atMs),
    endedAtMs ?? Number.POSITIVE_INFINITY,
  ]),
]

function createSearch(spoken: Spoken[], received: Uint8Array) {
  /** The furthest that any attempt came. */
  let furthest = { index: 0, byte: 0, of: 0 }

  function reaches(item: ModelItem, atByte: number, length: number, index: number): boolean {
    for (let byte = 0; byte < length; byte++) {
      if (received[atByte + byte] === item.audio[byte]) continue
      if (atByte + byte >= furthest.byte) furthest = { index, byte: atByte + byte, of: byte }
      return false
    }
    return true
  }

  function match(index: number, atByte: number): number[] | null {
    const next = spoken[index]
    if (next === undefined) {
      if (atByte < received.length && atByte >= furthest.byte) furthest = { index, byte: atByte, of: 0 }
      return atByte === received.length ? [] : null
    }
    for (const length of next.allowedBytes) {
      const rest = reaches(next.item, atByte, length, index) ? match(index + 1, atByte + length) : null
      if (rest !== null) return [length, ...rest]
    }
    return null
  }

  function explain() {
    const { index, byte, of } = furthest
    const item = spoken[index]?.item
    const explanation =
      item === undefined
        ? `After everything that the model said, the caller was sent ${received.length - byte} bytes more`
        : byte >= received.length
          ? `The caller was never sent what the model said from ${millis(of)} ms of ${item.itemId} on, and nobody had cut in`
          : `At ${millis(byte)} ms of what the caller was sent, it is not what the model said at ${millis(of)} ms of ${item.itemId}`
    return { explanation, evidence: { receivedByte: byte, itemId: item?.itemId ?? null, itemByte: of } }
  }

  return { match, explain }
}
