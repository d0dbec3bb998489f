// Recordings: audio that was kept of a call, from its beginning to the WAV file that REST hands out once it is processed,
// and the callback that says so. Source: twilio.com/docs/voice/api/recording.
import { BYTES_PER_MS, mix, silence, writeWav } from '../audio.ts'
import type { SimClock } from '../clock.ts'
import { type CallFile, RECORDING_CALLBACK_AFTER_MS } from './deliveries.ts'
import type { CarrierSettings } from './exchange.ts'
import { createSid } from './sids.ts'
import { rfc2822 } from './times.ts'
import type { CallbackTarget } from './twiml.ts'

export type RecordingTrack = 'inbound' | 'outbound' | 'both'
export type RecordingSource = 'RecordVerb' | 'DialVerb' | 'OutboundAPI' | 'StartCallRecordingAPI'

export type RecordingPlan = {
  channels: 1 | 2
  track: RecordingTrack
  source: RecordingSource
  startedAtMs: number
  callback: CallbackTarget | null
}

export type Recording = RecordingPlan & {
  readonly recordingSid: string
  readonly call: CallFile
  /** The URL of the media, without an ending. */
  readonly url: string
  /** Resolves when its media can be fetched. */
  readonly processed: Promise<void>
  status(): 'in-progress' | 'paused' | 'processing' | 'completed' | 'absent'
  /** null while it goes on. */
  durationMs(): number | null
  /** The WAV file; empty until it is complete. */
  media(): Uint8Array
  /** How an action or a status callback tells of it. */
  params(): Record<string, string>
  /** Nothing is kept until it is resumed: silence stands for it, or, where it is skipped, nothing at all. */
  pause(isSkipped: boolean): void
  resume(): void
  /** Ends it, with what was heard: the caller's track and the other one, of one length. */
  close(caller: Uint8Array, agent: Uint8Array): void
}

export type Recordings = {
  /** Begins a recording, which counts as the call's from now on. */
  open(call: CallFile, plan: RecordingPlan): Recording
  of(callSid: string): Recording[]
  all(accountSid: string): Recording[]
  find(accountSid: string, recordingSid: string): Recording | undefined
  delete(recording: Recording): void
}

/** Why a recording is absent. There is such a number; which one Twilio gives is not known, and this is ours. */
export const NOTHING_KEPT = 16_101

const NOTHING = new Uint8Array(0)

export function createRecordings(world: World): Recordings {
  const kept = new Set<Recording>()
  let opened = 0
  const open = (call: CallFile, plan: RecordingPlan) => {
    const recording = createRecording(world, call, plan, world.isLost(opened++))
    kept.add(recording)
    return recording
  }
  const all = (accountSid: string) => [...kept].filter(({ call }) => call.record.accountSid === accountSid)
  return {
    open,
    all,
    of: (callSid) => [...kept].filter(({ call }) => call.record.callSid === callSid),
    find: (accountSid, recordingSid) => all(accountSid).find((each) => each.recordingSid === recordingSid),
    delete: (recording) => kept.delete(recording),
  }
}

type World = { clock: SimClock } & Pick<CarrierSettings, 'apiBaseUrl' | 'processingMs' | 'isLost'>

