// The hands of a call on wires that answer before `send` returns: things still happen one at a time, in order.
import { expect, test } from 'bun:test'
import { openCall } from '../../src/bridge/call.ts'
import { createEar } from '../../src/bridge/ear.ts'
import { callLimits, lineLimits } from '../../src/bridge/limits.ts'
import { createLog } from '../../src/lib/log.ts'
import type { OpenSocket } from '../../src/lib/socket.ts'
import { createHandClock } from '../support/hand-clock.ts'
import { recollection, script, streamSid } from './bridge-scene.ts'

const phone = { format: { type: 'audio/pcmu' } }
const payload = Buffer.alloc(160, 1).toString('base64')
const part = { response_id: 'r1', item_id: 'a1', output_index: 0, content_index: 0 }

/** What a model answers on the spot. */
const answers: Record<string, object[]> = {
  'session.update': [
    { type: 'session.updated', session: { type: 'realtime', audio: { input: phone, output: phone } } },
  ],
  'response.create': [
    { type: 'response.created', response: { id: 'r1' } },
    { type: 'response.output_audio.delta', event_id: 'e', ...part, delta: payload },
    { type: 'input_audio_buffer.speech_started', item_id: 'u1' },
    { type: 'response.output_audio.delta', event_id: 'e', ...part, delta: payload },
  ],
}

/** A call that has its line from the beginning, or gets it by `join`. */
function staged(openSocket: OpenSocket, hasLine = true) {
  const toCarrier: string[] = []
  const facts: string[] = []
  const journal = { write: (fact: { kind: string }) => void facts.push(fact.kind), flush: () => Promise.resolve() }
  const plan = {
    ...script(),
    organizationId: 'org',
    conversationId: 'conversation',
    callSid: 'CA1',
    realtime: { baseUrl: 'http://model.example/v1', apiKey: 'key' },
    runTool: async () => ({ output: '{}', outcome: 'done' as const, endsCall: false }),
    recall: async () => recollection(),
    consult: async () => ({ output: '{}', outcome: 'done' as const, endsCall: false }),
    isSpent: async () => false,
    journal,
  }
  const clock = createHandClock(0)
  const closed: (number | undefined)[] = []
  const socket = {
    send: (text: string) => toCarrier.push(JSON.parse(text).event) > 0,
    close: (code?: number) => void closed.push(code),
  }
  const line = { streamSid, socket, ear: createEar(lineLimits) }
  const deps = { clock, log: createLog({ level: 'silent' }), openSocket, limits: lineLimits }
  const call = openCall(deps, plan, hasLine ? line : null)
  return { call, clock, closed, facts, toCarrier }
}

test('an answer that comes while something is being said waits until it has been said', () => {
  const toModel: string[] = []
  const { toCarrier } = staged((_url, _headers, { message }) => {
    message(JSON.stringify({ type: 'session.created', session: {} }))
    return {
      send(text) {
        const { type } = JSON.parse(text)
        toModel.push(type)
        for (const answer of answers[type] ?? []) message(JSON.stringify(answer))
        return true
      },
      close() {},
    }
  })
  expect(toModel).toEqual(['session.update', 'response.create', 'conversation.item.delete'])
  expect(toCarrier).toEqual(['media', 'mark', 'clear'])
})

const goneAtOnce: OpenSocket = (_url, _headers, { close }) => {
  close(1006, '')
  return { send: () => false, close() {} }
}

test('a model that is gone before its socket is there, however often it is called again, is a model that failed', async () => {
  const { call, clock, closed, facts } = staged(goneAtOnce)
  clock.advance(callLimits.configureMs)
  await call.finished
  expect(facts).toEqual(['stream.started', 'model.failed', 'stream.ended', 'transcript.settled'])
  expect(closed).toContain(1000)
})

test('a warm model that is gone says so, and leaves no trace', async () => {
  const { call, facts } = staged(goneAtOnce, false)
  expect(call.isOver()).toBe(true)
  await call.finished
  expect(facts).toEqual([])
})

test('a model whose socket takes nothing more is a model that failed', async () => {
  const { call, clock, facts } = staged((_url, _headers, { message }) => {
    message(JSON.stringify({ type: 'session.created', session: {} }))
    return { send: () => false, close() {} }
  })
  clock.advance(callLimits.configureMs)
  await call.finished
  expect(facts).toEqual(['stream.started', 'model.failed', 'stream.ended', 'transcript.settled'])
})

test('a bug gives the stream up rather than leaving the caller in silence', async () => {
  const { call, closed } = staged((_url, _headers, { message }) => {
    queueMicrotask(() => message(JSON.stringify({ type: 'session.created', session: {} })))
    return {
      send() {
        throw new Error('a bug')
      },
      close() {},
    }
  })
  await call.finished
  expect(closed).toEqual([1000])
})
