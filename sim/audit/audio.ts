// PURE. The rules of sound: every byte the caller said, every byte the model said, and what became of it. Measured in
// bytes, and told to people in milliseconds.
import type { StreamRecord } from '../record.ts'
import {
  BYTES_PER_MS,
  type Case,
  type Finding,
  IN_FLIGHT_MS,
  isCut,
  joined,
  type ModelItem,
  millis,
  overlap,
  type Rule,
} from './case.ts'

const SILENCE = 0xff
const FRAME_MS = 20
/** Silence that a server may add to let a detector find the end of speech, when audio stops coming or for good. */
const FLUSH_MS = 3_000
/** Without a frame for so long, the audio has stopped coming. */
const STOPPED_AFTER_MS = 500
/**
 * A frame that was sent so shortly before a socket closed may be lost in it. In real time it may still be under way, and a
 * server that hangs up writes to its database before it closes. Virtual time stands still for both: nothing is lost.
 */
const LOST_IN_CLOSING_REAL_MS = 250
const LOST_IN_CLOSING_VIRTUAL_MS = 0

export const callerReachedModel: Rule = {
  name: 'every byte the caller said reached the model, in order, with silence only where frames were missing',
  check({ carrier, model, isVirtual }) {
    const sessions = model.sessions.filter(({ config, appended }) => config !== null || appended.length > 0)
    if (sessions.length === 0) return []
    const frames = carrier.streams.flatMap(({ sent }) => sent)
    const said = Buffer.concat(frames.map(({ bytes }) => bytes))
    const { appended, seams } = withoutRepeats(sessions)
    const allowance = silenceAllowed(frames)
    let [at, heardAt] = [0, 0]
    while (at < said.length || heardAt < appended.length) {
      const runAt = at
      while (at < said.length && said[at] === SILENCE) at++
      let silenceHeard = 0
      while (heardAt < appended.length && appended[heardAt] === SILENCE) {
        heardAt++
        silenceHeard++
      }
      const isLost = heardAt === appended.length && (at < said.length || silenceHeard < at - runAt)
      if (isLost) return lostTail(runAt + silenceHeard, frames, { carrier, model, isVirtual })
      const added = silenceHeard - (at - runAt)
      const seamsHere = seams.filter((seam) => seam >= heardAt - silenceHeard && seam <= heardAt).length
      const allowed = allowance(runAt, at) + seamsHere * REPEATED_SILENCE_MS * BYTES_PER_MS
      if (added > allowed)
        return [
          finding(
            `${millis(added)} ms of silence were added at ${millis(runAt)} ms, where ${millis(allowed)} ms were missing`,
            at,
          ),
        ]
      if (added < 0)
        return [finding(`${millis(-added)} ms of what the caller sent at ${millis(runAt)} ms are missing`, runAt)]
      if (said[at] !== appended[heardAt])
        return [finding(`The model was sent something else than what the caller said at ${millis(at)} ms`, at)]
      if (at < said.length) {
        at++
        heardAt++
      }
    }
    return []
  },
}

/** Speech that a model had heard and not answered by its end may be given to the next one again, and silence at its end. */
const REPEATED_MS = 20_000
const REPEATED_SILENCE_MS = 1_200

/** All sessions' audio as if it were one's, and where in it a session begins. */
function withoutRepeats(sessions: readonly { appended: Uint8Array }[]): { appended: Buffer; seams: number[] } {
  let appended = Buffer.alloc(0)
  const seams: number[] = []
  for (const session of sessions) {
    if (appended.length > 0) seams.push(appended.length)
    const next = Buffer.from(session.appended)
    appended = Buffer.concat([appended, next.subarray(repeatedBytes(appended, next))])
  }
  return { appended, seams }
}

/** How much of the beginning of one repeats the end of the other; silence, or less than a frame of sound, proves nothing. */
function repeatedBytes(before: Buffer, next: Buffer): number {
  const most = Math.min(before.length, next.length, REPEATED_MS * BYTES_PER_MS)
  const silent = before.length - 1 - before.findLastIndex((byte) => byte !== SILENCE)
  for (let bytes = most; bytes >= silent + FRAME_MS * BYTES_PER_MS; bytes--) {
    if (next[0] === before[before.length - bytes] && before.subarray(-bytes).equals(next.subarray(0, bytes)))
      return bytes
  }
  return 0
}

const finding = (explanation: string, saidByte: number): Finding => ({ explanation, evidence: { saidByte } })

type Frames = Case['carrier']['streams'][number]['sent']

