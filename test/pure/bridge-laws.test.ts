// The laws of the live call, in every order of events that chance finds: with a model and a carrier that keep their own rules,
// and with ones that keep none.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { type CallLimits, callLimits } from '../../src/bridge/limits.ts'
import { type Step, step } from '../../src/bridge/machine.ts'
import { heardBytes, sentBytes } from '../../src/bridge/playback.ts'
import type { CallEvent, CallState, Command } from '../../src/bridge/state.ts'
import { Scene, streamSid } from './bridge-scene.ts'
import { type Output, World } from './bridge-world.ts'

const say = fc.array(
  fc.record({ words: fc.constantFrom('one ', 'two ', 'three, ', 'four. '), bytes: fc.integer({ min: 1, max: 4_000 }) }),
  {
    maxLength: 6,
  },
)
const output: fc.Arbitrary<Output> = fc.oneof(
  { weight: 6, arbitrary: say.map((pieces) => ({ say: pieces })) },
  { weight: 2, arbitrary: fc.constant({ call: true as const }) },
  { weight: 2, arbitrary: fc.constant({ consult: true as const }) },
  { weight: 1, arbitrary: fc.constant({ fail: true as const }) },
)
const plan = fc.array(fc.array(output, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 6 })
const schedule = fc.array(fc.nat({ max: 14 }), { minLength: 20, maxLength: 250, size: 'max' })

/** However slow the world is, and however often the model fails, nobody loses patience. Of lost models bridge-cuts has laws. */
const patient = {
  ...Object.fromEntries(Object.keys(callLimits).flatMap((name) => (name.endsWith('Ms') ? [[name, 1e9]] : []))),
  failuresInRow: 1e9,
}

/** With somebody to ring in an emergency, and without; cut off by any sound, and not. */
const clinic = fc.record({
  contact: fc.constantFrom(null, { name: 'the nurse', phoneNumber: '+15550109999', isWarm: true }),
  interruptMs: fc.constantFrom(0, 400),
})
type Clinic = typeof clinic extends fc.Arbitrary<infer T> ? Partial<T> : never

const played = (
  outputs: Output[][],
  steps: number[],
  limits: Partial<CallLimits> = patient,
  clinic: Clinic = {},
): World => {
  const world = new World((n) => outputs[n] ?? [], limits, clinic)
  for (const n of steps) world.actions[n]?.()
  return world
}

/** Whoever asks for the same again and again asks more often than this. */
const mostAsks = 300

describe('with a model and a carrier that keep their rules, in any order', () => {
  const runs = { numRuns: 600 }

  test('no rule is broken: one response at a time, no truncation beyond what sounded, no sound after a cut, one output a call', () => {
    fc.assert(
      fc.property(plan, schedule, clinic, (outputs, steps, clinic) => {
        const world = played(outputs, steps, patient, clinic)
        world.settle()
        expect(world.broken).toEqual([])
        expect(world.scene.told.filter(({ type }) => type === 'response.create').length).toBeLessThan(mostAsks)
      }),
      runs,
    )
  })

  test('every tool call and every question to the supervisor gets exactly one output, also of a turn that was interrupted', () => {
    fc.assert(
      fc.property(plan, schedule, clinic, (outputs, steps, clinic) => {
        const world = played(outputs, steps, patient, clinic)
        world.settle()
        if (world.scene.state.phase.is !== 'live') return
        expect(world.outputs.toSorted()).toEqual(world.callsMade.toSorted())
      }),
      runs,
    )
  })

  test('the transcript never claims more than what truly sounded, and loses no word that was made', () => {
    fc.assert(
      fc.property(plan, schedule, clinic, fc.boolean(), (outputs, steps, clinic, settlesFirst) => {
        const world = played(outputs, steps, patient, clinic)
        if (settlesFirst) world.settle()
        world.callerLeaves()
        world.settle()
        world.wait(2e9)
        for (const { speaker, itemId, heardMs, text, unheard } of world.scene.factsOf('utterance')) {
          if (speaker === 'caller') continue
          expect((heardMs ?? 0) * 8).toBeLessThanOrEqual(world.sounded.get(itemId) ?? 0)
          const words = `${text} ${unheard}`.split(/\s+/).filter((word) => word !== '')
          expect(words).toEqual((world.items.get(itemId)?.text ?? '').split(/\s+/).filter((word) => word !== ''))
        }
      }),
      runs,
    )
  })

  test('every item with words is written exactly once, in the order of the chain, and then the transcript settles once', () => {
    fc.assert(
      fc.property(plan, schedule, clinic, fc.boolean(), (outputs, steps, clinic, settlesFirst) => {
        const world = played(outputs, steps, patient, clinic)
        if (settlesFirst) world.settle()
        world.callerLeaves()
        world.settle()
        world.wait(2e9)
        const { scene } = world
        expect(scene.state.phase.is).toBe('closed')
        const written = scene.factsOf('utterance').sort((a, b) => a.order - b.order)
        const withWords = [...world.items.values()].filter(({ text }) => text !== '').map(({ itemId }) => itemId)
        expect(written.map(({ itemId }) => itemId)).toEqual(withWords)
        expect(scene.facts.at(-1)).toEqual({ kind: 'transcript.settled', streamSid })
        expect(scene.factsOf('transcript.settled')).toHaveLength(1)
        expect(scene.done.at(-1)).toEqual({ do: 'finish' })
      }),
      runs,
    )
  })

  test('once all is quiet, the machine owes nobody a word', () => {
    fc.assert(
      fc.property(plan, schedule, clinic, (outputs, steps, clinic) => {
        const world = played(outputs, steps, {}, clinic)
        for (let round = 0; round < 20; round++) {
          world.settle()
          world.wait(500)
        }
        const { state } = world.scene
        if (state.phase.is !== 'live') return
        expect(state.asks).toEqual([])
        expect(state.response).toEqual({ is: 'none' })
        expect(state.playback.items).toEqual([])
      }),
      { numRuns: 150 },
    )
  })
})

