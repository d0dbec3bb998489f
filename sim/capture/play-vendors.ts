// The model and the carrier's REST API as they were in a capture: the same messages at the same times, the same answers after
// as long. Nothing comes before what caused it: a message waits until the server has said as much as it had by then, for a
// while. What the server asks for beyond the capture is refused, and told.
import { writeMulawWav } from '../audio.ts'
import type { SimClock } from '../clock.ts'
import type { Handshake, Line, LineHandlers, StandIn } from '../network.ts'
import type { Capture, CaptureEvent, HttpWire, SocketMessage } from './capture.ts'
import { CAUSE_LIMIT_MS } from './causes.ts'

export type Playing = {
  clock: SimClock
  capture: Capture
  /** When the call's first request was sent, on the clock. */
  startedAtMs: number
  /** What does not go as in the capture. */
  note(text: string): void
}

export const audioOf = ({ audio }: Capture, span: readonly [number, number]): string =>
  Buffer.from(audio.subarray(...span)).toString('base64')

/** The Realtime API and /v1/responses. */
export function playModel(playing: Playing): StandIn {
  let sessions = 0
  const responses = playAnswers(playing, 'responses', isWithinProcess)
  return {
    fetch: responses,
    upgrade(): Handshake {
      const n = sessions++
      const messages = playing.capture.events.filter((event) => event.wire === 'realtime' && event.n === n)
      if (messages.length === 0) {
        playing.note(`The server opened model session ${n + 1}, which the capture does not have`)
        return { refuse: new Response(null, { status: 503 }) }
      }
      return { accept: (line) => playSession(playing, messages, line) }
    },
  }
}

/** A thought is asked for within the process; everything else over a socket, by its port. */
const isWithinProcess = (request: Request): boolean => !request.headers.has('host')

type Due =
  | { event: SocketMessage; afterServerMessages: number }
  | { close: number; at: number; afterServerMessages: number }

function playSession(playing: Playing, events: readonly CaptureEvent[], line: Line): LineHandlers {
  const { clock, capture, startedAtMs } = playing
  const due = duesOf(events)
  let saidByServer = 0
  let isOver = false
  let cancel = () => {}

  function goOn(): void {
    cancel()
    const next = due[0]
    if (next === undefined || isOver) return
    const atMs = startedAtMs + ('event' in next ? next.event.at : next.at)
    const lateMs = clock.now() - atMs
    const isCaused = saidByServer >= next.afterServerMessages
    if (lateMs < 0) cancel = clock.after(-lateMs, goOn)
    else if (!isCaused && lateMs < CAUSE_LIMIT_MS) cancel = clock.after(CAUSE_LIMIT_MS - lateMs, goOn)
    else {
      if (!isCaused) playing.note(`The server has not said by ${Math.round(atMs - startedAtMs)} ms what it did then`)
      // What waits for the same cause does not wait anew.
      saidByServer = Math.max(saidByServer, next.afterServerMessages)
      due.shift()
      if ('event' in next) line.send(textOf(next.event))
      else line.close(next.close === 1005 || next.close === 1006 ? undefined : next.close)
      goOn()
    }
  }

  function textOf({ message, audio }: SocketMessage): string {
    return JSON.stringify(audio === undefined ? message : { ...message, delta: audioOf(capture, audio) })
  }

  goOn()
  return {
    message(text) {
      if (text.includes('"input_audio_buffer.append"')) return
      saidByServer++
      goOn()
    },
    close() {
      isOver = true
      cancel()
    },
  }
}

function duesOf(events: readonly CaptureEvent[]): Due[] {
  let afterServerMessages = 0
  return events.flatMap((event): Due[] => {
    if ('message' in event && event.from === 'vendor') return [{ event, afterServerMessages }]
    if ('message' in event) afterServerMessages++
    if ('close' in event && event.from === 'vendor') return [{ close: event.close, at: event.at, afterServerMessages }]
    return []
  })
}

/** The account is another one in each run. */
const placeOf = (path: string): string => path.replace(/AC[0-9a-f]{32}/g, '*')

type Exchange = { request: CaptureEvent; answer: Extract<CaptureEvent, { answer: unknown }> }

/**
 * Answers of one wire: to each method and path, the first one, the second one, and so on. `mayWait`: on the virtual clock, which
 * stands still for what comes over a real socket.
 */
export function playAnswers(
  playing: Playing,
  wire: HttpWire,
  mayWait: (request: Request) => boolean = () => false,
): (request: Request) => Promise<Response> {
  const { clock, capture } = playing
  const left = exchangesOf(capture, wire)
  return async (request) => {
    const asked = `${request.method} ${placeOf(new URL(request.url).pathname)}`
    const place = left.findIndex(
      ({ request: each }) =>
        'request' in each && `${each.request.method} ${placeOf(each.request.path.split('?')[0] ?? '')}` === asked,
    )
    const [exchange] = place < 0 ? [] : left.splice(place, 1)
    if (exchange === undefined) {
      playing.note(`The server asked for ${asked} once more than in the capture`)
      return Response.json({ code: 20404, message: 'Not in the capture', status: 404 }, { status: 404 })
    }
    const { request: before, answer } = exchange
    if (!clock.isVirtual || mayWait(request))
      await new Promise<void>((resolve) => clock.after(answer.at - before.at, resolve))
    return responseOf(capture, answer.answer)
  }
}

const exchangesOf = ({ events }: Capture, wire: HttpWire): Exchange[] =>
  events.flatMap((request) => {
    if (request.wire !== wire || !('request' in request)) return []
    const answer = events.find(
      (event): event is Exchange['answer'] => event.wire === wire && event.n === request.n && 'answer' in event,
    )
    return answer === undefined ? [] : [{ request, answer }]
  })

function responseOf(capture: Capture, { status, type, body, channels }: Exchange['answer']['answer']): Response {
  const headers = { 'content-type': type }
  if (channels === undefined) return new Response(body === undefined ? null : JSON.stringify(body), { status, headers })
  const tracks = channels.map((span) => capture.audio.subarray(...span))
  return new Response(new Uint8Array(writeMulawWav(tracks)), { status, headers })
}
