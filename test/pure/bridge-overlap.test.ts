// What a caller says while the agent speaks, at a clinic where not every sound cuts it off.
import { describe, expect, test } from 'bun:test'
import { isBackchannel, isHum } from '../../src/bridge/backchannel.ts'
import { callLimits } from '../../src/bridge/limits.ts'
import { Scene, toldOf } from './bridge-scene.ts'

const interruptMs = 400
/** The silence after which the detector says that somebody has stopped; see the scene. */
const silenceMs = 500

/** The agent is in the midst of a long sentence, all of it made already. */
function speaking(ms = 6_000) {
  const scene = new Scene({ interruptMs }).live()
  scene.model({ type: 'conversation.item.added', item: { id: 'a1', type: 'message' }, previous_item_id: null })
  const marks = scene.says('r1', 'a1', ms, 'we are open on weekdays from eight until five')
  scene.news()
  return { scene, marks }
}
const notCut = (scene: Scene) => scene.done.every(({ do: what }) => what !== 'clear')

describe('a sign of listening', () => {
  test('does not cut the agent off: it goes on, and all of it counts as heard', () => {
    const { scene, marks } = speaking()
    expect(scene.callerStarts('u1')).toEqual([{ do: 'attend', ms: interruptMs }])
    scene.wait(interruptMs)
    expect(scene.callerStops('u1', 'a1')).toEqual([])
    // The model would answer it, as it answers any turn.
    expect(toldOf(scene.created('r2'))).toEqual([{ type: 'response.cancel', response_id: 'r2' }])
    expect(scene.speaks('r2', 'a2', 400)).toEqual([])
    scene.transcribed('u1', 'Mm-hm.')
    scene.responseDone('r2', 'cancelled')
    scene.hears(marks)
    expect(notCut(scene)).toBe(true)
    // The greeting, and nothing since.
    expect(scene.told.filter(({ type }) => type === 'response.create')).toHaveLength(1)
    expect(scene.lines).toEqual(['agent: we are open on weekdays from eight until five', 'caller: Mm-hm.'])
    expect(scene.state.floor).toEqual({ is: 'open' })
  })

  test('goes unanswered also when its words come before the model’s answer begins', () => {
    const { scene } = speaking()
    scene.callerStarts('u1')
    scene.callerStops('u1')
    scene.transcribed('u1', 'okay')
    expect(toldOf(scene.created('r2'))).toEqual([{ type: 'response.cancel', response_id: 'r2' }])
  })

  test('said into the last of the agent’s speech is an answer, and is answered', () => {
    const { scene } = speaking(6_000)
    scene.wait(6_000 - callLimits.answerLeadMs + 1)
    scene.callerStarts('u1')
    scene.callerStops('u1')
    expect(toldOf(scene.created('r2'))).toEqual([])
    scene.transcribed('u1', 'okay')
    expect(scene.speaks('r2', 'a2', 400, 'then I book it')).not.toEqual([])
  })

  test('is none when the agent is silent', () => {
    const { scene, marks } = speaking()
    scene.hears(marks)
    scene.callerStarts('u1')
    expect(scene.state.floor).toMatchObject({ is: 'caller' })
  })
})

describe('a caller who cuts in', () => {
  test('is given the floor as soon as they are loud after so long', () => {
    const { scene } = speaking()
    scene.callerStarts('u1')
    const commands = scene.tell({ on: 'goes-on' })
    expect(commands).toContainEqual({ do: 'clear' })
    expect(scene.state.floor).toMatchObject({ is: 'caller', itemId: 'u1' })
    scene.callerStops('u1')
    expect(toldOf(scene.created('r2'))).toEqual([])
    expect(scene.speaks('r2', 'a2', 400, 'of course')).not.toEqual([])
  })

  test('too softly to be measured is given it when the detector has not said that they stopped', () => {
    const { scene } = speaking()
    scene.callerStarts('u1')
    expect(scene.wait(2 * interruptMs + silenceMs - 1)).toEqual([])
    expect(scene.wait(1)).toContainEqual({ do: 'clear' })
  })

  test('stops a response that is still being made, which the model does not do by itself', () => {
    const scene = new Scene({ interruptMs }).live()
    scene.created('r1')
    scene.hears(scene.speaks('r1', 'a1', 400, 'we are'))
    scene.speaks('r1', 'a1', 2_000, ' open')
    scene.callerStarts('u1')
    expect(toldOf(scene.tell({ on: 'goes-on' }))).toEqual([
      { type: 'response.cancel', response_id: 'r1' },
      { type: 'conversation.item.truncate', item_id: 'a1', content_index: 0, audio_end_ms: 400 },
    ])
    expect(scene.told[0]).toMatchObject({
      session: { audio: { input: { turn_detection: { interrupt_response: false } } } },
    })
  })

  test('by a short word with something in it is heard when it is understood, and answered', () => {
    const { scene } = speaking()
    scene.callerStarts('u1')
    scene.callerStops('u1')
    scene.created('r2')
    scene.responseDone('r2', 'cancelled')
    expect(notCut(scene)).toBe(true)
    const commands = scene.transcribed('u1', 'No!')
    expect(commands).toContainEqual({ do: 'clear' })
    expect(toldOf(commands).at(-1)).toMatchObject({ type: 'response.create' })
  })

  test('by a word that is never understood is taken to have said something', () => {
    const { scene } = speaking()
    scene.callerStarts('u1')
    scene.callerStops('u1')
    expect(scene.wait(callLimits.humWordsMs - 1)).toEqual([])
    const commands = scene.wait(1)
    expect(commands).toContainEqual({ do: 'clear' })
    expect(toldOf(commands).at(-1)).toMatchObject({ type: 'response.create' })
  })

  test('a second time while they are weighed insists', () => {
    const { scene } = speaking()
    scene.callerStarts('u1')
    scene.callerStops('u1')
    expect(scene.callerStarts('u2')).toContainEqual({ do: 'clear' })
  })

  test('with a late transcript of an earlier turn is no cutting in', () => {
    const scene = new Scene({ interruptMs }).live()
    scene.callerStarts('u1')
    scene.callerStops('u1')
    scene.says('r1', 'a1', 6_000, 'we are open on weekdays')
    scene.callerStarts('u2')
    scene.transcribed('u1', 'When are you open?')
    expect(notCut(scene)).toBe(true)
    expect(scene.state.floor).toMatchObject({ is: 'overlap', itemId: 'u2' })
  })

  test('whose last word nobody has ended is still transcribed when they hang up', () => {
    const { scene } = speaking()
    scene.callerStarts('u1')
    expect(toldOf(scene.tell({ on: 'left', how: 'stopped' }))).toContainEqual({ type: 'input_audio_buffer.commit' })
  })
})

describe('words', () => {
  test('that nobody answers with are hums; a yes is not, though it outdates no question', () => {
    for (const text of ['Mm-hm.', 'Okay, okay', 'Uh huh', 'right, right', 'Ajá', 'Genau!', '']) {
      expect([text, isHum(text), isBackchannel(text)]).toEqual([text, true, true])
    }
    for (const text of ['Yes.', 'Sí', 'Sure, thanks'])
      expect([text, isHum(text), isBackchannel(text)]).toEqual([text, false, true])
    for (const text of ['No', 'Stop!', 'Okay, but not on Monday', 'Tuesday']) expect(isHum(text)).toBe(false)
  })
})
