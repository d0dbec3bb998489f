// The telephone's door: every request that Twilio makes, proven first, parsed once, answered always. A voice webhook gets
// TwiML within its deadline whatever happens behind it, because a caller is on the line.
import { Elysia } from 'elysia'
import type { z } from 'zod'
import { limits } from '../config.ts'
import { recordingForm, statusForm, streamForm, type VoiceForm, voiceForm } from '../wire/twilio.ts'
import { type Kept, keepRecording, keepStatus, keepStream } from './callbacks.ts'
import type { CallContext } from './context.ts'
import { type Answer, answerIncoming } from './incoming.ts'
import { answerResume } from './resume.ts'
import { callUrls, parseAfterWhat, type Twiml, voicemailTwiml } from './twiml.ts'
import { type Verified, verifyWebhook } from './verify.ts'

export function twilioRoutes(context: CallContext) {
  const voice = (answer: (verified: Verified, form: VoiceForm, url: URL) => Promise<Answer>) => (request: Request) =>
    answerVoice(context, request, answer)
  const callback =
    <T extends z.ZodType>(
      schema: T,
      keep: (context: CallContext, verified: Verified, form: z.infer<T>) => Promise<Kept>,
    ) =>
    (request: Request) =>
      answerCallback(context, request, schema, keep)
  const incoming = voice((verified, form) => answerIncoming(context, verified, form))
  const resume = voice((verified, form, url) =>
    answerResume(context, verified, form, parseAfterWhat(url.searchParams.get('after')) ?? { stream: 0 }),
  )
  const fallback = (request: Request) => answerFallback(context, request)
  const status = callback(statusForm, keepStatus)
  const recording = callback(recordingForm, keepRecording)
  const streamStatus = callback(streamForm, keepStream)
  return new Elysia({ name: 'twilio', prefix: '/api/twilio' })
    .post('/incoming-call', ({ request }) => incoming(request), { parse: 'none' })
    .post('/resume', ({ request }) => resume(request), { parse: 'none' })
    .post('/fallback', ({ request }) => fallback(request), { parse: 'none' })
    .post('/status', ({ request }) => status(request), { parse: 'none' })
    .post('/recording', ({ request }) => recording(request), { parse: 'none' })
    .post('/stream-status', ({ request }) => streamStatus(request), { parse: 'none' })
}

async function answerVoice(
  context: CallContext,
  request: Request,
  answer: (verified: Verified, form: VoiceForm, url: URL) => Promise<Answer>,
): Promise<Response> {
  const { log, clock, config } = context.deps
  const path = new URL(request.url).pathname
  const work = async (): Promise<Response> => {
    const proof = await verifyWebhook(context.accounts.bySid, config.PUBLIC_BASE_URL, request)
    if (!proof.ok) return turnAway(context, path, proof.message)
    const form = voiceForm.safeParse(proof.value.form)
    if (!form.success) return new Response('These are not the fields of a voice webhook', { status: 400 })
    const given = await answer(proof.value, form.data, new URL(request.url))
    return 'twiml' in given ? twimlResponse(given.twiml) : turnAway(context, path, given.forbidden)
  }
  return new Promise((resolve) => {
    const cancel = clock.after(limits.webhookDeadlineMs, () => {
      log.error({ path, ms: limits.webhookDeadlineMs }, 'a voice webhook took too long; the caller is offered the tape')
      resolve(tape(context))
    })
    work()
      .catch((error: Error) => {
        log.error({ path, error }, 'a voice webhook failed; the caller is offered the tape')
        return tape(context)
      })
      .finally(cancel)
      .then(resolve)
  })
}

async function answerCallback<T extends z.ZodType>(
  context: CallContext,
  request: Request,
  schema: T,
  keep: (context: CallContext, verified: Verified, form: z.infer<T>) => Promise<Kept>,
): Promise<Response> {
  const path = new URL(request.url).pathname
  const proof = await verifyWebhook(context.accounts.bySid, context.deps.config.PUBLIC_BASE_URL, request)
  if (!proof.ok) return turnAway(context, path, proof.message)
  const form = schema.safeParse(proof.value.form)
  if (!form.success) return new Response('These are not the fields of this callback', { status: 400 })
  const kept = await keep(context, proof.value, form.data)
  if (kept === 'forbidden') return turnAway(context, path, 'the account does not carry this call')
  if (kept === 'unknown') context.deps.log.warn({ path }, 'a callback belongs to no call of ours')
  return new Response(null, { status: 204 })
}

/**
 * Asks the database for nothing but an account that this process has not seen, and answers without it when it is down:
 * the document gives nothing away, and a caller is on the line.
 */
async function answerFallback(context: CallContext, request: Request): Promise<Response> {
  const { accounts, deps } = context
  const bySid = async (accountSid: string) => accounts.alreadyKnown(accountSid) ?? (await accounts.bySid(accountSid))
  const proof = await verifyWebhook(bySid, deps.config.PUBLIC_BASE_URL, request).catch(() => null)
  if (proof !== null && !proof.ok) return turnAway(context, '/api/twilio/fallback', proof.message)
  return tape(context)
}

const tape = ({ deps }: CallContext): Response =>
  twimlResponse(voicemailTwiml(callUrls(deps.config.PUBLIC_BASE_URL), limits.voicemailSeconds))

function turnAway({ deps }: CallContext, path: string, reason: string): Response {
  deps.log.warn({ path, reason }, 'a request was turned away')
  return new Response('Forbidden', { status: 403 })
}

const twimlResponse = (twiml: Twiml): Response =>
  new Response(twiml, { headers: { 'content-type': 'text/xml; charset=utf-8' } })
