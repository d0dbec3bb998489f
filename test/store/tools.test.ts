// The tool runner: whatever the model asks, however often and however badly, it gets an answer that the ledger has first,
// and what a tool does is done once or not at all.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { and, eq, sql } from 'drizzle-orm'
import postgres from 'postgres'
import { z } from 'zod'
import { runTool, type ToolCall, type ToolOutput } from '../../src/clinic/tool-runner.ts'
import { defineTool, type Tool, ToolRefusal, toolSchema } from '../../src/clinic/tools.ts'
import { conversations, members } from '../../src/db/schema.ts'
import { randomIds } from '../../src/lib/ids.ts'
import { createLog } from '../../src/lib/log.ts'
import { type Clinic, seedClinic } from '../support/clinics.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { createHandClock, type HandClock } from '../support/hand-clock.ts'

const deadlineMs = 3_000
const { promise: never } = Promise.withResolvers<never>()

/** Adds a member of staff, and then does what its argument says. */
const hire = defineTool({
  name: 'hire',
  description: 'Adds a member of staff.',
  parameters: z.strictObject({
    name: z.string().trim().min(1).max(20),
    fate: z.enum(['answer', 'answer-wrongly', 'hang', 'query', 'refuse', 'break', 'end-call']).default('answer'),
  }),
  result: z.strictObject({ hired: z.boolean() }),
  deadlineMs,
  async run({ tx, organizationId, toolCallId }, { name, fate }) {
    const id = crypto.randomUUID()
    await tx.insert(members).values({ organizationId, id, name, email: `${id}@staff.example`, role: 'staff' })
    switch (fate) {
      case 'hang':
        return never
      case 'query':
        await tx.execute(sql`select pg_sleep(60)`)
        return { result: { hired: false } }
      case 'refuse':
        throw new ToolRefusal('the clinic hires nobody on Mondays')
      case 'break':
        throw new Error(`no such person: ${name}`)
      case 'answer-wrongly':
        return JSON.parse('{"result":{"hired":"perhaps"}}')
      default:
        return {
          result: { hired: true },
          facts: [{ kind: 'warning', about: toolCallId, text: 'hired' }],
          endsCall: fate === 'end-call',
        }
    }
  },
})
const tools: Tool[] = [hire]

let database: TestDatabase
let admin: postgres.Sql
let clinic: Clinic
let clock: HandClock
let log: string[]
let conversationId: string

beforeAll(async () => {
  database = await openTestDatabase()
  admin = postgres(database.adminUrl, { max: 1, onnotice: () => {} })
  clinic = await seedClinic(database.db, '01')
})
afterAll(async () => {
  await admin.end()
  await database.end()
})
beforeEach(async () => {
  clock = createHandClock(Date.UTC(2026, 2, 2, 9, 0, 0))
  log = []
  conversationId = crypto.randomUUID()
  const { organizationId } = clinic
  await database.db.withOrg(organizationId, async (tx) => {
    await tx.delete(members).where(and(eq(members.organizationId, organizationId), eq(members.role, 'staff')))
    await tx.insert(conversations).values({
      ...{ organizationId, id: conversationId, sessionId: conversationId, channel: 'voice', direction: 'inbound' },
      ...{ startedAt: new Date(clock.now()), facts: {}, fromNumber: '+15550102030', toNumber: '+15551234567' },
    })
  })
})

const ask = (toolCallId: string, input: unknown, name = 'hire'): Promise<ToolOutput> =>
  askRaw({ toolCallId, name, argumentsJson: JSON.stringify(input) })

function askRaw(call: ToolCall, offered = tools): Promise<ToolOutput> {
  const write = (line: string) => void log.push(line)
  const deps = { db: database.db, clock, ids: randomIds, log: createLog({ level: 'info', write }) }
  return runTool(deps, { organizationId: clinic.organizationId, conversationId, tools: offered }, call)
}

const staff = async (): Promise<string[]> =>
  (await admin<{ name: string }[]>`select name from members where role = 'staff'`).map(({ name }) => name)
const ledger = async () =>
  await admin<{ key: string; fact: Record<string, unknown> }[]>`
    select key, fact from conversation_events where conversation_id = ${conversationId} order by position`
