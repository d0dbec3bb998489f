// PURE. The TwiML documents that we answer with. Each is complete: whatever happens to a stream, the document says what
// comes next, so that a caller is never left in silence.
import twilio from 'twilio'
import { primary } from '../lib/languages.ts'
import type { Spoken } from './wording.ts'

export type Twiml = string

const { VoiceResponse } = twilio.twiml

/** Where Twilio finds us. */
export type CallUrls = {
  streamStatus: string
  recording: string
  /** The media socket of an account, by its opaque name: wss, without query, which Twilio would drop. */
  stream(streamId: string): string
  /** Where Twilio comes back to, once what it was told to do is over. */
  resume(after: AfterWhat): string
  /** Of the leg that a transfer dials: what becomes of it, and what whoever answers hears and presses. */
  legStatus(transfer: string): string
  screening(transfer: string): string
  screened(transfer: string): string
  fallback: string
  /** About a call that we placed, by our own id of it. */
  outbound(what: OutboundPath, id: string): string
}
type OutboundPath = 'outbound-call' | 'outbound-status' | 'answered-by' | 'leave-message'

/**
 * What our last document asked for: the stream of a generation, a transfer after such a stream, or a message on tape (or the
 * silence in its place).
 */
export type AfterWhat = AfterStream | AfterTransfer | 'voicemail' | 'silence'
type AfterStream = { stream: number }
export type AfterTransfer = { stream: number; transfer: string }

export function parseAfterWhat(after: string | null): AfterWhat | null {
  if (after === 'voicemail' || after === 'silence') return after
  const [, generation, transfer] = /^(?:stream|transfer)-(\d{1,3})(?:\.(.+))?$/.exec(after ?? '') ?? []
  if (generation === undefined) return null
  return transfer === undefined ? { stream: Number(generation) } : { stream: Number(generation), transfer }
}

const afterText = (after: AfterWhat): string => {
  if (typeof after === 'string') return after
  return 'transfer' in after ? `transfer-${after.stream}.${after.transfer}` : `stream-${after.stream}`
}

export function callUrls(publicBaseUrl: string): CallUrls {
  const api = `${publicBaseUrl}/api/twilio`
  return {
    streamStatus: `${api}/stream-status`,
    recording: `${api}/recording`,
    stream: (streamId) => `${api.replace(/^http/, 'ws')}/media-stream/${streamId}`,
    resume: (after) => `${api}/resume?after=${encodeURIComponent(afterText(after))}`,
    legStatus: (transfer) => `${api}/leg-status?transfer=${encodeURIComponent(transfer)}`,
    screening: (transfer) => `${api}/screening?transfer=${encodeURIComponent(transfer)}`,
    // Whoever we called is offered no tape.
    fallback: `${api}/fallback?after=silence`,
    outbound: (what, id) => `${api}/${what}?call=${encodeURIComponent(id)}`,
    screened: (transfer) => `${api}/screened?transfer=${encodeURIComponent(transfer)}`,
  }
}

/** Where a clinic's number must send its calls, and what becomes of them. */
export const numberUrls = (publicBaseUrl: string) => ({
  voice: `${publicBaseUrl}/api/twilio/incoming-call`,
  fallback: `${publicBaseUrl}/api/twilio/fallback`,
  status: `${publicBaseUrl}/api/twilio/status`,
})

export const rehearsalUrl = (publicBaseUrl: string): string => `${publicBaseUrl}/api/twilio/rehearsal`

export type StreamOffer = { streamId: string; token: string; generation: number; spokenFirst: readonly Spoken[] }

/** Connects the call to its audio socket. `spokenFirst`: said by the carrier itself, before anything is streamed. */
export function streamTwiml(urls: CallUrls, { streamId, token, generation, spokenFirst }: StreamOffer): Twiml {
  const response = new VoiceResponse()
  say(response, spokenFirst)
  const noun = response
    .connect({ action: urls.resume({ stream: generation }), method: 'POST' })
    .stream({ url: urls.stream(streamId), statusCallback: urls.streamStatus, statusCallbackMethod: 'POST' })
  noun.parameter({ name: 'token', value: token })
  return response.toString()
}

