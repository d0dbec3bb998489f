// What a clinic says of itself to anybody: its hours, services, people and whatever else callers ask. The same sentences go
// into the agent's instructions and into clinic_info, so that they cannot differ.
import type { Tx } from '../db/database.ts'
import type { Organization } from '../organizations/store.ts'
import { type ClinicHours, readHours, readServices, type Service } from './schedule-store.ts'
import { dayOf } from './slots.ts'
import { sayClock, sayDay, sayList, sayNow, sayWeek } from './spoken.ts'

/** Closures farther ahead are nobody's concern yet. */
const closuresAheadDays = 60

export type About = { hours: string; services: string; providers: string; topics: Record<string, string> }

export async function readAbout(tx: Tx, organization: Organization, nowMs: number): Promise<About> {
  const today = dayOf(nowMs, organization.timeZone)
  const services = await readServices(tx, organization.id)
  return {
    hours: sayHours(await readHours(tx, organization.id, today.toString()), today),
    services: sayList(services.map(({ name, durationMinutes }) => `${name} (${durationMinutes} minutes)`)),
    providers: sayProviders(services),
    topics: organization.settings.about,
  }
}

/** The variables of the clinic's instructions, by name; see agents/template.ts. */
export async function clinicVariables(tx: Tx, organization: Organization, nowMs: number) {
  const { hours, services, providers, topics } = await readAbout(tx, organization, nowMs)
  return {
    clinic: organization.name,
    hours: hours === '' ? 'The hours are not known.' : hours,
    services: services === '' ? 'No services are listed.' : services,
    providers: providers === '' ? 'Nobody is listed.' : providers,
    about: Object.entries(topics)
      .map(([topic, text]) => `${topic}: ${text}`)
      .join('\n'),
    now: sayNow(nowMs, organization.timeZone),
  }
}

function sayHours({ opening, closures }: ClinicHours, today: Temporal.PlainDate): string {
  if (opening.length === 0) return ''
  const last = today.add({ days: closuresAheadDays }).toString()
  const soon = closures.filter(({ firstDay }) => firstDay <= last).map(sayClosure)
  return `Open ${sayWeek(opening)}.${soon.length === 0 ? '' : ` Closed for ${sayList(soon)}.`}`
}

function sayClosure({ firstDay, lastDay, name }: ClinicHours['closures'][number]): string {
  const first = sayDay(Temporal.PlainDate.from(firstDay))
  if (firstDay === lastDay) return `${name} on ${first}`
  return `${name} from ${first} to ${sayDay(Temporal.PlainDate.from(lastDay))}`
}

/** Each once, with what they are and what they offer. */
function sayProviders(services: readonly Service[]): string {
  const offers = new Map<string, { about: string | null; services: string[] }>()
  for (const { name: service, providers } of services) {
    for (const { name, about } of providers) {
      const known = offers.get(name) ?? { about, services: [] }
      known.services.push(service)
      offers.set(name, known)
    }
  }
  return [...offers.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { about, services: offered }]) => {
      return `${name}${about === null ? '' : `, ${about}`}: ${sayList(offered)}`
    })
    .join('; ')
}

/** Whether somebody can come in now: "Open until noon today", "Closed now". */
export async function sayWhetherOpen(tx: Tx, organization: Organization, nowMs: number): Promise<string> {
  const { id, timeZone } = organization
  const now = Temporal.Instant.fromEpochMilliseconds(nowMs).toZonedDateTimeISO(timeZone)
  const day = now.toPlainDate().toString()
  const minute = now.hour * 60 + now.minute
  const { opening, closures } = await readHours(tx, id, day)
  const closure = closures.find(({ firstDay }) => firstDay <= day)
  if (closure !== undefined) return `Closed today for ${closure.name}.`
  const session = opening.find(
    ({ weekday, from, until }) => weekday === now.dayOfWeek && from <= minute && minute < until,
  )
  return session === undefined ? 'Closed at this moment.' : `Open now, until ${sayClock(session.until)} today.`
}
