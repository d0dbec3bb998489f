// The live call's machine: setting up, taking turns, tools, endings, and what happens when something does not happen.
import { describe, expect, test } from 'bun:test'
import { callLimits } from '../../src/bridge/limits.ts'
import { Scene, script, streamSid, toldOf } from './bridge-scene.ts'

const phone = { format: { type: 'audio/pcmu' } }
const configured = {
  type: 'session.updated' as const,
  session: { type: 'realtime', audio: { input: phone, output: phone } },
}
const created = { type: 'session.created' as const, session: {} }
const quiet = (limits = {}) => new Scene({ greeting: null, limits }).live()
const types = (events: { type: string }[]) => events.map(({ type }) => type)

describe('setting up', () => {
  test('nothing is said to the model before session.created, then one full session.update', () => {
    const scene = new Scene()
    expect(scene.tell({ on: 'joined', streamSid }).filter(({ do: what }) => what !== 'record')).toEqual([])
    expect(toldOf(scene.model(created))).toEqual([
      {
        type: 'session.update',
        event_id: 'configure',
        session: {
          type: 'realtime',
          instructions: script().instructions,
          output_modalities: ['audio'],
          tracing: null,
          audio: {
            input: {
              format: { type: 'audio/pcmu' },
              transcription: { model: 'gpt-transcribe', language: 'en' },
              turn_detection: {
                type: 'server_vad',
                threshold: 0.5,
                prefix_padding_ms: 300,
                silence_duration_ms: 500,
                create_response: true,
                interrupt_response: true,
              },
            },
            output: { format: { type: 'audio/pcmu' }, voice: 'marin' },
          },
          tools: [{ type: 'function', ...script().tools[0] }],
          tool_choice: 'auto',
        },
      },
    ])
  })

  test('the caller is heard, then greeted, once both model and caller are there, in either order', () => {
    const joinedLast = new Scene().live().done
    const scene = new Scene()
    scene.tell({ on: 'joined', streamSid })
    scene.model(created)
    scene.model(configured)
    for (const done of [joinedLast, scene.done]) {
      expect(done.map((command) => (command.do === 'tell-model' ? command.event.type : command.do)).slice(-2)).toEqual([
        'open-ear',
        'response.create',
      ])
    }
    expect(scene.told.at(-1)).toMatchObject({
      response: { instructions: `${script().instructions}\n\nGreet the caller.` },
    })
  })

  test('what was said before is told to the model before anything else, and is no utterance of this stream', () => {
    const scene = new Scene({
      greeting: null,
      history: [
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'It is Ana.' }] },
        { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Hello Ana.' }] },
      ],
    }).live()
    expect(
      scene.done.slice(-3).map((command) => (command.do === 'tell-model' ? command.event.type : command.do)),
    ).toEqual(['conversation.item.create', 'conversation.item.create', 'open-ear'])
    scene.model({
      type: 'conversation.item.added',
      item: { id: 'history_1', type: 'message', role: 'assistant' },
      previous_item_id: 'history_0',
    })
    scene.tell({ on: 'left', how: 'stopped' })
    expect(scene.factsOf('utterance')).toEqual([])
  })

  test.each([
    ['another codec', { type: 'realtime', audio: { input: phone, output: { format: { type: 'audio/pcm' } } } }],
    ['no word of audio', { type: 'realtime' }],
    ['another kind of session', { ...configured.session, type: 'transcription' }],
  ])('a session.updated with %s is a failed set-up', (_, session) => {
    const scene = new Scene()
    scene.tell({ on: 'joined', streamSid })
    scene.model(created)
    scene.model({ type: 'session.updated', session })
    expect(scene.factsOf('model.failed')).toEqual([{ kind: 'model.failed', reason: 'session not as asked' }])
    expect(scene.done).not.toContainEqual({ do: 'open-ear' })
  })

  test('no session.updated in time is a failed set-up: the reason is recorded before the stream is closed', () => {
    const scene = new Scene()
    scene.tell({ on: 'joined', streamSid })
    scene.model(created)
    scene.wait(callLimits.configureMs)
    expect(scene.facts).toEqual([
      { kind: 'stream.started', streamSid, generation: 0 },
      { kind: 'model.failed', reason: 'no session' },
      { kind: 'stream.ended', streamSid, reason: 'failed' },
      { kind: 'transcript.settled', streamSid },
    ])
    expect(scene.done.slice(-3).map(({ do: what }) => what)).toEqual(['hang-up', 'record', 'finish'])
  })

  test('a refused session.update is a failed set-up at once', () => {
    const scene = new Scene()
    scene.tell({ on: 'joined', streamSid })
    scene.model(created)
    const error = { type: 'invalid_request_error', code: 'unknown_parameter', event_id: 'configure' }
    scene.model({ type: 'error', error })
    expect(scene.factsOf('model.failed')).toHaveLength(1)
  })

  test('a warm model that nobody claims is closed, and leaves no trace', () => {
    const scene = new Scene()
    scene.model(created)
    scene.model(configured)
    scene.wait(callLimits.unclaimedMs)
    expect(scene.done.at(-1)).toEqual({ do: 'finish' })
    expect(scene.facts).toEqual([])
  })

  test('a warm model that fails before the caller is there leaves no trace', () => {
    const scene = new Scene()
    scene.tell({ on: 'model-gone', code: 1006 })
    expect(scene.done).toEqual([{ do: 'finish' }])
  })
})

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
  test('does not answer: it is asked, and asked again, and then counts as failed', () => {
    const scene = quiet()
    scene.callerStarts('u1')
    scene.callerStops('u1')
    expect(types(toldOf(scene.wait(callLimits.answerMs)))).toEqual(['response.create'])
    expect(types(toldOf(scene.wait(callLimits.answerMs)))).toEqual(['response.create'])
    scene.wait(callLimits.answerMs)
    expect(scene.factsOf('model.failed')).toEqual([{ kind: 'model.failed', reason: 'no answer' }])
  })

  test('begins a response without a sound: it is cancelled and asked for again, then the model counts as failed', () => {
    const scene = new Scene().live()
    scene.created('r1')
    expect(toldOf(scene.wait(callLimits.firstSoundMs))).toEqual([{ type: 'response.cancel', response_id: 'r1' }])
    expect(types(toldOf(scene.responseDone('r1', 'cancelled')))).toEqual(['response.create'])
    scene.created('r2')
    scene.wait(callLimits.firstSoundMs)
    expect(scene.factsOf('model.failed')).toEqual([{ kind: 'model.failed', reason: 'no sound' }])
  })

  test('stops in the middle of speaking', () => {
    const scene = new Scene().live()
    scene.created('r1')
    scene.hears(scene.speaks('r1', 'a1', 200))
    expect(toldOf(scene.wait(callLimits.stalledMs))).toEqual([{ type: 'response.cancel', response_id: 'r1' }])
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

  test('whose socket breaks: what was heard is written, and the stream closed for the fallback', () => {
    const scene = quiet()
    scene.hears(scene.says('r1', 'a1', 500, 'hello'))
    scene.callerStarts('u1')
    scene.tell({ on: 'model-gone', code: 1006 })
    expect(scene.facts.slice(-3)).toEqual([
      { kind: 'model.failed', reason: 'socket closed with 1006' },
      { kind: 'stream.ended', streamSid, reason: 'failed' },
      { kind: 'transcript.settled', streamSid },
    ])
    expect(toldOf(scene.news())).toEqual([])
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

  test('a message taken as the caller hangs up is still taken', () => {
    const scene = quiet()
    scene.created('r1')
    scene.tell({ on: 'left', how: 'stopped' })
    expect(scene.calls('r1', 'c1')).toMatchObject([{ do: 'run-tool' }])
  })
})

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
    scene.tell({ on: 'key' })
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

  test('what was not heard of the agent is marked so', () => {
    const scene = quiet()
    scene.created('r1')
    const [first = ''] = scene.speaks('r1', 'a1', 1_000, 'one two three four')
    scene.speaks('r1', 'a1', 1_000)
    scene.itemDone('r1', 'a1')
    scene.responseDone('r1')
    scene.hears([first])
    scene.tell({ on: 'left', how: 'stopped' })
    expect(scene.lines).toEqual(['agent: one two [three four]'])
  })

  test('a running response is cancelled, and what it used is still recorded', () => {
    const scene = quiet()
    scene.created('r1')
    expect(toldOf(scene.tell({ on: 'left', how: 'stopped' }))).toEqual([{ type: 'response.cancel', response_id: 'r1' }])
    scene.model({ type: 'response.done', response: { id: 'r1', status: 'cancelled', usage: { total_tokens: 5 } } })
    expect(scene.factsOf('usage')).toMatchObject([{ source: 'realtime', usage: { total_tokens: 5 } }])
    scene.wait(callLimits.lingerMs)
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
