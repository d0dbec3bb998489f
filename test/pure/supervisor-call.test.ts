// The hands of a live call carry a question to the supervisor: what it takes along, and that it is told when to stop.
import { expect, test } from 'bun:test'
import { openCall } from '../../src/bridge/call.ts'
import { createEar } from '../../src/bridge/ear.ts'
import { lineLimits } from '../../src/bridge/limits.ts'
import type { CallPlan, ConsultView } from '../../src/bridge/plan.ts'
import { createLog } from '../../src/lib/log.ts'
import { createHandClock } from '../support/hand-clock.ts'
import { consultSpec, recollection, script, streamSid } from './bridge-scene.ts'

const phone = { format: { type: 'audio/pcmu' } }
const done = { output: '{"answer":"Yes."}', outcome: 'done' as const, endsCall: false }

/** A call whose model says what it is told to say, and whose supervisor answers when it is told to. */
function staged() {
  const toModel: { type: string; item?: { call_id?: string } }[] = []
  const views: ConsultView[] = []
  const modes: string[] = []
  const supervisor = Promise.withResolvers<typeof done>()
  const plan: CallPlan = {
    ...script({ greeting: null, tools: [consultSpec] }),
    organizationId: 'org',
    conversationId: 'conversation',
    callSid: 'CA1',
    realtime: { baseUrl: 'http://model.example/v1', apiKey: 'key' },
    runTool: async (_, mode) => {
      modes.push(mode)
      return done
    },
    recall: async () => recollection(),
    consult(_, view) {
      views.push(view)
      return supervisor.promise
    },
    isSpent: async () => false,
    journal: { write: () => {}, flush: () => Promise.resolve() },
  }
  let hear: (message: string) => void = () => {}
  const line = { streamSid, socket: { send: () => true, close: () => {} }, ear: createEar(lineLimits) }
  const deps = {
    clock: createHandClock(0),
    log: createLog({ level: 'silent' }),
    limits: lineLimits,
    openSocket: (_url: string, _headers: unknown, { message }: { message(text: string): void }) => {
      hear = message
      return { send: (text: string) => toModel.push(JSON.parse(text)) > 0, close() {} }
    },
  }
  const call = openCall(deps, plan, line)
  const says = (event: object) => hear(JSON.stringify(event))
  says({ type: 'session.created', session: {} })
  says({ type: 'session.updated', session: { type: 'realtime', audio: { input: phone, output: phone } } })
  const asks = (name: string, call_id: string) => {
    says({ type: 'response.created', response: { id: `r_${call_id}` } })
    const item = { id: `f_${call_id}`, type: 'function_call', status: 'completed', name, call_id, arguments: '{}' }
    says({ type: 'response.output_item.done', response_id: `r_${call_id}`, output_index: 0, item })
    says({ type: 'response.done', response: { id: `r_${call_id}`, status: 'completed', output: [] } })
  }
  return { call, says, asks, toModel, views, modes, supervisor }
}

test('the answer goes back to the model as the output of the call', async () => {
  const { asks, toModel, supervisor, views } = staged()
  asks('consult_supervisor', 'c1')
  expect(views).toMatchObject([{ unsettled: [] }])
  expect(toModel.some(({ type }) => type === 'conversation.item.create')).toBe(false)
  supervisor.resolve(done)
  await supervisor.promise
  await Promise.resolve()
  expect(toModel.find(({ type }) => type === 'conversation.item.create')?.item).toMatchObject({
    call_id: 'c1',
    output: '{"answer":"Yes."}',
  })
})

test('a newer question tells the supervisor to stop the older, and only that', () => {
  const { asks, views } = staged()
  asks('consult_supervisor', 'c1')
  expect(views.map(({ signal }) => signal.aborted)).toEqual([false])
  asks('consult_supervisor', 'c2')
  expect(views.map(({ signal }) => signal.aborted)).toEqual([true, false])
})

test('the end of the call tells the supervisor to stop, and waits for what it has done', async () => {
  const { call, asks, views, supervisor } = staged()
  asks('consult_supervisor', 'c1')
  call.tell({ on: 'hand-over', how: 'at-once' })
  expect(views.map(({ signal }) => signal.aborted)).toEqual([true])
  let isFinished = false
  void call.finished.then(() => (isFinished = true))
  for (let turns = 0; turns < 20; turns++) await Promise.resolve()
  expect(isFinished).toBe(false)
  supervisor.resolve(done)
  await call.finished
})

test('a tool runs as one of the agent that goes on after a switch', () => {
  const { call, asks, modes } = staged()
  asks('take_message', 'c1')
  call.tell({ on: 'switch-mode', to: 'two_agent', reason: 'operator' })
  asks('take_message', 'c2')
  expect(modes).toEqual(['single', 'two_agent'])
})
