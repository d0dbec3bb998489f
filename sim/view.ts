// What the server wrote down, read past it: as the database's superuser, who sees every clinic. For the auditor, who takes
// the server's word for nothing. It writes in one case only: where a fixture has somebody at the clinic's own desk.
import postgres from 'postgres'
import type { Appointment, ClinicView, Patient, Row, ServerView } from './audit/case.ts'
import type { DeskStep } from './script.ts'

export type View = {
  /** What every organization has: to be taken before a call. */
  look(): Promise<Look>
  /** Everything about one call, and what is not as it was before it. Without `before`, only the call's own rows. */
  of(callSid: string, before: Look | null): Promise<ServerView>
  /** The idempotency keys of mails of other calls. */
  mailKeysOfOthers(callSid: string): Promise<ReadonlySet<string>>
  /** To whom the mail of the clinic that has the number goes; null when none has. */
  adminsOf(phoneNumber: string): Promise<string[] | null>
  /** Makes an appointment in the clinic that has the number, as somebody there would. Throws when the time is taken. */
  bookAtDesk(phoneNumber: string, visit: DeskStep['books']): Promise<void>
  end(): Promise<void>
}

/**
 * Fingerprints: of all rows that an organization has in a table, by organization and table; and of each patient and each
 * appointment, by its id.
 */
export type Look = { tables: ReadonlyMap<string, string>; rows: ReadonlyMap<string, string> }

type Sql = postgres.Sql<{ bigint: number }>

/** Durations and sizes: far from where a number could not hold them. */
const asNumber = { to: 20, from: [20], parse: Number, serialize: String }

/** `adminUrl`: of the server's database. */
export function createView(adminUrl: string): View {
  const sql = postgres(adminUrl, { max: 1, onnotice: () => {}, types: { bigint: asNumber } })

  return {
    look: async () => ({ tables: await readTables(sql), rows: await readRows(sql) }),
    async of(callSid, before) {
      const [conversation = null] = await sql<Row[]>`select * from conversations where call_sid = ${callSid}`
      const id = String(conversation?.id ?? '00000000-0000-0000-0000-000000000000')
      const organizationId = String(conversation?.organization_id ?? id)
      const events = await sql<{ key: string; kind: string; at: Date; fact: Row }[]>`
        select key, kind, at, fact from conversation_events where conversation_id = ${id} order by position`
      const unrouted = await sql`select from routing.unrouted_calls where call_sid = ${callSid}`
      return {
        conversation,
        events: events.map(({ key, kind, at, fact }) => ({ key, kind, atMs: at.getTime(), fact })),
        emailDeliveries: await sql<Row[]>`select * from email_deliveries where conversation_id = ${id}`,
        recordings: await sql<Row[]>`select * from recordings where conversation_id = ${id} order by recording_sid`,
        otherOrganizationsTouched: before === null ? 0 : await countTouched(sql, before, organizationId),
        keysOverAll: before === null ? [] : await readKeysOverAll(sql),
        clinic: conversation === null || before === null ? null : await readClinic(sql, before, organizationId, id),
        isUnrouted: unrouted.length > 0,
      }
    },
    async mailKeysOfOthers(callSid) {
      const rows = await sql<{ key: string }[]>`
        select d.idempotency_key as key from email_deliveries d
          join conversations c on c.organization_id = d.organization_id and c.id = d.conversation_id
        where c.call_sid is distinct from ${callSid}`
      return new Set(rows.map(({ key }) => key))
    },
    async adminsOf(phoneNumber) {
      const rows = await sql<{ email: string | null }[]>`
        select m.email from phone_numbers n
          left join members m on m.organization_id = n.organization_id and m.role = 'admin' and m.is_active
        where n.phone_number = ${phoneNumber} and n.channel = 'twilio' and n.is_active`
      return rows.length === 0 ? null : rows.flatMap(({ email }) => email ?? [])
    },
    async bookAtDesk(phoneNumber, { patient, provider, service, starts }) {
      const booked = await sql`
        insert into appointments (organization_id, id, patient_id, provider_id, service_id, starts_at, ends_at, busy_until)
        select o.id, gen_random_uuid(), m.id, p.id, s.id, at.starts, at.starts + s.duration_minutes * interval '1 minute',
          at.starts + (s.duration_minutes + s.buffer_minutes) * interval '1 minute'
        from phone_numbers n
          join organizations o on o.id = n.organization_id
          join patients m on m.organization_id = o.id and m.given_name || ' ' || m.family_name = ${patient}
          join providers p on p.organization_id = o.id and p.name = ${provider}
          join services s on s.organization_id = o.id and s.name = ${service}
          cross join lateral (select ${starts}::timestamp at time zone o.time_zone as starts) at
        where n.phone_number = ${phoneNumber} and n.is_active`
      if (booked.count !== 1) throw new Error(`The desk cannot book: ${booked.count} visits fit ${patient}, ${service}`)
    },
    end: () => sql.end({ timeout: 1 }),
  }
}

/** Of every table that belongs to organizations, whatever migration made it. */
async function readTables(sql: Sql): Promise<Map<string, string>> {
  const tables = await sql<{ name: string }[]>`
    select table_name as name from information_schema.columns
    where table_schema = 'public' and column_name = 'organization_id' order by table_name`
  const prints = await Promise.all(
    tables.map(
      ({ name }) => sql<{ organization: string; print: string }[]>`
        select organization_id as organization, count(*) || ':' || sum(hashtextextended(r::text, 0)) as print
        from ${sql(name)} as r group by organization_id`,
    ),
  )
  return new Map(
    prints.flatMap((rows, place) =>
      rows.map(({ organization, print }) => [`${organization} ${tables[place]?.name}`, print] as const),
    ),
  )
}

