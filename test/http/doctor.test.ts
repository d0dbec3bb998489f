// The doctor on a deployment that is well, and on one with each fault in turn: it finds that fault, says how to mend it, blames
// nothing else, and changes nothing.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import postgres from 'postgres'
import { realClock } from '../../sim/clock.ts'
import { createInbox } from '../../sim/inbox/inbox.ts'
import { listen } from '../../sim/loopback.ts'
import { createModel } from '../../sim/model/model.ts'
import type { StandIn } from '../../sim/network.ts'
import { createSpeech } from '../../sim/speech.ts'
import { createTrace } from '../../sim/trace.ts'
import { type OwnerView, openOwnerView } from '../../src/db/owner-view.ts'
import { examine } from '../../src/doctor/examine.ts'
import { clockFinding, type Finding, findingLines, isHealthy } from '../../src/doctor/finding.ts'
import { createAccounts } from '../../src/organizations/account-store.ts'
import { createSeal } from '../../src/organizations/seal.ts'
import { clinicShape, toWish } from '../../src/setup/clinic-shape.ts'
import { addClinic, setCredentials } from '../../src/setup/commands.ts'
import { type NumberDeps, setNumber } from '../../src/setup/number.ts'
import { organizationIdOf } from '../../src/setup/reference.ts'
import { createTwilioNumbers } from '../../src/vendors/twilio-numbers.ts'
import { account, type Deployment, openDeployment, otherAccount } from '../support/deployment.ts'

const [front, theirs] = ['+13125550101', '+13125550103']
const ids = { north: organizationIdOf('north'), south: organizationIdOf('south') }

let deployment: Deployment
let admin: postgres.Sql
let owner: OwnerView
beforeAll(async () => {
  deployment = await openDeployment({
    numbers: [
      { phoneNumber: front, accountSid: account.accountSid, voiceUrl: '' },
      { phoneNumber: theirs, accountSid: otherAccount.accountSid, voiceUrl: '' },
    ],
    model: modelWithout([]),
    inbox: inboxWith({}),
  })
  admin = postgres(deployment.database.adminUrl, { max: 1, onnotice: () => {} })
  owner = openOwnerView(deployment.database.adminUrl)
  for (const clinic of ['north', 'south']) await addClinic(deployment.deps, { wish: wishOf(clinic), texts: {} }, false)
  await setCredentials(deployment.deps, { organizationId: ids.south, isTrial: false }, otherAccount)
  await setNumber(
    partsWith({}),
    { organizationId: ids.north, isTrial: false },
    { phoneNumber: front, friendlyName: null },
  )
  await setNumber(
    partsWith({}),
    { organizationId: ids.south, isTrial: false },
    { phoneNumber: theirs, friendlyName: null },
  )
})
afterAll(async () => {
  await owner.end()
  await admin.end()
  await deployment.end()
})

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})
/** Undone after the test. */
async function planted(fault: string, cure: string): Promise<void> {
  await admin.unsafe(fault)
  stops.push(() => admin.unsafe(cure))
}
async function listening(standIn: StandIn): Promise<string> {
  const { origin, stop } = await listen(standIn)
  stops.push(stop)
  return origin
}

const wishOf = (clinic: string) =>
  toWish(clinicShape.parse({ clinic, name: clinic, timeZone: 'UTC', admins: ['A <a@n.example>'] }))
const trace = createTrace(realClock)
const speech = createSpeech({ cacheFolder: '.frontdesk/speech' })
const modelWithout = (without: string[]): StandIn =>
  createModel({ clock: realClock, trace, speech, seed: 1, isStrict: true, apiKey: 'sk-test', settings: { without } })
    .standIn
const inboxWith = (own: Partial<Parameters<typeof createInbox>[0]>): StandIn =>
  createInbox({ clock: realClock, trace, apiKey: 're_test', requestsPerSecond: 100, ...own }).standIn

function partsWith(settings: Record<string, string>): NumberDeps & { openSocket: Deployment['deps']['openSocket'] } {
  const config = deployment.configWith(settings)
  const accounts = createAccounts({ config, db: deployment.deps.db, seal: createSeal(config.FRONTDESK_KEYS) })
  const numbers = createTwilioNumbers({ baseUrl: config.TWILIO_API_BASE_URL, timeoutMs: 5_000 })
  return { ...deployment.deps, config, accounts, numbers }
}

