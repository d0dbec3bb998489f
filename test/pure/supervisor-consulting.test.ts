// A question to the supervisor on its way, in the live call's machine: when it is asked, how the wait is filled, what makes
// it out of date, and that each call gets exactly one output whatever happens.
import { describe, expect, test } from 'bun:test'
import { isBackchannel } from '../../src/bridge/backchannel.ts'
import { callLimits } from '../../src/bridge/limits.ts'
import type { Command } from '../../src/bridge/state.ts'
import { consultSpec, Scene, toldOf } from './bridge-scene.ts'

const { fillerMs, fillerAgainMs, fillers, consultMs, lastTurnMs } = callLimits
const args = '{"request":"Book me in."}'

/** A live call whose agent has just asked the supervisor. */
function consulting(limits = {}): Scene {
  const scene = new Scene({ greeting: null, limits, mode: 'two_agent', tools: [consultSpec] }).live()
  scene.created('r1')
  scene.calls('r1', 'c1', 'consult_supervisor', args)
  scene.responseDone('r1')
  return scene
}

const answer = (scene: Scene, toolCallId: string, output = '{"answer":"Yes."}', endsCall = false): Command[] =>
  scene.tell({ on: 'tool-answered', toolCallId, output, endsCall })

const asked = (scene: Scene) => scene.done.flatMap((command) => (command.do === 'consult' ? [command] : []))
const stopped = (scene: Scene) =>
  scene.done.flatMap((command) => (command.do === 'stop-consult' ? [command.toolCallId] : []))
const outputsOf = (scene: Scene, toolCallId: string) =>
  scene.told.filter(
    (event) =>
      event.type === 'conversation.item.create' &&
      event.item.type === 'function_call_output' &&
      event.item.call_id === toolCallId,
  )
/** What the agent was asked to speak about, in order. */
const asksOf = (commands: readonly Command[]) =>
  toldOf(commands).flatMap((event) => (event.type === 'response.create' ? [event.response ?? {}] : []))

/** The caller takes a whole turn, the model answers it with a word, and its words become known. */
function callerSays(scene: Scene, itemId: string, text: string): void {
  scene.callerStarts(itemId)
  scene.callerStops(itemId)
  scene.hears(scene.says(`r_${itemId}`, `a_${itemId}`, 300, 'Yes?'))
  scene.transcribed(itemId, text)
}

describe('the supervisor is asked', () => {
  test('at once when every word of the caller is known', () => {
    const scene = consulting()
    expect(asked(scene)).toEqual([
      {
        do: 'consult',
        call: { toolCallId: 'c1', name: 'consult_supervisor', argumentsJson: args },
        unsettled: [],
      },
    ])
  })

  test('only when the last words are known, and with them', () => {
    const scene = new Scene({ greeting: null, tools: [consultSpec] }).live()
    scene.callerStarts('u1')
    scene.callerStops('u1')
    scene.created('r1')
    scene.calls('r1', 'c1', 'consult_supervisor', args)
    expect(asked(scene)).toEqual([])
    scene.transcribed('u1', 'Dana Reyes, at nine.')
    expect(asked(scene)).toHaveLength(1)
    expect(scene.factsOf('utterance')).toMatchObject([{ itemId: 'u1', text: 'Dana Reyes, at nine.' }])
  })

  test('after a second at the latest, with as much of the last words as has come, and of what the agent is saying', () => {
    const scene = new Scene({ greeting: null, tools: [consultSpec] }).live()
    scene.callerStarts('u1')
    scene.callerStops('u1')
    scene.model({ type: 'conversation.item.input_audio_transcription.delta', item_id: 'u1', delta: 'Dana' })
    scene.created('r1')
    scene.speaks('r1', 'a1', 1_000, 'One moment.')
    scene.calls('r1', 'c1', 'consult_supervisor', args)
    scene.wait(lastTurnMs - 1)
    expect(asked(scene)).toEqual([])
    scene.wait(1)
    expect(asked(scene)).toMatchObject([
      {
        unsettled: [
          { itemId: 'u1', speaker: 'caller', text: 'Dana' },
          { itemId: 'a1', speaker: 'agent', text: '', unheard: 'One moment.' },
        ],
      },
    ])
    expect(scene.factsOf('utterance')).toEqual([])
  })

  test('never by a tool of another name, or of an agent that has no supervisor', () => {
    const scene = new Scene({ greeting: null }).live()
    scene.created('r1')
    scene.calls('r1', 'c1', 'consult_supervisor', args)
    expect(asked(scene)).toEqual([])
    expect(scene.done).toContainEqual(expect.objectContaining({ do: 'run-tool' }))
  })
})

