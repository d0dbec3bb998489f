// PURE. Whether the items of a request to /v1/responses hang together, by the service's rules: every call has its output and
// every output its call; what the model put out comes back as it was; and its reasoning comes with it, sealed, since nothing
// was stored.
import type { Refusal } from './refusal.ts'

type Item = Record<string, unknown>

/** What was once put out: a call, and the reasoning that led to it. */
export type Sealed = {
  reasoning: { id: string; encrypted_content: string }
  call: { id: string; call_id: string; name: string; arguments: string }
}

/** The first thing that is wrong with a thread; null when nothing is. */
export function problemOfThread(input: readonly Item[], sealed: ReadonlyMap<string, Sealed>): Refusal | null {
  const ofType = (type: string) => input.filter((item) => item.type === type)
  const calls = new Set(ofType('function_call').map(({ call_id }) => call_id))
  const outputs = new Set(ofType('function_call_output').map(({ call_id }) => call_id))
  for (const id of outputs)
    if (!calls.has(id)) return invalid(`No tool call found for function call output with call_id ${String(id)}.`)
  for (const id of calls) if (!outputs.has(id)) return invalid(`No tool output found for function call ${String(id)}.`)
  for (const [place, item] of input.entries()) {
    const known = item.type === 'function_call' ? sealed.get(String(item.call_id)) : undefined
    const problem = known && problemOfCall(item, input.slice(0, place), known)
    if (problem) return problem
  }
  return null
}

function problemOfCall(item: Item, before: readonly Item[], { reasoning, call }: Sealed): Refusal | null {
  const changed = (['name', 'arguments'] as const).find((field) => item[field] !== call[field])
  if (changed) return invalid(`The ${changed} of function call ${call.call_id} are not those that the model gave.`)
  const thought = before.find(({ type, id }) => type === 'reasoning' && id === reasoning.id)
  if (!thought)
    return invalid(
      `Item '${call.id}' of type 'function_call' was provided without its required 'reasoning' item: '${reasoning.id}'.`,
    )
  if (thought.encrypted_content === undefined || thought.encrypted_content === null)
    return invalid(
      `Item with id '${reasoning.id}' not found. Items are not persisted when \`store\` is set to false. Try again with \`store\` set to true, or remove this item from your input.`,
    )
  if (thought.encrypted_content !== reasoning.encrypted_content)
    return { code: 'invalid_encrypted_content', message: 'The encrypted content could not be verified.', param: null }
  return null
}

const invalid = (message: string): Refusal => ({ code: null, message, param: 'input' })