/** How many bytes of silence may be added between two byte places, both included: what the gaps between frames explain. */
function silenceAllowed(frames: Frames): (fromByte: number, toByte: number) => number {
  let byte = 0
  const gaps = frames.flatMap(({ atMs, bytes }, index) => {
    byte += bytes.length
    const next = frames[index + 1]
    if (next === undefined) return [{ byte, allowed: FLUSH_MS * BYTES_PER_MS }]
    const missingMs = next.atMs - atMs - FRAME_MS
    if (missingMs < FRAME_MS) return []
    const flushMs = missingMs >= STOPPED_AFTER_MS ? FLUSH_MS : FRAME_MS
    return [{ byte, allowed: Math.ceil(missingMs + flushMs) * BYTES_PER_MS }]
  })
  return (fromByte, toByte) =>
    gaps.reduce((sum, gap) => (gap.byte >= fromByte && gap.byte <= toByte ? sum + gap.allowed : sum), 0)
}

/** The end is missing: allowed for what was sent as the model's socket, or the stream by the server's doing, was closing. */
function lostTail(
  fromByte: number,
  frames: Frames,
  { carrier, model, isVirtual }: Pick<Case, 'carrier' | 'model' | 'isVirtual'>,
): Finding[] {
  const last = carrier.streams.at(-1)
  const isOver = last?.endedBy === 'server' ? (last.endedAtMs ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY
  const closedAtMs = Math.max(...model.sessions.map((session) => session.closedAtMs ?? Number.POSITIVE_INFINITY))
  const lostInClosingMs = isVirtual ? LOST_IN_CLOSING_VIRTUAL_MS : LOST_IN_CLOSING_REAL_MS
  let byte = 0
  const lost = frames.find(({ bytes }) => (byte += bytes.length) > fromByte)
  if (lost === undefined || lost.atMs >= Math.min(isOver, closedAtMs) - lostInClosingMs) return []
  const after = frames.reduce((sum, { bytes }) => sum + bytes.length, 0) - fromByte
  return [finding(`The last ${millis(after)} ms of what the caller said never reached the model`, fromByte)]
}

export const modelReachedCaller: Rule = {
  name: 'the caller was sent what the model said, in order, but for what was dropped after a cut',
  check: ({ hearing }) => (hearing.fault === null ? [] : [hearing.fault]),
}

export const telephoneFormat: Rule = {
  name: 'what the caller hears is in the format of the telephone',
  check: ({ model, hearing }) =>
    model.sessions.filter(isNoise).flatMap(({ sessionId, items }) => {
      const isSentAsItIs = hearing.items.some(({ item, heardBytes }) => heardBytes > 0 && items.includes(item))
      if (!isSentAsItIs) return []
      const explanation =
        'The model speaks in another format than audio/pcmu, and its bytes are sent on as they are: noise'
      return [{ explanation, evidence: { sessionId } }]
    }),
}

/** Whether the bytes of a session's speech are none that a telephone can play. */
export const isNoise = ({ config }: Case['model']['sessions'][number]): boolean => {
  const audio = config?.audio as { output?: { format?: { type?: string } } } | undefined
  return audio?.output?.format?.type !== 'audio/pcmu'
}

export const nothingAfterClear: Rule = {
  name: 'what was cut off is not continued after the clear',
  check({ carrier, hearing }) {
    const { cleared } = joined(carrier.streams)
    return hearing.items.flatMap(({ item, place }) =>
      cleared
        .filter(({ toByte }) => place.fromByte < toByte && place.toByte > toByte)
        .map(({ toByte }) => ({
          explanation: `${millis(place.toByte - toByte)} ms of ${item.itemId} were sent after it had been cleared`,
          evidence: { itemId: item.itemId },
        })),
    )
  },
}

export const truncatedAtHeard: Rule = {
  // The server hears of playback by marks, one a delta, which take their time on the wire: so it may know less by one delta
  // and a message in flight, and more by a message in flight, because the audio plays on until `clear` arrives.
  name: 'the model is told what was heard: never more, and at most one delta less',
  check({ carrier, hearing, model }) {
    const { cleared } = joined(carrier.streams)
    return hearing.items.flatMap(({ item, place, heardBytes, longestDeltaMs }) => {
      const heardMs = millis(heardBytes)
      const emittedMs = item.audio.length / BYTES_PER_MS
      const toldMs = item.truncatedAtMs
      const evidence = { itemId: item.itemId, toldMs, heardMs, emittedMs: Math.floor(emittedMs), longestDeltaMs }
      const slackMs = longestDeltaMs + IN_FLIGHT_MS
      if (toldMs === null) {
        const isCut = overlap(cleared, place.fromByte, place.toByte) > 0
        if (!isCut || heardMs < slackMs) return []
        const later = laterSessions(item, cleared, model)
        const isSaidAgain = hearing.items.some((other) => other.item !== item && isSameText(other.item, item))
        const isKept = (kept: ModelItem) => isKeptWhole(kept, item) && (!isSaidAgain || kept.itemId === item.itemId)
        if (later.length > 0 && !later.some(({ items }) => items.some(isKept))) return []
        return [{ explanation: `${item.itemId} was cut off after ${heardMs} ms, and the model was not told`, evidence }]
      }
      if (toldMs > emittedMs)
        return [
          {
            explanation: `${item.itemId} was truncated at ${toldMs} ms, beyond the ${Math.floor(emittedMs)} ms emitted`,
            evidence,
          },
        ]
      if (toldMs > heardMs + IN_FLIGHT_MS || toldMs < heardMs - slackMs)
        return [
          { explanation: `${item.itemId} was truncated at ${toldMs} ms, but ${heardMs} ms of it were heard`, evidence },
        ]
      return []
    })
  },
}

/** Sessions after the item's own, if that was over when the item was cut off: they have its words, and no sound to truncate. */
function laterSessions(item: ModelItem, cleared: readonly { atMs: number }[], { sessions }: Case['model']) {
  const index = sessions.findIndex(({ items }) => items.includes(item))
  const endedAtMs = sessions[index]?.closedAtMs ?? Number.POSITIVE_INFINITY
  return cleared.some(({ atMs }) => atMs >= endedAtMs) ? sessions.slice(index + 1) : []
}

/** Whether a session still believes that all of it was heard. */
const isKeptWhole = (kept: ModelItem, item: ModelItem): boolean =>
  kept.role === 'assistant' && kept.responseId === null && kept.isDeleted !== true && isSameText(kept, item)

const isSameText = (one: ModelItem, other: ModelItem): boolean => one.text.trim() === other.text.trim()

export const everyByteHasAFate: Rule = {
  name: 'every byte sent to the caller was heard, or cleared, or cut off by the end',
  check: ({ carrier }) =>
    carrier.streams.flatMap(({ streamSid, received, played, cleared }) => {
      const ranges = [...played, ...cleared].sort((a, b) => a.fromByte - b.fromByte)
      let byte = 0
      for (const { fromByte, toByte } of ranges) {
        if (fromByte !== byte)
          return [{ explanation: `Byte ${byte} of stream ${streamSid} was neither heard nor cleared, or both` }]
        byte = toByte
      }
      return byte > received.length ? [{ explanation: `More was heard of stream ${streamSid} than was sent` }] : []
    }),
}

export const hangUpAfterGoodbye: Rule = {
  name: 'the server hangs up only when everything has been heard',
  check: ({ carrier, chaos }) =>
    carrier.streams
      .filter((stream) => stream.endedBy === 'server' && !isCut(stream, chaos) && !isForMachine(stream, carrier))
      .flatMap(({ streamSid, received, played, cleared }) => {
        const unheard = received.length - overlap([...played, ...cleared], 0, received.length)
        if (unheard <= 0) return []
        return [
          {
            explanation: `The server ended stream ${streamSid} ${millis(unheard)} ms before the caller had heard everything`,
          },
        ]
      }),
}

/** How long after it is known that a machine has answered the agent, whom it does not hear, may be stopped for it. */
const STOPPED_FOR_MACHINE_MS = 1_000

function isForMachine({ endedAtMs }: StreamRecord, { detection }: Case['carrier']): boolean {
  if (detection === null || endedAtMs === null || !detection.answeredBy.startsWith('machine')) return false
  return endedAtMs >= detection.atMs && endedAtMs <= detection.atMs + STOPPED_FOR_MACHINE_MS
}

export const marksReturn: Rule = {
  name: 'audio is followed by marks, and every mark comes back unless the call ends first',
  check: ({ carrier, hearing }) => {
    let before = 0
    return carrier.streams.flatMap(({ marks, received, played, cleared, endedAtMs }) => {
      const settled = [...played, ...cleared].reduce((most, { toByte }) => Math.max(most, toByte), 0)
      const lost = marks.filter(
        ({ returnedAtMs, atByte }) => returnedAtMs === null && (endedAtMs === null || atByte < settled),
      )
      const isMarked = (toByte: number) => marks.some(({ atByte }) => atByte >= toByte)
      const unmarked = hearing.items.filter(({ place: { fromByte, toByte } }) => {
        const isHere = toByte > fromByte && toByte > before && toByte <= before + received.length
        return isHere && !isMarked(toByte - before)
      })
      before += received.length
      return [
        ...lost.map(({ name }) => ({ explanation: `Mark ${name} never came back` })),
        ...unmarked.map(({ item }) => ({
          explanation: `No mark follows ${item.itemId}: the server cannot know that it was heard`,
        })),
      ]
    })
  },
}

export const bargeInsAsExpected: Rule = {
  name: 'the agent is cut off as often as the fixture says',
  check({ carrier, fixture }) {
    const count = joined(carrier.streams).cleared.filter(({ fromByte, toByte }) => toByte > fromByte).length
    if (count === fixture.expect.bargeIns) return []
    return [{ explanation: `The agent was cut off ${count} times, not ${fixture.expect.bargeIns}` }]
  },
}
