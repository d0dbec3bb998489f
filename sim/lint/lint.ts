// PURE. Looks for real patients in a fixture's text: telephone numbers that ring somewhere, names of nobody in the cast,
// addresses, identity numbers, keys; and for a recording that kept its caller's own voice or words. It reads lines, comments
// included, because what must not be there may stand anywhere.
import { type Cast, namesOfPeople } from './cast.ts'
import { identifiersOfPeople } from './identity.ts'
import { numbersOfPeople } from './telephone.ts'

/** Lines and columns count from 1. */
export type LintFault = { line: number; column: number; message: string }

const remedy = {
  number: 'use +1 555 01xx xxxx or another number that is kept free for fiction',
  name: 'use a name of sim/lint/cast.yaml, or add an invented one there',
  other: 'replace it',
} as const

/** Instants as the vendors write them: the dates of Twilio, and OpenAI's seconds since 1970. */
const instants = /\b[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} [\d:]{8} [+-]\d{4}|"[a-z]+_at":\d{10}\b/g

export function lintText(text: string, cast: Cast): LintFault[] {
  return text.split('\n').flatMap((line, place) => {
    const content = line.replace(instants, (instant) => ' '.repeat(instant.length))
    const fault = (index: number, message: string): LintFault => ({ line: place + 1, column: index + 1, message })
    return [
      ...numbersOfPeople(content).map(({ index, text }) =>
        fault(index, `${text} may be somebody's telephone: ${remedy.number}`),
      ),
      ...identifiersOfPeople(content).map(({ index, text, name }) =>
        fault(index, `${text} looks like ${name}: ${remedy.other}`),
      ),
      ...namesOfPeople(content, cast).map(({ index, text }) =>
        fault(index, `${text} may be somebody's name: ${remedy.name}`),
      ),
    ]
  })
}
