// Takes the elements of a TwiML document apart, attribute by attribute, and warns of whatever is in them that nobody asked for.
import type { CallbackTarget } from './twiml.ts'
import { type Element, textOf } from './xml.ts'

export type Warn = (fault: string) => void
export type Reader = ReturnType<typeof reader>

/** Takes an element apart; `done` then reports every attribute, child and text that nobody asked for. */
export function reader(element: Element, warn: Warn) {
  const unread = new Set(Object.keys(element.attributes))
  let areChildrenRead = false
  let isTextRead = false
  const string = (name: string): string | null => {
    unread.delete(name)
    return element.attributes[name] ?? null
  }
  const whole = (name: string, fallback: number, least: number): number => {
    const value = string(name)
    if (value === null) return fallback
    if (/^\d+$/.test(value) && Number(value) >= least) return Number(value)
    warn(`<${element.name} ${name}="${value}"> is not a whole number of at least ${least}`)
    return fallback
  }
  /** One of the choices; the first is the default. Methods may be spelled small. */
  function choice<const T extends string>(name: string, choices: readonly [T, ...T[]]): T {
    const value = string(name)
    const chosen = choices.find((choice) => choice.toLowerCase() === value?.toLowerCase())
    if (value !== null && chosen === undefined) warn(`<${element.name} ${name}="${value}"> is not one of its values`)
    return chosen ?? choices[0]
  }
  return {
    string,
    whole,
    /** How often to say or play it; 0 on the wire is without end. */
    loops: () => whole('loop', 1, 0) || Number.POSITIVE_INFINITY,
    /** A word of true and false. */
    flag(name: string, fallback: boolean): boolean {
      const value = string(name)
      if (value === null || value.toLowerCase() === String(fallback)) return fallback
      if (value.toLowerCase() === String(!fallback)) return !fallback
      warn(`<${element.name} ${name}="${value}"> is neither true nor false`)
      return fallback
    },
    /** The URL that `name` gives, with its method and the events that `nameEvent` lists, parted by spaces. */
    callback(name: string, known: readonly string[], fallback: readonly string[]): CallbackTarget | null {
      const url = string(name)
      const method = choice(`${name}Method`, ['POST', 'GET'])
      const listed = string(`${name}Event`)
        ?.split(/\s+/)
        .filter((event) => event !== '')
      for (const event of listed ?? [])
        if (!known.includes(event)) warn(`<${element.name} ${name}Event="${event}"> is not an event`)
      const events = listed?.filter((event) => known.includes(event)) ?? [...fallback]
      return url === null ? null : { url, method, events }
    },
    choice,
    text(): string {
      isTextRead = true
      return textOf(element)
    },
    /** The text that stands in the element itself. */
    ownText(): string {
      isTextRead = true
      return textOf({ ...element, children: element.children.filter((child) => typeof child === 'string') })
    },
    children(): Element[] {
      areChildrenRead = true
      return element.children.filter((child) => typeof child !== 'string')
    },
    /** Attributes that TwiML has and that make no difference here. */
    ignore(...names: string[]): void {
      for (const name of names) unread.delete(name)
    },
    done(): void {
      for (const name of unread) warn(`<${element.name}> has no attribute ${name}`)
      for (const child of element.children) {
        if (typeof child === 'string' && child.trim() && !isTextRead) warn(`<${element.name}> takes no text`)
        // Text may hold elements of its own: the speech markup of <Say>.
        if (typeof child !== 'string' && !areChildrenRead && !isTextRead)
          warn(`<${element.name}> takes no <${child.name}>`)
      }
    },
  }
}
