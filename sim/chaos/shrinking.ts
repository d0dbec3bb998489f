// PURE but for what it is given to try. Makes a list that fails smaller until nothing can be left out of it, or the tries are
// used up: delta debugging (Zeller and Hildebrandt, 2002).

export type Smallest<T> = {
  list: T[]
  tries: number /** False: the tries were used up before it was known. */
  isMinimal: boolean
}

/** `fails`: whether a list still does. `list` does. Answers with a part of it, in its order, that does. */
export async function smallest<T>(
  list: readonly T[],
  fails: (part: T[]) => Promise<boolean>,
  triesMax: number,
): Promise<Smallest<T>> {
  let current = [...list]
  let tries = 0
  const stillFails = async (part: T[]): Promise<boolean> => {
    tries++
    return fails(part)
  }
  if (current.length > 0 && (await stillFails([]))) return { list: [], tries, isMinimal: true }
  for (let parts = 2; current.length >= 2; ) {
    const found = await firstThatFails(current, parts)
    if (found === 'tired') return { list: current, tries, isMinimal: false }
    if (found !== null) {
      // What is left of n parts after one was taken out is n - 1 of them.
      parts = Math.max(2, found.length < current.length / 2 + 1 ? 2 : parts - 1)
      current = found
    } else if (parts >= current.length) break
    else parts = Math.min(current.length, parts * 2)
  }
  return { list: current, tries, isMinimal: true }

  /** One of the parts alone, or all but one of them. */
  async function firstThatFails(whole: T[], parts: number): Promise<T[] | null | 'tired'> {
    const pieces = piecesOf(whole, parts)
    const complements = pieces.map((piece) => whole.filter((each) => !piece.includes(each)))
    const candidates = parts === 2 ? pieces : [...pieces, ...complements]
    for (const candidate of candidates) {
      if (tries >= triesMax) return 'tired'
      if (await stillFails(candidate)) return candidate
    }
    return null
  }
}

function piecesOf<T>(whole: readonly T[], parts: number): T[][] {
  const size = Math.ceil(whole.length / parts)
  return Array.from({ length: Math.ceil(whole.length / size) }, (_, n) => whole.slice(n * size, (n + 1) * size))
}
