// The verbs that only sound, or only take their time: Say, Play, Pause. A `<Gather>` has them within itself, too.
// Sources: twilio.com/docs/voice/twiml/say, play, pause.
import { BYTES_PER_MS, FRAME_BYTES, isAudible, readWav } from '../audio.ts'
import type { CarrierRecord } from '../record.ts'
import { type Activity, idleActivity, QUIET, type Stage } from './activity.ts'
import { problemCode } from './problems.ts'
import type { Piece } from './tape.ts'
import type { SoundVerb } from './twiml.ts'

type Of<Name extends SoundVerb['verb']> = Extract<SoundVerb, { verb: Name }>

/** A calm voice: 150 words a minute, and a breath before and after. */
const WORD_MS = 400
const BREATH_MS = 300
const DTMF_DIGIT_MS = 200
/** No verb lasts longer than a call may. */
const VERB_MAX_MS = 4 * 60 * 60 * 1000

export function sound(verb: SoundVerb, stage: Stage): Activity {
  switch (verb.verb) {
    case 'Say':
      return say(verb, stage)
    case 'Play':
      return verb.digits === '' ? play(verb, stage) : lasting(keysMs(verb.digits), stage)
    case 'Pause':
      return lasting(verb.lengthMs, stage)
  }
}

/** How long keys take; `w` waits half a second, `W` one. */
export const keysMs = (keys: string): number =>
  [...keys].reduce((sum, key) => sum + (key === 'w' ? 500 : key === 'W' ? 1000 : DTMF_DIGIT_MS), 0)

/** How long `<Say>` takes for a text: an estimate by its words, the same every time. */
const speakingMs = (text: string): number => (text === '' ? 0 : 2 * BREATH_MS + WORD_MS * text.split(/\s+/).length)

function say({ text, loops }: Of<'Say'>, stage: Stage): Activity {
  const activity = lasting(speakingMs(text) * loops, stage)
  if (text === '') return activity
  const said: CarrierRecord['said'][number] = { atMs: stage.clock.now(), endedAtMs: null, text }
  stage.record.said.push(said)
  stage.tell('say', { text })
  void activity.finished.then(() => {
    said.endedAtMs = stage.clock.now()
  })
  return {
    ...activity,
    sound: () => (said.endedAtMs !== null ? QUIET : { ...QUIET, isSounding: true, isAudible: true }),
  }
}

/** Something that only takes its time. */
export function lasting(durationMs: number, { clock }: Stage): Activity {
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
      return { ...QUIET, isSounding: true, isAudible: isAudible(audio, Math.max(0, at - FRAME_BYTES), at) }
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
