// Clinics: which one a call is for, whose account carries it, whom its mail goes to, and what its agent is told.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import postgres from 'postgres'
import { createInstructionsCache, saveInstructions } from '../../src/agents/instructions.ts'
import { type Config, limits, loadConfig } from '../../src/config.ts'
import { agents, members } from '../../src/db/schema.ts'
import { randomIds } from '../../src/lib/ids.ts'
import { createAccounts, saveTwilioCredentials } from '../../src/organizations/account-store.ts'
import { hasOwnAccount, mayCarry, routeCall, routeKnownCall } from '../../src/organizations/route-store.ts'
import { createSeal } from '../../src/organizations/seal.ts'
import { ensureOrganization, readAdminAddresses, readOrganization } from '../../src/organizations/store.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { createHandClock } from '../support/hand-clock.ts'

const [north, south] = [crypto.randomUUID(), crypto.randomUUID()]
const numbers = { north: '+15550100001', south: '+15550100002' }
const northAccount = { accountSid: `AC${'10'.repeat(16)}`, authToken: 'the token of North' }
const house = { accountSid: `AC${'a1'.repeat(16)}`, authToken: 'the token of this deployment' }

let database: TestDatabase
let admin: postgres.Sql
let config: Config

beforeAll(async () => {
  database = await openTestDatabase()
  admin = postgres(database.adminUrl, { max: 1, onnotice: () => {} })
  const loaded = loadConfig({
    TWILIO_ACCOUNT_SID: house.accountSid,
    TWILIO_AUTH_TOKEN: house.authToken,
    FRONTDESK_KEYS: `k1:${Buffer.alloc(32, 1).toString('base64')}`,
  })
  if (!loaded.ok) throw new Error(loaded.problems.join())
  config = loaded.config
  await organization(north, 'North', numbers.north)
  await organization(south, 'South', numbers.south)
})
afterAll(async () => {
  await admin.end()
  await database.end()
})

const organization = (id: string, name: string, phoneNumber: string) =>
  database.db.withOrg(id, (tx) => ensureOrganization(tx, randomIds, clinic(id, name, phoneNumber)))

const clinic = (id: string, name: string, phoneNumber: string) => ({
  id,
  name,
  timeZone: 'UTC',
  language: 'en',
  settings: { recordCalls: false },
  admins: [{ name: 'Ada', email: `ada@${name.toLowerCase()}.example` }],
  numbers: [{ phoneNumber, friendlyName: 'Front desk' }],
})

describe('a call is for', () => {
  const agentId = 'agent_of_south'
  const asked = { callSid: 'CAunheard', channel: 'retell', toNumber: '+15559999999' } as const
  const withFallback = (id: string): Config => ({ ...config, FALLBACK_ORGANIZATION_ID: id })

  beforeAll(async () => {
    await database.db.withOrg(south, (tx) =>
      tx.insert(agents).values({ organizationId: south, id: crypto.randomUUID(), agentId, vendor: 'retell' }),
    )
    await admin`
      insert into phone_numbers (organization_id, id, phone_number, channel)
      values (${north}, gen_random_uuid(), ${numbers.north}, 'retell')`
    await admin`insert into routing.calls values ('CAheard', ${north}, ${crypto.randomUUID()})`
  })

  test('the clinic whose conversation it has already, before any other', async () => {
    const inquiry = { ...asked, callSid: 'CAheard', agentId, toNumber: numbers.south }
    expect(await routeCall(database.db, withFallback(south), inquiry)).toMatchObject({
      organizationId: north,
      by: 'conversation',
    })
    expect(await routeKnownCall(database.db, 'CAheard')).toMatchObject({ organizationId: north })
  })

  test('the clinic of the vendor’s agent, before that of the number', async () => {
    const inquiry = { ...asked, agentId, toNumber: numbers.north }
    expect(await routeCall(database.db, withFallback(north), inquiry)).toEqual({
      organizationId: south,
      conversationId: null,
      by: 'agent',
      hasOwnAccount: false,
    })
  })

  test('the clinic of the number, on that channel alone, before the fallback', async () => {
    const inquiry = { ...asked, agentId: 'agent of nobody', toNumber: numbers.north }
    expect(await routeCall(database.db, withFallback(south), inquiry)).toMatchObject({
      organizationId: north,
      by: 'number',
    })
    const onAnother = { ...inquiry, channel: 'whatsapp' } as const
    expect(await routeCall(database.db, config, onAnother)).toBeNull()
  })

  test('the configured fallback, and nobody where none is configured', async () => {
    expect(await routeCall(database.db, withFallback(south), asked)).toMatchObject({
      organizationId: south,
      by: 'fallback',
    })
    expect(await routeCall(database.db, config, asked)).toBeNull()
    expect(await routeKnownCall(database.db, asked.callSid)).toBeNull()
  })
})

