// The job that has a finished conversation analysed, once: reads its words, asks the text model outside of any
// transaction, and records one fact, whatever came of it. May run twice without harm: the fact has one key.
import { limits } from '../config.ts'
import { type Analysis, analysis, bounded } from '../conversations/analysis.ts'
import type { ConversationFact } from '../conversations/events.ts'
import { eventOf, findConversation, findFact, readTurns, recordEvents } from '../conversations/store.ts'
import type { Turn } from '../conversations/transcript.ts'
import type { Tasks } from '../db/jobs.ts'
import type { Deps } from '../deps.ts'
import { isoTime } from '../lib/clock.ts'
import { unreachable } from '../lib/outcome.ts'
import { RetryLater } from '../lib/retry-later.ts'
import { readOrganization } from '../organizations/store.ts'
import { analysisInput, analysisInstructions } from './prompt.ts'

type AnalysisDeps = Pick<Deps, 'config' | 'db' | 'clock' | 'ids' | 'log' | 'writer'>
type Ids = { organizationId: string; conversationId: string }

/** An unreachable model is asked again for this long after the call began; the queue's pauses grow, so some ten times. */
const patienceMs = 60 * 60_000

export function analysisTasks(deps: AnalysisDeps): Tasks {
  return {
    analyze: async ({ organizationId, conversationId }) => {
      if (conversationId === undefined) throw new Error('Cannot analyse: the job names no conversation')
      await analyze(deps, { organizationId, conversationId })
    },
  }
}

async function analyze(deps: AnalysisDeps, ids: Ids): Promise<void> {
  const material = await readMaterial(deps, ids)
  if (material === null) return
  const { turns, clinic, startedAtMs } = material
  if (!turns.some(({ speaker, text }) => speaker === 'caller' && text !== '')) {
    return record(deps, ids, [{ kind: 'analysis.skipped', reason: 'the caller said nothing' }])
  }
  const model = deps.config.OPENAI_ANALYSIS_MODEL
  const answer = await deps.writer.answer<Analysis>({
    model,
    instructions: analysisInstructions(clinic.language),
    input: analysisInput(turns, { startedAt: isoTime(startedAtMs), timeZone: clinic.timeZone }),
    schemaName: 'call_analysis',
    schema: analysis,
    deadlineMs: limits.analysisDeadlineMs,
  })
  if (answer.ok) {
    const { value, usage } = answer.value
    return record(deps, ids, [
      { kind: 'analysis.completed', analysis: bounded(value) },
      { kind: 'usage', source: 'responses', model, usage },
    ])
  }
  switch (answer.problem) {
    case 'unavailable':
      if (deps.clock.now() - startedAtMs < patienceMs) throw new RetryLater(answer.message)
      return giveUp(deps, ids, answer.message)
    case 'refused':
    case 'malformed':
      return giveUp(deps, ids, answer.message)
    default:
      return unreachable(answer.problem)
  }
}

type Material = { turns: Turn[]; clinic: { language: string; timeZone: string }; startedAtMs: number }

/** Null when there is nothing to do: no such conversation here, or its analysis is settled already. */
const readMaterial = (deps: AnalysisDeps, { organizationId, conversationId }: Ids): Promise<Material | null> =>
  deps.db.withOrg(organizationId, async (tx) => {
    const conversation = await findConversation(tx, organizationId, conversationId)
    if (conversation === undefined) return null
    if ((await findFact(tx, organizationId, conversationId, 'analysis')) !== null) return null
    const clinic = await readOrganization(tx, organizationId)
    const turns = await readTurns(tx, organizationId, conversationId)
    return { turns, clinic, startedAtMs: conversation.startedAt.getTime() }
  })

async function giveUp(deps: AnalysisDeps, ids: Ids, reason: string): Promise<void> {
  deps.log.error({ ...ids, reason }, 'no analysis could be made')
  await record(deps, ids, [{ kind: 'analysis.failed', reason }])
}

async function record(deps: AnalysisDeps, ids: Ids, facts: ConversationFact[]): Promise<void> {
  const events = facts.map((fact) => eventOf(fact, deps.clock.now(), 'analysis'))
  await deps.db.withOrg(ids.organizationId, (tx) =>
    recordEvents(deps, tx, ids.organizationId, ids.conversationId, events),
  )
}
