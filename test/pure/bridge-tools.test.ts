// The model's tool calls: each runs once, gets one output, and is followed by one answer to the caller; within limits.
import { describe, expect, test } from 'bun:test'
import { callLimits } from '../../src/bridge/limits.ts'
import { Scene, toldOf } from './bridge-scene.ts'

const quiet = (limits = {}) => new Scene({ greeting: null, limits }).live()
const types = (events: { type: string }[]) => events.map(({ type }) => type)

describe('tools', () => {
  test('run when the call is complete, and the model speaks once all have answered', () => {
    const scene = quiet()
    scene.created('r1')
    expect(scene.calls('r1', 'c1', 'take_message', '{"a":1}')).toEqual([
      { do: 'run-tool', call: { toolCallId: 'c1', name: 'take_message', argumentsJson: '{"a":1}' } },
    ])
    scene.calls('r1', 'c2')
    expect(toldOf(scene.tell({ on: 'tool-answered', toolCallId: 'c2', output: '"two"', endsCall: false }))).toEqual([
      { type: 'conversation.item.create', item: { type: 'function_call_output', call_id: 'c2', output: '"two"' } },
    ])
    scene.responseDone('r1')
    expect(types(toldOf(scene.tell({ on: 'tool-answered', toolCallId: 'c1', output: '1', endsCall: false })))).toEqual([
      'conversation.item.create',
      'response.create',
    ])
  })

  test('a call that is told twice, or again when the response is done, runs once', () => {
    const scene = quiet()
    scene.created('r1')
    const item = { type: 'function_call', name: 'take_message', call_id: 'c1', arguments: '{}', status: 'completed' }
    scene.model({ type: 'response.output_item.done', response_id: 'r1', item })
    scene.model({ type: 'response.output_item.done', response_id: 'r1', item })
    scene.model({ type: 'response.done', response: { id: 'r1', status: 'completed', output: [item], usage: null } })
    expect(scene.done.filter(({ do: what }) => what === 'run-tool')).toHaveLength(1)
  })

  test('a call that was cut off while it was written does not run', () => {
    const scene = quiet()
    scene.created('r1')
    const item = { type: 'function_call', name: 'take_message', call_id: 'c1', arguments: '{"a', status: 'incomplete' }
    scene.model({ type: 'response.output_item.done', response_id: 'r1', item })
    scene.model({ type: 'response.done', response: { id: 'r1', status: 'cancelled', output: [item], usage: null } })
    expect(scene.done.filter(({ do: what }) => what === 'run-tool')).toEqual([])
  })

  test('while the caller speaks the output is delivered, and no response is asked for', () => {
    const scene = quiet()
    scene.created('r1')
    scene.calls('r1', 'c1')
    scene.callerStarts('u1')
    scene.responseDone('r1', 'cancelled')
    const told = toldOf(scene.tell({ on: 'tool-answered', toolCallId: 'c1', output: '{}', endsCall: false }))
    expect(types(told)).toEqual(['conversation.item.create'])
  })

  test("the answer to the caller's turn also told the results, if it had seen them; else they are asked for", () => {
    for (const hasSeen of [true, false]) {
      const scene = quiet()
      scene.created('r1')
      scene.calls('r1', 'c1')
      scene.callerStarts('u1')
      scene.responseDone('r1', 'cancelled')
      scene.tell({ on: 'tool-answered', toolCallId: 'c1', output: '{}', endsCall: false })
      scene.callerStops('u1')
      const item = { id: 'o1', type: 'function_call_output', call_id: 'c1' }
      if (hasSeen) scene.model({ type: 'conversation.item.added', item })
      scene.created('r2')
      expect(types(toldOf(scene.responseDone('r2')))).toEqual(hasSeen ? [] : ['response.create'])
    }
  })

  test('a tool that does not answer is answered for, and its late answer changes nothing', () => {
    const scene = quiet()
    scene.created('r1')
    scene.calls('r1', 'c1')
    scene.responseDone('r1')
    expect(types(toldOf(scene.wait(callLimits.toolMs)))).toEqual(['conversation.item.create', 'response.create'])
    expect(scene.tell({ on: 'tool-answered', toolCallId: 'c1', output: '{}', endsCall: false })).toEqual([])
  })

  test('round after round of tools with no turn of the caller comes to an end: the model must speak', () => {
    const scene = quiet({ toolRounds: 2 })
    for (const n of [1, 2]) {
      scene.created(`r${n}`)
      scene.calls(`r${n}`, `c${n}`)
      scene.responseDone(`r${n}`)
      scene.tell({ on: 'tool-answered', toolCallId: `c${n}`, output: '{}', endsCall: false })
    }
    expect(scene.told.at(-1)).toMatchObject({ type: 'response.create', response: { tool_choice: 'none' } })
    scene.created('r3')
    expect(toldOf(scene.calls('r3', 'c3'))).toMatchObject([{ item: { output: expect.stringContaining('too many') } }])
    expect(scene.factsOf('warning')).toHaveLength(1)
  })

  test('a turn of the caller begins the count of rounds anew', () => {
    const scene = quiet({ toolRounds: 1 })
    scene.created('r1')
    scene.calls('r1', 'c1')
    scene.responseDone('r1')
    scene.callerStarts('u1')
    scene.callerStops('u1')
    scene.created('r2')
    expect(scene.calls('r2', 'c2')).toMatchObject([{ do: 'run-tool' }])
  })

  test('a message taken as the caller hangs up is still taken', () => {
    const scene = quiet()
    scene.created('r1')
    scene.tell({ on: 'left', how: 'stopped' })
    expect(scene.calls('r1', 'c1')).toMatchObject([{ do: 'run-tool' }])
    expect(scene.tell({ on: 'tool-answered', toolCallId: 'c1', output: '{}', endsCall: false })).toEqual([])
  })
})

