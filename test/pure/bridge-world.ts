// A world for one live call: a model and a carrier that keep their vendors' rules, with everything between them and the call
// on its way for as long as chance likes. It notes what is against the rules, and what the caller truly heard.

import type { Contact } from '../../src/bridge/plan.ts'
import type { CallEvent, Command } from '../../src/bridge/state.ts'
import { consultSpec, Scene, script } from './bridge-scene.ts'

type Said = Extract<CallEvent, { on: 'said' }>['event']
type Told = Extract<Command, { do: 'tell-model' }>['event']
type Audio = { responseId: string; itemId: string; contentIndex: number; bytes: number }
type FromModel = { says: Said } | { sounds: Audio }
type Item = { itemId: string; emittedBytes: number; text: string; isCaller: boolean }

/** What one response of the model will do, step by step. */
export type Output = { say: { words: string; bytes: number }[] } | { call: true } | { consult: true } | { fail: true }

export class World {
  readonly scene: Scene
  readonly broken: string[] = []
  /** Bytes that truly sounded, by item. */
  readonly sounded = new Map<string, number>()
  readonly items = new Map<string, Item>()
  readonly callsMade: string[] = []
  readonly outputs: string[] = []
  readonly stopped: string[] = []
  private readonly fromModel: FromModel[] = []
  private readonly toModel: Told[] = []
  private readonly atCarrier: ({ mark: string } | { itemId: string; bytes: number })[] = []
  private readonly fromCarrier: string[] = []
  private readonly running: string[] = []
  private readonly untranscribed: string[] = []
  private active: { id: string; todo: (() => void)[] } | null = null
  private speech: string | null = null
  private last: string | null = null
  private count = 0
  private responses = 0
  /** Our `response.create`s that have had neither a response nor an error. */
  private asked = 0
  private readonly cut = new Set<string>()
  hasLeft = false
  /** The model is told not to stop by itself when the caller speaks. */
  private readonly isPatient: boolean

  constructor(
    private readonly outputsOf: (n: number) => Output[],
    limits = {},
    { contact = null, interruptMs = 0 }: { contact?: Contact | null; interruptMs?: number } = {},
  ) {
    this.isPatient = interruptMs > 0
    this.scene = new Scene({
      limits,
      tools: [...script().tools, consultSpec],
      emergency: { ...emergency, contact },
      interruptMs,
    })
    this.take(this.scene.live().done)
  }

  /** The actions that chance chooses from. Each does something only where it is possible. */
  readonly actions: (() => void)[] = [
    () => this.deliverFromModel(),
    () => this.deliverToModel(),
    () => this.modelWorks(),
    () => this.modelWorks(),
    () => this.carrierPlays(),
    () => this.deliverMark(),
    () => this.callerStarts(),
    () => this.callerStops(),
    () => this.transcribe(),
    () => this.toolAnswers(),
    () => this.wait(300),
    () => this.transcribe(alarming),
    () => this.pressKey(),
    () => this.transcribe('Mm-hm.'),
    () => this.goesOn(),
  ]

  private id = (kind: string) => `${kind}${this.count++}`

  private take(commands: readonly Command[]): void {
    for (const command of commands) {
      if (this.scene.state.phase.is === 'closed' && command.do === 'play') this.broken.push('played after the end')
      if (command.do === 'tell-model') {
        if (command.event.type === 'response.create' && ++this.asked > 1)
          this.broken.push('two responses asked for at once')
        this.toModel.push(command.event)
      }
      if (command.do === 'clear') {
        this.noteCuts()
        for (const waiting of this.atCarrier.splice(0)) if ('mark' in waiting) this.fromCarrier.push(waiting.mark)
      }
      if (command.do === 'run-tool' || command.do === 'consult') this.running.push(command.call.toolCallId)
      if (command.do === 'stop-consult') {
        if (!this.callsMade.includes(command.toolCallId)) this.broken.push('stopped what was never asked')
        if (this.stopped.includes(command.toolCallId)) this.broken.push('stopped twice')
        this.stopped.push(command.toolCallId)
      }
      if (command.do === 'hang-up') this.hasLeft = true
    }
  }

  private say(says: Said): void {
    this.fromModel.push({ says })
  }

