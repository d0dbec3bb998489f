// PURE. What any question to /v1/responses must be, before its kind is looked at: of a model that the account has, and of a thread
// that is kept somewhere. Nothing is kept here, so no question goes on from an earlier one. The words of the second refusal [mem].
import type { Refusal } from './refusal.ts'

export const noSuchModel = (model: string): Refusal => ({
  code: 'model_not_found',
  message: `The model '${model}' does not exist or you do not have access to it.`,
  param: 'model',
})

/** Why a question is refused, and with which HTTP status; null: it is not, for these reasons. */
export function refusalOfQuestion(
  body: unknown,
  without: readonly string[],
): { status: number; refusal: Refusal } | null {
  const field = (name: string): unknown =>
    typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined
  const [model, earlier] = [field('model'), field('previous_response_id')]
  if (typeof model === 'string' && without.includes(model)) return { status: 404, refusal: noSuchModel(model) }
  if (typeof earlier !== 'string') return null
  const message = `Previous response with id '${earlier}' not found.`
  return { status: 400, refusal: { code: 'previous_response_not_found', message, param: 'previous_response_id' } }
}
