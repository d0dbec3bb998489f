// One call of a load, as Twilio carries it: the signed webhook, the document that is obeyed as far as its stream, the caller's
// frames on the beat, marks that come back when they would have been heard, and after the hang-up the action and callbacks. What
// it does not play (verbs before the stream, recordings, anything after the hang-up) it asks for and passes over.
import { STATUS_CALLBACK_AFTER_MS, STREAM_CALLBACK_AFTER_MS } from '../carrier/deliveries.ts'
import { createMessages } from '../carrier/frames.ts'
import { emptyRecord } from '../carrier/leg.ts'
import { firstRequestParams, standardParams, statusParams } from '../carrier/params.ts'
import { createSid, createToken } from '../carrier/sids.ts'
import { signUrl } from '../carrier/signature.ts'
import { iso8601 } from '../carrier/times.ts'
import { parseTwiml, type StreamNoun, type Verb } from '../carrier/twiml.ts'
import type { SendWebhook, WebhookAnswer } from '../carrier/webhook.ts'
import type { Line, Network } from '../network.ts'
import type { Random } from '../random.ts'
import type { CarrierRecord } from '../record.ts'
import type { Beat } from './beat.ts'
import { bytesOf, createFrameWriter, type FrameWriter, isStamped, readServerFrame } from './frames.ts'
import { readLetters } from './stamp.ts'
import { type CallTally, keepTime, type Outcome, type Tally, timeOf } from './tally.ts'

/** What all calls of a load share. */
export type Exchange = {
  network: Network
  send: SendWebhook
  random: Random
  account: { accountSid: string; authToken: string }
  urls: { voice: string; status: string }
  beat: Beat
  tally: Tally
}

export type LoadCall = { to: string; from: string; seconds: number }

/** So long before the hang-up the agent begins nothing new, so that no speech is on its way when the line goes. */
const closingMs = 2_000
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const pauseUntil = (atMs: number): Promise<null> => pause(Math.max(0, atMs - performance.now())).then(() => null)
/** Streams of one call, the first included. */
const streamsMax = 6

/** Resolves when the carrier has nothing more to say of the call. Never rejects. */
export async function carryCall(exchange: Exchange, call: CallTally, wanted: LoadCall): Promise<Outcome> {
  const { account, random, tally } = exchange
  const record = emptyRecord({
    callSid: createSid('CA', random),
    accountSid: account.accountSid,
    direction: 'inbound',
    parentCallSid: null,
    from: wanted.from,
    to: wanted.to,
    status: 'ringing',
    ringingAtMs: Date.now(),
  })
  const outcome = await carry(exchange, call, record, wanted).catch(
    (error: unknown): Outcome => ({ is: 'lost', why: error instanceof Error ? error.message : String(error) }),
  )
  record.status = 'completed'
  record.endedAtMs = Date.now()
  tally.ended++
  if (outcome.is === 'lost') tally.lost.set(outcome.why, (tally.lost.get(outcome.why) ?? 0) + 1)
  await pause(STATUS_CALLBACK_AFTER_MS)
  await post(exchange, exchange.urls.status, statusParams(record, 'completed', 0, Date.now()))
  return outcome
}

async function carry(exchange: Exchange, call: CallTally, record: CarrierRecord, wanted: LoadCall): Promise<Outcome> {
  const { urls, random, tally } = exchange
  const first = firstRequestParams(createToken(random))
  let connect = await ask(exchange, urls.voice, { ...standardParams(record), ...first })
  if (connect === null) return { is: 'lost', why: 'the server did not connect the call to a stream' }
  record.status = 'in-progress'
  record.answeredAtMs = Date.now()
  const endsAtMs = performance.now() + wanted.seconds * 1000
  tally.up++
  try {
    for (let streams = 1; streams <= streamsMax; streams++) {
      const end = await stream(exchange, call, { record, connect, endsAtMs })
      const next: Connect | null =
        connect.action === null ? null : await ask(exchange, connect.action, standardParams(record))
      if (end === 'hung-up') return { is: 'held' }
      if (next === null) return { is: 'lost', why: `${end}, and the call was not taken back` }
      connect = next
      tally.resumed++
    }
    return { is: 'lost', why: `${streamsMax} streams broke` }
  } finally {
    tally.up--
  }
}

