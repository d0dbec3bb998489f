// The whole application as Twilio meets it: createApp on a database of its own with the demonstration's clinics, vendors
// that only write down what they are asked, a clock moved by hand, and requests signed by Twilio's own package.
import postgres from 'postgres'
import twilio from 'twilio'
import { type App, createApp } from '../../src/app.ts'
import { type Config, loadConfig } from '../../src/config.ts'
import { seedDemo } from '../../src/demo.ts'
import type { Deps } from '../../src/deps.ts'
import { randomIds } from '../../src/lib/ids.ts'
import { createLog } from '../../src/lib/log.ts'
import { ok, problem } from '../../src/lib/outcome.ts'
import type { OpenSocket, SocketHandlers } from '../../src/lib/socket.ts'
import type { MailPayload } from '../../src/vendors/mailer.ts'
import type {
  CallSnapshot,
  PlacedCall,
  PlacingProblem,
  RecordingSnapshot,
  Telephony,
} from '../../src/vendors/telephony.ts'
import { openTestDatabase, type TestDatabase } from './database.ts'
import { createHandClock, type HandClock } from './hand-clock.ts'

export const publicBaseUrl = 'https://frontdesk.example'
export const house = { accountSid: `AC${'a1'.repeat(16)}`, authToken: 'the token of this deployment' }
export const lakeside = { organizationId: '5f0c6a1e-9f2b-4c58-8a4d-0d7c2b1e6a01', number: '+15551234567' }
export const cedar = { organizationId: '5f0c6a1e-9f2b-4c58-8a4d-0d7c2b1e6a02', number: '+15557654321' }

export type Fields = Record<string, string | string[]>

/** What the vendors were asked, and what they shall answer. */
export type Vendors = {
  /** The model's socket refuses the handshake, or opens and never says a word. */
  model: 'refuses' | 'silent'
  dialled: string[]
  /** As fetched by REST; a call that is not here is not found. */
  calls: Map<string, CallSnapshot>
  /** Whether calls can be fetched at all. */
  isTelling: boolean
  recordingsOf: Map<string, RecordingSnapshot[]>
  /** The problem that starting a recording meets, if any. */
  recordingTrouble: 'unavailable' | 'not-live' | null
  /** The problem that placing a call meets, if any. */
  placingTrouble: PlacingProblem | null
  placed: PlacedCall[]
  redirected: { callSid: string; url: string }[]
  /** Requests by REST: what, and about what. */
  asked: string[]
  mails: MailPayload[]
  files: Map<string, Uint8Array>
}

export type Telephone = {
  database: TestDatabase
  /** As the superuser, who sees every table. */
  admin: postgres.Sql
  deps: Deps
  app: App
  clock: HandClock
  vendors: Vendors
  log: string[]
  /** Sends a webhook as Twilio would. `path` is below /api/twilio, with its query. */
  post(path: string, fields: Fields, options?: PostOptions): Promise<Response>
  /** The jobs that wait for a call's conversation, by the time at which they are due. */
  jobs(callSid: string): Promise<WaitingJob[]>
  /** Runs a job that the ledger asked for, as the queue would. */
  run(task: string, ids: Record<string, string>, attempt?: number): Promise<void>
  /** Resolves once it is so: for what goes on after an answer. It is asked between round trips to the database. */
  until(isSo: () => boolean | Promise<boolean>): Promise<void>
  /** How many rows each table has, routing's and the queue's included, and what is in them. */
  everything(): Promise<Record<string, string>>
  end(): Promise<void>
}

export type WaitingJob = { task: string; ids: Record<string, string>; dueAtMs: number }

export type PostOptions = {
  authToken?: string
  /** In place of the one that fits; null: none at all. */
  signature?: string | null
  /** Signed in place of the URL that is asked. */
  signedUrl?: string
  /** Sent in place of the fields that are signed. */
  sent?: Fields
  /** The host as a proxy shows it. */
  origin?: string
  /** The machine that it reaches, in place of the one that there is. */
  app?: Pick<App, 'fetch'>
}

