// One inbound call from the first ring to its last callback: asks the server for documents, carries them out, keeps the
// 20 ms beat between caller and server, and writes down what happened. Source: twilio.com/docs/voice/twiml.
import { FRAME_MS } from '../audio.ts'
import { type Caller, createCaller } from '../caller.ts'
import type { Random } from '../random.ts'
import type { CarrierRecord } from '../record.ts'
import type { CallerStep } from '../script.ts'
import { type Activity, type Ender, type Next, QUIET, type Source, type Stage } from './activity.ts'
import { startBeat } from './beat.ts'
import { createCallTape } from './call-tape.ts'
import { type Callback, type CallFile, STATUS_CALLBACK_AFTER_MS } from './deliveries.ts'
import { readDocument, type TwimlDocument } from './documents.ts'
import type { CarrierAccount, CarrierNumber, Exchange } from './exchange.ts'
import { completedParams, firstRequestParams, standardParams } from './params.ts'
import { problemCode } from './problems.ts'
import type { Recording, RecordingPlan } from './recordings.ts'
import { createToken } from './sids.ts'
import { obey } from './verbs.ts'

export type CallPlan = {
  callSid: string
  account: CarrierAccount
  number: CarrierNumber
  from: string
  steps: readonly CallerStep[]
  random: Random
}

export type LiveCall = {
  readonly file: CallFile
  /** When everything about the call is over, its callbacks too. */
  readonly done: Promise<CarrierRecord>
  /** What is known by now. */
  record(): CarrierRecord
  isLive(): boolean
  end(by: Ender): void
  /** Leaves what it is doing for another document. */
  redirect(source: Source): void
  startRecording(plan: Omit<RecordingPlan, 'startedAtMs'>): Recording
  stopRecording(recording: Recording): void
}

/** Twilio ends a call after four hours. */
const CALL_MAX_MS = 4 * 60 * 60 * 1000
/** Against documents that send the call round in circles. Ours, not Twilio's. */
const DOCUMENTS_MAX = 200
const APPLICATION_ERROR = 'We are sorry, an application error has occurred. Goodbye.'