describe('an account', () => {
  const accountsOf = (keys: Config['FRONTDESK_KEYS'] = config.FRONTDESK_KEYS) =>
    createAccounts({ config, db: database.db, seal: createSeal(keys) })

  beforeAll(() =>
    database.db.withOrg(north, (tx) =>
      saveTwilioCredentials(tx, { seal: createSeal(config.FRONTDESK_KEYS), ids: randomIds }, north, northAccount),
    ),
  )

  test('of the deployment is known by its SID and by the name of its streams, without the database', async () => {
    const accounts = accountsOf()
    const own = await accounts.bySid(house.accountSid)
    expect(own).toMatchObject({ ...house, organizationId: null })
    expect(await accounts.byStreamId(own?.streamId ?? '')).toEqual(own)
    expect(accounts.alreadyKnown(house.accountSid)).toEqual(own ?? undefined)
    // A machine that has newer keys already offers the same streams.
    const rotated = accountsOf([{ id: 'k2', key: new Uint8Array(32).fill(2) }, ...config.FRONTDESK_KEYS])
    expect(await rotated.byStreamId(own?.streamId ?? '')).toEqual(own)
  })

  test('of a clinic is known by both, too, and opens by its own clinic’s seal alone', async () => {
    const accounts = accountsOf()
    expect(accounts.alreadyKnown(northAccount.accountSid)).toBeUndefined()
    const own = await accounts.bySid(northAccount.accountSid)
    expect(own).toMatchObject({ ...northAccount, organizationId: north })
    expect(await accounts.byStreamId(own?.streamId ?? '')).toEqual(own)
    expect(accounts.alreadyKnown(northAccount.accountSid)).toEqual(own ?? undefined)
  })

  test('that nobody has is nobody’s, however it is spelt', async () => {
    const accounts = accountsOf()
    for (const name of ['', 'AC1', '\0', '\ud800', `AC${'0'.repeat(32)}`, crypto.randomUUID()]) {
      expect([name, await accounts.bySid(name)]).toEqual([name, null])
      expect([name, await accounts.byStreamId(name)]).toEqual([name, null])
    }
  })

  test('sealed with a key that is not in the ring any more cannot be opened, and says which key is missing', async () => {
    const rotated = accountsOf([{ id: 'k2', key: new Uint8Array(32).fill(2) }])
    expect(rotated.bySid(northAccount.accountSid)).rejects.toThrow('Cannot open secret: key k1 is not in the ring')
    await rotated.bySid(northAccount.accountSid).catch(() => {})
  })

  test('carries its own clinic; the deployment’s carries those that brought none', async () => {
    const carries = async (organizationId: string | null, clinicId: string) => {
      const own = await hasOwnAccount(database.db, clinicId)
      return mayCarry({ organizationId }, { organizationId: clinicId, hasOwnAccount: own })
    }
    const routed = await routeKnownCall(database.db, 'CAheard')
    expect(routed).toMatchObject({ organizationId: north, hasOwnAccount: true })
    expect([await carries(north, north), await carries(north, south)]).toEqual([true, false])
    expect([await carries(null, north), await carries(null, south)]).toEqual([false, true])
  })
})

