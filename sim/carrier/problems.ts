// Twilio's debugger: what it logs on a call that went wrong, by Twilio's own number (twilio.com/docs/api/errors/<number>).
// Numbers marked [mem] were not confirmed against those pages.

export const problemCode = {
  /** The URL is not one that can be requested. [mem] */
  invalidUrl: 11100,
  /** No answer in time. [mem] */
  retrievalFailed: 11200,
  /** Nothing took the connection. */
  connectionFailed: 11205,
  tooManyRedirects: 11215,
  /** The server answered 4xx or 5xx. */
  errorResponse: 11217,
  /** The document is not XML, or not TwiML. [mem] */
  documentUnparsable: 12100,
  /** A verb, noun, attribute or value that TwiML does not have; it is ignored. [mem] */
  schemaWarning: 12200,
  /** A content type that Twilio does not take. [mem] */
  contentType: 12300,
  recordingCallbackUrl: 13256,
  /** `<Dial>` shows a number that is not its account's. [mem] */
  callerId: 13214,
  /** Machine detection in the background, and nowhere to tell its result. */
  detectionCallback: 21262,
  /** A StatusCallbackEvent that there is not: the call is placed, and no event is told. */
  statusCallbackEvent: 21626,
  streamTimeout: 31901,
  streamRefused: 31902,
  streamHandshake: 31920,
  /** The server closed the media socket; logged even when it meant to. */
  streamClosed: 31921,
  streamScheme: 31922,
  streamUrl: 31923,
  streamProtocol: 31924,
  /** More than ten minutes of audio were waiting to be played. */
  mediaDiscarded: 31931,
  streamTrack: 31941,
  /** A binary message, which no stream takes. */
  messageUndecodable: 31950,
  messageInvalid: 31951,
} as const

export type Problem = { code: number; text: string }