export function placeCall(exchange: Exchange, plan: CallPlan): LiveCall {
  const { clock, trace } = exchange
  const { number, random } = plan
  const record = ringingRecord(plan, clock.now())
  const deliveries = new Set<Promise<void>>()
  let documentUrl: string | null = null
  let current: Activity | null = null
  let redirection: Source | null = null
  let stopClocks = () => {}

  const tell = (what: string, body?: unknown) => trace.add({ wire: 'call', from: 'carrier', to: 'caller', what, body })
  const isOver = () => record.endedAtMs !== null
  /** What the caller has heard of what goes on now. */
  const sounding = () => current?.heard(clock.now()) ?? []
  /** Whether nobody would obey a document now. */
  const isVoid = () => isOver() || redirection !== null

  const file: CallFile = {
    record,
    authToken: plan.account.authToken,
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
  const tape = createCallTape(clock, exchange.recordings, file)
  const stage: Stage = {
    ...file,
    exchange,
    clock,
    get documentUrl() {
      return documentUrl
    },
    resolve(url) {
      const base = documentUrl ?? undefined
      return URL.canParse(url, base) && /^https?:/.test(new URL(url, base).protocol) ? new URL(url, base).href : null
    },
  }

  async function run(): Promise<void> {
    tell('ringing', { from: record.from, to: record.to })
    let source = firstSource(number, random)
    for (let documents = 1; source !== null; documents++) {
      const document = documents > DOCUMENTS_MAX ? goneInCircles() : await load(source)
      // Also what an action answers after a hang-up: it is asked, and its answer is void.
      if (isOver()) return
      source = redirection === null ? await carryOut(document) : null
      // The action of a verb that a redirection cut short is asked first, in vain, as users have seen.
      if (redirection === null || source !== null) continue
      source = redirection
      redirection = null
    }
    end('server')
  }

  /** The document, or the fallback's in its place; null when there is neither. */
  async function load(source: Source): Promise<TwimlDocument | null> {
    const fieldsWith = (extra: Record<string, string>) => Object.entries({ ...standardParams(record), ...extra })
    const reading = await readDocument(source, fieldsWith(source.from === 'url' ? source.extra : {}), stage, isVoid)
    if (reading.ok) return reading.document
    file.log(reading.problem)
    if (!number.voiceFallbackUrl || isVoid()) return null

    const error = { ErrorCode: String(reading.problem.code), ErrorUrl: reading.url }
    const method = number.voiceFallbackMethod ?? 'POST'
    const fallback: Source = { from: 'url', url: number.voiceFallbackUrl, method, extra: error }
    const second = await readDocument(fallback, fieldsWith(error), stage, isVoid)
    if (second.ok) return second.document
    file.log(second.problem)
    return null
  }

  async function carryOut(document: TwimlDocument | null): Promise<Source | null> {
    const [first] = document?.verbs ?? []
    if (first?.verb === 'Reject' && record.answeredAtMs === null) {
      end('server', first.reason === 'busy' ? 'busy' : 'no-answer')
      return null
    }
    if (record.answeredAtMs === null) answer()
    if (document !== null) {
      documentUrl = document.url
      return obey(document.verbs, stage, perform)
    }
    await obey([{ verb: 'Say', text: APPLICATION_ERROR, loops: 1 }], stage, perform)
    end('carrier')
    return null
  }

  async function perform(activity: Activity): Promise<Next | null> {
    current = activity
    const next = await activity.finished
    current = null
    tape.keepAgent(activity.heard(clock.now()))
    return next.go === 'on' && isVoid() ? null : next
  }

  function answer(): void {
    record.status = 'in-progress'
    record.answeredAtMs = clock.now()
    tell('answered')
    const caller = createCaller(plan.steps, clock.now(), trace)
    const stopBeat = startBeat(clock, FRAME_MS, (atMs) => beat(caller, atMs))
    const stopLimit = clock.after(CALL_MAX_MS, () => end('carrier'))
    stopClocks = () => {
      stopBeat()
      stopLimit()
    }
  }

  function beat(caller: Caller, atMs: number): void {
    const { audio, digit, hangsUp } = caller.next(atMs, current?.sound(atMs) ?? QUIET)
    if (hangsUp) {
      end('caller')
      return
    }
    tape.keepCaller({ atMs, bytes: audio })
    current?.frame(audio, atMs)
    if (digit !== null) current?.press(digit)
  }

  function end(by: Ender, status = record.answeredAtMs === null ? 'canceled' : 'completed'): void {
    if (isOver()) return
    record.status = status
    record.endedAtMs = clock.now()
    record.endedBy = by
    stopClocks()
    tape.stopAll(sounding())
    tell('ended', { status, by })
    current?.stop({ cause: 'hang-up', by })
    if (!number.statusCallback) return
    const method = number.statusCallbackMethod ?? 'POST'
    const form = completedParams(record, clock.now())
    file.deliver({ kind: 'status', url: number.statusCallback, method, form, afterMs: STATUS_CALLBACK_AFTER_MS })
  }

  function goneInCircles(): null {
    file.log({ code: problemCode.tooManyRedirects, text: `More than ${DOCUMENTS_MAX} documents in one call` })
    return null
  }

  async function wholeCall(): Promise<CarrierRecord> {
    // A number without a voice URL fails a call at once, without a word in the debugger.
    if (number.voiceUrl === '') end('carrier', 'failed')
    else await run()
    await Promise.all(exchange.recordings.of(record.callSid).map(({ processed }) => processed))
    while (deliveries.size > 0) await Promise.all(deliveries)
    return snapshot(exchange, record)
  }

  return {
    file,
    done: wholeCall(),
    record: () => snapshot(exchange, record),
    isLive: () => record.status === 'in-progress',
    end,
    redirect(source) {
      redirection = source
      current?.stop({ cause: 'redirect' })
    },
    startRecording: tape.record,
    stopRecording: (recording) => tape.stop(recording, sounding()),
  }
}

function firstSource({ voiceUrl, voiceMethod = 'POST' }: CarrierNumber, random: Random): Source | null {
  return { from: 'url', url: voiceUrl, method: voiceMethod, extra: firstRequestParams(createToken(random)) }
}

/** The record as it stands, with the recordings as they stand. */
function snapshot({ recordings }: Exchange, record: CarrierRecord): CarrierRecord {
  return {
    ...record,
    streams: record.streams.map((stream) => ({ ...stream })),
    recordings: recordings.of(record.callSid).map((recording) => ({
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

const ringingRecord = ({ callSid, account, number, from }: CallPlan, ringingAtMs: number): CarrierRecord => ({
  callSid,
  accountSid: account.accountSid,
  from,
  to: number.phoneNumber,
  status: 'ringing',
  ringingAtMs,
  answeredAtMs: null,
  endedAtMs: null,
  endedBy: null,
  documents: [],
  said: [],
  streams: [],
  deliveries: [],
  recordings: [],
  problems: [],
})
