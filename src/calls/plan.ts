// Puts together what the bridge must know of one call: the clinic's voice, instructions and tools, the way to the model,
// and, for a call that goes on after a break, everything that was said before.
import { defaultGreeting, defaultInstructions } from '../agents/instructions.ts'
import { renderInstructions } from '../agents/template.ts'
import type { CallPlan, ModelSettings } from '../bridge/plan.ts'
import { clinicVariables } from '../clinic/about.ts'
import { runTool } from '../clinic/tool-runner.ts'
import { toolsFor } from '../clinic/toolbox.ts'
import { toolSchema } from '../clinic/tools.ts'
import { limits } from '../config.ts'
import { historyOf } from '../conversations/history.ts'
import { createJournal } from '../conversations/journal.ts'
import { describeState, stateOf } from '../conversations/state.ts'
import { readEvents } from '../conversations/store.ts'
import type { Deps } from '../deps.ts'
import { type Organization, readOrganization } from '../organizations/store.ts'
import type { CallContext } from './context.ts'

export type PlannedCall = { organizationId: string; conversationId: string; callSid: string; generation: number }

export async function planCall(context: CallContext, call: PlannedCall): Promise<CallPlan> {
  const { deps } = context
  const { organizationId, conversationId, callSid, generation } = call
  const [instructions, { organization, variables, events }] = await Promise.all([
    context.instructions.of(organizationId, 'voice'),
    deps.db.withOrg(organizationId, async (tx) => {
      const organization = await readOrganization(tx, organizationId)
      const variables = await clinicVariables(tx, organization, deps.clock.now())
      const events = generation === 0 ? [] : await readEvents(tx, organizationId, conversationId)
      return { organization, variables, events }
    }),
  ])
  const tools = toolsFor(organization, 'single')
  const journal = createJournal(deps, organizationId, conversationId)
  const { base, greeting } = instructions.texts
  if (base === undefined) {
    journal.write(
      {
        kind: 'warning',
        about: 'instructions',
        text: 'The clinic has no instructions for calls; the default was used.',
      },
      deps.clock.now(),
    )
  }
  return {
    organizationId,
    conversationId,
    callSid,
    generation,
    realtime: {
      baseUrl: deps.config.OPENAI_BASE_URL,
      apiKey: deps.config.OPENAI_API_KEY ?? '',
      safetyIdentifier: context.seal.derive(`caller in ${conversationId}`),
    },
    model: modelSettings(deps, organization),
    instructions: [renderInstructions(base ?? defaultInstructions, variables), describeState(stateOf(events))]
      .filter((part) => part !== '')
      .join('\n\n'),
    greeting: generation > 0 ? null : renderInstructions(greeting ?? defaultGreeting, variables),
    tools: tools.map(toolSchema),
    history: historyOf(events, limits.historyTurns),
    limits: { callMs: deps.config.MAX_CALL_MINUTES * 60_000 },
    runTool: (toolCall) => runTool(deps, { organizationId, conversationId, tools }, toolCall),
    journal,
  }
}

/** Calls the model ahead of the stream. When that fails, the stream calls it. */
export function prewarm(context: CallContext, call: PlannedCall): void {
  planCall(context, call)
    .then(context.bridge.prewarm)
    .catch((error: Error) =>
      context.deps.log.warn({ callSid: call.callSid, error }, 'the model could not be called ahead'),
    )
}

function modelSettings({ config }: Deps, { language, settings }: Organization): ModelSettings {
  const { voice } = settings
  return {
    model: voice.model ?? config.OPENAI_REALTIME_MODEL,
    voice: voice.voice,
    transcriptionModel: voice.transcriptionModel ?? config.OPENAI_TRANSCRIPTION_MODEL,
    language,
    noiseReduction: voice.noiseReduction,
    turnDetection: {
      by: 'silence',
      threshold: voice.vadThreshold,
      prefixMs: voice.vadPrefixMs,
      silenceMs: voice.vadSilenceMs,
    },
  }
}
