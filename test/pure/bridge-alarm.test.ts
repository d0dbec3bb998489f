// An emergency: acted on by the machine itself, whatever the model makes of it.
import { describe, expect, test } from 'bun:test'
import { callLimits } from '../../src/bridge/limits.ts'
import type { Contact, Emergency } from '../../src/bridge/plan.ts'
import type { Command } from '../../src/bridge/state.ts'
import { consultSpec, Scene, streamSid, toldOf } from './bridge-scene.ts'

const nurse: Contact = { name: 'the nurse', phoneNumber: '+15550109999', isWarm: true }
const emergency = (changes: Partial<Emergency> = {}): Emergency => ({
  phrases: ['chest pain', 'no respira'],
  message: 'Hang up and call 911.',
  messages: { en: 'Hang up and call 911.', es: 'Cuelgue y llame al 911.' },
  contact: null,
  isOver: false,
  ...changes,
})
const quiet = (changes: Partial<Emergency> = {}, own: object = {}) =>
  new Scene({ greeting: null, emergency: emergency(changes), ...own }).live()
const transcription = 'conversation.item.input_audio_transcription'

/** The caller says it, and the model answers as if nothing were the matter. */
function alarmed(scene: Scene, words = 'My father has chest pain.'): Command[] {
  scene.callerStarts('u1')
  scene.callerStops('u1')
  scene.created('r1')
  scene.hears(scene.speaks('r1', 'a1', 400, 'Sure, which'))
  scene.speaks('r1', 'a1', 400, ' day suits you?')
  scene.news()
  return scene.transcribed('u1', words)
}

/** The model has stopped, and says what it is asked to. */
function told(scene: Scene): string[] {
  scene.responseDone('r1', 'cancelled')
  return scene.says('r2', 'a2', 3_000, 'Hang up and call 911.')
}

describe('words of an emergency', () => {
  test('silence the agent at once, and the clinic’s text is asked for word for word, without tools', () => {
    const scene = quiet()
    expect(alarmed(scene)).toMatchObject([
      { do: 'record', fact: { kind: 'emergency.raised', streamSid, phrase: 'chest pain', isAnswered: true } },
      { do: 'tell-model', event: { type: 'response.cancel', response_id: 'r1' } },
      { do: 'clear' },
      { do: 'tell-model', event: { type: 'conversation.item.truncate', item_id: 'a1', audio_end_ms: 400 } },
      { do: 'record', fact: { kind: 'utterance' } },
    ])
    expect(toldOf(scene.responseDone('r1', 'cancelled'))).toMatchObject([
      { type: 'response.create', response: { tool_choice: 'none' } },
    ])
    const [asked] = scene.told.slice(-1)
    if (asked?.type !== 'response.create') throw new Error('nothing was asked for')
    expect(asked.response?.instructions).toContain('Say exactly this, word for word')
    expect(asked.response?.instructions).toContain('"Hang up and call 911."')
  })

  test('are acted on while they are still being written down, but not before a word is whole', () => {
    const scene = quiet()
    scene.callerStarts('u1')
    scene.callerStops('u1')
    scene.created('r1')
    const delta = (text: string) => scene.model({ type: `${transcription}.delta`, item_id: 'u1', delta: text })
    expect(toldOf([...delta('I have ch'), ...delta('est pain')])).toEqual([])
    expect(toldOf(delta('.'))).toEqual([{ type: 'response.cancel', response_id: 'r1' }])
  })

  test('before the model has begun to answer: the text is asked for at once, and its own answer is not heard', () => {
    const scene = quiet()
    scene.callerStarts('u1')
    scene.callerStops('u1')
    expect(toldOf(scene.transcribed('u1', 'chest pain'))).toMatchObject([{ type: 'response.create' }])
    scene.created('r1')
    const error = { type: 'invalid_request_error', code: 'conversation_already_has_active_response' }
    expect(toldOf(scene.model({ type: 'error', error: { ...error, event_id: 'ask_0' } }))).toEqual([
      { type: 'response.cancel', response_id: 'r1' },
    ])
    expect(scene.speaks('r1', 'a1', 400)).toEqual([])
    expect(toldOf(scene.responseDone('r1', 'cancelled'))).toMatchObject([{ type: 'response.create' }])
  })

  test('are said in the language of the call where there is a text in it', () => {
    const model = { ...quiet().state.script.model, language: 'es-MX' }
    const scene = quiet({}, { model })
    alarmed(scene, 'no respira')
    const [asked] = toldOf(scene.responseDone('r1', 'cancelled'))
    expect(JSON.stringify(asked)).toContain('Cuelgue y llame al 911.')
  })

  test('are acted on once in a conversation', () => {
    const scene = quiet()
    alarmed(scene)
    scene.hears(told(scene))
    scene.callerStarts('u2')
    scene.callerStops('u2')
    scene.created('r3')
    scene.news()
    expect(scene.transcribed('u2', 'yes, chest pain')).toMatchObject([{ fact: { kind: 'utterance' } }])
    expect(scene.factsOf('emergency.raised')).toHaveLength(1)
    const later = quiet({ isOver: true })
    alarmed(later)
    expect(later.factsOf('emergency.raised')).toEqual([])
  })

  test('without anybody to ring, only the text is said, and the call goes on', () => {
    const scene = quiet()
    alarmed(scene)
    scene.hears(told(scene))
    expect(scene.state.phase.is).toBe('live')
    expect(scene.factsOf('transfer.requested')).toEqual([])
  })

  test('where the clinic wants none of it, the model is left to answer', () => {
    const scene = new Scene({ greeting: null }).live()
    expect(toldOf(alarmed(scene))).toEqual([])
  })

  test('talked over, the text is said again, and then no more', () => {
    const scene = quiet()
    alarmed(scene)
    told(scene)
    for (const [turn, mine, ours] of [
      ['u2', 'r3', 'r4'],
      ['u3', 'r5', 'r6'],
    ] as const) {
      scene.callerStarts(turn)
      scene.callerStops(turn)
      scene.news()
      const begun = toldOf(scene.created(mine))
      if (turn === 'u3') {
        expect(begun).toEqual([])
        break
      }
      expect(begun).toEqual([{ type: 'response.cancel', response_id: mine }])
      expect(toldOf(scene.responseDone(mine, 'cancelled'))).toMatchObject([{ type: 'response.create' }])
      scene.says(ours, `a_${ours}`, 3_000, 'Hang up and call 911.')
    }
  })

  test('stop a question to the supervisor, and take a goodbye back', () => {
    const scene = quiet({}, { tools: [consultSpec] })
    scene.created('r0')
    scene.calls('r0', 'c1', consultSpec.name)
    scene.responseDone('r0')
    expect(alarmed(scene)).toContainEqual({ do: 'stop-consult', toolCallId: 'c1' })
    const ending = quiet()
    ending.created('r0')
    ending.calls('r0', 'c1')
    ending.responseDone('r0')
    ending.tell({ on: 'tool-answered', toolCallId: 'c1', output: '{}', endsCall: true })
    expect(ending.state.phase.is).toBe('ending')
    ending.created('r1')
    ending.model({ type: 'input_audio_buffer.committed', item_id: 'u1' })
    ending.transcribed('u1', 'chest pain')
    expect([ending.state.phase.is, ending.state.asks]).toEqual(['live', ['emergency']])
  })

  test('that are known only when the caller has hung up are told to the clinic, and nothing else is done', () => {
    const scene = quiet({ contact: nurse })
    scene.callerStarts('u1')
    scene.callerStops('u1')
    scene.tell({ on: 'left', how: 'stopped' })
    scene.transcribed('u1', 'chest pain')
    expect(scene.factsOf('emergency.raised')).toMatchObject([{ isAnswered: false }])
    expect(scene.factsOf('transfer.requested')).toEqual([])
  })
})

