// A call ordered by REST, by itself or into a conference: what both kinds of order say, and why one is refused.
// Source: twilio.com/docs/voice/api/call-resource; 21205, 21210 and 21609 [mem].
import type { LiveCall } from './activity.ts'
import type { Exchange } from './exchange.ts'
import type { OutboundPlan } from './outbound.ts'
import { problemCode } from './problems.ts'
import { recordingIn } from './rest-recordings.ts'
import { type Ask, callbackIn, isTrue, methodIn, secondsIn, wholeIn } from './rest-route.ts'
import { errorResponse } from './rest-shapes.ts'

const E164 = /^\+[1-9]\d{6,14}$/
const RING_SECONDS = 60
const RING_MAX_SECONDS = 600
const rungs = ['initiated', 'ringing', 'answered', 'completed']

export function placeOrder(
  exchange: Exchange,
  { path, account, form }: Ask,
  own: Pick<OutboundPlan, 'first' | 'detection' | 'connect'> & { takesEventLists: boolean },
): { live: LiveCall } | { refusal: Response } {
  const [to, from] = [form.get('To') ?? '', form.get('From') ?? '']
  const callback = callbackIn(form, 'StatusCallback', ['completed'])
  const refuse = (code: number, message?: string) => ({ refusal: errorResponse(code, path, message) })
  if (!E164.test(to)) return refuse(21211, `The 'To' number ${to} is not a valid phone number`)
  if (!exchange.numbers.owns(account.accountSid, from)) return refuse(21210)
  if (callback !== null && !isPublicUrl(callback.url)) return refuse(21609)

  // One that is misspelt, or several in one value where that is no list, is found out only later, and then nothing is told at all.
  const { takesEventLists, ...plan } = own
  const events = takesEventLists ? (callback?.events ?? []) : form.getAll('StatusCallbackEvent')
  const areEventsKnown = callback === null || events.every((event) => rungs.includes(event))
  const live = exchange.place(account.accountSid, {
    ...plan,
    direction: 'outbound-api',
    parentCallSid: null,
    from,
    to,
    fallback: fallbackIn(form),
    statusCallback: areEventsKnown ? callback : null,
    ringMs: 1000 * Math.min(RING_MAX_SECONDS, wholeIn(form, 'Timeout', RING_SECONDS)),
    maxMs: secondsIn(form, 'TimeLimit'),
    sendDigits: form.get('SendDigits') ?? '',
    recording: isTrue(form, 'Record') ? recordingIn(form, 'OutboundAPI') : null,
  })
  if (!areEventsKnown) {
    const text = 'StatusCallbackEvent holds what is no event; the key is given once for each of them'
    live.file.log({ code: problemCode.statusCallbackEvent, text })
  }
  return { live }
}

/** Twilio takes no host with an underscore. */
const isPublicUrl = (url: string): boolean =>
  /^https?:\/\//.test(url) && URL.canParse(url) && !new URL(url).hostname.includes('_')

export function fallbackIn(form: URLSearchParams): OutboundPlan['fallback'] {
  const url = form.get('FallbackUrl')
  return url === null ? null : { url, method: methodIn(form, 'FallbackMethod') }
}

/** `callbackName`: the parameter with the URL that is told the result, if it is found in the background. */
export function detectionIn(form: URLSearchParams, callbackName: string, isAsync: boolean): OutboundPlan['detection'] {
  const asked = form.get('MachineDetection')
  if (asked !== 'Enable' && asked !== 'DetectMessageEnd') return null
  const url = form.get(callbackName)
  return {
    until: asked === 'Enable' ? 'start' : 'end',
    timeoutMs: 1000 * wholeIn(form, 'MachineDetectionTimeout', 30),
    speechThresholdMs: wholeIn(form, 'MachineDetectionSpeechThreshold', 2400),
    speechEndThresholdMs: wholeIn(form, 'MachineDetectionSpeechEndThreshold', 1200),
    silenceTimeoutMs: wholeIn(form, 'MachineDetectionSilenceTimeout', 5000),
    isAsync,
    callback: url === null ? null : { url, method: methodIn(form, `${callbackName}Method`) },
  }
}
