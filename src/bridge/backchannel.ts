// PURE. Words by which a caller shows that they are listening, or asks whether anybody is: they take no turn and change no
// question. Only where all of what was said is such words; anything unknown counts as something said.

const listening = [
  ['mm', 'mmm', 'mhm', 'hm', 'hmm', 'mm-hm', 'mm-hmm', 'uh-huh', 'aha', 'ah', 'oh'],
  ['yes', 'yeah', 'yep', 'yup', 'ok', 'okay', 'right', 'alright', 'sure', 'fine', 'good', 'great', 'perfect', 'thanks'],
  ['thank you', 'all right', 'got it', 'i see', 'no problem', 'take your time', 'of course'],
  ['hello', 'are you there', 'are you still there', 'still there'],
  ['sí', 'si', 'vale', 'claro', 'bueno', 'gracias', 'de acuerdo', 'ja', 'gut', 'danke', 'alles klar', 'genau'],
  ['oui', "d'accord", 'merci', 'bien', 'très bien'],
].flat()

const nothingMore = new RegExp(`^(?:(?:${listening.toSorted((a, b) => b.length - a.length).join('|')})(?: |$))*$`)

/** Also true of no words at all. */
export const isBackchannel = (text: string): boolean =>
  nothingMore.test(
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}'-]+/gu, ' ')
      .trim(),
  )
