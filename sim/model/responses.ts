// The responses of one session: one at a time in the conversation, any number beside it. Owns who may speak next; begins
// what the script says.
import type { ModelRecord } from '../record.ts'
import { bytesPerMs } from './codec.ts'
import { isSame } from './config.ts'
import type { Entry } from './conversation.ts'
import type { Prompt } from './improvising.ts'
import { entryOf } from './items.ts'
import type { ClientEvent, ResponseCreate } from './protocol.ts'
import type { ToolAnswer } from './references.ts'
import * as refusals from './refusal.ts'
import { type Response, startResponse } from './response.ts'
import type { State } from './state.ts'
import { createMeter } from './usage.ts'

type SessionRecord = ModelRecord['sessions'][number]

export type Responses = {
  readonly isActive: boolean
  create(event: Extract<ClientEvent, { type: 'response.create' }>): void
  cancel(event: Extract<ClientEvent, { type: 'response.cancel' }>): void
  /** The service answers by itself. Skipped while the model is still answering. */
  answer(): void
  /** Cuts off the response of the conversation, if there is one. */
  interrupt(): void
  record(): Pick<SessionRecord, 'responses' | 'deltas'>
}

/** What tools have answered so far, by their names. */
const answersIn = (entries: readonly Entry[]): ToolAnswer[] =>
  entries.flatMap(({ wire: { type, call_id, output = '' } }) => {
    if (type !== 'function_call_output') return []
    const call = entries.find(({ wire }) => wire.type === 'function_call' && wire.call_id === call_id)
    return [{ tool: call?.wire.name ?? '', output }]
  })

/** Tools whose calls the client put into the conversation, and not their outputs. */
const callsLeftOpen = (entries: readonly Entry[]): string[] =>
  entries.flatMap(({ responseId, wire: { type, call_id, name = '' } }) => {
    const isAnswered = entries.some(({ wire }) => wire.type === 'function_call_output' && wire.call_id === call_id)
    return type === 'function_call' && responseId === null && !isAnswered ? [name] : []
  })

/** `isBeside`: what the client has put together for this response, which begins no conversation. */
function promptOf({ config }: State, input: readonly Entry[], isBeside: boolean): Prompt {
  const lastSpoken = input.findLastIndex(({ wire }) => wire.role === 'assistant')
  const since = input.slice(lastSpoken + 1).filter(({ wire }) => wire.role === 'user')
  return {
    isFirst: lastSpoken < 0 && !isBeside,
    words: since.map(({ text }) => text),
    tools: config.tools.flatMap(({ name }) => (typeof name === 'string' ? [name] : [])),
  }
}

/** A `response.create` that crosses on the wire a response begun by the service is nobody's mistake. */
const RACE_MS = 100

