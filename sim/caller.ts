// The caller of a fixture, or somebody else on the telephone: hears what the carrier plays to them, and speaks, presses keys
// or hangs up when their cue comes. Asked once every 20 ms of the call. Judges by ear: an agent speaks when it can be heard,
// not when bytes arrive.
import { FRAME_BYTES, FRAME_MS, silence } from './audio.ts'
import type { CallerStep } from './script.ts'
import { beep } from './tones.ts'

/**
 * `isSounding`: audio is being played or waiting to be. `isAudible`: what was just played was loud enough to hear. `line`: who
 * has the other end: the server's agent, a person, or nobody yet.
 */
export type Ear = { isSounding: boolean; isAudible: boolean; line: 'agent' | 'waiting' | 'person' }

/** The caller's next 20 ms, and what else they do. */
/** `words`: of what is being said in it. */
export type CallerTurn = { audio: Uint8Array; words: string | null; digit: string | null; hangsUp: boolean }

export type Caller = {
  /** To be called every 20 ms from the answer on, with the instant at which the frame begins. */
  next(atMs: number, ear: Ear): CallerTurn
  /** One thing more that they do, after all others. */
  order(step: CallerStep): void
}

/** The agent has finished when nothing has sounded for so long. */
const FINISHED_AFTER_MS = 300
/** A cue that does not come in this time does not come. */
const CUE_LIMIT_MS = 30_000
/** The same for what hangs on a person, whose telephone rings for half a minute before anybody gives up. */
const PERSON_CUE_LIMIT_MS = 180_000
/** How long a caller listens who has nothing more to do. */
const PATIENCE_MS = 60_000
/** From one key to the next. */
const DIGIT_MS = 200
const BEEP_MS = 500

const QUIET_FRAME = silence(FRAME_BYTES)