describe('a clinic', () => {
  test('that is ensured again keeps what it has, and gets what it lacks', async () => {
    const wanted = { ...clinic(south, 'Another name', '+15550100003'), settings: { recordCalls: true } }
    const isNew = await database.db.withOrg(south, (tx) => ensureOrganization(tx, randomIds, wanted))
    expect(isNew).toBe(false)
    const read = await database.db.withOrg(south, (tx) => readOrganization(tx, south))
    expect(read).toMatchObject({ name: 'South', settings: { recordCalls: false } })
    expect(
      await routeCall(database.db, config, { callSid: 'x', toNumber: '+15550100003', channel: 'twilio' }),
    ).toMatchObject({ organizationId: south })
  })

  test('is not read by another', async () => {
    const reading = database.db.withOrg(north, (tx) => readOrganization(tx, south))
    expect(reading).rejects.toThrow(`Cannot read organization ${south}: it does not exist`)
    await reading.catch(() => {})
  })

  test('has settings that suit it where it chose none, and keeps those that we do not know', async () => {
    await admin`update organizations set settings = '{"voice": {"voice": "cedar"}, "future": 1}' where id = ${south}`
    const { settings } = await database.db.withOrg(south, (tx) => readOrganization(tx, south))
    expect(settings).toMatchObject({
      recordCalls: true,
      recordingNotice: null,
      languages: [],
      voice: { voice: 'cedar', vadSilenceMs: 500, noiseReduction: null },
      future: 1,
    })
  })

  test('is written to at its active admins’ addresses, and nobody else’s', async () => {
    const person = (name: string, role: 'admin' | 'staff', isActive = true) => ({
      ...{ organizationId: north, id: crypto.randomUUID(), name, role, isActive, email: `${name}@north.example` },
    })
    await database.db.withOrg(north, async (tx) => {
      await tx.insert(members).values([person('zoe', 'admin'), person('gone', 'admin', false), person('bob', 'staff')])
    })
    const addresses = await database.db.withOrg(north, (tx) => readAdminAddresses(tx, north))
    expect(addresses).toEqual(['ada@north.example', 'zoe@north.example'])
  })
})

describe('the instructions of a clinic', () => {
  const save = async (organizationId: string, scope: 'base' | 'greeting', text: string): Promise<void> => {
    await database.db.withOrg(organizationId, (tx) => saveInstructions(tx, organizationId, 'voice', scope, text))
  }

  test('are the newest of each scope, and of no other clinic', async () => {
    const cache = createInstructionsCache({ db: database.db, clock: createHandClock(0) })
    expect(await cache.of(north, 'voice')).toEqual({ texts: {}, version: 0 })
    await save(north, 'base', 'one')
    await save(north, 'base', 'two')
    await save(north, 'greeting', 'hello')
    await save(south, 'base', 'theirs')
    cache.forget(north)
    expect(await cache.of(north, 'voice')).toEqual({ texts: { base: 'two', greeting: 'hello' }, version: 2 })
    expect(await cache.of(north, 'web')).toEqual({ texts: {}, version: 0 })
  })

  test('are remembered for a minute, and not longer', async () => {
    const clock = createHandClock(0)
    const cache = createInstructionsCache({ db: database.db, clock })
    const first = await cache.of(north, 'voice')
    await save(north, 'base', 'three')
    clock.advance(limits.instructionsCacheMs - 1)
    expect(await cache.of(north, 'voice')).toEqual(first)
    clock.advance(1)
    expect((await cache.of(north, 'voice')).texts.base).toBe('three')
  })

  test('are forgotten at once, on every machine, when they change', async () => {
    const cache = createInstructionsCache({ db: database.db, clock: createHandClock(0) })
    const { promise: told, resolve } = Promise.withResolvers<string>()
    const stop = await database.db.listen('instructions', (organizationId) => {
      cache.forget(organizationId)
      resolve(organizationId)
    })
    await cache.of(north, 'voice')
    await save(north, 'base', 'four')
    expect(await told).toBe(north)
    expect((await cache.of(north, 'voice')).texts.base).toBe('four')
    await stop()
  })

  test('read while they change are not kept beyond the change', async () => {
    const { db } = database
    const { promise: mayGoOn, resolve: goOn } = Promise.withResolvers<void>()
    // The rows have been read when the news of the change arrives.
    const slow = {
      ...db,
      async withOrg<T>(id: string, run: Parameters<typeof db.withOrg<T>>[1]) {
        const read = await db.withOrg(id, run)
        await mayGoOn
        return read
      },
    }
    const cache = createInstructionsCache({ db: slow, clock: createHandClock(0) })
    const reading = cache.of(north, 'voice')
    await save(north, 'base', 'five')
    cache.forget(north)
    goOn()
    await reading
    expect((await cache.of(north, 'voice')).texts.base).toBe('five')
  })
})
