// OpenAI over HTTP by its own package, as all of ours that ask it anything use it: nothing is retried here, a proxy's page is
// no answer, and neither question nor answer ever gets into an error or a log.
import OpenAI from 'openai'
import type { Response as ModelResponse } from 'openai/resources/responses/responses'
import { ZodError } from 'zod'
import { type Problem, problem } from '../lib/outcome.ts'
import type { WriterProblem } from './writer.ts'

export type OpenaiOptions = {
  /** Empty: every question is refused. */
  apiKey: string
  baseUrl: string
  /** How requests are sent, where they do not leave the process. */
  fetch?: Fetch
}

type Fetch = (url: string | URL | Request, init?: RequestInit) => Promise<Response>

/** Null without a key. */
export function createClient({ apiKey, baseUrl, fetch: send = fetch }: OpenaiOptions): OpenAI | null {
  if (apiKey === '') return null
  return new OpenAI({
    apiKey,
    baseURL: baseUrl,
    organization: null,
    project: null,
    maxRetries: 0,
    logLevel: 'off',
    fetch: onlyJson(send),
  })
}

/** A proxy's page with status 200 is no answer of OpenAI's, though the package would take it for one. */
const onlyJson =
  (send: Fetch): Fetch =>
  async (url, init) => {
    const response = await send(url, init)
    const isJson = response.headers.get('content-type')?.includes('json') ?? false
    return response.ok && !isJson ? new Response(null, { status: 502 }) : response
  }

export const withoutKey: Problem<WriterProblem> = problem('refused', 'Cannot answer: there is no API key')

/** Why a response that came holds no answer. */
export function withoutAnswer({ output, incomplete_details, status }: ModelResponse): Problem<WriterProblem> {
  const isRefusal = output.some(
    (item) => item.type === 'message' && item.content.some((part) => part.type === 'refusal'),
  )
  if (isRefusal || incomplete_details?.reason === 'content_filter') {
    return problem('refused', 'Cannot answer: the model declined')
  }
  if (status === 'failed') return problem('unavailable', 'Cannot answer: the model failed')
  return problem('malformed', 'Cannot answer: the model stopped before it had answered')
}

/** What an error of the package means for us. Throws what is no answer of OpenAI's but a bug. */
export function failure(error: unknown): Problem<WriterProblem> {
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
