// Resend's idempotency keys: for a day after a message was sent under a key, the same request gets the same answer and
// sends nothing, and another request under that key is refused. A request that was refused leaves its key free.
// Source: resend.com/docs/dashboard/emails/idempotency-keys. Assumed: two payloads are the same if their bytes are.
import type { SimClock } from '../clock.ts'
import { type ApiError, errors } from './errors.ts'

const lifeMs = 24 * 60 * 60_000
const maxChars = 256

export type Claim =
  /** Ours alone until it is settled: a second request meanwhile is told that the first is in progress. */
  { is: 'new'; settle(answer: unknown): void } | { is: 'repeat'; answer: unknown } | { is: 'refused'; error: ApiError }

type Kept = { payload: string; settled: { atMs: number; answer: unknown } | null }

export function createKeys(clock: SimClock): { claim(key: string | null, payload: string): Claim } {
  const kept = new Map<string, Kept>()

  return {
    claim(key, payload) {
      if (key === null) return { is: 'new', settle() {} }
      if (key === '' || key.length > maxChars) return { is: 'refused', error: errors.invalidKey }
      const earlier = kept.get(key)
      if (earlier === undefined || isForgotten(earlier, clock.now())) {
        const entry: Kept = { payload, settled: null }
        kept.set(key, entry)
        return {
          is: 'new',
          settle: (answer) => {
            entry.settled = { atMs: clock.now(), answer }
          },
        }
      }
      if (earlier.payload !== payload) return { is: 'refused', error: errors.changedPayload }
      if (earlier.settled === null) return { is: 'refused', error: errors.stillInProgress }
      return { is: 'repeat', answer: earlier.settled.answer }
    },
  }
}

const isForgotten = ({ settled }: Kept, nowMs: number): boolean => settled !== null && nowMs - settled.atMs >= lifeMs
