// `--live`: the real model in place of the stand-in, in real time. Owns where it is found and what is said when it cannot be.
import { Mistake } from './mistake.ts'
import type { RealModel } from './world.ts'

/** A wrong key is told before a call that would end on the tape. */
const ANSWER_LIMIT_MS = 10_000
const usualBaseUrl = 'https://api.openai.com/v1'

/** Throws a Mistake when there is no key, or the address is none. */
export function realModel(environment: Record<string, string | undefined>): RealModel {
  const { OPENAI_API_KEY: apiKey = '', OPENAI_BASE_URL } = environment
  if (apiKey === '')
    throw new Mistake('--live talks with the real model, so it needs OPENAI_API_KEY. Without --live no key is needed.')
  const baseUrl = OPENAI_BASE_URL || usualBaseUrl
  if (!/^https?:$/.test(URL.parse(baseUrl)?.protocol ?? ''))
    throw new Mistake(`OPENAI_BASE_URL is ${baseUrl}: it must be an address such as ${usualBaseUrl}`)
  return { baseUrl, apiKey }
}

/** Throws a Mistake when nobody answers there, or the key is not taken. Any other answer is left to the call. */
export async function assertTaken({ baseUrl, apiKey }: RealModel): Promise<void> {
  const answer = await fetch(`${baseUrl}/models`, {
    headers: { authorization: `Bearer ${apiKey}` },
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
  }).catch((error: Error) => error)
  if (answer instanceof Error) throw new Mistake(`--live: nobody answers at ${baseUrl} (${answer.message})`)
  await answer.body?.cancel()
  if (answer.status === 401) throw new Mistake(`--live: ${baseUrl} does not take the key in OPENAI_API_KEY (401).`)
}
