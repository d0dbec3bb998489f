-- What a call says most of the time (its words, and what they cost) and what is asked after each of its turns, in one statement
-- each instead of a transaction of many. Each enters the organization by itself, as a transaction of the server does, and
-- the walls hold in it: it runs with the rights of whoever calls it.

-- Adds events that say nothing about the call itself to the ledger. Answers whether it has: not in a conversation that has no
-- event yet or is over, whose row is made of more. `cost`: of a usage, {"model", "nanoUsd", "isAssumed"}.
create function record_words(organization uuid, conversation uuid, events jsonb) returns boolean
  language plpgsql set search_path = pg_catalog, pg_temp
  as $$
declare
  kept record;
  event record;
  fresh integer := 0;
  by_model jsonb;
  assumed jsonb;
begin
  perform set_config('role', 'frontdesk_tenant', true), set_config('app.org_id', organization::text, true);
  select c.event_count, c.ended_at, c.cost into kept from public.conversations c
    where c.organization_id = organization and c.id = conversation for no key update;
  if not found or kept.event_count = 0 or kept.ended_at is not null then
    return false;
  end if;
  by_model := coalesce(kept.cost -> 'byModel', '{}');
  assumed := coalesce(kept.cost -> 'assumed', '[]');
  for event in
    select * from jsonb_to_recordset(events) as e(key text, kind text, at timestamptz, fact jsonb, cost jsonb)
  loop
    insert into public.conversation_events (organization_id, conversation_id, key, kind, at, fact)
      values (organization, conversation, event.key, event.kind, event.at, event.fact) on conflict do nothing;
    continue when not found;
    fresh := fresh + 1;
    continue when event.cost is null;
    by_model := by_model || jsonb_build_object(event.cost ->> 'model',
      coalesce((by_model ->> (event.cost ->> 'model'))::bigint, 0) + (event.cost ->> 'nanoUsd')::bigint);
    if (event.cost ->> 'isAssumed')::boolean and not assumed ? (event.cost ->> 'model') then
      assumed := assumed || jsonb_build_array(event.cost ->> 'model');
    end if;
  end loop;
  if by_model <> '{}' then
    kept.cost := jsonb_build_object('byModel', by_model,
      'nanoUsd', (select sum(value::bigint) from jsonb_each_text(by_model)),
      'assumed', (select coalesce(jsonb_agg(value order by value collate "C"), '[]') from jsonb_array_elements_text(assumed)));
  end if;
  update public.conversations c
    set event_count = c.event_count + fresh, cost = kept.cost,
      cost_nano_usd = coalesce((kept.cost ->> 'nanoUsd')::bigint, c.cost_nano_usd)
    where fresh > 0 and c.organization_id = organization and c.id = conversation;
  return true;
end
$$;
--> statement-breakpoint
revoke all on function record_words(uuid, uuid, jsonb) from public;
--> statement-breakpoint
grant execute on function record_words(uuid, uuid, jsonb) to frontdesk_app;
--> statement-breakpoint
-- What an organization has spent on calls that began this day and this month, by its own calendar; in billionths of a dollar.
create function spending(organization uuid, at timestamptz, out day_nano_usd float8, out month_nano_usd float8)
  language sql stable set search_path = pg_catalog, pg_temp
  as $$
    select
      coalesce(sum(c.cost_nano_usd) filter (where c.started_at >= date_trunc('day', at, o.time_zone)), 0),
      coalesce(sum(c.cost_nano_usd), 0)
    from public.organizations o
    left join public.conversations c
      on c.organization_id = o.id and c.started_at >= date_trunc('month', at, o.time_zone)
    where o.id = organization
  $$;
--> statement-breakpoint
revoke all on function spending(uuid, timestamptz) from public;
--> statement-breakpoint
grant execute on function spending(uuid, timestamptz) to frontdesk_tenant;
--> statement-breakpoint
-- The same beside what one of its calls has cost, and the organization's settings, which have the ceilings.
create function call_spending(
  organization uuid, conversation uuid, at timestamptz,
  out settings jsonb, out call_nano_usd float8, out day_nano_usd float8, out month_nano_usd float8
)
  language plpgsql set search_path = pg_catalog, pg_temp
  as $$
begin
  perform set_config('role', 'frontdesk_tenant', true), set_config('app.org_id', organization::text, true);
  select o.settings, coalesce(c.cost_nano_usd, 0), s.day_nano_usd, s.month_nano_usd
    into settings, call_nano_usd, day_nano_usd, month_nano_usd
    from public.organizations o
    cross join lateral public.spending(o.id, at) s
    left join public.conversations c on c.organization_id = o.id and c.id = conversation
    where o.id = organization;
end
$$;
--> statement-breakpoint
revoke all on function call_spending(uuid, uuid, timestamptz) from public;
--> statement-breakpoint
grant execute on function call_spending(uuid, uuid, timestamptz) to frontdesk_app;
--> statement-breakpoint
-- Of a statement alone, too: what a client has left behind that is gone is noticed while it waits for a lock.
alter role frontdesk_app set client_connection_check_interval = '500ms';
