// Two agents on one call, with a real database: who has which tools, what the supervisor is told, what is in the ledger when
// an answer comes, and that a change of modes between two streams loses nothing.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createInstructionsCache, saveInstructions } from '../../src/agents/instructions.ts'
import type { CallPlan, ConsultView } from '../../src/bridge/plan.ts'
import { createBridge } from '../../src/bridge/session.ts'
import { planCall } from '../../src/calls/plan.ts'
import type { ConversationEvent, ConversationFact, FactOf } from '../../src/conversations/events.ts'
import { eventOf, readEvents, recordEvents } from '../../src/conversations/store.ts'
import { ok, problem } from '../../src/lib/outcome.ts'
import { createAccounts } from '../../src/organizations/account-store.ts'
import { createSeal } from '../../src/organizations/seal.ts'
import { changeSettings } from '../../src/organizations/store.ts'
import type { Thinker, ThinkingStep, Thought } from '../../src/vendors/thinker.ts'
import { incoming, lakeside, newCallSid, openTelephone, type Telephone } from '../support/telephone.ts'

let telephone: Telephone
beforeAll(async () => {
  telephone = await openTelephone()
})
afterAll(() => telephone.end())

const { organizationId } = lakeside
const within = <T>(work: Parameters<typeof telephone.deps.db.withOrg<T>>[1]) =>
  telephone.deps.db.withOrg(organizationId, work)
const choose = (settings: Record<string, unknown>) => within((tx) => changeSettings(tx, organizationId, settings))

type Call = { callSid: string; conversationId: string }

async function ring(): Promise<Call> {
  const callSid = newCallSid()
  await telephone.post('/incoming-call', incoming(callSid))
  const [row] = await telephone.admin`select id from conversations where call_sid = ${callSid}`
  return { callSid, conversationId: row?.id }
}

const silentThinker: Thinker = { think: async () => problem('unavailable', 'nobody thinks') }

function plan(call: Call, generation = 0, thinker = silentThinker, db = telephone.deps.db): Promise<CallPlan> {
  const deps = { ...telephone.deps, thinker, db }
  const seal = createSeal(deps.config.FRONTDESK_KEYS)
  const accounts = createAccounts({ config: deps.config, db: deps.db, seal })
  const context = {
    deps,
    accounts,
    seal,
    instructions: createInstructionsCache(deps),
    bridge: createBridge(deps),
    onLost() {},
  }
  return planCall(context, { organizationId, generation, ...call })
}

const eventsOf = ({ conversationId }: Call) => within((tx) => readEvents(tx, organizationId, conversationId))
const record = ({ conversationId }: Call, events: ConversationEvent[]) =>
  within((tx) => recordEvents(telephone.deps, tx, organizationId, conversationId, events))

const utterance = (itemId: string, speaker: 'caller' | 'agent', text: string, order: number) => {
  const fact = { kind: 'utterance' as const, streamSid: 'MZ1', itemId, order, speaker, text, unheard: '' }
  return { ...fact, isCut: false, startedAtMs: telephone.clock.now() + order, heardMs: null }
}
const said = (...given: Parameters<typeof utterance>): ConversationEvent => {
  const fact = utterance(...given)
  return eventOf(fact, fact.startedAtMs)
}

const names = (tools: readonly { name: string }[]) => tools.map(({ name }) => name)

describe('who has which tools', () => {
  test('one agent has the calendar and no supervisor; a receptionist has a supervisor and no calendar', async () => {
    await choose({ agentMode: 'single' })
    const single = await plan(await ring())
    expect(single).toMatchObject({ mode: 'single', model: { model: 'gpt-realtime-2.1' } })
    expect(names(single.tools)).toContain('book_appointment')
    expect(names(single.tools)).not.toContain('consult_supervisor')
    expect(single.standby).toMatchObject({ mode: 'two_agent' })

    await choose({ agentMode: 'two_agent' })
    const two = await plan(await ring())
    expect(two).toMatchObject({ mode: 'two_agent', modeBefore: 'single', model: { model: 'gpt-realtime-2.1-mini' } })
    expect(names(two.tools)).toEqual([...names(single.standby.tools)])
    expect(names(two.tools)).not.toContain('book_appointment')
    expect(two.tools.filter(({ isConsult }) => isConsult).map(({ name }) => name)).toEqual(['consult_supervisor'])
    expect(two.standby).toMatchObject({ mode: 'single', tools: single.tools })
  })

  test('a receptionist who asks for the calendar all the same is refused', async () => {
    const { runTool } = await plan(await ring())
    const call = { toolCallId: 'c1', name: 'book_appointment', argumentsJson: '{"slot":1,"reason":null}' }
    expect(await runTool(call, 'two_agent')).toMatchObject({
      outcome: 'refused',
      output: expect.stringContaining('there is no tool named book_appointment'),
    })
  })

  test('the scopes of the clinic reach the agent that they are for', async () => {
    await within((tx) => saveInstructions(tx, organizationId, 'voice', 'receptionist', 'Speak slowly at {{clinic}}.'))
    await within((tx) => saveInstructions(tx, organizationId, 'voice', 'supervisor', 'Nothing on Fridays.'))
    const thinker = thinking([says('Yes.')])
    const two = await plan(await ring(), 0, thinker)
    expect(two.instructions).toContain('Speak slowly at Lakeside Family Clinic.')
    expect(two.standby.instructions).not.toContain('Speak slowly')
    await ask(two)
    expect(thinker.steps[0]?.instructions).toContain('Nothing on Fridays.')
    expect(thinker.steps[0]?.instructions).not.toContain('Speak slowly')
  })
})

