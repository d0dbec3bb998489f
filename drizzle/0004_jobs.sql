-- The queue (graphile-worker's schema is installed first). A tenant transaction can add a job, for its own organization
-- only; the worker's role sees the queue and nothing else. A version of graphile-worker that brings new tables or
-- functions needs a new migration that opens them to frontdesk_jobs; a test tells.
create function enqueue_job(task text, payload jsonb, run_at timestamptz, job_key text) returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
  as $$
declare
  organization uuid := public.current_organization();
begin
  if organization is null then
    raise exception 'Cannot enqueue %: no organization is set', task;
  end if;
  perform graphile_worker.add_job(
    identifier => task,
    payload => (payload || jsonb_build_object('organizationId', organization))::json,
    run_at => run_at,
    job_key => case when job_key is null then null else organization || ':' || job_key end,
    max_attempts => 25
  );
end
$$;
--> statement-breakpoint
revoke all on function enqueue_job(text, jsonb, timestamptz, text) from public;
--> statement-breakpoint
grant execute on function enqueue_job(text, jsonb, timestamptz, text) to frontdesk_tenant;
--> statement-breakpoint
grant usage on schema graphile_worker to frontdesk_jobs;
--> statement-breakpoint
grant select, insert, update, delete on all tables in schema graphile_worker to frontdesk_jobs;
--> statement-breakpoint
grant usage, select on all sequences in schema graphile_worker to frontdesk_jobs;
--> statement-breakpoint
grant execute on all functions in schema graphile_worker to frontdesk_jobs;
--> statement-breakpoint
do $$
declare
  queue_table text;
begin
  for queue_table in select tablename from pg_tables where schemaname = 'graphile_worker' and rowsecurity loop
    execute format('create policy worker on graphile_worker.%I to frontdesk_jobs using (true) with check (true)', queue_table);
  end loop;
end
$$;
