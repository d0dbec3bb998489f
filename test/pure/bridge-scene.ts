// A live call's machine on the bench: what the model, the carrier and the clock tell it in one line each, and all that it
// did in answer, in order.

import { step } from '../../src/bridge/machine.ts'
import type { CallScript, Recollection, ToolSpec } from '../../src/bridge/plan.ts'
import { beginCall, type CallEvent, type CallState, type Command } from '../../src/bridge/state.ts'
import { nextDueAtMs } from '../../src/bridge/watch.ts'
import type { ConversationFact, FactOf } from '../../src/conversations/events.ts'

type Happening = CallEvent extends infer E ? (E extends CallEvent ? Omit<E, 'atMs'> : never) : never
type Said = Extract<CallEvent, { on: 'said' }>['event']

export const streamSid = `MZ${'0'.repeat(32)}`

/** A tool that asks the supervisor. */
export const consultSpec: ToolSpec = {
  name: 'consult_supervisor',
  description: 'Asks the supervisor.',
  parameters: { type: 'object' },
  isConsult: true,
}

export const script = (changes: Partial<CallScript> = {}): CallScript => ({
  generation: 0,
  model: {
    model: 'gpt-realtime-2.1',
    voice: 'marin',
    transcriptionModel: 'gpt-transcribe',
    language: 'en',
    languages: ['en'],
    noiseReduction: null,
    turnDetection: { by: 'silence', threshold: 0.5, prefixMs: 300, silenceMs: 500 },
  },
  mode: 'single',
  modeBefore: 'single',
  instructions: 'You answer the telephone of a clinic.',
  greeting: 'Greet the caller.',
  tools: [{ name: 'take_message', description: 'Takes a message.', parameters: { type: 'object' } }],
  standby: { mode: 'two_agent', instructions: 'You share the telephone of a clinic.', tools: [consultSpec] },
  history: [],
  interruptMs: 0,
  emergency: null,
  operator: null,
  spread: 0,
  ...changes,
})

/** What the ledger says for a session that takes over: the same agents, and what was said and done. */
export function recollection(history: Recollection['history'] = []): Recollection {
  const { mode, instructions, tools, standby } = script()
  return { agents: { single: { mode, instructions, tools }, two_agent: standby }, history }
}

const phone = { format: { type: 'audio/pcmu' } }

export class Scene {
  state: CallState
  /** Everything that was done, in order. */
  readonly done: Command[] = []
  private seen = 0

  constructor(
    changes: Partial<CallScript> = {},
    public nowMs = 1_000_000,
  ) {
    this.state = beginCall(script(changes), nowMs)
  }

  tell(happening: Happening): Command[] {
    const { state, commands } = step(this.state, { ...happening, atMs: this.nowMs })
    this.state = state
    this.done.push(...commands)
    return commands
  }

  model(event: Said): Command[] {
    return this.tell({ on: 'said', event })
  }

  /** Moves the clock, stopping wherever the machine wants to be told the time. */
  wait(ms: number): Command[] {
    const untilMs = this.nowMs + ms
    const commands: Command[] = []
    for (let dueMs = nextDueAtMs(this.state); dueMs <= untilMs; dueMs = nextDueAtMs(this.state)) {
      this.nowMs = Math.max(this.nowMs, dueMs)
      commands.push(...this.tell({ on: 'time' }))
    }
    this.nowMs = untilMs
    return commands
  }

  /** A call that is live; with a greeting, the model has been asked for it. */
  live(): this {
    this.model({ type: 'session.created', session: {} })
    this.model({ type: 'session.updated', session: { type: 'realtime', audio: { input: phone, output: phone } } })
    this.tell({ on: 'joined', streamSid })
    this.news()
    return this
  }

  /** Another session takes over, as soon as it may: the ledger answers, and the model takes its configuration. */
  renew(history: Recollection['history'] = []): Command[] {
    return [
      ...this.wait(0),
      ...this.recalls(history),
      ...this.model({ type: 'session.created', session: {} }),
      ...this.model({ type: 'session.updated', session: { type: 'realtime', audio: { input: phone, output: phone } } }),
    ]
  }

