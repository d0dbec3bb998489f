// All live calls of this process: which models are warm, which streams have joined, and how they end when the process must.
// Owns no rule of a call; those are the machine's.
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { OpenSocket, Socket, SocketHandlers } from '../lib/socket.ts'
import type { AgentMode } from '../organizations/settings.ts'
import { type Call, type Line, openCall } from './call.ts'
import { openDoor, type Redeem } from './door.ts'
import { type LineLimits, lineLimits } from './limits.ts'
import type { CallPlan } from './plan.ts'

export type BridgeDeps = { clock: Clock; log: Log; openSocket: OpenSocket; limits?: Partial<LineLimits> }

export type Bridge = {
  /** Opens the model for a call whose stream is on its way. A repeat changes nothing; unclaimed, it is closed again. */
  prewarm(plan: CallPlan): void
  /** Takes a media stream's socket, whose handshake is verified. */
  accept(socket: Socket, redeem: Redeem): SocketHandlers
  /**
   * The call goes on in another mode, in the same session; every later stream of it begins in that mode, too. False when no
   * stream of it is up here. Its voice stays, and so does the model of the session.
   */
  switchMode(callSid: string, to: AgentMode): boolean
  /** Calls whose stream is up, or whose last words are being written. */
  liveCalls(): number
  /** Takes no more streams. Resolves when all calls have ended; after `graceMs` they are handed over as they fall quiet. */
  drain(graceMs: number): Promise<void>
  /** Hands every call over at once. Resolves when all that was said is in the ledger. */
  stop(): Promise<void>
}

/** Close code of RFC 6455's registry: the service restarts; Twilio goes on with the call's TwiML. */
const serviceRestart = 1012

export function createBridge(given: BridgeDeps): Bridge {
  const deps = { ...given, limits: { ...lineLimits, ...given.limits } }
  const warm = new Map<string, Call>()
  const live = new Map<string, Call>()
  const calls = new Set<Call>()
  /** Sockets that are no call's yet. */
  const doors = new Set<ReturnType<typeof openDoor>>()
  let isDraining = false

  function prewarm(plan: CallPlan): void {
    const before = warm.get(plan.callSid)
    const isThere = [before, live.get(plan.callSid)].some((call) => call?.generation === plan.generation)
    if (isDraining || isThere) return
    before?.tell({ on: 'hand-over', how: 'at-once' })
    const call = openCall(deps, plan, null)
    warm.set(plan.callSid, call)
    void call.finished.then(() => {
      if (warm.get(plan.callSid) === call) warm.delete(plan.callSid)
    })
  }

  /** The model that is warm for this very stream, or a new one. One of an earlier stream is of no use to anybody. */
  function claim(plan: CallPlan, line: Line): Call {
    const warmed = warm.get(plan.callSid)
    warm.delete(plan.callSid)
    if (warmed?.generation === plan.generation && !warmed.isOver()) {
      warmed.join(line, plan)
      return warmed
    }
    warmed?.tell({ on: 'hand-over', how: 'at-once' })
    return openCall(deps, plan, line)
  }

  /** The newest stream of a call is the call: Twilio opens another only when it has given up the one before. */
  function enter(plan: CallPlan, line: Line): Call {
    const { callSid } = plan
    live.get(callSid)?.tell({ on: 'left', how: 'broken' })
    const call = claim(plan, line)
    live.set(callSid, call)
    calls.add(call)
    void call.finished.then(() => {
      calls.delete(call)
      if (live.get(callSid) === call) live.delete(callSid)
    })
    return call
  }

  function accept(socket: Socket, redeem: Redeem): SocketHandlers {
    if (isDraining) {
      socket.close(serviceRestart, 'draining')
      return { message() {}, close() {} }
    }
    const door = openDoor(deps, socket, redeem, (plan, line) => {
      doors.delete(door)
      return enter(plan, line)
    })
    doors.add(door)
    return {
      message: door.message,
      close(code, reason) {
        doors.delete(door)
        door.close(code, reason)
      },
    }
  }

  function switchMode(callSid: string, to: AgentMode): boolean {
    const call = live.get(callSid)
    call?.tell({ on: 'switch-mode', to, reason: 'operator' })
    return call !== undefined
  }

  /** Whoever is not in by now would come when nobody waits for it any more. */
  function shutDoors(reason: string): void {
    for (const door of doors) door.shut(serviceRestart, reason)
  }

  async function drain(graceMs: number): Promise<void> {
    isDraining = true
    shutDoors('draining')
    for (const call of warm.values()) call.tell({ on: 'hand-over', how: 'at-once' })
    const cancel = deps.clock.after(graceMs, () => {
      for (const call of calls) call.tell({ on: 'hand-over', how: 'gently' })
    })
    await allFinished()
    cancel()
  }

  async function stop(): Promise<void> {
    isDraining = true
    shutDoors('server stopped')
    for (const call of [...warm.values(), ...calls]) call.tell({ on: 'hand-over', how: 'at-once' })
    await allFinished()
  }

  /** Also those that a stream still opens meanwhile, and those that were only warm: their journals hold events, too. */
  async function allFinished(): Promise<void> {
    const open = () => [...calls, ...warm.values()]
    while (open().length > 0) await Promise.all(open().map((call) => call.finished))
  }

  return { prewarm, accept, switchMode, liveCalls: () => calls.size, drain, stop }
}
