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
/** For the action's answer after the hang-up, nobody is waiting; the call counts as ended when its callbacks are answered. */
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

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
  const answer = await post(exchange, urls.voice, { ...standardParams(record), ...first })
  if (!answer.ok) return { is: 'lost', why: answer.problem.text }
  const connect = connectIn(new TextDecoder().decode(answer.body))
  if (connect === null) return { is: 'lost', why: 'the server did not connect the call to a stream' }
  record.status = 'in-progress'
  record.answeredAtMs = Date.now()
  tally.up++
  const streamSid = createSid('MZ', random)
  const tellOfStream = (event: string): Promise<unknown> =>
    connect.stream.statusCallback === null
      ? Promise.resolve()
      : pause(STREAM_CALLBACK_AFTER_MS).then(() =>
          post(exchange, connect.stream.statusCallback?.url ?? '', streamParams(record, streamSid, event)),
        )
  try {
    const stream = await openStream(exchange, call, { record, streamSid, noun: connect.stream })
    const started = tellOfStream('stream-started')
    const closedEarly = await Promise.race([stream.closed, pause(wanted.seconds * 1000 - closingMs).then(() => null)])
    if (closedEarly === null) {
      call.isClosing = true
      await Promise.race([stream.closed, pause(closingMs)])
    }
    const outcome = stream.hangUp()
    await started
    await tellOfStream('stream-stopped')
    record.status = 'completed'
    if (connect.action !== null) await post(exchange, connect.action, standardParams(record))
    return outcome
  } finally {
    tally.up--
  }
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

function connectIn(twiml: string): Extract<Verb, { verb: 'Connect' }> | null {
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
  /** Ends it, unless the server has. */
  hangUp(): Outcome
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
      if (closeCode !== null) return { is: 'lost', why: `the server closed the media socket (${closeCode})` }
      line.send(writer.stop())
      line.close()
      return { is: 'held' }
    },
  }
}

const bytesPerMs = 8
