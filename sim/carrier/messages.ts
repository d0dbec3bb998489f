// Messages, by SMS and by WhatsApp: those that the server sends, from the order to the last status callback, and who has asked
// for no more of them. Sources: twilio.com/docs/messaging/guides/track-outbound-message-status, messaging/tutorials/advanced-opt-out.
import type { SimClock } from '../clock.ts'
import type { Random } from '../random.ts'
import type { Trace } from '../trace.ts'
import { createJar, type Jar } from './cookies.ts'
import { type CallbackSender, MESSAGE_CALLBACK_AFTER_MS, type SendCallback } from './deliveries.ts'
import type { CarrierAccount } from './exchange.ts'
import { plainNumber } from './numbers.ts'
import { API_VERSION } from './params.ts'
import { createSid } from './sids.ts'
import { compactTime } from './times.ts'

export type MessageStatus =
  | 'scheduled'
  | 'canceled'
  | 'accepted'
  | 'queued'
  | 'sent'
  | 'delivered'
  | 'undelivered'
  | 'read'
  | 'received'

export type Message = {
  readonly messageSid: string
  readonly accountSid: string
  readonly serviceSid: string | null
  readonly direction: 'inbound' | 'outbound-api' | 'outbound-reply'
  /** E.164, or `whatsapp:` before it. */
  readonly from: string
  readonly to: string
  body: string
  readonly mediaUrls: readonly string[]
  readonly segments: number
  readonly createdAtMs: number
  status: MessageStatus
  errorCode: number | null
  sentAtMs: number | null
  changedAtMs: number
}

export type Draft = Pick<Message, 'accountSid' | 'direction' | 'from' | 'to' | 'body' | 'mediaUrls'> & {
  serviceSid?: string | null
  statusCallback?: string | null
  /** When it is to be sent; null: at once. */
  sendAtMs?: number | null
}

export type Messages = {
  /** Takes a message; it goes its way by itself if it is one that goes out. */
  add(draft: Draft): Message
  all(accountSid: string): Message[]
  /** Answers whether it was still to be sent. */
  cancel(message: Message): boolean
  delete(message: Message): void
  /** What a person wrote about getting messages at all, if they did; it holds from now on. */
  heed(message: Message): OptOut | null
  isBlocked(from: string, to: string): boolean
  /** When every callback is answered or lost. */
  idle(): Promise<void>
  sender(accountSid: string): CallbackSender
  /** What servers have set in the conversation of two numbers; it holds for four hours from when it began. */
  jar(from: string, to: string): Jar
}

export type OptOut = 'STOP' | 'START' | 'HELP'

/** Between the steps of a message that goes out. Nothing is promised; seconds are usual. */
const STEP_MS = 400
/** Of cookies. */
const CONVERSATION_MS = 4 * 60 * 60 * 1000
/** The timers of a machine end at 24 days. */
const LONGEST_TIMER_MS = 24 * 60 * 60 * 1000
/** Of the only segment, and of each of several. */
const SEGMENT_CHARS = { gsm: { one: 160, part: 153 }, unicode: { one: 70, part: 67 } }
const gsmAlphabet = /^[ -_a-~\n\r£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà€]*$/
const words: Record<OptOut, RegExp> = {
  STOP: /^(stop|unsubscribe|end|quit|stopall|revoke|optout|cancel)$/i,
  START: /^(start|unstop|yes)$/i,
  HELP: /^(help|info)$/i,
}
const UNREACHABLE = 30003

export const isWhatsApp = (address: string): boolean => address.startsWith('whatsapp:')

