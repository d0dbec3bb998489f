// PURE. Who may be named in a fixture: invented people and places, listed in cast.yaml beside this. Any other word with a capital
// inside a sentence is taken for a name. A name at the beginning of a sentence cannot be told from any other word there, nor can
// one that is written small: so it finds most names, and does not prove that there are none.

/** Capitalised in English, and nobody's name. */
const ordinary = new Set(
  `Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July August September
  October November December English Spanish French German Portuguese Chinese Dr Doctor Mr Mrs Ms Nurse Miss God Christmas Easter
  Thanksgiving`.split(/\s+/),
)

/** A capitalised word that is not part of a longer name, path, tag or number; and what stands before it. */
const capitalised = /(?<![\p{L}\p{N}_<>/{}#@.-])\p{Lu}\p{Ll}+(?:['’]s)?(?![\p{L}\p{N}_(:=-]|\.\p{L}|\/)/gu
/** After these a sentence, a value or a quotation begins. */
const beginning = /(?:^|#|[.!?:¿¡"'“‘([{}|>•,]|\\n|- )\s*$/u
/** A comma begins nothing in a sentence, but a value in JSON, where a quotation mark comes first. */
const inSentence = /\p{L},\s*$/u

export type Cast = ReadonlySet<string>

/** `names`: of people and places, one or more words each. */
export const castOf = (names: readonly string[]): Cast => new Set(names.flatMap((name) => name.split(/\s+/)))

export function namesOfPeople(line: string, cast: Cast): { index: number; text: string }[] {
  const found: { index: number; text: string }[] = []
  for (const { 0: text, index } of line.matchAll(capitalised)) {
    const before = line.slice(0, index)
    const word = text.replace(/['’]s$/, '').replace(/days$/, 'day')
    const isFirst = beginning.test(before) && !inSentence.test(before) && !/\b(Dr|Mr|Mrs|Ms|St)\.\s*$/.test(before)
    if (!isFirst && !ordinary.has(word) && !cast.has(word)) found.push({ index, text: word })
  }
  return found
}
