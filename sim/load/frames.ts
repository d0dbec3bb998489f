// PURE. The frames of a media stream as text, written without building an object for each: the same text that sim/carrier
// writes. Twilio's side counts all of its messages, and its media once more.
import { afterStamp, letters, stampChars } from './stamp.ts'

const frameMs = 20
const frameBytes = 160
const frameTail = afterStamp(frameBytes)

export type FrameWriter = {
  /** The next frame of the caller: `count` frames were before it. */
  media(count: number): string
  mark(name: string): string
  stop(): string
}

/** `sent`: how many messages that are counted went before, the `start`. */
export function createFrameWriter(of: {
  accountSid: string
  callSid: string
  streamSid: string
  call: number
  sent: number
}): FrameWriter {
  const { accountSid, callSid, streamSid } = of
  const prefix = letters(of.call)
  const ofStream = `"streamSid":"${streamSid}"`
  let sequence = of.sent
  return {
    media: (count) =>
      `{"event":"media","sequenceNumber":"${++sequence}",${ofStream},"media":{"track":"inbound","chunk":"${count + 1}",` +
      `"timestamp":"${count * frameMs}","payload":"${prefix}${letters(count)}${frameTail}"}}`,
    mark: (name) =>
      `{"event":"mark","sequenceNumber":"${++sequence}",${ofStream},"mark":{"name":${JSON.stringify(name)}}}`,
    stop: () =>
      `{"event":"stop","sequenceNumber":"${++sequence}",${ofStream},"stop":{"accountSid":"${accountSid}","callSid":"${callSid}"}}`,
  }
}

/** A piece of the agent's speech, `ms` long. */
export const speechPiece = (call: number, count: number, tail: string): string => letters(call) + letters(count) + tail

/** How many bytes base64 text stands for. */
export function bytesOf(payload: string): number {
  const padding = payload.endsWith('==') ? 2 : payload.endsWith('=') ? 1 : 0
  return (payload.length / 4) * 3 - padding
}

export type ServerFrame =
  | { event: 'media'; payload: string }
  | { event: 'mark'; name: string }
  | { event: 'clear' }
  | { event: 'other' }

/** What the server says on the stream. Its usual spelling is cut out, any other is parsed. */
export function readServerFrame(text: string, streamSid: string): ServerFrame {
  const head = `{"event":"media","streamSid":"${streamSid}","media":{"payload":"`
  if (text.startsWith(head) && text.endsWith('"}}')) return { event: 'media', payload: text.slice(head.length, -3) }
  const frame = JSON.parse(text)
  switch (frame.event) {
    case 'media':
      return { event: 'media', payload: String(frame.media?.payload) }
    case 'mark':
      return { event: 'mark', name: String(frame.mark?.name) }
    case 'clear':
      return { event: 'clear' }
    default:
      return { event: 'other' }
  }
}

const appendHead = '{"type":"input_audio_buffer.append","audio":"'

/** The audio of an append; null when the message is another event. */
export function appendedAudio(text: string): string | null {
  if (text.startsWith(appendHead) && text.endsWith('"}')) return text.slice(appendHead.length, -2)
  if (!text.includes('"input_audio_buffer.append"')) return null
  const event = JSON.parse(text)
  return event.type === 'input_audio_buffer.append' ? String(event.audio) : null
}

/** Whether a payload is long enough to carry a stamp. */
export const isStamped = (payload: string): boolean => payload.length >= stampChars
