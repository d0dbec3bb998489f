// PURE. Words by which a caller says that somebody may be dying, in the languages that are built in, and what they are told
// then. A false alarm costs the caller a sentence and a person at the clinic a call; a miss may cost a life. So the lists are
// read in every language whatever is spoken, a denial ("no chest pain") or a story ("he had a stroke in May") counts as well,
// and nothing is left to a model. Whole words only: "distrokes" and "overdosed" are other words unless they are listed.
const english = `can't breathe, cant breathe, cannot breathe, can not breathe, not breathing, isn't breathing, stopped breathing, trouble
breathing, difficulty breathing, struggling to breathe, chest pain, chest pains, chest hurts, pain in my chest, pain in his chest,
pain in her chest, heart attack, cardiac arrest, heart stopped, no pulse, stroke, unconscious, unresponsive, passed out, collapsed,
won't wake up, turning blue, choking, bleeding heavily, bleeding badly, heavy bleeding, bleeding a lot, won't stop bleeding, can't
stop the bleeding, coughing up blood, vomiting blood, seizure, seizures, overdose, overdosed, took too many pills, poisoned,
suicide, suicidal, kill myself, killing myself, end my life, want to die, anaphylaxis, anaphylactic, allergic shock, severe allergic
reaction, throat is closing, throat is swelling, this is an emergency, it's an emergency, medical emergency, ambulance`

const spanish = `no puedo respirar, no puede respirar, no respira, dificultad para respirar, cuesta respirar, le falta el aire, me falta el
aire, dolor en el pecho, dolor de pecho, duele el pecho, infarto, ataque al corazón, ataque cardíaco, paro cardíaco, derrame
cerebral, inconsciente, no despierta, se desmayó, perdió el conocimiento, se está ahogando, se ahoga, me ahogo, atragantado,
atragantada, sangra mucho, mucha sangre, no deja de sangrar, hemorragia, convulsión, convulsiones, sobredosis, envenenado,
envenenada, suicidio, suicidarme, matarme, quitarme la vida, quiero morir, anafilaxia, choque anafiláctico, reacción alérgica grave,
es una emergencia, ambulancia`

const german = `keine Luft, Atemnot, atmet nicht, nicht atmen, atmet nicht mehr, Brustschmerz, Brustschmerzen, Schmerzen in der Brust, Herzinfarkt,
Herzanfall, Herzstillstand, kein Puls, Schlaganfall, bewusstlos, wacht nicht auf, zusammengebrochen, ist umgekippt, erstickt, blutet
stark, starke Blutung, starke Blutungen, hört nicht auf zu bluten, Krampfanfall, Krampfanfälle, Überdosis, vergiftet, Suizid,
Selbstmord, mich umbringen, das Leben nehmen, nicht mehr leben, allergischer Schock, anaphylaktischer Schock, ist ein Notfall,
Krankenwagen, Rettungswagen, Notarzt`

const french = `peux pas respirer, peut pas respirer, peux plus respirer, peut plus respirer, respire pas, respire plus, du mal à respirer, douleur à
la poitrine, douleur dans la poitrine, douleur thoracique, douleurs thoraciques, mal à la poitrine, crise cardiaque, infarctus, arrêt
cardiaque, pas de pouls, AVC, inconscient, inconsciente, perdu connaissance, se réveille pas, s'étouffe, étouffe, saigne beaucoup,
arrête pas de saigner, hémorragie, convulsion, convulsions, overdose, surdose, empoisonné, empoisonnée, suicide, suicider, me tuer,
veux mourir, choc anaphylactique, choc allergique, c'est une urgence, ambulance, le SAMU`

/** What counts where a clinic has no list of its own. */
export const usualPhrases: readonly string[] = [english, spanish, german, french].flatMap((list) => list.split(/,\s+/))

/** The first of the phrases that is said in a text; null when none is. Case, accents and punctuation make no difference. */
export function emergencyIn(text: string, phrases: readonly string[]): string | null {
  const said = words(text)
  return wordsOf(phrases).find((phrase) => phrase.sought !== '' && said.includes(phrase.sought))?.phrase ?? null
}

/** `sought`: what of it is looked for in the words that were said. */
type Phrase = { phrase: string; sought: string }

/** Each list once: it is held against every few words that are written down. */
const known = new WeakMap<readonly string[], Phrase[]>()

function wordsOf(phrases: readonly string[]): Phrase[] {
  const found = known.get(phrases) ?? phrases.map((phrase) => ({ phrase, sought: soughtIn(words(phrase)) }))
  known.set(phrases, found)
  return found
}

/** Text whose last word may still grow, without that word. */
export const withoutUnfinishedWord = (text: string): string => text.replace(/[\p{L}\p{M}\p{N}'’]+$/u, '')

/** Scripts that put no space between words: there, a phrase may begin anywhere. */
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u

const soughtIn = (phrase: string): string => (phrase.trim() === '' || unspaced.test(phrase) ? phrase.trim() : phrase)

/** With a space on either side, and one between two words. */
const words = (text: string): string =>
  ` ${text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()} `

type Told = { number: string | null; isPutThrough: boolean }

const messages: Record<string, (told: Told) => string> = {
  en: ({ number, isPutThrough }) =>
    `This sounds like an emergency. ${isPutThrough ? 'I am putting you through to somebody now. If nobody answers,' : 'Please'} hang up and call ${number ?? 'the emergency number'} at once.`,
  es: ({ number, isPutThrough }) =>
    `Esto parece una emergencia. ${isPutThrough ? 'Le paso ahora mismo con una persona. Si nadie contesta,' : 'Por favor,'} cuelgue y llame de inmediato al ${number ?? 'número de emergencias'}.`,
  de: ({ number, isPutThrough }) =>
    `Das klingt nach einem Notfall. ${isPutThrough ? 'Ich verbinde Sie jetzt. Wenn niemand abnimmt, legen Sie auf' : 'Bitte legen Sie auf'} und rufen Sie sofort ${number === null ? 'den Notruf' : `die ${number}`} an.`,
  fr: ({ number, isPutThrough }) =>
    `Cela ressemble à une urgence. ${isPutThrough ? "Je vous passe quelqu'un. Si personne ne répond," : "S'il vous plaît,"} raccrochez et appelez tout de suite ${number === null ? "le numéro d'urgence" : `le ${number}`}.`,
}

/** What is said where a clinic has not worded it, by language. */
export const usualMessages = (told: Told): Record<string, string> =>
  Object.fromEntries(Object.entries(messages).map(([language, worded]) => [language, worded(told)]))
