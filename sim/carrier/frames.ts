// The messages of a media stream as Twilio writes and takes them. What a server sends is held to the letter: an unknown
// event, a missing or an additional field or another stream's id is refused (31951), as twilio.com/docs/api/errors/31951 says.
// Source: twilio.com/docs/voice/media-streams/websocket-messages.
import { z } from 'zod'
import { type Problem, problemCode } from './problems.ts'

export type ServerMessage = { event: 'media'; audio: Uint8Array } | { event: 'mark'; name: string } | { event: 'clear' }

const streamSid = z.string()
const messageShape = z.discriminatedUnion('event', [
  z.strictObject({ event: z.literal('media'), streamSid, media: z.strictObject({ payload: z.base64() }) }),
  z.strictObject({ event: z.literal('mark'), streamSid, mark: z.strictObject({ name: z.string() }) }),
  z.strictObject({ event: z.literal('clear'), streamSid }),
])

/** Reads a message of the server, and gives its JSON as well, where it is JSON, for the trace. */
export function readMessage(
  text: string,
  ownSid: string,
): { json: unknown } & ({ message: ServerMessage } | { problem: Problem }) {
  const json = parseJson(text)
  if (json === undefined) return { json: text, problem: invalid('it is not JSON') }
  const read = messageShape.safeParse(json)
  if (!read.success) return { json, problem: invalid(z.prettifyError(read.error).replace(/\s+/g, ' ')) }
  if (read.data.streamSid !== ownSid) return { json, problem: invalid('its streamSid is not that of this stream') }
  switch (read.data.event) {
    case 'media':
      return {
        json,
        message: { event: 'media', audio: new Uint8Array(Buffer.from(read.data.media.payload, 'base64')) },
      }
    case 'mark':
      return { json, message: { event: 'mark', name: read.data.mark.name } }
    case 'clear':
      return { json, message: { event: 'clear' } }
  }
}

const invalid = (why: string): Problem => ({ code: problemCode.messageInvalid, text: `Invalid message: ${why}` })

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

export type Track = 'inbound' | 'outbound'
export type StreamIdentity = { accountSid: string; callSid: string; streamSid: string }

/** Twilio's side of one stream: each message gets the next sequence number, each frame the next chunk number. */
export function createMessages({ accountSid, callSid, streamSid }: StreamIdentity, tracks: Track[] = ['inbound']) {
  let sequence = 0
  let chunk = 0
  const next = () => String(++sequence)
  return {
    connected: () => ({ event: 'connected', protocol: 'Call', version: '1.0.0' }) as const,
    start: (customParameters: Record<string, string>) =>
      ({
        event: 'start',
        sequenceNumber: next(),
        streamSid,
        start: {
          accountSid,
          streamSid,
          callSid,
          tracks,
          mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 },
          customParameters,
        },
      }) as const,
    /** `sinceStartMs`: when the frame began, counted from the start of the stream. */
    media: (audio: Uint8Array, sinceStartMs: number, track: Track = 'inbound') => {
      const payload = Buffer.from(audio.buffer, audio.byteOffset, audio.byteLength).toString('base64')
      const media = { track, chunk: String(++chunk), timestamp: String(Math.round(sinceStartMs)), payload }
      return { event: 'media', sequenceNumber: next(), streamSid, media } as const
    },
    dtmf: (digit: string) =>
      ({ event: 'dtmf', sequenceNumber: next(), streamSid, dtmf: { track: 'inbound_track', digit } }) as const,
    mark: (name: string) => ({ event: 'mark', sequenceNumber: next(), streamSid, mark: { name } }) as const,
    stop: () => ({ event: 'stop', sequenceNumber: next(), streamSid, stop: { accountSid, callSid } }) as const,
  }
}

type Messages = ReturnType<typeof createMessages>
export type CarrierMessage = ReturnType<Messages[keyof Messages]>
