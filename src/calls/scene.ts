// What any agent of a call must know: what the clinic wrote for its agents, what it is, and all that has happened so far.
// Read anew whenever an agent is made ready, so that it knows the latest.
import { composeInstructions, type Role } from '../agents/compose.ts'
import { defaultInstructions, type Instructions } from '../agents/instructions.ts'
import { renderInstructions, type TemplateVariable } from '../agents/template.ts'
import { clinicVariables } from '../clinic/about.ts'
import type { ConversationEvent, FactOf } from '../conversations/events.ts'
import { eventOf, readEvents } from '../conversations/store.ts'
import { type Organization, readOrganization } from '../organizations/store.ts'
import type { CallContext } from './context.ts'

export type Scene = {
  organization: Organization
  texts: Instructions['texts']
  variables: Record<TemplateVariable, string>
  events: ConversationEvent[]
}

export async function readScene(
  { deps, instructions }: CallContext,
  { organizationId, conversationId }: { organizationId: string; conversationId: string },
): Promise<Scene> {
  const [{ texts }, scene] = await Promise.all([
    instructions.of(organizationId, 'voice'),
    deps.db.withOrg(organizationId, async (tx) => {
      const organization = await readOrganization(tx, organizationId)
      const variables = await clinicVariables(tx, organization, deps.clock.now())
      return { organization, variables, events: await readEvents(tx, organizationId, conversationId) }
    }),
  ])
  return { texts, ...scene }
}

/** With turns that are not in the ledger yet. What the ledger has, it has as it will stay. */
export function withLatest(
  events: readonly ConversationEvent[],
  unsettled: readonly FactOf<'utterance'>[],
): ConversationEvent[] {
  const kept = new Set(events.map(({ key }) => key))
  const latest = unsettled.map((fact) => eventOf(fact, fact.startedAtMs))
  return [...events, ...latest.filter(({ key }) => !kept.has(key))]
}

/** What an agent is told to be, with the clinic's variables filled in. */
export const instructionsFor = (role: Role, { texts, variables }: Scene): string =>
  renderInstructions(composeInstructions(texts.base ?? defaultInstructions, texts, role), variables)
