// One request of Twilio to the customer's server: signed, within its time limit, tried again where that is asked
// for, redirects followed. Answers with the response or with the number that Twilio logs. Knows no TwiML.
// Sources: twilio.com/docs/usage/webhooks/webhooks-connection-overrides, voice/twiml.
import type { SimClock } from '../clock.ts'
import type { Network } from '../network.ts'
import type { Random } from '../random.ts'
import type { Trace, Wire } from '../trace.ts'
import type { Jar } from './cookies.ts'
import { type Failure, overridesIn } from './overrides.ts'
import { type Problem, problemCode } from './problems.ts'
import { createToken } from './sids.ts'
import { type Fields, signForm, signUrl } from './signature.ts'
import type { Method } from './twiml.ts'

export type WebhookRequest = {
  url: string
  method: Method
  fields: Fields
  authToken: string
  /** Draws the idempotency token. */
  random: Random
  wire: Wire
  /** Of messages, which are signed with the port of their URL; of calls it is left out. */
  keepsPort?: boolean
  /** Left out: cookies are neither sent nor kept. */
  jar?: Jar
}

export type WebhookAnswer = { tookMs: number /** 0 when nothing answered. */; status: number; body: Uint8Array } & (
  | { ok: true; url: string; contentType: string }
  /** `failure`: by which it may be tried again; null: it is not. */
  | { ok: false; problem: Problem; failure: Failure | null }
)

const REDIRECTS_MAX = 10
const NOTHING = new Uint8Array(0)

export type SendWebhook = (request: WebhookRequest) => Promise<WebhookAnswer>

export function createWebhookSender(world: { clock: SimClock; network: Network; trace: Trace }): SendWebhook {
  const { clock, network, trace } = world

  return async (request) => {
    const startedAtMs = clock.now()
    const overrides = overridesIn(request.url)
    // The same on every attempt at it: so a server can tell a repetition from something new.
    const token = createToken(request.random)
    for (let retries = overrides.retries; ; retries--) {
      const leftMs = startedAtMs + overrides.totalMs - clock.now()
      const answer = await within(Math.min(overrides.readMs, leftMs), request, token)
      const failure = answer.ok ? null : answer.failure
      const isOver = clock.now() - startedAtMs >= overrides.totalMs
      if (failure !== null && retries > 0 && overrides.retriesOn.has(failure) && !isOver) continue
      const body = new TextDecoder().decode(answer.body)
      trace.add({ wire: request.wire, from: 'server', to: 'carrier', what: String(answer.status), body })
      return { ...answer, tookMs: clock.now() - startedAtMs }
    }
  }

  async function within(limitMs: number, request: WebhookRequest, token: string): Promise<Untimed> {
    const abort = new AbortController()
    const progress: Progress = { hasBegun: false }
    let cancel = () => {}
    // Set outside of what holds the clock: on the virtual clock a slow server must not be outrun by its own deadline.
    const deadline = new Promise<Untimed>((resolve) => {
      cancel = clock.after(limitMs, () => {
        resolve(
          unanswered(problemCode.retrievalFailed, `No whole answer within ${limitMs} ms`, unlessBegun('rt', progress)),
        )
        abort.abort()
      })
    })
    const answer = await clock.hold(
      () => Promise.race([follow(request, token, abort.signal, progress), deadline]),
      `the answer to ${request.method} ${pathOf(request.url)}`,
    )
    cancel()
    return answer
  }

  async function follow(
    request: WebhookRequest,
    token: string,
    signal: AbortSignal,
    progress: Progress,
  ): Promise<Untimed> {
    let { url, method, fields } = request
    for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
      const signed = sign(url, method, fields, request, token)
      const body = Object.fromEntries(fields)
      const what = `${method} ${pathOf(url)}`
      trace.add({ wire: request.wire, from: 'carrier', to: 'server', what, ...queryOf(url), body })
      try {
        const headers = { ...signed.init.headers, ...request.jar?.header(url) }
        const response = await network.fetch(signed.url, { ...signed.init, headers, signal })
        request.jar?.keep(url, response.headers)
        progress.hasBegun = true
        const location = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null
        if (location === null) return await answerOf(response, url)
        progress.hasBegun = false
        url = new URL(location, url).href
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        return progress.hasBegun
          ? unanswered(problemCode.retrievalFailed, `The answer broke off: ${why}`, null)
          : unanswered(problemCode.connectionFailed, `Cannot reach the server: ${why}`, 'ct')
      }
      // As a browser does: a form is not sent again.
      method = 'GET'
      fields = []
    }
    return unanswered(problemCode.tooManyRedirects, `More than ${REDIRECTS_MAX} redirects`, null)
  }
}

type Untimed = WebhookAnswer extends infer A ? (A extends unknown ? Omit<A, 'tookMs'> : never) : never

/** An answer of which a part has come is not asked for again. */
type Progress = { hasBegun: boolean }
const unlessBegun = (failure: Failure, { hasBegun }: Progress): Failure | null => (hasBegun ? null : failure)

async function answerOf(response: Response, url: string): Promise<Untimed> {
  const body = new Uint8Array(await response.arrayBuffer())
  const { status } = response
  if (status >= 400) {
    const problem = { code: problemCode.errorResponse, text: `The server answered ${status} to ${pathOf(url)}` }
    return { ok: false, status, body, problem, failure: status < 500 ? '4xx' : '5xx' }
  }
  return { ok: true, status, body, url, contentType: mediaType(response) }
}

const unanswered = (code: number, text: string, failure: Failure | null): Untimed => ({
  ok: false,
  status: 0,
  body: NOTHING,
  problem: { code, text },
  failure,
})

function sign(url: string, method: Method, fields: Fields, by: WebhookRequest, token: string) {
  const { authToken, keepsPort = false } = by
  const [target = ''] = url.split('#')
  const form = new URLSearchParams(fields.map(([name, value]) => [name, value])).toString()
  const headers = { 'user-agent': 'TwilioProxy/1.1', 'i-twilio-idempotency-token': token }
  if (method === 'GET') {
    const full = form === '' ? target : `${target}${target.includes('?') ? '&' : '?'}${form}`
    const signature = signUrl(authToken, full, keepsPort)
    return {
      url: full,
      init: { method, headers: { ...headers, 'x-twilio-signature': signature }, redirect: 'manual' },
    } as const
  }
  const contentType = 'application/x-www-form-urlencoded; charset=UTF-8'
  const signature = signForm(authToken, target, fields, keepsPort)
  const signed = { ...headers, 'content-type': contentType, 'x-twilio-signature': signature }
  return { url: target, init: { method, headers: signed, body: form, redirect: 'manual' } } as const
}

const mediaType = (response: Response): string =>
  (response.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? ''

const queryOf = (url: string): { query?: string } => {
  const search = URL.canParse(url) ? new URL(url).search : ''
  return search === '' ? {} : { query: search }
}
const pathOf = (url: string): string => (URL.canParse(url) ? new URL(url).pathname : url)
