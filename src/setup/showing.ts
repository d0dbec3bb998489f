// PURE. A clinic as it is set up, for people and for machines; and what a command did, a line each.
import { organizationSettings } from '../organizations/settings.ts'
import { changeLine, leavesOf } from './change.ts'
import type { Report } from './commands.ts'
import { missingOf } from './plan.ts'
import type { ClinicState } from './state-store.ts'
import { weekText } from './week.ts'

const labelColumns = 14

export function stateLines(organizationId: string, state: ClinicState): string[] {
  const { account, instructions } = state
  const admins = state.members.filter(({ role, isActive }) => role === 'admin' && isActive)
  const usual = leavesOf(organizationSettings.parse({}))
  const chosen = [...leavesOf(state.settings)].filter(([name, text]) => usual.get(name) !== text)
  return [
    ...labelled('clinic', [state.name]),
    ...labelled('id', [organizationId]),
    ...labelled('time zone', [state.timeZone]),
    ...labelled('language', [state.language]),
    ...labelled(
      'admins',
      admins.map(({ name, email }) => `${name} <${email}>`),
    ),
    ...labelled('numbers', state.numbers.map(numberText)),
    ...labelled('hours', [weekText(state.hours)]),
    ...labelled(
      'closures',
      state.closures.map(({ firstDay, lastDay, name }) => {
        return `${firstDay}${firstDay === lastDay ? '' : `..${lastDay}`} ${name}`
      }),
    ),
    ...labelled('services', state.services.map(serviceText)),
    ...labelled('providers', state.providers.flatMap(providerTexts)),
    ...labelled(
      'instructions',
      instructions.length === 0
        ? ['the default']
        : instructions.map(({ scope, version, text }) => `${scope}: version ${version}, ${text.length} characters`),
    ),
    ...labelled(
      'settings',
      chosen.map(([name, text]) => `${name}: ${text}`),
    ),
    ...labelled(
      'account',
      account === null ? ['the deployment’s'] : [`${account.accountSid}, sealed with ${account.sealedWith}`],
    ),
    ...labelled(
      'tokens',
      state.tokens.map(({ name, tokenId }) => `${name} (${tokenId})`),
    ),
    ...missingOf(state).map((what) => `Still missing: ${what}.`),
  ]
}

/** Everything of it but the words of its instructions, and the hours as people write them. */
export const stateJson = (organizationId: string, state: ClinicState) => ({
  organizationId,
  ...state,
  hours: weekText(state.hours),
  providers: state.providers.map((provider) => ({ ...provider, hours: weekText(provider.hours) })),
  instructions: state.instructions.map(({ scope, version, text }) => ({ scope, version, characters: text.length })),
  missing: missingOf(state),
})

const labelled = (label: string, lines: string[]): string[] =>
  (lines.length === 0 ? ['–'] : lines).map((line, i) => `${(i === 0 ? label : '').padEnd(labelColumns)}${line}`)

const numberText = ({ phoneNumber, friendlyName, isActive }: ClinicState['numbers'][number]): string =>
  `${phoneNumber}${friendlyName === null ? '' : ` ${friendlyName}`}${isActive ? '' : ' (given back)'}`

const serviceText = ({ name, minutes, bufferMinutes }: ClinicState['services'][number]): string =>
  `${name}: ${minutes} minutes${bufferMinutes === 0 ? '' : `, ${bufferMinutes} after`}`

const providerTexts = ({ name, about, services, hours }: ClinicState['providers'][number]): string[] => [
  `${name}${about === null ? '' : `, ${about}`}: ${services.join(', ')}`,
  `  ${weekText(hours)}`,
]

export function reportLines({ organizationId, name, isTrial, changes, notes, token }: Report): string[] {
  const head = isTrial ? 'would change' : 'changed'
  return [
    ...(changes.length === 0
      ? [`${name} (${organizationId}): nothing to change`]
      : [`${name} (${organizationId}): ${head}`, ...changes.map((each) => `  ${changeLine(each)}`)]),
    ...notes,
    ...(token === undefined ? [] : [token]),
  ]
}
