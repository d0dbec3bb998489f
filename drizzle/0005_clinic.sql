-- What a clinic keeps beside its telephone: whom it treats, who treats them, when, and who looked at what.
-- Instants are timestamptz. A clinic's weekly times are what the clock on its wall shows: `time`, in the organization's
-- time zone, with 24:00 for the end of a day. Weekdays count from Monday, 1, to Sunday, 7.
create schema if not exists extensions;
--> statement-breakpoint
-- Lets an exclusion constraint compare ids beside ranges. Where it is installed already, it stays where it is.
create extension if not exists btree_gist with schema extensions;
--> statement-breakpoint
create table patients (
  organization_id uuid not null references organizations (id) on delete cascade,
  id uuid not null,
  given_name text not null check (length(given_name) between 1 and 120),
  family_name text not null check (length(family_name) between 1 and 120),
  date_of_birth date not null,
  phone_numbers text[] not null default '{}',
  notes text,
  created_at timestamptz not null default now(),
  primary key (organization_id, id)
);
--> statement-breakpoint
create index patients_by_birth on patients (organization_id, date_of_birth);
--> statement-breakpoint
create table providers (
  organization_id uuid not null references organizations (id) on delete cascade,
  id uuid not null,
  name text not null check (length(name) between 1 and 120),
  about text,
  is_active boolean not null default true,
  primary key (organization_id, id),
  unique (organization_id, name)
);
--> statement-breakpoint
-- The buffer follows the visit: the provider's time, not the patient's.
create table services (
  organization_id uuid not null references organizations (id) on delete cascade,
  id uuid not null,
  name text not null check (length(name) between 1 and 120),
  duration_minutes integer not null check (duration_minutes between 5 and 480),
  buffer_minutes integer not null default 0 check (buffer_minutes between 0 and 120),
  is_active boolean not null default true,
  primary key (organization_id, id),
  unique (organization_id, name)
);
--> statement-breakpoint
create table provider_services (
  organization_id uuid not null,
  provider_id uuid not null,
  service_id uuid not null,
  primary key (organization_id, provider_id, service_id),
  foreign key (organization_id, provider_id) references providers (organization_id, id) on delete cascade,
  foreign key (organization_id, service_id) references services (organization_id, id) on delete cascade
);
--> statement-breakpoint
create table opening_hours (
  organization_id uuid not null references organizations (id) on delete cascade,
  weekday integer not null check (weekday between 1 and 7),
  opens_at time not null,
  closes_at time not null,
  primary key (organization_id, weekday, opens_at),
  constraint opens_before_it_closes check (opens_at < closes_at)
);
--> statement-breakpoint
-- Holidays and other whole days on which the clinic is closed, first and last included.
create table closures (
  organization_id uuid not null references organizations (id) on delete cascade,
  first_day date not null,
  last_day date not null,
  name text not null check (length(name) between 1 and 120),
  primary key (organization_id, first_day, name),
  constraint begins_before_it_ends check (first_day <= last_day)
);
--> statement-breakpoint
create table provider_hours (
  organization_id uuid not null,
  provider_id uuid not null,
  weekday integer not null check (weekday between 1 and 7),
  starts_at time not null,
  ends_at time not null,
  primary key (organization_id, provider_id, weekday, starts_at),
  foreign key (organization_id, provider_id) references providers (organization_id, id) on delete cascade,
  constraint starts_before_it_ends check (starts_at < ends_at)
);
--> statement-breakpoint
-- One day that is unlike its week: away for a while, or there beyond the usual.
create table provider_exceptions (
  organization_id uuid not null,
  provider_id uuid not null,
  on_day date not null,
  starts_at time not null default '00:00',
  ends_at time not null default '24:00',
  kind text not null check (kind in ('away', 'extra')),
  primary key (organization_id, provider_id, on_day, starts_at, kind),
  foreign key (organization_id, provider_id) references providers (organization_id, id) on delete cascade,
  constraint starts_before_it_ends check (starts_at < ends_at)
);
--> statement-breakpoint
-- `busy_until` is the end of the visit and its buffer.
create table appointments (
  organization_id uuid not null,
  id uuid not null,
  patient_id uuid not null,
  provider_id uuid not null,
  service_id uuid not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  busy_until timestamptz not null,
  state text not null default 'booked' check (state in ('booked', 'cancelled')),
  reason text,
  -- The conversation that booked it, if one did.
  conversation_id uuid,
  created_at timestamptz not null default now(),
  primary key (organization_id, id),
  foreign key (organization_id, patient_id) references patients (organization_id, id) on delete cascade,
  foreign key (organization_id, provider_id) references providers (organization_id, id),
  foreign key (organization_id, service_id) references services (organization_id, id),
  foreign key (organization_id, conversation_id) references conversations (organization_id, id)
    on delete set null (conversation_id),
  constraint ends_after_it_starts check (starts_at < ends_at and ends_at <= busy_until)
);
--> statement-breakpoint
create index appointments_by_patient on appointments (organization_id, patient_id, starts_at);
--> statement-breakpoint
create index appointments_by_start on appointments (organization_id, starts_at);
--> statement-breakpoint
-- A slot that a caller was offered, kept from others for a moment.
create table slot_holds (
  organization_id uuid not null,
  id uuid not null,
  conversation_id uuid not null,
  provider_id uuid not null,
  starts_at timestamptz not null,
  busy_until timestamptz not null,
  held_until timestamptz not null,
  primary key (organization_id, id),
  foreign key (organization_id, conversation_id) references conversations (organization_id, id) on delete cascade,
  foreign key (organization_id, provider_id) references providers (organization_id, id) on delete cascade,
  constraint ends_after_it_starts check (starts_at < busy_until)
);
--> statement-breakpoint
create index slot_holds_by_conversation on slot_holds (organization_id, conversation_id);
--> statement-breakpoint
-- Append-only: who read or changed what of a patient, in which conversation, by which tool call. `patient_id` is null where
-- somebody was looked for and not found.
create table audit_log (
  organization_id uuid not null references organizations (id) on delete cascade,
  position bigint generated always as identity,
  at timestamptz not null,
  actor text not null check (actor in ('agent', 'member')),
  member_id uuid,
  conversation_id uuid,
  tool_call_id text,
  patient_id uuid,
  action text not null check (action in ('read', 'not-found', 'created', 'booked', 'rescheduled', 'cancelled')),
  -- Why: the tool that was used, or the page that was opened.
  purpose text not null check (length(purpose) between 1 and 200),
  primary key (organization_id, position),
  foreign key (organization_id, member_id) references members (organization_id, id),
  foreign key (organization_id, conversation_id) references conversations (organization_id, id)
    on delete set null (conversation_id),
  foreign key (organization_id, patient_id) references patients (organization_id, id) on delete set null (patient_id),
  constraint names_who check ((actor = 'member') = (member_id is not null) and (actor = 'agent') = (tool_call_id is not null))
);
--> statement-breakpoint
create index audit_log_by_patient on audit_log (organization_id, patient_id, at);
--> statement-breakpoint
select wall_in('patients'), wall_in('providers'), wall_in('services'), wall_in('provider_services'),
       wall_in('opening_hours'), wall_in('closures'), wall_in('provider_hours'), wall_in('provider_exceptions'),
       wall_in('appointments'), wall_in('slot_holds'), wall_in('audit_log');
