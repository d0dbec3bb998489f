// PURE. What several rounds of one thing measured come to: the median, and how far the rounds lie apart.

export type Figure = { median: number; least: number; most: number }

/** Of at least one round. */
export function figureOf(values: readonly number[]): Figure {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]]
  return { median: (low + high) / 2, least: sorted[0] ?? Number.NaN, most: sorted.at(-1) ?? Number.NaN }
}

/** Round by round, so that what slowed both down in one round cancels out. */
export const ratioOf = (ours: readonly number[], theirs: readonly number[]): Figure =>
  figureOf(ours.map((value, round) => value / (theirs[round] ?? Number.NaN)))
