// What the agent is told to be: the organization's own instructions, newest version of each scope. Cached for a minute, and
// forgotten at once when the database says that they changed. Without any, a safe default serves, and a warning is due.
import { and, desc, eq } from 'drizzle-orm'
import { limits } from '../config.ts'
import type { Database, Tx } from '../db/database.ts'
import { agentInstructions } from '../db/schema.ts'
import type { Clock } from '../lib/clock.ts'

export type Channel = 'voice' | 'web' | 'whatsapp' | 'sms'
export type Scope = 'base' | 'receptionist' | 'supervisor' | 'greeting'

export type Instructions = {
  /** By scope, where the organization wrote any. */
  texts: Partial<Record<Scope, string>>
  /** The newest version among them; 0 when there is none. */
  version: number
}

export const defaultInstructions = `You are the telephone receptionist of a clinic. Be brief, warm and calm; one question at a time.
Find out who is calling and what they need, then take a message with the take_message tool, so that the clinic can call back.
Never give medical advice, never promise an appointment, never speak about other patients.
If the caller describes an emergency, tell them to hang up and call the emergency number at once.
When the caller is done, say goodbye and call the end_call tool.`

export const defaultGreeting = (clinic: string): string =>
  `Greet the caller in one short sentence: thank them for calling ${clinic} and ask how you can help.`

export type InstructionsCache = {
  of(organizationId: string, channel: Channel): Promise<Instructions>
  /** Forgets an organization's instructions. */
  forget(organizationId: string): void
}

export function createInstructionsCache({ db, clock }: { db: Database; clock: Clock }): InstructionsCache {
  const kept = new Map<string, { instructions: Instructions; readAtMs: number }>()
  /** What was read before a change was announced may be what it changed, and is not kept. */
  let changes = 0
  return {
    async of(organizationId, channel) {
      const name = `${organizationId}:${channel}`
      const found = kept.get(name)
      if (found !== undefined && clock.now() - found.readAtMs < limits.instructionsCacheMs) return found.instructions
      const readAtMs = clock.now()
      const changesBefore = changes
      const instructions = await db.withOrg(organizationId, (tx) => readInstructions(tx, organizationId, channel))
      if (kept.size >= limits.instructionsCacheEntries) kept.clear()
      if (changes === changesBefore) kept.set(name, { instructions, readAtMs })
      return instructions
    },
    forget(organizationId) {
      changes++
      for (const name of kept.keys()) if (name.startsWith(`${organizationId}:`)) kept.delete(name)
    },
  }
}

async function readInstructions(tx: Tx, organizationId: string, channel: Channel): Promise<Instructions> {
  const rows = await tx
    .selectDistinctOn([agentInstructions.scope], {
      scope: agentInstructions.scope,
      version: agentInstructions.version,
      instructions: agentInstructions.instructions,
    })
    .from(agentInstructions)
    .where(and(eq(agentInstructions.organizationId, organizationId), eq(agentInstructions.channel, channel)))
    .orderBy(agentInstructions.scope, desc(agentInstructions.version))
  return {
    texts: Object.fromEntries(rows.map((row) => [row.scope, row.instructions])),
    version: Math.max(0, ...rows.map((row) => row.version)),
  }
}

/** Adds a version; the highest is in force from then on, on every machine. */
export async function saveInstructions(
  tx: Tx,
  organizationId: string,
  channel: Channel,
  scope: Scope,
  instructions: string,
): Promise<number> {
  const [newest] = await tx
    .select({ version: agentInstructions.version })
    .from(agentInstructions)
    .where(
      and(
        eq(agentInstructions.organizationId, organizationId),
        eq(agentInstructions.channel, channel),
        eq(agentInstructions.scope, scope),
      ),
    )
    .orderBy(desc(agentInstructions.version))
    .limit(1)
  const version = (newest?.version ?? 0) + 1
  await tx.insert(agentInstructions).values({ organizationId, channel, scope, version, instructions })
  return version
}
