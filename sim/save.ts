// Keeps a call in a folder, for ears and eyes: a stereo WAV (caller left, agent right), the e-mail as HTML and as text, and
// the trace.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BYTES_PER_MS, silence, writeWav } from './audio.ts'
import type { CallResult } from './call.ts'
import type { CarrierRecord } from './record.ts'
import { toJsonl } from './trace.ts'

/** Answers with the files written. */
export async function saveCall(folder: string, { evidence, trace }: CallResult): Promise<string[]> {
  await mkdir(folder, { recursive: true })
  const files: [name: string, content: string | Uint8Array][] = [
    ['call.wav', writeWav([callerTrack(evidence.carrier), agentTrack(evidence.carrier)])],
    ['trace.jsonl', toJsonl(trace.entries)],
  ]
  evidence.inbox.messages.forEach(({ html, text }, index) => {
    const name = index === 0 ? 'email' : `email-${index + 1}`
    files.push([`${name}.html`, html], [`${name}.txt`, text])
  })
  await Promise.all(files.map(([name, content]) => writeFile(join(folder, name), content)))
  return files.map(([name]) => join(folder, name))
}

const callerTrack = (record: CarrierRecord): Uint8Array =>
  laidOut(
    record,
    record.streams.flatMap(({ sent }) => sent),
  )

/** What the caller heard of the streams; the carrier's own voice is not ours to play. */
const agentTrack = (record: CarrierRecord): Uint8Array =>
  laidOut(
    record,
    record.streams.flatMap(({ played, received }) =>
      played.map(({ atMs, fromByte, toByte }) => ({ atMs, bytes: received.subarray(fromByte, toByte) })),
    ),
  )

/** Pieces of audio at their places on the call's time axis, from the answer to the end. */
function laidOut(
  { answeredAtMs, ringingAtMs, endedAtMs }: CarrierRecord,
  pieces: { atMs: number; bytes: Uint8Array }[],
): Uint8Array {
  const startMs = answeredAtMs ?? ringingAtMs
  const track = silence(Math.max(0, (endedAtMs ?? startMs) - startMs) * BYTES_PER_MS)
  let end = 0
  for (const { atMs, bytes } of pieces) {
    // Neighbours follow each other without a gap, although their times are rounded.
    const wanted = Math.round((atMs - startMs) * BYTES_PER_MS)
    const at = Math.abs(wanted - end) < 5 * BYTES_PER_MS ? end : wanted
    if (at >= 0 && at < track.length) track.set(bytes.subarray(0, track.length - at), at)
    end = at + bytes.length
  }
  return track
}