async function readRows(sql: Sql): Promise<Map<string, string>> {
  const rows = await sql<{ id: string; print: string }[]>`
    select id, md5(r::text) as print from patients as r union all
    select id, md5(r::text) as print from appointments as r`
  return new Map(rows.map(({ id, print }) => [id, print]))
}

async function countTouched(sql: Sql, before: Look, organizationId: string): Promise<number> {
  const after = await readTables(sql)
  const touched = [...new Set([...after.keys(), ...before.tables.keys()])]
    .filter((name) => after.get(name) !== before.tables.get(name))
    .map((name) => name.split(' ')[0])
    .filter((organization) => organization !== organizationId)
  return new Set(touched).size
}

/** A unique key of a table with an organization that does not have the organization among its columns. */
async function readKeysOverAll(sql: Sql): Promise<string[]> {
  const keys = await sql<{ name: string }[]>`
    select i.indrelid::regclass || '.' || i.indexrelid::regclass as name from pg_index i
      join pg_class t on t.oid = i.indrelid and t.relnamespace = 'public'::regnamespace
      join pg_attribute o on o.attrelid = t.oid and o.attname = 'organization_id' and not o.attisdropped
    where i.indisunique and o.attnum <> all (i.indkey::int2[]) order by name`
  return keys.map(({ name }) => name)
}

async function readClinic(sql: Sql, before: Look, organizationId: string, conversationId: string): Promise<ClinicView> {
  const [clinic] = await sql<{ timeZone: string; policy: string | null }[]>`
    select time_zone as "timeZone", settings ->> 'identityPolicy' as policy from organizations where id = ${organizationId}`
  const after = await readRows(sql)
  const isChanged = ({ id }: { id: string }): boolean => after.get(id) !== before.rows.get(id)
  const patients = await sql<(Omit<Patient, 'isChanged' | 'patientId'> & { id: string })[]>`
    select id, organization_id = ${organizationId} as "isOfThisClinic", given_name || ' ' || family_name as name,
      family_name as "familyName", date_of_birth::text as "dateOfBirth", phone_numbers as "phoneNumbers"
    from patients order by created_at, id`
  const [{ holds = 0 } = {}] = await sql<{ holds: number }[]>`
    select count(*)::int as holds from slot_holds where conversation_id = ${conversationId}`
  return {
    timeZone: clinic?.timeZone ?? 'UTC',
    identityPolicy: clinic?.policy ?? 'name-and-birth-date',
    patients: patients.map(({ id, ...patient }) => ({ patientId: id, ...patient, isChanged: isChanged({ id }) })),
    appointments: (await readAppointments(sql, organizationId)).filter(isChanged).map(toAppointment),
    holds,
    audits: await sql<ClinicView['audits']>`
      select patient_id as "patientId", action, tool_call_id as "toolCallId" from audit_log
      where conversation_id = ${conversationId} order by position`,
  }
}

type AppointmentRow = Omit<Appointment, 'startsAtMs' | 'faults'> & {
  id: string
  startsAt: Date
  overlaps: boolean
  isOffered: boolean
  isOpen: boolean
  isClosed: boolean
}

/** With the reasons why one that stands could not be kept: reckoned here, by the wall's clock, from the clinic's tables. */
const readAppointments = (sql: Sql, organizationId: string): Promise<AppointmentRow[]> => sql<AppointmentRow[]>`
  select a.id, a.patient_id as "patientId", p.name as provider, s.name as service, a.state as status,
    a.conversation_id as "conversationId", a.starts_at as "startsAt",
    to_char(a.starts_at at time zone o.time_zone, 'YYYY-MM-DD HH24:MI') as starts,
    exists (select from appointments b where b.provider_id = a.provider_id and b.id <> a.id and b.state = 'booked'
      and b.starts_at < a.busy_until and a.starts_at < b.busy_until) as overlaps,
    exists (select from provider_services x where x.provider_id = a.provider_id and x.service_id = a.service_id)
      as "isOffered",
    exists (select from opening_hours h where h.organization_id = a.organization_id
      and h.weekday = extract(isodow from a.starts_at at time zone o.time_zone)
      and h.opens_at <= (a.starts_at at time zone o.time_zone)::time
      and h.closes_at >= (a.ends_at at time zone o.time_zone)::time) as "isOpen",
    exists (select from closures c where c.organization_id = a.organization_id
      and (a.starts_at at time zone o.time_zone)::date between c.first_day and c.last_day) as "isClosed"
  from appointments a
    join organizations o on o.id = a.organization_id
    join providers p on p.organization_id = a.organization_id and p.id = a.provider_id
    join services s on s.organization_id = a.organization_id and s.id = a.service_id
  where a.organization_id = ${organizationId} order by a.starts_at, a.id`

function toAppointment({ id: _, startsAt, overlaps, isOffered, isOpen, isClosed, ...appointment }: AppointmentRow) {
  const faults = [
    ...(overlaps ? ['at a time that is another’s'] : []),
    ...(isOffered ? [] : ['with somebody who does not offer it']),
    ...(isOpen ? [] : ['outside the opening hours']),
    ...(isClosed ? ['on a day when the clinic is closed'] : []),
  ]
  return { ...appointment, startsAtMs: startsAt.getTime(), faults: appointment.status === 'booked' ? faults : [] }
}
