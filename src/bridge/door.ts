// Where a media stream comes in. A socket is nobody's until its `start` has shown a token that is good once; until then
// its audio is held and it may do nothing else. Then it is a call's line, and this passes on what Twilio says.
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { Socket, SocketHandlers } from '../lib/socket.ts'
import { readTwilioFrame, type TwilioFrame } from '../wire/media.ts'
import { audioOfMedia, spliceMark, spliceMedia } from './audio.ts'
import type { Call, Line } from './call.ts'
import { createEar } from './ear.ts'
import type { LineLimits } from './limits.ts'
import type { CallPlan } from './plan.ts'

/** What a stream says of itself in its `start`. */
export type StreamClaim = { token: string; callSid: string; streamSid: string; accountSid: string }

/** Takes the token, which is good once. Null: it is not, or is another call's. */
export type Redeem = (claim: StreamClaim) => Promise<CallPlan | null>

export type DoorDeps = { clock: Clock; log: Log; limits: LineLimits }

type Door =
  | { is: 'waiting' }
  /** `leftHow`: the stream ended while its token was checked. */
  | { is: 'checking'; leftHow: 'stopped' | 'broken' | null }
  | { is: 'in-call'; call: Call }
  | { is: 'shut' }

/** Close codes of RFC 6455: a rule was broken; something is wrong with us. */
const policyViolation = 1008
const internalError = 1011

/** `enter` finds or opens the call that the plan is for, and gives it its line. */
export function openDoor(
  deps: DoorDeps,
  socket: Socket,
  redeem: Redeem,
  enter: (plan: CallPlan, line: Line) => Call,
): SocketHandlers & { shut(code: number, reason: string): void } {
  const { clock, log, limits } = deps
  const ear = createEar(limits)
  let door: Door = { is: 'waiting' }
  let cancelTimer = clock.after(limits.startMs, () => shut(policyViolation, 'no start'))

  function shut(code: number, reason: string): void {
    cancelTimer()
    ear.close()
    if (door.is === 'in-call') door.call.tell({ on: 'left', how: 'broken' })
    door = { is: 'shut' }
    log.info({ code, reason }, 'media stream refused')
    socket.close(code, reason)
  }

  function take(frame: TwilioFrame): void {
    switch (frame.event) {
      case 'connected':
        break
      case 'start':
        if (door.is === 'waiting') start(frame)
        else shut(policyViolation, 'second start')
        break
      case 'media': {
        const audio = audioOfMedia(frame)
        if (audio !== null) ear.hear(audio, clock.now())
        break
      }
      case 'dtmf':
        if (door.is === 'in-call') door.call.tell({ on: 'key', key: frame.dtmf.digit })
        break
      case 'mark':
        returned(frame.mark.name)
        break
      case 'stop':
        leave('stopped')
        break
    }
  }

  function returned(mark: string): void {
    if (door.is === 'in-call') door.call.tell({ on: 'mark', name: mark })
  }

  function start({ streamSid, start: { callSid, accountSid, mediaFormat, customParameters } }: StartFrame): void {
    const { token } = customParameters
    if (!isTelephoneAudio(mediaFormat)) shut(policyViolation, 'not telephone audio')
    else if (token === undefined) shut(policyViolation, 'no token')
    else check({ token, callSid, streamSid, accountSid })
  }

  function check(claim: StreamClaim): void {
    const { callSid, streamSid } = claim
    door = { is: 'checking', leftHow: null }
    cancelTimer()
    cancelTimer = clock.after(limits.redeemMs, () => shut(internalError, 'token not checked in time'))
    redeem(claim).then(
      (plan) => checked(plan, streamSid),
      (error: unknown) => {
        log.error({ callSid, error: error instanceof Error ? error : undefined }, 'a stream token could not be checked')
        if (door.is === 'checking') shut(internalError, 'token not checked')
      },
    )
  }

  function checked(plan: CallPlan | null, streamSid: string): void {
    if (door.is !== 'checking') return
    if (plan === null) {
      shut(policyViolation, 'token refused')
      return
    }
    cancelTimer()
    const { leftHow } = door
    door = { is: 'in-call', call: enter(plan, { streamSid, socket, ear }) }
    if (leftHow !== null) leave(leftHow)
  }

  function leave(how: 'stopped' | 'broken'): void {
    if (door.is === 'checking') door.leftHow ??= how
    else if (door.is === 'in-call') door.call.tell({ on: 'left', how })
    else if (door.is === 'waiting') {
      cancelTimer()
      door = { is: 'shut' }
    }
  }

  return {
    message(text) {
      if (door.is === 'shut') return
      const audio = spliceMedia(text)
      if (audio !== null) {
        ear.hear(audio, clock.now())
        return
      }
      const mark = spliceMark(text)
      if (mark !== null) {
        returned(mark)
        return
      }
      const frame = readTwilioFrame(text)
      if (frame !== null) take(frame)
    },
    close: () => leave('broken'),
    shut,
  }
}

type StartFrame = Extract<TwilioFrame, { event: 'start' }>

const isTelephoneAudio = ({ encoding, sampleRate, channels }: StartFrame['start']['mediaFormat']): boolean =>
  encoding === 'audio/x-mulaw' && sampleRate === 8000 && channels === 1
