// What is counted of a load: of each call, the frames that went in and came out on either side; of all calls, how long they
// took and what became of them. Owns no wire and no clock.

import { createSpread, type Spread } from './spread.ts'
import { stampLimit } from './stamp.ts'

/** Sending times kept of one call, by count: 20 s of the caller's frames, and more of the agent's. */
const timesKept = 1_024

export type CallTally = {
  readonly index: number
  /** Of the caller's frames: sent to the server, and appended at the model; `repeated` came more than once. */
  sent: number
  heard: number
  repeated: number
  /** The count that the next frame at the model should have. */
  nextHeard: number
  /** Of the agent's speech, in bytes: sent by the model, and come to the caller. */
  saidBytes: number
  playedBytes: number
  /** Messages with speech in them, by which the server's work is counted: from the model, and to the caller. */
  said: number
  played: number
  /** Frames with a lower count were sent before the model listened: they wait for it, and say nothing of the way. */
  timedFrom: number
  /** The caller is about to hang up: the agent begins nothing new. */
  isClosing: boolean
  readonly sentAtMs: Float64Array
  readonly saidAtMs: Float64Array
}

export const tallyOf = (index: number): CallTally => ({
  index,
  sent: 0,
  heard: 0,
  repeated: 0,
  nextHeard: 0,
  saidBytes: 0,
  playedBytes: 0,
  said: 0,
  played: 0,
  timedFrom: stampLimit,
  isClosing: false,
  sentAtMs: new Float64Array(timesKept),
  saidAtMs: new Float64Array(timesKept),
})

export const keepTime = (times: Float64Array, count: number, atMs: number): void => {
  times[count % timesKept] = atMs
}
export const timeOf = (times: Float64Array, count: number): number => times[count % timesKept] ?? Number.NaN

/** What became of a call. `lost`: it ended before its caller hung up, or never began; in plain words. */
export type Outcome = { is: 'held' } | { is: 'lost'; why: string }

export type Tally = {
  calls: CallTally[]
  up: number
  ended: number
  /** Streams that broke, and that the server took back. */
  resumed: number
  /** Reasons, with how many calls each. */
  lost: Map<string, number>
  callerToModel: Spread
  modelToCaller: Spread
  webhooks: Spread
  /** Requests that were not answered with 2xx. */
  webhooksRefused: number
}

export const createTally = (): Tally => ({
  calls: [],
  up: 0,
  ended: 0,
  resumed: 0,
  lost: new Map(),
  callerToModel: createSpread(),
  modelToCaller: createSpread(),
  webhooks: createSpread(),
  webhooksRefused: 0,
})

export type Counts = ReturnType<typeof countsOf>

/** All calls together. Bytes of speech count as lost frames of 20 ms. */
export function countsOf({ calls, up, ended, resumed, lost }: Tally) {
  const sum = (of: (call: CallTally) => number): number => calls.reduce((total, call) => total + of(call), 0)
  return {
    placed: calls.length,
    up,
    ended,
    resumed,
    lost: [...lost.values()].reduce((total, count) => total + count, 0),
    callerFrames: sum((call) => call.sent),
    callerFramesHeard: sum((call) => call.heard),
    callerFramesRepeated: sum((call) => call.repeated),
    agentFrames: sum((call) => call.said),
    agentFramesPlayed: sum((call) => call.played),
    agentBytes: sum((call) => call.saidBytes),
    agentBytesPlayed: sum((call) => call.playedBytes),
  }
}
