// The carrier as it was in a capture: the same requests, signed anew, and the same frames, keys and marks on the media sockets,
// at the same times whatever the server answers. Only what a server draws for itself is taken from its answers: where the
// stream is, and its parameters.

import { signUrl } from '../carrier/signature.ts'
import { iso8601, rfc2822 } from '../carrier/times.ts'
import { parseTwiml, type StreamNoun, type Verb } from '../carrier/twiml.ts'
import { createWebhookSender, type SendWebhook } from '../carrier/webhook.ts'
import type { Line, Network } from '../network.ts'
import { createRandom } from '../random.ts'
import type { Trace } from '../trace.ts'
import type { CaptureEvent, SocketMessage } from './capture.ts'
import { type Causes, isCause } from './causes.ts'
import { audioOf, type Playing } from './play-vendors.ts'

export type CarrierSide = Playing & {
  network: Network
  trace: Trace
  account: { accountSid: string; authToken: string }
  /** Without a slash at its end. */
  publicBaseUrl: string
  causes: Causes
  /** Where a path of the capture is in this run. */
  addressOf(path: string): string
  /** Where the server believes the carrier's REST API. */
  restBaseUrl: string
}

type WebhookEvent = Extract<CaptureEvent, { request: unknown }>

/** Resolves when all of it was sent, and every request is answered. */
export async function playCarrier(side: CarrierSide): Promise<void> {
  const { clock, capture, startedAtMs } = side
  const send = createWebhookSender({ clock, network: side.network, trace: side.trace })
  const stream = createStreams(side)
  const underWay = new Set<Promise<void>>()
  let causesBefore = 0
  for (const event of capture.events) {
    if (isCause(event)) causesBefore++
    if (event.wire === 'webhook' && 'request' in event) {
      await until(event)
      const asking = request(event, causesBefore).finally(() => underWay.delete(asking))
      underWay.add(asking)
    } else if (event.wire === 'media' && !('from' in event && event.from === 'server')) {
      await until(event)
      // A stream ends also because the server has the call go elsewhere.
      if (isEnd(event)) await side.causes.until(causesBefore)
      // The answer that asks for it may be on its way.
      while ('open' in event && !stream.isAsked() && underWay.size > 0) await Promise.race(underWay)
      await stream.play(event)
    }
  }
  await Promise.all(underWay)

  async function until({ at }: CaptureEvent): Promise<void> {
    const waitMs = startedAtMs + at - clock.now()
    if (waitMs > 0) await new Promise<void>((resolve) => clock.after(waitMs, resolve))
  }

  async function request({ at, request: { method, path, fields } }: WebhookEvent, afterCauses: number): Promise<void> {
    const isCaused = await side.causes.until(afterCauses)
    if (!isCaused) side.note(`The server has not done by ${Math.round(at)} ms what made the carrier ask ${path} then`)
    const answer = await send({
      url: `${side.publicBaseUrl}${side.addressOf(path)}`,
      method: method === 'GET' ? 'GET' : 'POST',
      fields: Object.entries(fields).map(([name, value]) => [name, inThisRun(name, value, side)] as const),
      authToken: side.account.authToken,
      random: createRandom(path),
      wire: 'webhook',
    })
    stream.take(answer)
  }
}

const isEnd = (event: CaptureEvent): boolean =>
  'close' in event || ('message' in event && event.message.event === 'stop')

/** What tells an instant tells the same one of this run. */
function inThisRun(name: string, value: string, side: CarrierSide): string {
  if (name !== 'Timestamp' && name !== 'RecordingStartTime') return filledIn(value, side)
  const atMs = Date.parse(value) + side.startedAtMs - side.capture.beganAtMs
  return /^\d{4}-/.test(value) ? iso8601(atMs) : rfc2822(atMs)
}

/** The account is that of this run, and so is the address of its REST API. */
const filledIn = (text: string, { account, restBaseUrl }: CarrierSide): string =>
  text.replace(/AC[0-9a-f]{32}/g, account.accountSid).replace(/https?:\/\/[^/"]+(?=\/2010-04-01\/)/g, restBaseUrl)

function createStreams(side: CarrierSide) {
  const { network, account, capture, note, startedAtMs, clock } = side
  const lines = new Map<number, { line: Line; noun: StreamNoun }>()
  let asked: { noun: StreamNoun; url: string } | null = null

  async function open(n: number): Promise<void> {
    const atMs = Math.round(clock.now() - startedAtMs)
    if (asked === null) return note(`The server asked for no stream by ${atMs} ms`)
    const { noun, url } = asked
    asked = null
    const handlers = { message: () => {}, close: () => void lines.delete(n) }
    try {
      const line = await network.dial(url, { 'x-twilio-signature': signUrl(account.authToken, url) }, handlers)
      lines.set(n, { line, noun })
    } catch (error) {
      note(`The server took no stream at ${atMs} ms: ${error instanceof Error ? error.message : error}`)
    }
  }

  function textOf({ message, audio }: SocketMessage, { parameters }: StreamNoun): string {
    const { start, media } = message
    const own = JSON.stringify({
      ...message,
      ...(isObject(start) && { start: { ...start, customParameters: parameters } }),
      ...(audio !== undefined && { media: { ...(isObject(media) ? media : {}), payload: audioOf(capture, audio) } }),
    })
    return filledIn(own, side)
  }

  return {
    isAsked: () => asked !== null,
    /** The last stream that the server has asked for is the next one to be opened. */
    take(answer: Awaited<ReturnType<SendWebhook>>): void {
      if (!answer.ok) return
      const read = parseTwiml(new TextDecoder().decode(answer.body))
      const noun = read.ok ? read.verbs.flatMap(streamOf)[0] : undefined
      if (noun !== undefined) asked = { noun, url: addressOf(noun.url, answer.url) }
    },
    async play(event: CaptureEvent): Promise<void> {
      if ('open' in event) return open(event.n)
      const opened = lines.get(event.n)
      if (opened === undefined) return
      if ('message' in event) opened.line.send(textOf(event, opened.noun))
      else if ('close' in event && event.close === 1006) opened.line.cut()
      else opened.line.close()
    },
  }
}

const streamOf = (verb: Verb): StreamNoun[] => (verb.verb === 'Connect' ? [verb.stream] : [])

function addressOf(url: string, base: string): string {
  const target = new URL(url, base)
  return `wss://${target.host}${target.pathname}`
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
