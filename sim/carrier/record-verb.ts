// `<Record>`: beeps, keeps what the caller says until silence, a key, the limit or a hang-up, and gives it to the action.
// Nothing but silence is no recording: the document goes on. Source: twilio.com/docs/voice/twiml/record.
import { FRAME_MS, isAudible, silence } from '../audio.ts'
import { type Activity, idleActivity, type Next, QUIET, type Stage } from './activity.ts'
import { layTrack, type Piece } from './tape.ts'
import type { Verb } from './twiml.ts'

const BEEP_MS = 500

export function recordCaller(verb: Extract<Verb, { verb: 'Record' }>, stage: Stage): Activity {
  const { clock } = stage
  const activity = idleActivity()
  const startsAtMs = clock.now() + (verb.hasBeep ? BEEP_MS : 0)
  const pieces: Piece[] = []
  let recordedToMs = startsAtMs
  let speech: { fromMs: number; toMs: number } | null = null
  let isOver = false

  function finish(digits?: string): void {
    if (isOver) return
    isOver = true
    activity.finish(speech === null ? { go: 'on' } : keep(speech, digits))
  }

  function keep(spoken: { fromMs: number; toMs: number }, digits?: string): Next {
    const fromMs = verb.isTrimmed ? spoken.fromMs : startsAtMs
    const toMs = verb.isTrimmed ? spoken.toMs : recordedToMs
    const audio = layTrack(pieces, fromMs, toMs)
    const { statusCallback } = verb
    const callback = statusCallback && { ...statusCallback, url: stage.resolve(statusCallback.url) ?? '' }
    const plan = { channels: 1, track: 'inbound', source: 'RecordVerb', startedAtMs: fromMs, callback } as const
    const recording = stage.exchange.recordings.open(stage, plan)
    recording.close(audio, silence(audio.length))
    const extra = { ...recording.params(), ...(digits === undefined ? {} : { Digits: digits }) }
    const url = verb.action ?? stage.documentUrl ?? ''
    return { go: 'to', source: { from: 'url', url, method: verb.method, extra } }
  }

  return {
    ...activity,
    frame(audio, atMs) {
      if (isOver || atMs < startsAtMs) return
      pieces.push({ atMs, bytes: audio })
      recordedToMs = atMs + FRAME_MS
      if (isAudible(audio)) speech = { fromMs: speech?.fromMs ?? atMs, toMs: recordedToMs }
      const quietMs = recordedToMs - (speech?.toMs ?? startsAtMs)
      if (quietMs >= verb.timeoutMs || recordedToMs - startsAtMs >= verb.maxLengthMs) finish()
    },
    press(digit) {
      if (clock.now() >= startsAtMs && verb.finishOnKey.includes(digit)) finish(digit)
    },
    sound(nowMs) {
      const isBeeping = nowMs < startsAtMs
      return { ...QUIET, isSounding: isBeeping }
    },
    stop: ({ cause }) => finish(cause === 'hang-up' ? 'hangup' : undefined),
  }
}