const name = fc.constantFrom('r1', 'r2', 'a1', 'a2', 'u1', 'u2', 'c1', 'c2')
const item = fc.record({
  id: name,
  type: fc.constantFrom('message', 'function_call', 'function_call_output'),
  status: fc.constantFrom('completed', 'incomplete'),
  name: fc.constant('take_message'),
  call_id: name,
  arguments: fc.constant('{}'),
})
const part = { response_id: name, item_id: name, content_index: fc.nat({ max: 1 }) }
const phone = { format: { type: 'audio/pcmu' } }
const of = <T extends string, R extends object>(type: T, fields: { [K in keyof R]: fc.Arbitrary<R[K]> }) =>
  fc.record(fields).map((values) => ({ ...values, type }))
const ofItem = { item_id: name }
const inChain = { previous_item_id: fc.option(name) }
const usage = fc.constant({ total_tokens: 1 })
const transcription = 'conversation.item.input_audio_transcription'
const said = fc.oneof(
  of('session.created', { session: fc.constant({}) }),
  of('session.updated', { session: fc.constant({ type: 'realtime', audio: { input: phone, output: phone } }) }),
  of('conversation.item.added', { item, ...inChain }),
  of(`${transcription}.delta`, { ...ofItem, delta: fc.constant('some ') }),
  of(`${transcription}.completed`, { ...ofItem, transcript: fc.constant('words'), usage }),
  of(`${transcription}.failed`, ofItem),
  of('input_audio_buffer.speech_started', ofItem),
  of('input_audio_buffer.speech_stopped', ofItem),
  of('input_audio_buffer.committed', { ...ofItem, ...inChain }),
  of('response.created', { response: fc.record({ id: name, usage }) }),
  of('response.done', {
    response: fc.record({
      id: name,
      status: fc.constantFrom('completed', 'cancelled', 'failed', 'incomplete'),
      output: fc.array(item, { maxLength: 2 }),
      usage,
    }),
  }),
  of('response.output_item.added', { response_id: name, item }),
  of('response.output_item.done', { response_id: name, item }),
  of('response.output_audio_transcript.delta', { ...part, delta: fc.constant('word ') }),
  of('response.output_audio_transcript.done', { ...part, transcript: fc.constant('all the words') }),
  of('response.function_call_arguments.delta', { response_id: name, ...ofItem }),
  of('error', {
    error: fc.record({
      type: fc.constant('invalid_request_error'),
      code: fc.constantFrom('conversation_already_has_active_response', 'odd'),
      event_id: fc.constantFrom(null, 'ask_0', 'ask_1', 'ask_2'),
    }),
  }),
)
const sound = { responseId: name, itemId: name, contentIndex: fc.nat({ max: 1 }), bytes: fc.nat({ max: 3_000 }) }
const mark = fc.tuple(fc.nat({ max: 2 }), fc.nat({ max: 3 }), fc.nat({ max: 9_000 })).map((parts) => parts.join('.'))
const answer = { toolCallId: name, output: fc.constant('{}'), endsCall: fc.boolean() }
const happening = fc.oneof(
  { weight: 120, arbitrary: said.map((event) => ({ on: 'said' as const, event })) },
  { weight: 50, arbitrary: fc.record({ on: fc.constant('audio' as const), ...sound }) },
  { weight: 50, arbitrary: fc.record({ on: fc.constant('mark' as const), name: mark }) },
  { weight: 10, arbitrary: fc.record({ on: fc.constant('tool-answered' as const), ...answer }) },
  { weight: 10, arbitrary: fc.constant({ on: 'time' as const }) },
  { weight: 1, arbitrary: fc.constant({ on: 'joined' as const, streamSid }) },
  { weight: 1, arbitrary: fc.record({ on: fc.constant('key' as const), key: fc.constantFrom('1', '0', '#', '') }) },
  { weight: 1, arbitrary: fc.constant({ on: 'spent' as const }) },
  { weight: 1, arbitrary: fc.constant({ on: 'left' as const, how: 'broken' as const }) },
  { weight: 1, arbitrary: fc.constant({ on: 'hand-over' as const, how: 'gently' as const }) },
)
/** What happens, each so long after the one before. */
const chaos = fc.array(fc.tuple(happening, fc.nat({ max: 3_000 })), { maxLength: 150, size: 'max' })
type Chaos = typeof chaos extends fc.Arbitrary<infer T> ? T : never

