// Runs a tool for the model, safely: the input is checked, the time is bounded, and the outcome is in the ledger before
// anybody hears of it. The same call asked again gets the first answer, and the calls of one conversation are done one after
// another, so that each knows what the one before did. Whatever happens, the model gets an answer.
import { type ConversationFact, eventKey, type FactOf } from '../conversations/events.ts'
import { stateOf } from '../conversations/state.ts'
import {
  type Conversation,
  eventOf,
  findFact,
  lockConversation,
  readEvents,
  recordEvents,
} from '../conversations/store.ts'
import type { Database, Tx } from '../db/database.ts'
import { isConnectionLost } from '../db/query-failed.ts'
import { type Clock, TookTooLong, within } from '../lib/clock.ts'
import type { Ids } from '../lib/ids.ts'
import type { Log } from '../lib/log.ts'
import { isSomebodysNumber } from '../lib/phone.ts'
import { readOrganization } from '../organizations/store.ts'
import { type Tool, type ToolAnswer, type ToolContext, ToolRefusal } from './tools.ts'

export type ToolCall = { toolCallId: string; name: string; argumentsJson: string }
export type ToolOutput = {
  /** JSON for the model. */
  output: string
  outcome: FactOf<'tool.returned'>['outcome']
  endsCall: boolean
  /** In which the call goes on, if that has changed. */
  language?: string
}

export type ToolRunnerDeps = { db: Database; clock: Clock; ids: Ids; log: Log }
export type ToolScene = { organizationId: string; conversationId: string; tools: readonly Tool[] }

/** Never throws. Resolves when the outcome is durable, or has failed to become so and says that to the model. */
export async function runTool(deps: ToolRunnerDeps, scene: ToolScene, call: ToolCall): Promise<ToolOutput> {
  const { conversationId } = scene
  try {
    // A transaction that broke is asked for again: what it was not told of it has not done, or is found done.
    return await attempt(deps, scene, call).catch((error: unknown) => {
      if (!isConnectionLost(error)) throw error
      return attempt(deps, scene, call)
    })
  } catch (error) {
    deps.log.error(
      { conversationId, tool: call.name, toolCallId: call.toolCallId, error: error as Error },
      'a tool failed',
    )
    return await keepFailure(deps, scene, call, isLate(error) ? 'timed-out' : 'failed')
  }
}

function attempt(deps: ToolRunnerDeps, scene: ToolScene, call: ToolCall): Promise<ToolOutput> {
  const { organizationId, conversationId } = scene
  // A statement that hangs is broken off with its tool, so that the model hears of it no later.
  const statementTimeoutMs = toolOf(scene, call)?.deadlineMs
  return deps.db.withOrg(
    organizationId,
    async (tx) => {
      const conversation = await lockConversation(tx, organizationId, conversationId)
      return (await earlierOutput(tx, scene, call)) ?? (await runOnce(deps, tx, scene, conversation, call))
    },
    statementTimeoutMs === undefined ? {} : { statementTimeoutMs },
  )
}

const toolOf = ({ tools }: ToolScene, call: ToolCall): Tool | undefined => tools.find(({ name }) => name === call.name)

/** Its time was up, here or (query_canceled) in the database. */
const isLate = (error: unknown): boolean =>
  error instanceof TookTooLong || (error instanceof Error && 'code' in error && error.code === '57014')

async function runOnce(
  deps: ToolRunnerDeps,
  tx: Tx,
  scene: ToolScene,
  conversation: Conversation,
  call: ToolCall,
): Promise<ToolOutput> {
  const attempt = await answerOf(deps, await contextOf(deps, tx, conversation, call), scene, call)
  const { result, facts = [], endsCall = false, outcome, language } = attempt
  await record(deps, tx, scene, [calledFact(call), ...facts, returnedFact(call, attempt)])
  const output = { output: JSON.stringify(result), outcome, endsCall }
  return language === undefined ? output : { ...output, language }
}

type Attempt = ToolAnswer<unknown> & { outcome: ToolOutput['outcome'] }

