// What we ask of whoever carries our e-mail.
import type { Outcome } from '../lib/outcome.ts'

/** A rendered message: exactly what is sent, on the first attempt and on every later one. */
export type MailPayload = {
  from: string
  to: string[]
  subject: string
  html: string
  text: string
  replyTo?: string
  headers?: Record<string, string>
  tags?: { name: string; value: string }[]
}

/**
 * retryable: nothing is known to have been sent, the same bytes may be tried again under the same idempotency key; so when the
 *   API key is wrong.
 * conflict: the key was used with other bytes; never try again, never mint a new key; a person must look.
 * refused: the vendor will never take these bytes (a bad address).
 */
export type MailProblem = 'retryable' | 'conflict' | 'refused'

export type Mailer = {
  send(payload: MailPayload, idempotencyKey: string): Promise<Outcome<{ messageId: string }, MailProblem>>
}
