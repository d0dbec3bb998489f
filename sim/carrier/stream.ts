// One media stream: the socket that Twilio opens to the server, the caller's frames out, the server's audio in and through
// the playout clock. Strict about what it receives, and writes down every byte with its fate.
// Sources: twilio.com/docs/voice/media-streams, voice/twiml/stream, api/errors/319xx.
import type { Line } from '../network.ts'
import type { StreamRecord } from '../record.ts'
import { type Activity, type Ender, idleActivity, type Stage } from './activity.ts'
import { STREAM_CALLBACK_AFTER_MS } from './deliveries.ts'
import { type CarrierMessage, createMessages, readMessage, type ServerMessage } from './frames.ts'
import { createPlayback } from './playback.ts'
import { type Problem, problemCode } from './problems.ts'
import { createSid } from './sids.ts'
import { isDeliberate, openSocket, streamForm, streamTarget } from './stream-socket.ts'
import type { StreamNoun } from './twiml.ts'

const tooMuchMedia: Problem = {
  code: problemCode.mediaDiscarded,
  text: 'More than ten minutes of audio are waiting; what comes is thrown away',
}

const noSuchTrack = ({ track }: StreamNoun): Problem => ({
  code: problemCode.streamTrack,
  text: `<Connect><Stream> has no track ${track}`,
})

export function openStream(noun: StreamNoun, stage: Stage): Activity {
  const { clock, record: call } = stage
  const { trace } = stage.exchange
  const streamSid = createSid('MZ', stage.random)
  const messages = createMessages({ accountSid: call.accountSid, callSid: call.callSid, streamSid })
  const activity = idleActivity()
  const record = emptyRecord(streamSid, clock.now())
  const playback = createPlayback(clock, record, {
    delayMs: stage.exchange.settings.playoutDelayMs(),
    returnMark: (name) => send(messages.mark(name)),
  })
  const warned = new Set<number>()
  let line: Line | null = null
  let isOver = false

  function send(message: CarrierMessage): void {
    trace.add({ wire: 'media', from: 'carrier', to: 'server', what: message.event, body: message })
    line?.send(JSON.stringify(message))
  }

  function tell(event: string, error?: string): void {
    if (!noun.statusCallback) return
    const form = streamForm(call, { streamSid, name: noun.name ?? streamSid }, event, clock.now(), error)
    stage.deliver({ kind: 'stream', ...noun.statusCallback, form, afterMs: STREAM_CALLBACK_AFTER_MS })
  }

  async function open(): Promise<void> {
    const target = noun.track === 'inbound_track' ? streamTarget(noun, stage) : { problem: noSuchTrack(noun) }
    if ('problem' in target) return fail(target.problem)
    record.url = target.url
    const opened = await openSocket(target.url, stage, { message: receive, binary: undecodable, close: closed })
    if ('problem' in opened) return fail(opened.problem)
    // The call may have ended while the handshake was under way.
    if (isOver) return opened.line.close()
    line = opened.line
    record.startedAtMs = clock.now()
    send(messages.connected())
    send(messages.start(noun.parameters))
    tell('stream-started')
  }

  function receive(text: string): void {
    const { json, ...read } = readMessage(text, streamSid)
    const what = 'message' in read ? read.message.event : 'invalid'
    trace.add({ wire: 'media', from: 'server', to: 'carrier', what, body: json })
    if (isOver) return
    if ('problem' in read) warnOnce(read.problem)
    else take(read.message)
  }

  function undecodable({ length }: Uint8Array): void {
    trace.add({ wire: 'media', from: 'server', to: 'carrier', what: 'binary', body: { bytes: length } })
    if (!isOver) warnOnce({ code: problemCode.messageUndecodable, text: 'A binary message, where all are JSON text' })
  }

  function take(message: ServerMessage): void {
    switch (message.event) {
      case 'media':
        if (!playback.enqueue(message.audio)) warnOnce(tooMuchMedia)
        return
      case 'mark':
        playback.mark(message.name)
        return
      case 'clear':
        playback.clear()
    }
  }

  function warnOnce(problem: Problem): void {
    if (warned.has(problem.code)) return
    warned.add(problem.code)
    stage.log(problem)
  }

  function closed(code: number, reason: string): void {
    trace.add({ wire: 'media', from: 'server', to: 'carrier', what: 'close', body: { code, reason } })
    if (isOver) return
    stage.log({ code: problemCode.streamClosed, text: `The server closed the media socket (${code})` })
    over('server')
    if (isDeliberate(code)) tell('stream-stopped')
    else tell('stream-error', `The connection broke (${code})`)
    activity.finish({ go: 'on' })
  }

  function fail(problem: Problem): void {
    if (isOver) return
    stage.log(problem)
    over('carrier')
    tell('stream-error', problem.text)
    activity.finish({ go: 'on' })
  }

  function over(by: Ender): void {
    playback.halt()
    isOver = true
    record.endedAtMs = clock.now()
    record.endedBy = by
  }

  call.streams.push(record)
  void open()

  return {
    ...activity,
    frame(audio, atMs) {
      if (line === null || isOver || record.startedAtMs === null) return
      // A catching-up schedule may name an instant just before the stream's own beginning.
      send(messages.media(audio, Math.max(0, atMs - record.startedAtMs)))
      record.sent.push({ atMs: clock.now(), bytes: audio })
    },
    press(digit) {
      if (line !== null && !isOver) send(messages.dtmf(digit))
    },
    sound: playback.sound,
    heard: playback.heard,
    stop(stop) {
      if (isOver) return
      if (line !== null) send(messages.stop())
      line?.close()
      over(stop.cause === 'hang-up' ? stop.by : 'server')
      if (line !== null) tell('stream-stopped')
      activity.finish({ go: 'on' })
    },
  }
}

const emptyRecord = (streamSid: string, openedAtMs: number): StreamRecord => ({
  streamSid,
  url: '',
  openedAtMs,
  startedAtMs: null,
  endedAtMs: null,
  endedBy: null,
  sent: [],
  received: new Uint8Array(0),
  receivedAt: [],
  played: [],
  cleared: [],
  marks: [],
})
