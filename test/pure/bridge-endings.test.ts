// How a live call ends: by the agent, by silence, by its length, by the caller, by another machine; and what is written then.
import { describe, expect, test } from 'bun:test'
import { callLimits } from '../../src/bridge/limits.ts'
import { Scene, streamSid, toldOf } from './bridge-scene.ts'

const quiet = (limits = {}) => new Scene({ greeting: null, limits }).live()

describe('the end of a call', () => {
  const ending = () => {
    const scene = quiet()
    scene.created('r1')
    const marks = scene.speaks('r1', 'a1', 1_000, 'goodbye')
    scene.itemDone('r1', 'a1')
    scene.calls('r1', 'c1', 'end_call')
    scene.tell({ on: 'tool-answered', toolCallId: 'c1', output: '{}', endsCall: true })
    return { scene, marks }
  }

  test('comes only after the goodbye was heard, and is recorded before the stream is closed', () => {
    const { scene, marks } = ending()
    scene.responseDone('r1')
    scene.wait(900)
    expect(scene.done).not.toContainEqual({ do: 'hang-up' })
    scene.hears(marks)
    scene.wait(callLimits.lingerMs)
    expect(scene.facts.slice(-4)).toMatchObject([
      { kind: 'utterance', text: 'goodbye', isCut: false },
      { kind: 'call.ending', reason: 'agent' },
      { kind: 'stream.ended', reason: 'hung-up' },
      { kind: 'transcript.settled' },
    ])
    expect(scene.done.at(-1)).toEqual({ do: 'finish' })
  })

  test('waits for a tool that was called beside it', () => {
    const { scene, marks } = ending()
    scene.calls('r1', 'c2')
    scene.responseDone('r1')
    scene.hears(marks)
    expect(scene.done).not.toContainEqual({ do: 'hang-up' })
    scene.tell({ on: 'tool-answered', toolCallId: 'c2', output: '{}', endsCall: false })
    expect(scene.done).toContainEqual({ do: 'hang-up' })
  })

  test('waits no longer than its limit for a mark that does not come', () => {
    const { scene } = ending()
    scene.responseDone('r1')
    scene.wait(callLimits.goodbyeMs)
    expect(scene.factsOf('call.ending')).toHaveLength(1)
    expect(scene.done).toContainEqual({ do: 'hang-up' })
  })

  test('an agent that ended the call without a word says goodbye first', () => {
    const scene = quiet()
    scene.created('r1')
    scene.calls('r1', 'c1', 'end_call')
    scene.responseDone('r1')
    const told = toldOf(scene.tell({ on: 'tool-answered', toolCallId: 'c1', output: '{}', endsCall: true }))
    expect(told).toMatchObject([{ type: 'conversation.item.create' }, { response: { tool_choice: 'none' } }])
    const marks = scene.says('r2', 'a1', 800, 'bye')
    expect(scene.done).not.toContainEqual({ do: 'hang-up' })
    scene.hears(marks)
    expect(scene.done).toContainEqual({ do: 'hang-up' })
  })

  test('a caller who speaks during the goodbye is not hung up on', () => {
    const { scene } = ending()
    scene.callerStarts('u1')
    scene.responseDone('r1', 'cancelled')
    scene.callerStops('u1')
    scene.hears(scene.says('r2', 'a2', 500, 'yes?'))
    scene.wait(callLimits.goodbyeMs)
    expect(scene.done).not.toContainEqual({ do: 'hang-up' })
    expect(scene.factsOf('call.ending')).toEqual([])
  })

  test('silence is asked into, then the agent says goodbye and hangs up', () => {
    const scene = quiet()
    const asked = toldOf(scene.wait(callLimits.idleMs))
    expect(asked).toMatchObject([{ response: { instructions: expect.stringContaining('still there') } }])
    scene.hears(scene.says('r1', 'a1', 1_000, 'hello?'))
    scene.wait(callLimits.idleMs)
    scene.hears(scene.says('r2', 'a2', 1_000, 'goodbye'))
    expect(scene.factsOf('call.ending')).toEqual([{ kind: 'call.ending', reason: 'silence' }])
  })

  test('a word of the caller, or a key, starts the silence anew', () => {
    const scene = quiet()
    scene.wait(callLimits.idleMs - 1)
    scene.tell({ on: 'key', key: '#' })
    expect(scene.wait(callLimits.idleMs - 1)).toEqual([])
  })

  test('a long call is warned, then ended, even against the caller', () => {
    const scene = quiet({ callMs: 100_000, callWarningMs: 30_000, idleMs: 1e9 })
    expect(toldOf(scene.wait(70_000))).toMatchObject([
      { response: { instructions: expect.stringContaining('minute') } },
    ])
    scene.hears(scene.says('r1', 'a1', 500, 'one minute left'))
    expect(toldOf(scene.wait(30_000))).toMatchObject([{ response: { tool_choice: 'none' } }])
    scene.created('r2')
    scene.speaks('r2', 'a2', 500, 'goodbye')
    scene.callerStarts('u1')
    scene.wait(callLimits.goodbyeMs)
    expect(scene.factsOf('call.ending')).toEqual([{ kind: 'call.ending', reason: 'too-long' }])
  })

  test('a hand-over waits until the agent has been heard, and leaves the call to go on', () => {
    const scene = quiet()
    const marks = scene.says('r1', 'a1', 1_000, 'one moment')
    scene.tell({ on: 'hand-over', how: 'gently' })
    expect(scene.done).not.toContainEqual({ do: 'hang-up' })
    scene.hears(marks)
    expect(scene.factsOf('stream.ended')).toMatchObject([{ reason: 'handed-over' }])
    expect(scene.factsOf('call.ending')).toEqual([])
  })

  test('a hand-over at once writes what is known and closes', () => {
    const scene = quiet()
    scene.says('r1', 'a1', 1_000, 'one moment')
    scene.callerStarts('u1')
    scene.callerStops('u1')
    scene.tell({ on: 'hand-over', how: 'at-once' })
    expect(scene.state.phase.is).toBe('closed')
    expect(scene.factsOf('utterance')).toHaveLength(2)
  })
})

