// PURE. What the merged facts mean: whether the call is over, whether all words and recordings are in, whether it is time
// for the analysis and for the mail, and what the columns of the row are. Each answer can only turn from no to yes, but one.
import type { Facts } from './merge.ts'
import { isTerminal } from './merge.ts'

export const isEnded = (facts: Facts): boolean => facts.status !== null && isTerminal(facts.status.status)

/**
 * Every stream that we asked for has come and given all its words, or certainly never comes. A completed call of which we
 * do not yet know how it was answered (its webhook is late) is not settled: its words may be on their way.
 */
export function isTranscriptSettled(facts: Facts): boolean {
  const wasStreamExpected = Object.keys(facts.expectedStreams).length > 0
  const isAnswerKnown =
    facts.status?.status !== 'completed' || wasStreamExpected || wasVoicemailOffered(facts) || facts.refusal !== null
  const streams = Object.values(facts.streams)
  return isAnswerKnown && streams.every((stream) => stream.isSettled) && !isStreamAwaited(facts)
}

/** A stream that we asked for has not come, and still may. */
const isStreamAwaited = ({ expectedStreams, streams }: Facts): boolean =>
  Object.entries(expectedStreams).some(
    ([generation, isLapsed]) =>
      !isLapsed && !Object.values(streams).some((stream) => stream.generation === Number(generation)),
  )

/** The offer itself may have gone unwritten, with what came of it known. */
const wasVoicemailOffered = (facts: Facts): boolean =>
  facts.voicemailOfferedAtMs !== null || facts.isVoicemailDeclined || hasVoicemail(facts)

const hasVoicemail = (facts: Facts): boolean =>
  Object.values(facts.recordings).some((recording) => recording.isVoicemail)

/** Every recording that was asked for has come to its end, or could not be made. */
export function isRecordingSettled(facts: Facts): boolean {
  const recordings = Object.values(facts.recordings)
  if (!recordings.every(({ status }) => status === 'completed' || status === 'absent' || status === 'failed'))
    return false
  return isCallRecordingSettled(facts) && isVoicemailSettled(facts)
}

/** A call is recorded from the moment its stream is up; one that never got that far has nothing to wait for. */
function isCallRecordingSettled(facts: Facts): boolean {
  const wasUp = Object.values(facts.streams).some((stream) => stream.startedAtMs !== null)
  if (!facts.isRecordingWanted || !wasUp || facts.isRecordingRefused) return true
  return Object.values(facts.recordings).some((recording) => !recording.isVoicemail)
}

const isVoicemailSettled = (facts: Facts): boolean =>
  facts.voicemailOfferedAtMs === null || facts.isVoicemailDeclined || hasVoicemail(facts)

/**
 * Whether an agent is at work for it, or about to be: its newest stream is awaited, or up, or it is ringing where we called.
 * Unlike all the others this answer comes and goes.
 */
function isLive(facts: Facts): boolean {
  const newest = Math.max(...Object.keys(facts.expectedStreams).map(Number))
  if (isEnded(facts)) return false
  if (!Number.isFinite(newest)) return facts.isOutgoing && !facts.isMachine
  const stream = Object.values(facts.streams).find(({ generation }) => generation === newest)
  return stream === undefined ? !facts.expectedStreams[newest] : stream.endedAtMs === null
}

/** Somebody's telephone rings, or they talk with the caller, or it is not known yet what came of it. */
const isTransferUnderWay = (facts: Facts): boolean =>
  Object.values(facts.transfers).some(({ dialledAfter, ending }) => dialledAfter !== null && ending === null)

/** The words are complete, and how the call ended for the caller is known: the analysis can be made. */
export const isReadyForAnalysis = (facts: Facts): boolean =>
  isEnded(facts) && isTranscriptSettled(facts) && !isTransferUnderWay(facts)

/**
 * Whether Twilio has told how long the call was. A request for more TwiML says that a call is completed before the callback
 * that measures it; a mail that went by the former would tell a duration of our own.
 */
export const isMeasured = (facts: Facts): boolean =>
  facts.status !== null && (facts.status.status !== 'completed' || facts.status.durationMs !== null)

/**
 * Everything is in, or the deadline has passed: the mail can go. None goes for a number that calls without end: the mails
 * would be as many as its calls.
 */
export const isReadyForMail = (facts: Facts): boolean =>
  facts.refusal !== 'caller' &&
  (facts.isDeadlinePassed ||
    (isReadyForAnalysis(facts) && isMeasured(facts) && isRecordingSettled(facts) && facts.analysis !== null))

/** From here on the deadline runs: the call has ended, was refused, or neither a stream nor a person has the caller any more. */
export function isWindingDown(facts: Facts): boolean {
  const streams = Object.values(facts.streams)
  const isLeft = streams.length > 0 && streams.every((stream) => stream.endedAtMs !== null)
  return isEnded(facts) || facts.refusal !== null || (isLeft && !isTransferUnderWay(facts))
}

/**
 * Streams that are over, as far as anybody can tell, and have not given their last words: whoever had them gives those soon,
 * or died with them.
 */
export function unsettledStreams(facts: Facts): string[] {
  const streams = Object.entries(facts.streams)
  const newest = Math.max(...streams.map(([, { generation }]) => generation ?? 0))
  return streams
    .filter(([, { isSettled, endedAtMs, generation }]) => {
      const isOver = isEnded(facts) || endedAtMs !== null || (generation ?? 0) < newest
      return isOver && !isSettled
    })
    .map(([streamSid]) => streamSid)
}

/** What a mail that went out at the deadline must say is missing. */
export type Missing = 'end' | 'words' | 'recording' | 'analysis'
export function missing(facts: Facts): Missing[] {
  const found: Missing[] = []
  if (!isEnded(facts)) found.push('end')
  if (!isTranscriptSettled(facts)) found.push('words')
  if (!isRecordingSettled(facts)) found.push('recording')
  if (facts.analysis === null || facts.analysis.state === 'failed') found.push('analysis')
  return found
}

/** The columns of the conversations row that the facts determine. Instants in ms since the epoch. */
export type Columns = {
  startedAtMs: number | null
  callStatus: string | null
  answeredAtMs: number | null
  endedAtMs: number | null
  durationMs: number | null
  callAnalysis: unknown
  isLive: boolean
}

export function columns(facts: Facts): Columns {
  const starts = Object.values(facts.streams).map((stream) => stream.startedAtMs)
  const answers = [...starts, facts.voicemailOfferedAtMs].filter((atMs) => atMs !== null)
  const answeredAtMs = answers.length === 0 ? null : Math.min(...answers)
  const endedAtMs = isEnded(facts) ? (facts.status?.changedAtMs ?? null) : null
  const measuredMs = answeredAtMs !== null && endedAtMs !== null ? Math.max(0, endedAtMs - answeredAtMs) : null
  return {
    startedAtMs: facts.firstSeenAtMs,
    callStatus: facts.status?.status ?? null,
    answeredAtMs,
    endedAtMs,
    durationMs: isEnded(facts) ? (facts.status?.durationMs ?? measuredMs) : null,
    callAnalysis: facts.analysis?.state === 'completed' ? facts.analysis.analysis : null,
    isLive: isLive(facts),
  }
}
