// The simulator's time: real, or virtual. Virtual time stands still while anything is in flight (a message, a request, a
// query, a job), then jumps to the next timer; so a call takes as long as its work takes, and never loses a race to a clock.
// It owns no work itself: whoever starts some says so with `hold`, or is asked by `onIdle`.
import { AsyncLocalStorage } from 'node:async_hooks'

export type Cancel = () => void

export type SimClock = {
  readonly isVirtual: boolean
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Runs `run` once, `delayMs` from now; timers due at the same instant run in the order in which they were set. */
  after(delayMs: number, run: () => void): Cancel
  /**
   * Time stands still until `work` settles. On the real clock this is only `work`. Work that may itself wait for this clock
   * (a handler that answers two seconds late) is passed as a function: time moves while a timer that it set is pending.
   * `label` names the work should it never settle.
   */
  hold<T>(work: Promise<T> | (() => T | Promise<T>), label?: string): Promise<T>
}

/**
 * Asked before time moves, with the instant to which it is about to jump (null: no timer is left). Answers true when work
 * is under way that nobody holds, or when it has just started some; time then stands still and the question comes again.
 */
export type IdleCheck = (nextAtMs: number | null) => boolean | undefined | Promise<boolean | undefined>

export type VirtualClock = SimClock & {
  /** Drives time until `until` settles, and answers as it does. Fails when it never can. One run at a time. */
  run<T>(until: Promise<T>): Promise<T>
  onIdle(check: IdleCheck, label?: string): Cancel
}

/** Turns of the event loop given to promise chains before the world counts as idle. */
const SETTLING_TURNS = 2
/** Real time without any progress after which a run gives up. */
const STUCK_AFTER_MS = 30_000

export const realClock: SimClock = {
  isVirtual: false,
  now: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
  hold: async (work) => (typeof work === 'function' ? work() : work),
}

type Timer = { dueAtMs: number; run: () => void; hold: Hold | undefined }
/** Held work. `timers`: how many timers it and its parts wait for; `parent`: the held work that started it. */
type Hold = { label: string; timers: number; parent: Hold | undefined; isOpen: boolean }

export function createVirtualClock(options: { startMs: number; stuckAfterMs?: number }): VirtualClock {
  const stuckAfterMs = options.stuckAfterMs ?? STUCK_AFTER_MS
  const current = new AsyncLocalStorage<Hold | undefined>()
  /** Latest first, so that the next one is popped; among equals, the first one set is nearest to the end. */
  const timers: Timer[] = []
  const holds = new Set<Hold>()
  const idleChecks = new Set<{ check: IdleCheck; label: string }>()
  let nowMs = options.startMs
  let wake = () => {}

  function setTimer(delayMs: number, run: () => void): Cancel {
    if (Number.isNaN(delayMs)) throw new Error('Cannot set a timer: its delay is not a number')
    const timer: Timer = { dueAtMs: nowMs + Math.max(0, delayMs), run, hold: openHold() }
    timers.splice(placeOf(timers, timer.dueAtMs), 0, timer)
    countTimer(timer.hold, 1)
    return () => {
      const place = timers.indexOf(timer)
      if (place < 0) return
      timers.splice(place, 1)
      countTimer(timer.hold, -1)
    }
  }

  function runNextTimer(): void {
    const timer = timers.pop()
    if (timer === undefined) return
    nowMs = Math.max(nowMs, timer.dueAtMs)
    countTimer(timer.hold, -1)
    current.run(timer.hold, timer.run)
  }

  /** The innermost work under way that this code is part of. */
  function openHold(): Hold | undefined {
    let hold = current.getStore()
    while (hold !== undefined && !hold.isOpen) hold = hold.parent
    return hold
  }

  function countTimer(hold: Hold | undefined, by: 1 | -1): void {
    for (let each = hold; each !== undefined; each = each.parent) each.timers += by
    wake()
  }

  async function hold<T>(work: Promise<T> | (() => T | Promise<T>), label = 'some work'): Promise<T> {
    const held: Hold = { label, timers: 0, parent: openHold(), isOpen: true }
    holds.add(held)
    try {
      return await (typeof work === 'function' ? current.run(held, work) : work)
    } finally {
      held.isOpen = false
      holds.delete(held)
      wake()
    }
  }

  const blocking = (): string[] => [...holds].filter((each) => each.timers === 0).map((each) => each.label)

  /** Until a hold ends, or a timer frees one. */
  async function untilWoken(): Promise<void> {
    let alarm: ReturnType<typeof setTimeout> | undefined
    await new Promise<void>((resolve, reject) => {
      alarm = setTimeout(() => reject(stuck(`waiting for ${blocking().join(', ')}`)), stuckAfterMs)
      wake = resolve
    }).finally(() => {
      clearTimeout(alarm)
      wake = () => {}
    })
  }

  /** The label of an idle check that found work. */
  async function workFound(): Promise<string | undefined> {
    const nextAtMs = timers.at(-1)?.dueAtMs ?? null
    for (const { check, label } of idleChecks) if (await check(nextAtMs)) return label
    return undefined
  }

  const stuck = (what: string) =>
    new Error(`Virtual time stands still at ${new Date(nowMs).toISOString()}: ${what} for ${stuckAfterMs / 1000} s`)

  async function drive(isSettled: () => boolean): Promise<void> {
    let movedAt = performance.now()
    for (;;) {
      for (let turn = 0; turn < SETTLING_TURNS; turn++) await nextTurn()
      if (isSettled()) return
      if (blocking().length > 0) {
        await untilWoken()
        continue
      }
      if (idleChecks.size > 0) {
        const found = await workFound()
        if (found !== undefined && performance.now() - movedAt > stuckAfterMs) throw stuck(`${found} has been at work`)
        if (found !== undefined || isSettled() || blocking().length > 0) continue
      }
      if (timers.length === 0)
        throw new Error('Virtual time has run out: no timer is left, and what was awaited never came')
      movedAt = performance.now()
      runNextTimer()
    }
  }

  return {
    isVirtual: true,
    now: () => nowMs,
    after: setTimer,
    hold,
    async run(until) {
      let settled = false
      const settle = () => {
        settled = true
        wake()
      }
      until.then(settle, settle)
      await drive(() => settled)
      return until
    },
    onIdle(check, label = 'an idle check') {
      const entry = { check, label }
      idleChecks.add(entry)
      return () => idleChecks.delete(entry)
    },
  }
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Where a timer goes in a list with the latest first: before all that are due at the same instant or sooner. */
function placeOf(timers: readonly Timer[], dueAtMs: number): number {
  let low = 0
  let high = timers.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((timers[middle] as Timer).dueAtMs > dueAtMs) low = middle + 1
    else high = middle
  }
  return low
}
