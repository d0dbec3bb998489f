// PURE. How lengths of time are told: exact where they are short, in tenths where they are long.
export function told(ms: number): string {
  const whole = Math.round(ms)
  if (whole < 1_000) return `${whole} ms`
  if (whole < 99_950) return `${(whole / 1000).toFixed(1)} s`
  const seconds = Math.round(whole / 1000)
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

/** Seconds since the first ring, for a list. */
export const instantText = (seconds: number): string => seconds.toFixed(2)
