// How a live call is set up: one session.update, nothing before it is taken, and what happens when it is not.
import { describe, expect, test } from 'bun:test'
import { callLimits } from '../../src/bridge/limits.ts'
import type { ConversationItem } from '../../src/wire/realtime.ts'
import { Scene, script, streamSid, toldOf } from './bridge-scene.ts'

const phone = { format: { type: 'audio/pcmu' } }
const configured = {
  type: 'session.updated' as const,
  session: { type: 'realtime', audio: { input: phone, output: phone } },
}
const created = { type: 'session.created' as const, session: {} }

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

  describe('when the first socket of a stream is refused', () => {
    const told: ConversationItem = {
      type: 'message',
      role: 'user',
      content: [{ type: 'input_text', text: 'Move it.' }],
    }
    const refused = (generation: number) => {
      const scene = new Scene({ generation })
      scene.tell({ on: 'joined', streamSid })
      scene.breaks()
      scene.news()
      scene.wait(callLimits.reopenMs)
      return scene
    }

    test('a call that goes on is told what has been written down meanwhile of the stream before, at each try', () => {
      const scene = refused(1)
      expect(scene.news().map((command) => command.do)).toEqual(['open-model', 'recall'])
      scene.recalls()
      scene.breaks()
      const { reopenMs } = callLimits
      scene.wait(2 * reopenMs)
      scene.model(created)
      expect(scene.state.session.is).toBe('opening')
      scene.recalls([told])
      scene.model(configured)
      expect(scene.told).toContainEqual({ type: 'conversation.item.create', item: told })
      expect(scene.told.filter(({ type }) => type === 'response.create')).toHaveLength(1)
    })

    test('a call that begins asks the ledger nothing: it cannot fail for it', () => {
      expect(
        refused(0)
          .news()
          .map((command) => command.do),
      ).toEqual(['open-model'])
    })
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