const returned = async (toolCallId: string) =>
  (await ledger()).find(({ key }) => key === `tool.returned:${toolCallId}`)?.fact
const read = ({ output }: ToolOutput): Record<string, string> => JSON.parse(output)

describe('a tool', () => {
  test('that answers has done what it says, and the ledger has all of it before the model hears', async () => {
    expect(await ask('c1', { name: ' Ada ' })).toEqual({ output: '{"hired":true}', outcome: 'done', endsCall: false })
    expect(await staff()).toEqual(['Ada'])
    expect((await ledger()).map(({ key }) => key)).toEqual(['tool.called:c1', 'warning:c1', 'tool.returned:c1'])
    expect(await returned('c1')).toMatchObject({ outcome: 'done', result: { hired: true }, endsCall: false })
  })

  test('can let the call end', async () => {
    expect(await ask('c1', { name: 'Ada', fate: 'end-call' })).toMatchObject({ outcome: 'done', endsCall: true })
    expect(await returned('c1')).toMatchObject({ endsCall: true })
  })

  test('is told to the model by its own schema', () => {
    const { name, parameters } = toolSchema(hire)
    expect(name).toBe('hire')
    expect(parameters).toMatchObject({ type: 'object', additionalProperties: false, required: expect.any(Array) })
    expect(parameters).not.toHaveProperty('$schema')
  })

  test('is not run on input that is not what it takes: the model hears which field', async () => {
    const wrong: [input: unknown, tells: RegExp][] = [
      [{}, /^name: /],
      [{ name: '' }, /^name: /],
      [{ name: 7 }, /^name: /],
      [{ name: 'x'.repeat(21) }, /^name: /],
      [{ name: 'Ada', fate: 'fly' }, /^fate: /],
      [{ name: 'Ada', organization_id: 'another' }, /^arguments: .*organization_id/],
      [[], /^arguments: /],
      [null, /^arguments: /],
    ]
    for (const [n, [input, tells]] of wrong.entries()) {
      const answer = await ask(`c${n}`, input)
      expect(answer).toMatchObject({ outcome: 'refused', endsCall: false })
      expect(read(answer).error).toMatch(tells)
      expect(await returned(`c${n}`)).toMatchObject({ outcome: 'refused' })
    }
    expect(await staff()).toEqual([])
  })

  test('is not run on arguments that are no JSON, which are kept as they came', async () => {
    for (const [n, argumentsJson] of ['', '{"name": "Ada"', 'Ada', '{"name": "A\0da"', '\ud800'].entries()) {
      const answer = await askRaw({ toolCallId: `c${n}`, name: 'hire', argumentsJson })
      expect(answer.outcome).toBe('refused')
      expect(await returned(`c${n}`)).toMatchObject({ outcome: 'refused' })
    }
    const [cut] = (await ledger()).filter(({ key }) => key === 'tool.called:c1')
    expect(cut?.fact).toMatchObject({ arguments: '{"name": "Ada"' })
    expect(await staff()).toEqual([])
  })

  test('that does not exist is refused by name, and the model is not left waiting', async () => {
    const answer = await ask('c1', {}, 'fire')
    expect(answer.outcome).toBe('refused')
    expect(read(answer).error).toContain('fire')
    expect(await returned('c1')).toMatchObject({ name: 'fire', outcome: 'refused' })
  })

  test('that refuses gives its own sentence to the model', async () => {
    const answer = await ask('c1', { name: 'Ada', fate: 'refuse' })
    expect(answer).toMatchObject({ outcome: 'refused', endsCall: false })
    expect(read(answer)).toEqual({ error: 'the clinic hires nobody on Mondays' })
  })

  test('that breaks has done nothing; the failure is kept, and nobody hears what broke', async () => {
    const answer = await ask('c1', { name: 'Grace', fate: 'break' })
    expect(answer.outcome).toBe('failed')
    expect(answer.output).not.toContain('Grace')
    expect(read(answer).advice).toBe('offer to take a message')
    expect(await staff()).toEqual([])
    expect(await returned('c1')).toMatchObject({ outcome: 'failed' })
    expect(log.join('')).toContain('a tool failed')
    expect(log.join('')).not.toContain('Grace')
  })

  test('that answers outside of its own schema has failed, and has done nothing', async () => {
    expect(await ask('c1', { name: 'Ada', fate: 'answer-wrongly' })).toMatchObject({ outcome: 'failed' })
    expect(await staff()).toEqual([])
    expect((await ledger()).map(({ key }) => key)).toEqual(['tool.called:c1', 'tool.returned:c1'])
  })

  test('that takes too long is answered for at its deadline, and is undone', async () => {
    const asked = ask('c1', { name: 'Ada', fate: 'hang' })
    await clock.untilSet()
    clock.advance(deadlineMs)
    const answer = await asked
    expect(answer).toMatchObject({ outcome: 'timed-out', endsCall: false })
    expect(read(answer).error).toBe('this takes too long just now')
    expect(await staff()).toEqual([])
    expect(await returned('c1')).toMatchObject({ outcome: 'timed-out' })
  })
})

