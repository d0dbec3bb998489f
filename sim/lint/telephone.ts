// PURE. Which telephone numbers are nobody's: ranges that regulators keep free for fiction, and an area code that does not
// exist. Finds numbers as they are written (E.164, or as in North America) and as they are spoken, digit by digit in English.
// A national number of another country is not recognised unless it is written with its country code.

/** Each is the whole number, digits only. */
const fictional: readonly RegExp[] = [
  // NANPA: 555 is no area code, and 555-0100 to 555-0199 are kept free in every area.
  /^1555\d{7}$/,
  /^1[2-9]\d\d55501\d\d$/,
  // Ofcom, numbers for drama: cities, London, Cardiff, Northern Ireland, no area, mobile, freephone, UK-wide.
  /^44(11[3-8]|121|131|141|151|161)4960\d{3}$/,
  /^441914980\d{3}$/,
  /^442079460\d{3}$/,
  /^442920180\d{3}$/,
  /^442896496\d{3}$/,
  /^441632960\d{3}$/,
  /^447700900\d{3}$/,
  /^448081570\d{3}$/,
  /^443069990\d{3}$/,
  // ARCEP, numbers for audiovisual works.
  /^33(19900|26191|35301|46571|53649|63998)\d{4}$/,
  // ACMA, numbers for creative works: mobile.
  /^6149157(0006|0156|0157|0158|0159|0110|0313|0737|1266|1491|1804)$/,
]

/** `digits`: with its country code, without +. */
const isFictional = (digits: string): boolean => fictional.some((range) => range.test(digits))

type Found = { index: number; text: string }

const written = /(?<![\w.+/-])\+?\(?\d[\d ().-]{5,24}\d(?![\w/]|[.-]\d)/g
const digitWords = 'zero|oh|one|two|three|four|five|six|seven|eight|nine'
const spoken = new RegExp(`\\b(?:${digitWords})(?:[ ,.-]{1,3}(?:${digitWords})){6,10}\\b`, 'gi')

/** Telephone numbers in a line that may be somebody's. */
export function numbersOfPeople(line: string): Found[] {
  const found: Found[] = []
  for (const { 0: text, index } of line.matchAll(written)) if (mayRing(text)) found.push({ index, text })
  for (const { 0: text, index } of line.matchAll(spoken)) {
    const digits = text
      .split(/[ ,.-]+/)
      .map(digitOf)
      .join('')
    if (isNorthAmerican(digits) && !isNobodysInNorthAmerica(digits)) found.push({ index, text })
  }
  return found
}

function mayRing(text: string): boolean {
  const digits = text.replace(/\D/g, '')
  if (text.startsWith('+')) return digits.length >= 7 && digits.length <= 15 && !isFictional(digits)
  const isGrouped = /^(1[ .-])?\(?\d{3}\)?[ .-]*\d{3}[ .-]?\d{4}$|^\d{3}[ .-]\d{4}$/.test(text)
  return isGrouped && isNorthAmerican(digits) && !isNobodysInNorthAmerica(digits)
}

/** Seven digits, ten, or eleven with a 1 before them: neither an area nor an exchange begins with 0 or 1. */
const isNorthAmerican = (digits: string): boolean => /^(1?[2-9]\d\d)?[2-9]\d{6}$/.test(digits)

const isNobodysInNorthAmerica = (digits: string): boolean =>
  digits.length === 7 ? digits.startsWith('555') : isFictional(digits.length === 10 ? `1${digits}` : digits)

function digitOf(word: string): string {
  const place = digitWords.split('|').indexOf(word.toLowerCase())
  return String(Math.max(0, place - 1))
}
