// Puts together what the bridge must know of one call: the clinic's voice, instructions and tools, the way to the model,
// and, for a call that goes on after a break, everything that was said before.
import { consultTool } from '../agents/briefing.ts'
import type { Agent, CallPlan, ModelSettings, RecallView, Recollection } from '../bridge/plan.ts'
import { runTool } from '../clinic/tool-runner.ts'
import { toolsFor } from '../clinic/toolbox.ts'
import { toolSchema } from '../clinic/tools.ts'
import { limits } from '../config.ts'
import { historyOf } from '../conversations/history.ts'
import { createJournal } from '../conversations/journal.ts'
import { modeOf } from '../conversations/mode.ts'
import { describeState, stateOf } from '../conversations/state.ts'
import type { Deps } from '../deps.ts'
import { spreadOf } from '../lib/ids.ts'
import { type AgentMode, languagesOf } from '../organizations/settings.ts'
import type { Organization } from '../organizations/store.ts'
import { isCallSpent } from './admission.ts'
import { consult } from './consult.ts'
import { contactNamed, emergencyOf } from './contacts.ts'
import type { CallContext } from './context.ts'
import { openingOf } from './opening.ts'
import { instructionsFor, readScene, type Scene, withLatest } from './scene.ts'

export type PlannedCall = { organizationId: string; conversationId: string; callSid: string; generation: number }

export async function planCall(context: CallContext, call: PlannedCall): Promise<CallPlan> {
  const { deps } = context
  const { organizationId, conversationId, generation } = call
  const scene = await readScene(context, call)
  const { organization, texts, events } = scene
  const journal = createJournal(deps, organizationId, conversationId, context.onLost)
  if (texts.base === undefined) {
    const text = 'The clinic has no instructions for calls; the default was used.'
    journal.write({ kind: 'warning', about: 'instructions', text }, deps.clock.now())
  }
  const { mode: modeBefore, isWished } = modeOf(events)
  const mode = isWished ? modeBefore : organization.settings.agentMode
  return {
    ...call,
    realtime: {
      baseUrl: deps.config.OPENAI_BASE_URL,
      apiKey: deps.config.OPENAI_API_KEY ?? '',
      safetyIdentifier: context.seal.derive(`caller in ${conversationId}`),
    },
    model: modelSettings(deps, organization, mode, stateOf(events).language),
    ...agentOf(scene, mode),
    standby: agentOf(scene, mode === 'single' ? 'two_agent' : 'single'),
    modeBefore,
    interruptMs: organization.settings.voice.interruptMs,
    emergency: emergencyOf(organization, events, deps.clock.now()),
    operator: contactNamed(organization.settings.keypad.operator, organization, deps.clock.now()),
    spread: spreadOf(conversationId),
    greeting: openingOf(scene, generation),
    history: historyOf(events, limits.historyTurns),
    limits: { callMs: deps.config.MAX_CALL_MINUTES * 60_000 },
    runTool: (toolCall, mode) =>
      runTool(deps, { organizationId, conversationId, tools: toolsFor(organization, talkers[mode]) }, toolCall),
    recall: (view) => recall(context, call, view),
    isSpent: () => isCallSpent(deps, call),
    consult: (toolCall, view) => consult(context, { organizationId, conversationId, journal }, toolCall, view),
    journal,
  }
}

/** For a model that takes over in the middle of the call: who it is to be, and all that was said and done so far. */
async function recall(context: CallContext, call: PlannedCall, view: RecallView): Promise<Recollection> {
  const before = await readScene(context, call)
  const scene = { ...before, events: withLatest(before.events, view.unsettled) }
  return {
    agents: { single: agentOf(scene, 'single'), two_agent: agentOf(scene, 'two_agent') },
    history: historyOf(scene.events, limits.historyTurns, view.streamSid),
  }
}

/** Who talks with the caller, in each mode. */
const talkers = { single: 'single', two_agent: 'receptionist' } as const

/** What was said and done so far is its history; what it has established, it is told beside. */
function agentOf(scene: Scene, mode: AgentMode): Agent {
  const role = talkers[mode]
  const known = describeState(stateOf(scene.events))
  const tools = toolsFor(scene.organization, role).map(toolSchema)
  return {
    mode,
    instructions: [instructionsFor(role, scene), known].filter((part) => part !== '').join('\n\n'),
    tools: role === 'receptionist' ? [...tools, { ...consultTool, isConsult: true }] : tools,
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

function modelSettings(
  { config }: Deps,
  organization: Organization,
  mode: AgentMode,
  chosen: string | null,
): ModelSettings {
  const { language, settings } = organization
  const { voice } = settings
  const languages = languagesOf(organization)
  const usual = mode === 'single' ? config.OPENAI_REALTIME_MODEL : config.OPENAI_REALTIME_MINI_MODEL
  return {
    model: voice.model ?? usual,
    voice: voice.voice,
    transcriptionModel: voice.transcriptionModel ?? config.OPENAI_TRANSCRIPTION_MODEL,
    language: chosen ?? (languages.length > 1 ? null : language),
    languages,
    noiseReduction: voice.noiseReduction,
    turnDetection: {
      by: 'silence',
      threshold: voice.vadThreshold,
      prefixMs: voice.vadPrefixMs,
      silenceMs: voice.vadSilenceMs,
    },
  }
}
