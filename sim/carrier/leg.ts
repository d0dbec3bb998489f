// One call as the line to whoever is at its far end: keeps the 20 ms beat, does one thing at a time, and writes down what
// happened, from its beginning to its last callback. Knows neither how calls begin nor what documents say.
import { FRAME_MS } from '../audio.ts'
import { type Caller, createCaller } from '../caller.ts'
import type { Random } from '../random.ts'
import type { CarrierRecord, ForkRecord } from '../record.ts'
import type { CallerStep } from '../script.ts'
import {
  type Activity,
  type Ender,
  type Fallback,
  type LiveCall,
  type Next,
  QUIET,
  type Source,
  type Stage,
} from './activity.ts'
import { startBeat } from './beat.ts'
import { createCallTape } from './call-tape.ts'
import { createJar } from './cookies.ts'
import type { Callback, CallFile } from './deliveries.ts'
import type { Exchange } from './exchange.ts'
import { FORK_TRACKS_MAX, type Fork, openFork, tracksOf } from './fork.ts'
import { createLadder, type Ladder } from './ladder.ts'
import { problemCode } from './problems.ts'
import { layTrack } from './tape.ts'
import type { CallbackTarget, StreamNoun } from './twiml.ts'

export type LegPlan = {
  record: CarrierRecord
  authToken: string
  random: Random
  /** Who is at the far end, and what they do from the answer on. */
  party: 'caller' | 'person'
  steps: readonly CallerStep[]
  /** They wait for orders. */
  isDriven: boolean
  statusCallback: CallbackTarget | null
  fallback: Fallback | null
}

export type Leg = {
  readonly stage: Stage
  readonly ladder: Ladder
  readonly over: Promise<void>
  isOver(): boolean
  /** Whether nobody would obey a document now: it is over, or was sent elsewhere. */
  isVoid(): boolean
  /** Does one thing that takes time; answers null when the call ended or was redirected meanwhile, which leaves nothing to go on with. */
  perform(activity: Activity): Promise<Next | null>
  /** Where it was sent, once. */
  takeRedirection(): Source | null
  fallback(): Fallback | null
  /** The URL that relative ones count from, now. */
  setDocumentUrl(url: string | null): void
  /** Answers whether it is still up after so much time; no later than its end. */
  wait(ms: number): Promise<boolean>
  /** Also hears what the far end says. */
  listen(hear: (audio: Uint8Array, atMs: number) => void): void
  end: LiveCall['end']
  limit: LiveCall['limit']
  /** The call as others see it, `course` being all that it does. */
  live(course: Promise<void>): LiveCall
}

/** Twilio ends a call after four hours. */
const CALL_MAX_MS = 4 * 60 * 60 * 1000

