// The writer, over OpenAI's Responses API by its own package: one question, one answer in a given shape. Nothing is stored
// at OpenAI, nothing is retried here, and neither question nor answer ever gets into an error or a log.
// Source: platform.openai.com/docs/guides/structured-outputs.
import OpenAI from 'openai'
import { zodTextFormat } from 'openai/helpers/zod'
import type { ParsedResponse } from 'openai/resources/responses/responses'
import { ZodError } from 'zod'
import { type Outcome, ok, problem } from '../lib/outcome.ts'
import type { Writer, WriterProblem } from './writer.ts'

/** Reasoning included; an analysis takes a few hundred. */
const maxOutputTokens = 4_000

/** Without a key every question is refused. */
export function createWriter(options: { apiKey: string; baseUrl: string }): Writer {
  if (options.apiKey === '') return { answer: async () => problem('refused', 'Cannot answer: there is no API key') }
  const openai = new OpenAI({
    apiKey: options.apiKey,
    baseURL: options.baseUrl,
    organization: null,
    project: null,
    maxRetries: 0,
    logLevel: 'off',
    fetch: fetchJson,
  })
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

/** A proxy's page with status 200 is no answer of OpenAI's, though the package would take it for one. */
async function fetchJson(url: string | URL | Request, init?: RequestInit): Promise<Response> {
  const response = await fetch(url, init)
  const isJson = response.headers.get('content-type')?.includes('json') ?? false
  return response.ok && !isJson ? new Response(null, { status: 502 }) : response
}

function withoutAnswer(response: ParsedResponse<unknown>): Outcome<never, WriterProblem> {
  const isRefusal = response.output.some(
    (item) => item.type === 'message' && item.content.some((part) => part.type === 'refusal'),
  )
  if (isRefusal || response.incomplete_details?.reason === 'content_filter') {
    return problem('refused', 'Cannot answer: the model declined')
  }
  if (response.status === 'failed') return problem('unavailable', 'Cannot answer: the model failed')
  return problem('malformed', 'Cannot answer: the model stopped before it had answered')
}

function failure(error: unknown): Outcome<never, WriterProblem> {
  if (error instanceof ZodError || error instanceof SyntaxError) {
    return problem('malformed', 'Cannot answer: the model answered outside the schema')
  }
  if (error instanceof OpenAI.APIConnectionError || error instanceof OpenAI.APIUserAbortError) {
    return problem('unavailable', 'Cannot answer: OpenAI gave no answer in time')
  }
  if (error instanceof OpenAI.APIError) {
    const status: number = error.status ?? 0
    const passes = status < 400 || status === 408 || status === 409 || status === 429 || status >= 500
    return problem(passes ? 'unavailable' : 'refused', `Cannot answer: OpenAI answered ${status}`)
  }
  throw error
}
