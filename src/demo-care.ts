// What the demonstration's clinics have beside their telephone: people who treat, people who are treated, and a calendar that
// is partly full whenever it is seeded. The people are invented, and some share a name or a number, as people do.
import type { Tx } from './db/database.ts'
import {
  appointments,
  closures,
  openingHours,
  patients,
  providerExceptions,
  providerHours,
  providerServices,
  providers,
  services,
} from './db/schema.ts'
import type { Ids } from './lib/ids.ts'

/** Minutes since midnight. */
const at = (hours: number, minutes = 0): number => hours * 60 + minutes
const mondayToFriday = [1, 2, 3, 4, 5]
/** Weekdays, and the sessions of each. */
type Weekly = { weekdays: number[]; sessions: [from: number, until: number][] }

type Care = {
  opening: Weekly[]
  services: { name: string; durationMinutes: number; bufferMinutes: number }[]
  providers: { name: string; about: string; services: string[]; hours: Weekly[]; awayOnWorkingDay: number }[]
  patients: [givenName: string, familyName: string, dateOfBirth: string, ...phoneNumbers: string[]][]
  /** `workingDay` 1 is the next day that is no weekend and no holiday. */
  appointments: { patient: number; provider: string; service: string; workingDay: number; minute: number }[]
}

export const lakesideCare: Care = {
  opening: [
    { weekdays: mondayToFriday, sessions: [[at(8), at(17)]] },
    { weekdays: [6], sessions: [[at(9), at(12)]] },
  ],
  services: [
    { name: 'Check-up', durationMinutes: 30, bufferMinutes: 0 },
    { name: 'New patient visit', durationMinutes: 45, bufferMinutes: 15 },
    { name: 'Sick visit', durationMinutes: 20, bufferMinutes: 10 },
    { name: 'Vaccination', durationMinutes: 15, bufferMinutes: 0 },
  ],
  providers: [
    {
      name: 'Dr. Okafor',
      about: 'family physician',
      services: ['Check-up', 'New patient visit', 'Sick visit'],
      hours: [
        {
          weekdays: [1, 2, 3, 4],
          sessions: [
            [at(8), at(12)],
            [at(13), at(17)],
          ],
        },
        { weekdays: [5], sessions: [[at(8), at(12)]] },
      ],
      awayOnWorkingDay: 12,
    },
    {
      name: 'Dr. Lindqvist',
      about: 'family physician and pediatrician',
      services: ['Check-up', 'Sick visit', 'Vaccination'],
      hours: [
        {
          weekdays: mondayToFriday,
          sessions: [
            [at(9), at(12, 30)],
            [at(13, 30), at(16, 30)],
          ],
        },
        { weekdays: [6], sessions: [[at(9), at(12)]] },
      ],
      awayOnWorkingDay: 9,
    },
  ],
  patients: [
    ['Dana', 'Reyes', '1988-04-12', '+15550102030'],
    ['Maria', 'Garcia', '1975-09-03', '+15550102051'],
    ['Maria', 'Garcia', '1992-01-27', '+15550102052'],
    ['James', 'Miller', '1960-06-15', '+15550102053'],
    ['James', 'Miller', '1960-06-15', '+15550102054'],
    ['Elena', 'Novak', '1984-11-30', '+15550102055'],
    ['Leo', 'Novak', '2015-02-08', '+15550102055'],
    ['José', 'Álvarez', '1969-12-01', '+15550102056'],
    ['Siobhán', "O'Brien", '1997-07-19', '+15550102057'],
    ['Mary Ann', 'van der Berg', '1951-03-22', '+15550102058', '+15550102059'],
  ],
  appointments: [
    { patient: 0, provider: 'Dr. Okafor', service: 'Check-up', workingDay: 6, minute: at(9, 30) },
    { patient: 1, provider: 'Dr. Okafor', service: 'Check-up', workingDay: 1, minute: at(8) },
    { patient: 3, provider: 'Dr. Okafor', service: 'Sick visit', workingDay: 1, minute: at(9) },
    { patient: 5, provider: 'Dr. Lindqvist', service: 'Check-up', workingDay: 1, minute: at(9, 30) },
    { patient: 6, provider: 'Dr. Lindqvist', service: 'Vaccination', workingDay: 1, minute: at(10) },
    { patient: 7, provider: 'Dr. Okafor', service: 'Check-up', workingDay: 2, minute: at(10) },
    { patient: 8, provider: 'Dr. Lindqvist', service: 'Sick visit', workingDay: 2, minute: at(11) },
    { patient: 9, provider: 'Dr. Okafor', service: 'Check-up', workingDay: 4, minute: at(11) },
    { patient: 9, provider: 'Dr. Lindqvist', service: 'Vaccination', workingDay: 8, minute: at(14) },
  ],
}

