// PURE. What identifies one living person by itself: numbers of national registers, of health insurance and of payment cards,
// each known by its own check digits or by the ranges in which it is issued, so that an arbitrary number is seldom taken for one.
// Also e-mail addresses that could reach somebody, and keys that would let somebody in.

type Kind = { name: string; pattern: RegExp; isReal(text: string): boolean }

const digitsOf = (text: string): number[] => [...text.replace(/\D/g, '')].map(Number)

const kinds: readonly Kind[] = [
  {
    name: 'a US social security number',
    // ssa.gov: no area 000, 666 or 900 to 999, no group 00, no serial 0000 is ever issued.
    pattern: /(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])/g,
    isReal: (text) => !/^(000|666|9)|-00-|-0000$/.test(text),
  },
  {
    name: 'a US Medicare number',
    // cms.gov gives 1EG4-TE5-MK73 (and -MK72) as examples that belong to nobody.
    pattern: /(?<!\w)[1-9][A-Z][A-Z\d]\d-?[A-Z][A-Z\d]\d-?[A-Z]{2}\d{2}(?!\w)/g,
    isReal: (text) => !/^1EG4-?TE5-?MK7[23]$/.test(text),
  },
  {
    name: 'an NHS number',
    // 999 is the range for tests.
    pattern: /(?<![\w+-])\d{3}[ -]\d{3}[ -]\d{4}(?![\w-])/g,
    isReal: (text) => !text.startsWith('999') && !/^555|^\d{3}[ -]555[ -]01/.test(text) && hasNhsCheckDigit(text),
  },
  {
    name: 'a UK national insurance number',
    // gov.uk: QQ is the prefix of examples.
    pattern: /(?<!\w)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)/g,
    isReal: () => true,
  },
  {
    name: 'a Spanish identity number',
    pattern: /(?<!\w)\d{8}[ -]?[A-Z](?!\w)/g,
    isReal: (text) => 'TRWAGMYFPDXBNJZSQVHLCKE'[Number(text.slice(0, 8)) % 23] === text.at(-1),
  },
  {
    name: 'a French social security number',
    pattern: /(?<!\w)[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?\d{2} ?\d{3} ?\d{3} ?\d{2}(?!\w)/g,
    isReal: (text) => {
      const digits = text.replace(/\D/g, '')
      return 97 - Number(BigInt(digits.slice(0, 13)) % 97n) === Number(digits.slice(13))
    },
  },
  {
    name: 'the number of a payment card',
    pattern: /(?<![\w.-])[3-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{3,4}(?![\w.-])/g,
    isReal: hasLuhnDigit,
  },
  {
    name: 'an e-mail address that may reach somebody',
    // RFC 2606 and 6761: names that lead nowhere.
    pattern: /[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g,
    isReal: (text) => !/[@.](example|invalid|test|localhost)$|[@.]example\.(com|net|org)$/i.test(text),
  },
  {
    name: 'a key or token of a vendor',
    pattern: /(?<!\w)(?:sk-(?!sim-)[\w-]{20,}|re_(?!sim_)\w{16,}|ek_\w{20,}|Bearer [\w.-]{20,})/g,
    isReal: () => true,
  },
]

export type Identifier = { index: number; text: string; name: string }

export const identifiersOfPeople = (line: string): Identifier[] =>
  kinds.flatMap(({ name, pattern, isReal }) =>
    [...line.matchAll(pattern)].flatMap(({ 0: text, index }) => (isReal(text) ? [{ index, text, name }] : [])),
  )

/** nhs.uk data dictionary: eleven less the weighted sum modulo eleven. */
function hasNhsCheckDigit(text: string): boolean {
  const digits = digitsOf(text)
  const sum = digits.slice(0, 9).reduce((total, digit, place) => total + digit * (10 - place), 0)
  return (11 - (sum % 11)) % 11 === digits[9]
}

/** ISO/IEC 7812-1. */
function hasLuhnDigit(text: string): boolean {
  const doubled = digitsOf(text)
    .reverse()
    .map((digit, place) => (place % 2 === 0 ? digit : digit * 2 - (digit > 4 ? 9 : 0)))
  return doubled.reduce((sum, digit) => sum + digit, 0) % 10 === 0
}