  deliverFromModel(): boolean {
    const next = this.fromModel.shift()
    if (next === undefined) return false
    if ('says' in next) {
      const { says } = next
      if (says.type === 'response.created') {
        // Only ours or the model's own; either way one that we asked for is settled by it, or by the error that follows.
        this.asked = 0
      }
      if (says.type === 'error' && says.error.code === activeCode) this.asked = 0
      const isAlarm = 'transcript' in says && says.transcript === alarming && this.scene.state.alarm === null
      if ((says.type === 'input_audio_buffer.speech_started' && !this.isPatient) || isAlarm) this.noteCuts()
      this.take(this.scene.model(says))
      return true
    }
    const { itemId, bytes } = next.sounds
    const isAlarmed = this.scene.state.asks.includes('emergency')
    const commands = this.scene.tell({ on: 'audio', ...next.sounds })
    for (const command of commands) {
      if (command.do !== 'play') continue
      if (isAlarmed) this.broken.push(`sound of ${next.sounds.responseId} before what is said of an emergency`)
      if (this.cut.has(next.sounds.responseId)) this.broken.push(`sound of ${next.sounds.responseId} after it was cut`)
      this.atCarrier.push(
        { itemId, bytes },
        { mark: `${command.generation}.${command.part}.${command.fromByte + bytes}` },
      )
    }
    this.take(commands)
    return true
  }

  /** From the moment the call hears that the caller speaks, nothing of the response that runs may be played. */
  private noteCuts(): void {
    const { response } = this.scene.state
    if (response.is === 'active') this.cut.add(response.responseId)
  }

  deliverToModel(): boolean {
    const event = this.toModel.shift()
    if (event === undefined) return false
    switch (event.type) {
      case 'response.create':
        if (this.active === null) this.begin()
        else
          this.say({
            type: 'error',
            error: { type: 'invalid_request_error', code: activeCode, event_id: event.event_id },
          })
        break
      case 'response.cancel':
        if (this.active !== null && this.active.id === event.response_id) this.stop('cancelled')
        break
      case 'conversation.item.truncate': {
        const item = this.items.get(event.item_id)
        if (item === undefined) this.broken.push(`truncated ${event.item_id}, which is not there`)
        else if (event.audio_end_ms > item.emittedBytes / 8)
          this.broken.push(`truncated ${event.item_id} beyond its audio`)
        else if (event.audio_end_ms * 8 > (this.sounded.get(event.item_id) ?? 0))
          this.broken.push(`truncated ${event.item_id} beyond what sounded`)
        break
      }
      case 'conversation.item.delete': {
        const item = this.items.get(event.item_id)
        if (item === undefined || item.isCaller || this.deleted.has(event.item_id))
          this.broken.push(`deleted ${event.item_id}, which is not there`)
        this.deleted.add(event.item_id)
        break
      }
      case 'conversation.item.create': {
        const { item } = event
        if (item.type === 'message') this.takeKeys(item.id ?? '', JSON.stringify(item.content))
        if (item.type !== 'function_call_output') break
        if (!this.callsMade.includes(item.call_id)) this.broken.push('an output for no call')
        if (this.outputs.includes(item.call_id)) this.broken.push('two outputs for one call')
        this.outputs.push(item.call_id)
        this.say({ type: 'conversation.item.added', item: { ...item, id: this.id('o') }, previous_item_id: this.last })
        break
      }
      case 'input_audio_buffer.commit':
        if (this.speech !== null) this.commit(this.speech, false)
        break
    }
    return true
  }

  readonly deleted = new Set<string>()

  private begin(): void {
    const id = this.id('r')
    this.say({ type: 'response.created', response: { id, usage: null } })
    const todo = this.outputsOf(this.responses++).flatMap((output) => this.stepsOf(id, output))
    this.active = { id, todo }
  }

  private stepsOf(responseId: string, output: Output): (() => void)[] {
    if ('fail' in output) return [() => this.stop('failed')]
    const id = this.id('say' in output ? 'a' : 'f')
    if (!('say' in output)) {
      const name = 'consult' in output ? consultSpec.name : 'take_message'
      const item = { id, type: 'function_call', name, call_id: `c_${id}`, arguments: '{}' }
      return [
        () => {
          this.callsMade.push(item.call_id)
          this.say({ type: 'conversation.item.added', item, previous_item_id: this.last })
          this.last = id
          this.say({
            type: 'response.output_item.done',
            response_id: responseId,
            item: { ...item, status: 'completed' },
          })
        },
      ]
    }
    const message = { id, type: 'message', role: 'assistant' }
    const part = { response_id: responseId, item_id: id, content_index: 0 }
    return [
      () => {
        this.items.set(id, { itemId: id, emittedBytes: 0, text: '', isCaller: false })
        this.say({ type: 'response.output_item.added', response_id: responseId, item: message })
        this.say({ type: 'conversation.item.added', item: message, previous_item_id: this.last })
        this.last = id
      },
      ...output.say.map(({ words, bytes }) => () => {
        const item = this.items.get(id)
        if (item === undefined) return
        item.emittedBytes += bytes
        item.text += words
        this.say({ type: 'response.output_audio_transcript.delta', ...part, delta: words })
        this.fromModel.push({ sounds: { responseId, itemId: id, contentIndex: 0, bytes } })
      }),
      () =>
        this.say({
          type: 'response.output_item.done',
          response_id: responseId,
          item: { ...message, status: 'completed' },
        }),
    ]
  }