export function createResponses(state: State, on: { started(): void; done(response: Response): void }): Responses {
  const all: Response[] = []
  const deltas: SessionRecord['deltas'] = []
  const meter = createMeter()
  const running = () => all.filter((response) => response.status === 'in_progress')
  const active = () => running().find((response) => response.isStored)

  function begin(request: ResponseCreate, isAsked: boolean) {
    const { channel, conversation, config } = state
    const number = state.breaks.began()
    const code = failureOf(number)
    const input = inputOf(request)
    const prompt = promptOf(state, input, request.input !== undefined)
    const next =
      code === null
        ? state.repertoire.nextResponse(answersIn(conversation.entries), prompt)
        : { outputs: [{ knows: [], kind: 'fail' as const, code }], unknown: [] }
    if (!next) state.note(`The script has run out: response ${all.length + 1} of the session says nothing`)
    const { outputs, unknown } = next ?? { outputs: [], unknown: [] }
    if (request.conversation !== 'none') on.started()
    // A script that was broken off is out of step with what was said: what it needs proves nothing any more.
    const miss = (text: string) => (state.repertoire.isInStep() ? state.violate(text) : state.note(text))
    for (const words of outputs.flatMap(({ knows }) => knows))
      if (!isKnown(words, request, input)) miss(`the model was never told ${JSON.stringify(words)}`)
    for (const name of callsLeftOpen(conversation.entries))
      state.violate(`a response was asked for while the history has a call of ${name} without its output`)
    for (const reference of unknown) miss(`the script needs ${reference}, which no tool has answered`)
    const instructions = JSON.stringify([request.instructions ?? config.instructions, request.tools ?? config.tools])
    const response: Response = startResponse({
      channel,
      conversation,
      conversationId: state.conversationId,
      config,
      settings: state.settings,
      limits: state.limits,
      random: state.random.child(`response ${all.length}`),
      outputs,
      request,
      isAsked,
      usageOf: meter.read(instructions, input),
      onDelta(delta) {
        state.hasSpoken = true
        deltas.push(delta)
        state.breaks.spoke(number, delta.toByte / bytesPerMs(config.audio.output.format))
      },
      onCall: state.breaks.called,
      onDone(done) {
        if (done.isStored) on.done(done)
      },
    })
    all.push(response)
  }

  /** Why the n-th response of the call fails before it has said anything; null: it does not. */
  function failureOf(number: number): string | null {
    if (state.settings.without.includes(state.model)) return 'model_not_found'
    if (!state.limits.admits()) return 'rate_limit_exceeded'
    return state.settings.failures.find(({ response }) => response === number)?.code ?? null
  }

  /** In the instructions that a response has, or in what was said, asked of tools and answered by them. */
  function isKnown(words: string, request: ResponseCreate, input: readonly Entry[]): boolean {
    const { instructions = state.config.instructions } = request
    const said = input.map(({ text, wire }) => `${text}\n${wire.arguments ?? ''}\n${wire.output ?? ''}`)
    return [instructions, ...said].some((text) => text.includes(words))
  }

  /** What a response is made from: the conversation, or what the client has put together in its place. */
  function inputOf({ input }: ResponseCreate): readonly Entry[] {
    const { conversation, channel } = state
    if (!input) return conversation.entries
    return input.flatMap((item) =>
      item.type === 'item_reference'
        ? (conversation.find(item.id) ?? [])
        : entryOf(item, { item: channel.id('item_'), call: channel.id('call_') }),
    )
  }

  return {
    get isActive() {
      return active() !== undefined
    },
    create(event) {
      const request = event.response ?? {}
      const current = active()
      if (current && request.conversation !== 'none') {
        const isRace = !current.isAsked && state.channel.now() - current.createdAtMs <= RACE_MS
        const rule = 'response.create was sent while a response was in progress'
        return state.refuse(refusals.alreadyActive(current.id), event, isRace ? undefined : rule)
      }
      const voice = request.audio?.output?.voice
      if (state.hasSpoken && voice !== undefined && !isSame(voice, state.config.audio.output.voice))
        return state.refuse(refusals.voiceIsLocked, event, 'response.create asked for another voice')
      for (const [place, item] of (request.input ?? []).entries())
        if (item.type === 'item_reference' && !state.conversation.find(item.id))
          return state.refuse(refusals.itemNotFound(item.id, `response.input[${place}].id`), event)
      begin(request, true)
    },
    cancel(event) {
      const response = event.response_id ? running().find(({ id }) => id === event.response_id) : active()
      if (!response) return state.refuse(refusals.nothingToCancel, event)
      response.cut('client_cancelled')
    },
    answer() {
      active()?.endNow()
      if (active()) return state.note('A turn ended while the model was still answering: it got no answer of its own')
      begin({}, false)
    },
    interrupt: () => active()?.cut('turn_detected'),
    record: () => ({
      responses: all.map(({ id, status, reason, createdAtMs, doneAtMs, isAsked }) => ({
        responseId: id,
        status: status === 'in_progress' && !state.channel.isOpen ? 'lost' : status,
        reason,
        createdAtMs,
        doneAtMs,
        isAsked,
      })),
      deltas: [...deltas],
    }),
  }
}
