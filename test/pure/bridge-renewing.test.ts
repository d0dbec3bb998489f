// A model that is lost in the middle of a call: the call goes on with another, which knows all that was said and done, says
// what was owed, and greets nobody twice.
import { describe, expect, test } from 'bun:test'
import { callLimits } from '../../src/bridge/limits.ts'
import type { Recollection } from '../../src/bridge/plan.ts'
import { consultSpec, Scene, script, toldOf } from './bridge-scene.ts'

const agentSaid = (text: string, id?: string) => ({
  type: 'message' as const,
  role: 'assistant' as const,
  content: [{ type: 'output_text' as const, text }],
  ...(id === undefined ? {} : { id }),
})
const answered = (call_id: string): Recollection['history'] => [
  { type: 'function_call', call_id, name: 'take_message', arguments: '{}' },
  { type: 'function_call_output', call_id, output: '{"taken":true}' },
]

/** A call after its greeting, which was heard. */
function greeted(): Scene {
  const scene = new Scene().live()
  scene.hears(scene.says('r1', 'a1', 500, 'Hello there.'))
  scene.news()
  return scene
}

const asks = (scene: Scene) => scene.told.filter(({ type }) => type === 'response.create').slice(1)
const itemsOf = (commands: ReturnType<Scene['news']>) =>
  toldOf(commands).flatMap((event) => (event.type === 'conversation.item.create' ? [event.item] : []))
const dos = (commands: ReturnType<Scene['news']>) => commands.map((command) => command.do)