async function answerOf(
  deps: ToolRunnerDeps,
  context: ToolContext,
  scene: ToolScene,
  call: ToolCall,
): Promise<Attempt> {
  const refused = (error: string): Attempt => ({ outcome: 'refused', result: { error } })
  const tool = toolOf(scene, call)
  if (tool === undefined) return refused(`there is no tool named ${call.name}`)
  const input = tool.parameters.safeParse(parseJson(call.argumentsJson))
  if (!input.success)
    return refused(
      input.error.issues.map((issue) => `${issue.path.join('.') || 'arguments'}: ${issue.message}`).join('; '),
    )
  try {
    const answer = await within(deps.clock, tool.deadlineMs, tool.run(context, input.data))
    return { ...answer, outcome: 'done', result: tool.result.parse(answer.result) }
  } catch (error) {
    if (error instanceof ToolRefusal) return refused(error.message)
    throw error
  }
}

/** Who calls, and for which clinic, as the database has it. */
async function contextOf(
  deps: ToolRunnerDeps,
  tx: Tx,
  conversation: Conversation,
  { toolCallId, name: toolName }: ToolCall,
): Promise<ToolContext> {
  const { organizationId, id: conversationId, direction, fromNumber, toNumber } = conversation
  const line = direction === 'inbound' ? fromNumber : toNumber
  return {
    tx,
    ids: deps.ids,
    organizationId,
    organization: await readOrganization(tx, organizationId),
    conversationId,
    callerNumber: line !== null && isSomebodysNumber(line) ? line : null,
    toolCallId,
    toolName,
    nowMs: deps.clock.now(),
    state: async () => stateOf(await readEvents(tx, organizationId, conversationId)),
  }
}

/** The first answer to the same call, if there was one. */
async function earlierOutput(tx: Tx, scene: ToolScene, call: ToolCall): Promise<ToolOutput | null> {
  const key = eventKey(returnedFact(call, { outcome: 'done', result: null }))
  const fact = await findFact(tx, scene.organizationId, scene.conversationId, key)
  if (fact?.kind !== 'tool.returned') return null
  return { output: JSON.stringify(fact.result), outcome: fact.outcome, endsCall: fact.endsCall }
}

const advice = 'offer to take a message'
const failures = {
  'timed-out': { error: 'this takes too long just now', advice },
  failed: { error: 'this does not work just now', advice },
}

/** Answers with what the ledger says then: the failure, or what the same call was answered meanwhile. */
async function keepFailure(
  deps: ToolRunnerDeps,
  scene: ToolScene,
  call: ToolCall,
  outcome: keyof typeof failures,
): Promise<ToolOutput> {
  const result = failures[outcome]
  const failed: ToolOutput = { output: JSON.stringify(result), outcome, endsCall: false }
  try {
    return await deps.db.withOrg(scene.organizationId, async (tx) => {
      await record(deps, tx, scene, [calledFact(call), returnedFact(call, { outcome, result })])
      return (await earlierOutput(tx, scene, call)) ?? failed
    })
  } catch (error) {
    deps.log.error(
      { conversationId: scene.conversationId, toolCallId: call.toolCallId, error: error as Error },
      "a tool's failure could not be written",
    )
    return failed
  }
}

const record = (deps: ToolRunnerDeps, tx: Tx, scene: ToolScene, facts: ConversationFact[]) => {
  const atMs = deps.clock.now()
  const events = facts.map((fact) => eventOf(fact, atMs))
  return recordEvents(deps, tx, scene.organizationId, scene.conversationId, events)
}

const calledFact = ({ toolCallId, name, argumentsJson }: ToolCall): ConversationFact => ({
  kind: 'tool.called',
  toolCallId,
  name,
  arguments: parseJson(argumentsJson) ?? argumentsJson,
})

const returnedFact = (
  { toolCallId, name }: ToolCall,
  { outcome, result, endsCall = false }: Pick<Attempt, 'outcome' | 'result' | 'endsCall'>,
): ConversationFact => ({ kind: 'tool.returned', toolCallId, name, outcome, result, endsCall })

/** Undefined for what is no JSON: models do cut their arguments short. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
