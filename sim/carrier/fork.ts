// A stream that only listens: `<Start><Stream>`, or one that REST started. It goes on through documents until it is stopped, its
// socket closes or the call ends, and the server may say nothing on it. Sources: twilio.com/docs/voice/twiml/stream, voice/media-streams,
// voice/api/stream-resource. Whether chunks are counted by track or together is not known; here together, as the example has them.
import type { Line } from '../network.ts'
import type { ForkRecord } from '../record.ts'
import type { Ender, Stage } from './activity.ts'
import { STREAM_CALLBACK_AFTER_MS } from './deliveries.ts'
import { type CarrierMessage, createMessages, type Track } from './frames.ts'
import { problemCode } from './problems.ts'
import { createSid } from './sids.ts'
import { isDeliberate, openSocket, streamForm, streamTarget } from './stream-socket.ts'
import type { StreamNoun } from './twiml.ts'

export type Fork = {
  readonly record: ForkRecord
  /** 20 ms of both sides of the line, which began at `atMs`. */
  hear(sides: Record<Track, Uint8Array>, atMs: number): void
  stop(by: Ender): void
}

/** Of all streams of a call that only listen. */
export const FORK_TRACKS_MAX = 4

export const tracksOf = ({ track }: Pick<StreamNoun, 'track'>): Track[] =>
  track === 'both_tracks' ? ['inbound', 'outbound'] : [track === 'outbound_track' ? 'outbound' : 'inbound']

/** `onEnd`: called once, when nothing more is sent. */
export function openFork(noun: StreamNoun, stage: Stage, onEnd: () => void): Fork {
  const { clock, record: call } = stage
  const { trace } = stage.exchange
  const streamSid = createSid('MZ', stage.random)
  const tracks = tracksOf(noun)
  const messages = createMessages({ accountSid: call.accountSid, callSid: call.callSid, streamSid }, tracks)
  const name = noun.name ?? streamSid
  const record: ForkRecord = { streamSid, name, tracks, startedAtMs: null, endedAtMs: null, endedBy: null, frames: 0 }
  let line: Line | null = null
  let hasSpoken = false

  function send(message: CarrierMessage): void {
    trace.add({ wire: 'media', from: 'carrier', to: 'server', what: message.event, body: message })
    line?.send(JSON.stringify(message))
  }

  function tell(event: string, error?: string): void {
    if (!noun.statusCallback) return
    const form = streamForm(call, { streamSid, name }, event, clock.now(), error)
    stage.deliver({ kind: 'stream', ...noun.statusCallback, form, afterMs: STREAM_CALLBACK_AFTER_MS })
  }

  function over(by: Ender): boolean {
    if (record.endedAtMs !== null) return false
    record.endedAtMs = clock.now()
    record.endedBy = by
    onEnd()
    return true
  }

  async function open(): Promise<void> {
    const target = streamTarget(noun, stage)
    // Whoever opens it must have it before it can end.
    const opened = await ('problem' in target
      ? target
      : openSocket(target.url, stage, { message: hush, close: closed }))
    if ('problem' in opened) {
      if (!over('carrier')) return
      stage.log(opened.problem)
      return tell('stream-error', opened.problem.text)
    }
    if (record.endedAtMs !== null) return opened.line.close()
    line = opened.line
    record.startedAtMs = clock.now()
    send(messages.connected())
    send(messages.start(noun.parameters))
    tell('stream-started')
  }

  function hush(text: string): void {
    trace.add({ wire: 'media', from: 'server', to: 'carrier', what: 'invalid', body: text })
    if (hasSpoken) return
    hasSpoken = true
    stage.log({ code: problemCode.streamProtocol, text: 'The server sent a message on a stream that only listens' })
  }

  function closed(code: number, reason: string): void {
    trace.add({ wire: 'media', from: 'server', to: 'carrier', what: 'close', body: { code, reason } })
    if (!over('server')) return
    stage.log({ code: problemCode.streamClosed, text: `The server closed the media socket (${code})` })
    if (isDeliberate(code)) tell('stream-stopped')
    else tell('stream-error', `The connection broke (${code})`)
  }

  call.forks.push(record)
  void open()

  return {
    record,
    hear(sides, atMs) {
      if (record.startedAtMs === null || record.endedAtMs !== null) return
      for (const track of tracks) send(messages.media(sides[track], Math.max(0, atMs - record.startedAtMs), track))
      record.frames++
    },
    stop(by) {
      if (!over(by)) return
      if (line === null) return
      send(messages.stop())
      line.close()
      tell('stream-stopped')
    },
  }
}
