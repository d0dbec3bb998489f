// A beat on an absolute schedule: late timers make single beats late, never the ones after them.
import type { Cancel, SimClock } from '../clock.ts'

/** Calls `beat` for each period from now on, the first time at once, with the instant at which it was due. */
export function startBeat(clock: SimClock, periodMs: number, beat: (atMs: number) => void): Cancel {
  let dueAtMs = clock.now()
  let isOver = false
  let cancel = () => {}
  const run = (): void => {
    while (!isOver && dueAtMs <= clock.now()) {
      beat(dueAtMs)
      dueAtMs += periodMs
    }
    if (!isOver) cancel = clock.after(Math.max(1, Math.ceil(dueAtMs - clock.now())), run)
  }
  cancel = clock.after(0, run)
  return () => {
    isOver = true
    cancel()
  }
}
