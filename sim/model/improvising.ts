// PURE. What the model's stand-in says when it has no script for a caller: it says so, repeats what it hears, and takes leave
// when they do. It understands nothing, so it makes nothing up: no tool but the one that ends the call, and an analysis that
// fits its schema and tells that there is none.
import type { ModelOutput, ModelScript } from '../script.ts'

/** Of a model that was given no script. */
export const unscripted: ModelScript = {
  connection: { take: true },
  improvises: true,
  hears: [],
  responses: [],
  writings: [],
  supervisor: [],
}

/** `isFirst`: the model has not spoken in this conversation. `words`: what the caller said or pressed since it last did. */
export type Prompt = { isFirst: boolean; words: string[]; tools: string[] }

const GREETING = "Hello, this is the simulator's stand-in. It has no script for you, and repeats what it hears."
const NO_WORDS = 'I heard a voice, and no words.'
const NOTHING_HEARD = 'I heard nothing.'
const PARTING = 'Goodbye.'
const MOST_REPEATED_CHARS = 300
const isParting = (words: string): boolean => /\b(good ?bye|bye|that is all|that's all|hang up)\b/i.test(words)

export function improvised({ isFirst, words, tools }: Prompt): ModelOutput[] {
  const heard = words.join(' ').trim()
  if (isParting(heard)) {
    const leave = { call: 'end_call', arguments: { reason: 'The caller took leave.' } }
    return [{ say: PARTING }, ...(tools.includes('end_call') ? [leave] : [])]
  }
  if (isFirst) return [{ say: GREETING }]
  if (words.length === 0) return [{ say: NOTHING_HEARD }]
  // Braces would be read as a reference to what a tool answered.
  const repeated = heard.slice(0, MOST_REPEATED_CHARS).replace(/[{}]/g, '')
  return [{ say: /[a-z0-9]/i.test(repeated) ? `You said: ${repeated}` : NO_WORDS }]
}

/** Of several answers, the one that claims least. */
const noJudgement = /^(unresolved|unknown|other|none)$/
const NO_ANALYSIS = 'A call without a script: nothing of it was understood.'

type Schema = Record<string, unknown>

/** The least that fits a JSON schema, in this order: what is fixed, a choice that claims nothing or the first, nothing, an empty value of its type. */
export function leastThatFits(schema: unknown): unknown {
  const given = isSchema(schema) ? schema : {}
  if ('const' in given) return given.const
  if (Array.isArray(given.enum)) return given.enum.find((each) => noJudgement.test(String(each))) ?? given.enum[0]
  const choices = given.anyOf
  if (Array.isArray(choices))
    return leastThatFits(choices.find((each) => isSchema(each) && each.type === 'null') ?? choices[0])
  const type = Array.isArray(given.type) ? (given.type.includes('null') ? 'null' : given.type[0]) : given.type
  switch (type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(isSchema(given.properties) ? given.properties : {}).map(([name, each]) => [
          name,
          leastThatFits(each),
        ]),
      )
    case 'array':
      return []
    case 'boolean':
      return false
    case 'number':
    case 'integer':
      return typeof given.minimum === 'number' ? given.minimum : 0
    case 'null':
      return null
    default:
      return NO_ANALYSIS
  }
}

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