export async function openTelephone(settings: Record<string, string> = {}): Promise<Telephone> {
  const database = await openTestDatabase()
  const clock = createHandClock(Date.UTC(2026, 2, 2, 9, 0, 0))
  const log: string[] = []
  const vendors: Vendors = {
    model: 'refuses',
    dialled: [],
    calls: new Map(),
    isTelling: true,
    recordingsOf: new Map(),
    recordingTrouble: null,
    placingTrouble: null,
    placed: [],
    redirected: [],
    asked: [],
    mails: [],
    files: new Map(),
  }
  const deps: Deps = {
    config: configOf(settings),
    // Not a connection of it is open yet: a test may close the database to the application alone.
    db: database.open(),
    clock,
    ids: randomIds,
    log: createLog({ level: 'info', write: (line) => void log.push(line) }),
    openSocket: dialling(vendors),
    ...recording(vendors),
  }
  await seedDemo(database.db, deps.ids, deps.clock.now())
  const app = createApp(deps)
  const admin = postgres(database.adminUrl, { max: 1, onnotice: () => {} })
  // A test may leave many calls open, all from one number.
  const unlimited = { callsAtOnce: null, callsPerCaller: null }
  await admin`update organizations set settings = jsonb_set(settings, '{limits}', ${admin.json(unlimited)})`
  return {
    database,
    admin,
    deps,
    app,
    clock,
    vendors,
    log,
    post: async (path, fields, options = {}) => (options.app ?? app).fetch(webhook(path, fields, options)),
    jobs: (callSid) => jobsOf(admin, callSid),
    run: async (task, ids, attempt = 1) =>
      app.tasks[task]?.({ organizationId: lakeside.organizationId, ...ids }, attempt),
    until: (isSo) => until(admin, isSo),
    everything: () => everything(admin),
    async end() {
      await app.bridge.stop()
      await admin.end()
      await database.end()
    },
  }
}

function configOf(settings: Record<string, string>): Config {
  const loaded = loadConfig({
    PUBLIC_BASE_URL: publicBaseUrl,
    TWILIO_ACCOUNT_SID: house.accountSid,
    TWILIO_AUTH_TOKEN: house.authToken,
    OPENAI_API_KEY: 'sk-test',
    FRONTDESK_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
    ...settings,
  })
  if (!loaded.ok) throw new Error(loaded.problems.join('; '))
  return loaded.config
}

const dialling =
  (vendors: Vendors): OpenSocket =>
  (url, _headers, handlers: SocketHandlers) => {
    vendors.dialled.push(url)
    const refuses = vendors.model === 'refuses'
    if (refuses) queueMicrotask(() => handlers.close(1006, ''))
    return { send: () => !refuses, close: () => {} }
  }

function recording(vendors: Vendors): Pick<Deps, 'telephony' | 'writer' | 'thinker' | 'mailer' | 'storage'> {
  let recordings = 0
  const telephony: Telephony = {
    async placeCall(_account, call) {
      if (vendors.placingTrouble !== null) return problem(vendors.placingTrouble, 'as the test wants it')
      vendors.placed.push(call)
      return ok({ callSid: newCallSid() })
    },
    async redirectCall(_account, callSid, url) {
      vendors.redirected.push({ callSid, url })
      return ok(null)
    },
    async startRecording(_account, callSid) {
      vendors.asked.push(`start recording ${callSid}`)
      if (vendors.recordingTrouble !== null) return problem(vendors.recordingTrouble, 'as the test wants it')
      return ok({ recordingSid: sid('RE', ++recordings) })
    },
    async fetchCall(_account, callSid) {
      vendors.asked.push(`fetch call ${callSid}`)
      if (!vendors.isTelling) return problem('unavailable', 'as the test wants it')
      const call = vendors.calls.get(callSid)
      return call === undefined ? problem('not-found', 'no such call') : ok(call)
    },
    async listRecordings(_account, callSid) {
      vendors.asked.push(`list recordings ${callSid}`)
      return ok(vendors.recordingsOf.get(callSid) ?? [])
    },
    async fetchRecordingMedia(_account, recordingSid) {
      vendors.asked.push(`fetch media ${recordingSid}`)
      return ok(new Uint8Array([82, 73, 70, 70]))
    },
    async endCall(_account, callSid) {
      vendors.asked.push(`end call ${callSid}`)
      return ok(null)
    },
  }
  return {
    telephony,
    writer: { answer: async () => problem('unavailable', 'nobody writes in this test') },
    thinker: { think: async () => problem('unavailable', 'nobody thinks in this test') },
    mailer: {
      async send(payload) {
        vendors.mails.push(payload)
        return ok({ messageId: `m${vendors.mails.length}` })
      },
    },
    storage: {
      async put(key, bytes) {
        vendors.files.set(key, bytes)
        return ok(null)
      },
      async get(key) {
        const bytes = vendors.files.get(key)
        return bytes === undefined ? problem('not-found', 'no such file') : ok(bytes)
      },
    },
  }
}

export const sign = (authToken: string, url: string, fields: Fields = {}): string =>
  twilio.getExpectedTwilioSignature(authToken, url, fields)