/** A call that is live, and then told anything at all. Calls `look` after every step. */
function endure(events: Chaos, look: (taken: Step, event: CallEvent) => void): CallState {
  let atMs = 1_000
  let { state } = new Scene({}, atMs).live()
  for (const [what, afterMs] of events) {
    atMs += afterMs
    const event = { ...what, atMs }
    const taken = step(state, event)
    look(taken, event)
    state = taken.state
  }
  return state
}

describe('with a model and a carrier that keep no rules', () => {
  const runs = { numRuns: 800 }

  test('heard never exceeds sent, and no mark of an older generation counts', () => {
    fc.assert(
      fc.property(chaos, (events) => {
        let before: CallState | null = null
        endure(events, ({ state }, event) => {
          for (const spoken of state.playback.items) {
            expect(heardBytes(spoken)).toBeLessThanOrEqual(sentBytes(spoken))
            if (event.on === 'mark' && before !== null && !event.name.startsWith(`${before.playback.generation}.`)) {
              const same = before.playback.items.find(({ itemId }) => itemId === spoken.itemId)
              if (same !== undefined) expect(heardBytes(spoken)).toBe(heardBytes(same))
            }
          }
          before = state
        })
      }),
      runs,
    )
  })

  test('no item is written twice, no call runs or is answered twice, and truncation stays within what was sent', () => {
    fc.assert(
      fc.property(chaos, (events) => {
        const done: Command[] = []
        const sentOf = new Map<string, number>()
        endure(events, ({ commands }, event) => {
          done.push(...commands)
          if (event.on === 'audio' && commands.some((command) => command.do === 'play'))
            sentOf.set(event.itemId, (sentOf.get(event.itemId) ?? 0) + event.bytes)
          for (const command of commands)
            if (command.do === 'tell-model' && command.event.type === 'conversation.item.truncate')
              expect(command.event.audio_end_ms * 8).toBeLessThanOrEqual(sentOf.get(command.event.item_id) ?? 0)
        })
        const utterances = done.flatMap((c) =>
          c.do === 'record' && c.fact.kind === 'utterance' ? [c.fact.itemId] : [],
        )
        const runsOf = done.flatMap((c) => (c.do === 'run-tool' ? [c.call.toolCallId] : []))
        const outputs = done.flatMap((c) =>
          c.do === 'tell-model' &&
          c.event.type === 'conversation.item.create' &&
          c.event.item.type === 'function_call_output'
            ? [c.event.item.call_id]
            : [],
        )
        for (const list of [utterances, runsOf, outputs]) expect(list).toEqual([...new Set(list)])
      }),
      runs,
    )
  })

  test('after a barge-in nothing of the response that ran is played', () => {
    fc.assert(
      fc.property(chaos, (events) => {
        const cut = new Set<string>()
        let before: CallState | null = null
        endure(events, ({ state, commands }, event) => {
          if (
            event.on === 'said' &&
            event.event.type === 'input_audio_buffer.speech_started' &&
            before?.response.is === 'active'
          )
            cut.add(before.response.responseId)
          // A lawless model may give a new response an old one's name.
          if (event.on === 'said' && event.event.type === 'response.created') cut.delete(event.event.response.id)
          if (event.on === 'audio' && commands.some((command) => command.do === 'play'))
            expect(cut).not.toContain(event.responseId)
          before = state
        })
      }),
      runs,
    )
  })

  test('once closed it stays closed and does nothing; and it always can be closed', () => {
    fc.assert(
      fc.property(chaos, chaos, (events, more) => {
        const state = endure(events, () => {})
        const closed = step(state, { on: 'hand-over', how: 'at-once', atMs: 1e7 }).state
        expect(closed.phase.is).toBe('closed')
        for (const [what] of more) expect(step(closed, { ...what, atMs: 1e7 })).toEqual({ state: closed, commands: [] })
      }),
      { numRuns: 200 },
    )
  })
})
