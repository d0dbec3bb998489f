// PURE. HTML as a type of its own: only what is written in a template is markup, and everything put into one is data and
// escaped, so that nothing that was said in a call can become part of the page.

/** A class, because no data that comes from elsewhere can be an instance of it. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** What a template takes; null and false leave nothing. */
export type Content = Html | string | number | null | false | readonly Content[]

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Attributes must be written in double quotes. */
export const html = (parts: TemplateStringsArray, ...contents: Content[]): Html =>
  new Html(parts.map((part, index) => part + markup(contents[index] ?? null)).join(''))

function markup(content: Content): string {
  if (content === null || content === false) return ''
  if (content instanceof Html) return content.text
  if (typeof content === 'number') return shortest(content)
  if (typeof content === 'string') return content.replace(/[&<>"']/g, (sign) => escapes[sign] ?? sign)
  return content.map(markup).join('')
}

/** A number to a thousandth: finer than any screen. */
const shortest = (value: number): string => String(Math.round(value * 1000) / 1000)
