// The simulator's time: real, or virtual. Virtual time stands still while anything is in flight (a message, a request, a
// query, a job), then jumps to the next timer; so a call takes as long as its work takes, and never loses a race to a clock.

export type Cancel = () => void

export type SimClock = {
  readonly isVirtual: boolean
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Runs `run` once, `delayMs` from now. */
  after(delayMs: number, run: () => void): Cancel
  /** Time stands still until `work` settles. On the real clock this is only `work`. */
  hold<T>(work: Promise<T>): Promise<T>
}
