// The REST API's messages: sent at once or at a time to come, found, called off, emptied and forgotten. Without content templates:
// what has neither words nor media is refused. Sources: twilio.com/docs/messaging/api/message-resource, features/message-scheduling;
// that a time to come is 15 minutes to 35 days ahead [mem].
import type { Exchange } from './exchange.ts'
import { isWhatsApp, type Message } from './messages.ts'
import { plainNumber } from './numbers.ts'
import { type Ask, isWithin, type Route } from './rest-route.ts'
import { errorResponse, messageJson, notFound, pageJson } from './rest-shapes.ts'

const ADDRESS = /^(whatsapp:)?\+[1-9]\d{6,14}$/
const BODY_MAX_CHARS = 1600
const SOONEST_MS = 15 * 60 * 1000
const LATEST_MS = 35 * 24 * 60 * 60 * 1000
const SERVICE = /^MG[0-9a-f]{32}$/i

export function messageRoutes(exchange: Exchange): Route[] {
  const { messages } = exchange
  const withMessage = (ask: Ask, sid: string | undefined, answer: (message: Message) => Response) => {
    const message = messages.all(ask.account.accountSid).find(({ messageSid }) => messageSid === sid)
    return message ? answer(message) : notFound(ask.path)
  }
  const one = /^\/Messages\/((?:SM|MM)\w+)\.json$/
  return [
    { method: 'POST', path: /^\/Messages\.json$/, answer: (ask) => create(exchange, ask) },
    {
      method: 'GET',
      path: /^\/Messages\.json$/,
      answer({ account, path, query }) {
        const matches = (name: string, value: string) => !query.has(name) || query.get(name) === value
        const found = messages
          .all(account.accountSid)
          .filter(({ from, to }) => matches('From', from) && matches('To', to))
          .filter(({ sentAtMs, createdAtMs }) => isWithin(query, 'DateSent', sentAtMs ?? createdAtMs))
          .reverse()
        return Response.json(pageJson('messages', found.map(messageJson), path, query))
      },
    },
    {
      method: 'GET',
      path: one,
      answer: (ask, sid) => withMessage(ask, sid, (each) => Response.json(messageJson(each))),
    },
    { method: 'POST', path: one, answer: (ask, sid) => withMessage(ask, sid, (each) => change(exchange, ask, each)) },
    {
      method: 'DELETE',
      path: one,
      answer: (ask, sid) =>
        withMessage(ask, sid, (message) => {
          messages.delete(message)
          return new Response(null, { status: 204 })
        }),
    },
  ]
}

function change({ messages }: Exchange, { path, form }: Ask, message: Message): Response {
  const [status, body] = [form.get('Status'), form.get('Body')]
  if (status !== null && status !== 'canceled') return errorResponse(20001, path, 'Status is not canceled')
  if (body !== null && body !== '') return errorResponse(20001, path, 'Body can only be emptied')
  if (status === 'canceled' && !messages.cancel(message))
    return errorResponse(20001, path, 'The message is not scheduled any more')
  if (body !== null) message.body = ''
  return Response.json(messageJson(message))
}

/** When a message is to be sent; null: at once. Or why it cannot be so. */
function sendAtIn(form: URLSearchParams, isService: boolean, nowMs: number): number | null | string {
  if (form.get('ScheduleType') === null && form.get('SendAt') === null) return null
  const atMs = Date.parse(form.get('SendAt') ?? '')
  if (form.get('ScheduleType') !== 'fixed') return 'ScheduleType is not fixed'
  if (!isService) return 'A message that is scheduled needs a MessagingServiceSid'
  const isInReach = atMs - nowMs >= SOONEST_MS && atMs - nowMs <= LATEST_MS
  return isInReach ? atMs : 'SendAt is not a time from 15 minutes to 35 days ahead'
}

function create({ messages, numbers, clock }: Exchange, { path, account, form }: Ask): Response {
  const { accountSid } = account
  const to = form.get('To') ?? ''
  const serviceSid = form.get('MessagingServiceSid')
  const isService = SERVICE.test(serviceSid ?? '')
  const prefix = isWhatsApp(to) ? 'whatsapp:' : ''
  // A service has numbers of its own; here it has its account's.
  const pooled = isService ? numbers.ofAccount(accountSid)[0] : undefined
  const from = form.get('From') ?? (pooled === undefined ? '' : prefix + pooled.phoneNumber)
  const body = form.get('Body') ?? ''
  const mediaUrls = form.getAll('MediaUrl')
  if (to === '') return errorResponse(21604, path)
  if (!ADDRESS.test(to)) return errorResponse(21211, path, `The 'To' number ${to} is not a valid phone number`)
  if (from === '') return errorResponse(21603, path)
  if (!numbers.owns(accountSid, plainNumber(from)) || isWhatsApp(from) !== isWhatsApp(to))
    return errorResponse(21606, path)
  if (body === '' && mediaUrls.length === 0) return errorResponse(21602, path)
  if (body.length > BODY_MAX_CHARS) return errorResponse(21617, path)
  if (messages.isBlocked(from, to)) return errorResponse(21610, path)
  const sendAtMs = sendAtIn(form, isService, clock.now())
  if (typeof sendAtMs === 'string') return errorResponse(20001, path, sendAtMs)
  const statusCallback = form.get('StatusCallback')
  const draft = { accountSid, direction: 'outbound-api', from, to, body, mediaUrls, statusCallback } as const
  return Response.json(messageJson(messages.add({ ...draft, sendAtMs, serviceSid: isService ? serviceSid : null })), {
    status: 201,
  })
}
