// PURE. In which mode a conversation is answered, from the set of its events: the single one, until it was switched.
import type { AgentMode } from '../organizations/settings.ts'
import type { ConversationEvent, FactOf } from './events.ts'

/** `isWished`: somebody chose it for this very conversation, so that the clinic's settings do not change it back. */
export function modeOf(events: readonly ConversationEvent[]): { mode: AgentMode; isWished: boolean } {
  const last = events
    .flatMap(({ fact }) => (fact.kind === 'mode.switched' ? [fact] : []))
    .reduce<FactOf<'mode.switched'> | null>((a, b) => (a === null || isLater(b, a) ? b : a), null)
  return last === null ? { mode: 'single', isWished: false } : { mode: last.to, isWished: last.reason === 'operator' }
}

const isLater = (a: FactOf<'mode.switched'>, b: FactOf<'mode.switched'>): boolean =>
  a.generation - b.generation > 0 || (a.generation === b.generation && a.count > b.count)
