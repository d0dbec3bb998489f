// PURE. A clinic's instructions are a text with named variables, {{clinic}} or {{ hours }}, that are filled in when a call is
// planned. Checked when they are saved, so that a slip is told to whoever made it and never spoken to a caller.

const templateVariables = ['clinic', 'hours', 'services', 'providers', 'about', 'now'] as const
export type TemplateVariable = (typeof templateVariables)[number]

/** Anything between double braces; an opening pair without its end, too. */
const placeholder = /\{\{([^{}]*)(\}\})?/g

/** What is wrong with a template, in plain words; null when nothing is. */
export function templateFault(template: string): string | null {
  const known = sayKnown()
  for (const [whole, name = '', end] of template.matchAll(placeholder)) {
    if (end === undefined) return `"${whole.slice(0, 40)}" has no closing braces. ${known}`
    if (!isVariable(name.trim())) return `There is no variable {{${name.trim()}}}. ${known}`
  }
  return null
}

/** Fills in the variables. A name that is none, in a text saved before it was checked, leaves nothing behind. */
export const renderInstructions = (template: string, variables: Record<TemplateVariable, string>): string =>
  template.replace(/\{\{([^{}]*)\}\}/g, (_, name: string) => {
    const wanted = name.trim()
    return isVariable(wanted) ? variables[wanted] : ''
  })

const isVariable = (name: string): name is TemplateVariable => templateVariables.some((known) => known === name)

const sayKnown = (): string => `The variables are ${templateVariables.map((name) => `{{${name}}}`).join(', ')}.`
