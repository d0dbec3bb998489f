// `--live`: the real model in place of the stand-in, in real time. Owns where it is found and what is said when it cannot be.
import { Mistake } from './mistake.ts'
import type { RealModel } from './world.ts'

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
