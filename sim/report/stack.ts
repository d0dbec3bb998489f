// PURE. Labels that begin at their instants and must not cover each other: which of them go to the left of their instant,
// and in which row.

/** `place` in pixels; `width` as drawn. */
export type Label = { place: number; width: number }
export type Stacked = { row: number; isLeft: boolean }

/** Between two labels in a row. */
const GAP = 8

/** Each label in the first row that has room for it; `width`: of the whole lane. */
export function stack(labels: readonly Label[], width: number): Stacked[] {
  const rows: { from: number; to: number }[][] = []
  return labels.map((label) => {
    const isLeft = label.place + label.width > width
    const from = isLeft ? label.place - label.width : label.place
    const to = from + label.width
    const hasRoom = (row: { from: number; to: number }[]) =>
      row.every((one) => to + GAP <= one.from || from >= one.to + GAP)
    const found = rows.findIndex(hasRoom)
    const row = found < 0 ? rows.push([]) - 1 : found
    rows[row]?.push({ from, to })
    return { row, isLeft }
  })
}
