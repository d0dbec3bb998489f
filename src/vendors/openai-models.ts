// Whether the account may use a model, asked by name: for whoever looks after a deployment, before a caller finds out.
// Source: platform.openai.com/docs/api-reference/models/retrieve.
import OpenAI from 'openai'
import { type Outcome, ok } from '../lib/outcome.ts'
import { createClient, failure, withoutKey } from './openai-client.ts'
import type { WriterProblem } from './writer.ts'

export type Models = {
  /** False: there is no such model, or not for this key. refused: the key is not taken. */
  has(model: string): Promise<Outcome<boolean, WriterProblem>>
}

export function createModels(options: { apiKey: string; baseUrl: string; timeoutMs: number }): Models {
  const client = createClient(options)
  return {
    async has(model) {
      if (client === null) return withoutKey
      try {
        await client.models.retrieve(model, { timeout: options.timeoutMs })
        return ok(true)
      } catch (error) {
        return error instanceof OpenAI.NotFoundError ? ok(false) : failure(error)
      }
    },
  }
}
