// The analysis job against a real database: one fact a call, whatever the text model does and however often it is asked.
import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { analysisTasks } from '../../src/analysis/analyze.ts'
import type { ConversationFact } from '../../src/conversations/events.ts'
import type { Database } from '../../src/db/database.ts'
import { type Outcome, ok, problem } from '../../src/lib/outcome.ts'
import { RetryLater } from '../../src/lib/retry-later.ts'
import type { Writer, WriterProblem } from '../../src/vendors/writer.ts'
import { callFacts, sampleAnalysis, utterance, wholeCall } from '../support/call-summary.ts'
import { type ClinicCall, type Ground, groundOf, placeCall } from '../support/clinic-call.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'

let database: TestDatabase
let ground: Ground
beforeAll(async () => {
  database = await openTestDatabase()
})
beforeEach(() => {
  ground = groundOf()
})
afterAll(() => database.end())

/** A text model that answers as told, after `before`, and keeps what it was asked. */
function writerThat(answer: () => Outcome<unknown, WriterProblem>, before: () => Promise<void> = async () => {}) {
  const asked: { model: string; instructions: string; input: string }[] = []
  const writer: Writer = {
    async answer({ model, instructions, input, schema }) {
      asked.push({ model, instructions, input })
      await before()
      const outcome = answer()
      return outcome.ok ? ok({ value: schema.parse(outcome.value), usage: { total_tokens: 9 } }) : outcome
    },
  }
  return { writer, asked }
}

const analyze = async ({ organizationId, conversationId }: ClinicCall, writer: Writer, db: Database = database.db) =>
  analysisTasks({ ...ground, db, writer }).analyze?.({ organizationId, conversationId }, 1)
const notAnalysed = wholeCall.filter(({ kind }) => kind !== 'analysis.completed')
const place = (facts: readonly ConversationFact[] = notAnalysed) => placeCall(database.db, ground, facts)
const outcomesOf = async (call: ClinicCall) =>
  (await call.events()).filter(({ key }) => key === 'analysis').map(({ fact }) => fact)

test('a call with words is analysed from them, and the row has the analysis', async () => {
  const { writer, asked } = writerThat(() => ok(sampleAnalysis))
  const call = await place()
  await analyze(call, writer)
  expect(asked).toHaveLength(1)
  expect(asked[0]?.model).toBe(ground.config.OPENAI_ANALYSIS_MODEL)
  expect(JSON.parse(asked[0]?.input ?? '{}').transcript.at(-1)).toEqual({
    speaker: 'caller',
    said: 'Could Dr. Chen call me back before noon?',
  })
  expect(await outcomesOf(call)).toEqual([{ kind: 'analysis.completed', analysis: sampleAnalysis }])
  expect((await call.row()).callAnalysis).toEqual(sampleAnalysis)
  const usage = (await call.events()).find(({ fact }) => fact.kind === 'usage')
  expect(usage?.fact).toMatchObject({ source: 'responses', usage: { total_tokens: 9 } })
})

test('an answer beyond the limits is cut before it is kept', async () => {
  const { writer } = writerThat(() => ok({ ...sampleAnalysis, summary: 'x'.repeat(50_000) }))
  const call = await place()
  await analyze(call, writer)
  expect((await call.row()).callAnalysis).toMatchObject({ summary: expect.stringMatching(/^x{1199}…$/) })
})

test.each([
  ['nobody', []],
  ['only the agent', [utterance('agent', 'Hello? Is anybody there?', 1_000)]],
  ['the caller, without a word that was understood', [utterance('caller', '', 1_000)]],
])('where %s spoke there is nothing to analyse, and no model is asked', async (_, spoken) => {
  const { writer, asked } = writerThat(() => ok(sampleAnalysis))
  const call = await place([...notAnalysed.filter(({ kind }) => kind !== 'utterance'), ...spoken])
  await analyze(call, writer)
  expect(asked).toEqual([])
  expect(await outcomesOf(call)).toEqual([{ kind: 'analysis.skipped', reason: 'the caller said nothing' }])
})

test.each(['refused', 'malformed'] as const)(
  'an answer that is %s is a failed analysis, with the reason',
  async (kind) => {
    const { writer, asked } = writerThat(() => problem(kind, 'Cannot answer: so it is'))
    const call = await place()
    await analyze(call, writer)
    await analyze(call, writer)
    expect(asked).toHaveLength(1)
    expect(await outcomesOf(call)).toEqual([{ kind: 'analysis.failed', reason: 'Cannot answer: so it is' }])
  },
)

test('a model that cannot be reached is asked again later, within limits', async () => {
  const { writer } = writerThat(() => problem('unavailable', 'Cannot answer: nobody there'))
  const call = await place()
  await expect(analyze(call, writer)).rejects.toBeInstanceOf(RetryLater)
  expect(await outcomesOf(call)).toEqual([])
  ground.clock.advance(60 * 60_000)
  await analyze(call, writer)
  expect(await outcomesOf(call)).toEqual([{ kind: 'analysis.failed', reason: 'Cannot answer: nobody there' }])
})

test('asked several times at once, it is one fact', async () => {
  const { writer } = writerThat(() => ok(sampleAnalysis))
  const call = await place()
  await Promise.all(Array.from({ length: 6 }, () => analyze(call, writer)))
  expect(await outcomesOf(call)).toHaveLength(1)
})

test('once there is an analysis, no model is asked', async () => {
  const { writer, asked } = writerThat(() => ok(sampleAnalysis))
  await analyze(await place([...notAnalysed, callFacts.analysed]), writer)
  expect(asked).toEqual([])
})

test('no transaction is open while the model is asked', async () => {
  const call = await place()
  const single = database.open({ maxConnections: 1 })
  const { writer } = writerThat(
    () => ok(sampleAnalysis),
    () => single.withOrg(call.organizationId, async () => {}),
  )
  await analyze(call, writer, single)
  expect(await outcomesOf(call)).toHaveLength(1)
})

test('another clinic’s job cannot read this clinic’s words', async () => {
  const { writer, asked } = writerThat(() => ok(sampleAnalysis))
  const [ours, theirs] = [await place(), await place()]
  await analyze({ ...ours, organizationId: theirs.organizationId }, writer)
  expect(asked).toEqual([])
  expect(await outcomesOf(ours)).toEqual([])
})