  recalls(history: Recollection['history'] = []): Command[] {
    const { session } = this.state.renewal
    return this.tell({ on: 'recalled', session, recollection: recollection(history) })
  }

  breaks(): Command[] {
    return this.tell({ on: 'model-gone', code: 1006 })
  }

  created(id: string): Command[] {
    return this.model({ type: 'response.created', response: { id, usage: null } })
  }

  /** The agent says so much of an item. Answers the marks that went along. */
  speaks(responseId: string, itemId: string, ms: number, words = '', contentIndex = 0): string[] {
    this.model({ type: 'response.output_item.added', response_id: responseId, item: { id: itemId, type: 'message' } })
    if (words !== '') {
      const part = { response_id: responseId, item_id: itemId, content_index: contentIndex }
      this.model({ type: 'response.output_audio_transcript.delta', ...part, delta: words })
    }
    const bytes = ms * 8
    return this.tell({ on: 'audio', responseId, itemId, contentIndex, bytes }).flatMap((command) =>
      command.do === 'play' ? [`${command.generation}.${command.part}.${command.fromByte + bytes}`] : [],
    )
  }

  hears(marks: readonly string[]): void {
    for (const name of marks) this.tell({ on: 'mark', name })
  }

  itemDone(responseId: string, itemId: string): Command[] {
    return this.model({
      type: 'response.output_item.done',
      response_id: responseId,
      item: { id: itemId, type: 'message', status: 'completed' },
    })
  }

  responseDone(id: string, status = 'completed', code?: string): Command[] {
    const status_details = code === undefined ? null : { error: { code } }
    return this.model({ type: 'response.done', response: { id, status, status_details, output: [], usage: null } })
  }

  /** A whole response of one item: made, sent, and not heard yet. */
  says(responseId: string, itemId: string, ms: number, words: string): string[] {
    this.created(responseId)
    const marks = this.speaks(responseId, itemId, ms, words)
    this.itemDone(responseId, itemId)
    this.responseDone(responseId)
    return marks
  }

  calls(responseId: string, toolCallId: string, name = 'take_message', args = '{}'): Command[] {
    const item = { id: `fc_${toolCallId}`, type: 'function_call', status: 'completed', name, arguments: args }
    return this.model({
      type: 'response.output_item.done',
      response_id: responseId,
      item: { ...item, call_id: toolCallId },
    })
  }

  callerStarts(itemId: string, audioStartMs?: number): Command[] {
    const place = audioStartMs === undefined ? {} : { audio_start_ms: audioStartMs }
    return this.model({ type: 'input_audio_buffer.speech_started', item_id: itemId, ...place })
  }

  callerStops(itemId: string, previous?: string | null): Command[] {
    return [
      ...this.model({ type: 'input_audio_buffer.speech_stopped', item_id: itemId }),
      ...this.model({ type: 'input_audio_buffer.committed', item_id: itemId, previous_item_id: previous }),
    ]
  }

  transcribed(itemId: string, transcript: string): Command[] {
    const type = 'conversation.item.input_audio_transcription.completed'
    return this.model({ type, item_id: itemId, transcript, usage: null })
  }

  /** What was done since this was last asked. */
  news(): Command[] {
    const news = this.done.slice(this.seen)
    this.seen = this.done.length
    return news
  }

  /** What the model was told, in order. */
  get told() {
    return this.done.flatMap((command) => (command.do === 'tell-model' ? [command.event] : []))
  }

  get facts(): ConversationFact[] {
    return this.done.flatMap((command) => (command.do === 'record' ? [command.fact] : []))
  }

  factsOf<K extends ConversationFact['kind']>(kind: K): FactOf<K>[] {
    return this.facts.filter((fact): fact is FactOf<K> => fact.kind === kind)
  }

  /** The transcript as it would be read. */
  get lines(): string[] {
    return this.factsOf('utterance')
      .sort((a, b) => a.order - b.order)
      .map(({ speaker, text, unheard }) => `${speaker}: ${text}${unheard === '' ? '' : ` [${unheard}]`}`)
  }
}

export const toldOf = (commands: readonly Command[]) =>
  commands.flatMap((command) => (command.do === 'tell-model' ? [command.event] : []))
