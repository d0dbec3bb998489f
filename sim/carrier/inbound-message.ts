// A message that comes in for one of our numbers: its server is asked, the fallback if that fails, and what it answers is sent.
// Sources: twilio.com/docs/messaging/guides/webhook-request, messaging/twiml, availability-reliability.
import type { Random } from '../random.ts'
import type { Exchange } from './exchange.ts'
import { isWhatsApp, type Message } from './messages.ts'
import { type OwnedNumber, plainNumber } from './numbers.ts'
import { API_VERSION } from './params.ts'
import { type Problem, problemCode } from './problems.ts'
import type { Method } from './twiml.ts'
import { type MessageVerb, parseMessagingTwiml } from './twiml-messaging.ts'

export type InboundText = {
  /** E.164, or `whatsapp:` before it; both of one kind. */
  from: string
  to: string
  body: string
  media?: readonly { url: string; contentType: string }[]
  /** More of what Twilio sends: ButtonPayload, Latitude, OptOutType … */
  fields?: Readonly<Record<string, string>>
}

export type Answered = { message: Message; replies: Message[]; problems: Problem[] }

/** Against documents that send a message round in circles. Ours, not Twilio's. */
const DOCUMENTS_MAX = 20
const MESSAGE_MAX_CHARS = 1600
const optOutAnswers = {
  STOP: 'You have successfully been unsubscribed. You will not receive any more messages from this number. Reply START to resubscribe.',
  START:
    'You have successfully been re-subscribed to messages from this number. Reply HELP for help. Reply STOP to unsubscribe.',
  HELP: 'Reply STOP to unsubscribe. Msg&Data Rates May Apply.',
} as const

type Question = { url: string; method: Method; extra: Record<string, string> }

export async function takeMessage(
  exchange: Exchange,
  number: OwnedNumber,
  text: InboundText,
  random: Random,
): Promise<Answered> {
  const { messages, trace, send } = exchange
  const { accountSid } = number
  const { from, to, body, media = [] } = text
  const mediaUrls = media.map(({ url }) => url)
  const message = messages.add({ accountSid, direction: 'inbound', from, to, body, mediaUrls })
  const replies: Message[] = []
  const problems: Problem[] = []
  const { authToken, log } = messages.sender(accountSid)
  const jar = messages.jar(from, to)
  const fields = { ...formOf(message, media), ...text.fields }
  trace.add({ wire: 'call', from: 'caller', to: 'carrier', what: 'message', body: { from, to, text: body } })

  function note(problem: Problem): void {
    problems.push(problem)
    log(problem)
  }

  function reply(
    draft: Pick<Message, 'from' | 'to' | 'body' | 'mediaUrls'> & { statusCallback?: string | null },
  ): Message {
    const sent = messages.add({ ...draft, accountSid, direction: 'outbound-reply' })
    replies.push(sent)
    return sent
  }

  async function ask({ url, method, extra }: Question): Promise<{ verbs: MessageVerb[]; base: string } | Problem> {
    if (!/^https?:\/\//.test(url)) return { code: problemCode.invalidUrl, text: 'Not a URL' }
    const form = Object.entries({ ...fields, ...extra })
    const answer = await send({ url, method, fields: form, authToken, random, jar, wire: 'webhook', keepsPort: true })
    if (!answer.ok) return answer.problem
    const words = new TextDecoder().decode(answer.body)
    // A page without a type is no TwiML, and neither is plain text: it is what is to be said.
    if (answer.contentType === 'text/plain') return { verbs: words === '' ? [] : [saying(words)], base: answer.url }
    if (words === '' && answer.status === 204) return { verbs: [], base: answer.url }
    const read = parseMessagingTwiml(words)
    if (!read.ok) return read.problem
    for (const warning of read.warnings) note(warning)
    return { verbs: read.verbs, base: answer.url }
  }

  /** The document, or the fallback's in its place; null when there is neither. */
  async function load(question: Question): Promise<{ verbs: MessageVerb[]; base: string } | null> {
    const first = await ask(question)
    if ('verbs' in first) return first
    note(first)
    const { smsFallbackUrl: url, smsFallbackMethod: method } = number
    if (url === '') return null
    const second = await ask({ url, method, extra: { ErrorCode: String(first.code), ErrorUrl: question.url } })
    if ('verbs' in second) return second
    note(second)
    return null
  }

  function carryOut(verb: MessageVerb, base: string): Question | null {
    const resolved = (url: string) => URL.parse(url, base)?.href ?? url
    if (verb.verb === 'Redirect') return { url: resolved(verb.url), method: verb.method, extra: {} }
    const recipient = verb.to ?? from
    if (messages.isBlocked(to, recipient)) {
      note({ code: 21610, text: 'Attempt to send to unsubscribed recipient' })
      return null
    }
    const { mediaUrls, statusCallback } = verb
    const callback = statusCallback === null ? null : resolved(statusCallback)
    const own = { from: verb.from ?? to, to: recipient, mediaUrls, statusCallback: callback }
    const sent = reply({ ...own, body: verb.body.slice(0, MESSAGE_MAX_CHARS) })
    if (verb.action === null) return null
    const extra = { MessageSid: sent.messageSid, MessageStatus: sent.status }
    return { url: resolved(verb.action), method: verb.method, extra }
  }

  async function run(first: Question): Promise<void> {
    let question: Question | null = first
    for (let documents = 0; question !== null && documents < DOCUMENTS_MAX; documents++) {
      const document = await load(question)
      question = null
      for (const verb of document?.verbs ?? []) {
        question = carryOut(verb, document?.base ?? '')
        if (question !== null) break
      }
    }
  }

  const asked = messages.heed(message)
  if (asked !== null) reply({ from: to, to: from, body: optOutAnswers[asked], mediaUrls: [] })
  const { smsUrl: url, smsMethod: method } = number
  if (url !== '') await run({ url, method, extra: {} })
  return { message, replies, problems }
}

const saying = (body: string): MessageVerb => ({
  verb: 'Message',
  body,
  mediaUrls: [],
  to: null,
  from: null,
  statusCallback: null,
  action: null,
  method: 'POST',
})

function formOf(message: Message, media: NonNullable<InboundText['media']>): Record<string, string> {
  const { messageSid, from, to, body, accountSid, segments } = message
  const placeOf = (prefix: string, number: string) =>
    Object.fromEntries(
      ['City', 'State', 'Zip']
        .map((part) => [prefix + part, ''])
        .concat([[`${prefix}Country`, number.startsWith('+1') ? 'US' : '']]),
    )
  return {
    AccountSid: accountSid,
    ApiVersion: API_VERSION,
    Body: body,
    From: from,
    ...(isWhatsApp(from) ? channelOf(from) : placeOf('From', from)),
    MessageSid: messageSid,
    NumMedia: String(media.length),
    NumSegments: String(segments),
    SmsMessageSid: messageSid,
    SmsSid: messageSid,
    SmsStatus: 'received',
    To: to,
    ...(isWhatsApp(from) ? {} : placeOf('To', to)),
    ...Object.fromEntries(
      media.flatMap(({ url, contentType }, index) => [
        [`MediaUrl${index}`, url],
        [`MediaContentType${index}`, contentType],
      ]),
    ),
  }
}

const channelOf = (from: string) => ({
  ProfileName: 'Caller',
  ReferralNumMedia: '0',
  WaId: plainNumber(from).slice(1),
  MessageType: 'text',
})