describe('a socket that breaks', () => {
  test('is closed, the caller is held, another is opened at once, and the ledger is asked meanwhile', () => {
    const scene = greeted()
    scene.breaks()
    scene.wait(0)
    expect(dos(scene.news())).toEqual(['drop-model', 'record', 'open-model', 'recall'])
    expect(scene.factsOf('model.lost')).toEqual([
      { kind: 'model.lost', generation: 0, session: 0, reason: 'socket closed with 1006' },
    ])
  })

  test('the next session is configured as the first, told the history in order, then hears the caller, and is not asked to greet', () => {
    const scene = greeted()
    scene.breaks()
    const history = [agentSaid('Hello there.', 'a1'), ...answered('c1')]
    const news = scene.renew(history)
    const [configure, ...items] = toldOf(news)
    expect(configure).toMatchObject({ type: 'session.update', session: { audio: { output: { voice: 'marin' } } } })
    expect(items.slice(0, 3)).toEqual(history.map((item) => ({ type: 'conversation.item.create', item })))
    expect(items[3]).toMatchObject({ item: { role: 'system' } })
    expect(items).toHaveLength(4)
    expect(dos(news).at(-2)).toBe('open-ear')
    expect(asks(scene)).toEqual([])
    expect(scene.factsOf('model.rebuilt')).toEqual([
      { kind: 'model.rebuilt', generation: 0, session: 1, tries: 1, pauseMs: 0 },
    ])
  })

  test('waits for the ledger before it says anything, whichever comes first', () => {
    const scene = greeted()
    scene.breaks()
    scene.wait(0)
    scene.model({ type: 'session.created', session: {} })
    expect(toldOf(scene.news())).toEqual([])
    scene.recalls()
    expect(toldOf(scene.news())).toMatchObject([{ type: 'session.update' }])
  })

  test('the agent that goes on is who the ledger says it is by now', () => {
    const scene = greeted()
    scene.breaks()
    scene.wait(0)
    const { session } = scene.state.renewal
    const agent = { ...script(), instructions: 'You know the caller as Dana.' }
    scene.tell({ on: 'recalled', session, recollection: { agents: { single: agent, two_agent: agent }, history: [] } })
    scene.model({ type: 'session.created', session: {} })
    expect(scene.told.at(-1)).toMatchObject({ session: { instructions: 'You know the caller as Dana.' } })
  })

  test('an answer of the ledger to an earlier question changes nothing', () => {
    const scene = greeted()
    scene.breaks()
    scene.wait(0)
    scene.tell({ on: 'recalled', session: 7, recollection: null })
    expect(scene.state.session.is).toBe('opening')
  })

  test('in a silence, again and again: the caller is asked whether they are there no later than if it had not', () => {
    const scene = greeted()
    const halfMs = callLimits.idleMs / 2
    for (const [ms, tries] of [
      [halfMs, 0],
      [halfMs - 1_000, 1],
    ] as const) {
      scene.wait(ms)
      scene.breaks()
      scene.wait(tries === 0 ? 0 : callLimits.reopenMs)
      scene.renew([agentSaid('Hello there.', 'a1')])
      expect(asks(scene)).toEqual([])
    }
    scene.wait(1_000)
    expect(asks(scene)).toMatchObject([{ response: { instructions: expect.stringMatching(/still|there/) } }])
  })

  test('before the greeting has sounded: it is asked for, once', () => {
    const scene = new Scene().live()
    scene.created('r1')
    scene.breaks()
    scene.renew()
    expect(asks(scene)).toMatchObject([{ response: { instructions: expect.stringContaining('Greet the caller.') } }])
  })

  test('in the middle of what the agent says: what was sent sounds on, and the next session goes on from there', () => {
    const scene = greeted()
    scene.callerStarts('u1')
    scene.callerStops('u1', 'a1')
    scene.transcribed('u1', 'When are you free?')
    scene.created('r2')
    const marks = scene.speaks('r2', 'a2', 1_000, 'On Monday, or on Tuesday, or')
    scene.breaks()
    scene.wait(0)
    const [recall] = scene.news().flatMap((command) => (command.do === 'recall' ? [command] : []))
    expect(recall?.unsettled).toMatchObject([{ itemId: 'a2', text: 'On Monday, or', unheard: 'on Tuesday, or' }])
    scene.renew([agentSaid('On Monday, or', 'a2')])
    expect(dos(scene.done)).not.toContain('clear')
    expect(asks(scene)).toMatchObject([{ response: { instructions: expect.stringContaining('Go on from there') } }])
    scene.hears(marks)
    expect(scene.lines.at(-1)).toBe('agent: On Monday, or [on Tuesday, or]')
    expect(toldOf(scene.news()).some(({ type }) => type === 'conversation.item.delete')).toBe(false)
  })

  test('and again, after a sentence of which nothing was heard: what is said next comes after that in the transcript', () => {
    const scene = greeted()
    scene.breaks()
    scene.renew([agentSaid('Hello there.', 'a1')])
    scene.model({ type: 'conversation.item.added', item: { id: 'note', type: 'message' }, previous_item_id: 'a1' })
    scene.created('r2')
    scene.speaks('r2', 'a2', 500, 'Are you there?')
    scene.callerStarts('u1')
    scene.breaks()
    scene.wait(callLimits.reopenMs)
    scene.renew([agentSaid('Hello there.', 'a1')])
    scene.callerStarts('u2')
    scene.callerStops('u2', 'a1')
    scene.transcribed('u2', 'Yes, I am.')
    expect(scene.lines).toEqual(['agent: Hello there.', 'agent:  [Are you there?]', 'caller: Yes, I am.'])
  })

  test('and the caller cuts in on what sounds on: the words that the next session was told are mended', () => {
    const scene = greeted()
    scene.created('r2')
    const marks = [...scene.speaks('r2', 'a2', 1_000, 'On Monday'), ...scene.speaks('r2', 'a2', 1_000, ' or Tuesday')]
    scene.itemDone('r2', 'a2')
    scene.responseDone('r2')
    scene.breaks()
    scene.renew([agentSaid('On Monday or Tuesday', 'a2')])
    scene.news()
    scene.hears(marks.slice(0, 1))
    expect(dos(scene.callerStarts('u1'))).toContain('clear')
    expect(scene.lines.at(-1)).toBe('agent: On Monday [or Tuesday]')
    expect(toldOf(scene.news())).toEqual([
      { type: 'conversation.item.create', previous_item_id: 'a2', item: agentSaid('On Monday') },
      { type: 'conversation.item.delete', item_id: 'a2' },
    ])
  })

  test('while the model was about to answer: it is asked to', () => {
    const scene = greeted()
    scene.callerStarts('u1')
    scene.callerStops('u1', 'a1')
    scene.transcribed('u1', 'Are you open?')
    scene.breaks()
    scene.renew()
    expect(asks(scene)).toMatchObject([{ response: {} }])
  })

  test('the same while the response that they cut off has not ended yet', () => {
    const scene = greeted()
    scene.created('r2')
    scene.speaks('r2', 'a2', 1_000, 'On Monday')
    scene.callerStarts('u1')
    scene.callerStops('u1', 'a2')
    scene.transcribed('u1', 'No, wait.')
    scene.breaks()
    scene.renew()
    expect(asks(scene)).toMatchObject([{ response: {} }])
  })

  test('new turns come after everything that was said before', () => {
    const scene = greeted()
    scene.breaks()
    scene.renew()
    scene.callerStarts('u9')
    scene.callerStops('u9', null)
    scene.transcribed('u9', 'Hello?')
    expect(scene.lines).toEqual(['agent: Hello there.', 'caller: Hello?'])
  })
})

