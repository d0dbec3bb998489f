// Every tool, with everything that another clinic calls its own as arguments: nothing of theirs is told, and nothing changed.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import postgres from 'postgres'
import { type Role, toolsFor } from '../../src/clinic/toolbox.ts'
import { readOrganization } from '../../src/organizations/store.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { checkUp, type Desk, dana, danasNumber, openDesk, timesOf } from '../support/front-desk.ts'

let database: TestDatabase
let admin: postgres.Sql
let ours: Desk
let theirs: Desk

beforeAll(async () => {
  database = await openTestDatabase()
  admin = postgres(database.adminUrl, { max: 1, onnotice: () => {} })
  ours = await openDesk(database.db)
  theirs = await openDesk(database.db, { identityPolicy: 'known-number-plus-fact', about: { secret: 'theirs alone' } })
})
afterAll(async () => {
  await admin.end()
  await database.end()
})

/** Every row of theirs, as text. */
async function theirRows(): Promise<string[]> {
  const tables = await admin<{ name: string }[]>`
    select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1`
  const all = await Promise.all(
    tables.map(({ name }) => {
      const org = name === 'organizations' ? 'id' : 'organization_id'
      return admin<{ row: string }[]>`
        select to_jsonb(t)::text as row from ${admin(name)} t where ${admin(org)} = ${theirs.organizationId} order by 1`
    }),
  )
  return all.flatMap((rows) => rows.map(({ row }) => row))
}

/** A patient, a provider, a service and a person's number that only they have; and every id in their rows. */
async function makeThemDifferent(): Promise<string[]> {
  const org = theirs.organizationId
  await admin`update patients set given_name = 'Zelda', family_name = 'Quartz', phone_numbers = '{+15550108888}'
    where organization_id = ${org} and given_name = 'Dana'`
  await admin`update providers set name = 'Dr. Zephyr' where organization_id = ${org} and name = 'Dr. Holm'`
  await admin`update services set name = 'Zapping' where organization_id = ${org} and name = 'Check-up'`
  const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g
  return [...new Set((await theirRows()).flatMap((row) => row.match(uuid) ?? []))]
}

const valid: Record<string, Record<string, unknown>> = {
  clinic_info: { topic: null },
  note: { caller_name: 'Dana', wish: null },
  take_message: { caller_name: 'Dana', message: 'Call back.', is_urgent: false },
  end_call: { reason: 'done' },
  search_patient: dana,
  create_patient: { given_name: 'Zelda', family_name: 'Quartz', date_of_birth: '1988-04-12' },
  find_availability: checkUp,
  book_appointment: { slot: 1 },
  reschedule_appointment: { appointment: 1, slot: 1 },
  cancel_appointment: { appointment: 1 },
}
const theirWords = /Zephyr|Zapping|theirs alone/

describe('another clinic', () => {
  test('is out of reach of every tool, in every role, with any of its ids or names in any argument', async () => {
    const ids = await makeThemDifferent()
    expect(ids.length).toBeGreaterThan(10)
    const before = await theirRows()
    const organization = await ours.within((tx) => readOrganization(tx, ours.organizationId))
    const roles: Role[] = ['single', 'receptionist', 'supervisor']
    const names = new Set(roles.flatMap((role) => toolsFor(organization, role).map(({ name }) => name)))
    expect([...names].sort()).toEqual(Object.keys(valid).sort())
    const theirNames = ['Zelda Quartz', 'Dr. Zephyr', 'Zapping', '+15550108888', 'secret']
    for (const name of names) {
      const call = await ours.ring('+15550108888')
      await call.use('search_patient', dana)
      await call.use('find_availability', checkUp)
      for (const value of [...ids, ...theirNames]) {
        const extra = ['organization_id', 'patient_id', 'conversation_id'].map((key) => ({
          ...valid[name],
          [key]: value,
        }))
        const replaced = Object.keys(valid[name] ?? {}).map((key) => ({ ...valid[name], [key]: value }))
        for (const given of [...extra, ...replaced]) {
          const { outcome, told } = await call.use(name, given)
          expect({ name, value, given, outcome: outcome === 'failed' ? 'failed' : 'answered' }).toMatchObject({
            outcome: 'answered',
          })
          if (typeof told.name !== 'string' && told.error === undefined)
            expect(JSON.stringify(told)).not.toMatch(theirWords)
        }
      }
    }
    expect(await theirRows()).toEqual(before)
  }, 60_000)

  test('has its own patients: whoever is shown there is a stranger here', async () => {
    const zelda = { name: 'Zelda Quartz', date_of_birth: '1988-04-12' }
    expect((await (await theirs.ring('+15550108888')).use('search_patient', zelda)).told.status).toBe('identified')
    const elsewhere = await openDesk(database.db)
    expect((await (await elsewhere.ring('+15550108888')).use('search_patient', zelda)).told.status).toBe('not_found')
  })

  test('does not lend its numbers: a slot and an appointment of a conversation there mean nothing here', async () => {
    const there = await theirs.ring('+15550102055')
    await there.use('search_patient', { name: 'Elena Novak' })
    await there.use('find_availability', { service: 'Zapping' })
    const here = await ours.ring(danasNumber)
    await here.use('search_patient', dana)
    expect((await here.use('book_appointment', { slot: 1 })).outcome).toBe('refused')
  })

  test('keeps its slots free while ours are held', async () => {
    const [one, other] = [await openDesk(database.db), await openDesk(database.db)]
    const offered = timesOf(await (await one.ring()).use('find_availability', checkUp))
    expect(timesOf(await (await other.ring()).use('find_availability', checkUp))).toEqual(offered)
  })
})
