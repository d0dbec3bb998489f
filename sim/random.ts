// Chance, from a seed: the same seed gives the same run. Each party draws from a stream of its own, so that one more draw
// by one of them does not change the others'. Not for secrets.

export type Random = {
  /** At least 0, less than 1. */
  next(): number
  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number
  /** One of a list that must not be empty. */
  pick<T>(list: readonly T[]): T
  /** `length` lower-case hexadecimal digits. */
  hex(length: number): string
  /** A stream of its own, decided by this seed and the label alone, not by what was drawn before. */
  child(label: string): Random
}

export function createRandom(seed: string | number): Random {
  const next = smallFastCounter(String(seed))
  const int = (min: number, max: number) => min + Math.floor(next() * (max - min + 1))
  return {
    next,
    int,
    pick(list) {
      if (list.length === 0) throw new Error('Cannot pick from an empty list')
      return list[int(0, list.length - 1)] as (typeof list)[number]
    },
    hex: (length) => Array.from({ length }, () => int(0, 15).toString(16)).join(''),
    child: (label) => createRandom(`${seed}/${label}`),
  }
}

/** sfc32: 128 bits of state, here a hash of the seed (pracrand.sourceforge.net). */
function smallFastCounter(seed: string): () => number {
  let [a, b, c, counter] = [1, 2, 3, 4].map((lane) => hash(seed, lane)) as [number, number, number, number]
  const step = () => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    c |= 0
    return (sum >>> 0) / 2 ** 32
  }
  for (let round = 0; round < 12; round++) step()
  return step
}

/** 32 bits that any change of the text changes: FNV-1a, stirred. */
function hash(text: string, lane: number): number {
  let bits = 0x811c9dc5 ^ lane
  for (let at = 0; at < text.length; at++) bits = Math.imul(bits ^ text.charCodeAt(at), 0x01000193)
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  return (bits ^ (bits >>> 13)) | 0
}
