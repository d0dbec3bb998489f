// PURE. The outline of a voice, as the data of two SVG paths, one for its peaks and one for its loudness. Coordinates: ten
// milliseconds across, 0 to 100 down, the line of silence at 50.
import { BYTES_PER_MS, decodeMulaw, loudness } from '../audio.ts'

export type Waveform = { columns: number; peaks: string; body: string }

export const COLUMN_MS = 10
const COLUMN_BYTES = COLUMN_MS * BYTES_PER_MS
/** A voice on the telephone is hardly ever louder; what is, is drawn no higher. */
const LOUD = 18_000
/** Quiet speech is drawn higher than it is: the ear does so, too. */
const EXPONENT = 0.7
const MIDDLE = 50

/** `bytes`: μ-law. */
export function waveformOf(bytes: Uint8Array): Waveform {
  const columns = Math.ceil(bytes.length / COLUMN_BYTES)
  const samples = decodeMulaw(bytes)
  const each = (measure: (from: number, to: number) => number) =>
    Array.from({ length: columns }, (_, column) =>
      height(measure(column * COLUMN_BYTES, Math.min(bytes.length, (column + 1) * COLUMN_BYTES))),
    )
  return {
    columns,
    peaks: outline(
      each((from, to) => samples.subarray(from, to).reduce((most, one) => Math.max(most, Math.abs(one)), 0)),
    ),
    body: outline(each((from, to) => loudness(bytes, from, to))),
  }
}

const height = (value: number): number => Math.round((MIDDLE - 1) * Math.min(1, value / LOUD) ** EXPONENT)

/** There above the middle and back below it; silent stretches are left out. */
function outline(heights: number[]): string {
  const paths: string[] = []
  for (let from = 0; from < heights.length; from++) {
    if (heights[from] === 0) continue
    let to = from
    while (to < heights.length && heights[to] !== 0) to++
    const loud = heights.slice(from, to)
    const there = stepsBetween([0, ...loud]).map((step) => `1,${-step}`)
    const back = stepsBetween(loud.toReversed()).map((step) => `-1,${step}`)
    paths.push(`M${from} ${MIDDLE}l${there.join(' ')}V${MIDDLE}l${[`0,${loud.at(-1)}`, ...back].join(' ')}Z`)
    from = to
  }
  return paths.join('')
}

const stepsBetween = (heights: number[]): number[] =>
  heights.slice(1).map((height, index) => height - (heights[index] ?? 0))
