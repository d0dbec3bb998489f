// Our Resend: the sending part of its API, for one team with one key. Owns every message that was accepted and every
// request that was made; refuses what Resend's documents say Resend refuses. It delivers to nobody.
// Sources: resend.com/docs/api-reference/{introduction,errors,rate-limit,emails}.
import type { SimClock } from '../clock.ts'
import type { StandIn } from '../network.ts'
import type { InboxRecord } from '../record.ts'
import type { Trace } from '../trace.ts'
import { domainList, type MailDomain } from './domains.ts'
import { type ApiError, errors } from './errors.ts'
import { createKeys } from './idempotency.ts'
import { type Letter, readLetter, readLetters } from './letter.ts'

/**
 * What becomes of one message, over and above the rules. answer: sent, and answered at once. slow: sent and answered
 * after a while. accept-then-hang: sent, and no answer ever comes. accept-then-break: sent, and the answer breaks off.
 * fail: nothing is sent, and the answer is a 500.
 */
export type Fate = { is: 'answer' | 'accept-then-hang' | 'accept-then-break' | 'fail' } | { is: 'slow'; ms: number }

export type InboxOptions = {
  clock: SimClock
  trace: Trace
  apiKey: string
  /** Resend's default for a team is 5. */
  requestsPerSecond?: number
  /** The team's; without any, the one that the simulated server sends from. */
  domains?: readonly MailDomain[]
  /** Resend's "sending access": the key may do nothing but send. */
  keyMaySendOnly?: boolean
  /** Decides the fate of the n-th valid request to send, from 0. */
  fate?: (index: number) => Fate
}

/** `isBroken`: the answer ends in its middle, as when a connection breaks. */
const usualDomains: readonly MailDomain[] = [{ name: 'frontdesk.example', status: 'verified' }]

type Reply = { status: number; answer: unknown; isBroken?: boolean }

