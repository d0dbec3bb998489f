// What the server did, counted, so that nothing of the vendors comes before what caused it: a callback about a recording, for
// example, before the recording was asked for. Of a server that does less than it did, nobody waits for long.
import type { SimClock } from '../clock.ts'
import type { CaptureEvent } from './capture.ts'
import type { Seen } from './tap.ts'

/** How long something waits for its cause, beyond its own time. */
export const CAUSE_LIMIT_MS = 5_000

export type Causes = {
  /** Something went by; it may be a cause. */
  tell(seen: Seen | CaptureEvent): void
  /** Resolves when there have been so many; answers whether there have. */
  until(count: number): Promise<boolean>
}

/** What the carrier acts upon: requests to its REST API, and the end of a socket. */
export const isCause = (event: Seen | CaptureEvent): boolean =>
  (event.wire === 'rest' && 'request' in event) ||
  (event.wire === 'media' && 'close' in event && event.from === 'server')

export function createCauses(clock: SimClock): Causes {
  const waiting: { count: number; go(): void }[] = []
  let count = 0
  return {
    tell(event) {
      if (!isCause(event)) return
      count++
      for (const each of waiting) if (count >= each.count) each.go()
    },
    async until(wanted) {
      if (count >= wanted) return true
      await new Promise<void>((resolve) => {
        const cancel = clock.after(CAUSE_LIMIT_MS, resolve)
        waiting.push({
          count: wanted,
          go() {
            cancel()
            resolve()
          },
        })
      })
      return count >= wanted
    },
  }
}
