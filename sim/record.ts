// What the stand-ins remember of one call, each from its own end of the wire: what the auditor compares. Times are the
// clock's, in ms since the epoch; audio is 8 kHz μ-law, one byte a sample, eight bytes a millisecond.

import type { Strike } from './chaos/strikes.ts'

export type CarrierRecord = {
  callSid: string
  accountSid: string
  direction: 'inbound' | 'outbound-api' | 'outbound-dial'
  /** Of a leg that a `<Dial>` placed: the call whose `<Dial>` it was. */
  parentCallSid: string | null
  /** What else Twilio says of it with every request: ForwardedFrom, CallerName, SipDomain … */
  fields?: Readonly<Record<string, string>>
  from: string
  to: string
  status: string
  /** When it began to ring; of a call that the server places, when it was placed. */
  ringingAtMs: number
  /** How long it waited for its turn to be placed, if it did. */
  queuedMs?: number
  answeredAtMs: number | null
  endedAtMs: number | null
  /** `person`: whoever was at the far end of a leg that was placed for a caller. */
  endedBy: 'caller' | 'person' | 'server' | 'carrier' | null
  /** Each TwiML document fetched, with the URL that gave it and how long it took. */
  documents: { atMs: number; url: string; status: number; body: string; tookMs: number }[]
  /** Text spoken to the caller by `<Say>`; null while it is being said. */
  said: { atMs: number; endedAtMs: number | null; text: string }[]
  streams: StreamRecord[]
  /** Streams that only listened. */
  forks: ForkRecord[]
  /** What a `<Gather>` took, and what ended it; `speech` where words were said and no keys were pressed. */
  gathered: { atMs: number; digits: string; speech?: string; endedBy: 'count' | 'key' | 'timeout' | 'silence' }[]
  /** Who answered, as far as the carrier's machine detection can tell, and how long after the answer it could. */
  detection: { atMs: number; answeredBy: string; tookMs: number } | null
  bridges: BridgeRecord[]
  /** The legs that the call led to: those of its `<Dial>`s, and those placed by REST into a conference that it was in. */
  legs: CarrierRecord[]
  /** Callbacks sent (status, recording, stream …), when what they tell had happened, and how they were answered. */
  deliveries: {
    causedAtMs: number
    atMs: number
    url: string
    form: Record<string, string>
    status: number
    tookMs: number
  }[]
  recordings: {
    recordingSid: string
    status: string
    startedAtMs: number
    durationMs: number
    channels: 1 | 2
    source: string
    media: Uint8Array
  }[]
  /** What Twilio would have logged in its debugger, by Twilio's own number. */
  problems: { atMs: number; code: number; text: string }[]
}

/** One end of a connection between people: of a `<Dial>`, or in a conference. Frames of 160 bytes. */
export type BridgeRecord = {
  /** The same at all of its ends: the SID of the leg dialled, or of the conference. */
  bridgeSid: string
  kind: 'dial' | 'conference'
  joinedAtMs: number
  leftAtMs: number | null
  /** What this end said into it, and what it heard of the others. */
  said: { atMs: number; bytes: Uint8Array }[]
  heard: { atMs: number; bytes: Uint8Array }[]
}

export type ForkRecord = {
  streamSid: string
  /** Its own, or the SID. */
  name: string
  tracks: ('inbound' | 'outbound')[]
  startedAtMs: number | null
  endedAtMs: number | null
  endedBy: 'caller' | 'person' | 'server' | 'carrier' | null
  /** How many frames were sent, of each track. */
  frames: number
}

