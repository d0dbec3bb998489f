-- Three roles, none of which owns anything or can look past row security.
--   frontdesk_app     what the server logs in as. It inherits nothing: by itself it can only ask the routing functions.
--   frontdesk_tenant  what it becomes for one transaction, together with an organization.
--   frontdesk_jobs    what the job worker becomes: it sees the queue, and no clinic's tables.
-- Roles belong to the whole cluster, so another database may have made them already, even at this very moment.
do $$
declare
  wanted record;
begin
  for wanted in
    select * from (values
      ('frontdesk_app', 'login noinherit'),
      ('frontdesk_tenant', 'nologin'),
      ('frontdesk_jobs', 'nologin')
    ) as r(name, options)
  loop
    begin
      execute format('create role %I %s nosuperuser nobypassrls nocreatedb nocreaterole', wanted.name, wanted.options);
    exception when duplicate_object or unique_violation then null;
    end;
  end loop;
  begin
    grant frontdesk_tenant, frontdesk_jobs to frontdesk_app;
  exception when unique_violation or internal_error then null; -- "tuple concurrently updated"
  end;
end
$$;
--> statement-breakpoint
-- Nothing for everybody: what a role may do is granted by name.
revoke all on schema public from public;
--> statement-breakpoint
grant usage on schema public to frontdesk_app, frontdesk_tenant;
--> statement-breakpoint
alter default privileges revoke execute on functions from public;
--> statement-breakpoint
-- The organization of the running transaction, or null: unset reads as null before the first use and as '' after it.
create function current_organization() returns uuid
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$ select nullif(current_setting('app.org_id', true), '')::uuid $$;
--> statement-breakpoint
grant execute on function current_organization() to frontdesk_app, frontdesk_tenant;
