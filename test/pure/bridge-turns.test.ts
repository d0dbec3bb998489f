// Taking turns: one response at a time, whoever asks for it; and a model that does not take its turn.
import { describe, expect, test } from 'bun:test'
import { callLimits } from '../../src/bridge/limits.ts'
import { Scene, streamSid, toldOf } from './bridge-scene.ts'

const quiet = (limits = {}) => new Scene({ greeting: null, limits }).live()
const types = (events: { type: string }[]) => events.map(({ type }) => type)

describe('taking turns', () => {
  test('a response is asked for only when none is under way', () => {
    const scene = new Scene({ limits: { callMs: 60_000, callWarningMs: 59_000 } }).live()
    scene.wait(1_000)
    expect(scene.told.filter(({ type }) => type === 'response.create')).toHaveLength(1)
    scene.says('r1', 'a1', 100, 'hello')
    expect(scene.told.filter(({ type }) => type === 'response.create')).toHaveLength(2)
  })

  test("after the caller's turn the model answers by itself; ours waits until it has", () => {
    const scene = quiet({ callMs: 60_000, callWarningMs: 59_000 })
    scene.callerStarts('u1')
    scene.callerStops('u1')
    scene.wait(1_000)
    expect(scene.news()).toEqual([])
    scene.created('r1')
    expect(toldOf(scene.responseDone('r1'))).toMatchObject([{ type: 'response.create' }])
  })

  test('an error that another response is active puts ours back until that one is done', () => {
    const scene = new Scene().live()
    const code = 'conversation_already_has_active_response'
    scene.model({ type: 'error', error: { type: 'invalid_request_error', code, event_id: 'ask_0' } })
    scene.created('theirs')
    expect(scene.news().filter(({ do: what }) => what === 'tell-model')).toEqual([])
    expect(toldOf(scene.responseDone('theirs'))).toEqual([])
    expect(scene.state.asks).toEqual([])
  })

  test('what outlives the turn is asked for again after a lost race, matched by event id or by its code alone', () => {
    for (const event_id of ['ask_0', null]) {
      const scene = quiet()
      scene.created('r1')
      scene.calls('r1', 'c1')
      scene.responseDone('r1')
      scene.tell({ on: 'tool-answered', toolCallId: 'c1', output: '{}', endsCall: false })
      scene.created('theirs')
      const code = 'conversation_already_has_active_response'
      scene.model({ type: 'error', error: { type: 'invalid_request_error', code, event_id } })
      expect(toldOf(scene.responseDone('theirs'))).toMatchObject([{ type: 'response.create', event_id: 'ask_1' }])
    }
  })

  test('a response that begins while the caller speaks is cancelled, and none of it is heard', () => {
    const scene = new Scene().live()
    scene.callerStarts('u1')
    expect(toldOf(scene.created('r1'))).toEqual([{ type: 'response.cancel', response_id: 'r1' }])
    expect(scene.speaks('r1', 'a1', 500)).toEqual([])
  })

  test('results that were to be told when the caller cut in are told after their answer, if it had not seen them', () => {
    const scene = quiet()
    scene.created('r1')
    scene.calls('r1', 'c1')
    scene.responseDone('r1')
    scene.tell({ on: 'tool-answered', toolCallId: 'c1', output: '{}', endsCall: false })
    scene.callerStarts('u1')
    scene.created('ours')
    scene.responseDone('ours', 'cancelled')
    scene.callerStops('u1')
    scene.created('theirs')
    expect(types(toldOf(scene.responseDone('theirs')))).toEqual(['response.create'])
  })

  test('a caller who goes on before their last turn was committed keeps the floor', () => {
    const scene = quiet({ callMs: 60_000, callWarningMs: 59_999, answerMs: 100 })
    scene.callerStarts('u1')
    scene.model({ type: 'input_audio_buffer.speech_stopped', item_id: 'u1' })
    scene.callerStarts('u2')
    scene.model({ type: 'input_audio_buffer.committed', item_id: 'u1' })
    expect(toldOf(scene.wait(1_000))).toEqual([])
  })

  test('a response that begins without the end of the one before ends it', () => {
    const scene = quiet()
    scene.created('r1')
    scene.hears(scene.speaks('r1', 'a1', 500, 'hello'))
    scene.created('r2')
    expect(scene.lines).toEqual(['agent: hello'])
  })

  test('words that never had a sound are unheard, and the model does not keep them as said', () => {
    const scene = quiet()
    scene.created('r1')
    const part = { response_id: 'r1', item_id: 'a1', content_index: 0 }
    scene.model({ type: 'response.output_audio_transcript.done', ...part, transcript: 'only thought' })
    expect(toldOf(scene.itemDone('r1', 'a1'))).toEqual([{ type: 'conversation.item.delete', item_id: 'a1' }])
    expect(scene.lines).toEqual(['agent:  [only thought]'])
    // The model's chain closes over what was deleted.
    scene.responseDone('r1', 'cancelled')
    scene.callerStops('u1', null)
    scene.transcribed('u1', 'Hello?')
    scene.hears(scene.says('r2', 'a2', 500, 'Good morning.'))
    expect(scene.lines).toEqual(['agent:  [only thought]', 'caller: Hello?', 'agent: Good morning.'])
  })

  test('sound for an item that is written already is not played', () => {
    const scene = quiet()
    scene.created('r1')
    scene.hears(scene.speaks('r1', 'a1', 500, 'hello'))
    scene.itemDone('r1', 'a1')
    expect(scene.speaks('r1', 'a1', 500)).toEqual([])
  })

  test('harmless errors change nothing', () => {
    const scene = quiet()
    for (const code of ['response_cancel_not_active', 'input_audio_buffer_commit_empty', 'item_not_found']) {
      expect(scene.model({ type: 'error', error: { type: 'invalid_request_error', code } })).toMatchObject([
        { do: 'note', level: 'info', code },
      ])
    }
  })

  test('speech that is never committed does not silence the agent for ever', () => {
    const scene = quiet({ callMs: 60_000, callWarningMs: 59_000 })
    scene.callerStarts('u1')
    scene.model({ type: 'input_audio_buffer.speech_stopped', item_id: 'u1' })
    expect(toldOf(scene.wait(callLimits.commitMs))).toMatchObject([{ type: 'response.create' }])
  })

  test('music that never pauses is committed as a turn, and answered', () => {
    const scene = quiet({ callerTurnMs: 30_000 })
    scene.callerStarts('u1')
    expect(toldOf(scene.wait(30_000))).toEqual([{ type: 'input_audio_buffer.commit' }])
    scene.model({ type: 'input_audio_buffer.committed', item_id: 'u1' })
    expect(toldOf(scene.wait(callLimits.answerMs))).toMatchObject([{ type: 'response.create' }])
  })
})