describe('while the supervisor thinks', () => {
  test('a silence is filled by a fixed sentence without tools, after its time and not before', () => {
    const scene = consulting()
    expect(asksOf(scene.wait(fillerMs - 1))).toEqual([])
    const [filler] = asksOf(scene.wait(1))
    expect(filler?.tool_choice).toBe('none')
    expect(filler?.instructions).toContain('Say exactly this')
    expect(filler?.instructions).toContain('One moment, please, let me check that for you.')
  })

  test('what the agent says by itself is filler enough: the silence counts from its end', () => {
    const scene = new Scene({ greeting: null, tools: [consultSpec] }).live()
    scene.created('r1')
    const marks = scene.speaks('r1', 'a1', 1_500, 'Let me see.')
    scene.itemDone('r1', 'a1')
    scene.calls('r1', 'c1', 'consult_supervisor', args)
    scene.responseDone('r1')
    expect(asksOf(scene.wait(1_500))).toEqual([])
    scene.hears(marks)
    expect(asksOf(scene.wait(fillerMs - 1))).toEqual([])
    expect(asksOf(scene.wait(1))).toHaveLength(1)
  })

  test('a longer wait is filled again, with other words, so many times and no more', () => {
    const scene = consulting({ consultMs: 120_000 })
    scene.wait(fillerMs)
    scene.hears(scene.says('f0', 'a0', 1_000, 'One moment.'))
    for (let n = 1; n < fillers; n++) {
      expect(asksOf(scene.wait(fillerAgainMs - 1))).toEqual([])
      const [again] = asksOf(scene.wait(1))
      expect(again?.instructions).toContain('I am still checking')
      scene.hears(scene.says(`f${n}`, `a${n}`, 1_000, 'Still checking.'))
    }
    expect(asksOf(scene.wait(60_000))).toEqual([])
  })

  test('nobody is asked whether they are still there', () => {
    const scene = consulting({ consultMs: 120_000, fillers: 0 })
    expect(asksOf(scene.wait(100_000))).toEqual([])
  })

  test('a filler never talks over the caller, and is no longer wanted when the answer has come', () => {
    const scene = consulting()
    scene.callerStarts('u1')
    expect(asksOf(scene.wait(fillerMs * 3))).toEqual([])
    scene.callerStops('u1')
    answer(scene, 'c1')
    const sentences = asksOf(scene.wait(callLimits.answerMs * 3)).map(({ instructions = '' }) => instructions)
    expect(sentences.filter((words) => words.includes('Say exactly'))).toEqual([])
  })

  test('while the caller speaks no silence is measured: the first filler is still to come', () => {
    const scene = consulting()
    scene.callerStarts('u1')
    scene.wait(fillerMs * 3)
    scene.callerStops('u1')
    scene.hears(scene.says('r2', 'a2', 300, 'Yes?'))
    scene.transcribed('u1', 'Okay.')
    expect(asksOf(scene.wait(fillerMs - 1))).toEqual([])
    expect(asksOf(scene.wait(1))[0]?.instructions).toContain('One moment, please')
  })

  test('a filler that failed is not asked for again at once', () => {
    const scene = consulting()
    scene.wait(fillerMs)
    scene.created('f1')
    expect(asksOf(scene.responseDone('f1', 'failed', 'server_error'))).toEqual([])
    expect(asksOf(answer(scene, 'c1'))).toEqual([{}])
  })

  test('a filler that was asked for waits its turn behind the response that was first, and is then forgotten', () => {
    const scene = consulting()
    const [filler] = toldOf(scene.wait(fillerMs))
    scene.created('own')
    const code = 'conversation_already_has_active_response'
    const event_id = filler?.event_id
    scene.model({ type: 'error', error: { type: 'invalid_request_error', code, event_id } })
    scene.hears(scene.speaks('own', 'a1', 400, 'Yes?'))
    expect(asksOf(scene.responseDone('own'))).toEqual([])
  })

  test('the answer is asked for only when the filler is made, so that there is one response at a time', () => {
    const scene = consulting()
    scene.wait(fillerMs)
    scene.created('f1')
    scene.speaks('f1', 'a1', 1_500, 'One moment.')
    expect(asksOf(answer(scene, 'c1'))).toEqual([])
    expect(asksOf(scene.responseDone('f1'))).toEqual([{}])
  })
})

