// Twilio's REST API for calls and recordings, as its own client library uses it: Basic auth, forms in, JSON out.
// Source: twilio.com/docs/voice/api/call-resource, voice/api/recording. It places no calls yet.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { StandIn } from '../network.ts'
import type { LiveCall } from './call.ts'
import type { CarrierAccount, Exchange } from './exchange.ts'
import { API_VERSION } from './params.ts'
import type { Recording, RecordingTrack } from './recordings.ts'
import { callJson, errorResponse, notFound, pageJson, recordingJson } from './rest-shapes.ts'
import type { CallbackTarget } from './twiml.ts'

const TWIML_MAX_CHARS = 4000

type Ask = { method: string; path: string; account: CarrierAccount; query: URLSearchParams; form: URLSearchParams }
type Route = { method: string; path: RegExp; answer(ask: Ask, ...sids: string[]): Response }

export function createRestApi(
  exchange: Exchange,
  accounts: readonly CarrierAccount[],
  calls: ReadonlyMap<string, LiveCall>,
): StandIn {
  const { trace, settings } = exchange
  // What a request sets going belongs to the carrier, not to the request: held time must not wait for its timers.
  const apart = AsyncLocalStorage.snapshot()
  const routes = [...callRoutes(calls), ...recordingRoutes(exchange, calls)]

  async function handle(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    const form = new URLSearchParams(request.method === 'POST' ? await request.text() : '')
    const what = `${request.method} ${pathname}`
    const body = Object.fromEntries(request.method === 'POST' ? form : searchParams)
    trace.add({ wire: 'rest', from: 'server', to: 'carrier', what, body })
    const response = answer(request, pathname, searchParams, form)
    const isJson = response.headers.get('content-type')?.startsWith('application/json')
    const answered = isJson ? ((await response.clone().json()) as unknown) : undefined
    trace.add({ wire: 'rest', from: 'carrier', to: 'server', what: String(response.status), body: answered })
    return response
  }

  function answer(request: Request, path: string, query: URLSearchParams, form: URLSearchParams): Response {
    const { method } = request
    const refusal = settings.refuseRest({ method, path })
    if (refusal !== null) return errorResponse(refusal, path)
    const account = authenticated(request, accounts)
    if (account === null) return errorResponse(20003, path)
    const root = `/${API_VERSION}/Accounts/${account.accountSid}`
    if (!path.startsWith(`${root}/`)) return notFound(path)
    const rest = path.slice(root.length)
    const found = routes.filter((route) => route.path.test(rest))
    const route = found.find((each) => each.method === method)
    if (route === undefined) return found.length > 0 ? errorResponse(20004, path) : notFound(path)
    return route.answer({ method, path, account, query, form }, ...(route.path.exec(rest)?.slice(1) ?? []))
  }

  return { fetch: (request) => apart(handle, request) }
}

function callRoutes(calls: ReadonlyMap<string, LiveCall>): Route[] {
  const withCall = (ask: Ask, callSid: string | undefined, answer: (call: LiveCall) => Response) => {
    const call = findCall(calls, ask, callSid)
    return call ? answer(call) : notFound(ask.path)
  }
  return [
    {
      method: 'GET',
      path: /^\/Calls\.json$/,
      answer({ account, path, query }) {
        const records = [...calls.values()].map(({ file }) => file.record).reverse()
        const matches = (name: string, value: string) => !query.has(name) || query.get(name) === value
        const shown = records.filter(
          ({ accountSid, to, from, status }) =>
            accountSid === account.accountSid &&
            matches('To', to) &&
            matches('From', from) &&
            matches('Status', status),
        )
        return Response.json(pageJson('calls', shown.map(callJson), path, query))
      },
    },
    {
      method: 'GET',
      path: /^\/Calls\/(CA\w+)\.json$/,
      answer: (ask, callSid) => withCall(ask, callSid, ({ file }) => Response.json(callJson(file.record))),
    },
    {
      method: 'POST',
      path: /^\/Calls\/(CA\w+)\.json$/,
      answer: (ask, callSid) => withCall(ask, callSid, (call) => updateCall(call, ask)),
    },
  ]
}

function updateCall(call: LiveCall, { path, form }: Ask): Response {
  const [status, url, twiml] = [form.get('Status'), form.get('Url'), form.get('Twiml')]
  if (url !== null && twiml !== null) return errorResponse(20001, path, 'Url and Twiml are mutually exclusive')
  if (twiml !== null && twiml.length > TWIML_MAX_CHARS) return errorResponse(20001, path, 'Twiml is too long')
  if (status !== null && status !== 'completed' && status !== 'canceled') {
    return errorResponse(20001, path, 'Status is neither completed nor canceled')
  }
  if (status === null && url === null && twiml === null) return Response.json(callJson(call.file.record))

  const isRinging = call.file.record.status === 'ringing'
  if (!call.isLive() && !(isRinging && status !== null)) return errorResponse(21220, path)
  // Only a call that nobody has answered can be canceled; an answered one is completed.
  if (status === 'completed' || (status === 'canceled' && isRinging)) call.end('server')
  else if (url !== null) {
    const method = form.get('Method')?.toUpperCase() === 'GET' ? 'GET' : 'POST'
    call.redirect({ from: 'url', url, method, extra: {} })
  } else if (twiml !== null) call.redirect({ from: 'request', twiml })
  return Response.json(callJson(call.file.record))
}

