// A clock that stands until a test moves it.
import type { Clock } from '../../src/lib/clock.ts'

export type HandClock = Clock & {
  /** Runs what falls due on the way, each at its own instant, in order. */
  advance(ms: number): void
  /** Resolves when a timer, or so many, are waiting to run: whoever set them has come that far. */
  untilSet(count?: number): Promise<void>
}

type Timer = { dueAtMs: number; run: () => void }

export function createHandClock(startMs: number): HandClock {
  let nowMs = startMs
  let timers: Timer[] = []
  const expecting: (() => void)[] = []

  const nextDue = (untilMs: number): Timer | undefined =>
    timers.filter(({ dueAtMs }) => dueAtMs <= untilMs).toSorted((a, b) => a.dueAtMs - b.dueAtMs)[0]

  return {
    now: () => nowMs,
    after(delayMs, run) {
      const timer = { dueAtMs: nowMs + Math.max(0, delayMs), run }
      timers.push(timer)
      for (const tell of expecting.splice(0)) tell()
      return () => {
        timers = timers.filter((each) => each !== timer)
      }
    },
    advance(ms) {
      const untilMs = nowMs + ms
      for (let timer = nextDue(untilMs); timer !== undefined; timer = nextDue(untilMs)) {
        const due = timer
        timers = timers.filter((each) => each !== due)
        nowMs = Math.max(nowMs, due.dueAtMs)
        due.run()
      }
      nowMs = untilMs
    },
    async untilSet(count = 1) {
      while (timers.length < count) await new Promise<void>((resolve) => expecting.push(resolve))
    },
  }
}
