-- Whose call it is, in one question, in this order: the conversation that it has already, the vendor's agent, the number that
-- was dialled, the configured fallback. Servers of the version before ask route_call, route_agent and route_number one by one.
create function route(call_sid text, channel text, agent_id text, phone_number text, fallback uuid)
  returns table (organization_id uuid, conversation_id uuid, found_by text, has_own_account boolean)
  language sql stable security definer set search_path = pg_catalog, pg_temp
  as $$
    select r.organization_id, r.conversation_id, r.found_by,
      exists (select from routing.accounts a where a.organization_id = r.organization_id)
    from (
      select 1 as place, c.organization_id, c.conversation_id, 'conversation' as found_by
        from routing.calls c where c.call_sid = $1
      union all
      select 2, a.organization_id, null, 'agent' from routing.agents a where a.vendor = $2 and a.agent_id = $3
      union all
      select 3, n.organization_id, null, 'number' from routing.numbers n where n.channel = $2 and n.phone_number = $4
      union all
      select 4, $5, null, 'fallback' where $5 is not null
    ) r order by r.place limit 1
  $$;
--> statement-breakpoint
revoke all on function route(text, text, text, text, uuid) from public;
--> statement-breakpoint
grant execute on function route(text, text, text, text, uuid) to frontdesk_app;
--> statement-breakpoint
-- What the login asks by itself is a statement alone, without a transaction that could set its limit.
alter role frontdesk_app set statement_timeout = '10s';
