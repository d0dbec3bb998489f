// A call in which an appointment is booked, and whose model is lost after any of its events: whatever the place, it is booked
// once, nobody is greeted twice, no word of the caller is lost, and the call ends as it does without.
import { describe, expect, test } from 'bun:test'
import type { Recollection } from '../../src/bridge/plan.ts'
import type { CallEvent, Command } from '../../src/bridge/state.ts'
import { type ConversationEvent, type ConversationFact, eventKey } from '../../src/conversations/events.ts'
import { historyOf } from '../../src/conversations/history.ts'
import { recollection, Scene, streamSid } from './bridge-scene.ts'

type Item = Recollection['history'][number]
type Said = Extract<CallEvent, { on: 'said' }>['event']
type Told = Extract<Command, { do: 'tell-model' }>['event']

const phone = { format: { type: 'audio/pcmu' } }
const turns = ['Please book me a check-up.', 'Thank you, bye.']

/** One session of a model that goes by what it was told, and does not remember what another one did. */
type Session = { items: Item[]; isActive: boolean }

class Call {
  readonly scene = new Scene()
  readonly broken: string[] = []
  readonly ran: string[] = []
  events = 0
  /** What happens next, in order: of the session, which is gone when that is; and of the rest of the world. */
  private fromModel: (() => void)[] = []
  private readonly elsewhere: (() => void)[] = []
  private session: Session = { items: [], isActive: false }
  private readonly ledger: ConversationEvent[] = []
  private speaking: { itemId: string; words: string } | null = null
  private turn = 0
  private count = 0

  /** `cuts`: after how many events the model is lost, in ascending order. `isHasty`: the caller cuts in on what they can guess. */
  constructor(
    private readonly cuts: readonly number[],
    private readonly isHasty = false,
  ) {
    this.say({ type: 'session.created', session: {} })
    this.take(this.scene.tell({ on: 'joined', streamSid }))
    this.run()
  }

  private run(): void {
    const cuts = [...this.cuts]
    for (let round = 0; round < 2_000 && this.scene.state.phase.is !== 'closed'; round++) {
      if (cuts[0] === this.events) {
        cuts.shift()
        this.breaks()
      }
      const next = this.fromModel.shift() ?? this.elsewhere.shift() ?? this.caller()
      if (next === null) this.take(this.scene.wait(100))
      else {
        next()
        this.events++
      }
    }
  }

  private breaks(): void {
    this.fromModel = []
    this.session = { items: [], isActive: false }
    this.take(this.scene.breaks())
  }

  /** Speaks when the agent has been heard out, a turn at a time. */
  private caller(): (() => void) | null {
    const { state } = this.scene
    const isHeardOut = state.playback.items.length === 0 && state.response.is === 'none' && state.asks.length === 0
    const words = turns[this.turn]
    const hasFloor = state.session.is === 'up' && state.tools.running.length === 0 && state.answerDueAtMs === null
    const isAgentDone = this.heard.length > this.turn
    if (words === undefined || !isHeardOut || !hasFloor || !isAgentDone || state.phase.is !== 'live') return null
    this.turn++
    return () => this.speaks(words)
  }

  /** What the caller has heard of the agent, a sentence a time. */
  get heard(): string[] {
    return this.scene
      .factsOf('utterance')
      .flatMap(({ speaker, text }) => (speaker === 'agent' && text !== '' ? [text] : []))
  }

  private speaks(words: string): void {
    const itemId = this.id('u')
    this.speaking = { itemId, words }
    this.say({ type: 'input_audio_buffer.speech_started', item_id: itemId })
    this.say({ type: 'input_audio_buffer.speech_stopped', item_id: itemId })
    this.say({ type: 'input_audio_buffer.committed', item_id: itemId, previous_item_id: this.lastId() }, () => {
      this.session.items.push({
        type: 'message',
        role: 'user',
        id: itemId,
        content: [{ type: 'input_text', text: words }],
      })
      this.respond()
    })
    const type = 'conversation.item.input_audio_transcription.completed'
    this.say({ type, item_id: itemId, transcript: words, usage: null }, () => {
      this.speaking = null
    })
  }

