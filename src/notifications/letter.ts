// From a conversation to the message about it: what the mailer is given, to the last byte. The same conversation, settings
// and admins give the same message.
import { render } from 'react-email'
import { CallSummary } from '../../emails/call-summary.tsx'
import { callSummaryText } from '../../emails/call-summary-text.ts'
import { analysis } from '../conversations/analysis.ts'
import type { ConversationEvent } from '../conversations/events.ts'
import { fold } from '../conversations/merge.ts'
import type { Conversation } from '../conversations/store.ts'
import { turnsOf } from '../conversations/transcript.ts'
import type { MailPayload } from '../vendors/mailer.ts'
import { summaryView } from './view.ts'

export type LetterMaterial = {
  clinic: { name: string; timeZone: string }
  conversation: Conversation
  events: readonly ConversationEvent[]
  recipients: string[]
  deliveryId: string
  from: string
}

export async function composeLetter(material: LetterMaterial): Promise<MailPayload> {
  const { clinic, conversation, events, deliveryId } = material
  const facts = fold(events)
  const found = analysis.safeParse(facts.analysis?.analysis)
  const props = summaryView({
    clinic,
    conversation,
    facts,
    events,
    turns: turnsOf(events),
    analysis: found.success ? found.data : null,
  })
  return {
    from: material.from,
    to: material.recipients,
    subject: props.subject,
    html: await render(CallSummary(props)),
    text: callSummaryText(props),
    // The first keeps mail programs from folding the mails of different calls into one; the second keeps robots quiet.
    headers: { 'X-Entity-Ref-ID': deliveryId, 'Auto-Submitted': 'auto-generated' },
    tags: [
      { name: 'template', value: 'call-summary' },
      { name: 'delivery', value: deliveryId },
    ],
  }
}
