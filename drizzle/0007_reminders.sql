-- A clinic that wants reminders has them planned, whoever changed its settings and however. The job plans itself for the next
-- day and stops by itself when the clinic has opted out.
create function plan_reminders() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
  as $$
begin
  perform graphile_worker.add_job(
    identifier => 'plan-reminders',
    payload => json_build_object('organizationId', new.id),
    job_key => new.id || ':plan-reminders',
    max_attempts => 25
  );
  return null;
end
$$;
--> statement-breakpoint
revoke all on function plan_reminders() from public;
--> statement-breakpoint
create trigger reminders_wanted after insert or update of settings, time_zone on organizations
  for each row when ((new.settings #>> '{reminders,isOn}') = 'true') execute function plan_reminders();
