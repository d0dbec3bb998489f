// After a request about a live call has failed, Twilio asks the fallback, and says which request that was. Where it was one
// that a caller's call depends on, it is answered once more, as the ledger has it now: the machine that was asked may have died,
// and this one has not.
import type { VoiceForm } from '../wire/twilio.ts'
import type { CallContext } from './context.ts'
import { type Answer, answerIncoming } from './incoming.ts'
import { answerResume } from './resume.ts'
import { type AfterWhat, parseAfterWhat } from './twiml.ts'
import type { Verified } from './verify.ts'

export type FailedRequest = { path: 'incoming-call' | 'resume'; after: AfterWhat | null }

/** Null: Twilio does not say, or it was something else. */
export function failedRequest(errorUrl: string | undefined): FailedRequest | null {
  const url = URL.parse(errorUrl ?? '')
  const [, path] = /\/api\/twilio\/(incoming-call|resume)$/.exec(url?.pathname ?? '') ?? []
  if (path !== 'incoming-call' && path !== 'resume') return null
  return { path, after: parseAfterWhat(url?.searchParams.get('after') ?? null) }
}

export const answerAgain = (
  context: CallContext,
  verified: Verified,
  form: VoiceForm,
  { path, after }: FailedRequest,
): Promise<Answer> =>
  path === 'incoming-call'
    ? answerIncoming(context, verified, form)
    : answerResume(context, verified, form, after ?? { stream: 0 })