export const cedarGroveCare: Care = {
  opening: [
    {
      weekdays: [1, 2, 3, 4],
      sessions: [
        [at(8), at(12)],
        [at(13), at(17)],
      ],
    },
    { weekdays: [5], sessions: [[at(8), at(13)]] },
  ],
  services: [
    { name: 'Exam', durationMinutes: 30, bufferMinutes: 0 },
    { name: 'Cleaning', durationMinutes: 45, bufferMinutes: 15 },
    { name: 'Filling', durationMinutes: 60, bufferMinutes: 15 },
    { name: 'Emergency visit', durationMinutes: 30, bufferMinutes: 0 },
  ],
  providers: [
    {
      name: 'Dr. Moreau',
      about: 'dentist',
      services: ['Exam', 'Filling', 'Emergency visit'],
      hours: [
        { weekdays: [1, 2, 3, 4], sessions: [[at(8), at(17)]] },
        { weekdays: [5], sessions: [[at(8), at(13)]] },
      ],
      awayOnWorkingDay: 11,
    },
    {
      name: 'Kim Tran',
      about: 'dental hygienist',
      services: ['Cleaning'],
      hours: [{ weekdays: [1, 3, 4], sessions: [[at(8), at(16)]] }],
      awayOnWorkingDay: 7,
    },
  ],
  patients: [
    ['Sam', 'Rivera', '1990-11-08', '+15550102033'],
    // Somebody else than the Dana Reyes of the other clinic.
    ['Dana', 'Reyes', '1979-08-02', '+15550102060'],
    ['Priscilla', 'Nguyen', '2001-05-25', '+15550102061'],
    ['Tomasz', 'Kowalski', '1966-10-10', '+15550102062'],
    ['Aisha', 'Rahman', '1995-03-03', '+15550102063'],
  ],
  appointments: [
    { patient: 0, provider: 'Dr. Moreau', service: 'Exam', workingDay: 10, minute: at(10) },
    { patient: 1, provider: 'Dr. Moreau', service: 'Filling', workingDay: 1, minute: at(8) },
    { patient: 2, provider: 'Dr. Moreau', service: 'Exam', workingDay: 2, minute: at(9, 30) },
    { patient: 4, provider: 'Dr. Moreau', service: 'Exam', workingDay: 3, minute: at(11) },
  ],
}

type Seeding = { tx: Tx; ids: Ids; organizationId: string; today: Temporal.PlainDate; timeZone: string }

