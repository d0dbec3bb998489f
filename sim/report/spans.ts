// PURE. How lengths of time are told: exact where they are short, in tenths where they are long.
export function told(ms: number): string {
  if (ms < 1) return '0 ms'
  if (ms < 1_000) return `${Math.round(ms)} ms`
  return ms < 100_000
    ? `${(ms / 1000).toFixed(1)} s`
    : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`
}

/** Seconds since the first ring, for a list. */
export const instantText = (seconds: number): string => seconds.toFixed(2)
