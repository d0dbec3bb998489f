// PURE. How times are spread: their median, their tail and their number, in constant room however many there are. A percentile
// is told by the upper edge of its bucket, at most 2 % above the true one, and never above the longest time seen.

export type Spread = {
  add(ms: number): void
  summary(): SpreadSummary
}

/** Times in ms; null when nothing was measured. `n`: how many were. */
export type SpreadSummary = {
  n: number
  p50: number | null
  p95: number | null
  p99: number | null
  max: number | null
}

const growth = 1.02
/** The first bucket holds everything up to here; the last one ends above a quarter of an hour. */
const firstMs = 0.001
const bucketCount = 1_050

export function createSpread(): Spread {
  const buckets = new Uint32Array(bucketCount)
  let n = 0
  let max = 0

  function percentile(share: number): number {
    let left = Math.ceil(share * n)
    for (const [place, count] of buckets.entries()) {
      left -= count
      if (left <= 0) return Math.min(max, firstMs * growth ** place)
    }
    return max
  }

  return {
    add(ms) {
      const place = ms <= firstMs ? 0 : Math.ceil(Math.log(ms / firstMs) / Math.log(growth))
      const within = Math.min(place, bucketCount - 1)
      buckets[within] = (buckets[within] ?? 0) + 1
      n++
      max = Math.max(max, ms)
    },
    summary: () =>
      n === 0
        ? { n, p50: null, p95: null, p99: null, max: null }
        : { n, p50: percentile(0.5), p95: percentile(0.95), p99: percentile(0.99), max },
  }
}