type Look = { settings?: Record<string, string>; own?: Partial<Parameters<typeof examine>[0]>; clinics?: string[] }
const look = ({ settings = {}, own = {}, clinics = [] }: Look = {}): Promise<Finding[]> =>
  examine({ ...partsWith(settings), owner, ...own }, clinics)
/** What is not well, each as `state check: says`. */
const trouble = (findings: Finding[]): string[] =>
  findings.filter(({ state }) => state === 'fail').map(({ check, says }) => `${check}: ${says}`)

describe('a deployment that is well', () => {
  test('passes, with everything looked at, and nothing is changed by looking', async () => {
    const rows = () =>
      admin`select (select count(*)::int from conversations) as calls, (select count(*)::int from routing.unrouted_calls) as misses`
    const before = [...(await rows())]
    const findings = await look()
    expect(trouble(findings)).toEqual([])
    expect(isHealthy(findings)).toBe(true)
    expect(findings.map(({ check, state }) => [check, state])).toEqual([
      ['database', 'ok'],
      ['database login', 'ok'],
      ['row security', 'ok'],
      ['migrations', 'ok'],
      ['database clock', 'ok'],
      ['public address', 'warn'],
      ['signature', 'ok'],
      ['media socket', 'ok'],
      ["Twilio's clock", 'ok'],
      ['model gpt-realtime-2.1', 'ok'],
      ['model gpt-realtime-2.1-mini', 'ok'],
      ['model gpt-5.4', 'ok'],
      ['model gpt-transcribe', 'ok'],
      ['model gpt-5.4-mini', 'ok'],
      ['mail sender', 'ok'],
      ['recordings', 'warn'],
      [`number ${front}`, 'ok'],
      ['credentials south', 'ok'],
      [`number ${theirs}`, 'ok'],
    ])
    expect([...(await rows())]).toEqual(before)
    expect(deployment.app.bridge.liveCalls()).toBe(0)
  })

  test('is looked at without the owner, and told what could not be', async () => {
    const findings = await look({ own: { owner: null } })
    const skips = findings.filter(({ state }) => state === 'skipped')
    expect(skips.map(({ check }) => check)).toEqual(['migrations', 'numbers'])
    expect(skips.every(({ says }) => says.includes('DATABASE_ADMIN_URL'))).toBe(true)
    const named = await look({ own: { owner: null }, clinics: [ids.north] })
    expect(named.find(({ check }) => check === `number ${front}`)?.state).toBe('ok')
  })

  test('has no secret in what is told of it', async () => {
    const told = JSON.stringify(await look())
    for (const secret of [account.authToken, otherAccount.authToken, 'sk-test', 're_test'])
      expect(told).not.toContain(secret)
  })
})

describe('in the database it finds', () => {
  const superuser = (db: Deployment) => db.database.open({ url: db.database.adminUrl })

  test('a login that is superuser, or owns the tables', async () => {
    const [fault] = trouble(await look({ own: { db: superuser(deployment) } }))
    expect(fault).toMatch(
      /^database login: \w+ may act as superuser, may bypass row security, may act as the owner of tables/,
    )
  })

  test.each([
    [
      'row security that is off',
      'alter table members disable row level security',
      'alter table members enable row level security',
      'members has no forced row security',
    ],
    [
      'row security that does not bind the owner',
      'alter table patients no force row level security',
      'alter table patients force row level security',
      'patients has no forced row security',
    ],
    [
      'a second policy',
      'create policy everybody on members for select to frontdesk_tenant using (true)',
      'drop policy everybody on members',
      'members has another policy than its wall',
    ],
    [
      'a table without a wall',
      'create table notes (organization_id uuid)',
      'drop table notes',
      'notes has another policy than its wall; notes has no forced row security',
    ],
  ])('%s', async (_, fault, cure, told) => {
    await planted(fault, cure)
    expect(trouble(await look())).toEqual([`row security: ${told}`])
  })

  test.each(['using', 'with check'])('a wall whose %s lets everybody through', async (clause) => {
    await planted(
      `alter policy own_organization on services ${clause} (true)`,
      `alter policy own_organization on services ${clause} (organization_id = (select current_organization()))`,
    )
    expect(trouble(await look())).toEqual(['row security: services has another policy than its wall'])
  })

  test('a migration that was not applied', async () => {
    await planted(
      'create table kept as select * from drizzle.__drizzle_migrations; delete from drizzle.__drizzle_migrations where created_at = 1795500007000; alter table kept enable row level security',
      'truncate drizzle.__drizzle_migrations; insert into drizzle.__drizzle_migrations select * from kept; drop table kept',
    )
    const findings = await look()
    expect(findings.find(({ check }) => check === 'migrations')).toMatchObject({
      state: 'fail',
      says: '0007_reminders not applied',
      mend: 'bun start migrate',
    })
  })

  test('that it does not answer, and looks at what does not need it', async () => {
    const db = deployment.database.open({ url: 'postgres://frontdesk_app:x@127.0.0.1:9/none', connectTimeoutMs: 500 })
    const findings = await look({ own: { db, owner: null } })
    expect(trouble(findings)).toEqual([expect.stringMatching(/^database: it does not answer/)])
    expect(findings.find(({ check }) => check === 'media socket')?.state).toBe('ok')
  })
})

