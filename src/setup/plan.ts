// PURE. What making a clinic as somebody wishes it would change of what there is. The same wish again changes nothing.
import { organizationSettings } from '../organizations/settings.ts'
import { type Change, differences, leavesOf } from './change.ts'
import type { Texts } from './clinic-file.ts'
import type { ClinicWish } from './clinic-shape.ts'
import type { ClinicState } from './state-store.ts'
import { weekText } from './week.ts'

/** `state`: null when there is no such clinic yet. */
export function planOf(state: ClinicState | null, wish: ClinicWish, texts: Texts): Change[] {
  const { hours, closures, services, providers } = wish
  const whole = <T>(part: Change['part'], is: readonly T[] | undefined, was: readonly T[], entry: Entry<T>) =>
    is === undefined ? [] : differences(part, new Map(was.map(entry)), new Map(is.map(entry)), true)
  const weekly = hours === undefined ? undefined : [hours]
  return [
    ...ownChanges(state, wish),
    ...settingChanges(state, wish),
    ...wish.admins.flatMap((admin) => adminChanges(state, admin)),
    ...wish.numbers.flatMap((number) => numberChanges(state, number)),
    ...whole('hours', weekly, state === null || state.hours.length === 0 ? [] : [state.hours], (week) => [
      'open',
      weekText(week),
    ]),
    ...whole('closure', closures, state?.closures ?? [], ({ firstDay, lastDay, name }) => [
      `${firstDay} ${name}`,
      firstDay === lastDay ? '' : `until ${lastDay}`,
    ]),
    ...whole('service', services, state?.services ?? [], ({ name, minutes, bufferMinutes }) => [
      name,
      `${minutes} minutes${bufferMinutes === 0 ? '' : `, ${bufferMinutes} after`}`,
    ]),
    ...whole('provider', providers, state?.providers ?? [], (each) => [
      each.name,
      [...(each.about === null ? [] : [each.about]), [...each.services].sort().join(', '), weekText(each.hours)].join(
        '; ',
      ),
    ]),
    ...textChanges(state, texts),
  ]
}

type Entry<T> = (one: T) => [name: string, text: string]

function ownChanges(state: ClinicState | null, { name, timeZone, language }: ClinicWish): Change[] {
  if (state === null) return [{ part: 'clinic', name, was: null, is: `${timeZone}, ${language ?? 'en'}` }]
  const wanted = { name, timeZone, language: language ?? state.language }
  const textsOf = (own: typeof wanted) => new Map(Object.entries(own))
  const is = { name: state.name, timeZone: state.timeZone, language: state.language }
  return differences('clinic', textsOf(is), textsOf(wanted), true)
}

/** As they are to be: each of the clinic's own choices that the wish names, whole, and the others as they are. */
export const settingsAfter = (state: ClinicState | null, { settings }: ClinicWish) =>
  organizationSettings.parse({ ...state?.settings, ...settings })

function settingChanges(state: ClinicState | null, wish: ClinicWish): Change[] {
  const was = leavesOf(state?.settings ?? organizationSettings.parse({}))
  return differences('setting', was, leavesOf(settingsAfter(state, wish)), true)
}

export function adminChanges(state: ClinicState | null, { name, email }: { name: string; email: string }): Change[] {
  const known = state?.members.find((member) => member.email.toLowerCase() === email)
  const is = known?.isActive && known.role === 'admin' ? known.name : null
  return is === name ? [] : [{ part: 'admin', name: email, was: is, is: name }]
}

export function numberChanges(
  state: ClinicState | null,
  { phoneNumber, friendlyName }: { phoneNumber: string; friendlyName: string | null },
): Change[] {
  const known = state?.numbers.find((number) => number.phoneNumber === phoneNumber && number.isActive)
  const wanted = friendlyName ?? known?.friendlyName ?? ''
  const was = known === undefined ? null : (known.friendlyName ?? '')
  return was === wanted ? [] : [{ part: 'number', name: phoneNumber, was, is: wanted }]
}

export function textChanges(state: ClinicState | null, texts: Texts): Change[] {
  return Object.entries(texts).flatMap(([scope, text]): Change[] => {
    const known = state?.instructions.find((each) => each.scope === scope)
    if (known?.text === text) return []
    const was = known === undefined ? null : `version ${known.version}`
    return [{ part: 'instructions', name: scope, was, is: `version ${(known?.version ?? 0) + 1}` }]
  })
}

/** What a call to the clinic would miss. */
export function missingOf(state: ClinicState): string[] {
  const missing: string[] = []
  if (!state.members.some(({ role, isActive }) => role === 'admin' && isActive))
    missing.push('an admin, to whom mail goes')
  if (!state.numbers.some(({ isActive }) => isActive)) missing.push('a number')
  if (!state.settings.bookByPhone) return missing
  if (state.hours.length === 0) missing.push('opening hours')
  if (state.services.length === 0) missing.push('services')
  else if (!state.providers.some(({ services, hours }) => services.length > 0 && hours.length > 0))
    missing.push('providers who offer a service at some time')
  return missing
}
