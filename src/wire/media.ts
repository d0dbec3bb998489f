// Twilio Media Streams: the frames of one call's audio socket, as Twilio sends and takes them.
// Source: twilio.com/docs/voice/media-streams/websocket-messages. Counters and timestamps are strings on the wire.
import { z } from 'zod'

const mediaFormat = z.looseObject({ encoding: z.string(), sampleRate: z.number(), channels: z.number() })

const twilioFrame = z.discriminatedUnion('event', [
  z.looseObject({ event: z.literal('connected'), protocol: z.string().optional(), version: z.string().optional() }),
  z.looseObject({
    event: z.literal('start'),
    sequenceNumber: z.string().optional(),
    streamSid: z.string(),
    start: z.looseObject({
      accountSid: z.string(),
      streamSid: z.string(),
      callSid: z.string(),
      tracks: z.array(z.string()).optional(),
      mediaFormat,
      customParameters: z.record(z.string(), z.string()).optional().default({}),
    }),
  }),
  z.looseObject({
    event: z.literal('media'),
    sequenceNumber: z.string().optional(),
    streamSid: z.string(),
    /** `payload`: base64 of μ-law at 8 kHz, mono. `timestamp`: ms since the stream began. */
    media: z.looseObject({
      track: z.string().optional(),
      chunk: z.string().optional(),
      timestamp: z.string(),
      payload: z.string(),
    }),
  }),
  z.looseObject({
    event: z.literal('dtmf'),
    streamSid: z.string(),
    dtmf: z.looseObject({ track: z.string().optional(), digit: z.string() }),
  }),
  z.looseObject({ event: z.literal('mark'), streamSid: z.string(), mark: z.looseObject({ name: z.string() }) }),
  z.looseObject({
    event: z.literal('stop'),
    streamSid: z.string(),
    stop: z.looseObject({ accountSid: z.string().optional(), callSid: z.string().optional() }).optional(),
  }),
])
/** What Twilio sends. */
export type TwilioFrame = z.infer<typeof twilioFrame>

/** Reads one message of a media stream. Null for what is no frame that we know; Twilio may add events. Never throws. */
export function readTwilioFrame(text: string): TwilioFrame | null {
  try {
    return twilioFrame.safeParse(JSON.parse(text)).data ?? null
  } catch {
    return null
  }
}
