// The one timer of a load: everybody who has something to do every 20 ms has a seat, and the seats are spread over ten slots of
// 2 ms, as calls are in the world. On an absolute schedule: what is late catches up, and by how much it was late is measured.
import type { Cancel } from '../clock.ts'
import { createSpread, type SpreadSummary } from './spread.ts'

export type Beat = {
  /** Calls `step` every 20 ms, with `performance.now()` as it is then. */
  seat(step: (nowMs: number) => void): Cancel
  /** How late the slots began. */
  lateness(): SpreadSummary
  stop(): void
}

const periodMs = 20
const slotCount = 10
const slotMs = periodMs / slotCount

export function createBeat(): Beat {
  const slots = Array.from({ length: slotCount }, () => new Set<(nowMs: number) => void>())
  const lateness = createSpread()
  let taken = 0
  let slot = 0
  let dueAtMs = performance.now()

  function run(): void {
    for (let nowMs = performance.now(); dueAtMs <= nowMs; nowMs = performance.now()) {
      const seats = slots[slot]
      if (seats !== undefined && seats.size > 0) {
        lateness.add(nowMs - dueAtMs)
        for (const step of seats) step(performance.now())
      }
      slot = (slot + 1) % slotCount
      dueAtMs += slotMs
    }
  }

  // Half a slot: the timer's own grain then costs no more than that.
  const timer = setInterval(run, slotMs / 2)
  return {
    seat(step) {
      const seats = slots[taken++ % slotCount]
      seats?.add(step)
      return () => void seats?.delete(step)
    },
    lateness: () => lateness.summary(),
    stop: () => clearInterval(timer),
  }
}
