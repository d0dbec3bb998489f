// The tables of one clinic, for typed queries. The migrations in drizzle/ are the authority (policies, grants, checks);
// a test holds this file against the catalog.
import {
  bigint,
  boolean,
  customType,
  date,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'

const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })
/** A day of the calendar, as YYYY-MM-DD. */
const day = (name: string) => date(name, { mode: 'string' })
/** What the clock on the wall shows, in minutes since midnight: 0 to 1440. */
const wallTime = customType<{ data: number; driverData: string }>({
  dataType: () => 'time without time zone',
  toDriver: (minutes) => `${Math.trunc(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}`,
  fromDriver(shown) {
    const [hours = 0, minutes = 0] = shown.split(':').map(Number)
    return hours * 60 + minutes
  },
})

export const organizations = pgTable('organizations', {
  id: uuid('id').primaryKey(),
  name: text('name').notNull(),
  timeZone: text('time_zone').notNull().default('America/New_York'),
  language: text('language').notNull().default('en'),
  settings: jsonb('settings').notNull().default({}),
  createdAt: instant('created_at').notNull().defaultNow(),
})

export const members = pgTable(
  'members',
  {
    organizationId: uuid('organization_id').notNull(),
    id: uuid('id').notNull(),
    name: text('name').notNull(),
    email: text('email').notNull(),
    role: text('role', { enum: ['admin', 'staff'] }).notNull(),
    isActive: boolean('is_active').notNull().default(true),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.organizationId, t.id] })],
)

export const phoneNumbers = pgTable(
  'phone_numbers',
  {
    organizationId: uuid('organization_id').notNull(),
    id: uuid('id').notNull(),
    phoneNumber: text('phone_number').notNull(),
    channel: text('channel', { enum: ['retell', 'twilio', 'whatsapp'] }).notNull(),
    isActive: boolean('is_active').notNull().default(true),
    friendlyName: text('friendly_name'),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.organizationId, t.id] })],
)

export const apiCredentials = pgTable(
  'api_credentials',
  {
    organizationId: uuid('organization_id').notNull(),
    id: uuid('id').notNull(),
    serviceName: text('service_name', { enum: ['twilio', 'retell', 'openai', 'resend'] }).notNull(),
    accountId: text('account_id'),
    credentialData: text('credential_data').notNull(),
    keyId: text('key_id').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.organizationId, t.id] })],
)

export const agents = pgTable(
  'agents',
  {
    organizationId: uuid('organization_id').notNull(),
    id: uuid('id').notNull(),
    agentId: text('agent_id').notNull(),
    vendor: text('vendor', { enum: ['retell'] }).notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.organizationId, t.id] })],
)

export const agentInstructions = pgTable(
  'agent_instructions',
  {
    organizationId: uuid('organization_id').notNull(),
    channel: text('channel', { enum: ['voice', 'web', 'whatsapp', 'sms'] }).notNull(),
    scope: text('scope', { enum: ['base', 'receptionist', 'supervisor', 'greeting'] }).notNull(),
    version: integer('version').notNull(),
    instructions: text('instructions').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.organizationId, t.channel, t.scope, t.version] })],
)

export const conversations = pgTable(
  'conversations',
  {
    organizationId: uuid('organization_id').notNull(),
    id: uuid('id').notNull(),
    sessionId: text('session_id').notNull(),
    channel: text('channel', { enum: ['voice', 'web', 'whatsapp', 'sms'] }).notNull(),
    callId: text('call_id'),
    callSid: text('call_sid'),
    accountSid: text('account_sid'),
    agentId: text('agent_id'),
    fromNumber: text('from_number'),
    toNumber: text('to_number'),
    direction: text('direction', { enum: ['inbound', 'outbound'] }).notNull(),
    callStatus: text('call_status'),
    startedAt: instant('started_at').notNull(),
    answeredAt: instant('answered_at'),
    endedAt: instant('ended_at'),
    durationMs: bigint('duration_ms', { mode: 'number' }),
    transcript: text('transcript'),
    callAnalysis: jsonb('call_analysis'),
    cost: jsonb('cost'),
    facts: jsonb('facts').notNull(),
    eventCount: integer('event_count').notNull().default(0),
    costNanoUsd: bigint('cost_nano_usd', { mode: 'number' }).notNull().default(0),
    isLive: boolean('is_live').notNull().default(false),
  },
  (t) => [primaryKey({ columns: [t.organizationId, t.id] })],
)