describe('an answer that is out of date', () => {
  test('a turn with something in it stops the supervisor, and the dangling call still gets its output', () => {
    const scene = consulting()
    callerSays(scene, 'u1', 'Sorry, I meant Tuesday.')
    expect(stopped(scene)).toEqual(['c1'])
    answer(scene, 'c1', '{"superseded":true}')
    expect(outputsOf(scene, 'c1')).toHaveLength(1)
    expect(asksOf(scene.done).at(-1)).toEqual({})
  })

  test.each(['Mm-hm.', 'Okay, thank you.', 'Hello? Are you there?', ''])('%j changes no question', (words) => {
    const scene = consulting()
    callerSays(scene, 'u1', words)
    expect(stopped(scene)).toEqual([])
    answer(scene, 'c1')
    expect(outputsOf(scene, 'c1')).toHaveLength(1)
  })

  test('words of a turn from before the question outdate nothing, however late they come', () => {
    const scene = new Scene({ greeting: null, tools: [consultSpec] }).live()
    scene.callerStarts('u1')
    scene.callerStops('u1')
    scene.created('r1')
    scene.calls('r1', 'c1', 'consult_supervisor', args)
    scene.wait(lastTurnMs)
    scene.transcribed('u1', 'I would like to book a visit.')
    expect(asked(scene)).toHaveLength(1)
    expect(stopped(scene)).toEqual([])
  })

  test('a second question stops the first; both calls get one output, and the agent speaks once, after the second', () => {
    const scene = consulting()
    scene.callerStarts('u1')
    scene.callerStops('u1')
    scene.created('r2')
    scene.calls('r2', 'c2', 'consult_supervisor', args)
    expect(stopped(scene)).toEqual(['c1'])
    answer(scene, 'c1', '{"superseded":true}')
    scene.transcribed('u1', 'No, on Tuesday.')
    expect(asksOf(scene.responseDone('r2'))).toEqual([])
    expect(asked(scene).map(({ call }) => call.toolCallId)).toEqual(['c1', 'c2'])
    expect(asksOf(answer(scene, 'c2'))).toHaveLength(1)
    for (const id of ['c1', 'c2']) expect(outputsOf(scene, id)).toHaveLength(1)
  })

  test('results wait for a question that was asked meanwhile, and are told with its answer', () => {
    const scene = consulting()
    scene.callerStarts('u1')
    scene.callerStops('u1')
    scene.created('r2')
    answer(scene, 'c1')
    scene.calls('r2', 'c2', 'consult_supervisor', args)
    expect(asksOf(scene.responseDone('r2'))).toEqual([])
    expect(asksOf(answer(scene, 'c2'))).toEqual([{}])
  })

  test('a stopped question fills no silence', () => {
    const scene = consulting()
    callerSays(scene, 'u1', 'Never mind.')
    expect(asksOf(scene.wait(fillerMs * 2))).toEqual([])
  })
})

