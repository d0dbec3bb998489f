// Keys that the caller presses: gathered, and then a turn like one that was spoken.
import { describe, expect, test } from 'bun:test'
import { callLimits } from '../../src/bridge/limits.ts'
import { Scene, toldOf } from './bridge-scene.ts'

const quiet = (limits = {}) => new Scene({ greeting: null, limits }).live()
const press = (scene: Scene, keys: string) => [...keys].flatMap((key) => scene.tell({ on: 'key', key }))
const created = (text: string) => ({
  type: 'conversation.item.create',
  item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] },
})

describe('keys', () => {
  test('pressed one after another are one turn, which the model is told and asked to answer', () => {
    const scene = quiet()
    for (const key of '19880412') {
      press(scene, key)
      scene.wait(callLimits.keyPauseMs - 1)
    }
    expect(scene.told.filter(({ type }) => type === 'conversation.item.create')).toEqual([])
    expect(toldOf(scene.wait(1))).toMatchObject([
      created('Pressed on the keypad: 19880412'),
      { type: 'response.create' },
    ])
  })

  test('end with #, which is no part of them; a # alone is nothing', () => {
    const scene = quiet()
    expect(toldOf(press(scene, '12#'))).toMatchObject([
      created('Pressed on the keypad: 12'),
      { type: 'response.create' },
    ])
    scene.says('r1', 'a1', 0, '')
    scene.news()
    press(scene, '#')
    scene.wait(callLimits.keyPauseMs)
    expect(scene.news()).toEqual([])
  })

  test('are in the ledger as a turn of the caller that came by the keypad, in its place', () => {
    const scene = quiet()
    scene.hears(scene.says('r1', 'a1', 100, 'please type it'))
    press(scene, '7#')
    expect(scene.factsOf('utterance').at(-1)).toMatchObject({
      speaker: 'caller',
      source: 'keypad',
      text: 'Pressed on the keypad: 7',
    })
    expect(scene.lines).toEqual(['agent: please type it', 'caller: Pressed on the keypad: 7'])
  })

  test('silence the agent, who is answered for what was heard', () => {
    const scene = quiet()
    scene.created('r1')
    scene.hears(scene.speaks('r1', 'a1', 400, 'type it'))
    scene.speaks('r1', 'a1', 400, ' after this')
    const commands = press(scene, '1')
    expect(commands).toContainEqual({ do: 'clear' })
    expect(toldOf(commands)).toEqual([
      { type: 'response.cancel', response_id: 'r1' },
      { type: 'conversation.item.truncate', item_id: 'a1', content_index: 0, audio_end_ms: 400 },
    ])
    expect(toldOf(scene.responseDone('r1', 'cancelled'))).toEqual([])
    expect(toldOf(scene.wait(callLimits.keyPauseMs)).map(({ type }) => type)).toEqual([
      'conversation.item.create',
      'response.create',
    ])
  })

  test('without end are taken when there are too many, and what is no key is none', () => {
    const scene = quiet({ keysAtOnce: 4 })
    expect(press(scene, 'A')).toEqual([])
    expect(toldOf(press(scene, '1234'))).toMatchObject([created('Pressed on the keypad: 1234'), {}])
  })

  test('take a goodbye back, as speech does', () => {
    const scene = quiet()
    scene.created('r1')
    scene.calls('r1', 'c1')
    scene.responseDone('r1')
    scene.tell({ on: 'tool-answered', toolCallId: 'c1', output: '{}', endsCall: true })
    expect(scene.state.phase.is).toBe('ending')
    press(scene, '5')
    expect(scene.state.phase.is).toBe('live')
  })

  test('change nothing once the time is up', () => {
    const scene = quiet({ callMs: 60_000, callWarningMs: 60_001, idleMs: 1e9, answerMs: 1e9 })
    scene.wait(60_000)
    expect(scene.state.phase.is).toBe('ending')
    expect(press(scene, '5#')).toEqual([])
    expect(scene.state.phase.is).toBe('ending')
  })

  test('while they are pressed nobody asks whether the caller is still there', () => {
    const scene = quiet({ idleMs: 1_000, keyPauseMs: 5_000 })
    press(scene, '1')
    expect(scene.wait(4_999)).toEqual([])
  })
})
