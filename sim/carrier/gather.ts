// `<Gather>`: prompts while it already listens for keys and for speech, and gives to the action what comes first of them; without
// any, the document goes on. Speech is understood by what the caller's script says that they say, always and in full; whatever
// has no words there is not heard. Source: twilio.com/docs/voice/twiml/gather; the fields of a partial result are those that third
// parties read, and how often one comes is not documented: here with every word, as somebody speaks them.
import type { CarrierRecord } from '../record.ts'
import { type Activity, idleActivity, type Next, QUIET, type Stage } from './activity.ts'
import { GATHER_CALLBACK_AFTER_MS } from './deliveries.ts'
import { standardParams } from './params.ts'
import { sound } from './sounds.ts'
import type { Piece } from './tape.ts'
import type { Verb } from './twiml.ts'

type Target = NonNullable<Extract<Verb, { verb: 'Gather' }>['partial']>

/** A calm voice. */
const WORD_MS = 400
/** How sure Twilio is to be of what it understood. */
const CONFIDENCE = '0.9'

export function gather(verb: Extract<Verb, { verb: 'Gather' }>, stage: Stage): Activity {
  const { clock, record } = stage
  const activity = idleActivity()
  const prompted: Piece[] = []
  let prompt: Activity | null = null
  let digits = ''
  let speech: { words: string[]; beganAtMs: number; saysSinceMs: number; spokeAtMs: number } | null = null
  const partials: string[] = []
  let isOver = false
  let cancel = () => {}

  async function promptAll(): Promise<void> {
    for (const each of verb.prompts) {
      if (isOver || digits !== '' || speech !== null) break
      prompt = sound(each, stage)
      await prompt.finished
      prompted.push(...prompt.heard(clock.now()))
      prompt = null
    }
    if (!isOver && digits === '' && speech === null) waitOn()
  }

  /** From the end of the prompts, and again from each key. */
  function waitOn(): void {
    cancel()
    cancel = clock.after(verb.timeoutMs, () => finish('timeout'))
  }

  function leave(next: Next): void {
    if (isOver) return
    isOver = true
    cancel()
    prompt?.stop({ cause: 'redirect' })
    activity.finish(next)
  }

  function finish(endedBy: CarrierRecord['gathered'][number]['endedBy']): void {
    const said = speech?.words.join(' ')
    record.gathered.push({ atMs: clock.now(), digits, endedBy, ...(said === undefined ? {} : { speech: said }) })
    stage.tell('gathered', { digits, ...(said === undefined ? {} : { speech: said }) })
    const url = verb.action ?? stage.documentUrl ?? ''
    const extra: Record<string, string> =
      said === undefined ? { Digits: digits } : { SpeechResult: said, Confidence: CONFIDENCE, Language: verb.language }
    const isTold = digits !== '' || said !== undefined || verb.isEmptyTold
    leave(isTold ? { go: 'to', source: { from: 'url', url, method: verb.method, extra } } : { go: 'on' })
  }

  /** Words begin or go on. */
  function listen(words: string, atMs: number): void {
    if (speech === null) {
      if (prompt !== null && !verb.isInterruptible) return
      cancel()
      speech = { words: [words], beganAtMs: atMs, saysSinceMs: atMs, spokeAtMs: atMs }
      prompt?.stop({ cause: 'redirect' })
    }
    if (speech.words.at(-1) !== words) {
      speech.words.push(words)
      speech.saysSinceMs = atMs
    }
    speech.spokeAtMs = atMs
    if (verb.partial !== null) tellPartial(verb.partial, speech)
  }

  function tellPartial({ url, method }: Target, { words, saysSinceMs, spokeAtMs }: NonNullable<typeof speech>): void {
    const saying = words.at(-1)?.split(' ') ?? []
    const said = saying.slice(0, 1 + Math.floor((spokeAtMs - saysSinceMs) / WORD_MS))
    const understood = [...words.slice(0, -1), ...said].join(' ')
    if (understood === partials.at(-1)) return
    const form = {
      ...standardParams(record),
      Language: verb.language,
      SequenceNumber: String(partials.length),
      StableSpeechResult: '',
      UnstableSpeechResult: understood,
    }
    partials.push(understood)
    stage.deliver({ kind: 'gather', url: stage.resolve(url) ?? '', method, form, afterMs: GATHER_CALLBACK_AFTER_MS })
  }

  void promptAll()
  return {
    ...activity,
    frame(_, atMs, words = null) {
      if (isOver || !verb.takes.speech || digits !== '') return
      if (words !== null) listen(words, atMs)
      if (speech === null) return
      const isSilent = atMs - speech.spokeAtMs >= verb.speechTimeoutMs
      if (isSilent || atMs - speech.beganAtMs >= verb.speechMaxMs) finish('silence')
    },
    press(digit) {
      if (isOver || !verb.takes.keys || speech !== null) return
      prompt?.stop({ cause: 'redirect' })
      if (digit === verb.finishOnKey) {
        finish('key')
        return
      }
      digits += digit
      if (digits.length >= verb.digitsMax) finish('count')
      else waitOn()
    },
    sound: (nowMs) => prompt?.sound(nowMs) ?? QUIET,
    heard: (nowMs) => [...prompted, ...(prompt?.heard(nowMs) ?? [])],
    stop: () => leave({ go: 'on' }),
  }
}
