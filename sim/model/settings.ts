// How the model behaves where the vendor promises nothing: its pace, its delays, its order. Ranges are drawn from by seed.
// Known to differ from the real one, or not known at all: where exactly rate_limits.updated comes, the order within a group
// of closing events, how speech is detected, the code of a truncation that is too long (null was seen), whether
// conversation.created is sent (here it sometimes is), what an unknown model is answered, usage of a failed response.

import type { ModelScript } from '../script.ts'
import type { RateLimits } from './limits.ts'

export type Range = readonly [lowest: number, highest: number]

/**
 * The socket is cut, without a close frame: at a time since the call's first session was opened; when a tool's call is whole;
 * or when so much speech of the n-th response of the call has been emitted. Each cut once, of whatever session is open then.
 */
export type Cut = { atMs: number } | { call: string } | { response: number; spokenMs: number }

export type ModelSettings = {
  /** How many times faster than it sounds speech is generated. */
  speedup: number
  /** From `response.created` to the first audio. */
  firstAudioMs: Range
  /** Audio in one delta. */
  deltaMs: Range
  /** Deltas that still arrive after `speech_started` has cut a response off. */
  lateDeltas: Range
  /** From the commit of a turn to its transcript, which may so come before, during or after the answer. */
  transcriptMs: Range
  /** One step of the supervisor's thinking. */
  thoughtMs: Range
  /** Sends events whose order is not promised in any order. */
  isOrderShuffled: boolean
  /** How long a session may last, as it is told at its beginning. */
  sessionMs: number
  /** It expires after this all the same; null: as it was told. */
  expireAfterMs: number | null
  cuts: readonly Cut[]
  /** Expiry is told by the close code alone, with no error before it. */
  expiresSilently: boolean
  /** The service closes each session with this code, so long after it was opened; null: it does not. */
  breakdown: { afterMs: number; code: number } | null
  /** From session.update to session.updated. */
  updateMs: number
  /** What becomes of the transcript of the n-th turn of a session; the last holds for all later ones. */
  transcripts: readonly TranscriptFate[]
  /** So many requests by HTTP are answered with this status first. */
  refuseHttp: { times: number; status: number }
  /** So many handshakes are answered with 503 after the first session. */
  refuseConnects: number
  /** The n-th response of the call, from 1, fails with this code; what the script has for it is left for the next. */
  failures: readonly { response: number; code: string }[]
  /** Errors that each session tells of by itself, so long after it was opened, and goes on. */
  errors: readonly { afterMs: number; code: string }[]
  /** Models that the account has no access to: their sockets open, and each of their responses fails. */
  without: readonly string[]
  /** What may be asked for in a minute: beyond it responses fail with `rate_limit_exceeded`. */
  rateLimits: RateLimits
}

/** `doubled`: each of its deltas comes twice. `never`: nothing more is heard of it. */
export const transcriptFates = ['whole', 'empty', 'failed', 'doubled', 'never'] as const
export type TranscriptFate = (typeof transcriptFates)[number]

type Fault =
  | 'transcriptMs'
  | 'failures'
  | 'without'
  | 'errors'
  | 'rateLimits'
  | 'sessionMs'
  | 'expireAfterMs'
  | 'cuts'
  | 'refuseConnects'
  | 'expiresSilently'
  | 'breakdown'
  | 'updateMs'
  | 'transcripts'
  | 'refuseHttp'
/** What a script may have go wrong with the model's service. */
export type ModelFaults = Partial<Pick<ModelSettings, Fault>> & {
  /** In place of the script's own. */
  connection?: ModelScript['connection']
}

export const USUAL_SETTINGS: ModelSettings = {
  speedup: 6,
  firstAudioMs: [150, 400],
  deltaMs: [40, 400],
  lateDeltas: [1, 3],
  transcriptMs: [50, 600],
  thoughtMs: [300, 900],
  isOrderShuffled: false,
  sessionMs: 60 * 60_000,
  expireAfterMs: null,
  cuts: [],
  refuseConnects: 0,
  expiresSilently: false,
  breakdown: null,
  updateMs: 0,
  transcripts: [],
  refuseHttp: { times: 0, status: 429 },
  failures: [],
  without: [],
  errors: [],
  rateLimits: { requests: 5_000, tokens: 400_000 },
}
