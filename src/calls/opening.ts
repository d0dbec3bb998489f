// The agent's first turn in a stream: how it greets, or how it takes a conversation up again. What is only for this turn is
// said here; what it must know for longer is in its history.
import { defaultGreeting, resumption } from '../agents/instructions.ts'
import { renderInstructions } from '../agents/template.ts'
import type { ConversationEvent } from '../conversations/events.ts'
import { fold } from '../conversations/merge.ts'
import { turnsOf } from '../conversations/transcript.ts'
import type { Scene } from './scene.ts'

/** Null: nothing, it is for the caller to speak. */
export function openingOf({ texts, variables, events }: Scene, generation: number): string | null {
  if (wasNotTaken(events, generation)) return events.some(isEmergency) ? afterAlarm : afterTransfer
  if (generation > 0) return isCallersTurn(events) ? null : resumption
  if (events.some(({ fact }) => fact.kind === 'call.outgoing')) return renderInstructions(outgoing, variables)
  return renderInstructions(texts.greeting ?? defaultGreeting, variables)
}

/** The stream follows a transfer that nobody took. */
const wasNotTaken = (events: readonly ConversationEvent[], generation: number): boolean =>
  Object.values(fold(events).transfers).some(
    ({ dialledAfter, ending }) => dialledAfter === generation - 1 && ending !== null && ending !== 'completed',
  )

/**
 * The stream before was handed over when the agent had been heard to its end: the caller has noticed nothing, and is about to
 * answer.
 */
function isCallersTurn(events: readonly ConversationEvent[]): boolean {
  const endings = events.flatMap(({ fact }) => (fact.kind === 'stream.ended' ? [fact.reason] : []))
  const last = turnsOf(events).at(-1)
  if (endings.at(-1) !== 'handed-over' || last?.speaker !== 'agent' || last.isCut) return false
  return !events.some(({ fact, atMs }) => fact.kind === 'tool.returned' && atMs > last.startedAtMs)
}

const afterTransfer =
  'Nobody took the call that you put through. Apologise in one short sentence, and offer to take a message.'

const isEmergency = ({ fact }: ConversationEvent): boolean => fact.kind === 'emergency.raised'

const afterAlarm =
  'The caller has an emergency, and nobody at the clinic could be reached. Say so in one short sentence, and that they must hang up and call the emergency number now.'

const outgoing =
  'You have placed this call. In one short sentence say that you call from {{clinic}}, and ask for the person it is for.'
