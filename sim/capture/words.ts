// PURE but for what it remembers. Other words, numbers and ids for those of a call: the same for the same, so that the call keeps
// its shape, and drawn anew for every capture, so that none can be looked up.
import type { Random } from '../random.ts'

export type Stranger = {
  /** Free text: every word another one. */
  words(text: string): string
  /** Telephone numbers, SIDs and what was told to be replaced; the rest stays. */
  ids(text: string): string
}

export type Wishes = {
  keepsWords: boolean
  keepsNumbers: boolean
  /** What is to stand in the place of what; the longest first. */
  replace: readonly (readonly [from: string, to: string])[]
  /** The clinic's own number, and what it becomes. */
  clinic: { from: string; to: string }
  /** Words that a schema asks for: they say nothing of anybody. */
  vocabulary: ReadonlySet<string>
}

const syllables =
  'ba be bo da de do fa fe fo ga ge go ka ke ko la le lo ma me mo na ne no pa pe po ra re ro sa se so ta te to'
const SYLLABLES_A_WORD = 3
const aWord = /[\p{L}\p{N}]+(?:['’][\p{L}\p{N}]+)*/gu
const aDay = /\b\d{4}-\d{2}-\d{2}\b/g
const SOME_DAY = '1990-01-01'
const aNumber = /(\+|%2B)\d{7,15}/g
const aSid = /\b[A-Z]{2}[0-9a-f]{32}\b/g

/** A number, a SID, or where Twilio keeps something: nothing but ids, which are other ones by now. */
export const isReference = (text: string): boolean =>
  /^(\+\d+|[A-Z]{2}[0-9a-f]{32}|(https?:\/\/[\w.:-]+)?\/2010-04-01\/[\w./-]+)$/.test(text)

export function createStranger(random: Random, wishes: Wishes): Stranger {
  const { replace, clinic } = wishes
  const others = new Map<string, string>()
  const used = new Set<string>()
  const isChosen = new Set(replace.flatMap(([, to]) => [...to.matchAll(aWord)].map(([word]) => word.toLowerCase())))
  let numbers = 0

  /** The other one for this; made the first time. */
  function other(key: string, make: () => string): string {
    const known = others.get(key)
    if (known !== undefined) return known
    let made = make()
    while (used.has(made)) made = make()
    used.add(made)
    others.set(key, made)
    return made
  }

  const nextWord = () => Array.from({ length: SYLLABLES_A_WORD }, () => random.pick(syllables.split(' '))).join('')
  /** Kept free for fiction, and of the clinics' own area, which is none. */
  const nextNumber = () => `+1555019${String(numbers++).padStart(4, '0')}`

  const replaced = (text: string): string => replace.reduce((sofar, [from, to]) => sofar.replaceAll(from, to), text)

  function ids(text: string): string {
    const withoutSids = replaced(text).replace(aSid, (sid) => other(sid, () => sid.slice(0, 2) + random.hex(32)))
    if (wishes.keepsNumbers) return withoutSids
    return withoutSids.replace(aNumber, (whole, plus: string) => {
      const number = `+${whole.slice(plus.length)}`
      const made =
        number === clinic.from ? clinic.to : isChosen.has(number.slice(1)) ? number : other(number, nextNumber)
      return plus === '+' ? made : made.replace('+', '%2B')
    })
  }

  return {
    ids,
    words(text) {
      const known = ids(text)
      if (wishes.keepsWords || wishes.vocabulary.has(text)) return known
      if (isReference(known)) return known
      const days = known.split(aDay)
      const strange = days.map((part) =>
        part.replace(aWord, (word) => (isChosen.has(word.toLowerCase()) ? word : other(word.toLowerCase(), nextWord))),
      )
      return strange.join(SOME_DAY)
    },
  }
}
