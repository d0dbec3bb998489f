// The receptionist asks the supervisor: what the ledger and the live call know is laid before it, its tools run as any other
// tool does, and call and answer are in the ledger like a tool's. Holds no transaction while it thinks.
import { type Briefing, briefingText, consultTool, requestIn } from '../agents/briefing.ts'
import { type GivenUp, type Supervised, supervise, supervisorLimits } from '../agents/supervisor.ts'
import type { ConsultView } from '../bridge/plan.ts'
import { runTool, type ToolCall, type ToolOutput } from '../clinic/tool-runner.ts'
import { toolsFor } from '../clinic/toolbox.ts'
import { toolSchema } from '../clinic/tools.ts'
import type { ConversationEvent } from '../conversations/events.ts'
import { answeredCalls } from '../conversations/history.ts'
import type { Journal } from '../conversations/journal.ts'
import { describeState, stateOf } from '../conversations/state.ts'
import { turnsOf } from '../conversations/transcript.ts'
import { isoTime } from '../lib/clock.ts'
import type { Organization } from '../organizations/store.ts'
import type { CallContext } from './context.ts'
import { instructionsFor, readScene, withLatest } from './scene.ts'

type Asking = { organizationId: string; conversationId: string; journal: Journal }

/** Never throws. Resolves when the outcome is in the ledger. */
export async function consult(
  context: CallContext,
  asking: Asking,
  call: ToolCall,
  view: ConsultView,
): Promise<ToolOutput> {
  const { clock, log } = context.deps
  const { conversationId, journal } = asking
  const { toolCallId, name } = call
  const request = requestIn(call.argumentsJson)
  const given = request === null ? call.argumentsJson : { request }
  journal.write({ kind: 'tool.called', toolCallId, name, arguments: given }, clock.now())
  await journal.flush()
  const { result, outcome, endsCall } = await answerTo(context, asking, request, view).catch((error: Error) => {
    log.error({ conversationId, toolCallId, error }, 'the supervisor could not be asked')
    return inVain('unavailable')
  })
  journal.write({ kind: 'tool.returned', toolCallId, name, outcome, result, endsCall }, clock.now())
  await journal.flush()
  return { output: JSON.stringify(result), outcome, endsCall }
}

type Told = Omit<ToolOutput, 'output'> & { result: object }

async function answerTo(
  context: CallContext,
  { organizationId, conversationId, journal }: Asking,
  request: string | null,
  { unsettled, signal }: ConsultView,
): Promise<Told> {
  if (request === null) return notUnderstood
  const { deps } = context
  const scene = await readScene(context, { organizationId, conversationId })
  const { organization, events } = scene
  const tools = toolsFor(organization, 'supervisor')
  const model = organization.settings.supervisorModel ?? deps.config.OPENAI_SUPERVISOR_MODEL
  const supervised = await supervise(
    deps,
    {
      model,
      instructions: instructionsFor('supervisor', scene),
      briefing: briefingText(briefingOf(request, organization, withLatest(events, unsettled), deps.clock.now())),
      tools: tools.map(toolSchema),
      runTool: (run) => runTool(deps, { organizationId, conversationId, tools }, run),
      onThought: ({ responseId, usage }) =>
        journal.write({ kind: 'usage', source: 'responses', model, usage }, deps.clock.now(), responseId),
      signal,
    },
    supervisorLimits,
  )
  if (supervised.is === 'given-up')
    deps.log.warn({ conversationId, reason: supervised.why }, 'the supervisor gave no answer')
  return told(supervised)
}

function briefingOf(
  request: string,
  { timeZone }: Organization,
  events: readonly ConversationEvent[],
  nowMs: number,
): Briefing {
  return {
    request,
    now: isoTime(nowMs),
    timeZone,
    known: describeState(stateOf(events)),
    said: turnsOf(events),
    done: answeredCalls(events)
      .filter(({ call }) => call.name !== consultTool.name)
      .map(({ call, result }) => ({ tool: call.name, arguments: call.arguments, result })),
  }
}

function told(supervised: Supervised): Told {
  const { done, endsCall } = supervised
  if (supervised.is === 'answered') return { result: { answer: supervised.answer }, outcome: 'done', endsCall }
  const { result, outcome } = inVain(supervised.why)
  // What was done stays done, whether or not anybody put it into words.
  return { result: done.length === 0 ? result : { ...result, done }, outcome, endsCall }
}

const notUnderstood: Told = {
  outcome: 'refused',
  result: { error: 'request: must be what the caller wants, in one or two sentences' },
  endsCall: false,
}

function inVain(why: GivenUp): Told {
  switch (why) {
    case 'stopped':
      return { result: superseded, outcome: 'superseded', endsCall: false }
    case 'overdue':
      return { result: apology, outcome: 'timed-out', endsCall: false }
    case 'undecided':
    case 'unavailable':
    case 'refused':
    case 'malformed':
      return { result: apology, outcome: 'failed', endsCall: false }
  }
}

const superseded = {
  superseded: 'the caller said something else before the supervisor had answered',
  advice: 'consult the supervisor again if a question is still open',
}
const apology = {
  error: 'the supervisor cannot answer just now',
  advice: 'apologise in one short sentence and offer to take a message',
}
