-- The clinics, their people, numbers, credentials and instructions.
create table organizations (
  id uuid primary key,
  name text not null check (length(name) between 1 and 200),
  time_zone text not null default 'America/New_York',
  language text not null default 'en',
  settings jsonb not null default '{}',
  created_at timestamptz not null default now()
);
--> statement-breakpoint
create table members (
  organization_id uuid not null references organizations (id) on delete cascade,
  id uuid not null,
  name text not null,
  email text not null check (email like '%_@_%'),
  role text not null check (role in ('admin', 'staff')),
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  primary key (organization_id, id),
  unique (organization_id, email)
);
--> statement-breakpoint
create table phone_numbers (
  organization_id uuid not null references organizations (id) on delete cascade,
  id uuid not null,
  phone_number text not null check (phone_number ~ '^\+[1-9][0-9]{6,14}$'),
  channel text not null check (channel in ('retell', 'twilio', 'whatsapp')),
  is_active boolean not null default true,
  friendly_name text,
  created_at timestamptz not null default now(),
  primary key (organization_id, id),
  unique (organization_id, channel, phone_number)
);
--> statement-breakpoint
-- `credential_data` is ciphertext (AES-256-GCM, key named by `key_id`; organization, service and column are bound to it).
-- `account_id` is the vendor's public name of the account, kept readable because requests are routed by it.
create table api_credentials (
  organization_id uuid not null references organizations (id) on delete cascade,
  id uuid not null,
  service_name text not null check (service_name in ('twilio', 'retell', 'openai', 'resend')),
  account_id text,
  credential_data text not null,
  key_id text not null,
  created_at timestamptz not null default now(),
  primary key (organization_id, id),
  unique (organization_id, service_name),
  constraint twilio_has_account check (service_name <> 'twilio' or account_id is not null)
);
--> statement-breakpoint
-- An agent known to an outside vendor by its own id.
create table agents (
  organization_id uuid not null references organizations (id) on delete cascade,
  id uuid not null,
  agent_id text not null,
  vendor text not null check (vendor in ('retell')),
  created_at timestamptz not null default now(),
  primary key (organization_id, id),
  unique (organization_id, vendor, agent_id)
);
--> statement-breakpoint
-- Append-only: a change is a new version, and the highest version is the one in force.
create table agent_instructions (
  organization_id uuid not null references organizations (id) on delete cascade,
  channel text not null check (channel in ('voice', 'web', 'whatsapp', 'sms')),
  scope text not null check (scope in ('base', 'receptionist', 'supervisor', 'greeting')),
  version integer not null check (version > 0),
  instructions text not null check (length(instructions) between 1 and 40000),
  created_at timestamptz not null default now(),
  primary key (organization_id, channel, scope, version)
);
--> statement-breakpoint
create function notify_instructions() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$ begin perform pg_notify('instructions', new.organization_id::text); return null; end $$;
--> statement-breakpoint
create trigger instructions_changed after insert on agent_instructions
  for each row execute function notify_instructions();
--> statement-breakpoint
-- Makes a table a tenant's own: the one policy that every table of a clinic has. `select` makes it run once a query.
create function wall_in(tenant regclass, key_column name default 'organization_id') returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
begin
  execute format('alter table %s enable row level security', tenant);
  execute format('alter table %s force row level security', tenant);
  execute format(
    'create policy own_organization on %s as permissive for all to frontdesk_tenant
       using (%I = (select public.current_organization()))
       with check (%I = (select public.current_organization()))',
    tenant, key_column, key_column);
end
$$;
--> statement-breakpoint
revoke execute on function wall_in(regclass, name) from public;
--> statement-breakpoint
select wall_in('organizations', 'id'), wall_in('members'), wall_in('phone_numbers'), wall_in('api_credentials'),
       wall_in('agents'), wall_in('agent_instructions');
--> statement-breakpoint
grant select, insert, update, delete on organizations, members, phone_numbers, api_credentials, agents to frontdesk_tenant;
--> statement-breakpoint
grant select, insert on agent_instructions to frontdesk_tenant;
