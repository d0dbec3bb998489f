// Setting a clinic up: made once, changed only where the wish differs, tried without a trace, and never another clinic's.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import postgres from 'postgres'
import { type Config, loadConfig } from '../../src/config.ts'
import { randomIds } from '../../src/lib/ids.ts'
import { createAccounts } from '../../src/organizations/account-store.ts'
import { createSeal } from '../../src/organizations/seal.ts'
import { type ClinicWish, clinicShape, toWish } from '../../src/setup/clinic-shape.ts'
import {
  addClinic,
  dropCredentials,
  issueToken,
  revokeToken,
  type SetupDeps,
  setAdmin,
  setCredentials,
  setInstructions,
} from '../../src/setup/commands.ts'
import { findClinic, organizationIdOf } from '../../src/setup/reference.ts'
import { stateJson, stateLines } from '../../src/setup/showing.ts'
import { readState } from '../../src/setup/state-store.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { createHandClock } from '../support/hand-clock.ts'

let database: TestDatabase
let admin: postgres.Sql
let deps: SetupDeps

const keysOf = (...names: string[]) =>
  names.map((name, i) => `${name}:${Buffer.alloc(32, i + 1).toString('base64')}`).join()

function configWith(keys: string): Config {
  const loaded = loadConfig({ FRONTDESK_KEYS: keys })
  if (!loaded.ok) throw new Error(loaded.problems.join())
  return loaded.config
}

beforeAll(async () => {
  database = await openTestDatabase()
  admin = postgres(database.adminUrl, { max: 1, onnotice: () => {} })
  deps = {
    db: database.db,
    ids: randomIds,
    clock: createHandClock(Date.UTC(2026, 2, 2)),
    config: configWith(keysOf('k1')),
  }
})
afterAll(async () => {
  await admin.end()
  await database.end()
})
beforeEach(async () => {
  await admin`truncate organizations, routing.numbers, routing.accounts cascade`
})

const north = {
  clinic: 'north',
  name: 'North Clinic',
  timeZone: 'America/Chicago',
  admins: ['Ann Lee <ann@north.example>'],
  numbers: ['+13125550123 Front desk'],
  hours: ['mon-fri 08:00-17:00'],
  closures: ['2026-12-25 Christmas Day', '2026-12-31..2027-01-01 New Year'],
  services: [
    { name: 'Check-up', minutes: 30 },
    { name: 'Sick visit', minutes: 20, bufferMinutes: 10 },
  ],
  providers: [
    { name: 'Dr. Holm', about: 'physician' },
    { name: 'Ortiz', services: ['Sick visit'], hours: ['mon 08:00-09:00'] },
  ],
  settings: { recordCalls: false, limits: { usdPerCall: 3 } },
}
const wishOf = (file: object): ClinicWish => toWish(clinicShape.parse(file))
const add = (file: object = north, { isTrial = false, texts = {} } = {}) =>
  addClinic(deps, { wish: wishOf(file), texts }, isTrial)
const northId = organizationIdOf('north')
const own = { organizationId: northId, isTrial: false }
const stateOf = (id = northId) => database.db.withOrg(id, (tx) => readState(tx, id))
/** Every row that setting up could touch. */
const everything = async () => {
  const tables = ['organizations', 'members', 'phone_numbers', 'api_credentials', 'agent_instructions', 'api_tokens']
  const care = ['services', 'providers', 'provider_services', 'provider_hours', 'opening_hours', 'closures']
  const rows: Record<string, unknown> = {}
  for (const table of [...tables, ...care, 'routing.numbers', 'routing.accounts'])
    rows[table] = await admin
      .unsafe(`select t::text as row, xmin::text from ${table} t order by 1`)
      .then((all) => [...all])
  return rows
}

