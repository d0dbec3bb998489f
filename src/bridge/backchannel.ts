// PURE. Words by which a caller shows that they are listening, or asks whether anybody is: they take no turn and change no
// question. Only where all of what was said is such words; anything unknown counts as something said.

/** What is no answer to anything, even where a question was just asked. */
const hums = [
  [
    'mm',
    'mmm',
    'mhm',
    'hm',
    'hmm',
    'mm-hm',
    'mm-hmm',
    'm-hm',
    'uh-huh',
    'uh huh',
    'aha',
    'ah',
    'oh',
    'yeah',
    'ok',
    'okay',
  ],
  ['right', 'alright', 'all right', 'i see', 'got it', 'vale', 'ajá', 'genau', 'ach so', 'mhm mhm', "d'accord"],
].flat()

const listening = [
  hums,
  ['yes', 'yep', 'yup', 'sure', 'fine', 'good', 'great', 'perfect', 'thanks'],
  ['thank you', 'no problem', 'take your time', 'of course'],
  ['hello', 'are you there', 'are you still there', 'still there'],
  ['sí', 'si', 'claro', 'bueno', 'gracias', 'de acuerdo', 'ja', 'gut', 'danke', 'alles klar'],
  ['oui', 'merci', 'bien', 'très bien'],
].flat()

const onlyOf = (words: readonly string[]) =>
  new RegExp(`^(?:(?:${words.toSorted((a, b) => b.length - a.length).join('|')})(?: |$))*$`)
const onlyListening = onlyOf(listening)
const onlyHums = onlyOf(hums)

/** Also true of no words at all. */
export const isBackchannel = (text: string): boolean => onlyListening.test(plain(text))

/** The same of words that nobody answers with: a yes is more than that, when it comes while somebody speaks. */
export const isHum = (text: string): boolean => onlyHums.test(plain(text))

const plain = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}'-]+/gu, ' ')
    .trim()