export function createMessages(parts: {
  clock: SimClock
  random: Random
  trace: Trace
  accounts: readonly CarrierAccount[]
  send: SendCallback
  /** Whether a message to the number arrives. */
  arrives(phoneNumber: string): boolean
}): Messages {
  const { clock, random, trace } = parts
  const kept = new Set<Message>()
  const blocked = new Set<string>()
  const underWay = new Set<Promise<void>>()
  const jars = new Map<string, { jar: Jar; beganAtMs: number }>()
  const pair = (from: string, to: string) => `${from} ${to}`

  function sender(accountSid: string): CallbackSender {
    const authToken = parts.accounts.find((account) => account.accountSid === accountSid)?.authToken ?? ''
    const log: CallbackSender['log'] = ({ code, text }) =>
      trace.add({ wire: 'call', from: 'carrier', to: 'carrier', what: `problem ${code}`, body: { text } })
    return { record: { deliveries: [] }, authToken, random, log }
  }

  async function deliver(message: Message, url: string | null, sendAtMs: number | null): Promise<void> {
    const tell = async (status: MessageStatus): Promise<void> => {
      message.status = status
      message.changedAtMs = clock.now()
      trace.add({ wire: 'call', from: 'carrier', to: 'carrier', what: `message ${status}`, body: { to: message.to } })
      if (url === null) return
      const form = statusForm(message, clock.now())
      const callback = { kind: 'message', url, method: 'POST', form, afterMs: MESSAGE_CALLBACK_AFTER_MS } as const
      const told = parts.send(sender(message.accountSid), callback).finally(() => underWay.delete(told))
      underWay.add(told)
    }
    const wait = (ms = STEP_MS) => new Promise<void>((resolve) => clock.after(ms, resolve))
    if (sendAtMs !== null) {
      while (clock.now() < sendAtMs) await wait(Math.min(LONGEST_TIMER_MS, sendAtMs - clock.now()))
      if (message.status !== 'scheduled') return
      message.status = 'accepted'
    }
    if (message.status === 'accepted') {
      await wait()
      await tell('queued')
    }
    await wait()
    message.sentAtMs = clock.now()
    await tell('sent')
    await wait()
    const isThere = parts.arrives(plainNumber(message.to))
    if (!isThere) message.errorCode = UNREACHABLE
    await tell(isThere ? 'delivered' : 'undelivered')
    if (!isThere || !isWhatsApp(message.to)) return
    await wait()
    await tell('read')
  }

  function jar(from: string, to: string): Jar {
    const known = jars.get(pair(from, to))
    if (known !== undefined && clock.now() - known.beganAtMs < CONVERSATION_MS) return known.jar
    const fresh = { jar: createJar(clock), beganAtMs: clock.now() }
    jars.set(pair(from, to), fresh)
    return fresh.jar
  }

  return {
    sender,
    jar,
    add({ serviceSid = null, statusCallback = null, sendAtMs = null, ...draft }) {
      const atMs = clock.now()
      const message: Message = {
        ...draft,
        serviceSid,
        messageSid: createSid(draft.mediaUrls.length > 0 ? 'MM' : 'SM', random),
        segments: segmentsOf(draft),
        createdAtMs: atMs,
        status: firstStatus(draft, serviceSid, sendAtMs),
        errorCode: null,
        sentAtMs: null,
        changedAtMs: atMs,
      }
      kept.add(message)
      if (message.direction === 'inbound') return message
      const { from, to, body } = message
      trace.add({ wire: 'call', from: 'carrier', to: 'caller', what: 'message', body: { from, to, text: body } })
      const way = deliver(message, statusCallback, sendAtMs).finally(() => underWay.delete(way))
      underWay.add(way)
      return message
    },
    all: (accountSid) => [...kept].filter((message) => message.accountSid === accountSid),
    cancel(message) {
      if (message.status !== 'scheduled') return false
      message.status = 'canceled'
      message.changedAtMs = clock.now()
      return true
    },
    delete: (message) => void kept.delete(message),
    heed({ from, to, body }) {
      if (isWhatsApp(from)) return null
      const asked = (['STOP', 'START', 'HELP'] as const).find((each) => words[each].test(body.trim())) ?? null
      if (asked === 'STOP') blocked.add(pair(to, from))
      if (asked === 'START') blocked.delete(pair(to, from))
      return asked
    },
    isBlocked: (from, to) => blocked.has(pair(from, to)),
    async idle() {
      while (underWay.size > 0) await Promise.all(underWay)
    },
  }
}

function firstStatus({ direction }: Draft, serviceSid: string | null, sendAtMs: number | null): MessageStatus {
  if (direction === 'inbound') return 'received'
  if (sendAtMs !== null) return 'scheduled'
  return serviceSid === null ? 'queued' : 'accepted'
}

/** Anything but a plain SMS is one segment. How many characters there are in those of a longer one, and of which alphabets [mem]. */
function segmentsOf({ from, body }: Draft): number {
  const { one, part } = gsmAlphabet.test(body) ? SEGMENT_CHARS.gsm : SEGMENT_CHARS.unicode
  return isWhatsApp(from) || body.length <= one ? 1 : Math.ceil(body.length / part)
}

/** No sequence number and no time: only the status itself says how far the message is. */
function statusForm(message: Message, nowMs: number): Record<string, string> {
  const { messageSid, status, errorCode } = message
  const isSettled = status === 'delivered' || status === 'undelivered'
  return {
    AccountSid: message.accountSid,
    ApiVersion: API_VERSION,
    From: message.from,
    To: message.to,
    MessageSid: messageSid,
    SmsSid: messageSid,
    MessageStatus: status,
    SmsStatus: status,
    ...(message.serviceSid === null ? {} : { MessagingServiceSid: message.serviceSid }),
    ...(errorCode === null ? {} : { ErrorCode: String(errorCode) }),
    ...(isWhatsApp(message.to)
      ? { ChannelPrefix: 'whatsapp' }
      : isSettled
        ? { RawDlrDoneDate: compactTime(nowMs) }
        : {}),
    ...(status === 'read' ? { EventType: 'READ' } : {}),
  }
}
