// What an account may ask of the model in a minute: so many responses, so many tokens. Each is a bucket that leaks all the time,
// which is how the vendor's reset times read. What they count there is not documented; here tokens are those of finished responses.
import type { SimClock } from '../clock.ts'

export type RateLimits = { requests: number; tokens: number }

export type Limits = {
  /** Whether one response more is within them; it counts from now on. */
  admits(): boolean
  spend(tokens: number): void
  /** As `rate_limits.updated` tells of them. */
  told(): { name: keyof RateLimits; limit: number; remaining: number; reset_seconds: number }[]
}

const MINUTE_MS = 60_000
const names = ['requests', 'tokens'] as const

export function createLimits(clock: SimClock, limits: RateLimits): Limits {
  const used = { requests: 0, tokens: 0 }
  let atMs = clock.now()

  function leak(): void {
    const share = (clock.now() - atMs) / MINUTE_MS
    atMs = clock.now()
    for (const name of names) used[name] = Math.max(0, used[name] - limits[name] * share)
  }

  return {
    admits() {
      leak()
      if (used.requests + 1 > limits.requests || used.tokens >= limits.tokens) return false
      used.requests++
      return true
    },
    spend(tokens) {
      leak()
      used.tokens += tokens
    },
    told() {
      leak()
      return names.map((name) => ({
        name,
        limit: limits[name],
        remaining: Math.max(0, Math.floor(limits[name] - used[name])),
        reset_seconds: Math.round((60_000 * used[name]) / limits[name]) / 1_000,
      }))
    },
  }
}