function webhook(path: string, fields: Fields, options: PostOptions): Request {
  const { authToken = house.authToken, sent = fields, origin = 'http://10.0.0.7:3000' } = options
  const url = options.signedUrl ?? `${publicBaseUrl}/api/twilio${path}`
  const signature = options.signature === undefined ? sign(authToken, url, fields) : options.signature
  return new Request(`${origin}/api/twilio${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      ...(signature === null ? {} : { 'x-twilio-signature': signature }),
    },
    body: bodyOf(sent),
  })
}

export const bodyOf = (fields: Fields): string =>
  new URLSearchParams(
    Object.entries(fields).flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map((one): [string, string] => [name, one]),
    ),
  ).toString()

/** `CA`, `RE`, `MZ` … and 32 hexadecimal digits. */
export const sid = (prefix: string, n: number): string => `${prefix}${n.toString(16).padStart(32, '0')}`

let calls = 0
/** A call that no test has used yet. */
export const newCallSid = (): string => sid('CA', ++calls)

/** The first webhook of an inbound call, with every field that Twilio was seen to send. */
export const incoming = (callSid: string, changes: Fields = {}): Fields => ({
  AccountSid: house.accountSid,
  ApiVersion: '2010-04-01',
  CallSid: callSid,
  CallStatus: 'ringing',
  CallToken: '{"parentCallInfoToken":"x"}',
  Called: lakeside.number,
  CalledCity: '',
  Caller: '+15550102030',
  CallerCity: 'OAKLAND',
  Direction: 'inbound',
  From: '+15550102030',
  FromZip: '',
  StirVerstat: 'TN-Validation-Passed-A',
  To: lakeside.number,
  ToZip: '',
  ...changes,
})

/** The same call, asking for more TwiML. */
export const later = (callSid: string, changes: Fields = {}): Fields => {
  const { CallToken: _, StirVerstat: __, ...fields } = incoming(callSid)
  return { ...fields, CallStatus: 'in-progress', ...changes }
}

/** What the number's status callback says when a call is over. */
export const completed = (callSid: string, changes: Fields = {}): Fields =>
  later(callSid, {
    CallStatus: 'completed',
    CallDuration: '17',
    Duration: '1',
    Timestamp: 'Mon, 02 Mar 2026 09:00:17 +0000',
    CallbackSource: 'call-progress-events',
    SequenceNumber: '0',
    ...changes,
  })

export const recordingDone = (callSid: string, recordingSid: string, changes: Fields = {}): Fields => ({
  AccountSid: house.accountSid,
  CallSid: callSid,
  RecordingSid: recordingSid,
  RecordingUrl: `https://api.twilio.com/2010-04-01/Accounts/${house.accountSid}/Recordings/${recordingSid}`,
  RecordingStatus: 'completed',
  RecordingDuration: '16',
  RecordingChannels: '2',
  RecordingStartTime: 'Mon, 02 Mar 2026 09:00:01 +0000',
  RecordingSource: 'StartCallRecordingAPI',
  RecordingTrack: 'both',
  ErrorCode: '0',
  ...changes,
})

export const streamReport = (callSid: string, streamSid: string, changes: Fields = {}): Fields => ({
  AccountSid: house.accountSid,
  CallSid: callSid,
  StreamSid: streamSid,
  StreamName: streamSid,
  StreamEvent: 'stream-started',
  Timestamp: '2026-03-02T09:00:01.000Z',
  ...changes,
})

/** Of real time: longer than anything here should take. */
const untilLimitMs = 20_000

async function until(admin: postgres.Sql, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAtMs = performance.now() + untilLimitMs
  while (!(await isSo())) {
    if (performance.now() > giveUpAtMs) throw new Error(`Not so after ${untilLimitMs} ms: ${isSo}`)
    await admin`select`
  }
}

async function jobsOf(admin: postgres.Sql, callSid: string): Promise<WaitingJob[]> {
  const rows = await admin<{ task: string; ids: Record<string, string>; due: Date }[]>`
    select t.identifier as task, j.payload as ids, j.run_at as due
    from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id
    left join email_deliveries d on d.id::text = j.payload->>'deliveryId'
    join conversations c on c.id::text = coalesce(j.payload->>'conversationId', d.conversation_id::text)
    where c.call_sid = ${callSid} order by j.run_at, 1, j.payload::text`
  return rows.map(({ task, ids, due }) => ({ task, ids, dueAtMs: due.getTime() }))
}

async function everything(admin: postgres.Sql): Promise<Record<string, string>> {
  const tables = await admin<{ schema: string; name: string }[]>`
    select table_schema as schema, table_name as name from information_schema.tables
    where table_schema in ('public', 'routing', 'graphile_worker') and table_type = 'BASE TABLE' order by 1, 2`
  const found: Record<string, string> = {}
  for (const { schema, name } of tables) {
    const [row] = await admin<{ count: number; digest: string | null }[]>`
      select count(*)::int as count, md5(string_agg(t::text, '|' order by t::text)) as digest
      from ${admin(schema)}.${admin(name)} t`
    found[`${schema}.${name}`] = `${row?.count} rows ${row?.digest ?? ''}`.trim()
  }
  return found
}
