// A model's script, ready to be performed: its speech made beforehand, so that nothing is synthesized while a call runs.
// One repertoire serves all sessions of a call; the next response is the next one whichever session asks.
import type { ModelOutput, ModelScript, Thought } from '../script.ts'
import type { Speech } from '../speech.ts'

export type Output = { knows: string[] } & (
  | { kind: 'say'; text: string; audio: Uint8Array }
  | { kind: 'call'; name: string; arguments: string }
  | { kind: 'fail'; code: string }
)

export type Repertoire = {
  readonly connection: ModelScript['connection']
  /** What the next response puts out; null when the script has run out. */
  nextResponse(): Output[] | null
  /** What the next turn of the caller is heard as; '' when the script has run out. */
  nextHeard(): string
  /** The next structured answer; none when the script has run out. */
  nextWriting(): { value: unknown } | undefined
  /** The next consultation's thoughts; none when the script has run out. */
  nextConsultation(): Thought[] | undefined
}

export async function rehearse(script: ModelScript, speech: Speech): Promise<Repertoire> {
  const responses: Output[][] = []
  for (const outputs of script.responses) {
    const ready: Output[] = []
    for (const output of outputs) ready.push(await prepare(output, speech))
    responses.push(ready)
  }
  const hears = [...script.hears]
  const writings = script.writings.map((value) => ({ value }))
  const consultations = [...script.supervisor]
  return {
    connection: script.connection,
    nextResponse: () => responses.shift() ?? null,
    nextHeard: () => hears.shift() ?? '',
    nextWriting: () => writings.shift(),
    nextConsultation: () => consultations.shift(),
  }
}

async function prepare(output: ModelOutput, speech: Speech): Promise<Output> {
  const { knows = [] } = output
  if ('say' in output)
    return { knows, kind: 'say', text: output.say, audio: await speech.speak(output.say, output.voice) }
  if ('call' in output) return { knows, kind: 'call', name: output.call, arguments: JSON.stringify(output.arguments) }
  return { knows, kind: 'fail', code: output.fail }
}
