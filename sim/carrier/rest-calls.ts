// The REST API's calls: placed, found, ended, and sent to another document.
// Source: twilio.com/docs/voice/api/call-resource.
import type { CarrierRecord } from '../record.ts'
import type { LiveCall, Source } from './activity.ts'
import type { Exchange } from './exchange.ts'
import { detectionIn, fallbackIn, placeOrder } from './rest-orders.ts'
import {
  type Ask,
  type Calls,
  callbackIn,
  findCall,
  isTrue,
  isWithin,
  methodIn,
  type Route,
  secondsIn,
} from './rest-route.ts'
import { callJson, errorResponse, notFound, pageJson } from './rest-shapes.ts'

const TWIML_MAX_CHARS = 4000

/** `onPlaced`: called with each call that a server places. */
export function callRoutes(exchange: Exchange, calls: Calls, onPlaced: (live: LiveCall) => void): Route[] {
  const withCall = (ask: Ask, callSid: string | undefined, answer: (call: LiveCall) => Response) => {
    const call = findCall(calls, ask, callSid)
    return call && isThere(call.file.record) ? answer(call) : notFound(ask.path)
  }
  const deleted = new Set<string>()
  const isThere = ({ callSid }: CarrierRecord) => !deleted.has(callSid)
  return [
    { method: 'POST', path: /^\/Calls\.json$/, answer: (ask) => createCall(exchange, ask, onPlaced) },
    {
      method: 'GET',
      path: /^\/Calls\.json$/,
      answer({ account, path, query }) {
        const records = [...calls.values()]
          .map(({ file }) => file.record)
          .filter(isThere)
          .reverse()
        const matches = (name: string, value: string | null) => !query.has(name) || query.get(name) === value
        const shown = records.filter(
          ({ accountSid, parentCallSid, to, from, status, ringingAtMs, endedAtMs }) =>
            isWithin(query, 'StartTime', ringingAtMs) &&
            isWithin(query, 'EndTime', endedAtMs) &&
            accountSid === account.accountSid &&
            matches('ParentCallSid', parentCallSid) &&
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
    {
      method: 'DELETE',
      path: /^\/Calls\/(CA\w+)\.json$/,
      answer: (ask, callSid) =>
        withCall(ask, callSid, ({ file: { record } }) => {
          if (record.endedAtMs === null) return errorResponse(20001, ask.path, 'The call has not ended')
          deleted.add(record.callSid)
          return new Response(null, { status: 204 })
        }),
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
  const asksNothing = status === null && url === null && twiml === null && !form.has('TimeLimit')
  if (asksNothing) return Response.json(callJson(call.file.record))

  const isUnanswered = ['queued', 'ringing'].includes(call.file.record.status)
  if (!call.isLive() && !(isUnanswered && status !== null)) return errorResponse(21220, path)
  const maxMs = secondsIn(form, 'TimeLimit')
  if (maxMs !== null) call.limit(maxMs)
  // Only a call that nobody has answered can be canceled; an answered one is completed.
  if (status === 'completed' || (status === 'canceled' && isUnanswered)) call.end('server')
  else if (url !== null) {
    // Users found that the callback changes with the URL only.
    const target = callbackIn(form, 'StatusCallback', [])
    if (target !== null) call.retarget(target)
    call.redirect({ from: 'url', url, method: methodIn(form, 'Method'), extra: {} }, fallbackIn(form))
  } else if (twiml !== null) call.redirect({ from: 'request', twiml }, fallbackIn(form))
  return Response.json(callJson(call.file.record))
}

function createCall(exchange: Exchange, ask: Ask, onPlaced: (live: LiveCall) => void): Response {
  const { path, form } = ask
  const twiml = form.get('Twiml')
  const isTwimlMeant = !form.has('Url')
  if (isTwimlMeant && twiml === null) return errorResponse(21205, path)
  if (isTwimlMeant && (twiml ?? '').length > TWIML_MAX_CHARS) return errorResponse(20001, path, 'Twiml is too long')
  const detection = detectionIn(form, 'AsyncAmdStatusCallback', isTrue(form, 'AsyncAmd'))
  // Users found that of this one list a call takes no value with several events, though others do.
  const own = { first: sourceIn(form, twiml ?? ''), detection, takesEventLists: false }
  const placed = placeOrder(exchange, ask, own)
  if ('refusal' in placed) return placed.refusal
  onPlaced(placed.live)
  return Response.json(callJson(placed.live.file.record), { status: 201 })
}

/** `Url` wins over `Twiml`. */
function sourceIn(form: URLSearchParams, twiml: string): Source {
  const url = form.get('Url')
  return url === null ? { from: 'request', twiml } : { from: 'url', url, method: methodIn(form, 'Method'), extra: {} }
}
