-- The ledger, and what is folded from it.
create table conversations (
  organization_id uuid not null references organizations (id) on delete cascade,
  id uuid not null,
  session_id text not null,
  channel text not null check (channel in ('voice', 'web', 'whatsapp', 'sms')),
  call_id text,
  call_sid text,
  account_sid text,
  agent_id text,
  from_number text,
  to_number text,
  direction text not null check (direction in ('inbound', 'outbound')),
  call_status text,
  started_at timestamptz not null,
  answered_at timestamptz,
  ended_at timestamptz,
  duration_ms bigint,
  transcript text,
  call_analysis jsonb,
  cost jsonb,
  -- The merged facts of the ledger so far (bounded; words stay in the ledger), and how many events went in.
  facts jsonb not null,
  event_count integer not null default 0,
  primary key (organization_id, id),
  unique (organization_id, session_id)
);
--> statement-breakpoint
create index conversations_by_start on conversations (organization_id, started_at desc);
--> statement-breakpoint
create table conversation_events (
  organization_id uuid not null,
  conversation_id uuid not null,
  key text not null check (length(key) <= 300),
  position bigint generated always as identity,
  kind text not null,
  at timestamptz not null,
  fact jsonb not null,
  recorded_at timestamptz not null default now(),
  primary key (organization_id, conversation_id, key),
  foreign key (organization_id, conversation_id) references conversations (organization_id, id) on delete cascade
);
--> statement-breakpoint
create table recordings (
  organization_id uuid not null,
  recording_sid text not null,
  conversation_id uuid not null,
  status text not null,
  is_voicemail boolean not null default false,
  duration_ms bigint,
  channels integer,
  stored_as text,
  bytes bigint,
  primary key (organization_id, recording_sid),
  foreign key (organization_id, conversation_id) references conversations (organization_id, id) on delete cascade
);
--> statement-breakpoint
create index recordings_by_conversation on recordings (organization_id, conversation_id);
--> statement-breakpoint
-- One row a message that must be sent once. `payload` is the text of the rendered JSON, frozen before the first attempt.
create table email_deliveries (
  organization_id uuid not null,
  id uuid not null,
  conversation_id uuid not null,
  template text not null check (template in ('call-summary')),
  state text not null default 'ready' check (state in ('ready', 'claimed', 'sent', 'parked')),
  idempotency_key text not null check (length(idempotency_key) <= 256),
  payload text,
  attempts integer not null default 0,
  first_attempt_at timestamptz,
  claimed_until timestamptz,
  sent_at timestamptz,
  message_id text,
  note text,
  primary key (organization_id, id),
  unique (organization_id, conversation_id, template),
  unique (organization_id, idempotency_key),
  foreign key (organization_id, conversation_id) references conversations (organization_id, id) on delete cascade
);
--> statement-breakpoint
select wall_in('conversations'), wall_in('conversation_events'), wall_in('recordings'), wall_in('email_deliveries');
--> statement-breakpoint
grant select, insert, update on conversations, recordings, email_deliveries to frontdesk_tenant;
--> statement-breakpoint
-- The ledger is append-only, by grant.
grant select, insert on conversation_events to frontdesk_tenant;
