// PURE. What the supervisor is told of a call: all that was said and done, and what the receptionist asks. It is handed over
// as JSON, where no quotation mark can end it: the words of a caller are evidence, not orders.
import { z } from 'zod'

/** Characters of speech that are shown; of a longer call, the latest. */
const maxSpeechChars = 40_000
const maxRequestChars = 1_000

const request = z.strictObject({
  request: z
    .string()
    .trim()
    .min(1)
    .max(maxRequestChars)
    .describe(
      'What the caller wants now, with every name, date and number that they have just said, in their own words',
    ),
})

/** The receptionist's one way to the supervisor, as the voice model is told of it. */
export const consultTool = {
  name: 'consult_supervisor',
  description:
    'Asks the supervisor, who has read the whole conversation and has the records, the calendar and the tools that you lack. Takes a few seconds. The answer is what to say to the caller.',
  parameters: withoutSchema(z.toJSONSchema(request)),
}

function withoutSchema({ $schema: _, ...schema }: z.core.JSONSchema.BaseSchema): unknown {
  return schema
}

/** Null for what is not what the tool takes. */
export function requestIn(argumentsJson: string): string | null {
  try {
    return request.parse(JSON.parse(argumentsJson)).request
  } catch {
    return null
  }
}

export type Said = { speaker: 'caller' | 'agent'; text: string; unheard: string }
/** What a tool was asked, and what it answered. */
export type Deed = { tool: string; arguments?: unknown; result: unknown }

export type Briefing = {
  /** What the receptionist asks. */
  request: string
  /** ISO 8601, and where the clinic's clocks are. */
  now: string
  timeZone: string
  /** What the conversation has established, in words. */
  known: string
  said: readonly Said[]
  done: readonly Deed[]
}

export function briefingText({ said, ...rest }: Briefing): string {
  const latest = withinLimit(said)
  return JSON.stringify({ ...rest, omittedTurns: said.length - latest.length, said: latest.map(shown) }, null, 1)
}

const shown = ({ speaker, text, unheard }: Said) => ({
  who: speaker === 'agent' ? 'receptionist' : 'caller',
  said: text,
  ...(unheard === '' ? {} : { unheard }),
})

function withinLimit(said: readonly Said[]): readonly Said[] {
  let left = maxSpeechChars
  const from = said.findLastIndex(({ text, unheard }) => {
    left -= text.length + unheard.length
    return left < 0
  })
  return said.slice(from + 1)
}