/** Answers with how it ended: by the caller, or otherwise, in plain words. */
async function stream(
  exchange: Exchange,
  call: CallTally,
  of: { record: CarrierRecord; connect: Connect; endsAtMs: number },
): Promise<string> {
  const { record, endsAtMs } = of
  const { stream: noun } = of.connect
  const streamSid = createSid('MZ', exchange.random)
  const tell = async (event: string): Promise<void> => {
    if (noun.statusCallback === null) return
    await pause(STREAM_CALLBACK_AFTER_MS)
    await post(exchange, noun.statusCallback.url, streamParams(record, streamSid, event))
  }
  const opened = await openStream(exchange, call, { record, streamSid, noun }).catch((error: Error) => error)
  if (opened instanceof Error) return opened.message
  const started = tell('stream-started')
  const closedEarly = await Promise.race([opened.closed, pauseUntil(endsAtMs - closingMs)])
  if (closedEarly === null) {
    call.isClosing = true
    await Promise.race([opened.closed, pauseUntil(endsAtMs)])
  }
  const code = opened.hangUp()
  await started
  await tell('stream-stopped')
  if (code !== null) return `the server closed the media socket (${code})`
  record.status = 'completed'
  return 'hung-up'
}

/** Asks for a document, and finds in it what connects the call; null when nothing does. */
async function ask(exchange: Exchange, url: string, form: Record<string, string>): Promise<Connect | null> {
  const answer = await post(exchange, url, form)
  return answer.ok ? connectIn(new TextDecoder().decode(answer.body)) : null
}

async function post(exchange: Exchange, url: string, form: Record<string, string>): Promise<WebhookAnswer> {
  const { send, account, random, tally } = exchange
  const startedAtMs = performance.now()
  const { authToken } = account
  const answer = await send({ url, method: 'POST', fields: Object.entries(form), authToken, random, wire: 'webhook' })
  tally.webhooks.add(performance.now() - startedAtMs)
  if (!answer.ok) tally.webhooksRefused++
  return answer
}

type Connect = Extract<Verb, { verb: 'Connect' }>

function connectIn(twiml: string): Connect | null {
  const reading = parseTwiml(twiml)
  const verbs = reading.ok ? reading.verbs : []
  return verbs.find((verb) => verb.verb === 'Connect') ?? null
}

const streamParams = (record: CarrierRecord, streamSid: string, event: string): Record<string, string> => ({
  AccountSid: record.accountSid,
  CallSid: record.callSid,
  StreamSid: streamSid,
  StreamName: streamSid,
  StreamEvent: event,
  Timestamp: iso8601(Date.now()),
})

type Stream = {
  /** Resolves with the close code when the server closes it. */
  closed: Promise<number>
  /** Ends it; answers with the close code when the server had ended it before. */
  hangUp(): number | null
}

async function openStream(
  exchange: Exchange,
  call: CallTally,
  of: { record: CarrierRecord; streamSid: string; noun: StreamNoun },
): Promise<Stream> {
  const { network, account, beat, tally } = exchange
  const { record, streamSid, noun } = of
  const { accountSid, callSid } = record
  const { promise: closed, resolve: setClosed } = Promise.withResolvers<number>()
  const marks: { name: string; dueAtMs: number }[] = []
  let soundsUntilMs = 0
  let closeCode: number | null = null

  function receive(text: string): void {
    const frame = readServerFrame(text, streamSid)
    switch (frame.event) {
      case 'media':
        hear(frame.payload)
        return
      case 'mark':
        marks.push({ name: frame.name, dueAtMs: soundsUntilMs })
        return
      case 'clear':
        soundsUntilMs = performance.now()
        for (const mark of marks) mark.dueAtMs = soundsUntilMs
        return
      case 'other':
        return
    }
  }

  function hear(payload: string): void {
    const nowMs = performance.now()
    const bytes = bytesOf(payload)
    call.played++
    call.playedBytes += bytes
    soundsUntilMs = Math.max(nowMs, soundsUntilMs) + bytes / bytesPerMs
    if (!isStamped(payload) || readLetters(payload, 0) !== call.index) return
    tally.modelToCaller.add(nowMs - timeOf(call.saidAtMs, readLetters(payload, 4)))
  }

  const line: Line = await network.dial(
    noun.url,
    { 'x-twilio-signature': signUrl(account.authToken, noun.url) },
    {
      message: receive,
      close(code) {
        closeCode = code
        rise()
        setClosed(code)
      },
    },
  )
  const messages = createMessages({ accountSid, callSid, streamSid })
  line.send(JSON.stringify(messages.connected()))
  line.send(JSON.stringify(messages.start(noun.parameters)))
  const writer: FrameWriter = createFrameWriter({ accountSid, callSid, streamSid, call: call.index, sent: 1 })

  function step(nowMs: number): void {
    for (let mark = marks[0]; mark !== undefined && mark.dueAtMs <= nowMs; mark = marks[0]) {
      line.send(writer.mark(mark.name))
      marks.shift()
    }
    keepTime(call.sentAtMs, call.sent, performance.now())
    line.send(writer.media(call.sent++))
  }

  const rise = beat.seat(step)
  return {
    closed,
    hangUp() {
      rise()
      if (closeCode !== null) return closeCode
      line.send(writer.stop())
      line.close()
      return null
    },
  }
}

const bytesPerMs = 8