test('a tool that hangs in a query is answered for as soon as any, and its query is broken off', async () => {
  const call = { toolCallId: 'c1', name: 'hire', argumentsJson: JSON.stringify({ name: 'Ada', fate: 'query' }) }
  const answer = await askRaw(call, [{ ...hire, deadlineMs: 50 }])
  expect(answer).toMatchObject({ outcome: 'timed-out' })
  expect(await returned('c1')).toMatchObject({ outcome: 'timed-out' })
  expect(await staff()).toEqual([])
}, 8_000)

describe('a call that the model makes again', () => {
  test('gets the first answer, and has no second effect, whatever it asks for now', async () => {
    const first = await ask('c1', { name: 'Ada', fate: 'end-call' })
    expect(await ask('c1', { name: 'Ada', fate: 'end-call' })).toEqual(first)
    expect(await ask('c1', { name: 'Grace', fate: 'break' })).toEqual(first)
    expect(await ask('c1', 'nonsense')).toEqual(first)
    expect(await staff()).toEqual(['Ada'])
    expect(await ledger()).toHaveLength(3)
  })

  test('gets the first answer also where that was a refusal, a failure or a deadline', async () => {
    const refusal = await ask('c1', { name: 'Ada', fate: 'refuse' })
    const failure = await ask('c2', { name: 'Ada', fate: 'break' })
    const asked = ask('c3', { name: 'Ada', fate: 'hang' })
    await clock.untilSet()
    clock.advance(deadlineMs)
    const lateness = await asked
    for (const [id, first] of Object.entries({ c1: refusal, c2: failure, c3: lateness }))
      expect(await ask(id, { name: 'Grace' })).toEqual(first)
    expect(await staff()).not.toContain('Grace')
  })

  test('ten times at once gets one answer and has one effect', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask('c1', { name: 'Ada' })))
    expect(new Set(answers.map((answer) => JSON.stringify(answer)))).toEqual(new Set([JSON.stringify(answers[0])]))
    expect(await staff()).toEqual(['Ada'])
    expect(await ledger()).toHaveLength(3)
  })

  test('under another id is another call', async () => {
    await Promise.all([ask('c1', { name: 'Ada' }), ask('c2', { name: 'Ada' })])
    expect(await staff()).toEqual(['Ada', 'Ada'])
  })
})

describe('a ledger that cannot be written', () => {
  test('undoes the tool, and the model hears that it did not work', async () => {
    await admin`revoke insert on conversation_events from frontdesk_tenant`
    const answer = await ask('c1', { name: 'Ada' })
    await admin`grant insert on conversation_events to frontdesk_tenant`
    expect(answer.outcome).toBe('failed')
    expect(await staff()).toEqual([])
    expect(log.join('')).toContain("a tool's failure could not be written")
  })

  test('of another clinic is not reached: the conversation is not there', async () => {
    const theirs = await seedClinic(database.db, '02')
    conversationId = theirs.conversationId
    expect((await ask('c1', { name: 'Ada' })).outcome).toBe('failed')
    expect(await staff()).toEqual([])
    expect((await ledger()).filter(({ key }) => key.startsWith('tool.'))).toEqual([])
  })
})
