-- What a call has cost and whether it is going on, as the ledger says; the calls that we place; who may ask for them.
alter table conversations
  add column cost_nano_usd bigint not null default 0,
  add column is_live boolean not null default false;
--> statement-breakpoint
-- For the ceilings: what an organization has spent since a moment, how many calls are going on, and how often one number has
-- called.
drop index conversations_by_start;
--> statement-breakpoint
create index conversations_by_start on conversations (organization_id, started_at desc) include (cost_nano_usd);
--> statement-breakpoint
create index conversations_live on conversations (organization_id, started_at) where is_live;
--> statement-breakpoint
create index conversations_by_caller on conversations (organization_id, from_number, started_at);
--> statement-breakpoint
-- What another system shows to act for an organization. Only the hash is kept; it is good while the member who answers for it
-- is active.
create table api_tokens (
  organization_id uuid not null,
  id uuid not null,
  member_id uuid not null,
  name text not null check (length(name) between 1 and 100),
  token_hash text not null check (token_hash ~ '^[0-9a-f]{64}$'),
  scopes text[] not null,
  created_at timestamptz not null,
  revoked_at timestamptz,
  primary key (organization_id, id),
  unique (organization_id, token_hash),
  foreign key (organization_id, member_id) references members (organization_id, id) on delete cascade
);
--> statement-breakpoint
-- Calls that we were asked to place, once a key. `placing` is written before the carrier is asked: a call whose answer was
-- lost is `unknown`, and never placed again.
create table outbound_calls (
  organization_id uuid not null references organizations (id) on delete cascade,
  id uuid not null,
  idempotency_key text not null check (length(idempotency_key) between 1 and 200),
  from_number text not null check (from_number ~ '^\+[1-9][0-9]{6,14}$'),
  to_number text not null check (to_number ~ '^\+[1-9][0-9]{6,14}$'),
  purpose text not null check (length(purpose) between 1 and 1000),
  patient_id uuid,
  appointment_id uuid,
  state text not null default 'waiting'
    check (state in ('waiting', 'placing', 'placed', 'unknown', 'refused', 'lapsed', 'withdrawn')),
  -- Why it was not placed.
  reason text,
  call_sid text,
  -- Not placed any more after this.
  place_until timestamptz not null,
  created_at timestamptz not null,
  primary key (organization_id, id),
  unique (organization_id, idempotency_key),
  foreign key (organization_id, patient_id) references patients (organization_id, id) on delete cascade,
  foreign key (organization_id, appointment_id) references appointments (organization_id, id) on delete cascade
);
--> statement-breakpoint
create index outbound_calls_by_number on outbound_calls (organization_id, created_at, to_number);
--> statement-breakpoint
select wall_in('api_tokens'), wall_in('outbound_calls');
--> statement-breakpoint
grant select, insert, update on api_tokens, outbound_calls to frontdesk_tenant;
--> statement-breakpoint
create table routing.api_tokens (token_hash text primary key, organization_id uuid not null);
--> statement-breakpoint
create table routing.outbound_calls (id uuid primary key, organization_id uuid not null);
--> statement-breakpoint
create function routing.keep_api_token() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
  as $$
begin
  if tg_op <> 'INSERT' then
    delete from routing.api_tokens t where t.token_hash = old.token_hash and t.organization_id = old.organization_id;
  end if;
  if tg_op <> 'DELETE' and new.revoked_at is null then
    insert into routing.api_tokens values (new.token_hash, new.organization_id);
  end if;
  return null;
exception when unique_violation then
  raise exception 'Cannot keep token: it belongs to another organization' using errcode = 'unique_violation';
end
$$;
--> statement-breakpoint
create trigger keep_route after insert or update or delete on api_tokens for each row execute function routing.keep_api_token();
--> statement-breakpoint
create function routing.keep_outbound_call() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
  as $$
begin
  if tg_op = 'DELETE' then
    delete from routing.outbound_calls c where c.id = old.id and c.organization_id = old.organization_id;
  else
    insert into routing.outbound_calls values (new.id, new.organization_id);
  end if;
  return null;
exception when unique_violation then
  raise exception 'Cannot keep outbound call: its id belongs to another organization' using errcode = 'unique_violation';
end
$$;
--> statement-breakpoint
create trigger keep_route after insert or delete on outbound_calls for each row execute function routing.keep_outbound_call();
--> statement-breakpoint
create function route_api_token(token_hash text) returns uuid
  language sql stable security definer set search_path = pg_catalog, pg_temp
  as $$ select t.organization_id from routing.api_tokens t where t.token_hash = $1 $$;
--> statement-breakpoint
create function route_outbound_call(id uuid) returns uuid
  language sql stable security definer set search_path = pg_catalog, pg_temp
  as $$ select c.organization_id from routing.outbound_calls c where c.id = $1 $$;
--> statement-breakpoint
grant execute on function route_api_token(text), route_outbound_call(uuid) to frontdesk_app;
