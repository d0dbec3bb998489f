// PURE. The two voices of a call, each laid on the call's own time axis, from the answer to the end: what the caller said,
// and what the caller heard of the agent, or of a person to whom they were put through. The carrier's own sentences are not
// here: nobody has their sound.
import { BYTES_PER_MS, readWav, silence } from './audio.ts'
import type { CarrierRecord } from './record.ts'

export type Tracks = { startMs: number; caller: Uint8Array; agent: Uint8Array }

/** Neighbours follow each other without a gap, although their times are rounded. */
const ROUNDING_MS = 5

export function tracksOf(carrier: CarrierRecord): Tracks {
  const { answeredAtMs, ringingAtMs, endedAtMs, streams, bridges } = carrier
  const startMs = answeredAtMs ?? ringingAtMs
  const byteCount = Math.max(0, Math.round((endedAtMs ?? startMs) - startMs)) * BYTES_PER_MS
  const lay = (track: Uint8Array, pieces: Piece[]) => layOut(track, startMs, pieces)
  const caller = lay(silence(byteCount), recorded(carrier))
  const heard = streams.flatMap(({ played, received }) =>
    played.map(({ atMs, fromByte, toByte }) => ({ atMs, bytes: received.subarray(fromByte, toByte) })),
  )
  return {
    startMs,
    caller: lay(caller, [...streams.flatMap(({ sent }) => sent), ...bridges.flatMap(({ said }) => said)]),
    agent: lay(silence(byteCount), [...heard, ...bridges.flatMap((bridge) => bridge.heard)]),
  }
}

type Piece = { atMs: number; bytes: Uint8Array }

/** The caller's voice where no stream carried it, as in a message left on tape. */
const recorded = ({ recordings }: CarrierRecord): Piece[] =>
  recordings
    .filter(({ source, channels, media }) => (channels === 2 || source === 'RecordVerb') && media.length > 0)
    .map(({ startedAtMs, media }) => ({ atMs: startedAtMs, bytes: readWav(media) }))

/** Puts pieces at their places in a track, and answers with it. */
export function layOut(track: Uint8Array, startMs: number, pieces: Piece[]): Uint8Array {
  let end = 0
  for (const { atMs, bytes } of pieces) {
    const wanted = Math.round((atMs - startMs) * BYTES_PER_MS)
    const at = Math.abs(wanted - end) < ROUNDING_MS * BYTES_PER_MS ? end : wanted
    if (at >= 0 && at < track.length) track.set(bytes.subarray(0, track.length - at), at)
    end = at + bytes.length
  }
  return track
}
