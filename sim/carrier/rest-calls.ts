// The REST API's calls: placed, found, ended, and sent to another document.
// Source: twilio.com/docs/voice/api/call-resource; the numbers of refusals that are not in the sheet of it [mem].
import type { LiveCall, Source } from './activity.ts'
import type { Exchange } from './exchange.ts'
import type { OutboundPlan } from './outbound.ts'
import { problemCode } from './problems.ts'
import { recordingIn } from './rest-recordings.ts'
import { type Ask, type Calls, callbackIn, findCall, isTrue, methodIn, type Route, wholeIn } from './rest-route.ts'
import { callJson, errorResponse, notFound, pageJson } from './rest-shapes.ts'

const TWIML_MAX_CHARS = 4000

/** `onPlaced`: called with each call that a server places. */
export function callRoutes(exchange: Exchange, calls: Calls, onPlaced: (live: LiveCall) => void): Route[] {
  const withCall = (ask: Ask, callSid: string | undefined, answer: (call: LiveCall) => Response) => {
    const call = findCall(calls, ask, callSid)
    return call ? answer(call) : notFound(ask.path)
  }
  return [
    { method: 'POST', path: /^\/Calls\.json$/, answer: (ask) => createCall(exchange, ask, onPlaced) },
    {
      method: 'GET',
      path: /^\/Calls\.json$/,
      answer({ account, path, query }) {
        const records = [...calls.values()].map(({ file }) => file.record).reverse()
        const matches = (name: string, value: string | null) => !query.has(name) || query.get(name) === value
        const shown = records.filter(
          ({ accountSid, parentCallSid, to, from, status }) =>
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
    call.redirect({ from: 'url', url, method: methodIn(form, 'Method'), extra: {} })
  } else if (twiml !== null) call.redirect({ from: 'request', twiml })
  return Response.json(callJson(call.file.record))
}

function createCall(exchange: Exchange, { path, account, form }: Ask, onPlaced: (live: LiveCall) => void): Response {
  const [to, from, twiml] = [form.get('To') ?? '', form.get('From') ?? '', form.get('Twiml')]
  const callback = callbackIn(form, 'StatusCallback', ['completed'])
  const isTwimlMeant = !form.has('Url')
  if (!E164.test(to)) return errorResponse(21211, path, `The 'To' number ${to} is not a valid phone number`)
  if (!exchange.owns(account.accountSid, from)) return errorResponse(21210, path)
  if (isTwimlMeant && twiml === null) return errorResponse(21205, path)
  if (isTwimlMeant && (twiml ?? '').length > TWIML_MAX_CHARS) return errorResponse(20001, path, 'Twiml is too long')
  if (callback !== null && !isPublicUrl(callback.url)) return errorResponse(21609, path)

  // One that is misspelt, or several in one value, is found out only later, and then nothing is told at all.
  const areEventsKnown = callback?.events.every((event) => rungs.includes(event)) ?? true
  const live = exchange.place(account.accountSid, {
    direction: 'outbound-api',
    parentCallSid: null,
    from,
    to,
    first: sourceIn(form, twiml ?? ''),
    fallback: fallbackIn(form),
    statusCallback: areEventsKnown ? callback : null,
    ringMs: 1000 * Math.min(RING_MAX_SECONDS, wholeIn(form, 'Timeout', RING_SECONDS)),
    maxMs: secondsIn(form, 'TimeLimit'),
    sendDigits: form.get('SendDigits') ?? '',
    detection: detectionIn(form),
    recording: isTrue(form, 'Record') ? recordingIn(form, 'OutboundAPI') : null,
  })
  if (!areEventsKnown) {
    const text = 'StatusCallbackEvent holds what is no event; the key is given once for each of them'
    live.file.log({ code: problemCode.statusCallbackEvent, text })
  }
  onPlaced(live)
  return Response.json(callJson(live.file.record), { status: 201 })
}

const E164 = /^\+[1-9]\d{6,14}$/
const RING_SECONDS = 60
const RING_MAX_SECONDS = 600
const rungs = ['initiated', 'ringing', 'answered', 'completed']

/** Twilio takes no host with an underscore. */
const isPublicUrl = (url: string): boolean =>
  /^https?:\/\//.test(url) && URL.canParse(url) && !new URL(url).hostname.includes('_')

/** `Url` wins over `Twiml`. */
function sourceIn(form: URLSearchParams, twiml: string): Source {
  const url = form.get('Url')
  return url === null ? { from: 'request', twiml } : { from: 'url', url, method: methodIn(form, 'Method'), extra: {} }
}

function fallbackIn(form: URLSearchParams): OutboundPlan['fallback'] {
  const url = form.get('FallbackUrl')
  return url === null ? null : { url, method: methodIn(form, 'FallbackMethod') }
}

const secondsIn = (form: URLSearchParams, name: string): number | null => {
  const seconds = wholeIn(form, name, null)
  return seconds === null ? null : 1000 * seconds
}

function detectionIn(form: URLSearchParams): OutboundPlan['detection'] {
  const asked = form.get('MachineDetection')
  if (asked !== 'Enable' && asked !== 'DetectMessageEnd') return null
  const url = form.get('AsyncAmdStatusCallback')
  return {
    until: asked === 'Enable' ? 'start' : 'end',
    timeoutMs: 1000 * wholeIn(form, 'MachineDetectionTimeout', 30),
    speechThresholdMs: wholeIn(form, 'MachineDetectionSpeechThreshold', 2400),
    speechEndThresholdMs: wholeIn(form, 'MachineDetectionSpeechEndThreshold', 1200),
    silenceTimeoutMs: wholeIn(form, 'MachineDetectionSilenceTimeout', 5000),
    isAsync: isTrue(form, 'AsyncAmd'),
    callback: url === null ? null : { url, method: methodIn(form, 'AsyncAmdStatusCallbackMethod') },
  }
}