describe('what the caller says', () => {
  const again = (scene: Scene) => scene.done.flatMap((command) => (command.do === 'open-ear' ? [command.again] : []))

  test('while they speak, or before their words are known, is heard again from its beginning, and answered then', () => {
    for (const isCommitted of [false, true]) {
      const scene = greeted()
      scene.callerStarts('u1', 4_000)
      if (isCommitted) scene.callerStops('u1', 'a1')
      scene.breaks()
      scene.renew()
      expect(again(scene).at(-1)).toEqual({ fromMs: 4_000, mostMs: callLimits.heardAgainMs })
      expect(asks(scene)).toEqual([])
      scene.callerStarts('u2')
      scene.callerStops('u2', null)
      scene.transcribed('u2', 'A check-up, please.')
      expect(scene.lines).toEqual(['agent: Hello there.', 'caller: A check-up, please.'])
    }
  })

  test('and was understood is not heard again; only the last moment is, in which nobody may have noticed them', () => {
    const scene = greeted()
    scene.callerStarts('u1', 4_000)
    scene.model({ type: 'input_audio_buffer.speech_stopped', item_id: 'u1', audio_end_ms: 6_000 })
    scene.model({ type: 'input_audio_buffer.committed', item_id: 'u1' })
    scene.transcribed('u1', 'Hello.')
    scene.breaks()
    scene.renew()
    expect(again(scene).at(-1)).toEqual({ fromMs: 6_000, mostMs: callLimits.undetectedMs })
  })

  test('on the keypad meanwhile is told when there is somebody to tell', () => {
    const scene = greeted()
    scene.breaks()
    scene.tell({ on: 'key', key: '4' })
    scene.tell({ on: 'key', key: '#' })
    scene.wait(0)
    expect(scene.factsOf('utterance').map(({ text }) => text)).toEqual(['Hello there.'])
    scene.renew()
    scene.wait(0)
    expect(JSON.stringify(itemsOf(scene.news()))).toContain('Pressed on the keypad: 4')
  })

  test('before the stream ends without another session is written as far as it was known', () => {
    const scene = greeted()
    scene.callerStarts('u1')
    scene.callerStops('u1', 'a1')
    const type = 'conversation.item.input_audio_transcription.delta'
    scene.model({ type, item_id: 'u1', delta: 'A check' })
    scene.breaks()
    scene.tell({ on: 'left', how: 'stopped' })
    expect(scene.lines).toEqual(['agent: Hello there.', 'caller: A check'])
    expect(scene.state.phase.is).toBe('closed')
  })
})

describe('a tool that runs when the model is lost', () => {
  const running = () => {
    const scene = greeted()
    scene.created('r2')
    scene.calls('r2', 'c1')
    scene.breaks()
    return scene
  }
  const pair = [
    { type: 'function_call', call_id: 'c1', name: 'take_message', arguments: '{}' },
    { type: 'function_call_output', call_id: 'c1', output: '{"taken":true}' },
  ]
  const answer = { on: 'tool-answered' as const, toolCallId: 'c1', output: '{"taken":true}', endsCall: false }

  test('runs once, and its result reaches the next session with the call that it answers, whenever it comes', () => {
    for (const when of ['before', 'meanwhile', 'after']) {
      const scene = running()
      if (when === 'before') scene.tell(answer)
      scene.wait(0)
      if (when === 'meanwhile') scene.tell(answer)
      scene.renew()
      if (when === 'after') scene.tell(answer)
      const items = itemsOf(scene.news()).filter(({ type }) => type !== 'message')
      expect(items as unknown[]).toEqual(pair)
      expect(dos(scene.done).filter((what) => what === 'run-tool')).toHaveLength(1)
      expect(asks(scene)).toHaveLength(1)
    }
  })

  test('is not told twice when the ledger had it already', () => {
    for (const isLate of [false, true]) {
      const scene = running()
      if (!isLate) scene.tell(answer)
      scene.renew(answered('c1'))
      if (isLate) scene.tell(answer)
      expect(itemsOf(scene.news()).filter(({ type }) => type === 'function_call_output')).toHaveLength(1)
      expect(asks(scene)).toHaveLength(1)
    }
  })

  test('and its answer was sent, but no word of it said: the next session is asked to speak about it', () => {
    const scene = greeted()
    scene.created('r2')
    scene.calls('r2', 'c1')
    scene.responseDone('r2')
    scene.tell(answer)
    scene.news()
    scene.breaks()
    scene.renew(answered('c1'))
    expect(asks(scene)).toHaveLength(2)
  })
})

