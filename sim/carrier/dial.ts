// `<Dial>`: rings numbers, all at once or one after the other, reads whoever answers the screening document, and lets both hear
// each other until one hangs up; or puts the call into a conference. The first to have heard its document out is the one; the
// others stop ringing. Sources: twilio.com/docs/voice/twiml/dial, number. That a leg which was screened out counts as completed
// and not bridged is inferred from what those pages say of DialBridged; that the caller's number is shown without callerId [mem].
import { type Activity, type Ender, idleActivity, type LiveCall, type Next, QUIET, type Stage } from './activity.ts'
import { callSeconds } from './params.ts'
import { problemCode } from './problems.ts'
import type { Recording } from './recordings.ts'
import { createRoom, type Seat } from './room.ts'
import type { CallbackTarget } from './twiml.ts'
import type { ConferenceNoun, DialVerb, NumberNoun } from './twiml-dial.ts'

/** After a redirect, as a user measured them: until the leg is dropped, and until the action is asked. */
const DROPPED_AFTER_MS = 166
const ACTION_AFTER_MS = 320

export function dial(verb: DialVerb, stage: Stage): Activity {
  return verb.to.kind === 'numbers' ? dialNumbers(verb, verb.to.numbers, stage) : enter(verb, verb.to.conference, stage)
}

function dialNumbers(verb: DialVerb, numbers: readonly NumberNoun[], stage: Stage): Activity {
  const { clock, exchange, record } = stage
  const activity = idleActivity()
  const legs: LiveCall[] = []
  let bridge: { leg: LiveCall; seat: Seat } | null = null
  let recording: Recording | null = null
  let cancelLimit = () => {}
  /** `leaving`: the call goes elsewhere, and nothing begins any more. */
  let state: 'dialling' | 'leaving' | 'over' = 'dialling'

  async function ringAll(): Promise<void> {
    const from = verb.callerId ?? record.from
    if (isShowable(from)) {
      if (verb.recording?.from === 'ringing') startRecording()
      if (verb.isSequential) for (const number of numbers) await ring(number, from)
      else await Promise.all(numbers.map((number) => ring(number, from)))
    } else stage.log({ code: problemCode.callerId, text: '<Dial callerId> is not a number of the account' })
    if (state === 'dialling') over()
  }

  const isShowable = (from: string) =>
    [record.from, record.to].includes(from) || exchange.numbers.owns(record.accountSid, from)

  /** Resolves when the leg has ended. */
  async function ring({ number, url, method, sendDigits, statusCallback }: NumberNoun, from: string): Promise<void> {
    if (state !== 'dialling') return
    const leg = exchange.place(record.accountSid, {
      direction: 'outbound-dial',
      parentCallSid: record.callSid,
      from,
      to: number,
      first: url === null ? null : { from: 'url', url: stage.resolve(url) ?? url, method, extra: {} },
      fallback: null,
      statusCallback: resolved(statusCallback),
      ringMs: verb.timeoutMs,
      maxMs: null,
      sendDigits,
      detection: null,
      recording: null,
      connect,
    })
    legs.push(leg)
    stage.adopt(leg)
    await leg.over
  }

  const resolved = (target: CallbackTarget | null) => target && { ...target, url: stage.resolve(target.url) ?? '' }

  /** What goes on at the far end once the one there is ready; null for all but the first. */
  function connect(far: Stage): Activity | null {
    const leg = legs.find(({ file }) => file.record === far.record)
    if (leg === undefined || state !== 'dialling') return null
    stage.answer()
    const room = createRoom(clock, { bridgeSid: far.record.callSid, kind: 'dial' })
    bridge = { leg, seat: room.sit(record) }
    const theirs = room.sit(far.record)
    for (const other of legs) if (other !== leg) other.end('carrier')
    if (verb.recording?.from === 'answer') startRecording()
    cancelLimit = clock.after(verb.timeLimitMs, () => leg.end('carrier'))
    stage.tell('connected', { with: far.record.to })
    void theirs.finished.then(() => state === 'dialling' && over())
    return theirs
  }

  function startRecording(): void {
    if (verb.recording === null) return
    const { channels, track, callback } = verb.recording
    recording = stage.startRecording({ channels, track, source: 'DialVerb', callback: resolved(callback) })
  }

  function endLegs(by: Ender): void {
    for (const leg of legs) leg.end(by)
  }

  function over(): void {
    if (state === 'over') return
    state = 'over'
    cancelLimit()
    bridge?.seat.leave()
    if (recording !== null) stage.stopRecording(recording)
    activity.finish(next())
  }

  function next(): Next {
    if (verb.action === null) return { go: 'on' }
    const endOf = ({ file }: LiveCall) => file.record.endedAtMs ?? Number.POSITIVE_INFINITY
    const told = bridge?.leg ?? legs.toSorted((one, other) => endOf(one) - endOf(other)).at(-1)
    const leg = told?.file.record
    const extra = {
      DialCallStatus: bridge === null ? (leg?.status ?? 'failed') : 'completed',
      ...(leg === undefined ? {} : { DialCallSid: leg.callSid, DialCallDuration: String(callSeconds(leg)) }),
      DialBridged: String(bridge !== null),
      ...(recording === null ? {} : { RecordingUrl: recording.url }),
    }
    return { go: 'to', source: { from: 'url', url: verb.action, method: verb.method, extra } }
  }

  void ringAll()
  return {
    ...activity,
    frame: (audio, atMs) => bridge?.seat.frame(audio, atMs),
    sound: (nowMs) => bridge?.seat.sound(nowMs) ?? { ...QUIET, line: 'waiting' },
    heard: (nowMs) => bridge?.seat.heard(nowMs) ?? [],
    press(digit) {
      if (digit === '*' && verb.hangsUpOnStar) bridge?.leg.end('caller')
    },
    stop(stop) {
      if (state === 'over') return
      const isFirst = state === 'dialling'
      state = 'leaving'
      if (stop.cause === 'hang-up') {
        endLegs(stop.by)
        over()
      } else if (isFirst) {
        clock.after(DROPPED_AFTER_MS, () => endLegs('server'))
        clock.after(ACTION_AFTER_MS, over)
      }
    },
  }
}

/** `<Dial><Conference>`. Afterwards the action is told neither a leg nor how long it took. */
function enter(verb: DialVerb, noun: ConferenceNoun, stage: Stage): Activity {
  const seat = stage.exchange.conferences.open(stage.record.accountSid, noun.name).join(noun, stage)
  const cancelLimit = stage.clock.after(verb.timeLimitMs, seat.leave)
  const { action, method } = verb
  const extra = { DialCallStatus: 'answered' }
  const next: Next = action === null ? { go: 'on' } : { go: 'to', source: { from: 'url', url: action, method, extra } }
  return {
    ...seat,
    finished: seat.finished.then(() => {
      cancelLimit()
      return next
    }),
    press(digit) {
      if (digit === '*' && verb.hangsUpOnStar) seat.leave()
    },
  }
}