  private id = (kind: string) => `${kind}${this.count++}`
  private lastId = () => this.session.items.at(-1)?.id ?? null

  private say(event: Said, then: () => void = () => {}): void {
    this.fromModel.push(() => {
      then()
      this.take(this.scene.model(event))
    })
  }

  private take(commands: readonly Command[]): void {
    for (const command of commands) {
      if (command.do === 'tell-model') this.told(command.event)
      if (command.do === 'record') this.record(command.fact)
      if (command.do === 'run-tool') this.runTool(command.call)
      if (command.do === 'open-model') this.say({ type: 'session.created', session: {} })
      if (command.do === 'recall') this.elsewhere.push(() => this.recall(command))
      if (command.do === 'open-ear' && command.again !== null && this.speaking !== null)
        this.speaks(this.speaking.words)
    }
  }

  private record(fact: ConversationFact): void {
    this.ledger.push({ key: eventKey(fact), atMs: this.scene.nowMs++, fact })
  }

  private recall({ session, unsettled }: Extract<Command, { do: 'recall' }>): void {
    const latest = unsettled.map((fact) => ({ key: eventKey(fact), atMs: fact.startedAtMs, fact }))
    const kept = new Set(this.ledger.map(({ key }) => key))
    const known = [...this.ledger, ...latest.filter(({ key }) => !kept.has(key))]
    const history = historyOf(known, 60, streamSid)
    this.take(this.scene.tell({ on: 'recalled', session, recollection: recollection(history) }))
  }

  /** What it did is in the ledger before anybody hears of it. */
  private runTool({ toolCallId, name }: Extract<Command, { do: 'run-tool' }>['call']): void {
    this.ran.push(name)
    const endsCall = name === 'end_call'
    const result = { done: name }
    this.record({ kind: 'tool.called', toolCallId, name, arguments: {} })
    this.record({ kind: 'tool.returned', toolCallId, name, outcome: 'done', result, endsCall })
    const output = JSON.stringify(result)
    this.elsewhere.push(() => this.take(this.scene.tell({ on: 'tool-answered', toolCallId, output, endsCall })))
  }

  private told(event: Told): void {
    const { items } = this.session
    switch (event.type) {
      case 'session.update':
        this.say({ type: 'session.updated', session: { type: 'realtime', audio: { input: phone, output: phone } } })
        break
      case 'conversation.item.create': {
        const item = { ...event.item, id: event.item.id ?? this.id('i') } as Item
        if (item.type === 'function_call_output') this.mustBeOpen(item.call_id)
        const previous_item_id = this.lastId()
        items.push(item)
        this.say({ type: 'conversation.item.added', item: { ...item }, previous_item_id } as Said)
        break
      }
      case 'conversation.item.delete':
        this.session.items = items.filter(({ id }) => id !== event.item_id)
        break
      case 'response.create':
        if (this.session.isActive) this.broken.push('a response was asked for while one ran')
        else this.respond()
        break
    }
  }

  private mustBeOpen(callId: string): void {
    const of = (type: Item['type']) =>
      this.session.items.filter((item) => item.type === type && 'call_id' in item && item.call_id === callId).length
    if (of('function_call') !== 1) this.broken.push('an output without its call')
    if (of('function_call_output') !== 0) this.broken.push('a second output of one call')
  }

  /** It greets whom it has not spoken with, books what it was asked for and did not book, and says goodbye to whom did. */
  private respond(): void {
    const text = JSON.stringify(this.session.items)
    const said = (words: string) => text.includes(words)
    if (said('bye')) this.speak('Goodbye.', 'end_call')
    else if (said('{\\"done\\":\\"book\\"}'))
      this.speak(said('It is booked') ? 'Anything else?' : 'It is booked for you.')
    else if (said('Please book')) this.speak(null, 'book')
    else this.speak(said('Hello') ? 'How can I help?' : 'Hello there, how can I help?')
  }

  private speak(words: string | null, tool?: string): void {
    this.answer(words, tool)
    const next = turns[this.turn]
    if (!this.isHasty || this.turn === 0 || words === null || next === undefined) return
    this.turn++
    this.speaks(next)
  }