export const conversationEvents = pgTable(
  'conversation_events',
  {
    organizationId: uuid('organization_id').notNull(),
    conversationId: uuid('conversation_id').notNull(),
    key: text('key').notNull(),
    position: bigint('position', { mode: 'number' }).generatedAlwaysAsIdentity(),
    kind: text('kind').notNull(),
    at: instant('at').notNull(),
    fact: jsonb('fact').notNull(),
    recordedAt: instant('recorded_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.organizationId, t.conversationId, t.key] })],
)

export const recordings = pgTable(
  'recordings',
  {
    organizationId: uuid('organization_id').notNull(),
    recordingSid: text('recording_sid').notNull(),
    conversationId: uuid('conversation_id').notNull(),
    status: text('status').notNull(),
    isVoicemail: boolean('is_voicemail').notNull().default(false),
    durationMs: bigint('duration_ms', { mode: 'number' }),
    channels: integer('channels'),
    storedAs: text('stored_as'),
    bytes: bigint('bytes', { mode: 'number' }),
  },
  (t) => [primaryKey({ columns: [t.organizationId, t.recordingSid] })],
)

export const emailDeliveries = pgTable(
  'email_deliveries',
  {
    organizationId: uuid('organization_id').notNull(),
    id: uuid('id').notNull(),
    conversationId: uuid('conversation_id').notNull(),
    template: text('template', { enum: ['call-summary'] }).notNull(),
    state: text('state', { enum: ['ready', 'claimed', 'sent', 'parked'] })
      .notNull()
      .default('ready'),
    idempotencyKey: text('idempotency_key').notNull(),
    payload: text('payload'),
    attempts: integer('attempts').notNull().default(0),
    firstAttemptAt: instant('first_attempt_at'),
    claimedUntil: instant('claimed_until'),
    sentAt: instant('sent_at'),
    messageId: text('message_id'),
    note: text('note'),
  },
  (t) => [primaryKey({ columns: [t.organizationId, t.id] })],
)

export const patients = pgTable(
  'patients',
  {
    organizationId: uuid('organization_id').notNull(),
    id: uuid('id').notNull(),
    givenName: text('given_name').notNull(),
    familyName: text('family_name').notNull(),
    dateOfBirth: day('date_of_birth').notNull(),
    phoneNumbers: text('phone_numbers').array().notNull().default([]),
    notes: text('notes'),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.organizationId, t.id] })],
)

export const providers = pgTable(
  'providers',
  {
    organizationId: uuid('organization_id').notNull(),
    id: uuid('id').notNull(),
    name: text('name').notNull(),
    about: text('about'),
    isActive: boolean('is_active').notNull().default(true),
  },
  (t) => [primaryKey({ columns: [t.organizationId, t.id] })],
)

export const services = pgTable(
  'services',
  {
    organizationId: uuid('organization_id').notNull(),
    id: uuid('id').notNull(),
    name: text('name').notNull(),
    durationMinutes: integer('duration_minutes').notNull(),
    bufferMinutes: integer('buffer_minutes').notNull().default(0),
    isActive: boolean('is_active').notNull().default(true),
  },
  (t) => [primaryKey({ columns: [t.organizationId, t.id] })],
)

export const providerServices = pgTable(
  'provider_services',
  {
    organizationId: uuid('organization_id').notNull(),
    providerId: uuid('provider_id').notNull(),
    serviceId: uuid('service_id').notNull(),
  },
  (t) => [primaryKey({ columns: [t.organizationId, t.providerId, t.serviceId] })],
)

