-- What must be known before the organization is. These tables are unique over all clinics; nobody is granted anything on
-- them, and the functions below are the only way in. Each answers with ids only.
create schema routing;
--> statement-breakpoint
create table routing.numbers (
  channel text not null,
  phone_number text not null,
  organization_id uuid not null,
  primary key (channel, phone_number)
);
--> statement-breakpoint
create table routing.agents (vendor text not null, agent_id text not null, organization_id uuid not null, primary key (vendor, agent_id));
--> statement-breakpoint
-- `stream_id` is the opaque name of the account in the media socket's path.
create table routing.accounts (
  account_sid text primary key,
  stream_id uuid not null unique default gen_random_uuid(),
  organization_id uuid not null
);
--> statement-breakpoint
create table routing.calls (call_sid text primary key, organization_id uuid not null, conversation_id uuid not null);
--> statement-breakpoint
create table routing.stream_tokens (
  token_hash text primary key,
  call_sid text not null,
  organization_id uuid not null,
  conversation_id uuid not null,
  expires_at timestamptz not null,
  used_at timestamptz
);
--> statement-breakpoint
create index stream_tokens_by_expiry on routing.stream_tokens (expires_at);
--> statement-breakpoint
-- Calls that no clinic could be found for: the operator's to look at.
create table routing.unrouted_calls (
  call_sid text primary key,
  account_sid text not null,
  to_number text not null,
  at timestamptz not null
);
--> statement-breakpoint
create function routing.keep_number() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
  as $$
begin
  if tg_op <> 'INSERT' then
    delete from routing.numbers n
      where n.channel = old.channel and n.phone_number = old.phone_number and n.organization_id = old.organization_id;
  end if;
  if tg_op <> 'DELETE' and new.is_active then
    insert into routing.numbers values (new.channel, new.phone_number, new.organization_id);
  end if;
  return null;
exception when unique_violation then
  raise exception 'Cannot activate phone number: it is active for another organization' using errcode = 'unique_violation';
end
$$;
--> statement-breakpoint
create trigger keep_route after insert or update or delete on phone_numbers for each row execute function routing.keep_number();
--> statement-breakpoint
create function routing.keep_agent() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
  as $$
begin
  if tg_op <> 'INSERT' then
    delete from routing.agents a where a.vendor = old.vendor and a.agent_id = old.agent_id and a.organization_id = old.organization_id;
  end if;
  if tg_op <> 'DELETE' then
    insert into routing.agents values (new.vendor, new.agent_id, new.organization_id);
  end if;
  return null;
exception when unique_violation then
  raise exception 'Cannot register agent: its id belongs to another organization' using errcode = 'unique_violation';
end
$$;
--> statement-breakpoint
create trigger keep_route after insert or update or delete on agents for each row execute function routing.keep_agent();
--> statement-breakpoint
create function routing.keep_account() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
  as $$
begin
  -- A new key for the same account keeps the name of its streams: one may be on its way to us.
  if tg_op = 'UPDATE' and row(old.organization_id, old.service_name, old.account_id)
      is not distinct from row(new.organization_id, new.service_name, new.account_id) then
    return null;
  end if;
  if tg_op <> 'INSERT' and old.service_name = 'twilio' then
    delete from routing.accounts a where a.account_sid = old.account_id and a.organization_id = old.organization_id;
  end if;
  if tg_op <> 'DELETE' and new.service_name = 'twilio' then
    insert into routing.accounts (account_sid, organization_id) values (new.account_id, new.organization_id);
  end if;
  return null;
exception when unique_violation then
  raise exception 'Cannot keep credentials: the account belongs to another organization' using errcode = 'unique_violation';
end
$$;
--> statement-breakpoint
create trigger keep_route after insert or update or delete on api_credentials for each row execute function routing.keep_account();
--> statement-breakpoint
create function route_number(channel text, phone_number text) returns uuid
  language sql stable security definer set search_path = pg_catalog, pg_temp
  as $$ select n.organization_id from routing.numbers n where n.channel = $1 and n.phone_number = $2 $$;
