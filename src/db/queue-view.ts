// The queue as somebody sees it who keeps another time than the database: how much is due, when the next falls due, and
// making it due now. For a simulator whose clock runs ahead; the server does not need it.
import postgres from 'postgres'

export type QueueView = {
  /** Failed: jobs that have used up all their attempts. */
  pending(nowMs: number): Promise<{ dueOrRunning: number; nextRunAtMs: number | null; failed: number }>
  /** Gives jobs that failed, and wait by the database's clock, as long a pause from `nowMs` on. Answers with how many they are. */
  postponeRetries(nowMs: number): Promise<number>
  /** Lets what falls due up to `upToMs` run now; answers with how many jobs that are. */
  makeDue(upToMs: number): Promise<number>
  end(): Promise<void>
}

/** `url` is the login's, as for `startJobs`. */
export function createQueueView(options: { url: string }): QueueView {
  const sql = postgres(options.url, {
    max: 1,
    fetch_types: false,
    connection: { role: 'frontdesk_jobs' },
    onnotice: () => {},
  })
  return {
    async pending(nowMs) {
      const [row] = await sql<{ due: number; next: number | null; failed: number }[]>`
        select
          count(*) filter (where is_running or (has_attempts and run_at <= at))::int as due,
          ceil(extract(epoch from min(run_at) filter (where not is_running and has_attempts and run_at > at)) * 1000)::float8 as next,
          count(*) filter (where not is_running and not has_attempts)::int as failed
        from (
          select run_at, locked_at is not null as is_running, attempts < max_attempts as has_attempts,
            to_timestamp(${nowMs}::float8 / 1000) as at
          from graphile_worker.jobs
        ) as jobs`
      return { dueOrRunning: row?.due ?? 0, nextRunAtMs: row?.next ?? null, failed: row?.failed ?? 0 }
    },
    async postponeRetries(nowMs) {
      // As graphile-worker reckons its pauses, by the count of attempts; none is longer than the day.
      const postponed = await sql`
        select from (
          select id, to_timestamp(${nowMs}::float8 / 1000 + exp(least(attempts, 10))) as run_at
          from graphile_worker.jobs
          where locked_at is null and attempts between 1 and max_attempts - 1
            and run_at > now() and run_at < now() + interval '1 day'
        ) as retry cross join lateral graphile_worker.reschedule_jobs(array[retry.id], run_at := retry.run_at)`
      return postponed.count
    },
    async makeDue(upToMs) {
      const made = await sql`
        select from graphile_worker.reschedule_jobs(run_at := now(), job_ids := array(
          select id from graphile_worker.jobs
          where locked_at is null and attempts < max_attempts and run_at > now()
            and run_at <= to_timestamp(${upToMs}::float8 / 1000)))`
      if (made.count > 0) await sql.notify('jobs:insert', JSON.stringify({ count: made.count }))
      return made.count
    },
    end: () => sql.end({ timeout: 1 }),
  }
}
