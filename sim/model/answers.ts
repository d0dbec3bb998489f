// The shapes of this vendor's HTTP answers: JSON, errors, and who asks. Nothing of what is answered.
import type { Refusal } from './refusal.ts'

export const json = (body: unknown, headers: Record<string, string> = {}): Response => Response.json(body, { headers })

export const failure = (status: number, { message, code, param }: Refusal): Response =>
  Response.json(
    { error: { message, type: status < 500 ? 'invalid_request_error' : 'server_error', param, code } },
    { status },
  )

export const refused = (status: number, message: string, code: string | null = null): Response =>
  failure(status, { message, code, param: null })

/** The key of a request: its bearer token, or what a browser smuggles among the subprotocols. */
export function keyOf(request: Request): string | null {
  const [, bearer] = /^Bearer (.+)$/.exec(request.headers.get('authorization') ?? '') ?? []
  return (
    bearer ??
    offeredProtocols(request)
      .find((each) => each.startsWith(KEY_PROTOCOL))
      ?.slice(KEY_PROTOCOL.length) ??
    null
  )
}

const KEY_PROTOCOL = 'openai-insecure-api-key.'

const offeredProtocols = (request: Request): string[] =>
  (request.headers.get('sec-websocket-protocol') ?? '').split(',').map((each) => each.trim())
