// PURE. What the summary mail says of the line itself: whose number it was, why we called or could not take the call, and to whom
// the caller was put through.
import type { ConversationEvent, FactOf, Refusal } from '../conversations/events.ts'
import type { Facts } from '../conversations/merge.ts'
import { isTerminal } from '../conversations/merge.ts'
import type { Conversation } from '../conversations/store.ts'

/** The number of whoever is not the clinic. */
export const otherNumber = ({
  direction,
  fromNumber,
  toNumber,
}: Pick<Conversation, 'direction' | 'fromNumber' | 'toNumber'>): string | null =>
  direction === 'outbound' ? toNumber : fromNumber

const refusals: Record<Refusal, string> = {
  busy: 'All your lines were busy. The caller was told so.',
  caller: 'This number calls too often, and was asked to call later.',
  spent: 'What the receptionist may cost is spent, so the call was not taken.',
}

/** Why there was no conversation, if it is known; null otherwise. */
export function withoutConversation(facts: Facts): string | null {
  const { refusal, isOutgoing, isMachine, status, streams } = facts
  if (refusal !== null) return refusals[refusal]
  if (!isOutgoing) return null
  if (isMachine) return 'A machine answered our call, and was asked to have you called back.'
  const isUnanswered = status !== null && isTerminal(status.status) && Object.keys(streams).length === 0
  return isUnanswered ? `Our call was not answered (${status.status}).` : null
}

/** Why we called, of a call that we placed. */
export function purposeOf(events: readonly ConversationEvent[]): string | null {
  const placed = events.find(({ fact }) => fact.kind === 'call.outgoing')?.fact
  return placed?.kind === 'call.outgoing' ? placed.purpose : null
}

const endings: Record<FactOf<'transfer.ended'>['status'], string> = {
  completed: 'they talked',
  busy: 'the line was busy',
  'no-answer': 'nobody answered',
  failed: 'the call could not be made',
  canceled: 'the caller hung up first',
  declined: 'nobody took the call',
  lost: 'it is not known what came of it',
}

/** Each person who was rung, in order, and what came of it. */
export function transfersOf(events: readonly ConversationEvent[], { transfers }: Facts): string | null {
  const rung = events
    .flatMap(({ fact, atMs }) => (fact.kind === 'transfer.requested' ? [{ atMs, ...fact }] : []))
    .toSorted((a, b) => a.atMs - b.atMs)
    .filter(({ toolCallId }) => transfers[toolCallId]?.dialledAfter != null)
  if (rung.length === 0) return null
  return rung
    .map(({ toolCallId, target }) => `${target}: ${endings[transfers[toolCallId]?.ending ?? 'lost']}`)
    .join('; ')
}

/** What of the caller's words was taken for an emergency, and whether they heard the clinic's text for it. */
export function emergencyOf(events: readonly ConversationEvent[]): string | null {
  const raised = events
    .toSorted((a, b) => a.atMs - b.atMs)
    .flatMap(({ fact }) => (fact.kind === 'emergency.raised' ? [fact] : []))
  const [first] = raised
  if (first === undefined) return null
  const isAnswered = raised.some((each) => each.isAnswered)
  return `The caller said "${first.phrase}", and ${isAnswered ? 'was told what to do at once.' : 'was gone before they could be told what to do.'}`
}
