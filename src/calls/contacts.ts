// Who is rung without being asked for by name, and what is said to whoever has an emergency: the clinic's choices, as they are
// when a call is planned.
import { usualMessages, usualPhrases } from '../agents/emergency.ts'
import type { Contact, Emergency } from '../bridge/plan.ts'
import type { ConversationEvent } from '../conversations/events.ts'
import { primary } from '../lib/languages.ts'
import { isWithin } from '../lib/wall-clock.ts'
import type { Organization } from '../organizations/store.ts'

/** Somebody on the clinic's list who can be reached at this time; null when nobody was chosen, or they cannot be. */
export function contactNamed(name: string | null, { settings, timeZone }: Organization, nowMs: number): Contact | null {
  const target = settings.transfer.targets.find((each) => each.name === name)
  if (target === undefined || (target.hours !== null && !isWithin(target.hours, nowMs, timeZone))) return null
  return { name: target.name, phoneNumber: target.phoneNumber, isWarm: settings.transfer.isWarm }
}

/** Null: the clinic wants none of it. */
export function emergencyOf(
  organization: Organization,
  events: readonly ConversationEvent[],
  nowMs: number,
): Emergency | null {
  const { isOn, phrases, message, number, contact: name } = organization.settings.emergency
  if (!isOn) return null
  const contact = contactNamed(name, organization, nowMs)
  const usual = usualMessages({ number, isPutThrough: contact !== null })
  const own = primary(organization.language)
  return {
    phrases: phrases ?? usualPhrases,
    message: message ?? usual[own] ?? usual.en ?? '',
    messages: message === null ? usual : { ...usual, [own]: message },
    contact,
    isOver: events.some(({ fact }) => fact.kind === 'emergency.raised' && fact.isAnswered),
  }
}
