// Barge-in, case by case: what the caller did not hear is cleared from the line, cut from the model's memory, and marked in
// the transcript.
import { describe, expect, test } from 'bun:test'
import { Scene, toldOf } from './bridge-scene.ts'

const quiet = () => new Scene({ greeting: null }).live()

describe('barge-in', () => {
  test('truncates at what was heard, not at what was sent', () => {
    const scene = quiet()
    scene.created('r1')
    const [first = ''] = scene.speaks('r1', 'a1', 400, 'one two three four')
    scene.speaks('r1', 'a1', 600)
    scene.hears([first])
    const commands = scene.callerStarts('u1')
    expect(commands[0]).toEqual({ do: 'clear' })
    expect(toldOf(commands)).toEqual([
      { type: 'conversation.item.truncate', item_id: 'a1', content_index: 0, audio_end_ms: 400 },
    ])
  })

  test('also when generation had already finished', () => {
    const scene = quiet()
    const marks = scene.says('r1', 'a1', 2000, 'one two three four')
    expect(scene.callerStarts('u1')).toContainEqual({ do: 'clear' })
    scene.hears(marks)
    expect(scene.lines).toEqual(['agent:  [one two three four]'])
  })

  test('cuts each of several queued items by itself', () => {
    const scene = quiet()
    scene.created('r1')
    const [a] = [scene.speaks('r1', 'a1', 1000, 'first')]
    scene.itemDone('r1', 'a1')
    const b = scene.speaks('r1', 'a2', 500, 'two three')
    scene.speaks('r1', 'a2', 500)
    scene.itemDone('r1', 'a2')
    scene.speaks('r1', 'a3', 1000, 'third')
    scene.itemDone('r1', 'a3')
    scene.responseDone('r1')
    scene.hears([...a, ...b])
    expect(toldOf(scene.callerStarts('u1'))).toEqual([
      { type: 'conversation.item.truncate', item_id: 'a2', content_index: 0, audio_end_ms: 500 },
      { type: 'conversation.item.delete', item_id: 'a3' },
    ])
    expect(scene.lines).toEqual(['agent: first', 'agent: two [three]', 'agent:  [third]'])
  })

  test('truncates every unheard part of an item that has several', () => {
    const scene = quiet()
    scene.created('r1')
    scene.hears(scene.speaks('r1', 'a1', 300, 'heard', 0))
    scene.speaks('r1', 'a1', 300, 'not heard', 1)
    expect(toldOf(scene.callerStarts('u1'))).toEqual([
      { type: 'conversation.item.truncate', item_id: 'a1', content_index: 1, audio_end_ms: 0 },
    ])
  })

  test('deletes an item of which nothing was heard', () => {
    const scene = quiet()
    scene.created('r1')
    scene.speaks('r1', 'a1', 500, 'unheard')
    expect(toldOf(scene.callerStarts('u1'))).toEqual([{ type: 'conversation.item.delete', item_id: 'a1' }])
  })

  test('deletes an item that had no sound yet, and clears nothing', () => {
    const scene = quiet()
    scene.created('r1')
    scene.model({ type: 'response.output_item.added', response_id: 'r1', item: { id: 'a1', type: 'message' } })
    expect(scene.callerStarts('u1')).toEqual([
      { do: 'tell-model', event: { type: 'conversation.item.delete', item_id: 'a1' } },
    ])
  })

  test('does nothing when everything was heard', () => {
    const scene = quiet()
    scene.hears(scene.says('r1', 'a1', 2000, 'all of it'))
    expect(scene.callerStarts('u1')).toEqual([])
    expect(scene.lines).toEqual(['agent: all of it'])
  })

  test('ignores the marks that come back because of the clear', () => {
    const scene = quiet()
    const marks = scene.says('r1', 'a1', 2000, 'never heard at all')
    scene.callerStarts('u1')
    scene.hears(marks)
    expect(scene.factsOf('utterance')[0]).toMatchObject({ text: '', unheard: 'never heard at all', heardMs: 0 })
  })

  test('twice: the second cuts only what was said since the first', () => {
    const scene = quiet()
    const old = scene.says('r1', 'a1', 2000, 'first answer')
    scene.callerStarts('u1')
    scene.callerStops('u1', 'a1')
    scene.created('r2')
    const fresh = scene.speaks('r2', 'a2', 800, 'second answer here')
    scene.speaks('r2', 'a2', 800)
    scene.hears([...old, ...fresh])
    expect(toldOf(scene.callerStarts('u2'))).toEqual([
      { type: 'conversation.item.truncate', item_id: 'a2', content_index: 0, audio_end_ms: 800 },
    ])
    expect(scene.callerStarts('u2')).toEqual([])
  })

  test('drops late audio of the cut response', () => {
    const scene = quiet()
    scene.created('r1')
    scene.speaks('r1', 'a1', 500)
    scene.callerStarts('u1')
    expect(scene.speaks('r1', 'a1', 500)).toEqual([])
    scene.responseDone('r1', 'cancelled')
    expect(scene.speaks('r1', 'a1', 500)).toEqual([])
  })

  test('keeps late words of the cut response for the record, as unheard', () => {
    const scene = quiet()
    scene.created('r1')
    scene.hears(scene.speaks('r1', 'a1', 1000, 'one two '))
    scene.speaks('r1', 'a1', 200)
    scene.callerStarts('u1')
    const part = { response_id: 'r1', item_id: 'a1', content_index: 0 }
    const transcript = 'one two three four five six'
    scene.model({ type: 'response.output_audio_transcript.done', ...part, transcript })
    expect(scene.lines).toEqual([])
    scene.responseDone('r1', 'cancelled')
    const [line] = scene.factsOf('utterance')
    expect(line).toMatchObject({ isCut: true, heardMs: 1000 })
    expect(`${line?.text} ${line?.unheard}`).toBe(transcript)
    expect(line?.text).toBe('one two three')
  })

  test("what the caller says comes after what they cut off, though the model's memory has no trace of it", () => {
    const scene = quiet()
    const added = (id: string, role: string, previous_item_id: string | null) =>
      scene.model({ type: 'conversation.item.added', item: { id, type: 'message', role }, previous_item_id })
    scene.created('r1')
    added('a1', 'assistant', null)
    scene.speaks('r1', 'a1', 500, 'never heard')
    scene.callerStarts('u1')
    scene.responseDone('r1', 'cancelled')
    scene.callerStops('u1', null)
    scene.transcribed('u1', 'stop')
    expect(scene.lines).toEqual(['agent:  [never heard]', 'caller: stop'])
  })

  test("the transcript is in the order of the model's items, not of their arrival", () => {
    const scene = quiet()
    scene.hears(scene.says('r1', 'a1', 100, 'first'))
    scene.hears(scene.says('r2', 'a3', 100, 'third'))
    scene.callerStops('u2', 'a1')
    scene.transcribed('u2', 'second')
    expect(scene.lines).toEqual(['agent: first', 'caller: second', 'agent: third'])
  })

  test('a mark in the name of sound that was never sent counts for nothing', () => {
    const scene = quiet()
    scene.created('r1')
    scene.speaks('r1', 'a1', 500, 'words')
    scene.hears(['0.0.999999', '1.0.4000', '0.7.4000', 'not a mark', '0.0.-5'])
    scene.callerStarts('u1')
    expect(scene.told.at(-1)).toMatchObject({ audio_end_ms: 500 })
  })
})