describe('at the address it finds', () => {
  test('nobody', async () => {
    const faults = trouble(await look({ settings: { PUBLIC_BASE_URL: 'http://127.0.0.1:9' } }))
    expect(faults[0]).toBe('public address: nobody answers at http://127.0.0.1:9')
  })

  test('a server that signs by another address', async () => {
    const elsewhere = (deployment.environment.PUBLIC_BASE_URL ?? '').replace('127.0.0.1', 'localhost')
    const faults = trouble(await look({ settings: { PUBLIC_BASE_URL: elsewhere } }))
    expect(faults[0]).toMatch(/^signature: the signature is refused: .*the same PUBLIC_BASE_URL, to the letter/)
    expect(faults[1]).toBe('media socket: it is refused')
  })

  test('something in front that answers forged requests, and passes no sockets', async () => {
    const front = await listening({
      fetch: ({ url }) =>
        url.endsWith('/healthz')
          ? Response.json({ status: 'ok' })
          : new Response('<Response><Hangup/></Response>', { headers: { 'content-type': 'text/xml' } }),
    })
    const faults = trouble(await look({ settings: { PUBLIC_BASE_URL: front } }))
    expect(faults.slice(0, 2)).toEqual([
      'signature: a request with a forged signature is not refused',
      'media socket: it is refused',
    ])
  })

  test('somebody else', async () => {
    const stranger = await listening({ fetch: () => new Response('It works!') })
    expect(trouble(await look({ settings: { PUBLIC_BASE_URL: stranger } }))[0]).toMatch(
      /^public address: .* answers 200, and not as this server does/,
    )
  })
})