describe('a supervisor that thinks when the model is lost', () => {
  const thinking = () => {
    const scene = new Scene({ tools: [consultSpec], greeting: null }).live()
    scene.callerStarts('u1')
    scene.callerStops('u1')
    scene.transcribed('u1', 'Is she in on Friday?')
    scene.created('r1')
    scene.calls('r1', 'c1', 'consult_supervisor')
    scene.responseDone('r1')
    scene.wait(callLimits.fillerMs)
    scene.created('r2')
    scene.breaks()
    return scene
  }

  test('the caller is asked for a moment all the same', () => {
    const scene = thinking()
    scene.news()
    scene.renew()
    expect(toldOf(scene.news()).at(-1)).toMatchObject({
      response: { instructions: expect.stringContaining('One moment') },
    })
  })

  test('but not when the answer is there by then', () => {
    const scene = thinking()
    scene.tell({ on: 'tool-answered', toolCallId: 'c1', output: '{}', endsCall: false })
    scene.news()
    scene.renew()
    expect(toldOf(scene.news()).at(-1)).toEqual({ type: 'response.create', event_id: expect.anything(), response: {} })
  })
})

describe('a model that does not come back', () => {
  test('but takes each socket and loses it, is given up; a whole response makes up for it', () => {
    const scene = greeted()
    for (let n = 0; n < callLimits.reopenTries; n++) {
      scene.breaks()
      scene.wait(callLimits.reopenMs * 2 ** n)
      scene.recalls()
      scene.model({ type: 'session.created', session: {} })
      const audio = { input: { format: { type: 'audio/pcmu' } }, output: { format: { type: 'audio/pcmu' } } }
      scene.model({ type: 'session.updated', session: { type: 'realtime', audio } })
    }
    const other = { ...scene.state }
    scene.breaks()
    expect(scene.factsOf('model.failed')).toHaveLength(1)
    const spared = greeted()
    spared.state = other
    spared.hears(spared.says('r5', 'a5', 100, 'Yes?'))
    spared.breaks()
    expect(spared.factsOf('model.failed')).toEqual([])
  })

  test('or with a ledger that does not answer: without what was said and done no session goes on', () => {
    const scene = greeted()
    scene.breaks()
    for (let n = 0; n < callLimits.reopenTries; n++) {
      scene.wait(n === 0 ? 0 : callLimits.reopenMs * 2 ** (n - 1))
      scene.tell({ on: 'recalled', session: scene.state.renewal.session, recollection: null })
    }
    expect(scene.factsOf('model.failed')).toEqual([{ kind: 'model.failed', reason: 'the ledger did not answer' }])
    expect(toldOf(scene.news())).toEqual([])
  })

  test('while the agent says goodbye: what sounds is heard out, and the call ends as it was meant to', () => {
    const scene = greeted()
    scene.created('r2')
    const marks = scene.speaks('r2', 'a2', 1_000, 'Goodbye.')
    scene.calls('r2', 'c1')
    scene.itemDone('r2', 'a2')
    scene.tell({ on: 'tool-answered', toolCallId: 'c1', output: '{}', endsCall: true })
    scene.breaks()
    expect(dos(scene.news())).not.toContain('hang-up')
    scene.hears(marks)
    expect(scene.factsOf('call.ending')).toMatchObject([{ reason: 'agent' }])
    expect(scene.factsOf('model.failed')).toEqual([])
  })
})
