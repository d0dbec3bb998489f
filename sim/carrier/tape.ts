// Audio as it was collected: bytes that grow, and pieces of a track that lie at their instants. Knows no calls.
import { BYTES_PER_MS, silence } from '../audio.ts'

/** A stretch of μ-law that began to sound at `atMs`. */
export type Piece = { atMs: number; bytes: Uint8Array }

export type Tape = {
  append(bytes: Uint8Array): void
  /** All bytes so far; a view, valid also after more are appended. */
  bytes(): Uint8Array
}

export function createTape(): Tape {
  let room = new Uint8Array(1024)
  let length = 0
  return {
    append(bytes) {
      if (length + bytes.length > room.length) {
        const larger = new Uint8Array(Math.max(2 * room.length, length + bytes.length))
        larger.set(room.subarray(0, length))
        room = larger
      }
      room.set(bytes, length)
      length += bytes.length
    },
    bytes: () => room.subarray(0, length),
  }
}

/** One track from `fromMs` to `toMs`: the pieces where they sounded, silence elsewhere. */
export function layTrack(pieces: readonly Piece[], fromMs: number, toMs: number): Uint8Array {
  const track = silence(Math.max(0, Math.round((toMs - fromMs) * BYTES_PER_MS)))
  for (const { atMs, bytes } of pieces) {
    const start = Math.round((atMs - fromMs) * BYTES_PER_MS)
    if (start >= track.length || start + bytes.length <= 0) continue
    const heard = bytes.subarray(Math.max(0, -start), track.length - start)
    track.set(heard, Math.max(0, start))
  }
  return track
}