export type DialOffer = {
  transfer: string
  /** The generation of the stream before. */
  stream: number
  phoneNumber: string
  /** Shown on the person's telephone: the clinic's own number. */
  callerId: string
  isWarm: boolean
  ringSeconds: number
  talkSeconds: number
}

/** Rings a person's telephone. When the caller hangs up, Twilio stops ringing it. */
export function dialTwiml(urls: CallUrls, offer: DialOffer): Twiml {
  const { transfer, stream, phoneNumber, callerId, isWarm, ringSeconds, talkSeconds } = offer
  const response = new VoiceResponse()
  response
    .dial({
      action: urls.resume({ stream, transfer }),
      method: 'POST',
      timeout: ringSeconds,
      timeLimit: talkSeconds,
      callerId,
    })
    .number(
      {
        ...(isWarm ? { url: urls.screening(transfer), method: 'POST' } : {}),
        statusCallback: urls.legStatus(transfer),
        statusCallbackMethod: 'POST',
        statusCallbackEvent: ['initiated', 'ringing', 'answered', 'completed'],
      },
      phoneNumber,
    )
  return response.toString()
}

/** For whoever answers a transfer. Without a key pressed it hangs up, as on a mailbox. */
export function screeningTwiml(urls: CallUrls, transfer: string, whisper: string): Twiml {
  const response = new VoiceResponse()
  response
    .gather({ input: ['dtmf'], numDigits: 1, timeout: 8, action: urls.screened(transfer), method: 'POST' })
    .say(whisper)
  response.hangup()
  return response.toString()
}

/** For a caller whom nobody can serve: an apology, and a tape. Silence, or `#`, ends it. */
export function voicemailTwiml(urls: CallUrls, maxSeconds: number, spokenFirst: readonly Spoken[]): Twiml {
  const response = new VoiceResponse()
  say(response, spokenFirst)
  response.record({
    action: urls.resume('voicemail'),
    method: 'POST',
    maxLength: maxSeconds,
    timeout: 5,
    finishOnKey: '#',
    playBeep: true,
    recordingStatusCallback: urls.recording,
    recordingStatusCallbackMethod: 'POST',
    recordingStatusCallbackEvent: ['completed', 'absent'],
  })
  // Reached only when nothing was said: Record goes to its action otherwise.
  response.redirect({ method: 'POST' }, urls.resume('silence'))
  return response.toString()
}

/** For a number that belongs to no clinic. */
export const unroutedTwiml = (): Twiml =>
  farewellTwiml(inEnglish('We are sorry, this number is not in service at the moment. Goodbye.'))

/** The last words of a call, spoken by the carrier itself. */
export function farewellTwiml(words: readonly Spoken[]): Twiml {
  const response = new VoiceResponse()
  say(response, words)
  response.hangup()
  return response.toString()
}

export function hangupTwiml(): Twiml {
  const response = new VoiceResponse()
  response.hangup()
  return response.toString()
}

export const emptyTwiml = (): Twiml => new VoiceResponse().toString()

export const inEnglish = (text: string): Spoken[] => [{ text, language: 'en' }]

/** Each in a voice of its language. English is what the carrier speaks unless told otherwise. */
function say(response: InstanceType<typeof VoiceResponse>, words: readonly Spoken[]): void {
  for (const { text, language } of words) {
    const voice = voiceOf(language)
    if (voice === undefined) response.say(text)
    else response.say({ language: voice }, text)
  }
}

/** Languages of Twilio's voices; of several regions the first serves whoever names none. */
const voices = [
  ...(['es-US', 'es-MX', 'es-ES', 'de-DE', 'de-AT', 'fr-FR', 'fr-CA', 'fr-BE', 'it-IT', 'pt-BR', 'pt-PT'] as const),
  ...(['nl-NL', 'nl-BE', 'pl-PL', 'tr-TR', 'ru-RU', 'uk-UA', 'cmn-CN', 'vi-VN', 'ko-KR', 'ja-JP', 'ar-XA'] as const),
]

const voiceOf = (language: string): (typeof voices)[number] | undefined =>
  voices.find((voice) => voice === language) ?? voices.find((voice) => primary(voice) === primary(language))
