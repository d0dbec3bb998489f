// PURE. Answering machine detection, by ear: long speech is a machine's, short speech and then silence a human's. Told apart by the
// measures that twilio.com/docs/voice/answering-machine-detection gives; fax machines are not among those it knows.
import { FRAME_MS, isAudible } from '../audio.ts'
import { isBeep } from '../tones.ts'

export type DetectionPlan = {
  /** `start`: as soon as it is known who answered. `end`: of a machine, when its greeting is over. */
  until: 'start' | 'end'
  timeoutMs: number
  speechThresholdMs: number
  speechEndThresholdMs: number
  silenceTimeoutMs: number
}

export type AnsweredBy =
  | 'human'
  | 'unknown'
  | 'machine_start'
  | 'machine_end_beep'
  | 'machine_end_silence'
  | 'machine_end_other'

/** Quiet for so long, a greeting is over that no beep ends. Twilio's own figure is not published. */
const GREETING_END_MS = 2_000

export type Detector = {
  /** The next 20 ms of whoever answered; answers once it is known who did, and from then on nothing new. */
  hear(frame: Uint8Array): AnsweredBy | null
}

export function createDetector(plan: DetectionPlan): Detector {
  let nowMs = 0
  let speech: { fromMs: number; toMs: number } | null = null
  let hasBeeped = false
  let result: AnsweredBy | null = null

  function judge(isToneNow: boolean): AnsweredBy | null {
    const lastedMs = speech === null ? 0 : speech.toMs - speech.fromMs
    const quietMs = nowMs - (speech?.toMs ?? 0)
    const isMachine = lastedMs > plan.speechThresholdMs || hasBeeped
    if (isMachine && plan.until === 'start') return 'machine_start'
    if (isMachine && hasBeeped && !isToneNow) return 'machine_end_beep'
    if (isMachine && quietMs >= GREETING_END_MS) return 'machine_end_silence'
    if (!isMachine && speech !== null && quietMs >= plan.speechEndThresholdMs) return 'human'
    if (!isMachine && speech === null && quietMs >= plan.silenceTimeoutMs) return 'unknown'
    if (nowMs < plan.timeoutMs) return null
    return isMachine ? 'machine_end_other' : 'unknown'
  }

  return {
    hear(frame) {
      if (result !== null) return result
      const isToneNow = isBeep(frame)
      hasBeeped ||= isToneNow
      const beganMs = nowMs
      nowMs += FRAME_MS
      if (isAudible(frame)) speech = { fromMs: speech?.fromMs ?? beganMs, toMs: nowMs }
      result = judge(isToneNow)
      return result
    },
  }
}