/** Does nothing for a clinic that has providers already. */
export async function seedCare(seeding: Seeding, care: Care): Promise<void> {
  const { tx, ids, organizationId, today, timeZone } = seeding
  const there = await tx.select({ id: providers.id }).from(providers).limit(1)
  if (there.length > 0) return
  const named = <T extends { name: string }>(rows: T[]) =>
    rows.map((row) => ({ ...row, organizationId, id: ids.uuid() }))
  const serviceRows = named(care.services)
  const providerRows = named(care.providers)
  const serviceIds = idsByName(serviceRows)
  const providerIds = idsByName(providerRows)
  const patientRows = care.patients.map(([givenName, familyName, dateOfBirth, ...phoneNumbers]) => {
    return { organizationId, id: ids.uuid(), givenName, familyName, dateOfBirth, phoneNumbers }
  })
  const holidays = holidaysFrom(today)
  const dayOf = (workingDay: number) => nthWorkingDay(today, workingDay, holidays)
  const visits = care.appointments.map(({ patient, provider, service, workingDay, minute }) => {
    const offered = serviceRows.find(({ name }) => name === service)
    const time = { hour: Math.trunc(minute / 60), minute: minute % 60 }
    const starts = dayOf(workingDay).toPlainDateTime(time).toZonedDateTime(timeZone)
    const ends = starts.add({ minutes: offered?.durationMinutes ?? 0 })
    return {
      organizationId,
      id: ids.uuid(),
      patientId: patientRows[patient]?.id ?? '',
      providerId: providerIds.get(provider) ?? '',
      serviceId: serviceIds.get(service) ?? '',
      startsAt: new Date(starts.epochMilliseconds),
      endsAt: new Date(ends.epochMilliseconds),
      busyUntil: new Date(ends.add({ minutes: offered?.bufferMinutes ?? 0 }).epochMilliseconds),
    }
  })
  await tx.insert(services).values(serviceRows)
  await tx.insert(providers).values(providerRows)
  await tx
    .insert(providerServices)
    .values(
      providerRows.flatMap(({ id: providerId, services: offered }) =>
        offered.map((name) => ({ organizationId, providerId, serviceId: serviceIds.get(name) ?? '' })),
      ),
    )
  await tx.insert(openingHours).values(
    inWeek(care.opening).map(({ weekday, from, until }) => {
      return { organizationId, weekday, opensAt: from, closesAt: until }
    }),
  )
  await tx.insert(providerHours).values(
    providerRows.flatMap(({ id: providerId, hours }) =>
      inWeek(hours).map(({ weekday, from, until }) => {
        return { organizationId, providerId, weekday, startsAt: from, endsAt: until }
      }),
    ),
  )
  await tx.insert(providerExceptions).values(
    providerRows.map(({ id: providerId, awayOnWorkingDay }) => {
      return { organizationId, providerId, onDay: dayOf(awayOnWorkingDay).toString(), kind: 'away' as const }
    }),
  )
  await tx.insert(closures).values(
    holidays.map(({ name, day }) => {
      return { organizationId, name, firstDay: day.toString(), lastDay: day.toString() }
    }),
  )
  await tx.insert(patients).values(patientRows)
  await tx.insert(appointments).values(visits)
}

const idsByName = (rows: { name: string; id: string }[]) => new Map(rows.map(({ name, id }) => [name, id]))

const inWeek = (weekly: Weekly[]): { weekday: number; from: number; until: number }[] =>
  weekly.flatMap(({ weekdays, sessions }) =>
    weekdays.flatMap((weekday) => sessions.map(([from, until]) => ({ weekday, from, until }))),
  )

type Holiday = { name: string; day: Temporal.PlainDate }

/** Of this year and the next two. */
const holidaysFrom = ({ year: first }: Temporal.PlainDate): Holiday[] =>
  [first, first + 1, first + 2].flatMap((year) => {
    const fixed = (month: number, day: number) => Temporal.PlainDate.from({ year, month, day })
    return [
      { name: "New Year's Day", day: fixed(1, 1) },
      { name: 'Independence Day', day: fixed(7, 4) },
      { name: 'Thanksgiving', day: fourthThursday(fixed(11, 1)) },
      { name: 'Christmas Day', day: fixed(12, 25) },
    ]
  })

const fourthThursday = (firstOfMonth: Temporal.PlainDate): Temporal.PlainDate =>
  firstOfMonth.add({ days: ((4 - firstOfMonth.dayOfWeek + 7) % 7) + 21 })

function nthWorkingDay(today: Temporal.PlainDate, n: number, holidays: Holiday[]): Temporal.PlainDate {
  const isWorkingDay = (day: Temporal.PlainDate): boolean =>
    day.dayOfWeek < 6 && !holidays.some((holiday) => holiday.day.equals(day))
  let day = today
  for (let left = n; left > 0; ) {
    day = day.add({ days: 1 })
    if (isWorkingDay(day)) left--
  }
  return day
}
