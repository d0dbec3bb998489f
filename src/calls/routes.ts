// The telephone's door: every request that Twilio makes, proven first, parsed once, answered always. A voice webhook gets
// TwiML within its deadline whatever happens behind it, because a caller is on the line.
import { Elysia } from 'elysia'
import type { z } from 'zod'
import { limits } from '../config.ts'
import { isConnectionLost } from '../db/query-failed.ts'
import { within } from '../lib/clock.ts'
import type { Problem } from '../lib/outcome.ts'
import { answeredByForm, recordingForm, statusForm, streamForm, type VoiceForm, voiceForm } from '../wire/twilio.ts'
import { type Kept, keepRecording, keepStatus, keepStream } from './callbacks.ts'
import type { CallContext } from './context.ts'
import { answerAgain, failedRequest } from './fallback.ts'
import { type Answer, answerIncoming } from './incoming.ts'
import { answerMachine, answerOutbound, keepAnsweredBy, keepOutboundStatus } from './outbound.ts'
import { answerRehearsal } from './rehearsal.ts'
import { answerResume } from './resume.ts'
import { answerScreened, answerScreening, keepLeg } from './transfer.ts'
import {
  type AfterWhat,
  type CallUrls,
  callUrls,
  farewellTwiml,
  hangupTwiml,
  inEnglish,
  parseAfterWhat,
  type Twiml,
  voicemailTwiml,
} from './twiml.ts'
import { type Verified, type VerifyProblem, verifyWebhook } from './verify.ts'
import { spokenToAnybody, tapeWords } from './wording.ts'

export function twilioRoutes(context: CallContext) {
  const voice = (answer: AnswerVoice, lastResort?: Twiml) => (request: Request) =>
    answerVoice(context, request, answer, lastResort)
  const callback =
    <T extends z.ZodType>(schema: T, keep: Keep<z.infer<T>>) =>
    (request: Request) =>
      answerCallback(context, request, schema, keep)
  const incoming = voice((verified, form) => answerIncoming(context, verified, form))
  const resume = voice((verified, form, url) =>
    answerResume(context, verified, form, parseAfterWhat(url.searchParams.get('after')) ?? { stream: 0 }),
  )
  const rehearsal = voice((verified, form) => answerRehearsal(context, verified, form), hangupTwiml())
  const fallback = (request: Request) => answerFallback(context, request)
  const status = callback(statusForm, keepStatus)
  const recording = callback(recordingForm, keepRecording)
  const streamStatus = callback(streamForm, keepStream)
  const legStatus = callback(statusForm, (_, verified, form, url) => keepLeg(context, verified, form, transferIn(url)))
  // A person is on this line, not the caller: they are offered no tape.
  const screening = voice(
    (verified, form, url) => answerScreening(context, verified, form, transferIn(url)),
    hangupTwiml(),
  )
  const screened = voice(
    (verified, form, url) => answerScreened(context, verified, form, transferIn(url)),
    hangupTwiml(),
  )
  const outboundStatus = callback(statusForm, (_, verified, form, url) =>
    keepOutboundStatus(context, verified, form, callIn(url)),
  )
  const answeredBy = callback(answeredByForm, (_, verified, form, url) =>
    keepAnsweredBy(context, verified, form, callIn(url)),
  )
  // Whoever was called is asked for nothing when we have nothing to say.
  const sorry = farewellTwiml(inEnglish('We are sorry, something went wrong with our call. Goodbye.'))
  const outboundCall = voice((verified, form, url) => answerOutbound(context, verified, form, callIn(url)), sorry)
  const leaveMessage = voice(
    (verified, form, url) => answerMachine(context, verified, form, callIn(url)),
    hangupTwiml(),
  )
  return new Elysia({ name: 'twilio', prefix: '/api/twilio' })
    .post('/incoming-call', ({ request }) => incoming(request), { parse: 'none' })
    .post('/resume', ({ request }) => resume(request), { parse: 'none' })
    .post('/fallback', ({ request }) => fallback(request), { parse: 'none' })
    .post('/status', ({ request }) => status(request), { parse: 'none' })
    .post('/recording', ({ request }) => recording(request), { parse: 'none' })
    .post('/stream-status', ({ request }) => streamStatus(request), { parse: 'none' })
    .post('/leg-status', ({ request }) => legStatus(request), { parse: 'none' })
    .post('/screening', ({ request }) => screening(request), { parse: 'none' })
    .post('/screened', ({ request }) => screened(request), { parse: 'none' })
    .post('/outbound-call', ({ request }) => outboundCall(request), { parse: 'none' })
    .post('/outbound-status', ({ request }) => outboundStatus(request), { parse: 'none' })
    .post('/answered-by', ({ request }) => answeredBy(request), { parse: 'none' })
    .post('/rehearsal', ({ request }) => rehearsal(request), { parse: 'none' })
    .post('/leave-message', ({ request }) => leaveMessage(request), { parse: 'none' })
}

type AnswerVoice = (verified: Verified, form: VoiceForm, url: URL) => Promise<Answer>
type Keep<Form> = (context: CallContext, verified: Verified, form: Form, url: URL) => Promise<Kept>

/** Which transfer a request is about, by the URL that we gave for it. */
const transferIn = (url: URL): string => url.searchParams.get('transfer') ?? ''
const callIn = (url: URL): string => url.searchParams.get('call') ?? ''