describe('when the caller hangs up', () => {
  test('in the middle of speaking, what they said is committed, transcribed and written before the transcript settles', () => {
    const scene = quiet()
    scene.callerStarts('u1')
    expect(toldOf(scene.tell({ on: 'left', how: 'stopped' }))).toEqual([{ type: 'input_audio_buffer.commit' }])
    expect(scene.factsOf('stream.ended')).toMatchObject([{ reason: 'stopped' }])
    scene.wait(1_000)
    scene.model({ type: 'input_audio_buffer.committed', item_id: 'u1' })
    expect(scene.factsOf('transcript.settled')).toEqual([])
    scene.transcribed('u1', 'and my number is')
    expect(scene.facts.slice(-2)).toMatchObject([
      { kind: 'utterance', speaker: 'caller', text: 'and my number is' },
      { kind: 'transcript.settled' },
    ])
  })

  test('speech that is detected only a moment later is committed and transcribed, too', () => {
    const scene = quiet()
    scene.tell({ on: 'left', how: 'broken' })
    scene.wait(callLimits.lingerMs - 1)
    expect(toldOf(scene.callerStarts('u1'))).toEqual([{ type: 'input_audio_buffer.commit' }])
    scene.model({ type: 'input_audio_buffer.committed', item_id: 'u1' })
    scene.wait(1_000)
    scene.transcribed('u1', 'bye')
    expect(scene.lines).toEqual(['caller: bye'])
    expect(scene.state.phase.is).toBe('closed')
  })

  test('a transcription that does not come is waited for no longer than its limit; what came of it is kept', () => {
    const scene = quiet()
    scene.callerStarts('u1')
    scene.callerStops('u1')
    scene.model({ type: 'conversation.item.input_audio_transcription.delta', item_id: 'u1', delta: 'my name' })
    scene.tell({ on: 'left', how: 'stopped' })
    scene.wait(callLimits.lastWordsMs - 1)
    expect(scene.state.phase.is).toBe('settling')
    scene.wait(1)
    expect(scene.lines).toEqual(['caller: my name'])
    expect(scene.facts.at(-1)).toEqual({ kind: 'transcript.settled', streamSid })
  })

  test('what the model repeats of a turn that is written delays nothing, and what it takes back changes nothing', () => {
    const scene = quiet()
    scene.callerStarts('u1')
    scene.callerStops('u1')
    scene.transcribed('u1', 'hello')
    scene.model({ type: 'input_audio_buffer.committed', item_id: 'u1' })
    scene.callerStarts('u2')
    scene.callerStops('u2')
    scene.callerStarts('u2')
    scene.tell({ on: 'left', how: 'stopped' })
    scene.model({ type: 'conversation.item.input_audio_transcription.failed', item_id: 'u2' })
    scene.wait(callLimits.lingerMs)
    expect(scene.state.phase.is).toBe('closed')
    expect(scene.factsOf('utterance').map(({ itemId }) => itemId)).toEqual(['u1', 'u2'])
  })

  test('a turn that is an item is written even when the transcriber says nothing of it', () => {
    const scene = quiet()
    scene.callerStarts('u1')
    scene.callerStops('u1')
    scene.callerStarts('u1')
    scene.tell({ on: 'left', how: 'stopped' })
    scene.wait(callLimits.lastWordsMs)
    expect(scene.factsOf('utterance')).toMatchObject([{ itemId: 'u1', text: '' }])
  })

  test('what was not heard of the agent is marked so', () => {
    const scene = quiet()
    scene.created('r1')
    const [first = ''] = scene.speaks('r1', 'a1', 1_000, 'one two three four')
    scene.speaks('r1', 'a1', 1_000)
    scene.itemDone('r1', 'a1')
    scene.responseDone('r1')
    scene.hears([first])
    scene.tell({ on: 'left', how: 'stopped' })
    scene.created('r2')
    scene.speaks('r2', 'a2', 100, 'never heard')
    scene.responseDone('r2')
    scene.wait(callLimits.lingerMs)
    expect(scene.lines).toEqual(['agent: one two [three four]', 'agent:  [never heard]'])
    expect(scene.told.map(({ type }) => type)).not.toContain('conversation.item.delete')
  })

  test('a running response is cancelled, and what it used is still recorded', () => {
    const scene = quiet()
    scene.created('r1')
    expect(toldOf(scene.tell({ on: 'left', how: 'stopped' }))).toEqual([{ type: 'response.cancel', response_id: 'r1' }])
    scene.wait(callLimits.lingerMs)
    scene.model({ type: 'response.done', response: { id: 'r1', status: 'cancelled', usage: { total_tokens: 5 } } })
    expect(scene.factsOf('usage')).toMatchObject([{ source: 'realtime', usage: { total_tokens: 5 } }])
    expect(scene.state.phase.is).toBe('closed')
  })

  test('nothing is done after the call is closed', () => {
    const scene = quiet()
    scene.tell({ on: 'left', how: 'stopped' })
    scene.wait(callLimits.lingerMs)
    expect(scene.done.at(-1)).toEqual({ do: 'finish' })
    scene.news()
    scene.created('r1')
    scene.callerStarts('u1')
    scene.wait(1e9)
    expect(scene.news()).toEqual([])
  })
})