describe('the clinic’s person for it', () => {
  test('is rung as soon as the text was heard', () => {
    const scene = quiet({ contact: nurse })
    alarmed(scene)
    expect(scene.factsOf('transfer.requested')).toEqual([
      {
        kind: 'transfer.requested',
        toolCallId: 'emergency-0',
        target: 'the nurse',
        phoneNumber: '+15550109999',
        reason: 'an emergency',
        isWarm: true,
      },
    ])
    const marks = told(scene)
    expect(scene.done).not.toContainEqual({ do: 'hang-up' })
    scene.hears(marks)
    expect(scene.done).toContainEqual({ do: 'hang-up' })
    expect(scene.factsOf('stream.ended')).toMatchObject([{ reason: 'handed-over' }])
  })

  test('is rung whatever is said meanwhile, by the caller or by the model', () => {
    const scene = quiet({ contact: nurse })
    alarmed(scene)
    told(scene)
    scene.callerStarts('u2')
    scene.callerStops('u2')
    expect(toldOf(scene.created('r3'))).toContainEqual({ type: 'response.cancel', response_id: 'r3' })
    scene.transcribed('u2', 'No wait, please do not!')
    expect(scene.factsOf('transfer.withdrawn')).toEqual([])
    scene.wait(callLimits.goodbyeMs)
    expect(scene.done).toContainEqual({ do: 'hang-up' })
  })

  test('is not rung for a caller who is on the way to a person already: they are told, and nothing takes that back', () => {
    const scene = quiet({ contact: nurse }, { operator: nurse })
    scene.tell({ on: 'key', key: '0' })
    scene.wait(callLimits.keyPauseMs)
    scene.model({ type: 'input_audio_buffer.committed', item_id: 'u1' })
    scene.news()
    scene.transcribed('u1', 'chest pain')
    expect(scene.factsOf('transfer.requested')).toHaveLength(1)
    expect(scene.factsOf('transfer.withdrawn')).toEqual([])
    expect(toldOf(scene.created('r1'))).toEqual([{ type: 'response.cancel', response_id: 'r1' }])
    scene.responseDone('r1', 'cancelled')
    const marks = scene.says('r2', 'a2', 3_000, 'Hang up and call 911.')
    expect(scene.done).not.toContainEqual({ do: 'hang-up' })
    scene.hears(marks)
    expect(scene.done).toContainEqual({ do: 'hang-up' })
  })
})

describe('the key 0', () => {
  test('pressed by itself rings whom the clinic has chosen for it', () => {
    const scene = quiet({}, { operator: nurse })
    scene.tell({ on: 'key', key: '0' })
    expect(toldOf(scene.wait(callLimits.keyPauseMs))).toMatchObject([
      { response: { instructions: expect.stringContaining('putting them through') } },
    ])
    expect(scene.factsOf('transfer.requested')).toMatchObject([{ target: 'the nurse', reason: 'the caller pressed 0' }])
    scene.hears(scene.says('r1', 'a1', 800, 'I am putting you through.'))
    expect(scene.done).toContainEqual({ do: 'hang-up' })
  })

  test('within a number, or where nobody was chosen, is a key like any other', () => {
    for (const [keys, operator] of [
      ['10', nurse],
      ['00', nurse],
      ['0', null],
    ] as const) {
      const scene = quiet({}, { operator })
      for (const key of keys) scene.tell({ on: 'key', key })
      expect(toldOf(scene.wait(callLimits.keyPauseMs))).toMatchObject([
        { type: 'conversation.item.create' },
        { type: 'response.create' },
      ])
      expect(scene.factsOf('transfer.requested')).toEqual([])
    }
  })
})
