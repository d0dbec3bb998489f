// The status callbacks of one call: which of its steps its server asked to hear of, and the number that each one gets. Whether
// Twilio counts steps that nobody asked for is not documented; a lone `completed` was seen with 0, so sent ones are counted.
// Sources: twilio.com/docs/voice/api/call-resource#statuscallback, voice/twiml/number.
import type { SimClock } from '../clock.ts'
import { type CallFile, STATUS_CALLBACK_AFTER_MS } from './deliveries.ts'
import { statusParams } from './params.ts'
import type { CallbackTarget } from './twiml.ts'

export type Rung = 'initiated' | 'ringing' | 'answered' | 'completed'

export type Ladder = {
  tell(rung: Rung, extra?: Record<string, string>): void
  /** Sends the rest of them elsewhere. */
  retarget(target: Pick<CallbackTarget, 'url' | 'method'>): void
}

export function createLadder(clock: SimClock, file: CallFile, wanted: CallbackTarget | null): Ladder {
  let target = wanted
  let sequence = 0
  /** Nothing is told of a call that is canceled before its turn to be placed came. */
  let hasBegun = file.record.direction === 'inbound'
  return {
    tell(rung, extra = {}) {
      hasBegun ||= rung === 'initiated'
      if (!hasBegun || !target?.events.includes(rung)) return
      const { url, method } = target
      const form = {
        ...statusParams(file.record, statusOf(rung, file.record.status), sequence++, clock.now()),
        ...extra,
      }
      file.deliver({ kind: 'status', url, method, form, afterMs: STATUS_CALLBACK_AFTER_MS })
    },
    retarget({ url, method }) {
      target = { events: target?.events ?? ['completed'], url, method }
    },
  }
}

/** The status that tells of it: `answered` is told as in-progress, `completed` as the way in which the call ended. */
function statusOf(rung: Rung, current: string): string {
  switch (rung) {
    case 'initiated':
    case 'ringing':
      return rung
    case 'answered':
      return 'in-progress'
    case 'completed':
      return current
  }
}