export function createLeg(exchange: Exchange, plan: LegPlan): Leg {
  const { clock, trace } = exchange
  const { record, random, party } = plan
  const deliveries = new Set<Promise<void>>()
  const legs = new Set<LiveCall>()
  const listeners = new Set<(audio: Uint8Array, atMs: number) => void>()
  const { promise: over, resolve: setOver } = Promise.withResolvers<void>()
  let documentUrl: string | null = null
  const forks = new Set<Fork>()
  const steps = [...plan.steps]
  let caller: Caller | null = null
  let current: Activity | null = null
  let redirection: Source | null = null
  let fallback = plan.fallback
  let maxMs = CALL_MAX_MS
  let stopBeat = () => {}
  let stopLimit = () => {}

  /** A person is told apart by their number. */
  const about = (body?: object) => (party === 'caller' ? body : { number: record.to, ...body })
  const tell = (what: string, body?: object) =>
    trace.add({ wire: 'call', from: 'carrier', to: party, what, body: about(body) })
  const isOver = () => record.endedAtMs !== null
  /** What the far end has heard of what goes on now. */
  const sounding = () => current?.heard(clock.now()) ?? []
  const isVoid = () => isOver() || redirection !== null

  const file: CallFile = {
    record,
    authToken: plan.authToken,
    random,
    deliver(callback: Callback) {
      const delivery = exchange.deliver(file, callback).finally(() => deliveries.delete(delivery))
      deliveries.add(delivery)
    },
    log({ code, text }) {
      record.problems.push({ atMs: clock.now(), code, text })
      trace.add({ wire: 'call', from: 'carrier', to: 'carrier', what: `problem ${code}`, body: { text } })
    },
  }
  const ladder = createLadder(clock, file, plan.statusCallback)
  const tape = createCallTape(clock, exchange.recordings, file)
  const stopRecording: Stage['stopRecording'] = (recording) => tape.stop(recording, sounding())
  const stage: Stage = {
    ...file,
    exchange,
    clock,
    jar: createJar(clock),
    get documentUrl() {
      return documentUrl
    },
    resolve(url) {
      const base = documentUrl ?? undefined
      return URL.canParse(url, base) && /^https?:/.test(new URL(url, base).protocol) ? new URL(url, base).href : null
    },
    tell,
    answer,
    startRecording: tape.record,
    stopRecording,
    fork(noun) {
      const taken = [...forks].flatMap(({ record: { tracks } }) => tracks).length
      if (taken + tracksOf(noun).length <= FORK_TRACKS_MAX) fork(noun)
      else file.log({ code: problemCode.streamTrack, text: `A call streams ${FORK_TRACKS_MAX} tracks at the most` })
    },
    stopFork,
    adopt(leg) {
      if (legs.has(leg)) return
      legs.add(leg)
      record.legs.push(leg.file.record)
    },
  }

  function fork(noun: StreamNoun): ForkRecord {
    const opened = openFork(noun, stage, () => forks.delete(opened))
    forks.add(opened)
    return opened.record
  }

  function stopFork(name: string): void {
    for (const each of forks) if (each.record.name === name || each.record.streamSid === name) each.stop('server')
  }

  async function perform(activity: Activity): Promise<Next | null> {
    current = activity
    const next = await activity.finished
    current = null
    tape.keepAgent(activity.heard(clock.now()))
    return next.go === 'on' && isVoid() ? null : next
  }

  function answer(): void {
    if (record.answeredAtMs !== null || isOver()) return
    record.status = 'in-progress'
    record.answeredAtMs = clock.now()
    tell('answered')
    const does = (what: string, body?: unknown): void =>
      trace.add({ wire: 'call', from: party, to: 'carrier', what, body: about(body as object | undefined) })
    const answering = createCaller(steps, clock.now(), does, plan.isDriven)
    caller = answering
    stopBeat = startBeat(clock, FRAME_MS, (atMs) => beat(answering, atMs))
    limit(maxMs)
  }

  function beat(answering: Caller, atMs: number): void {
    const { audio, words, digit, hangsUp } = answering.next(atMs, current?.sound(atMs) ?? QUIET)
    if (hangsUp) {
      end(party)
      return
    }
    tape.keepCaller({ atMs, bytes: audio })
    for (const hear of listeners) hear(audio, atMs)
    current?.frame(audio, atMs, words)
    if (forks.size > 0) {
      const outbound = layTrack(sounding(), atMs - FRAME_MS, atMs)
      for (const each of forks) each.hear({ inbound: audio, outbound }, atMs)
    }
    if (digit !== null) current?.press(digit)
  }

  function limit(givenMs: number): void {
    maxMs = givenMs
    stopLimit()
    if (record.answeredAtMs === null || isOver()) return
    stopLimit = clock.after(Math.max(0, record.answeredAtMs + maxMs - clock.now()), () => end('carrier'))
  }

  function end(by: Ender, status = record.answeredAtMs === null ? 'canceled' : 'completed'): void {
    if (isOver()) return
    record.status = status
    record.endedAtMs = clock.now()
    record.endedBy = by
    stopBeat()
    stopLimit()
    tape.stopAll(sounding())
    for (const each of forks) each.stop(by)
    tell('ended', { status, by })
    current?.stop({ cause: 'hang-up', by })
    ladder.tell('completed', recordedParams())
    setOver()
  }

  /** Where the recording is that was asked for when the call was placed. */
  function recordedParams(): Record<string, string> {
    const recording = exchange.recordings.of(record.callSid).find(({ source }) => source === 'OutboundAPI')
    return recording === undefined ? {} : recording.params()
  }

  async function wholeCall(course: Promise<void>): Promise<CarrierRecord> {
    await course
    await Promise.all(exchange.recordings.of(record.callSid).map(({ processed }) => processed))
    await Promise.all([...legs].map(({ done }) => done))
    while (deliveries.size > 0) await Promise.all(deliveries)
    return snapshot(exchange, record)
  }

  return {
    stage,
    ladder,
    over,
    isOver,
    isVoid,
    perform,
    takeRedirection() {
      const taken = redirection
      redirection = null
      return taken
    },
    fallback: () => fallback,
    setDocumentUrl: (url) => void (documentUrl = url),
    async wait(ms) {
      let cancel = () => {}
      await Promise.race([new Promise<void>((resolve) => void (cancel = clock.after(ms, resolve))), over])
      cancel()
      return !isOver()
    },
    listen: (hear) => void listeners.add(hear),
    end,
    limit,
    live: (course) => ({
      file,
      over,
      done: wholeCall(course),
      record: () => snapshot(exchange, record),
      isLive: () => record.status === 'in-progress',
      end,
      redirect(source, given) {
        redirection = source
        fallback = given ?? fallback
        current?.stop({ cause: 'redirect' })
      },
      limit,
      retarget: ladder.retarget,
      order: (step) => (caller === null ? void steps.push(step) : caller.order(step)),
      startRecording: tape.record,
      stopRecording,
      fork,
      stopFork,
    }),
  }
}

/** The record as it stands, with the recordings as they stand. */
function snapshot(exchange: Exchange, record: CarrierRecord): CarrierRecord {
  return {
    ...record,
    forks: record.forks.map((each) => ({ ...each })),
    streams: record.streams.map((stream) => ({ ...stream })),
    bridges: record.bridges.map((bridge) => ({ ...bridge })),
    legs: record.legs.map((leg) => snapshot(exchange, leg)),
    recordings: exchange.recordings.of(record.callSid).map((recording) => ({
      recordingSid: recording.recordingSid,
      status: recording.status(),
      startedAtMs: recording.startedAtMs,
      durationMs: recording.durationMs() ?? 0,
      channels: recording.channels,
      source: recording.source,
      media: recording.media(),
    })),
  }
}

type Beginning = Pick<
  CarrierRecord,
  'callSid' | 'accountSid' | 'direction' | 'parentCallSid' | 'fields' | 'from' | 'to' | 'status' | 'ringingAtMs'
>

/** Of a call of which nothing has happened yet. */
export const emptyRecord = (beginning: Beginning): CarrierRecord => ({
  ...beginning,
  answeredAtMs: null,
  endedAtMs: null,
  endedBy: null,
  documents: [],
  said: [],
  streams: [],
  forks: [],
  gathered: [],
  detection: null,
  bridges: [],
  legs: [],
  deliveries: [],
  recordings: [],
  problems: [],
})
