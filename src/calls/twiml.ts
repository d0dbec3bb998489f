// PURE. The TwiML documents that we answer with. Each is complete: whatever happens to a stream, the document says what
// comes next, so that a caller is never left in silence.
import twilio from 'twilio'

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
}

/** What our last document asked for: the stream of a generation, or a message on tape (or the silence in its place). */
export type AfterWhat = { stream: number } | 'voicemail' | 'silence'

export function parseAfterWhat(after: string | null): AfterWhat | null {
  if (after === 'voicemail' || after === 'silence') return after
  const [, generation] = /^stream-(\d{1,3})$/.exec(after ?? '') ?? []
  return generation === undefined ? null : { stream: Number(generation) }
}

export function callUrls(publicBaseUrl: string): CallUrls {
  const api = `${publicBaseUrl}/api/twilio`
  return {
    streamStatus: `${api}/stream-status`,
    recording: `${api}/recording`,
    stream: (streamId) => `${api.replace(/^http/, 'ws')}/media-stream/${streamId}`,
    resume: (after) => `${api}/resume?after=${typeof after === 'string' ? after : `stream-${after.stream}`}`,
  }
}

export type StreamOffer = { streamId: string; token: string; generation: number; spokenFirst: string | null }

/** Connects the call to its audio socket. `spokenFirst`: said by the carrier itself, before anything is streamed. */
export function streamTwiml(urls: CallUrls, { streamId, token, generation, spokenFirst }: StreamOffer): Twiml {
  const response = new VoiceResponse()
  if (spokenFirst !== null) response.say(spokenFirst)
  const noun = response
    .connect({ action: urls.resume({ stream: generation }), method: 'POST' })
    .stream({ url: urls.stream(streamId), statusCallback: urls.streamStatus, statusCallbackMethod: 'POST' })
  noun.parameter({ name: 'token', value: token })
  return response.toString()
}

/** For a caller whom no agent can serve: an apology, and a tape. Silence, or `#`, ends it. */
export function voicemailTwiml(urls: CallUrls, maxSeconds: number): Twiml {
  const response = new VoiceResponse()
  response.say(
    'We are sorry, our receptionist cannot take your call at the moment. Please leave your name, your number and a message after the tone.',
  )
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
  farewellTwiml('We are sorry, this number is not in service at the moment. Goodbye.')

export const thanksTwiml = (): Twiml => farewellTwiml('Thank you. We will call you back. Goodbye.')

/** The last words of a call, spoken by the carrier itself. */
export function farewellTwiml(words: string): Twiml {
  const response = new VoiceResponse()
  response.say(words)
  response.hangup()
  return response.toString()
}

export function hangupTwiml(): Twiml {
  const response = new VoiceResponse()
  response.hangup()
  return response.toString()
}

export const emptyTwiml = (): Twiml => new VoiceResponse().toString()
