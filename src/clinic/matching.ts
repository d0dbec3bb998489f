// PURE. Whether what was heard on a telephone names the same person or thing as what is written down: letter case, accents,
// punctuation and titles do not count, and nothing is guessed beyond that.

/** Lower-case words without accents; what is within a word but no letter or digit ("O'Brien", "check-up") joins or parts. */
const wordsOf = (text: string): string[] =>
  text
    .normalize('NFD')
    .replace(/[\p{M}'’.]/gu, '')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')

const titles = new Set(['dr', 'doctor', 'mr', 'mrs', 'ms', 'miss', 'mister', 'prof', 'professor'])
const nameWords = (name: string): string[] => wordsOf(name).filter((word) => !titles.has(word))

/**
 * The whole family name and at least one given name, and no name besides: whoever lists many names is nobody. An initial
 * says nothing either way.
 */
export function isSameName(heard: string, written: { givenName: string; familyName: string }): boolean {
  const given = nameWords(written.givenName)
  const family = nameWords(written.familyName)
  const isWritten = (word: string): boolean => given.includes(word) || family.includes(word)
  const words = nameWords(heard).filter((word) => word.length > 1 || isWritten(word))
  return (
    words.every(isWritten) && family.every((word) => words.includes(word)) && given.some((word) => words.includes(word))
  )
}

/** The options that `heard` may mean: one if it is clear, several or none if it must be asked for again. */
export function optionsMeant<T extends { name: string }>(heard: string, options: readonly T[]): T[] {
  const words = nameWords(heard)
  const joined = words.join('')
  const same = options.filter(({ name }) => nameWords(name).join('') === joined)
  if (same.length > 0 || joined === '') return same
  return options.filter(({ name }) => {
    const written = nameWords(name)
    return words.every((word) => written.includes(word)) || written.every((word) => words.includes(word))
  })
}