/** `ownLastResort`: in place of what a caller is given when nothing else can be answered. */
async function answerVoice(
  context: CallContext,
  request: Request,
  answer: AnswerVoice,
  ownLastResort?: Twiml,
): Promise<Response> {
  return withinDeadline(context, request, ownLastResort, async (path, lastResort) => {
    const proof = await verifyWebhook(context.accounts.bySid, context.deps.config.PUBLIC_BASE_URL, request)
    if (!proof.ok) return refuse(context, path, proof)
    const form = voiceForm.safeParse(proof.value.form)
    if (!form.success) {
      const problem = form.error.issues.map(({ path }) => path.join('.')).join(', ')
      context.deps.log.error({ path, problem }, 'a voice webhook cannot be read; the caller is given the last resort')
      return twimlResponse(lastResort)
    }
    // Twilio may ask twice anyway; so may we, when the database broke off in the middle.
    const attempt = () => answer(proof.value, form.data, new URL(request.url))
    const given = await attempt().catch((error: unknown) =>
      isConnectionLost(error) ? attempt() : Promise.reject(error),
    )
    return 'twiml' in given ? twimlResponse(given.twiml, given.headers) : turnAway(context, path, given.forbidden)
  })
}

async function answerCallback<T extends z.ZodType>(
  context: CallContext,
  request: Request,
  schema: T,
  keep: Keep<z.infer<T>>,
): Promise<Response> {
  const url = new URL(request.url)
  const { pathname: path } = url
  const proof = await verifyWebhook(context.accounts.bySid, context.deps.config.PUBLIC_BASE_URL, request)
  if (!proof.ok) return refuse(context, path, proof)
  const form = schema.safeParse(proof.value.form)
  if (!form.success) return new Response('These are not the fields of this callback', { status: 400 })
  const kept = await keep(context, proof.value, form.data, url)
  if (kept === 'forbidden') return turnAway(context, path, 'the account does not carry this call')
  if (kept === 'unknown') context.deps.log.warn({ path }, 'a callback belongs to no call of ours')
  return new Response(null, { status: 204 })
}

/**
 * What the failed request should have given, if that can be had quickly. Else what needs no database, which is asked only for an
 * account that this process has not seen as it signs now: the document gives nothing away, and a caller is on the line.
 */
function answerFallback(context: CallContext, request: Request): Promise<Response> {
  const { accounts, deps } = context
  const verify = (bySid: typeof accounts.bySid, from: Request) =>
    verifyWebhook(bySid, deps.config.PUBLIC_BASE_URL, from)
  return withinDeadline(context, request, undefined, async (path, lastResort) => {
    const remembered = await verify(async (accountSid) => accounts.alreadyKnown(accountSid) ?? null, request.clone())
    const proof = remembered.ok ? remembered : await verify(accounts.bySid, request)
    if (!proof.ok) return refuse(context, path, proof)
    const form = voiceForm.safeParse(proof.value.form)
    const failed = form.success ? failedRequest(form.data.ErrorUrl) : null
    if (!form.success || failed === null) return twimlResponse(lastResort)
    const again = answerAgain(context, proof.value, form.data, failed)
    const given = await within(deps.clock, limits.fallbackMs, again).catch((error: Error) => {
      deps.log.error({ path, error }, 'what had failed failed again; the last resort was given')
      return { twiml: lastResortTwiml(callUrls(deps.config.PUBLIC_BASE_URL), failed.after) }
    })
    return 'twiml' in given ? twimlResponse(given.twiml) : turnAway(context, path, given.forbidden)
  })
}

/** Twilio gets TwiML in time, whatever becomes of the work: a caller is on the line. */
function withinDeadline(
  { deps: { log, clock, config } }: CallContext,
  request: Request,
  ownLastResort: Twiml | undefined,
  work: (path: string, lastResort: Twiml) => Promise<Response>,
): Promise<Response> {
  const { pathname: path, searchParams } = new URL(request.url)
  const urls = callUrls(config.PUBLIC_BASE_URL)
  const lastResort = ownLastResort ?? lastResortTwiml(urls, parseAfterWhat(searchParams.get('after')))
  return new Promise((resolve) => {
    const cancel = clock.after(limits.webhookDeadlineMs, () => {
      log.error({ path, ms: limits.webhookDeadlineMs }, 'a voice webhook took too long; the last resort was given')
      resolve(twimlResponse(lastResort))
    })
    work(path, lastResort)
      .catch((error: Error) => {
        log.error({ path, error }, 'a voice webhook failed; the last resort was given')
        return twimlResponse(lastResort)
      })
      .finally(cancel)
      .then(resolve)
  })
}

/** What can be said without knowing anything: the tape, but to nobody who has just been there. */
function lastResortTwiml(urls: CallUrls, after: AfterWhat | null): Twiml {
  if (after === 'voicemail') return farewellTwiml(spokenToAnybody(({ thanks }) => thanks))
  if (after === 'silence') return hangupTwiml()
  return voicemailTwiml(urls, limits.voicemailSeconds, spokenToAnybody(tapeWords('noAgent')))
}

const refuse = (context: CallContext, path: string, { problem, message }: Problem<VerifyProblem>): Response =>
  turnAway(context, path, message, problem === 'oversized' ? 413 : 403)

function turnAway({ deps }: CallContext, path: string, reason: string, status = 403): Response {
  deps.log.warn({ path, reason }, 'a request was turned away')
  return new Response(status === 413 ? 'Too large' : 'Forbidden', { status })
}

const twimlResponse = (twiml: Twiml, headers: Record<string, string> = {}): Response =>
  new Response(twiml, { headers: { 'content-type': 'text/xml; charset=utf-8', ...headers } })