export type StreamRecord = {
  streamSid: string
  url: string
  openedAtMs: number
  startedAtMs: number | null
  endedAtMs: number | null
  endedBy: 'caller' | 'person' | 'server' | 'carrier' | null
  /** The caller's frames, as sent to the server: 160 bytes each. A frame held back by a fault is not here. */
  sent: { atMs: number; bytes: Uint8Array }[]
  /** All media bytes received from the server, in order. */
  received: Uint8Array
  receivedAt: { atMs: number; fromByte: number; toByte: number }[]
  /** Which of the received bytes the caller heard, and when each run of them began to sound. */
  played: { atMs: number; fromByte: number; toByte: number }[]
  /** Which of the received bytes a `clear` threw away. */
  cleared: { atMs: number; fromByte: number; toByte: number }[]
  /** Marks received, at which byte, and when they went back. */
  marks: { name: string; atByte: number; receivedAtMs: number; returnedAtMs: number | null; wasCleared: boolean }[]
}

export type ModelRecord = {
  sessions: {
    sessionId: string
    openedAtMs: number
    closedAtMs: number | null
    /** The effective configuration after the last `session.update`. */
    config: Record<string, unknown> | null
    /** All audio appended by the server, in order. */
    appended: Uint8Array
    appends: { atMs: number; fromByte: number; toByte: number }[]
    /** Speech as the detector found it in the appended audio. */
    speech: { startedAtMs: number; stoppedAtMs: number | null; itemId: string }[]
    /** `status`: as the service has it; or lost, when the session ended before the response did. */
    responses: {
      responseId: string
      status: string
      reason: string | null
      createdAtMs: number
      doneAtMs: number | null
      isAsked: boolean
    }[]
    items: {
      itemId: string
      responseId: string | null
      role: 'user' | 'assistant' | 'system' | 'function_call' | 'function_call_output'
      /** Of a turn of the caller whose transcript failed, was empty or never came, none: nobody was told its words. */
      text: string
      /** Audio that was emitted for the item, in order. Empty for anything but spoken assistant items. */
      audio: Uint8Array
      /** Where the server truncated it (`audio_end_ms`): ms from the beginning of its audio, not of the clock. */
      truncatedAtMs: number | null
      /** The session ended while it was being made. */
      isTorn?: true
      /** A turn of the caller, heard, of which the session never told the words. */
      isUntold?: true
      /** The client took it out of the conversation. */
      isDeleted?: true
      name?: string
      arguments?: string
      output?: string
    }[]
    /** Each audio delta as it left: which bytes of which item. */
    deltas: { atMs: number; responseId: string; itemId: string; fromByte: number; toByte: number }[]
    /** Rules of the Realtime API that the server broke. Strict mode also closes the socket. */
    violations: string[]
  }[]
  /** Requests to /v1/responses. */
  writings: { atMs: number; model: string; instructions: string; input: string; output: string; status: number }[]
  /** Requests to /v1/responses with function tools, each a step of the supervisor's thinking. */
  thoughts: {
    atMs: number
    /** Null while it is thinking, or when the server stopped listening first. */
    answeredAtMs: number | null
    model: string
    instructions: string
    /** All items that were sent, as JSON. */
    input: string
    /** Names of the tools that were offered. */
    tools: string[]
    /** What was put out, as text: words, or the name and arguments of a tool. */
    output: string
    status: number | null
    /** Rules that the server broke, of the service or of callers' privacy. */
    violations: string[]
  }[]
  /** What happened that the script did not foresee, and that is no rule broken: it ran out, a turn went unanswered … */
  notes: string[]
}

/** What was done to a call on purpose. */
export type ChaosRecord = {
  /** In the order in which it was done. */
  struck: { atMs: number; strike: Strike }[]
  /** Cuts that found nothing to cut. */
  missed: Strike[]
  /**
   * Forged requests, and how they were answered. `callSid`: which call they were about; `marks`: what the ledger would hold,
   * had they been believed; `isKept`: something of them is in the database.
   */
  forgeries: { atMs: number; url: string; status: number; callSid: string; marks: string[]; isKept: boolean }[]
}

export type InboxRecord = {
  /** Messages accepted, one an idempotency key. */
  messages: {
    id: string
    atMs: number
    from: string
    to: string[]
    subject: string
    html: string
    text: string
    idempotencyKey: string | null
  }[]
  /** Every request, accepted or not. */
  requests: { atMs: number; idempotencyKey: string | null; status: number; error: string | null }[]
}
