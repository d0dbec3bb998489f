// Who looked at, or changed, what of a patient. Written in the transaction that did it, so that neither happens without the
// other; nobody may change or delete it.
import { auditLog } from '../db/schema.ts'
import type { ToolContext } from './tools.ts'

type Action = (typeof auditLog.$inferInsert)['action']

/** `patientId` is null where somebody was looked for and not found. */
export async function audit(context: ToolContext, action: Action, patientId: string | null): Promise<void> {
  const { tx, organizationId, conversationId, toolCallId, toolName, nowMs } = context
  await tx.insert(auditLog).values({
    organizationId,
    at: new Date(nowMs),
    actor: 'agent',
    conversationId,
    toolCallId,
    patientId,
    action,
    purpose: toolName,
  })
}
