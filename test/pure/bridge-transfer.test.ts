// How a live call is given to a person, and how it ends when there is no money left for it.
import { describe, expect, test } from 'bun:test'
import { openCall } from '../../src/bridge/call.ts'
import { createEar } from '../../src/bridge/ear.ts'
import { callLimits, lineLimits } from '../../src/bridge/limits.ts'
import { createLog } from '../../src/lib/log.ts'
import { createHandClock } from '../support/hand-clock.ts'
import { recollection, Scene, script, streamSid, toldOf } from './bridge-scene.ts'

const transferTool = { name: 'transfer_to_person', description: 'x', parameters: { type: 'object' }, isTransfer: true }
const quiet = () => new Scene({ greeting: null, tools: [transferTool] }).live()
const connecting = { toolCallId: 't1', output: '{"connecting_to":"the nurse"}', endsCall: true }

/** The agent has said that the caller will be put through, and asked for it in the same turn. */
const announced = () => {
  const scene = quiet()
  scene.created('r1')
  const marks = scene.speaks('r1', 'a1', 1_000, 'I am putting you through.')
  scene.itemDone('r1', 'a1')
  scene.calls('r1', 't1', 'transfer_to_person')
  scene.responseDone('r1')
  scene.tell({ on: 'tool-answered', ...connecting })
  return { scene, marks }
}

describe('a transfer', () => {
  test('closes the stream once the sentence was heard, as a stream that somebody else goes on with', () => {
    const { scene, marks } = announced()
    expect(scene.done).not.toContainEqual({ do: 'hang-up' })
    scene.hears(marks)
    expect(scene.done).toContainEqual({ do: 'hang-up' })
    expect(scene.factsOf('stream.ended')).toMatchObject([{ reason: 'handed-over' }])
    // The call has not ended: it must go on if nobody takes it.
    expect(scene.factsOf('call.ending')).toEqual([])
  })

  test('that the agent asked for without a word is announced first, and nothing else is asked of the model', () => {
    const scene = quiet()
    scene.created('r1')
    scene.calls('r1', 't1', 'transfer_to_person')
    scene.responseDone('r1')
    const told = toldOf(scene.tell({ on: 'tool-answered', ...connecting }))
    expect(told).toMatchObject([
      { type: 'conversation.item.create' },
      { response: { tool_choice: 'none', instructions: expect.stringContaining('putting them through') } },
    ])
    const marks = scene.says('r2', 'a2', 800, 'Putting you through now.')
    scene.hears(marks)
    expect(scene.done).toContainEqual({ do: 'hang-up' })
  })

  test('that was refused is no transfer: the agent goes on', () => {
    const scene = quiet()
    scene.created('r1')
    scene.calls('r1', 't1', 'transfer_to_person')
    scene.responseDone('r1')
    scene.tell({ on: 'tool-answered', toolCallId: 't1', output: '{"error":"closed"}', endsCall: false })
    expect(scene.state.phase.is).toBe('live')
    expect(scene.told.at(-1)).toMatchObject({ type: 'response.create' })
  })

  test('goes on when the caller only says thank you', () => {
    const { scene } = announced()
    scene.callerStarts('u1')
    scene.callerStops('u1')
    scene.transcribed('u1', 'Okay, thank you!')
    scene.hears(scene.says('r2', 'a2', 400, 'You are welcome.'))
    expect(scene.factsOf('transfer.withdrawn')).toEqual([])
    expect(scene.done).toContainEqual({ do: 'hang-up' })
  })

  test('is taken back when the caller says something else, and the model is told', () => {
    const { scene } = announced()
    scene.callerStarts('u1')
    scene.callerStops('u1')
    scene.transcribed('u1', 'Wait, can you book me in first?')
    expect(scene.factsOf('transfer.withdrawn')).toEqual([{ kind: 'transfer.withdrawn', toolCallId: 't1' }])
    expect(JSON.stringify(scene.told.at(-1))).toContain('still with you')
    scene.hears(scene.says('r2', 'a2', 400, 'Of course.'))
    scene.wait(callLimits.goodbyeMs)
    expect(scene.done).not.toContainEqual({ do: 'hang-up' })
  })

  test('is not taken back by the words that asked for it, transcribed after it was promised', () => {
    const scene = quiet()
    scene.callerStarts('u1')
    scene.callerStops('u1')
    scene.wait(300)
    scene.created('r1')
    scene.calls('r1', 't1', 'transfer_to_person')
    scene.responseDone('r1')
    scene.tell({ on: 'tool-answered', ...connecting })
    scene.transcribed('u1', 'Could I speak to the nurse, please?')
    expect(scene.state.phase.is).toBe('ending')
    expect(scene.factsOf('transfer.withdrawn')).toEqual([])
  })

  test('waits no longer than its limit for the sentence to be heard', () => {
    const { scene } = announced()
    scene.wait(callLimits.goodbyeMs)
    expect(scene.done).toContainEqual({ do: 'hang-up' })
  })
})