export const openingHours = pgTable(
  'opening_hours',
  {
    organizationId: uuid('organization_id').notNull(),
    /** 1 is Monday. */
    weekday: integer('weekday').notNull(),
    opensAt: wallTime('opens_at').notNull(),
    closesAt: wallTime('closes_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.organizationId, t.weekday, t.opensAt] })],
)

export const closures = pgTable(
  'closures',
  {
    organizationId: uuid('organization_id').notNull(),
    firstDay: day('first_day').notNull(),
    lastDay: day('last_day').notNull(),
    name: text('name').notNull(),
  },
  (t) => [primaryKey({ columns: [t.organizationId, t.firstDay, t.name] })],
)

export const providerHours = pgTable(
  'provider_hours',
  {
    organizationId: uuid('organization_id').notNull(),
    providerId: uuid('provider_id').notNull(),
    weekday: integer('weekday').notNull(),
    startsAt: wallTime('starts_at').notNull(),
    endsAt: wallTime('ends_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.organizationId, t.providerId, t.weekday, t.startsAt] })],
)

export const providerExceptions = pgTable(
  'provider_exceptions',
  {
    organizationId: uuid('organization_id').notNull(),
    providerId: uuid('provider_id').notNull(),
    onDay: day('on_day').notNull(),
    startsAt: wallTime('starts_at').notNull().default(0),
    endsAt: wallTime('ends_at').notNull().default(1440),
    kind: text('kind', { enum: ['away', 'extra'] }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.organizationId, t.providerId, t.onDay, t.startsAt, t.kind] })],
)

export const appointments = pgTable(
  'appointments',
  {
    organizationId: uuid('organization_id').notNull(),
    id: uuid('id').notNull(),
    patientId: uuid('patient_id').notNull(),
    providerId: uuid('provider_id').notNull(),
    serviceId: uuid('service_id').notNull(),
    startsAt: instant('starts_at').notNull(),
    endsAt: instant('ends_at').notNull(),
    busyUntil: instant('busy_until').notNull(),
    state: text('state', { enum: ['booked', 'cancelled'] })
      .notNull()
      .default('booked'),
    reason: text('reason'),
    conversationId: uuid('conversation_id'),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.organizationId, t.id] })],
)

export const slotHolds = pgTable(
  'slot_holds',
  {
    organizationId: uuid('organization_id').notNull(),
    id: uuid('id').notNull(),
    conversationId: uuid('conversation_id').notNull(),
    providerId: uuid('provider_id').notNull(),
    startsAt: instant('starts_at').notNull(),
    busyUntil: instant('busy_until').notNull(),
    heldUntil: instant('held_until').notNull(),
  },
  (t) => [primaryKey({ columns: [t.organizationId, t.id] })],
)

export const apiTokens = pgTable(
  'api_tokens',
  {
    organizationId: uuid('organization_id').notNull(),
    id: uuid('id').notNull(),
    memberId: uuid('member_id').notNull(),
    name: text('name').notNull(),
    tokenHash: text('token_hash').notNull(),
    scopes: text('scopes').array().notNull(),
    createdAt: instant('created_at').notNull(),
    revokedAt: instant('revoked_at'),
  },
  (t) => [primaryKey({ columns: [t.organizationId, t.id] })],
)

export const outboundCalls = pgTable(
  'outbound_calls',
  {
    organizationId: uuid('organization_id').notNull(),
    id: uuid('id').notNull(),
    idempotencyKey: text('idempotency_key').notNull(),
    fromNumber: text('from_number').notNull(),
    toNumber: text('to_number').notNull(),
    purpose: text('purpose').notNull(),
    patientId: uuid('patient_id'),
    appointmentId: uuid('appointment_id'),
    state: text('state', {
      enum: ['waiting', 'placing', 'placed', 'unknown', 'refused', 'lapsed', 'withdrawn'],
    })
      .notNull()
      .default('waiting'),
    reason: text('reason'),
    callSid: text('call_sid'),
    placeUntil: instant('place_until').notNull(),
    createdAt: instant('created_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.organizationId, t.id] })],
)

export const auditLog = pgTable(
  'audit_log',
  {
    organizationId: uuid('organization_id').notNull(),
    position: bigint('position', { mode: 'number' }).generatedAlwaysAsIdentity(),
    at: instant('at').notNull(),
    actor: text('actor', { enum: ['agent', 'member'] }).notNull(),
    memberId: uuid('member_id'),
    conversationId: uuid('conversation_id'),
    toolCallId: text('tool_call_id'),
    patientId: uuid('patient_id'),
    action: text('action', {
      enum: ['read', 'not-found', 'created', 'booked', 'rescheduled', 'cancelled'],
    }).notNull(),
    purpose: text('purpose').notNull(),
  },
  (t) => [primaryKey({ columns: [t.organizationId, t.position] })],
)