describe('a change of modes between two streams', () => {
  test('loses nothing: the next stream knows the name, in its instructions and in its history', async () => {
    await choose({ agentMode: 'single' })
    const call = await ring()
    const first = await plan(call)
    await record(call, [said('u1', 'caller', 'My name is Siobhán.', 0)])
    const noted = { toolCallId: 'n1', name: 'note', argumentsJson: '{"caller_name":"Siobhán","wish":null}' }
    expect(await first.runTool(noted, 'single')).toMatchObject({ outcome: 'done' })
    await choose({ agentMode: 'two_agent' })
    const next = await plan(call, 1)
    expect(next).toMatchObject({ mode: 'two_agent', modeBefore: 'single' })
    expect(next.instructions).toContain('The caller gave the name Siobhán.')
    expect(JSON.stringify(next.history)).toContain('My name is Siobhán.')
  })

  test('what an operator chose for one call outlasts its stream, whatever the settings say', async () => {
    await choose({ agentMode: 'two_agent' })
    const call = await ring()
    const fact = { kind: 'mode.switched' as const, generation: 0, count: 1, from: 'two_agent' as const }
    await record(call, [eventOf({ ...fact, to: 'single', reason: 'operator' }, telephone.clock.now())])
    expect(await plan(call, 1)).toMatchObject({ mode: 'single', modeBefore: 'single' })
    expect(await plan(await ring())).toMatchObject({ mode: 'two_agent' })
  })
})

const asks = (name: string, args: object = {}): Thought => ({
  responseId: `resp_${name}`,
  items: [],
  calls: [{ toolCallId: `inner_${name}`, name, argumentsJson: JSON.stringify(args) }],
  answer: '',
  usage: { total_tokens: 7 },
})
const says = (answer: string): Thought => ({ ...asks('says'), calls: [], answer })

function thinking(thoughts: Thought[]): Thinker & { steps: ThinkingStep[] } {
  const steps: ThinkingStep[] = []
  return {
    steps,
    async think(step) {
      const thought = thoughts[steps.push(step) - 1]
      return thought === undefined ? problem('unavailable', 'no more thoughts') : ok(thought)
    },
  }
}

const question = { toolCallId: 'q1', name: 'consult_supervisor', argumentsJson: '{"request":"When do you open?"}' }
const view = (changes: Partial<ConsultView> = {}): ConsultView => ({
  unsettled: [],
  signal: new AbortController().signal,
  ...changes,
})
const ask = ({ consult }: CallPlan, changes: Partial<ConsultView> = {}) => consult(question, view(changes))

