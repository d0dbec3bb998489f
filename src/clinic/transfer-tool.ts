// Puts the caller through to somebody of the clinic. Who that can be is the clinic's list and nothing else: the model names
// somebody on it, and has no way to name a number.
import { z } from 'zod'
import { limits } from '../config.ts'
import type { ConversationFact } from '../conversations/events.ts'
import { isWithin } from '../lib/wall-clock.ts'
import type { TransferTarget } from '../organizations/settings.ts'
import { optionsMeant } from './matching.ts'
import { defineTool, type Tool, ToolRefusal, text } from './tools.ts'

export const transferToPerson = (targets: readonly TransferTarget[]): Tool =>
  defineTool({
    name: 'transfer_to_person',
    description:
      `Puts the caller through to a person: ${listed(targets)}. Use it when the caller asks for one of them, or needs what ` +
      'you cannot do. First tell the caller in one sentence, in the same turn; nobody hears you after it.',
    parameters: z.strictObject({
      to: text(60).describe('Whom, by the name in this list'),
      reason: text(200).describe('What the caller wants of them, in a few words, as one would tell a colleague'),
    }),
    result: z.strictObject({ connecting_to: z.string() }),
    deadlineMs: limits.clinicToolMs,
    isTransfer: true,
    async run({ toolCallId, organization, nowMs }, { to, reason }) {
      const { settings, timeZone } = organization
      // As the clinic wants it now: the list may have changed since the call began.
      const [target, ...others] = optionsMeant(to, settings.transfer.targets)
      if (target === undefined || others.length > 0)
        throw new ToolRefusal(`callers can be put through to ${listed(settings.transfer.targets)} only`)
      const { name, phoneNumber, hours } = target
      if (hours !== null && !isWithin(hours, nowMs, timeZone))
        throw new ToolRefusal(`${name} cannot be reached at this time; offer to take a message`)
      const requested: ConversationFact = {
        kind: 'transfer.requested',
        toolCallId,
        target: name,
        phoneNumber,
        reason,
        isWarm: settings.transfer.isWarm,
      }
      return { result: { connecting_to: name }, facts: [requested], endsCall: true }
    },
  })

const listed = (targets: readonly TransferTarget[]): string =>
  targets.length === 0 ? 'nobody' : targets.map(({ name }) => name).join(', ')
