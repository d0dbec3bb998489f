// Callbacks on their way: everything that Twilio tells a server without waiting for its answer. All of them pass through
// one `deliver`, so that whoever wants them late, twice, never or in another order has one place to stand.
import type { SimClock } from '../clock.ts'
import type { Random } from '../random.ts'
import type { CarrierRecord } from '../record.ts'
import { type Problem, problemCode } from './problems.ts'
import { type Method, parseTwiml } from './twiml.ts'
import type { SendWebhook, WebhookAnswer } from './webhook.ts'

/** How long after its cause each callback leaves: seconds at most, as users see them; Twilio promises nothing. */
export const STATUS_CALLBACK_AFTER_MS = 100
export const STREAM_CALLBACK_AFTER_MS = 50
export const RECORDING_CALLBACK_AFTER_MS = 800
export const DETECTION_CALLBACK_AFTER_MS = 100
export const CONFERENCE_CALLBACK_AFTER_MS = 100
export const MESSAGE_CALLBACK_AFTER_MS = 100
export const GATHER_CALLBACK_AFTER_MS = 100

export type CallbackKind = 'status' | 'recording' | 'stream' | 'detection' | 'conference' | 'gather'

export type Callback = {
  kind: CallbackKind
  url: string
  method: Method
  form: Record<string, string>
  afterMs: number
}

/** What is written down about a call, with what it signs, and how it sends callbacks. */
export type CallFile = {
  readonly record: CarrierRecord
  readonly authToken: string
  readonly random: Random
  deliver(callback: Callback): void
  /** Writes into Twilio's debugger. */
  log(problem: Problem): void
}

/** Resolves when the callback has been answered, or has failed for good. The call's record keeps what became of it. */
export type Deliver = (call: Omit<CallFile, 'deliver'>, callback: Callback) => Promise<void>

/** Whoever a callback is of: a call, or a message. */
export type CallbackSender = Pick<CallFile, 'authToken' | 'random' | 'log'> & {
  record: Pick<CarrierRecord, 'deliveries'>
}
export type SendCallback = (
  from: CallbackSender,
  callback: Omit<Callback, 'kind'> & { kind: CallbackKind | 'message' },
) => Promise<void>

export function createDeliver({ clock, send }: { clock: SimClock; send: SendWebhook }): SendCallback {
  return async ({ record, authToken, random, log }, { kind, url, method, form, afterMs }) => {
    if (!/^https?:/.test(url) || !URL.canParse(url)) {
      const code = kind === 'recording' ? problemCode.recordingCallbackUrl : problemCode.invalidUrl
      log({ code, text: `The ${kind} callback has no valid URL` })
      return
    }
    const causedAtMs = clock.now()
    if (afterMs > 0) await new Promise<void>((resolve) => clock.after(afterMs, resolve))
    const atMs = clock.now()
    const answer = await send({
      url,
      method,
      fields: Object.entries(form),
      authToken,
      random,
      wire: 'callback',
      keepsPort: kind === 'message',
    })
    record.deliveries.push({ causedAtMs, atMs, url, form, status: answer.status, tookMs: answer.tookMs })
    if (!answer.ok) log(answer.problem)
    else if (kind === 'status' && !isAsDocumented(answer))
      log({
        code: problemCode.contentType,
        text: 'A status callback is answered with 204, or with an empty <Response/>',
      })
  }
}

/** Whatever else it says is not obeyed either; which number Twilio logs for it is not documented. */
function isAsDocumented({ status, contentType, body }: Extract<WebhookAnswer, { ok: true }>): boolean {
  if (status === 204) return true
  const read = /^(text|application)\/xml$/.test(contentType) ? parseTwiml(new TextDecoder().decode(body)) : null
  return read?.ok === true && read.verbs.length === 0
}