--> statement-breakpoint
create function route_agent(vendor text, agent_id text) returns uuid
  language sql stable security definer set search_path = pg_catalog, pg_temp
  as $$ select a.organization_id from routing.agents a where a.vendor = $1 and a.agent_id = $2 $$;
--> statement-breakpoint
create function route_account(account_sid text) returns table (organization_id uuid, stream_id uuid)
  language sql stable security definer set search_path = pg_catalog, pg_temp
  as $$ select a.organization_id, a.stream_id from routing.accounts a where a.account_sid = $1 $$;
--> statement-breakpoint
create function route_stream(stream_id uuid) returns uuid
  language sql stable security definer set search_path = pg_catalog, pg_temp
  as $$ select a.organization_id from routing.accounts a where a.stream_id = $1 $$;
--> statement-breakpoint
create function route_call(call_sid text) returns table (organization_id uuid, conversation_id uuid)
  language sql stable security definer set search_path = pg_catalog, pg_temp
  as $$ select c.organization_id, c.conversation_id from routing.calls c where c.call_sid = $1 $$;
--> statement-breakpoint
-- Whether an organization brought its own carrier account. Its calls must then be signed by that account.
create function has_own_account(organization_id uuid) returns boolean
  language sql stable security definer set search_path = pg_catalog, pg_temp
  as $$ select exists (select from routing.accounts a where a.organization_id = $1) $$;
--> statement-breakpoint
-- Ties a call to the running transaction's organization, once; answers with the tie that holds, ours or an earlier one.
create function claim_call(call_sid text, claimant uuid) returns table (organization_id uuid, conversation_id uuid)
  language sql security definer set search_path = pg_catalog, pg_temp
  as $$
    insert into routing.calls values ($1, public.current_organization(), $2) on conflict do nothing;
    select c.organization_id, c.conversation_id from routing.calls c where c.call_sid = $1;
  $$;
--> statement-breakpoint
-- Issuing a token again changes nothing: a used one stays used. Those long expired are swept on the way.
create function issue_stream_token(token_hash text, call_sid text, conversation_id uuid, expires_at timestamptz, issued_at timestamptz)
  returns void
  language sql security definer set search_path = pg_catalog, pg_temp
  as $$
    delete from routing.stream_tokens t where t.expires_at < $5 - interval '1 hour';
    insert into routing.stream_tokens (token_hash, call_sid, organization_id, conversation_id, expires_at)
      values ($1, $2, public.current_organization(), $3, $4) on conflict do nothing;
  $$;
--> statement-breakpoint
-- Takes a token, once, for the call that it was made for.
create function redeem_stream_token(token_hash text, call_sid text, redeemed_at timestamptz)
  returns table (organization_id uuid, conversation_id uuid)
  language sql security definer set search_path = pg_catalog, pg_temp
  as $$
    update routing.stream_tokens t set used_at = $3
      where t.token_hash = $1 and t.call_sid = $2 and t.used_at is null and t.expires_at > $3
      returning t.organization_id, t.conversation_id
  $$;
--> statement-breakpoint
create function keep_unrouted_call(call_sid text, account_sid text, to_number text, at timestamptz) returns void
  language sql security definer set search_path = pg_catalog, pg_temp
  as $$ insert into routing.unrouted_calls values ($1, $2, $3, $4) on conflict do nothing $$;
--> statement-breakpoint
grant execute on function
  route_number(text, text), route_agent(text, text), route_account(text), route_stream(uuid), route_call(text),
  has_own_account(uuid), redeem_stream_token(text, text, timestamptz), keep_unrouted_call(text, text, text, timestamptz)
  to frontdesk_app;
--> statement-breakpoint
grant execute on function claim_call(text, uuid), issue_stream_token(text, text, uuid, timestamptz, timestamptz) to frontdesk_tenant;
