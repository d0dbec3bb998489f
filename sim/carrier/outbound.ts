// A call that we place: for a server's REST request, or for a `<Dial>`. Somebody's telephone rings, and is answered, busy, out of
// reach or left ringing; then the call follows its document, if it has one, and goes on to what it was placed for.
// Sources: twilio.com/docs/voice/api/call-resource, voice/answering-machine-detection, voice/twiml/number.
import type { Random } from '../random.ts'
import type { CarrierRecord } from '../record.ts'
import { type Activity, type Fallback, idleActivity, type LiveCall, type Source, type Stage } from './activity.ts'
import { follow } from './course.ts'
import { DETECTION_CALLBACK_AFTER_MS } from './deliveries.ts'
import { createDetector, type DetectionPlan } from './detection.ts'
import type { CarrierAccount, Exchange } from './exchange.ts'
import { createLeg, emptyRecord, type Leg } from './leg.ts'
import { problemCode } from './problems.ts'
import type { RecordingPlan } from './recordings.ts'
import { keysMs, lasting } from './sounds.ts'
import type { CallbackTarget, Method } from './twiml.ts'

export type OutboundPlan = {
  direction: 'outbound-api' | 'outbound-dial'
  parentCallSid: string | null
  from: string
  to: string
  /** The document for whoever answers; null: there is none. */
  first: Source | null
  fallback: Fallback | null
  statusCallback: CallbackTarget | null
  /** How long it may ring. Twilio may add up to five seconds. */
  ringMs: number
  maxMs: number | null
  /** Keys that are pressed for the server once the call is answered. They rule out detection. */
  sendDigits: string
  /** `callback`: told there while the call goes on; null: the call waits for it. */
  detection: (DetectionPlan & { callback: { url: string; method: Method } | null; isAsync: boolean }) | null
  recording: Omit<RecordingPlan, 'startedAtMs'> | null
  /** What the call does when its document has run out; null: it is no longer wanted. */
  connect?(stage: Stage): Activity | null
}

type Identity = { callSid: string; account: CarrierAccount; random: Random }

/** From the order to the first ring, or to the news that there is none. */
const DIALLING_MS = 500

export function placeCall(exchange: Exchange, plan: OutboundPlan, { callSid, account, random }: Identity): LiveCall {
  const { clock, settings } = exchange
  const { direction, parentCallSid, from, to } = plan
  const called = exchange.called(to)
  const record = emptyRecord({
    callSid,
    accountSid: account.accountSid,
    direction,
    parentCallSid,
    from,
    to,
    status: 'queued',
    ringingAtMs: clock.now(),
  })
  const leg = createLeg(exchange, {
    record,
    authToken: account.authToken,
    random,
    party: called?.party ?? 'person',
    steps: called?.person.does ?? [],
    isDriven: called?.isDriven ?? false,
    statusCallback: plan.statusCallback,
    fallback: plan.fallback,
  })
  if (plan.maxMs !== null) leg.limit(plan.maxMs)

  async function run(): Promise<void> {
    if (!(await ring())) return
    const { stage, ladder } = leg
    if (plan.recording !== null) stage.startRecording(plan.recording)
    ladder.tell('answered')
    if (plan.sendDigits !== '') await leg.perform(lasting(keysMs(plan.sendDigits), stage))
    const detection = plan.sendDigits === '' ? plan.detection : null
    const told = detection === null ? null : detect(leg, detection)
    if (told !== null && detection?.isAsync === false) await leg.perform(until(told))
    await talk()
    leg.end('server')
    // Who answered may be known, and told, only after the end.
    await told
  }

  /** Answers whether somebody picked up. */
  async function ring(): Promise<boolean> {
    if (settings.queueMs > 0 && direction === 'outbound-api') {
      if (!(await leg.wait(settings.queueMs))) return false
      record.queuedMs = settings.queueMs
    }
    leg.ladder.tell('initiated')
    if (!(await leg.wait(DIALLING_MS))) return false
    const answers = called?.person.answers ?? 'unreachable'
    if (answers === 'busy' || answers === 'unreachable') {
      leg.end('carrier', answers === 'busy' ? 'busy' : 'failed')
      return false
    }
    record.status = 'ringing'
    leg.stage.tell('ringing', { from, to })
    leg.ladder.tell('ringing')
    const isAnswered = answers !== 'never' && answers.afterMs <= plan.ringMs
    if (!(await leg.wait(isAnswered ? answers.afterMs : plan.ringMs))) return false
    if (isAnswered) leg.stage.answer()
    else leg.end('carrier', 'no-answer')
    return isAnswered
  }

  async function talk(): Promise<void> {
    if (leg.isOver()) return
    const first = leg.takeRedirection() ?? knowing(plan.first, record.detection)
    const ending = first === null ? 'ran-out' : await follow(first, leg)
    if (leg.isOver() || ending === 'hung-up') return
    const activity = plan.connect?.(leg.stage) ?? null
    if (activity === null) return
    await leg.perform(activity)
    const elsewhere = leg.takeRedirection()
    if (elsewhere !== null && !leg.isOver()) await follow(elsewhere, leg)
  }

  return leg.live(run())
}

/** Resolves when it is known who answered, or when nobody is there any more to tell by; and has it told. */
async function detect(leg: Leg, plan: NonNullable<OutboundPlan['detection']>): Promise<void> {
  const { stage } = leg
  const { record } = stage
  const detector = createDetector(plan)
  const found = Promise.withResolvers<string>()
  leg.listen((audio) => {
    const answeredBy = detector.hear(audio)
    if (answeredBy !== null) found.resolve(answeredBy)
  })
  void leg.over.then(() => found.resolve('unknown'))
  const answeredBy = await found.promise
  const atMs = stage.clock.now()
  record.detection = { atMs, answeredBy, tookMs: atMs - (record.answeredAtMs ?? atMs) }
  stage.tell('detected', { answeredBy })
  if (!plan.isAsync) return
  if (plan.callback === null) {
    stage.log({ code: problemCode.detectionCallback, text: 'Machine detection has no callback to tell its result' })
    return
  }
  const { accountSid: AccountSid, callSid: CallSid } = record
  const form = { AccountSid, CallSid, ...detectionParams(record.detection) }
  stage.deliver({ kind: 'detection', ...plan.callback, form, afterMs: DETECTION_CALLBACK_AFTER_MS })
}

/** Silence, as far as anybody hears, until something is known. */
function until(known: Promise<void>): Activity {
  const activity = idleActivity()
  void known.then(() => activity.finish({ go: 'on' }))
  return activity
}

/** The document's request, with what is known of who answered. */
function knowing(source: Source | null, detection: CarrierRecord['detection']): Source | null {
  if (source?.from !== 'url' || detection === null) return source
  return { ...source, extra: { ...source.extra, ...detectionParams(detection) } }
}

const detectionParams = ({ answeredBy, tookMs }: NonNullable<CarrierRecord['detection']>) => ({
  AnsweredBy: answeredBy,
  MachineDetectionDuration: String(Math.round(tookMs)),
})
