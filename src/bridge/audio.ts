// PURE. The fast lane: base64 μ-law from one socket's message into the other's, untouched. A message of exactly the usual
// shape is recognised and spliced; anything else (keys in another order, escapes, spaces, text that only looks alike) is
// parsed in full by its reader in src/wire, with the same result.
import type { TwilioFrame } from '../wire/media.ts'
import type { ModelEvent } from '../wire/realtime.ts'
import { bytesPerMs, markName, type PartName, type Place } from './playback.ts'

/** Audio of the caller. `timestampMs`: since the stream began; null when Twilio gave none that can be read. */
export type CallerAudio = { timestampMs: number | null; payload: string }

/** Audio of the agent, and whose it is. */
export type AgentAudio = PartName & { payload: string }

const base64 = '[A-Za-z0-9+/]+={0,2}'
const index = '(?:0|[1-9]\\d{0,5})'
const sid = '"streamSid":"\\w+"'
const inbound = `"media":\\{"track":"inbound","chunk":"\\d+","timestamp":"(\\d{1,15})","payload":"(${base64})"\\}`
const opening = '"event":"media","sequenceNumber":"\\d+"'
// Twilio's documents show the stream's id before the media in one place and after it in another.
const mediaFirst = new RegExp(`^\\{${opening},${inbound},${sid}\\}$`)
const sidFirst = new RegExp(`^\\{${opening},${sid},${inbound}\\}$`)

/** A frame of the caller's audio in the usual shape, else null. */
export function spliceMedia(message: string): CallerAudio | null {
  const [, timestamp = '', payload = ''] = mediaFirst.exec(message) ?? sidFirst.exec(message) ?? []
  // The shape has said which characters there are; that they are whole groups is all that is left.
  return payload === '' || payload.length % 4 !== 0 ? null : { timestampMs: Number(timestamp), payload }
}

const ourMark = new RegExp(`^\\{"event":"mark","sequenceNumber":"\\d+",${sid},"mark":\\{"name":"([\\d.]{1,50})"\\}\\}$`)

/** The name of a mark of ours that has come back in the usual shape, else null. */
export const spliceMark = (message: string): string | null => ourMark.exec(message)?.[1] ?? null

/** The same from a frame that was parsed. Null when it is not the caller's audio, or not audio at all. */
export const audioOfMedia = ({ media }: Extract<TwilioFrame, { event: 'media' }>): CallerAudio | null =>
  (media.track === undefined || media.track === 'inbound') && isBase64(media.payload)
    ? { timestampMs: /^\d{1,15}$/.test(media.timestamp) ? Number(media.timestamp) : null, payload: media.payload }
    : null

const typeName = '"type":"response\\.output_audio\\.delta"'
const eventId = '"event_id":"[\\w-]+"'
const audioDelta = new RegExp(
  `^\\{(?:${typeName},${eventId}|${eventId},${typeName}),"response_id":"([\\w-]+)","item_id":"([\\w-]+)",` +
    `"output_index":${index},"content_index":(${index}),"delta":"(${base64})"\\}$`,
)

/** Audio of the agent in the usual shape, else null. */
export function spliceDelta(message: string): AgentAudio | null {
  const [, responseId = '', itemId = '', contentIndex, payload = ''] = audioDelta.exec(message) ?? []
  if (contentIndex === undefined || payload.length % 4 !== 0) return null
  return { responseId, itemId, contentIndex: Number(contentIndex), payload }
}

/** The same from an event that was parsed. Null when it holds no audio. */
export function audioOfDelta(event: Extract<ModelEvent, { type: 'response.output_audio.delta' }>): AgentAudio | null {
  if (!isBase64(event.delta)) return null
  const { response_id: responseId, item_id: itemId, content_index: contentIndex, delta: payload } = event
  return { responseId, itemId, contentIndex, payload }
}

const onlyBase64 = new RegExp(`^${base64}$`)
const isBase64 = (text: string): boolean => text.length % 4 === 0 && onlyBase64.test(text)

/** How many bytes base64 text stands for, without decoding it. */
export function audioBytes(payload: string): number {
  const padding = payload.endsWith('==') ? 2 : payload.endsWith('=') ? 1 : 0
  return (payload.length / 4) * 3 - padding
}

/** The size of each μ-law sample, 0 to 32124. */
const sizes = Uint16Array.from({ length: 256 }, (_, byte) => {
  const code = ~byte & 0x7f
  return (((code & 0x0f) * 8 + 0x84) << (code >> 4)) - 0x84
})

/** The mean size of the samples, 0 to 32124. Speech on a telephone line is above 500, its noise below 100. */
export function loudness(payload: string): number {
  const bytes = Buffer.from(payload, 'base64')
  let sum = 0
  for (let at = 0; at < bytes.length; at++) sum += sizes[bytes[at] ?? 0] ?? 0
  return bytes.length === 0 ? 0 : sum / bytes.length
}

export const appendMessage = (payload: string): string => `{"type":"input_audio_buffer.append","audio":"${payload}"}`

/** Base64 of μ-law silence, which is 0xFF and not 0. */
export function silence(ms: number): string {
  const bytes = Math.round(ms * bytesPerMs)
  return '////'.repeat(Math.floor(bytes / 3)) + ['', '/w==', '//8='][bytes % 3]
}

/** Between marks lies no more than 240 ms, so that what was heard is known to a short word. */
const markedCharacters = (1_920 / 3) * 4

/**
 * Writes audio to Twilio in its order, in equal pieces, each with the mark that tells when it was heard. False: not all was taken.
 */
export function play(streamSid: string, payload: string, place: Place, write: (message: string) => boolean): boolean {
  const pieces = Math.ceil(payload.length / markedCharacters)
  // Whole groups of base64.
  const characters = Math.ceil(payload.length / pieces / 4) * 4
  let heardBytes = place.fromByte
  for (let at = 0; at < payload.length; at += characters) {
    const piece = payload.slice(at, at + characters)
    heardBytes += audioBytes(piece)
    const name = markName(place.generation, place.part, heardBytes)
    if (!write(`{"event":"media","streamSid":"${streamSid}","media":{"payload":"${piece}"}}`)) return false
    if (!write(`{"event":"mark","streamSid":"${streamSid}","mark":{"name":"${name}"}}`)) return false
  }
  return true
}

export const clearMessage = (streamSid: string): string => `{"event":"clear","streamSid":"${streamSid}"}`