describe('a model that goes quiet', () => {
  test('does not answer, not even when it is asked: another session is, at once', () => {
    const scene = quiet()
    scene.callerStarts('u1')
    scene.callerStops('u1')
    scene.transcribed('u1', 'Are you open?')
    expect(types(toldOf(scene.wait(callLimits.answerMs)))).toEqual(['response.create'])
    scene.wait(callLimits.answerMs)
    expect(scene.factsOf('model.lost')).toMatchObject([{ reason: 'no answer' }])
    expect(types(toldOf(scene.renew()))).toContain('response.create')
    expect(scene.factsOf('model.failed')).toEqual([])
  })

  test('begins a response without a sound: the same is asked of another session; when that is silent, too, the model counts as failed', () => {
    const scene = new Scene().live()
    scene.created('r1')
    scene.wait(callLimits.firstSoundMs)
    expect(toldOf(scene.renew()).at(-1)).toMatchObject({
      type: 'response.create',
      response: { instructions: expect.stringContaining('Greet the caller.') },
    })
    scene.created('r2')
    scene.wait(callLimits.firstSoundMs)
    expect(scene.factsOf('model.failed')).toEqual([{ kind: 'model.failed', reason: 'no sound' }])
    expect(scene.factsOf('model.rebuilt')).toHaveLength(1)
  })

  test('in another session, too: one that speaks makes up for it, and one that is only cut off does not', () => {
    const scene = new Scene().live()
    scene.created('r1')
    scene.wait(callLimits.firstSoundMs)
    scene.renew()
    scene.created('r2')
    const spared = new Scene()
    spared.nowMs = scene.nowMs
    spared.state = scene.state
    scene.responseDone('r2', 'cancelled')
    scene.created('r3')
    scene.wait(callLimits.firstSoundMs)
    expect(scene.factsOf('model.failed')).toHaveLength(1)
    spared.hears(spared.speaks('r2', 'a2', 200, 'Hello.'))
    spared.itemDone('r2', 'a2')
    spared.responseDone('r2')
    spared.created('r3')
    spared.wait(callLimits.firstSoundMs)
    expect(spared.factsOf('model.failed')).toEqual([])
    expect(spared.factsOf('model.lost')).toHaveLength(1)
  })

  test('stops in the middle of speaking: another session goes on from there', () => {
    const scene = new Scene().live()
    scene.created('r1')
    scene.hears(scene.speaks('r1', 'a1', 1_000, 'We are open'))
    scene.wait(callLimits.stalledMs)
    expect(scene.factsOf('model.lost')).toMatchObject([{ reason: 'speech stalled' }])
    expect(toldOf(scene.renew()).at(-1)).toMatchObject({
      type: 'response.create',
      response: { instructions: expect.stringContaining('Go on from there') },
    })
  })

  test('fails twice in a row: it is asked again, then another session is, once', () => {
    const scene = new Scene().live()
    for (const id of ['r1', 'r2']) {
      scene.created(id)
      scene.responseDone(id, 'failed', 'server_error')
    }
    expect(types(toldOf(scene.renew())).filter((type) => type === 'response.create')).toHaveLength(1)
    expect(scene.factsOf('model.failed')).toEqual([])
    scene.created('r3')
    scene.responseDone('r3', 'failed', 'server_error')
    expect(scene.factsOf('model.failed')).toEqual([{ kind: 'model.failed', reason: 'server_error' }])
  })

  test('a tool call being written is a sign of life', () => {
    const scene = new Scene({ greeting: null, limits: { idleMs: 1e9 } }).live()
    scene.created('r1')
    for (let n = 0; n < 10; n++) {
      scene.wait(callLimits.stalledMs - 1)
      scene.model({ type: 'response.function_call_arguments.delta', response_id: 'r1', item_id: 'f1' })
    }
    expect(scene.news().filter(({ do: what }) => what === 'tell-model')).toEqual([])
  })

  test('a cut response that never ends lets go of the floor', () => {
    const scene = quiet({ answerMs: 1_000 })
    scene.created('r1')
    scene.speaks('r1', 'a1', 500)
    scene.callerStarts('u1')
    scene.callerStops('u1')
    expect(types(toldOf(scene.wait(callLimits.stalledMs + 1_000)))).toEqual(['response.create'])
  })

  test.each(['insufficient_quota', 'model_not_found'])('fails for good with %s', (code) => {
    const scene = new Scene().live()
    scene.created('r1')
    scene.responseDone('r1', 'failed', code)
    expect(scene.factsOf('model.failed')).toEqual([{ kind: 'model.failed', reason: code }])
    expect(scene.done).toContainEqual({ do: 'hang-up' })
  })

  test('fails once for another reason: it is asked again', () => {
    const scene = new Scene().live()
    scene.created('r1')
    expect(toldOf(scene.responseDone('r1', 'failed', 'server_error'))).toMatchObject([
      { type: 'response.create', response: { instructions: expect.stringContaining('Greet') } },
    ])
    scene.says('r2', 'a1', 100, 'hello')
    expect(scene.state.failures).toBe(0)
  })

  test('that cannot be had again: what was heard is written, and the stream closed for the fallback', () => {
    const scene = quiet()
    scene.hears(scene.says('r1', 'a1', 500, 'hello'))
    scene.callerStarts('u1')
    scene.tell({ on: 'model-gone', code: 1006 })
    scene.wait(callLimits.configureMs)
    expect(scene.facts.slice(-3)).toEqual([
      { kind: 'model.failed', reason: 'no session' },
      { kind: 'stream.ended', streamSid, reason: 'failed' },
      { kind: 'transcript.settled', streamSid },
    ])
    expect(toldOf(scene.news())).toEqual([])
  })

  test('marks are overdue only after all that was sent would have sounded', () => {
    const scene = quiet()
    scene.created('r1')
    const marks = [...scene.speaks('r1', 'a1', 6_000), ...scene.speaks('r1', 'a1', 6_000)]
    scene.itemDone('r1', 'a1')
    scene.responseDone('r1')
    scene.wait(12_000)
    scene.hears(marks)
    expect(scene.factsOf('warning')).toEqual([])
  })

  test('marks that never come back: the agent is taken to have been heard, and the clinic is told', () => {
    const scene = quiet()
    scene.says('r1', 'a1', 2_000, 'hello there')
    scene.wait(2_000 + callLimits.markSlackMs)
    expect(scene.lines).toEqual(['agent: hello there'])
    expect(scene.factsOf('warning')).toMatchObject([{ about: 'marks' }])
    expect(toldOf(scene.callerStarts('u1'))).toEqual([])
  })
})
