// What we ask of a text model: one structured answer. (The voice of a live call is the bridge's, over its own socket.)
import type { z } from 'zod'
import type { Outcome } from '../lib/outcome.ts'

/**
 * refused: the model declined, or the vendor will never take this question (a bad key, an unknown model).
 * malformed: the answer was cut short or outside the schema. unavailable: try again later.
 */
export type WriterProblem = 'refused' | 'malformed' | 'unavailable'

export type Writer = {
  answer<T>(question: {
    model: string
    instructions: string
    input: string
    schemaName: string
    schema: z.ZodType<T>
    deadlineMs: number
  }): Promise<Outcome<{ value: T; usage: unknown }, WriterProblem>>
}
