// Opens the socket of a media stream: which address is dialled for a `<Stream>`, the signed handshake, and what Twilio logs
// when there is no socket to be had. Sources: twilio.com/docs/voice/twiml/stream, usage/security, api/errors/319xx.
import { HandshakeRefused, type Line, type LineHandlers } from '../network.ts'
import type { CarrierRecord } from '../record.ts'
import type { Stage } from './activity.ts'
import { type Problem, problemCode } from './problems.ts'
import { signUrl } from './signature.ts'
import { iso8601 } from './times.ts'
import type { StreamNoun } from './twiml.ts'

/** How long the server may take to answer the handshake. Twilio's own figure is not published. */
const HANDSHAKE_LIMIT_MS = 10_000

type Opened = { line: Line } | { problem: Problem }

/** The address to dial: wss only, without the query string that Twilio drops. */
export function streamTarget({ url }: StreamNoun, stage: Stage): { url: string } | { problem: Problem } {
  const base = stage.documentUrl ?? undefined
  if (url === '' || !URL.canParse(url, base)) return problem('streamUrl', 'The URL of <Stream> is not a URL')
  const target = new URL(url, base)
  if (!URL.canParse(url)) target.protocol = 'wss:'
  if (target.protocol !== 'wss:') return problem('streamScheme', `<Stream> takes wss URLs, not ${target.protocol}`)
  if (target.search !== '') {
    stage.log({ code: problemCode.streamHandshake, text: 'The URL of <Stream> has a query string, which is not sent' })
  }
  return { url: `wss://${target.host}${target.pathname}` }
}

/** Dials, signed, within the limit. A socket that comes too late is closed. */
export async function openSocket(url: string, stage: Stage, handlers: LineHandlers): Promise<Opened> {
  const { clock, exchange, authToken } = stage
  const { network, settings, trace } = exchange
  const signature = signUrl(authToken, settings.signsSocketWithSlash ? `${url}/` : url)
  trace.add({ wire: 'media', from: 'carrier', to: 'server', what: 'handshake', body: { url } })
  let isLate = false
  let cancel = () => {}
  // Set outside of what holds the clock: on the virtual clock a slow server must not be outrun by its own deadline.
  const late = new Promise<Opened>((resolve) => {
    cancel = clock.after(HANDSHAKE_LIMIT_MS, () => {
      isLate = true
      resolve(problem('streamTimeout', 'The media socket was not answered in time'))
    })
  })
  const dial = async (): Promise<Opened> => {
    try {
      const line = await network.dial(url, { 'x-twilio-signature': signature }, handlers)
      if (isLate) line.close()
      return { line }
    } catch (error) {
      return refusal(error)
    }
  }
  const opened = await clock.hold(() => Promise.race([dial(), late]), 'the media handshake')
  cancel()
  return opened
}

function refusal(error: unknown): { problem: Problem } {
  const why = error instanceof Error ? error.message : String(error)
  const wasAnswered = error instanceof HandshakeRefused && error.status !== 0
  return problem(wasAnswered ? 'streamHandshake' : 'streamRefused', `Cannot open the media socket: ${why}`)
}

/** What a stream's status callback says. */
export const streamForm = (
  { accountSid, callSid }: CarrierRecord,
  { streamSid, name }: { streamSid: string; name: string },
  event: string,
  nowMs: number,
  error?: string,
): Record<string, string> => ({
  AccountSid: accountSid,
  CallSid: callSid,
  StreamSid: streamSid,
  StreamName: name,
  StreamEvent: event,
  ...(error === undefined ? {} : { StreamError: error }),
  Timestamp: iso8601(nowMs),
})

/** WebSocket close codes that mean to end it: normal, going away, no status. */
export const isDeliberate = (code: number): boolean => [1000, 1001, 1005].includes(code)

const problem = (name: keyof typeof problemCode, text: string): { problem: Problem } => ({
  problem: { code: problemCode[name], text },
})