describe('adding a clinic', () => {
  test('makes everything that a call needs, and says so', async () => {
    const { changes, notes } = await add(north, { texts: { base: 'Be brief, {{clinic}}.' } })
    expect(notes).toEqual(['So that Twilio sends its calls here: bun clinic number north +13125550123'])
    expect(new Set(changes.map(({ part }) => part))).toEqual(
      new Set(['clinic', 'setting', 'admin', 'number', 'hours', 'closure', 'service', 'provider', 'instructions']),
    )
    const state = await stateOf()
    expect(state).toMatchObject({
      name: 'North Clinic',
      timeZone: 'America/Chicago',
      language: 'en',
      members: [{ name: 'Ann Lee', email: 'ann@north.example', role: 'admin', isActive: true }],
      numbers: [{ phoneNumber: '+13125550123', friendlyName: 'Front desk', isActive: true }],
      services: [{ name: 'Check-up' }, { name: 'Sick visit', minutes: 20, bufferMinutes: 10 }],
      providers: [
        { name: 'Dr. Holm', services: ['Check-up', 'Sick visit'] },
        { name: 'Ortiz', services: ['Sick visit'] },
      ],
      instructions: [
        { scope: 'base', version: 1, text: 'Be brief, {{clinic}}.' },
        { scope: 'greeting', version: 1 },
      ],
    })
    expect(state?.settings).toMatchObject({ recordCalls: false, limits: { usdPerCall: 3, usdPerDay: 100 } })
  })

  test('again changes nothing: not one row is written', async () => {
    const texts = { base: 'Be brief.' }
    await add(north, { texts })
    const before = await everything()
    expect((await add(north, { texts })).changes).toEqual([])
    expect(await everything()).toEqual(before)
  })

  test('by several at once is done by one of them, and the others find nothing to change', async () => {
    const texts = { base: 'Be brief.' }
    const reports = await Promise.all(Array.from({ length: 4 }, () => add(north, { texts })))
    expect(reports.map(({ changes }) => changes.length > 0).sort()).toEqual([false, false, false, true])
    expect((await stateOf())?.instructions).toMatchObject([{ scope: 'base', version: 1 }, { scope: 'greeting' }])
  })

  test('as a trial says what adding then does, and leaves no trace', async () => {
    const before = await everything()
    const trial = await add(north, { isTrial: true, texts: { greeting: 'Hello.' } })
    expect(await everything()).toEqual(before)
    expect((await add(north, { texts: { greeting: 'Hello.' } })).changes).toEqual(trial.changes)
  })

  test('that differs changes just that', async () => {
    await add()
    const changed = {
      ...north,
      hours: ['mon-fri 08:00-17:00', 'sat 09:00-12:00'],
      services: [{ name: 'Check-up', minutes: 45 }],
      providers: [{ name: 'Dr. Holm', about: 'physician', hours: ['mon-fri 08:00-17:00'] }],
      settings: { recordCalls: true },
      closures: [],
    }
    const { changes } = await add(changed)
    expect(changes.map(({ part, name, was, is }) => `${part} ${name}: ${was} → ${is}`)).toEqual([
      'setting recordCalls: false → true',
      'hours open: mon-fri 08:00-17:00 → mon-fri 08:00-17:00, sat 09:00-12:00',
      'closure 2026-12-25 Christmas Day:  → null',
      'closure 2026-12-31 New Year: until 2027-01-01 → null',
      'service Check-up: 30 minutes → 45 minutes',
      'service Sick visit: 20 minutes, 10 after → null',
      'provider Dr. Holm: physician; Check-up, Sick visit; mon-fri 08:00-17:00 → physician; Check-up; mon-fri 08:00-17:00',
      'provider Ortiz: Sick visit; mon 08:00-09:00 → null',
    ])
    expect((await stateOf())?.settings.limits.usdPerCall).toBe(3)
    expect((await add(changed)).changes).toEqual([])
  })

  test('leaves alone what the wish says nothing about, and takes nobody away', async () => {
    await add()
    const { clinic, name, timeZone } = north
    const { changes } = await add({ clinic, name, timeZone, admins: ['Bo Ek <bo@north.example>'] })
    expect(changes).toEqual([{ part: 'admin', name: 'bo@north.example', was: null, is: 'Bo Ek' }])
    expect(await stateOf()).toMatchObject({
      members: [{ name: 'Ann Lee' }, { name: 'Bo Ek' }],
      numbers: [{}],
      hours: { length: 5 },
    })
  })

  test('brings back a service that was retired, with its appointments', async () => {
    await add()
    const ids = () => admin`select id, is_active from services where name = 'Sick visit'`.then((rows) => [...rows])
    const [before] = await ids()
    const without = { ...north, services: [{ name: 'Check-up', minutes: 30 }], providers: [{ name: 'Dr. Holm' }] }
    await add(without)
    expect(await ids()).toEqual([{ ...before, is_active: false }])
    await add()
    expect(await ids()).toEqual([{ ...before, is_active: true }])
  })

  test('says what a call would miss', async () => {
    const { clinic, name, timeZone, admins } = north
    expect((await add({ clinic, name, timeZone, admins })).notes).toEqual([
      'Still missing: a number.',
      'Still missing: opening hours.',
      'Still missing: services.',
    ])
  })
})

