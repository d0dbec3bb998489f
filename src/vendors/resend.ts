// The mailer, over Resend's API by its own package. Owns the timeout, the turn of a mail where too many come in one second, and
// what each answer means for a repeat; refuses to retry anything else by itself, and to say in any message what Resend said,
// since Resend quotes addresses.
// Sources: resend.com/docs/api-reference/{errors,rate-limit}, resend.com/docs/dashboard/emails/idempotency-keys.
import { Resend } from 'resend'
import { type Outcome, ok, problem } from '../lib/outcome.ts'
import type { Mailer, MailPayload, MailProblem } from './mailer.ts'

/** Without a key nothing is sent, and every mail waits: a key may be set before it is too late. */
export function createMailer(options: {
  apiKey: string
  baseUrl: string
  timeoutMs: number
  /** How a turn is waited for: in real time. */
  pause?: (ms: number) => Promise<void>
}): Mailer {
  if (options.apiKey === '')
    return { send: async () => problem('retryable', 'Cannot send e-mail: there is no API key') }
  const { pause = inRealTime } = options
  const resend = new Resend(options.apiKey, { baseUrl: options.baseUrl })

  const post = (payload: MailPayload, idempotencyKey: string) => {
    const signal = AbortSignal.timeout(options.timeoutMs)
    return resend.emails.send(payload, { idempotencyKey, signal }).catch(() => unreadable)
  }

  return {
    async send(payload, idempotencyKey) {
      let answer = await post(payload, idempotencyKey)
      for (let turns = 0; answer.error?.name === 'rate_limit_exceeded' && turns < turnsMax; turns++) {
        await pause(turnMs(answer.headers))
        answer = await post(payload, idempotencyKey)
      }
      if (answer.error !== null) return failure(answer.error)
      const messageId: unknown = answer.data?.id
      return typeof messageId === 'string' ? ok({ messageId }) : failure(unreadable.error)
    },
  }
}

/** Resend takes a few requests a second. Whoever came too many is let in within this many tries, or tried again as a job is. */
const turnsMax = 12
const usualTurnMs = 1_000
/** A longer wait is none for somebody who holds a claim. */
const longestTurnMs = 2_000
/** So that those who were refused together do not come back together. */
const spreadMs = 500

function turnMs(headers: Record<string, string> | null): number {
  const seconds = Number(headers?.['retry-after'] ?? Number.NaN)
  const waitMs = Number.isFinite(seconds) ? Math.min(seconds * 1000, longestTurnMs) : usualTurnMs
  return waitMs + Math.random() * spreadMs
}

const inRealTime = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** An answer that was cut off, or never came: whether the message left is not known. */
const unreadable = { data: null, headers: null, error: { name: 'no_answer', statusCode: null } } as const

type VendorError = { name?: string; statusCode?: number | null }

/** Only a documented 4xx says that nothing was sent and nothing will be; what is not understood may be tried again. */
function failure(error: VendorError): Outcome<never, MailProblem> {
  const name = codeName(error.name)
  const status = error.statusCode ?? null
  const message = `Cannot send e-mail: Resend answered ${status ?? 'nothing'} (${name})`
  if (name === 'invalid_idempotent_request') return problem('conflict', message)
  if (name === 'concurrent_idempotent_requests') return problem('retryable', message)
  const isFinal = status !== null && status >= 400 && status < 500 && !passing.has(status) && !aboutOurKey.has(name)
  return problem(isFinal ? 'refused' : 'retryable', message)
}

/** What an operator mends, for all mails at once: none of them is to blame. */
const aboutOurKey = new Set(['missing_api_key', 'invalid_api_key', 'restricted_api_key'])

/** Statuses below 500 that pass with time: timeout, conflict of a kind not known to us, too early, too many requests. */
const passing = new Set([408, 409, 425, 429])

const codeName = (name: unknown): string =>
  typeof name === 'string' && /^[a-z_]{1,60}$/.test(name) ? name : 'unknown_error'
