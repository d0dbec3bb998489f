// The writer, over OpenAI's Responses API: one question, one answer in a given shape. Nothing is stored at OpenAI.
// Source: platform.openai.com/docs/guides/structured-outputs.
import { zodTextFormat } from 'openai/helpers/zod'
import { ok } from '../lib/outcome.ts'
import { createClient, failure, type OpenaiOptions, withoutAnswer, withoutKey } from './openai-client.ts'
import type { Writer } from './writer.ts'

/** Reasoning included; an analysis takes a few hundred. */
const maxOutputTokens = 4_000

export function createWriter(options: OpenaiOptions): Writer {
  const openai = createClient(options)
  if (openai === null) return { answer: async () => withoutKey }
  return {
    async answer({ model, instructions, input, schemaName, schema, deadlineMs }) {
      try {
        const response = await openai.responses.parse(
          {
            model,
            instructions,
            input,
            store: false,
            max_output_tokens: maxOutputTokens,
            text: { format: zodTextFormat(schema, schemaName) },
          },
          { timeout: deadlineMs, signal: AbortSignal.timeout(deadlineMs) },
        )
        return response.output_parsed === null
          ? withoutAnswer(response)
          : ok({ value: response.output_parsed, usage: response.usage ?? null })
      } catch (error) {
        return failure(error)
      }
    },
  }
}