describe('a question to the supervisor', () => {
  test('comes with all that was said, what is not in the ledger yet included, each turn once', async () => {
    const thinker = thinking([says('At eight.')])
    const call = await ring()
    await record(call, [said('u1', 'caller', 'Dana Reyes.', 0), said('a1', 'agent', 'Hello, Dana.', 1)])
    const unsettled: FactOf<'utterance'>[] = [
      utterance('a1', 'agent', 'Hel', 1),
      utterance('u2', 'caller', 'When do you open?', 2),
    ]
    expect(await ask(await plan(call, 0, thinker), { unsettled })).toEqual({
      output: '{"answer":"At eight."}',
      outcome: 'done',
      endsCall: false,
    })
    const [entry] = thinker.steps[0]?.thread ?? []
    expect(entry?.is === 'question' ? JSON.parse(entry.text) : null).toMatchObject({
      request: 'When do you open?',
      timeZone: 'America/New_York',
      said: [
        { who: 'caller', said: 'Dana Reyes.' },
        { who: 'receptionist', said: 'Hello, Dana.' },
        { who: 'caller', said: 'When do you open?' },
      ],
    })
  })

  test('waits for what the live call has just written down', async () => {
    const thinker = thinking([says('Yes.')])
    const { promise: written, resolve: write } = Promise.withResolvers<void>()
    let slowness: Promise<void> | null = null
    let begun = 0
    const { db } = telephone.deps
    const slow: typeof db = {
      ...db,
      async ask(...given) {
        begun++
        await slowness
        return db.ask(...given)
      },
      async withOrg(...given) {
        begun++
        await slowness
        return db.withOrg(...given)
      },
    }
    const made = await plan(await ring(), 0, thinker, slow)
    slowness = written
    begun = 0
    made.journal.write(utterance('u1', 'caller', 'Dana Reyes.', 0), telephone.clock.now())
    const told = ask(made)
    for (let turns = 0; turns < 100; turns++) await Promise.resolve()
    // The journal writes; nobody has begun to read.
    expect(begun).toBe(1)
    write()
    await told
    const [entry] = thinker.steps[0]?.thread ?? []
    expect(entry?.is === 'question' && entry.text).toContain('Dana Reyes.')
  })

  test('runs its tools like any other, and is in the ledger, with what it cost, before its answer is told', async () => {
    const thinker = thinking([asks('clinic_info', { topic: 'hours' }), says('At eight.')])
    const call = await ring()
    await ask(await plan(call, 0, thinker))
    const facts = (await eventsOf(call)).map(({ fact }) => fact)
    const told = facts.flatMap((fact) => (fact.kind.startsWith('tool.') ? [keyed(fact)] : []))
    expect(told).toEqual([
      'tool.called consult_supervisor',
      'tool.called clinic_info',
      'tool.returned clinic_info',
      'tool.returned consult_supervisor',
    ])
    expect(facts.filter(({ kind }) => kind === 'usage')).toMatchObject([
      { source: 'responses', model: 'gpt-5.4', usage: { total_tokens: 7 } },
      { source: 'responses', model: 'gpt-5.4' },
    ])
    const [, , output] = thinker.steps[1]?.thread ?? []
    expect(output).toMatchObject({ is: 'tool-output', toolCallId: 'inner_clinic_info' })
  })

  test('knows what was done before it, but not its own earlier questions', async () => {
    const call = await ring()
    await ask(await plan(call, 0, thinking([asks('clinic_info', { topic: 'hours' }), says('At eight.')])))
    const thinker = thinking([says('Yes.')])
    const { consult } = await plan(call, 0, thinker)
    await consult({ ...question, toolCallId: 'q2' }, view())
    const [entry] = thinker.steps[0]?.thread ?? []
    const { done } = entry?.is === 'question' ? JSON.parse(entry.text) : { done: null }
    expect(done).toMatchObject([{ tool: 'clinic_info', arguments: { topic: 'hours' } }])
  })

  test('that nobody needs any more is superseded, and says what was done all the same', async () => {
    const stopping = new AbortController()
    const thoughts = thinking([asks('clinic_info', { topic: 'hours' }), says('At eight.')])
    const think: Thinker['think'] = async (step) => {
      const thought = await thoughts.think(step)
      if (thoughts.steps.length === 2) stopping.abort()
      return thought
    }
    const call = await ring()
    const told = await ask(await plan(call, 0, { think }), { signal: stopping.signal })
    expect(told.outcome).toBe('superseded')
    expect(JSON.parse(told.output)).toMatchObject({
      superseded: expect.any(String),
      done: [{ tool: 'clinic_info' }],
    })
    expect((await eventsOf(call)).map(({ fact }) => keyed(fact))).toContain('tool.returned consult_supervisor')
  })

  test('without an answer becomes an apology and the offer of a message', async () => {
    const told = await ask(await plan(await ring()))
    expect(told.outcome).toBe('failed')
    expect(JSON.parse(told.output)).toEqual({
      error: 'the supervisor cannot answer just now',
      advice: 'apologise in one short sentence and offer to take a message',
    })
  })

  test('that says nothing is refused, and nobody thinks about it', async () => {
    const thinker = thinking([says('Yes.')])
    const { consult } = await plan(await ring(), 0, thinker)
    expect(await consult({ ...question, argumentsJson: '{"request' }, view())).toMatchObject({ outcome: 'refused' })
    expect(thinker.steps).toEqual([])
  })

  test('for which the database cannot be read fails, and says so to the model', async () => {
    const call = await ring()
    const { consult } = await plan({ ...call, conversationId: '00000000-0000-4000-8000-000000000000' })
    const outcome = consult(question, view())
    const patience = { isOver: false }
    void outcome.then(() => (patience.isOver = true))
    while (!patience.isOver) {
      telephone.clock.advance(60_000)
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    expect(await outcome).toMatchObject({ outcome: 'failed' })
  })
})

const keyed = (fact: ConversationFact): string => `${fact.kind} ${'name' in fact ? fact.name : ''}`