  modelWorks(): boolean {
    if (this.active === null) return false
    const next = this.active.todo.shift()
    if (next === undefined) this.stop('completed')
    else next()
    return true
  }

  private stop(status: string): void {
    if (this.active === null) return
    const { id } = this.active
    this.active = null
    this.say({ type: 'response.done', response: { id, status, output: [], usage: { total_tokens: 1 } } })
  }

  carrierPlays(): boolean {
    const next = this.atCarrier.shift()
    if (next === undefined) return false
    if ('mark' in next) this.fromCarrier.push(next.mark)
    else this.sounded.set(next.itemId, (this.sounded.get(next.itemId) ?? 0) + next.bytes)
    return true
  }

  deliverMark(): boolean {
    const name = this.fromCarrier.shift()
    if (name === undefined || this.hasLeft) return false
    this.take(this.scene.tell({ on: 'mark', name }))
    return true
  }

  callerStarts(): boolean {
    if (this.speech !== null || this.hasLeft) return false
    this.speech = this.id('u')
    this.say({ type: 'input_audio_buffer.speech_started', item_id: this.speech })
    if (!this.isPatient) this.stop('cancelled')
    return true
  }

  private goesOn(): boolean {
    if (this.speech === null || this.hasLeft) return false
    this.take(this.scene.tell({ on: 'goes-on' }))
    return true
  }

  callerStops(): boolean {
    if (this.speech === null) return false
    this.say({ type: 'input_audio_buffer.speech_stopped', item_id: this.speech })
    this.commit(this.speech, true)
    return true
  }

  private commit(itemId: string, isAnswered: boolean): void {
    this.speech = null
    this.items.set(itemId, { itemId, emittedBytes: 0, text: `words of ${itemId}`, isCaller: true })
    this.say({ type: 'input_audio_buffer.committed', item_id: itemId, previous_item_id: this.last })
    this.say({
      type: 'conversation.item.added',
      item: { id: itemId, type: 'message', role: 'user' },
      previous_item_id: this.last,
    })
    this.last = itemId
    this.untranscribed.push(itemId)
    if (isAnswered && this.active === null) this.begin()
  }

  /** As with speech, nothing of the response that runs may be played from then on, if the key is listened to. */
  private pressKey(): boolean {
    if (this.hasLeft) return false
    this.take(this.scene.tell({ on: 'key', key: '7' }))
    if (this.scene.state.keys !== null) this.noteCuts()
    return true
  }

  private takeKeys(id: string, text: string): void {
    this.items.set(id, { itemId: id, emittedBytes: 0, text, isCaller: true })
    this.say({
      type: 'conversation.item.added',
      item: { id, type: 'message', role: 'user' },
      previous_item_id: this.last,
    })
    this.last = id
  }

  transcribe(words?: string): boolean {
    const itemId = this.untranscribed.shift()
    if (itemId === undefined) return false
    const type = 'conversation.item.input_audio_transcription.completed'
    this.say({ type, item_id: itemId, transcript: words ?? `words of ${itemId}`, usage: null })
    return true
  }

  toolAnswers(): boolean {
    const toolCallId = this.running.shift()
    if (toolCallId === undefined) return false
    this.take(this.scene.tell({ on: 'tool-answered', toolCallId, output: '{}', endsCall: false }))
    return true
  }

  /** Everything that is on its way arrives, and everybody finishes what they do. */
  settle(): void {
    const all = [
      () => this.deliverFromModel(),
      () => this.deliverToModel(),
      () => this.modelWorks(),
      () => this.carrierPlays(),
      () => this.deliverMark(),
      () => this.callerStops(),
      () => this.transcribe(),
      () => this.toolAnswers(),
    ]
    for (let round = 0; round < 5_000 && all.some((act) => act()); round++);
  }

  wait(ms: number): void {
    this.take(this.scene.wait(ms))
  }

  callerLeaves(): void {
    if (this.hasLeft) return
    this.hasLeft = true
    this.take(this.scene.tell({ on: 'left', how: 'stopped' }))
  }
}

const alarming = 'Help!'
const emergency = { phrases: ['help'], message: 'x', messages: {}, isOver: false }
const activeCode = 'conversation_already_has_active_response'