describe('a call for which no money is left', () => {
  const spent = () => {
    const scene = new Scene({ greeting: null }).live()
    scene.created('r1')
    const marks = scene.speaks('r1', 'a1', 1_000, 'Doctor Okafor is in on Monday.')
    scene.itemDone('r1', 'a1')
    scene.responseDone('r1')
    scene.news()
    scene.tell({ on: 'spent' })
    return { scene, marks }
  }

  test('says so in a sentence, after what is being said, and ends when that was heard', () => {
    const { scene, marks } = spent()
    const [ask] = toldOf(scene.news())
    expect(ask).toMatchObject({ response: { tool_choice: 'none', instructions: expect.stringContaining('must end') } })
    scene.hears(marks)
    scene.hears(scene.says('r2', 'a2', 900, 'I am sorry, I have to end this conversation here.'))
    expect(scene.factsOf('call.ending')).toEqual([{ kind: 'call.ending', reason: 'spent' }])
    expect(scene.done).toContainEqual({ do: 'hang-up' })
  })

  test('cannot be talked out of it', () => {
    const { scene } = spent()
    scene.created('r2')
    scene.callerStarts('u1')
    scene.responseDone('r2', 'cancelled')
    scene.callerStops('u1')
    scene.transcribed('u1', 'No, please go on.')
    scene.wait(callLimits.goodbyeMs)
    expect(scene.factsOf('call.ending')).toEqual([{ kind: 'call.ending', reason: 'spent' }])
  })

  test('that is ending already ends as it was going to', () => {
    const { scene, marks } = announced()
    scene.tell({ on: 'spent' })
    scene.hears(marks)
    expect(scene.factsOf('call.ending')).toEqual([])
    expect(scene.factsOf('stream.ended')).toMatchObject([{ reason: 'handed-over' }])
  })
})

describe('what is left is asked', () => {
  /** A call whose model answers; `flushes` are the journal's, to be let through one by one. */
  function staged(isSpent: () => Promise<boolean>) {
    const happened: string[] = []
    const flushes: (() => void)[] = []
    let hear: (message: string) => void = () => {}
    const journal = {
      write: ({ kind }: { kind: string }) => void happened.push(kind),
      flush: () => new Promise<void>((resolve) => flushes.push(resolve)),
    }
    const done = async () => ({ output: '{}', outcome: 'done' as const, endsCall: false })
    const plan = {
      ...script({ greeting: null }),
      organizationId: 'org',
      conversationId: 'conversation',
      callSid: 'CA1',
      realtime: { baseUrl: 'http://model.example/v1', apiKey: 'key' },
      runTool: done,
      recall: async () => recollection(),
      consult: done,
      isSpent: () => {
        happened.push('asked')
        return isSpent()
      },
      journal,
    }
    const deps = {
      clock: createHandClock(0),
      log: createLog({ level: 'silent' }),
      limits: lineLimits,
      openSocket: (_url: string, _headers: unknown, { message }: { message(text: string): void }) => {
        hear = message
        return {
          send(text: string) {
            const { type, response } = JSON.parse(text)
            if (type === 'response.create') happened.push(`say: ${response.instructions ?? 'a reply'}`)
            return true
          },
          close() {},
        }
      },
    }
    openCall(deps, plan, { streamSid, socket: { send: () => true, close() {} }, ear: createEar(lineLimits) })
    const phone = { format: { type: 'audio/pcmu' } }
    const tell = (event: unknown) => hear(JSON.stringify(event))
    tell({ type: 'session.created', session: {} })
    tell({ type: 'session.updated', session: { type: 'realtime', audio: { input: phone, output: phone } } })
    const uses = (id: string) => {
      tell({ type: 'response.created', response: { id } })
      tell({ type: 'response.done', response: { id, status: 'completed', output: [], usage: { input_tokens: 1 } } })
    }
    return { happened, flushes, uses }
  }
  /** Until everything that was waiting has had its turn. */
  const settle = async () => {
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
  }

  test('once what was used is in the ledger, and then the call ends', async () => {
    const { happened, flushes, uses } = staged(async () => true)
    uses('r1')
    await settle()
    expect(happened).not.toContain('asked')
    flushes.shift()?.()
    await settle()
    expect(happened.slice(-2)).toEqual(['asked', expect.stringContaining('must end')])
  })

  test('one question at a time, and again with the next use', async () => {
    const { happened, flushes, uses } = staged(async () => false)
    uses('r1')
    uses('r2')
    expect(flushes).toHaveLength(1)
    flushes.shift()?.()
    await settle()
    uses('r3')
    flushes.shift()?.()
    await settle()
    expect(happened.filter((one) => one === 'asked')).toHaveLength(2)
  })

  test('in vain when nobody can answer: the call goes on, and the next use asks again', async () => {
    const { happened, flushes, uses } = staged(() => Promise.reject(new Error('no database')))
    for (const id of ['r1', 'r2']) {
      uses(id)
      flushes.shift()?.()
      await settle()
    }
    expect(happened.filter((one) => one === 'asked')).toHaveLength(2)
    expect(happened.some((one) => one.includes('must end'))).toBe(false)
  })
})
