// The mailer, over Resend's API by its own package. Owns the timeout and what each answer means for a repeat; refuses to
// retry by itself and to say in any message what Resend said, since Resend quotes addresses.
// Sources: resend.com/docs/api-reference/errors, resend.com/docs/dashboard/emails/idempotency-keys.
import { Resend } from 'resend'
import { type Outcome, ok, problem } from '../lib/outcome.ts'
import type { Mailer, MailProblem } from './mailer.ts'

/** Without a key nothing is sent, and every mail waits: a key may be set before it is too late. */
export function createMailer(options: { apiKey: string; baseUrl: string; timeoutMs: number }): Mailer {
  if (options.apiKey === '')
    return { send: async () => problem('retryable', 'Cannot send e-mail: there is no API key') }
  const resend = new Resend(options.apiKey, { baseUrl: options.baseUrl })
  return {
    async send(payload, idempotencyKey) {
      const signal = AbortSignal.timeout(options.timeoutMs)
      const answer = await resend.emails.send(payload, { idempotencyKey, signal }).catch(() => unreadable)
      if (answer.error !== null) return failure(answer.error)
      const messageId: unknown = answer.data?.id
      return typeof messageId === 'string' ? ok({ messageId }) : failure(unreadable.error)
    },
  }
}

/** An answer that was cut off, or never came: whether the message left is not known. */
const unreadable = { data: null, error: { name: 'no_answer', statusCode: null } } as const

type VendorError = { name?: string; statusCode?: number | null }

/** Only a documented 4xx says that nothing was sent and nothing will be; what is not understood may be tried again. */
function failure(error: VendorError): Outcome<never, MailProblem> {
  const name = codeName(error.name)
  const status = error.statusCode ?? null
  const message = `Cannot send e-mail: Resend answered ${status ?? 'nothing'} (${name})`
  if (name === 'invalid_idempotent_request') return problem('conflict', message)
  if (name === 'concurrent_idempotent_requests') return problem('retryable', message)
  const isFinal = status !== null && status >= 400 && status < 500 && !passing.has(status)
  return problem(isFinal ? 'refused' : 'retryable', message)
}

/** Statuses below 500 that pass with time: timeout, conflict of a kind not known to us, too early, too many requests. */
const passing = new Set([408, 409, 425, 429])

const codeName = (name: unknown): string =>
  typeof name === 'string' && /^[a-z_]{1,60}$/.test(name) ? name : 'unknown_error'
