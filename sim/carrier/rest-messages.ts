// The REST API's messages: sent, found, and forgotten. Source: twilio.com/docs/messaging/api/message-resource. Neither content
// templates nor times to come: what has neither words nor media is refused, and everything goes at once.
import type { Exchange } from './exchange.ts'
import { isWhatsApp, type Message } from './messages.ts'
import { plainNumber } from './numbers.ts'
import type { Ask, Route } from './rest-route.ts'
import { errorResponse, messageJson, notFound, pageJson } from './rest-shapes.ts'

const ADDRESS = /^(whatsapp:)?\+[1-9]\d{6,14}$/
const BODY_MAX_CHARS = 1600
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
          .reverse()
        return Response.json(pageJson('messages', found.map(messageJson), path, query))
      },
    },
    {
      method: 'GET',
      path: one,
      answer: (ask, sid) => withMessage(ask, sid, (each) => Response.json(messageJson(each))),
    },
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

function create({ messages, numbers }: Exchange, { path, account, form }: Ask): Response {
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
  const statusCallback = form.get('StatusCallback')
  const draft = { accountSid, direction: 'outbound-api', from, to, body, mediaUrls, statusCallback } as const
  return Response.json(messageJson(messages.add({ ...draft, serviceSid: isService ? serviceSid : null })), {
    status: 201,
  })
}