export function createInbox(options: InboxOptions): { standIn: StandIn; record(): InboxRecord } {
  const { clock, trace } = options
  const rate = createRate(clock, options.requestsPerSecond ?? 5)
  const keys = createKeys(clock)
  const record: InboxRecord = { messages: [], requests: [] }
  const kept = new Map<string, { letter: Letter; atMs: number }>()
  let sendings = 0
  let issued = 0

  async function answer(request: Request): Promise<Response> {
    const what = `${request.method} ${new URL(request.url).pathname}`
    const idempotencyKey = request.headers.get('idempotency-key')
    const body = await request.text()
    trace.add({ wire: 'mail', from: 'server', to: 'inbox', what, body: parsedOrText(body) })
    /** Status 0: never answered, or not to the end. */
    const entry: InboxRecord['requests'][number] = { atMs: clock.now(), idempotencyKey, status: 0, error: null }
    record.requests.push(entry)
    const reply = await replyTo(request, what, body, idempotencyKey)
    if (reply.isBroken) return brokenOff(reply, what)
    entry.status = reply.status
    if (reply.status >= 400) entry.error = (reply.answer as ApiError).name
    trace.add({ wire: 'mail', from: 'inbox', to: 'server', what: `${reply.status} ${what}`, body: reply.answer })
    return Response.json(reply.answer, { status: reply.status, headers: rate.headers() })
  }

  function brokenOff({ status, answer: whole }: Reply, what: string): Response {
    trace.add({ wire: 'mail', from: 'inbox', to: 'server', what: `0 ${what}`, body: { brokenOff: whole } })
    const text = JSON.stringify(whole)
    return new Response(text.slice(0, text.length / 2), { status, headers: { 'content-type': 'application/json' } })
  }

  async function replyTo(request: Request, what: string, body: string, key: string | null): Promise<Reply> {
    const stranger = strangerError(request.headers.get('authorization'), options.apiKey)
    if (stranger !== null) return refusal(stranger)
    if (!rate.take()) return refusal(errors.rateLimit(rate.limit))
    if (what === 'POST /emails') return send(body, key, 'one')
    if (what === 'POST /emails/batch') return send(body, key, 'batch')
    if (options.keyMaySendOnly && !what.startsWith('POST /emails')) return refusal(errors.restrictedApiKey)
    if (what === 'GET /domains') return { status: 200, answer: domainList(options.domains ?? usualDomains) }
    const id = /^GET \/emails\/([^/]+)$/.exec(what)?.[1]
    if (id !== undefined) return retrieve(id)
    return refusal(/ \/emails(\/[^/]+)?$/.test(what) ? errors.methodNotAllowed : errors.notFound)
  }

  async function send(body: string, key: string | null, kind: 'one' | 'batch'): Promise<Reply> {
    const read = kind === 'one' ? readLetter(body) : readLetters(body)
    if ('error' in read) return refusal(read.error)
    const fate = options.fate?.(sendings++) ?? { is: 'answer' }
    if (fate.is === 'fail') return refusal(errors.internal)
    const claim = keys.claim(key, body)
    if (claim.is === 'refused') return refusal(claim.error)
    if (claim.is === 'repeat') return { status: 200, answer: claim.answer }
    if (fate.is === 'slow') await new Promise<void>((resolve) => clock.after(fate.ms, resolve))
    const ids = read.letters.map((letter) => accept(letter, key))
    const result = kind === 'one' ? { id: ids[0] } : { data: ids.map((id) => ({ id })) }
    claim.settle(result)
    if (fate.is === 'accept-then-hang') await new Promise<never>(() => {})
    return { status: 200, answer: result, isBroken: fate.is === 'accept-then-break' }
  }

  /** Ids are counted, not random: the same run gives the same ids. */
  function accept(letter: Letter, idempotencyKey: string | null): string {
    const id = `00000000-0000-4000-8000-${String(++issued).padStart(12, '0')}`
    const atMs = clock.now()
    const { from, to, subject, html, text } = letter
    kept.set(id, { letter, atMs })
    record.messages.push({ id, atMs, from, to, subject, html: html ?? '', text: text ?? '', idempotencyKey })
    return id
  }

  function retrieve(id: string): Reply {
    const found = kept.get(id)
    return found === undefined ? refusal(errors.emailNotFound) : { status: 200, answer: resource(id, found) }
  }

  return { standIn: { fetch: answer }, record: () => structuredClone(record) }
}

const refusal = ({ statusCode, name, message }: ApiError): Reply => ({
  status: statusCode,
  answer: { statusCode, name, message },
})

function strangerError(authorization: string | null, apiKey: string): ApiError | null {
  if (authorization === null || !authorization.startsWith('Bearer ')) return errors.missingApiKey
  return authorization === `Bearer ${apiKey}` ? null : errors.invalidApiKey
}

const resource = (id: string, { letter, atMs }: { letter: Letter; atMs: number }) => ({
  object: 'email',
  id,
  from: letter.from,
  to: letter.to,
  cc: letter.cc,
  bcc: letter.bcc,
  reply_to: letter.replyTo,
  subject: letter.subject,
  html: letter.html,
  text: letter.text,
  tags: letter.tags,
  created_at: new Date(atMs).toISOString(),
  scheduled_at: null,
  last_event: 'delivered',
})

const rateWindowMs = 1_000

/** So many requests in any second; every request counts, but those refused for it. */
function createRate(clock: SimClock, limit: number) {
  let taken: number[] = []
  const inWindow = () => (taken = taken.filter((atMs) => clock.now() - atMs < rateWindowMs)).length
  return {
    limit,
    take(): boolean {
      if (inWindow() >= limit) return false
      taken.push(clock.now())
      return true
    },
    headers(): Record<string, string> {
      const remaining = limit - inWindow()
      const counts = { 'ratelimit-limit': `${limit}`, 'ratelimit-remaining': `${remaining}`, 'ratelimit-reset': '1' }
      return remaining > 0 ? counts : { ...counts, 'retry-after': '1' }
    },
  }
}

function parsedOrText(body: string): unknown {
  if (body === '') return undefined
  try {
    return JSON.parse(body)
  } catch {
    return body
  }
}
