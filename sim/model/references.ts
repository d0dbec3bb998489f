// PURE. What a script cannot know beforehand: it writes {{last.find_availability.slots.0.slot}} for what a tool answered,
// and gets what the tool really answered, the last time that it was called. A text that is nothing but a reference becomes
// the value itself, a number or a list; within a text a reference becomes text.

/** Answers of tools, oldest first, as the model got them. */
export type ToolAnswer = { tool: string; output: string }

/** `unknown`: references to what no tool has answered; they are left as they stand. */
export type FilledIn<T> = { value: T; unknown: string[] }

/** One reference: the tool, and the way through its answer, by names and places. */
const reference = /\{\{\s*last\.([A-Za-z0-9_-]+)((?:\.[A-Za-z0-9_]+)+)\s*\}\}/g
const wholly = new RegExp(`^${reference.source}$`)

export const hasReference = (text: string): boolean => text.includes('{{')

/** Double braces in a text that are no reference, as they stand. */
export const malformedIn = (text: string): string[] =>
  [...text.matchAll(/\{\{.*?(?:\}\}|$)/gs)].map(([whole]) => whole).filter((whole) => !wholly.test(whole))

/** The same script, with every reference replaced. */
export function filledIn<T>(script: T, answers: readonly ToolAnswer[]): FilledIn<T> {
  const unknown: string[] = []
  const found = (whole: string, tool: string, path: string): unknown => {
    const value = lookUp(answers, tool, path.split('.').slice(1))
    if (value !== undefined) return value
    unknown.push(whole)
    return whole
  }
  const fill = (value: unknown): unknown => {
    if (typeof value === 'string') {
      const only = wholly.exec(value)
      if (only !== null) return found(only[0], only[1] ?? '', only[2] ?? '')
      return value.replace(reference, (whole: string, tool: string, path: string) => textOf(found(whole, tool, path)))
    }
    if (Array.isArray(value)) return value.map(fill)
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, fill(each)]))
    return value
  }
  return { value: fill(script) as T, unknown }
}

function lookUp(answers: readonly ToolAnswer[], tool: string, path: readonly string[]): unknown {
  const last = answers.findLast((answer) => answer.tool === tool)
  return path.reduce<unknown>(
    (value, name) => (typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined),
    last === undefined ? undefined : parsed(last.output),
  )
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
