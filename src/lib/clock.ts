// Time, as everything here sees it: the present instant, and being called later. Passed in, never reached for, so that
// tests and the simulator can move it.

/** Undoes a timer; calling it after the timer ran, or twice, does nothing. */
export type Cancel = () => void

export type Clock = {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Runs `run` once, `delayMs` from now. */
  after(delayMs: number, run: () => void): Cancel
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
}

/** What `within` rejects with. */
export class TookTooLong extends Error {
  override readonly name = 'TookTooLong'
}

/** Settles as `work` does, or rejects when `limitMs` have passed. The work itself goes on. */
export function within<T>(clock: Clock, limitMs: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(limitMs, () => reject(new TookTooLong(`Took longer than ${limitMs} ms`)))
    work.finally(cancel).then(resolve, reject)
  })
}

/** An ISO 8601 instant, as SQL and JSON take it. */
export const isoTime = (epochMs: number): string => new Date(epochMs).toISOString()
