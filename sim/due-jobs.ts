// The server's jobs, as a simulation waits for them. On virtual time: what is planned is seen, waited for, and made due when
// its time has come, so that time passes over no job. In real time: what is planned for soon is made due at once.
import type { VirtualClock } from './clock.ts'

/** The job queue, as far as time is concerned. */
type Queue = {
  postponeRetries(nowMs: number): Promise<number>
  pending(nowMs: number): Promise<{ dueOrRunning: number; nextRunAtMs: number | null }>
  makeDue(upToMs: number): Promise<number>
}

/** Whether the database was written to since the queue was last looked at: only then can there be anything new in it. */
export type Stir = { isFresh: boolean }

/**
 * Jobs fall due by the database's clock, which virtual time runs ahead of: a job's time on the virtual clock lies in the
 * database's future, so whatever is due there is made due here, and time does not pass over a job.
 */
export function runDueJobs(clock: VirtualClock, queue: Queue, stir: Stir) {
  let nextRunAtMs: number | null = null
  let alarmAtMs: number | null = null
  return async (nextAtMs: number | null): Promise<boolean> => {
    if (stir.isFresh || (nextRunAtMs !== null && nextRunAtMs <= clock.now())) {
      const seen = await queue.pending(Date.now())
      if (seen.dueOrRunning > 0) return true
      // Once nothing runs, nothing can fail any more before it is looked at again.
      if ((await queue.postponeRetries(clock.now())) > 0) return true
      stir.isFresh = false
      nextRunAtMs = seen.nextRunAtMs
    }
    if (nextRunAtMs === null) return false
    if (nextRunAtMs <= clock.now()) {
      stir.isFresh = true
      return (await queue.makeDue(clock.now())) > 0
    }
    if ((nextAtMs === null || nextRunAtMs < nextAtMs) && alarmAtMs !== nextRunAtMs) {
      alarmAtMs = nextRunAtMs
      clock.after(nextRunAtMs - clock.now(), () => {})
      return true
    }
    return false
  }
}

const LOOK_AGAIN_MS = 10

/** Resolves when nothing runs, and nothing is planned for within `withinMs`; what is planned for then runs now. */
export async function untilNoneIsDue(queue: Pick<Queue, 'makeDue' | 'pending'>, withinMs: number): Promise<void> {
  for (;;) {
    const untilMs = Date.now() + withinMs
    await queue.makeDue(untilMs)
    // Asked up to the same instant: a job that ran until just now, and failed, is one that is planned.
    const { dueOrRunning } = await queue.pending(untilMs)
    if (dueOrRunning === 0) return
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
  }
}