describe('the language of a call', () => {
  const several = { ...new Scene().state.script.model, language: null, languages: ['en', 'es-MX'] }
  const transcriptionIn = (event: unknown) => JSON.parse(JSON.stringify(event)).session.audio.input.transcription

  test('is found out by the transcriber among the clinic’s, as long as nobody has chosen one', () => {
    const configured = (model: object) => transcriptionIn(new Scene({ model: { ...several, ...model } }).live().told[0])
    expect(configured({})).toEqual({ model: 'gpt-transcribe', languages: ['en', 'es'] })
    expect(configured({ transcriptionModel: 'whisper-1' })).toEqual({ model: 'whisper-1' })
    expect(configured({ language: 'es-MX' })).toEqual({ model: 'gpt-transcribe', language: 'es' })
  })

  test('changes with a tool’s answer: the transcriber is told, and then the answer is', () => {
    const scene = new Scene({ greeting: null, model: several }).live()
    scene.created('r1')
    scene.calls('r1', 'c1')
    scene.responseDone('r1')
    const answer = { toolCallId: 'c1', output: '{}', endsCall: false, language: 'es-MX' }
    const told = toldOf(scene.tell({ on: 'tool-answered', ...answer }))
    expect(told.map(({ type }) => type)).toEqual(['conversation.item.create', 'session.update', 'response.create'])
    expect(transcriptionIn(told[1])).toEqual({ model: 'gpt-transcribe', language: 'es' })
    expect(scene.state.script.model.language).toBe('es-MX')
  })
})

describe('limits', () => {
  test('an agent that talks for longer than may wait unheard is stopped, and what was sent still sounds', () => {
    const scene = quiet({ unheardAudioMs: 1_000 })
    scene.created('r1')
    expect(scene.speaks('r1', 'a1', 900, 'words')).toHaveLength(1)
    expect(scene.speaks('r1', 'a1', 200)).toEqual([])
    expect(scene.told.at(-1)).toEqual({ type: 'response.cancel', response_id: 'r1' })
    expect(scene.done).not.toContainEqual({ do: 'clear' })
  })

  test('more tools at once than allowed are answered for', () => {
    const scene = quiet({ toolsAtOnce: 1 })
    scene.created('r1')
    scene.calls('r1', 'c1')
    expect(toldOf(scene.calls('r1', 'c2'))).toMatchObject([{ type: 'conversation.item.create' }])
  })
})