describe('the wall between two clinics', () => {
  const south = { ...north, clinic: 'south', name: 'South Clinic', numbers: ['+13125550124'] }

  test('a number that another clinic has is refused, in a trial too, and nothing is left of the rest', async () => {
    await add()
    const before = await everything()
    for (const isTrial of [true, false])
      await expect(add({ ...south, numbers: north.numbers }, { isTrial })).rejects.toThrow(
        'it is active for another organization',
      )
    expect(await everything()).toEqual(before)
  })

  test('making, changing and showing one neither touches nor tells of the other', async () => {
    await add()
    const untouched = await admin`select t::text as row, xmin::text from providers t order by 1`
    await add(south)
    await add({ ...south, services: [{ name: 'Only this', minutes: 10 }], providers: [{ name: 'Dr. Süd' }] })
    const now = await admin`
      select t::text as row, xmin::text from providers t where organization_id = ${northId} order by 1`
    expect([...now]).toEqual([...untouched])
    const shown = JSON.stringify([await stateOf(organizationIdOf('south'))])
    expect(shown).not.toContain('Ortiz')
    expect(shown).not.toContain('Holm')
  })
})

describe('a clinic is found', () => {
  test('by its name, its number and its id, and by nothing else', async () => {
    await add()
    for (const reference of ['north', '+13125550123', northId, northId.toUpperCase()])
      expect(await findClinic(deps.db, deps.config, reference)).toBe(northId)
    for (const reference of ['south', '+13125550999', crypto.randomUUID(), 'North Clinic', ''])
      await expect(findClinic(deps.db, deps.config, reference)).rejects.toThrow('There is no clinic')
  })

  test('not by a number that nobody has, where a fallback clinic is configured', async () => {
    await add()
    const withFallback = { ...deps.config, FALLBACK_ORGANIZATION_ID: northId }
    await expect(findClinic(deps.db, withFallback, '+13125550999')).rejects.toThrow('There is no clinic')
  })
})

describe('an admin', () => {
  test('is added, renamed and taken away, each once', async () => {
    await add()
    const bo = { name: 'Bo Ek', email: 'bo@north.example' }
    expect((await setAdmin(deps, own, bo)).changes).toHaveLength(1)
    expect((await setAdmin(deps, own, bo)).changes).toEqual([])
    expect((await setAdmin(deps, own, { ...bo, name: 'Bo Ekman' })).changes).toMatchObject([{ was: 'Bo Ek' }])
    const gone = { email: bo.email, isGone: true } as const
    expect((await setAdmin(deps, { ...own, isTrial: true }, gone)).changes).toHaveLength(1)
    expect((await setAdmin(deps, own, gone)).changes).toHaveLength(1)
    expect((await setAdmin(deps, own, gone)).changes).toEqual([])
    expect((await setAdmin(deps, own, bo)).changes).toHaveLength(1)
  })

  test('who is the last cannot be taken away', async () => {
    await add()
    await expect(setAdmin(deps, own, { email: 'ann@north.example', isGone: true })).rejects.toThrow('the last admin')
  })
})

