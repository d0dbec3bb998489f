// What the server wrote down, read past it: as the database's superuser, who sees every clinic. For the auditor, who takes
// the server's word for nothing.
import postgres from 'postgres'
import type { Row, ServerView } from './audit/case.ts'

export type View = {
  /** How many rows each organization has: to be taken before a call. */
  count(): Promise<Count>
  /** Everything about one call, and whether any other organization has more rows than it had. */
  of(callSid: string, before: Count): Promise<ServerView>
  end(): Promise<void>
}

export type Count = ReadonlyMap<string, number>

/** `adminUrl`: of the server's database. */
export function createView(adminUrl: string): View {
  const sql = postgres(adminUrl, { max: 1, onnotice: () => {} })

  async function count(): Promise<Count> {
    const rows = await sql<{ organization_id: string; count: number }[]>`
      select organization_id, count(*)::int as count from (
        select organization_id from conversations union all
        select organization_id from conversation_events union all
        select organization_id from recordings union all
        select organization_id from email_deliveries
      ) as rows group by organization_id`
    return new Map(rows.map((row) => [row.organization_id, row.count]))
  }

  return {
    count,
    async of(callSid, before) {
      const [conversation = null] = await sql<Row[]>`select * from conversations where call_sid = ${callSid}`
      const id = String(conversation?.id ?? '00000000-0000-0000-0000-000000000000')
      const organizationId = String(conversation?.organization_id ?? id)
      const events = await sql<{ key: string; kind: string; at: Date; fact: Row }[]>`
        select key, kind, at, fact from conversation_events where conversation_id = ${id} order by position`
      const grown = [...(await count())].filter(([id, rows]) => id !== organizationId && rows > (before.get(id) ?? 0))
      const unrouted = await sql`select from routing.unrouted_calls where call_sid = ${callSid}`
      return {
        conversation,
        events: events.map(({ key, kind, at, fact }) => ({ key, kind, atMs: at.getTime(), fact })),
        emailDeliveries: await sql<Row[]>`select * from email_deliveries where conversation_id = ${id}`,
        recordings: await sql<Row[]>`select * from recordings where conversation_id = ${id}`,
        otherOrganizationsTouched: grown.length,
        isUnrouted: unrouted.length > 0,
      }
    },
    end: () => sql.end({ timeout: 1 }),
  }
}