/** `tell`: what they do, for whoever watches. `isDriven`: they wait for orders, and nothing else makes them hang up. */
export function createCaller(
  steps: readonly CallerStep[],
  answeredAtMs: number,
  tell: (what: string, body?: unknown) => void,
  isDriven = false,
): Caller {
  const agent = createListener()
  const inTurn = steps.filter(({ on }) => on !== 'time')
  const timed = steps.filter(({ on }) => on === 'time').sort((a, b) => a.waitMs - b.waitMs)
  let line: Ear['line'] = 'agent'
  /** When the agent last did not have the line. */
  let lastAwayAtMs = Number.NEGATIVE_INFINITY
  /** Which step is awaited, since when, and when it is due once its cue has come. */
  let awaited = { at: 0, sinceMs: answeredAtMs, dueAtMs: null as number | null }
  let utterance: { audio: Uint8Array; words: string | null; spokenBytes: number; beganAtMs: number } | null = null
  let digits: { left: string; nextAtMs: number } | null = null

  /** When the cue of a step came; null while it has not. */
  function cueAtMs(step: CallerStep, nowMs: number): number | null {
    const { sinceMs } = awaited
    switch (step.on) {
      case 'answered':
      case 'time':
        return answeredAtMs
      case 'saying':
        return utterance ? utterance.beganAtMs : sinceMs
      case 'said':
        return isBusy() ? null : sinceMs
      case 'agent-finished':
        return !isBusy() && agent.finishedSince(sinceMs) ? nowMs : null
      case 'agent-speaking':
        return !isBusy() && agent.heardMs(sinceMs) >= step.heardMs ? nowMs : null
      case 'waiting':
        return line === 'waiting' ? nowMs : null
      case 'connected':
        return line === 'person' ? nowMs : null
      case 'returned':
        return line === 'agent' && lastAwayAtMs > sinceMs ? nowMs : null
    }
  }

  const isBusy = () => utterance !== null || digits !== null

  function begin(step: CallerStep, nowMs: number): boolean {
    awaited = { at: awaited.at + 1, sinceMs: nowMs, dueAtMs: null }
    switch (step.act) {
      case 'say':
        utterance = { audio: step.audio, words: step.words, spokenBytes: 0, beganAtMs: nowMs }
        tell('say', { words: step.words })
        return false
      case 'beep':
        utterance = { audio: beep(BEEP_MS), words: null, spokenBytes: 0, beganAtMs: nowMs }
        tell('beep')
        return false
      case 'listen':
        return false
      case 'press':
        press(step.digits, nowMs)
        return false
      case 'hang-up':
        tell('hang-up')
        return true
    }
  }

  function press(keys: string, nowMs: number): void {
    digits = digits === null ? { left: keys, nextAtMs: nowMs } : { ...digits, left: digits.left + keys }
    tell('press', { digits: keys })
  }

  /** What is done by the watch, whatever else goes on; answers whether the caller hangs up. */
  function actInTime(nowMs: number): boolean {
    for (let next = timed[0]; next !== undefined && nowMs >= answeredAtMs + next.waitMs; next = timed[0]) {
      timed.shift()
      if (next.act === 'press') press(next.digits, nowMs)
      if (next.act !== 'hang-up') continue
      tell('hang-up')
      return true
    }
    return false
  }

  /** Does what is due; answers whether the caller hangs up. */
  function act(nowMs: number): boolean {
    const step = inTurn[awaited.at]
    if (step === undefined) {
      const waitsInVain = !isDriven && !isBusy() && timed.length === 0 && nowMs - awaited.sinceMs >= PATIENCE_MS
      return waitsInVain && tooLong('the end of the call')
    }
    // Who waits for the agent to finish waits on when it goes on.
    if (step.on === 'agent-finished' && agent.isSpeaking()) awaited.dueAtMs = null
    if (awaited.dueAtMs === null) {
      const cue = cueAtMs(step, nowMs)
      if (cue !== null) awaited.dueAtMs = cue + step.waitMs
      else if (!isDriven && nowMs - awaited.sinceMs >= limitOf(step))
        return tooLong(`step ${awaited.at + 1}, on ${step.on}`)
    }
    return awaited.dueAtMs !== null && nowMs >= awaited.dueAtMs && begin(step, nowMs)
  }

  function tooLong(forWhat: string): true {
    tell('gave up', { problem: `The caller waited in vain for ${forWhat}` })
    return true
  }

  /** The next frame of what is being said. */
  function speak(nowMs: number): Uint8Array {
    if (utterance === null) return QUIET_FRAME
    const { audio, spokenBytes } = utterance
    const frame = audio.subarray(spokenBytes, spokenBytes + FRAME_BYTES)
    utterance.spokenBytes += FRAME_BYTES
    if (utterance.spokenBytes >= audio.length) {
      utterance = null
      awaited.sinceMs = nowMs + FRAME_MS
      tell('said')
    }
    if (frame.length === FRAME_BYTES) return frame
    const padded = silence(FRAME_BYTES)
    padded.set(frame)
    return padded
  }

  function nextKey(nowMs: number): string | null {
    if (digits === null || nowMs < digits.nextAtMs) return null
    const [digit = null] = digits.left
    digits = digits.left.length > 1 ? { left: digits.left.slice(1), nextAtMs: nowMs + DIGIT_MS } : null
    if (digits === null) awaited.sinceMs = nowMs
    return digit
  }

  return {
    order: (step) => void inTurn.push(step),
    next(atMs, ear) {
      agent.hear(atMs, ear)
      line = ear.line
      if (line !== 'agent') lastAwayAtMs = atMs
      const hangsUp = actInTime(atMs) || act(atMs)
      const words = utterance?.words ?? null
      return { audio: speak(atMs), words, digit: nextKey(atMs), hangsUp }
    },
  }
}

const limitOf = ({ on }: CallerStep): number =>
  on === 'waiting' || on === 'connected' || on === 'returned' ? PERSON_CUE_LIMIT_MS : CUE_LIMIT_MS

/** Makes turns out of what the caller hears: one begins when the agent can be heard, and ends in a lasting quiet. */
function createListener() {
  let turn: { heardMs: number; lastAudibleAtMs: number; quietSinceMs: number | null } | null = null
  let lastTurnEnd: { lastAudibleAtMs: number } | null = null

  return {
    hear(nowMs: number, { isSounding, isAudible }: Ear): void {
      if (isAudible) turn = { heardMs: turn?.heardMs ?? 0, lastAudibleAtMs: nowMs, quietSinceMs: null }
      if (turn === null) return
      if (isSounding || isAudible) turn.heardMs += FRAME_MS
      turn.quietSinceMs = isSounding ? null : (turn.quietSinceMs ?? nowMs)
      if (turn.quietSinceMs === null || nowMs - turn.quietSinceMs < FINISHED_AFTER_MS) return
      lastTurnEnd = { lastAudibleAtMs: turn.lastAudibleAtMs }
      turn = null
    },
    isSpeaking: (): boolean => turn !== null,
    /** Something was heard after `sinceMs`, and has ended. */
    finishedSince: (sinceMs: number): boolean => turn === null && (lastTurnEnd?.lastAudibleAtMs ?? 0) > sinceMs,
    /** How much of the present turn was heard, to a frame, if any of it was heard after `sinceMs`. */
    heardMs: (sinceMs: number): number => (turn !== null && turn.lastAudibleAtMs > sinceMs ? turn.heardMs : 0),
  }
}
