// What the server wrote down, read past it: as the database's superuser, who sees every clinic. For the auditor, who takes
// the server's word for nothing.
import postgres from 'postgres'
import type { Row, ServerView } from './audit/case.ts'

export type View = {
  /** Everything about one call, and whether anything else was touched. */
  of(callSid: string): Promise<ServerView>
  end(): Promise<void>
}

/** `adminUrl`: of a database in which this call is the only one. */
export function createView(adminUrl: string): View {
  const sql = postgres(adminUrl, { max: 1, onnotice: () => {} })
  return {
    async of(callSid) {
      const [conversation = null] = await sql<Row[]>`select * from conversations where call_sid = ${callSid}`
      const id = String(conversation?.id ?? '00000000-0000-0000-0000-000000000000')
      const organizationId = String(conversation?.organization_id ?? id)
      const events = await sql<{ key: string; kind: string; at: Date; fact: Row }[]>`
        select key, kind, at, fact from conversation_events where conversation_id = ${id} order by position`
      const [others] = await sql<{ count: number }[]>`
        select count(distinct organization_id)::int as count from (
          select organization_id from conversations union all
          select organization_id from conversation_events union all
          select organization_id from recordings union all
          select organization_id from email_deliveries
        ) as rows where organization_id <> ${organizationId}`
      const unrouted = await sql`select from routing.unrouted_calls where call_sid = ${callSid}`
      return {
        conversation,
        events: events.map(({ key, kind, at, fact }) => ({ key, kind, atMs: at.getTime(), fact })),
        emailDeliveries: await sql<Row[]>`select * from email_deliveries where conversation_id = ${id}`,
        recordings: await sql<Row[]>`select * from recordings where conversation_id = ${id}`,
        otherOrganizationsTouched: others?.count ?? 0,
        isUnrouted: unrouted.length > 0,
      }
    },
    end: () => sql.end({ timeout: 1 }),
  }
}
