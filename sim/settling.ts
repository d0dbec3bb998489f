// Waiting, once a call is over, for what still comes of it: its mail, and the keeping of its recordings.
import type { ServerView } from './audit/case.ts'
import type { SimClock } from './clock.ts'

/**
 * After the call, for its mail: real time, or virtual time. The mail's own deadline is ten minutes after the end, and a call
 * of which nothing was heard is asked for after an hour.
 */
const SETTLE_REAL_MS = 45_000
const SETTLE_VIRTUAL_MS = 90 * 60_000
const LOOK_AGAIN_REAL_MS = 100
const LOOK_AGAIN_VIRTUAL_MS = 1_000
/** Who has waited so long looks less often. */
const PATIENT_AFTER_MS = 60_000
const LOOK_AGAIN_PATIENTLY_MS = 15_000

/** Waits until the call's mail has gone or been parked and its recordings are kept, or nothing can be expected any more. */
export async function settled(clock: SimClock, look: () => Promise<ServerView>): Promise<void> {
  const beganAtMs = clock.now()
  const giveUpAtMs = beganAtMs + (clock.isVirtual ? SETTLE_VIRTUAL_MS : SETTLE_REAL_MS)
  for (;;) {
    const seen = await clock.hold(look(), 'a look at the database')
    const isMailDone = seen.emailDeliveries.some(({ state }) => state === 'sent' || state === 'parked')
    const isKept = seen.recordings.every(({ status, stored_as }) => status !== 'completed' || stored_as !== null)
    if ((isMailDone && isKept) || seen.isUnrouted || clock.now() >= giveUpAtMs) return
    const isPatient = clock.now() >= beganAtMs + PATIENT_AFTER_MS
    const virtualMs = isPatient ? LOOK_AGAIN_PATIENTLY_MS : LOOK_AGAIN_VIRTUAL_MS
    await new Promise<void>((resolve) => clock.after(clock.isVirtual ? virtualMs : LOOK_AGAIN_REAL_MS, resolve))
  }
}
