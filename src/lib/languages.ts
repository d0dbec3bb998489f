// Texts by language: a text for "es" serves "es-MX" as well.

/** The entry for a language tag (BCP 47), or for the language alone without its region; undefined when there is none. */
export const inLanguage = <T>(texts: Readonly<Record<string, T>>, tag: string): T | undefined =>
  texts[tag] ?? texts[primary(tag)]

/** "es" of "es-MX". */
export const primary = (tag: string): string => tag.toLowerCase().split('-')[0] ?? ''
