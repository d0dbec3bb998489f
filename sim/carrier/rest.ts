// Twilio's REST API for calls, recordings, conferences, messages and numbers, as its own client library uses it: Basic auth,
// forms in, JSON out.
// Who may ask, which route answers, and what goes into the trace; the routes have files of their own.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { StandIn } from '../network.ts'
import type { LiveCall } from './activity.ts'
import type { CarrierAccount, Exchange } from './exchange.ts'
import { API_VERSION } from './params.ts'
import { callRoutes } from './rest-calls.ts'
import { conferenceRoutes } from './rest-conferences.ts'
import { messageRoutes } from './rest-messages.ts'
import { numberRoutes } from './rest-numbers.ts'
import { recordingRoutes } from './rest-recordings.ts'
import type { Calls } from './rest-route.ts'
import { accountJson, errorResponse, notFound } from './rest-shapes.ts'
import { streamRoutes } from './rest-streams.ts'

/** `onPlaced`: called with each call that a server places. */
export function createRestApi(
  exchange: Exchange,
  accounts: readonly CarrierAccount[],
  calls: Calls,
  onPlaced: (live: LiveCall) => void,
): StandIn {
  const { trace, settings } = exchange
  const startedAtMs = exchange.clock.now()
  // What a request sets going belongs to the carrier, not to the request: held time must not wait for its timers.
  const apart = AsyncLocalStorage.snapshot()
  const routes = [
    ...callRoutes(exchange, calls, onPlaced),
    ...recordingRoutes(exchange, calls),
    ...streamRoutes(calls),
    ...conferenceRoutes(exchange),
    ...numberRoutes(exchange),
    ...messageRoutes(exchange),
  ]

  async function handle(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    const form = new URLSearchParams(request.method === 'POST' ? await request.text() : '')
    const what = `${request.method} ${pathname}`
    const body = shown(request.method === 'POST' ? form : searchParams)
    trace.add({ wire: 'rest', from: 'server', to: 'carrier', what, body })
    const response = answer(request, pathname, searchParams, form)
    await settings.delayRest({ method: request.method, path: pathname })
    const isJson = response.headers.get('content-type')?.startsWith('application/json')
    const answered = isJson ? ((await response.clone().json()) as unknown) : undefined
    trace.add({ wire: 'rest', from: 'carrier', to: 'server', what: String(response.status), body: answered })
    return response
  }

  function answer(request: Request, path: string, query: URLSearchParams, form: URLSearchParams): Response {
    const { method } = request
    const refusal = settings.refuseRest({ method, path })
    if (refusal !== null) return errorResponse(refusal, path)
    const asking = authenticated(request, accounts)
    if (asking === null) return errorResponse(20003, path)
    const { account, isKey } = asking
    const root = `/${API_VERSION}/Accounts/${account.accountSid}`
    // Users found that keys may not read the account itself.
    if (path === `${root}.json` && method === 'GET')
      return isKey ? errorResponse(20003, path) : Response.json(accountJson(account, startedAtMs))
    if (!path.startsWith(`${root}/`)) return notFound(path)
    const rest = path.slice(root.length)
    const found = routes.filter((route) => route.path.test(rest))
    const route = found.find((each) => each.method === method)
    if (route === undefined) return found.length > 0 ? errorResponse(20004, path) : notFound(path)
    return route.answer({ method, path, account, query, form }, ...(route.path.exec(rest)?.slice(1) ?? []))
  }

  return { fetch: (request) => apart(handle, request) }
}

/** A name that comes several times has a list of values. */
function shown(params: URLSearchParams): Record<string, string | string[]> {
  const names = [...new Set(params.keys())]
  return Object.fromEntries(
    names.map((name) => {
      const [first = '', ...others] = params.getAll(name)
      return [name, others.length === 0 ? first : [first, ...others]]
    }),
  )
}

type Asking = { account: CarrierAccount; isKey: boolean }

function authenticated(request: Request, accounts: readonly CarrierAccount[]): Asking | null {
  const [scheme, credentials = ''] = (request.headers.get('authorization') ?? '').split(' ')
  if (scheme?.toLowerCase() !== 'basic') return null
  const [user, password] = Buffer.from(credentials, 'base64').toString().split(':')
  for (const account of accounts) {
    const { accountSid, authToken, apiKey } = account
    if (accountSid === user && authToken === password) return { account, isKey: false }
    if (apiKey?.keySid === user && apiKey?.secret === password) return { account, isKey: true }
  }
  return null
}