function createRecording(world: World, call: CallFile, plan: RecordingPlan, isLost: boolean): Recording {
  const { clock, apiBaseUrl, processingMs } = world
  const { accountSid } = call.record
  const recordingSid = createSid('RE', call.random)
  const { promise: processed, resolve: setProcessed } = Promise.withResolvers<void>()
  const pauses: { fromMs: number; toMs: number | null; isSkipped: boolean }[] = []
  const isPaused = () => pauses.at(-1)?.toMs === null
  let tape: { channels: Uint8Array[]; isProcessed: boolean; wav?: Uint8Array } | null = null

  const tell = (event: 'in-progress' | 'completed' | 'absent', afterMs: number) => {
    if (!plan.callback?.events.includes(event)) return
    const { url, method } = plan.callback
    call.deliver({ kind: 'recording', url, method, form: recordingForm(recording, event), afterMs })
  }

  const recording: Recording = {
    ...plan,
    recordingSid,
    call,
    url: `${apiBaseUrl}/2010-04-01/Accounts/${accountSid}/Recordings/${recordingSid}`,
    processed,
    status() {
      if (tape === null) return isPaused() ? 'paused' : 'in-progress'
      if (tape.channels[0]?.length === 0) return 'absent'
      return tape.isProcessed ? 'completed' : 'processing'
    },
    durationMs: () => (tape === null ? null : (tape.channels[0]?.length ?? 0) / BYTES_PER_MS),
    media() {
      if (tape === null || recording.status() !== 'completed') return new Uint8Array(0)
      return (tape.wav ??= writeWav(tape.channels))
    },
    params: () => ({
      RecordingUrl: recording.url,
      RecordingSid: recordingSid,
      RecordingDuration: durationText(recording.durationMs() ?? 0),
    }),
    pause(isSkipped) {
      if (tape === null && !isPaused()) pauses.push({ fromMs: clock.now(), toMs: null, isSkipped })
    },
    resume() {
      const last = pauses.at(-1)
      if (last !== undefined) last.toMs ??= clock.now()
    },
    close(caller, agent) {
      if (tape !== null) return
      const kept = (track: Uint8Array) => (isLost ? NOTHING : withoutPauses(track, plan.startedAtMs, pauses))
      const channels = channelsOf(plan, kept(caller), kept(agent))
      const closed = { channels, isProcessed: false }
      tape = closed
      clock.after(processingMs, () => {
        closed.isProcessed = true
        setProcessed()
      })
      tell(channels[0]?.length === 0 ? 'absent' : 'completed', RECORDING_CALLBACK_AFTER_MS)
    },
  }
  tell('in-progress', 0)
  return recording
}

type Pauses = readonly { fromMs: number; toMs: number | null; isSkipped: boolean }[]

/** A track from `startedAtMs` on, where nothing was kept during pauses. */
function withoutPauses(track: Uint8Array, startedAtMs: number, pauses: Pauses): Uint8Array {
  if (pauses.length === 0) return track
  const parts: Uint8Array[] = []
  let at = 0
  const byteAt = (ms: number) => Math.min(track.length, Math.max(at, Math.round((ms - startedAtMs) * BYTES_PER_MS)))
  for (const { fromMs, toMs, isSkipped } of pauses) {
    parts.push(track.subarray(at, byteAt(fromMs)))
    at = byteAt(fromMs)
    const end = toMs === null ? track.length : byteAt(toMs)
    if (!isSkipped) parts.push(silence(end - at))
    at = end
  }
  return new Uint8Array(Buffer.concat([...parts, track.subarray(at)]))
}

/** Two channels: the caller left, what Twilio played right. One channel: both, or the one track that was asked for. */
function channelsOf({ channels, track }: RecordingPlan, caller: Uint8Array, agent: Uint8Array): Uint8Array[] {
  if (track === 'both') return channels === 2 ? [caller, agent] : [mix(caller, agent)]
  return [track === 'inbound' ? caller : agent]
}

function recordingForm(recording: Recording, event: string): Record<string, string> {
  const { accountSid, callSid } = recording.call.record
  const { recordingSid, url, channels, startedAtMs, source, track } = recording
  return {
    AccountSid: accountSid,
    CallSid: callSid,
    RecordingSid: recordingSid,
    ...(event === 'completed' ? { RecordingUrl: url } : {}),
    RecordingStatus: event,
    RecordingDuration: durationText(recording.durationMs() ?? 0),
    RecordingChannels: String(channels),
    RecordingStartTime: rfc2822(startedAtMs),
    RecordingSource: source,
    RecordingTrack: track,
    ErrorCode: event === 'absent' ? String(NOTHING_KEPT) : '0',
  }
}

/** Seconds, whole; what has audio lasts at least one. */
export const durationText = (durationMs: number): string =>
  String(durationMs === 0 ? 0 : Math.max(1, Math.round(durationMs / 1000)))
