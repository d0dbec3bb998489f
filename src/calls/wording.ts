// PURE. What the carrier itself says to callers, in the clinic's words or, where it has chosen none, in ours, by language. As long
// as nobody knows which language a caller speaks, it is said in each of the clinic's; afterwards in theirs.
import { primary } from '../lib/languages.ts'
import { languagesOf } from '../organizations/settings.ts'
import type { Organization } from '../organizations/store.ts'

/** `language`: a BCP 47 tag, by which the carrier chooses a voice. */
export type Spoken = { text: string; language: string }

type Wording = {
  recordingNotice: string
  busy: string
  tooOften: string
  spent: string
  noAgent: string
  nobodyCame: string
  leaveMessage: string
  thanks: string
  callUsBack(clinic: string): string
}

const english: Wording = {
  recordingNotice: 'This call is recorded.',
  busy: 'All our lines are busy at the moment. Please call again in a few minutes. Goodbye.',
  tooOften: 'You have called many times in a short while. Please call again later. Goodbye.',
  spent: 'We are sorry, we cannot take your call at the moment. Please call again later. Goodbye.',
  noAgent: 'We are sorry, our receptionist cannot take your call at the moment.',
  nobodyCame: 'We are sorry, nobody could take your call.',
  leaveMessage: 'Please leave your name, your number and a message after the tone.',
  thanks: 'Thank you. We will call you back. Goodbye.',
  callUsBack: (clinic) => `Hello, this is ${clinic}. Please call us back. Goodbye.`,
}

const wordings: Record<string, Wording> = {
  en: english,
  es: {
    recordingNotice: 'Esta llamada se graba.',
    busy: 'En este momento todas nuestras líneas están ocupadas. Por favor, llame de nuevo en unos minutos. Adiós.',
    tooOften: 'Ha llamado muchas veces en poco tiempo. Por favor, llame más tarde. Adiós.',
    spent: 'Lo sentimos, en este momento no podemos atender su llamada. Por favor, llame más tarde. Adiós.',
    noAgent: 'Lo sentimos, nuestra recepción no puede atender su llamada en este momento.',
    nobodyCame: 'Lo sentimos, nadie ha podido atender su llamada.',
    leaveMessage: 'Por favor, deje su nombre, su número y un mensaje después de la señal.',
    thanks: 'Gracias. Le devolveremos la llamada. Adiós.',
    callUsBack: (clinic) => `Hola, le llamamos de ${clinic}. Por favor, devuélvanos la llamada. Adiós.`,
  },
  de: {
    recordingNotice: 'Dieses Gespräch wird aufgezeichnet.',
    busy: 'Zurzeit sind alle Leitungen belegt. Bitte rufen Sie in einigen Minuten noch einmal an. Auf Wiederhören.',
    tooOften: 'Sie haben in kurzer Zeit viele Male angerufen. Bitte rufen Sie später noch einmal an. Auf Wiederhören.',
    spent:
      'Es tut uns leid, wir können Ihren Anruf zurzeit nicht annehmen. Bitte rufen Sie später an. Auf Wiederhören.',
    noAgent: 'Es tut uns leid, unser Empfang kann Ihren Anruf gerade nicht annehmen.',
    nobodyCame: 'Es tut uns leid, niemand konnte Ihren Anruf annehmen.',
    leaveMessage: 'Bitte nennen Sie nach dem Ton Ihren Namen, Ihre Nummer und Ihr Anliegen.',
    thanks: 'Vielen Dank. Wir rufen Sie zurück. Auf Wiederhören.',
    callUsBack: (clinic) => `Guten Tag, hier ist ${clinic}. Bitte rufen Sie uns zurück. Auf Wiederhören.`,
  },
  fr: {
    recordingNotice: 'Cet appel est enregistré.',
    busy: 'Toutes nos lignes sont occupées. Merci de rappeler dans quelques minutes. Au revoir.',
    tooOften: 'Vous avez appelé de nombreuses fois en peu de temps. Merci de rappeler plus tard. Au revoir.',
    spent: 'Nous sommes désolés, nous ne pouvons pas prendre votre appel. Merci de rappeler plus tard. Au revoir.',
    noAgent: 'Nous sommes désolés, notre accueil ne peut pas prendre votre appel en ce moment.',
    nobodyCame: "Nous sommes désolés, personne n'a pu prendre votre appel.",
    leaveMessage: 'Veuillez laisser votre nom, votre numéro et un message après le signal sonore.',
    thanks: 'Merci. Nous vous rappellerons. Au revoir.',
    callUsBack: (clinic) => `Bonjour, ici ${clinic}. Merci de nous rappeler. Au revoir.`,
  },
}

/** A language that is not built in is spoken to in English, by an English voice. */
const wordingIn = (language: string): { wording: Wording; language: string } => {
  const wording = wordings[primary(language)]
  return wording === undefined ? { wording: english, language: 'en' } : { wording, language }
}

/** In the caller's language, once it is known; else in each of the clinic's, its own first and in its own words. */
export function spokenTo(
  organization: Organization,
  callerLanguage: string | null,
  wordsOf: (wording: Wording) => string,
  own: string | null = null,
): Spoken[] {
  const languages = callerLanguage === null ? languagesOf(organization) : [callerLanguage]
  const spoken = languages.map((wanted): Spoken => {
    if (own !== null && primary(wanted) === primary(organization.language)) return { text: own, language: wanted }
    const { wording, language } = wordingIn(wanted)
    return { text: wordsOf(wording), language }
  })
  return spoken.filter(({ text }, at) => spoken.findIndex((other) => other.text === text) === at)
}

/** That the call is recorded, before it is; nothing where it is not. */
export const noticeOf = (organization: Organization): Spoken[] => {
  const { recordCalls, recordingNotice } = organization.settings
  return recordCalls ? spokenTo(organization, null, (wording) => wording.recordingNotice, recordingNotice) : []
}

/** Before anybody knows which clinic is called. */
export const spokenToAnybody = (wordsOf: (wording: Wording) => string): Spoken[] => [
  { text: wordsOf(english), language: 'en' },
]

/** An apology, and what to do after the tone. */
export const tapeWords =
  (apology: 'noAgent' | 'nobodyCame') =>
  (wording: Wording): string =>
    `${wording[apology]} ${wording.leaveMessage}`