describe('at the vendors it finds', () => {
  test('a number whose calls go elsewhere, and the command that mends it', async () => {
    const parts = partsWith({})
    const found = await parts.numbers.find(account, front)
    const numberSid = found.ok ? (found.value?.numberSid ?? '') : ''
    const url = 'https://demo.twilio.com/welcome'
    await parts.numbers.point(account, numberSid, { voice: url, fallback: url, status: url })
    const findings = await look()
    expect(trouble(findings)).toEqual([
      `number ${front}: its voice is POST ${url}; its fallback is POST ${url}; its status is POST ${url}`,
    ])
    expect(findings.find(({ state }) => state === 'fail')?.mend).toBe(`bun clinic number ${front} ${front}`)
    await setNumber(parts, { organizationId: ids.north, isTrial: false }, { phoneNumber: front, friendlyName: null })
    expect(trouble(await look())).toEqual([])
  })

  test('an auth token that Twilio does not take', async () => {
    const faults = trouble(await look({ settings: { TWILIO_AUTH_TOKEN: 'wrong' } }))
    expect(faults.find((fault) => fault.startsWith(`number ${front}`))).toContain('is not the one that Twilio has')
  })

  test('credentials whose key is not in the ring', async () => {
    const settings = { FRONTDESK_KEYS: `k2:${Buffer.alloc(32, 3).toString('base64')}` }
    const findings = await look({ settings })
    expect(trouble(findings)).toEqual([
      'credentials south: its Twilio account was sealed with key k1, and does not open',
    ])
    expect(findings.find(({ check }) => check === `number ${theirs}`)?.state).toBe('skipped')
  })

  test('a model that the key may not use, also one that a single clinic chose', async () => {
    const OPENAI_BASE_URL = `${await listening(modelWithout(['gpt-realtime-2.1-mini']))}/v1`
    expect(trouble(await look({ settings: { OPENAI_BASE_URL } }))).toEqual([
      'model gpt-realtime-2.1-mini: there is no such model for this key',
    ])
    await planted(
      `update organizations set settings = jsonb_set(settings, '{voice,model}', '"gpt-none"') where name = 'north'`,
      `update organizations set settings = jsonb_set(settings, '{voice,model}', 'null') where name = 'north'`,
    )
    expect(trouble(await look())).toEqual(['model gpt-none: there is no such model for this key'])
  })

  test('keys that are not taken', async () => {
    expect(trouble(await look({ settings: { OPENAI_API_KEY: 'sk-wrong', RESEND_API_KEY: 're_wrong' } }))).toEqual([
      'models: OpenAI does not take the key (Cannot answer: OpenAI answered 401)',
      'mail sender: Resend does not take the key (403)',
    ])
  })

  test('a domain that is not verified, or not there; a key that may not look is no fault', async () => {
    const pending = await listening(inboxWith({ domains: [{ name: 'frontdesk.example', status: 'pending' }] }))
    expect(trouble(await look({ settings: { RESEND_BASE_URL: pending } }))).toEqual([
      'mail sender: frontdesk.example is pending',
    ])
    expect(trouble(await look({ settings: { MAIL_FROM: 'desk@other.example' } }))).toEqual([
      "mail sender: other.example is not among the account's domains",
    ])
    const narrow = await listening(inboxWith({ keyMaySendOnly: true }))
    const findings = await look({ settings: { RESEND_BASE_URL: narrow } })
    expect(findings.find(({ check }) => check === 'mail sender')).toMatchObject({ state: 'skipped' })
  })

  test('a bucket that is public, or not there', async () => {
    const bucket = (answer: () => Response) => listening({ fetch: answer })
    const shape = { id: 'recordings', name: 'recordings', owner: '', created_at: '', updated_at: '' }
    const settingsFor = (SUPABASE_URL: string) => ({ SUPABASE_URL, SUPABASE_SERVICE_ROLE_KEY: 'key' })
    const open = await bucket(() => Response.json({ ...shape, public: true }))
    expect(trouble(await look({ settings: settingsFor(open) }))).toEqual([
      'recordings: the bucket recordings is public: whoever knows a name can listen',
    ])
    const closed = await bucket(() => Response.json({ ...shape, public: false }))
    expect(trouble(await look({ settings: settingsFor(closed) }))).toEqual([])
    const none = await bucket(() =>
      Response.json({ statusCode: '404', error: 'Bucket not found', message: '' }, { status: 400 }),
    )
    expect(trouble(await look({ settings: settingsFor(none) }))).toEqual([
      'recordings: Cannot look at the bucket: Supabase answered 404',
    ])
  })

  test('a folder for recordings that is none', async () => {
    expect(trouble(await look({ settings: { RECORDINGS_FOLDER: '/dev/null/recordings' } }))).toEqual([
      'recordings: /dev/null/recordings cannot be written to',
    ])
  })
})

describe('what is told', () => {
  test('clocks that are apart a little are worth a word, and much is a fault', () => {
    const limits = { warnMs: 2_000, failMs: 30_000 }
    const stateAt = (ms: number) => clockFinding('clock', 'the other', ms, limits).state
    expect([0, -2_000, 2_001, -30_000, 30_001].map(stateAt)).toEqual(['ok', 'ok', 'warn', 'warn', 'fail'])
  })

  test('has a line for each finding, one for how to mend it, and a count', () => {
    const findings: Finding[] = [
      { check: 'a', state: 'ok', says: 'well', mend: null },
      { check: 'bcd', state: 'fail', says: 'ill', mend: 'rest' },
    ]
    expect(findingLines(findings, false)).toEqual([
      'ok       a    well',
      'FAILED   bcd  ill',
      '              → rest',
      '',
      '1 ok, 0 warnings, 1 failed, 0 skipped',
    ])
  })
})