  private answer(words: string | null, tool?: string): void {
    const response_id = this.id('r')
    this.session.isActive = true
    this.say({ type: 'response.created', response: { id: response_id, usage: null } })
    if (words !== null) this.utter(response_id, words)
    if (tool !== undefined) {
      const item = {
        id: this.id('f'),
        type: 'function_call' as const,
        name: tool,
        call_id: this.id('c'),
        arguments: '{}',
      }
      this.say({ type: 'response.output_item.done', response_id, item: { ...item, status: 'completed' } }, () =>
        this.session.items.push(item),
      )
    }
    this.say(
      { type: 'response.done', response: { id: response_id, status: 'completed', output: [], usage: null } },
      () => {
        this.session.isActive = false
      },
    )
  }

  private utter(responseId: string, words: string): void {
    const id = this.id('a')
    const part = { response_id: responseId, item_id: id, content_index: 0 }
    const message = { id, type: 'message', role: 'assistant' }
    this.say({ type: 'response.output_item.added', response_id: responseId, item: message })
    for (const word of words.split(/(?<= )/)) {
      this.say({ type: 'response.output_audio_transcript.delta', ...part, delta: word })
      this.fromModel.push(() => this.sound({ responseId, itemId: id, contentIndex: 0, bytes: word.length * 600 }))
    }
    const content = [{ type: 'output_text' as const, text: words }]
    this.say(
      { type: 'response.output_item.done', response_id: responseId, item: { ...message, status: 'completed' } },
      () => this.session.items.push({ type: 'message', role: 'assistant', id, content }),
    )
  }

  private sound(audio: Omit<Extract<CallEvent, { on: 'audio' }>, 'on' | 'atMs'>): void {
    const commands = this.scene.tell({ on: 'audio', ...audio })
    for (const command of commands) {
      if (command.do !== 'play') continue
      const name = `${command.generation}.${command.part}.${command.fromByte + audio.bytes}`
      const heardAtMs = this.scene.state.playback.soundsUntilMs
      this.elsewhere.push(() => {
        this.scene.nowMs = Math.max(this.scene.nowMs, heardAtMs)
        this.take(this.scene.tell({ on: 'mark', name }))
      })
    }
    this.take(commands)
  }
}

const placesIn = (call: Call) => Array.from({ length: call.events + 1 }, (_, place) => place)

function expectRight(call: Call): void {
  const { scene, broken, ran, heard } = call
  const callers = scene.factsOf('utterance').filter(({ speaker }) => speaker === 'caller')
  expect({
    broken,
    ran,
    turns: callers.sort((a, b) => a.order - b.order).map(({ text }) => text),
    greetings: heard.filter((text) => text.startsWith('Hello')).length,
    ends: scene.facts.slice(-3).map(({ kind }) => kind),
    failed: scene.factsOf('model.failed'),
  }).toEqual({
    broken: [],
    ran: ['book', 'end_call'],
    turns,
    greetings: 1,
    ends: ['call.ending', 'stream.ended', 'transcript.settled'],
    failed: [],
  })
  const written = scene.factsOf('utterance').map(({ itemId }) => itemId)
  expect(written).toEqual([...new Set(written)])
}

describe.each([
  ['', false],
  [', and whose caller cuts in', true],
] as const)('a call whose model is lost%s', (_, isHasty) => {
  const whole = new Call([], isHasty)
  const places = placesIn(whole)

  test('is long enough to be lost in many places', () => {
    expectRight(whole)
    expect(places.length).toBeGreaterThan(60)
  })

  test('after any of its events has the same effects, words and end as one that is not', () => {
    for (const place of places) mustBeRight([place])
  })

  test('twice, so many events apart, too', () => {
    for (const first of places)
      for (let second = first; second < places.length; second += 4) mustBeRight([first, second])
  })

  function mustBeRight(cuts: number[]): void {
    try {
      expectRight(new Call(cuts, isHasty))
    } catch (error) {
      throw new Error(`lost after events ${cuts.join(' and ')}`, { cause: error })
    }
  }
})