--> statement-breakpoint
grant select, insert, update, delete on providers, services, provider_services, opening_hours, closures, provider_hours,
  provider_exceptions to frontdesk_tenant;
--> statement-breakpoint
-- An appointment is cancelled, a patient corrected; neither is ever deleted by the server.
grant select, insert, update on patients, appointments to frontdesk_tenant;
--> statement-breakpoint
grant select, insert, delete on slot_holds to frontdesk_tenant;
--> statement-breakpoint
grant select, insert on audit_log to frontdesk_tenant;
--> statement-breakpoint
-- A provider's time, taken once: by an appointment that stands, or by a hold. Both tables write it by the trigger below and
-- nobody is granted anything on it, so that no code of ours can book twice, whatever it believes.
create schema calendar;
--> statement-breakpoint
create table calendar.taken (
  organization_id uuid not null references organizations (id) on delete cascade,
  provider_id uuid not null,
  -- The appointment or the hold.
  taker_id uuid not null,
  during tstzrange not null,
  primary key (organization_id, taker_id),
  constraint taken_once exclude using gist (organization_id with =, provider_id with =, during with &&)
);
--> statement-breakpoint
create function calendar.keep_taken() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
  as $$
begin
  if tg_op <> 'INSERT' then
    delete from calendar.taken t where t.organization_id = old.organization_id and t.taker_id = old.id;
  end if;
  if tg_op <> 'DELETE' and coalesce(to_jsonb(new) ->> 'state', 'held') <> 'cancelled' then
    insert into calendar.taken
      values (new.organization_id, new.provider_id, new.id, tstzrange(new.starts_at, new.busy_until));
  end if;
  return null;
end
$$;
--> statement-breakpoint
create trigger keep_taken after insert or update or delete on appointments for each row execute function calendar.keep_taken();
--> statement-breakpoint
create trigger keep_taken after insert or update or delete on slot_holds for each row execute function calendar.keep_taken();
