// The last stretch of somebody's audio, as the text that it came in: a ring that is written over and over, so that nothing which is
// kept for seconds has to be found and freed again. Changes in place: it is touched 50 times a second.

/** μ-law as base64. */
export type Piece = { payload: string; ms: number }

export type Stretch = {
  add(payload: string, ms: number): void
  /** Where what is kept begins: how much is gone. */
  firstMs(): number
  all(): Piece[]
  /** Whole pieces from that place on, and how much of what was asked for is gone; what is beyond `mostMs` was not. */
  since(fromMs: number, mostMs: number): { pieces: Piece[]; lostMs: number }
  /** Begins anew, and holds no memory until then. */
  clear(): void
}

/** 8 bytes are 10.7 characters; of pieces as short as a frame, 10.8. */
const charactersPerMs = 12
/** Twilio's frames are twice as long. */
const shortestPieceMs = 10

/** No longer than `mostMs`: the oldest whole pieces go first. Of pieces that are shorter than frames, it may hold less. */
export function createStretch(mostMs: number): Stretch {
  const room: Room = { characters: Math.ceil(mostMs * charactersPerMs), pieces: Math.ceil(mostMs / shortestPieceMs) }
  let ring: Ring | null = null
  /** The oldest piece and where its text begins, and how much there is from there on. */
  let first = 0
  let firstAt = 0
  let count = 0
  let characters = 0
  let keptMs = 0
  let goneMs = 0

  function dropFirst({ sizes, ms }: Ring): void {
    const size = sizes[first] ?? 0
    const droppedMs = ms[first] ?? 0
    first = (first + 1) % room.pieces
    firstAt = (firstAt + size) % room.characters
    count--
    characters -= size
    keptMs -= droppedMs
    goneMs += droppedMs
  }

  function all(): Piece[] {
    const of = ring
    if (of === null) return []
    let at = firstAt
    return Array.from({ length: count }, (_, index) => {
      const piece = (first + index) % room.pieces
      const size = of.sizes[piece] ?? 0
      const payload = readText(of.text, at, size)
      at = (at + size) % room.characters
      return { payload, ms: of.ms[piece] ?? 0 }
    })
  }

  return {
    add(payload, ms) {
      const size = payload.length
      ring ??= createRing(room)
      const isTooMuch = (): boolean =>
        keptMs + ms > mostMs || characters + size > room.characters || count === room.pieces
      while (count > 0 && isTooMuch()) dropFirst(ring)
      if (isTooMuch()) {
        goneMs += ms
        return
      }
      const piece = (first + count) % room.pieces
      writeText(ring.text, (firstAt + characters) % room.characters, payload)
      ring.sizes[piece] = size
      ring.ms[piece] = ms
      count++
      characters += size
      keptMs += ms
    },
    firstMs: () => goneMs,
    all,
    since(fromMs, mostMs) {
      const wantedMs = Math.max(fromMs, goneMs + keptMs - mostMs)
      let endMs = goneMs
      const pieces = all().filter(({ ms }) => (endMs += ms) > wantedMs)
      return { pieces, lostMs: Math.max(0, goneMs - wantedMs) }
    },
    clear() {
      ring = null
      first = 0
      firstAt = 0
      count = 0
      characters = 0
      keptMs = 0
      goneMs = 0
    },
  }
}

type Room = { characters: number; pieces: number }
/** Of each piece its length in the text and in time. */
type Ring = { text: Buffer; sizes: Uint32Array; ms: Float64Array }

const createRing = ({ characters, pieces }: Room): Ring => ({
  text: Buffer.allocUnsafe(characters),
  sizes: new Uint32Array(pieces),
  ms: new Float64Array(pieces),
})

/** Over the ring's end, if need be. */
function writeText(ring: Buffer, at: number, text: string): void {
  const written = ring.write(text, at, 'latin1')
  if (written < text.length) ring.write(text.slice(written), 0, 'latin1')
}

function readText(ring: Buffer, at: number, size: number): string {
  const text = ring.toString('latin1', at, at + size)
  return text.length < size ? text + ring.toString('latin1', 0, size - text.length) : text
}
