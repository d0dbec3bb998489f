// A caller made on the command line: what they say, press and do, and how that becomes a fixture. Of a fixture that was named,
// the model keeps its script; otherwise it improvises. What such a call is held to is what holds of any call.
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { BYTES_PER_MS, isAudible, readWav } from './audio.ts'
import { Mistake } from './mistake.ts'
import { unscripted } from './model/improvising.ts'
import type { CallerStep, Fixture } from './script.ts'
import type { Speech } from './speech.ts'

/** All of it can be sent as JSON. Times are ms from the answer. */
export type CallerWish = {
  /** In order. `bargeInMs`: says it once so much of what the agent is saying was heard, rather than when it has finished. */
  turns: { say?: string; audio?: string; bargeInMs?: number }[]
  keys: { digits: string; atMs: number }[]
  hangUpAtMs?: number
  /** So much of the first thing that the agent says, when nothing is said here but in the fixture. */
  bargeInMs?: number
}

/** As in fixtures: a minute of speech. */
const MAX_AUDIO_MS = 60_000
const PAUSE_MS = 400
/** How long the agent must have been silent, after the last words, until this caller hangs up. */
const LEAVES_AFTER_MS = 3_000

/** `isNamed`: whether somebody chose this fixture, and with it what the model says. */
export async function withCaller(
  fixture: Fixture,
  wish: CallerWish,
  isNamed: boolean,
  speech: Speech,
): Promise<Fixture> {
  const said = await Promise.all(wish.turns.map((turn) => stepOf(turn, speech)))
  const timed = timedSteps(wish)
  if (said.length === 0) return { ...fixture, isAltered: true, caller: [...cutIn(fixture, wish.bargeInMs), ...timed] }
  const leaves: CallerStep = { on: 'agent-finished', waitMs: LEAVES_AFTER_MS, act: 'hang-up' }
  const hears = said.map((step) => (step.act === 'say' ? step.words : ''))
  const model = isNamed ? { ...fixture.model, hears } : { ...unscripted, connection: fixture.model.connection, hears }
  const rest = wish.hangUpAtMs === undefined ? [leaves] : []
  return { ...fixture, isAltered: true, model, caller: [...said, ...rest, ...timed] }
}

async function stepOf({ say, audio, bargeInMs }: CallerWish['turns'][number], speech: Speech): Promise<CallerStep> {
  const cue =
    bargeInMs === undefined
      ? ({ on: 'agent-finished', waitMs: PAUSE_MS } as const)
      : ({ on: 'agent-speaking', heardMs: bargeInMs, waitMs: 0 } as const)
  // The stand-in does not transcribe: of a recording it knows the name.
  if (audio !== undefined) return { ...cue, act: 'say', words: `[${basename(audio)}]`, audio: await readAudio(audio) }
  const words = say ?? ''
  const spoken = await speech.speak(words).catch((error: Error) => {
    throw new Mistake(`--say ${shortened(words)}: ${error.message}`)
  })
  return { ...cue, act: 'say', words, audio: spoken }
}

const MOST_ECHOED_CHARS = 60
const shortened = (words: string): string =>
  words.length > MOST_ECHOED_CHARS ? `${JSON.stringify(words.slice(0, MOST_ECHOED_CHARS))}…` : JSON.stringify(words)

async function readAudio(file: string): Promise<Uint8Array> {
  const fault = (why: string) => new Mistake(`--audio ${file}: ${why}`)
  const isRaw = /\.(ulaw|mulaw|ul)$/i.test(file)
  if (!isRaw && !/\.wav$/i.test(file)) throw fault('give a .wav file, or a .ulaw file (8 kHz μ-law without a header).')
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw fault(`the file cannot be read (${error.code}).`)
  })
  const audio = isRaw ? new Uint8Array(bytes) : decoded(bytes, fault)
  if (audio.length === 0) throw fault('there is no audio in it.')
  if (audio.length > MAX_AUDIO_MS * BYTES_PER_MS)
    throw fault(`it lasts ${Math.round(audio.length / BYTES_PER_MS / 1000)} s; a minute is the most.`)
  if (!isAudible(audio)) throw fault('nothing can be heard in it.')
  return audio
}

function decoded(bytes: Uint8Array, fault: (why: string) => Mistake): Uint8Array {
  try {
    return readWav(bytes)
  } catch (error) {
    throw fault(`it cannot be read as a WAV file (${error instanceof Error ? error.message : error}).`)
  }
}

const timedSteps = ({ keys, hangUpAtMs }: CallerWish): CallerStep[] => [
  ...keys.map(({ digits, atMs }): CallerStep => ({ on: 'time', waitMs: atMs, act: 'press', digits })),
  ...(hangUpAtMs === undefined ? [] : [{ on: 'time', waitMs: hangUpAtMs, act: 'hang-up' } satisfies CallerStep]),
]

/** The fixture's caller, who says their first words into the agent's. */
function cutIn({ name, caller }: Fixture, heardMs: number | undefined): CallerStep[] {
  if (heardMs === undefined) return caller
  const first = caller.findIndex(({ on, act }) => on === 'agent-finished' && act === 'say')
  if (first < 0) throw new Mistake(`--barge-in: the caller of ${name} says nothing to cut in with; add --say.`)
  return caller.map(
    (step, place): CallerStep =>
      place === first && step.act === 'say' ? { ...step, on: 'agent-speaking', heardMs, waitMs: 0 } : step,
  )
}
