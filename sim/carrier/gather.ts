// `<Gather>`: prompts while it already listens for keys, and gives them to the action; without any, the document goes on.
// Keys only: speech is not understood here. Source: twilio.com/docs/voice/twiml/gather.
import type { CarrierRecord } from '../record.ts'
import { type Activity, idleActivity, type Next, QUIET, type Stage } from './activity.ts'
import { sound } from './sounds.ts'
import type { Piece } from './tape.ts'
import type { Verb } from './twiml.ts'

export function gather(verb: Extract<Verb, { verb: 'Gather' }>, stage: Stage): Activity {
  const { clock, record } = stage
  const activity = idleActivity()
  const prompted: Piece[] = []
  let prompt: Activity | null = null
  let digits = ''
  let isOver = false
  let cancel = () => {}

  async function promptAll(): Promise<void> {
    for (const each of verb.prompts) {
      if (isOver || digits !== '') break
      prompt = sound(each, stage)
      await prompt.finished
      prompted.push(...prompt.heard(clock.now()))
      prompt = null
    }
    if (!isOver && digits === '') waitOn()
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
    record.gathered.push({ atMs: clock.now(), digits, endedBy })
    stage.tell('gathered', { digits })
    const url = verb.action ?? stage.documentUrl ?? ''
    const extra = { Digits: digits }
    const isTold = digits !== '' || verb.isEmptyTold
    leave(isTold ? { go: 'to', source: { from: 'url', url, method: verb.method, extra } } : { go: 'on' })
  }

  void promptAll()
  return {
    ...activity,
    press(digit) {
      if (isOver) return
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
