// The structured analysis of one conversation: its schema, as the text model must fill it in and as the row, the mail and
// the pages read it. Limits on length are ours, applied after the answer; a strict schema cannot carry them.
import { z } from 'zod'

const outcomes = [
  'message-taken',
  'question-answered',
  'appointment-booked',
  'appointment-changed',
  'appointment-cancelled',
  'transferred',
  'unresolved',
  'caller-left',
] as const
export type CallOutcome = (typeof outcomes)[number]

/** In rising order. */
const urgencies = ['routine', 'soon', 'urgent', 'emergency'] as const
export type Urgency = (typeof urgencies)[number]

/** Every field is required; what may be unknown is nullable. OpenAI's strict structured output asks for both. */
export const analysis = z.object({
  summary: z.string().describe('What happened in the call, in two to four plain sentences, in the clinic’s language.'),
  reason: z.string().describe('Why the caller called, in at most ten words.'),
  outcome: z.enum(outcomes).describe('How the call ended for the caller.'),
  urgency: z.enum(urgencies).describe('How soon a person at the clinic should look at this.'),
  followUps: z
    .array(z.string())
    .describe('What the clinic’s staff still have to do, one short sentence each; may be empty.'),
  language: z.string().describe('The language that the caller spoke, as a BCP 47 tag, such as "en" or "es".'),
  callerName: z.string().nullable().describe('The caller’s name, only if the caller said it.'),
  callbackNumber: z.string().nullable().describe('The number to call back, only if the caller said one.'),
})
export type Analysis = z.infer<typeof analysis>

export const analysisLimits = {
  summaryChars: 1_200,
  lineChars: 300,
  followUps: 8,
  nameChars: 120,
  numberChars: 40,
  languageChars: 35,
} as const

/** The same analysis with every text and list cut to its limit. */
export function bounded(given: Analysis): Analysis {
  return {
    summary: clip(given.summary, analysisLimits.summaryChars),
    reason: clip(given.reason, analysisLimits.lineChars),
    outcome: given.outcome,
    urgency: given.urgency,
    followUps: given.followUps
      .map((line) => clip(line, analysisLimits.lineChars))
      .filter((line) => line !== '')
      .slice(0, analysisLimits.followUps),
    language: clip(given.language, analysisLimits.languageChars),
    callerName: clipOrNull(given.callerName, analysisLimits.nameChars),
    callbackNumber: clipOrNull(given.callbackNumber, analysisLimits.numberChars),
  }
}

function clip(text: string, maxChars: number): string {
  const characters = [...text.trim()]
  return characters.length <= maxChars ? characters.join('') : `${characters.slice(0, maxChars - 1).join('')}…`
}

function clipOrNull(text: string | null, maxChars: number): string | null {
  const kept = text === null ? '' : clip(text, maxChars)
  return kept === '' ? null : kept
}