describe('the end of waiting', () => {
  test('a supervisor that never answers is stopped and answered for at the deadline; what comes later changes nothing', () => {
    const scene = consulting({ fillers: 0 })
    scene.wait(consultMs - 1)
    expect(outputsOf(scene, 'c1')).toEqual([])
    expect(asksOf(scene.wait(1))).toHaveLength(1)
    expect(stopped(scene)).toEqual(['c1'])
    answer(scene, 'c1')
    expect(outputsOf(scene, 'c1')).toHaveLength(1)
    expect(JSON.stringify(outputsOf(scene, 'c1'))).toContain('apologise and offer to take a message')
  })

  test('a caller who hangs up stops the supervisor, also one who was not asked yet', () => {
    for (const isHeld of [false, true]) {
      const scene = new Scene({ greeting: null, tools: [consultSpec] }).live()
      if (isHeld) scene.callerStarts('u1')
      scene.created('r1')
      scene.calls('r1', 'c1', 'consult_supervisor', args)
      scene.tell({ on: 'left', how: 'stopped' })
      expect(asked(scene)).toHaveLength(1)
      expect(stopped(scene)).toEqual(['c1'])
    }
  })

  test('an answer that ends the call is said before the call ends', () => {
    const scene = consulting()
    const [last] = asksOf(answer(scene, 'c1', '{"answer":"I will put you through."}', true))
    expect(last).toEqual({})
    expect(scene.state.phase).toMatchObject({ is: 'ending', reason: 'agent' })
  })

  test('tools of other kinds are not held up by a question that waits', () => {
    const scene = new Scene({ greeting: null, tools: [consultSpec] }).live()
    scene.callerStarts('u1')
    scene.callerStops('u1')
    scene.created('r1')
    scene.calls('r1', 'c1', 'consult_supervisor', args)
    expect(scene.calls('r1', 'c2', 'take_message')).toMatchObject([{ do: 'run-tool' }])
  })
})

describe('a switch of modes', () => {
  const toTwo = { on: 'switch-mode', to: 'two_agent', reason: 'operator' } as const

  test('sends the other agent’s instructions and tools, never a voice, and is a fact', () => {
    const scene = new Scene({ greeting: null, generation: 2 }).live()
    const [update] = toldOf(scene.tell(toTwo))
    expect(update).toEqual({
      type: 'session.update',
      event_id: 'switch_1',
      session: {
        type: 'realtime',
        instructions: 'You share the telephone of a clinic.',
        tools: [
          {
            type: 'function',
            name: 'consult_supervisor',
            description: 'Asks the supervisor.',
            parameters: { type: 'object' },
          },
        ],
      },
    })
    expect(scene.factsOf('mode.switched')).toEqual([
      { kind: 'mode.switched', generation: 2, count: 1, from: 'single', to: 'two_agent', reason: 'operator' },
    ])
  })

  test('between two streams is a fact of the stream that begins in another mode than the one before', () => {
    const scene = new Scene({ generation: 1, mode: 'two_agent', modeBefore: 'single' }).live()
    expect(scene.factsOf('mode.switched')).toEqual([
      { kind: 'mode.switched', generation: 1, count: 0, from: 'single', to: 'two_agent', reason: 'settings' },
    ])
    expect(new Scene().live().factsOf('mode.switched')).toEqual([])
  })

  test('holds from there on, for tools and for what is asked for; and back again', () => {
    const scene = new Scene({ greeting: null }).live()
    scene.tell(toTwo)
    expect(scene.tell(toTwo)).toEqual([])
    scene.created('r1')
    scene.calls('r1', 'c1', 'consult_supervisor', args)
    scene.responseDone('r1')
    expect(asked(scene)).toHaveLength(1)
    const [filler] = asksOf(scene.wait(fillerMs))
    expect(filler?.instructions).toStartWith('You share the telephone')
    scene.tell({ ...toTwo, to: 'single' })
    expect(scene.factsOf('mode.switched').map(({ count, to }) => `${count} ${to}`)).toEqual(['1 two_agent', '2 single'])
    expect(scene.state.script).toMatchObject({ mode: 'single', instructions: 'You answer the telephone of a clinic.' })
  })
})

test('only what is a sign of listening as a whole is one', () => {
  for (const words of ['Mm-hm', 'Uh-huh, okay.', 'Sí, gracias', 'Alles klar, danke!', 'Yes. Yes, sure.', '…'])
    expect([words, isBackchannel(words)]).toEqual([words, true])
  for (const words of ['Yes, on Tuesday', 'No', 'Okay then cancel it', 'Thanks, bye', 'Stop', 'Janet'])
    expect([words, isBackchannel(words)]).toEqual([words, false])
})
