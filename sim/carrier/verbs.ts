// Carries out a TwiML document, verb by verb. Verbs that take time become the call's activity; the others say where the
// call goes. The end of the document ends the call. Sources: twilio.com/docs/voice/twiml and the page of each verb.
import { BYTES_PER_MS, FRAME_BYTES, isAudible, readWav } from '../audio.ts'
import type { CarrierRecord } from '../record.ts'
import { type Activity, idleActivity, type Next, QUIET, type Source, type Stage } from './activity.ts'
import { problemCode } from './problems.ts'
import { recordCaller } from './record-verb.ts'
import { openStream } from './stream.ts'
import type { Piece } from './tape.ts'
import type { Verb } from './twiml.ts'

/** Verbs that last. */
type LastingVerb = Extract<Verb, { verb: 'Say' | 'Play' | 'Pause' | 'Record' | 'Connect' }>
type Of<Name extends Verb['verb']> = Extract<Verb, { verb: Name }>

/** A calm voice: 150 words a minute, and a breath before and after. */
const WORD_MS = 400
const BREATH_MS = 300
const DTMF_DIGIT_MS = 200
/** No verb lasts longer than a call may. */
const VERB_MAX_MS = 4 * 60 * 60 * 1000

/** Lets an activity run; answers null when the call ended or was redirected meanwhile and the document is void. */
export type RunActivity = (activity: Activity) => Promise<Next | null>

/** Where the call goes after the document; null when it ends there. */
export async function obey(verbs: readonly Verb[], stage: Stage, run: RunActivity): Promise<Source | null> {
  for (const verb of verbs) {
    switch (verb.verb) {
      case 'Hangup':
      case 'Reject':
        return null
      case 'Redirect':
        return { from: 'url', url: verb.url, method: verb.method, extra: {} }
      default: {
        const next = await run(perform(verb, stage))
        if (next === null) return null
        if (next.go === 'to') return next.source
      }
    }
  }
  return null
}

function perform(verb: LastingVerb, stage: Stage): Activity {
  switch (verb.verb) {
    case 'Say':
      return say(verb, stage)
    case 'Play':
      return verb.digits === '' ? play(verb, stage) : lasting(verb.digits.length * DTMF_DIGIT_MS, stage)
    case 'Pause':
      return lasting(verb.lengthMs, stage)
    case 'Record':
      return recordCaller(verb, stage)
    case 'Connect':
      return connect(verb, stage)
  }
}

/** How long `<Say>` takes for a text: an estimate by its words, the same every time. */
const speakingMs = (text: string): number => (text === '' ? 0 : 2 * BREATH_MS + WORD_MS * text.split(/\s+/).length)

function say({ text, loops }: Of<'Say'>, stage: Stage): Activity {
  const activity = lasting(speakingMs(text) * loops, stage)
  if (text === '') return activity
  const said: CarrierRecord['said'][number] = { atMs: stage.clock.now(), endedAtMs: null, text }
  stage.record.said.push(said)
  stage.exchange.trace.add({ wire: 'call', from: 'carrier', to: 'caller', what: 'say', body: { text } })
  void activity.finished.then(() => {
    said.endedAtMs = stage.clock.now()
  })
  return { ...activity, sound: () => (said.endedAtMs !== null ? QUIET : { isSounding: true, isAudible: true }) }
}

/** Something that only takes its time. */
function lasting(durationMs: number, { clock }: Stage): Activity {
  const activity = idleActivity()
  const cancel = clock.after(Math.min(durationMs, VERB_MAX_MS), () => activity.finish({ go: 'on' }))
  return {
    ...activity,
    stop(stop) {
      cancel()
      activity.stop(stop)
    },
  }
}

function connect({ action, method, stream }: Of<'Connect'>, stage: Stage): Activity {
  const activity = openStream(stream, stage)
  if (action === null) return activity
  // Asked for however the stream ended, as the page of <Connect> says: also when the call is over and the answer is void.
  const next: Next = { go: 'to', source: { from: 'url', url: action, method, extra: {} } }
  return { ...activity, finished: activity.finished.then(() => next) }
}

function play({ url, loops }: Of<'Play'>, stage: Stage): Activity {
  const { clock } = stage
  const activity = idleActivity()
  let audio = new Uint8Array(0)
  let startedAtMs = 0
  let endedAtMs: number | null = null
  let cancel = () => {}

  async function begin(): Promise<void> {
    const found = await fetchAudio(url, stage)
    if (endedAtMs !== null) return
    audio = found
    startedAtMs = clock.now()
    cancel = clock.after(Math.min((audio.length / BYTES_PER_MS) * loops, VERB_MAX_MS), end)
  }
  function end(): void {
    cancel()
    endedAtMs ??= clock.now()
    activity.finish({ go: 'on' })
  }
  const heardBytes = (nowMs: number) =>
    audio.length === 0 ? 0 : Math.floor(((endedAtMs ?? nowMs) - startedAtMs) * BYTES_PER_MS)

  void begin()
  return {
    ...activity,
    stop: end,
    sound(nowMs) {
      if (audio.length === 0 || endedAtMs !== null) return QUIET
      const at = heardBytes(nowMs) % audio.length
      return { isSounding: true, isAudible: isAudible(audio, Math.max(0, at - FRAME_BYTES), at) }
    },
    heard(nowMs) {
      const pieces: Piece[] = []
      for (let left = heardBytes(nowMs), atMs = startedAtMs; left > 0; left -= audio.length) {
        pieces.push({ atMs, bytes: audio.subarray(0, left) })
        atMs += audio.length / BYTES_PER_MS
      }
      return pieces
    },
  }
}

/** The sound of a WAV or μ-law file; nothing, and a problem logged, when there is none that can be played here. */
async function fetchAudio(url: string, stage: Stage): Promise<Uint8Array<ArrayBuffer>> {
  const nothing = new Uint8Array(0)
  const target = stage.resolve(url)
  if (target === null) return nothing
  const { authToken, random } = stage
  const answer = await stage.exchange.send({
    url: target,
    method: 'GET',
    fields: [],
    authToken,
    random,
    wire: 'webhook',
  })
  if (!answer.ok) {
    stage.log(answer.problem)
    return nothing
  }
  try {
    if (answer.contentType === 'audio/basic') return new Uint8Array(answer.body)
    if (/^audio\/(x-)?wav(e)?$/.test(answer.contentType)) return new Uint8Array(readWav(answer.body))
  } catch {
    // Not what its type says: as good as another type.
  }
  stage.log({
    code: problemCode.contentType,
    text: `<Play> cannot play ${answer.contentType || 'a file without a type'}`,
  })
  return nothing
}