describe('instructions', () => {
  test('are a new version when they differ, and none when they do not', async () => {
    await add()
    expect((await setInstructions(deps, own, 'base', 'One.')).changes).toMatchObject([
      { was: 'version 1', is: 'version 2' },
    ])
    expect((await setInstructions(deps, own, 'base', 'One.')).changes).toEqual([])
    expect((await setInstructions(deps, own, 'base', 'Two.')).changes).toMatchObject([
      { was: 'version 2', is: 'version 3' },
    ])
    expect((await stateOf())?.instructions).toMatchObject([
      { scope: 'base', version: 3, text: 'Two.' },
      { scope: 'greeting', version: 1 },
    ])
  })
})

describe('credentials', () => {
  const account = { accountSid: `AC${'ab'.repeat(16)}`, authToken: 'the token of North' }

  test('are sealed, kept once, and shown by no command', async () => {
    await add()
    const first = await setCredentials(deps, own, account)
    expect(first.changes).toMatchObject([{ part: 'account', was: null }])
    expect((await setCredentials(deps, own, account)).changes).toEqual([])
    const state = await stateOf()
    if (state === null) throw new Error('no clinic')
    const told = JSON.stringify([first, stateLines(northId, state), stateJson(northId, state)])
    expect(told).toContain(account.accountSid)
    expect(told).not.toContain(account.authToken)
    const accounts = createAccounts({ ...deps, seal: createSeal(deps.config.FRONTDESK_KEYS) })
    expect(await accounts.ofOrganization(northId)).toMatchObject(account)
  })

  test('with another token, or under a newer key, are sealed again', async () => {
    await add()
    await setCredentials(deps, own, account)
    expect((await setCredentials(deps, own, { ...account, authToken: 'newer' })).changes).toHaveLength(1)
    const rotated = { ...deps, config: configWith(keysOf('k1', 'k2').split(',').reverse().join()) }
    expect((await setCredentials(rotated, own, { ...account, authToken: 'newer' })).changes).toMatchObject([
      { was: 'sealed with k1', is: 'auth token sealed with k2' },
    ])
    expect((await setCredentials(rotated, own, { ...account, authToken: 'newer' })).changes).toEqual([])
  })

  test('taken away leave the clinic to the deployment’s account, which is nobody’s own', async () => {
    await add()
    await setCredentials(deps, own, account)
    expect((await dropCredentials(deps, { ...own, isTrial: true })).changes).toHaveLength(1)
    expect((await dropCredentials(deps, own)).changes).toMatchObject([{ name: account.accountSid, is: null }])
    expect((await dropCredentials(deps, own)).changes).toEqual([])
    expect(await admin`select 1 from routing.accounts`).toHaveLength(0)
    const config = { ...deps.config, TWILIO_ACCOUNT_SID: account.accountSid, TWILIO_AUTH_TOKEN: account.authToken }
    await expect(setCredentials({ ...deps, config }, own, account)).rejects.toThrow('the deployment')
  })

  test('of an account that another clinic has are refused', async () => {
    await add()
    await setCredentials(deps, own, account)
    await add({ ...north, clinic: 'south', numbers: [] })
    const south = { organizationId: organizationIdOf('south'), isTrial: false }
    await expect(setCredentials(deps, south, account)).rejects.toThrow('the account belongs to another organization')
  })
})

describe('a token', () => {
  const wanted = { email: 'ann@north.example', name: 'practice software' }

  test('is told once; again there is nothing to tell, until it is revoked', async () => {
    await add()
    const { token = '' } = await issueToken(deps, own, wanted)
    expect(token).toMatch(/^fd_/)
    const again = await issueToken(deps, own, wanted)
    expect([again.changes, again.token]).toEqual([[], undefined])
    const [kept] = (await stateOf())?.tokens ?? []
    expect((await revokeToken(deps, own, kept?.tokenId ?? '')).changes).toHaveLength(1)
    expect((await issueToken(deps, own, wanted)).token).not.toBe(token)
  })

  test('of a trial is none', async () => {
    await add()
    const before = await everything()
    const trial = await issueToken(deps, { ...own, isTrial: true }, wanted)
    expect([trial.token, trial.notes, trial.changes.length]).toEqual([undefined, [], 1])
    expect(await everything()).toEqual(before)
  })
})