function recordingRoutes({ recordings }: Exchange, calls: ReadonlyMap<string, LiveCall>): Route[] {
  const json = (recording: Recording, status = 200) => Response.json(recordingJson(recording), { status })
  const list = ({ path, query }: Ask, found: Recording[]) => {
    const newestFirst = found.toReversed().map(recordingJson)
    return Response.json(pageJson('recordings', newestFirst, path, query))
  }
  const withRecording = (ask: Ask, sid: string | undefined, answer: (recording: Recording) => Response) => {
    const recording = recordings.find(ask.account.accountSid, sid ?? '')
    return recording ? answer(recording) : notFound(ask.path)
  }
  const one = /^(?:\/Calls\/CA\w+)?\/Recordings\/(RE\w+)\.json$/
  return [
    {
      method: 'POST',
      path: /^\/Calls\/(CA\w+)\/Recordings\.json$/,
      answer(ask, callSid) {
        const call = findCall(calls, ask, callSid)
        if (!call) return notFound(ask.path)
        if (!call.isLive()) return errorResponse(21220, ask.path, 'Call is not in-progress. Cannot record.')
        return json(call.startRecording(planOf(ask.form)), 201)
      },
    },
    {
      method: 'POST',
      path: /^\/Calls\/(CA\w+)\/Recordings\/(RE\w+|Twilio\.CURRENT)\.json$/,
      answer(ask, callSid = '', recordingSid) {
        const live = (each: Recording) => each.durationMs() === null
        const isMeant = (each: Recording) => recordingSid === 'Twilio.CURRENT' || each.recordingSid === recordingSid
        const call = findCall(calls, ask, callSid)
        const recording = recordings.of(callSid).filter(live).find(isMeant)
        if (!call || !recording) return notFound(ask.path)
        if (ask.form.get('Status') !== 'stopped') return errorResponse(20001, ask.path, 'Status is not stopped')
        call.stopRecording(recording)
        return json(recording)
      },
    },
    {
      method: 'GET',
      path: /^\/Calls\/(CA\w+)\/Recordings\.json$/,
      answer: (ask, callSid) =>
        findCall(calls, ask, callSid) ? list(ask, recordings.of(callSid ?? '')) : notFound(ask.path),
    },
    {
      method: 'GET',
      path: /^\/Recordings\.json$/,
      answer(ask) {
        const callSid = ask.query.get('CallSid')
        const all = recordings.all(ask.account.accountSid)
        return list(ask, callSid === null ? all : all.filter(({ call }) => call.record.callSid === callSid))
      },
    },
    { method: 'GET', path: one, answer: (ask, sid) => withRecording(ask, sid, (recording) => json(recording)) },
    {
      method: 'DELETE',
      path: one,
      answer: (ask, sid) =>
        withRecording(ask, sid, (recording) => {
          recordings.delete(recording)
          return new Response(null, { status: 204 })
        }),
    },
    {
      method: 'GET',
      path: /^\/Recordings\/(RE\w+?)(?:\.wav)?$/,
      answer: (ask, sid) =>
        withRecording(ask, sid, (recording) => {
          const media = recording.media()
          if (media.length === 0) return notFound(ask.path)
          return new Response(new Uint8Array(media), { headers: { 'content-type': 'audio/x-wav' } })
        }),
    },
  ]
}

function planOf(form: URLSearchParams) {
  const url = form.get('RecordingStatusCallback')
  const events = form.getAll('RecordingStatusCallbackEvent')
  const method = form.get('RecordingStatusCallbackMethod')?.toUpperCase() === 'GET' ? 'GET' : 'POST'
  const callback: CallbackTarget | null =
    url === null ? null : { url, method, events: events.length > 0 ? events : ['completed'] }
  const tracks: RecordingTrack[] = ['inbound', 'outbound']
  const track = tracks.find((each) => each === form.get('RecordingTrack')) ?? 'both'
  const channels = form.get('RecordingChannels') === 'dual' ? 2 : 1
  return { channels, track, source: 'StartCallRecordingAPI', callback } as const
}

function findCall(calls: ReadonlyMap<string, LiveCall>, { account }: Ask, callSid = ''): LiveCall | undefined {
  const call = calls.get(callSid)
  return call?.file.record.accountSid === account.accountSid ? call : undefined
}

function authenticated(request: Request, accounts: readonly CarrierAccount[]): CarrierAccount | null {
  const [scheme, credentials = ''] = (request.headers.get('authorization') ?? '').split(' ')
  if (scheme?.toLowerCase() !== 'basic') return null
  const [user, password] = Buffer.from(credentials, 'base64').toString().split(':')
  return accounts.find(({ accountSid, authToken }) => accountSid === user && authToken === password) ?? null
}
