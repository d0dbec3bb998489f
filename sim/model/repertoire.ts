// A model's script, ready to be performed: its speech made beforehand, so that nothing is synthesized while a call runs
// (but for what a tool must answer first). One repertoire serves all sessions of a call; the next response is the next one
// whichever session asks.
import type { SimClock } from '../clock.ts'
import type { ModelOutput, ModelScript, Thought } from '../script.ts'
import type { Speech } from '../speech.ts'
import { improvised, leastThatFits, type Prompt } from './improvising.ts'
import { filledIn, hasReference, type ToolAnswer } from './references.ts'

export type Output = { knows: string[] } & (
  | {
      kind: 'say'
      text: string
      /** Null while it is still being made. */
      audio(): Uint8Array | null
    }
  | { kind: 'call'; name: string; arguments: string }
  | { kind: 'fail'; code: string }
  | { kind: 'stop'; reason: 'max_output_tokens' | 'content_filter' }
  | { kind: 'hang' }
)

export type Repertoire = {
  readonly connection: ModelScript['connection']
  /**
   * What the next response puts out, with what tools have answered; null when the script has run out. `unknown`: what it
   * refers to and no tool has answered.
   */
  nextResponse(answers: readonly ToolAnswer[], prompt: Prompt): { outputs: Output[]; unknown: string[] } | null
  /**
   * The line to the caller broke: whoever goes on with the call takes it up again first, in words that no script has; and has
   * such words for callers, too, who then say more than the script knows of.
   */
  breakOff(): void
  /** What was said may have come at another time than the script has it. */
  fallOutOfStep(): void
  isInStep(): boolean
  /**
   * What a turn of the caller is heard as: the next of the script, '' when it has run out. Audio that was heard before, in a
   * session that ended before it could say so, is heard as the same again.
   */
  hear(audio: Uint8Array): string
  /** A turn with this μ-law in it is heard as these words; so is, where audio arrives in another format, the next one that no script knows. */
  expect(words: string, audio: Uint8Array): void
  /** A turn was heard, and its session has ended before its words were told. */
  unheard(audio: Uint8Array, words: string): void
  /** The next structured answer, to be of this schema; none when the script has run out. */
  nextWriting(schema: unknown): { value: unknown } | undefined
  /** The next consultation's thoughts; none when the script has run out. */
  nextConsultation(): Thought[] | undefined
}

export type Stage = { clock: SimClock; speech: Speech; note(text: string): void }

/** Said in place of nothing: the other side of a line that broke would wait for it. */
const TAKING_UP = 'We were cut off for a moment. Please go on.'

export async function rehearse(script: ModelScript, stage: Stage): Promise<Repertoire> {
  const known = new Map<ModelOutput, Uint8Array>()
  for (const output of script.responses.flat())
    if ('say' in output && !hasReference(output.say))
      known.set(output, await stage.speech.speak(output.say, output.voice))
  const takesUp: ModelOutput = { say: TAKING_UP }
  known.set(takesUp, await stage.speech.speak(TAKING_UP))
  let isBrokenOff = false
  let isInStep = true
  const responses = [...script.responses]
  const hears = [...script.hears]
  const said: Turn[] = []
  const untold: Turn[] = []
  const writings = script.writings.map((value) => ({ value }))
  const consultations = [...script.supervisor]
  return {
    connection: script.connection,
    nextResponse(answers, prompt) {
      const scripted = script.improvises
        ? improvised(prompt)
        : isBrokenOff
          ? [takesUp]
          : (responses.shift() ?? (isInStep ? undefined : [takesUp]))
      isBrokenOff = false
      if (scripted === undefined) return null
      const prepared = scripted.map((output) => prepare(output, known.get(output), answers, stage))
      return {
        outputs: prepared.map(({ output }) => output),
        unknown: prepared.flatMap(({ unknown }) => unknown),
      }
    },
    breakOff() {
      isBrokenOff = true
      isInStep = false
    },
    fallOutOfStep: () => void (isInStep = false),
    isInStep: () => isInStep,
    hear(audio) {
      const again = untold.filter((turn) => holds(audio, turn.audio))
      for (const turn of again) untold.splice(untold.indexOf(turn), 1)
      if (again.length > 0) return wordsOf(again)
      const known = said.filter((turn) => Buffer.from(audio).includes(turn.audio))
      for (const turn of known) said.splice(said.indexOf(turn), 1)
      return known.length > 0 ? wordsOf(known) : (hears.shift() ?? said.shift()?.words ?? '')
    },
    expect: (words, audio) => void said.push({ words, audio: loudest(audio) }),
    unheard: (audio, words) => void untold.push({ audio, words }),
    nextWriting: (schema) => (script.improvises ? { value: leastThatFits(schema) } : writings.shift()),
    nextConsultation: () => consultations.shift(),
  }
}

type Turn = { audio: Uint8Array; words: string }

const wordsOf = (turns: readonly Turn[]): string => turns.map(({ words }) => words).join(' ')

/** A tenth of a second at 8 kHz, one byte a sample: no two stretches of speech are the same for so long. */
const TELLING_BYTES = 800

/** Whether audio has the middle of another in it, byte for byte. */
function holds(audio: Uint8Array, other: Uint8Array): boolean {
  const from = Math.max(0, Math.floor((other.length - TELLING_BYTES) / 2))
  return Buffer.from(audio).includes(other.subarray(from, from + TELLING_BYTES))
}

/** The loudest stretch of μ-law: a middle may be a pause, and every turn has one. */
function loudest(audio: Uint8Array): Uint8Array {
  const loudness = (part: Uint8Array) => part.reduce((sum, byte) => sum + 0x7f - (byte & 0x7f), 0)
  const parts = Array.from({ length: Math.ceil(audio.length / TELLING_BYTES) }, (_, place) =>
    audio.subarray(place * TELLING_BYTES, (place + 1) * TELLING_BYTES),
  )
  return parts.reduce((best, part) => (loudness(part) > loudness(best) ? part : best), new Uint8Array(0))
}

function prepare(
  output: ModelOutput,
  audio: Uint8Array | undefined,
  answers: readonly ToolAnswer[],
  stage: Stage,
): { output: Output; unknown: string[] } {
  const { knows = [] } = output
  if ('stop' in output) return { output: { knows, kind: 'stop', reason: output.stop }, unknown: [] }
  if ('hang' in output) return { output: { knows, kind: 'hang' }, unknown: [] }
  if ('fail' in output) return { output: { knows, kind: 'fail', code: output.fail }, unknown: [] }
  if ('call' in output) {
    const { value, unknown } = filledIn(output.arguments, answers)
    return { output: { knows, kind: 'call', name: output.call, arguments: JSON.stringify(value) }, unknown }
  }
  const { value, unknown } = filledIn(output.say, answers)
  const text = String(value)
  const spoken = audio === undefined ? speakNow(text, output.voice, stage) : () => audio
  return { output: { knows, kind: 'say', text, audio: spoken }, unknown }
}

/** Time stands still for it on the virtual clock; on the real one whoever performs it looks again. */
function speakNow(text: string, voice: string | undefined, { clock, speech, note }: Stage): () => Uint8Array | null {
  let audio: Uint8Array | null = null
  const made = speech.speak(text, voice).then(
    (bytes) => void (audio = bytes),
    (error: Error) => {
      note(`A part of the script cannot be spoken: ${error.message}`)
      audio = new Uint8Array(0)
    },
  )
  void clock.hold(made, 'speech')
  return () => audio
}
