// Language tags (BCP 47), and texts by language: a text for "es" serves "es-MX" as well.

/** The entry for a language tag (BCP 47), or for the language alone without its region; undefined when there is none. */
export const inLanguage = <T>(texts: Readonly<Record<string, T>>, tag: string): T | undefined =>
  texts[tag] ?? texts[primary(tag)]

/** "es" of "es-MX". */
export const primary = (tag: string): string => tag.toLowerCase().split('-')[0] ?? ''

/** Spanish, of "es" or "es-MX"; a tag that is none, as it is. */
export function languageName(tag: string): string {
  const isTag = /^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$/.test(tag)
  return isTag ? (new Intl.DisplayNames(['en'], { type: 'language' }).of(tag) ?? tag) : tag
}
