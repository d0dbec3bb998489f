// What is asked before the organization is known: whose a number, an account or a call is, and whether a stream may speak
// for it.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eq, type SQL, sql } from 'drizzle-orm'
import postgres from 'postgres'
import { apiCredentials, phoneNumbers } from '../../src/db/schema.ts'
import { isoTime } from '../../src/lib/clock.ts'
import { type Clinic, seedClinic } from '../support/clinics.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'

const nowMs = Date.UTC(2026, 2, 2, 9)

let database: TestDatabase
let admin: postgres.Sql
let ours: Clinic
let theirs: Clinic

beforeAll(async () => {
  database = await openTestDatabase()
  admin = postgres(database.adminUrl, { max: 1 })
  ours = await seedClinic(database.db, '01')
  theirs = await seedClinic(database.db, '02')
})
afterAll(async () => {
  await admin.end()
  await database.end()
})

type Tie = { organization_id: string; conversation_id: string }

const ask = <T extends Record<string, unknown>>(question: SQL): Promise<T[]> => database.db.ask<T>(question)
const numberIsOf = async (number: string) =>
  (await ask<{ id: string | null }>(sql`select route_number('twilio', ${number}) as id`))[0]?.id
const accountIsOf = async (accountSid: string) =>
  (await ask<{ organization_id: string; stream_id: string }>(sql`select * from route_account(${accountSid})`))[0]

describe('an active number', () => {
  const number = '+15550001111'
  const take = (clinic: Clinic, channel: 'twilio' | 'whatsapp' = 'twilio') => {
    const id = crypto.randomUUID()
    const row = { organizationId: clinic.organizationId, id, phoneNumber: number, channel }
    return database.db.withOrg(clinic.organizationId, async (tx) => {
      await tx.insert(phoneNumbers).values(row)
      return id
    })
  }
  const change = (clinic: Clinic, id: string, isActive: boolean) =>
    database.db.withOrg(clinic.organizationId, (tx) =>
      tx.update(phoneNumbers).set({ isActive }).where(eq(phoneNumbers.id, id)),
    )

  test('belongs to one clinic on each channel, until that one lets it go', async () => {
    expect(await numberIsOf(number)).toBeNull()
    const id = await take(ours)
    expect(await numberIsOf(number)).toBe(ours.organizationId)
    await expect(take(theirs)).rejects.toMatchObject({ code: '23505' })
    await take(theirs, 'whatsapp')

    await change(ours, id, false)
    expect(await numberIsOf(number)).toBeNull()
    const taken = await take(theirs)
    expect(await numberIsOf(number)).toBe(theirs.organizationId)
    await expect(change(ours, id, true)).rejects.toThrow('it is active for another organization')

    await database.db.withOrg(theirs.organizationId, (tx) => tx.delete(phoneNumbers).where(eq(phoneNumbers.id, taken)))
    expect(await numberIsOf(number)).toBeNull()
    await change(ours, id, true)
    expect(await numberIsOf(number)).toBe(ours.organizationId)
  })

  test('that many clinics want at the same time goes to one of them', async () => {
    const wanted = '+15550002222'
    const outcomes = await Promise.allSettled(
      [ours, theirs, ours, theirs].map((clinic) =>
        database.db.withOrg(clinic.organizationId, (tx) =>
          tx.insert(phoneNumbers).values({
            organizationId: clinic.organizationId,
            id: crypto.randomUUID(),
            phoneNumber: wanted,
            channel: 'twilio',
          }),
        ),
      ),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect([ours.organizationId, theirs.organizationId]).toContain((await numberIsOf(wanted)) ?? '')
  })
})

describe('an account', () => {
  test('leads to its clinic, and so does the opaque name in the path of its streams', async () => {
    const account = await accountIsOf('AC01')
    expect(account?.organization_id).toBe(ours.organizationId)
    expect(await ask(sql`select route_stream(${account?.stream_id}::uuid) as id`)).toEqual([
      { id: ours.organizationId },
    ])
    expect(await ask(sql`select route_stream(${crypto.randomUUID()}::uuid) as id`)).toEqual([{ id: null }])
    expect(await ask(sql`select has_own_account(${ours.organizationId}::uuid) as own`)).toEqual([{ own: true }])
    expect(await ask(sql`select has_own_account(${crypto.randomUUID()}::uuid) as own`)).toEqual([{ own: false }])
  })

  test('of another clinic cannot be registered', async () => {
    const grab = database.db.withOrg(theirs.organizationId, (tx) =>
      tx.update(apiCredentials).set({ accountId: 'AC01' }).where(eq(apiCredentials.serviceName, 'twilio')),
    )
    await expect(grab).rejects.toThrow('the account belongs to another organization')
    expect((await accountIsOf('AC01'))?.organization_id).toBe(ours.organizationId)
    expect((await accountIsOf('AC02'))?.organization_id).toBe(theirs.organizationId)
  })

  test('keeps the name of its streams when its key is changed', async () => {
    const before = await accountIsOf('AC01')
    await database.db.withOrg(ours.organizationId, (tx) =>
      tx.update(apiCredentials).set({ credentialData: 'sealed anew' }).where(eq(apiCredentials.serviceName, 'twilio')),
    )
    expect(await accountIsOf('AC01')).toEqual(before)
  })
})

describe('a call', () => {
  const claim = async (clinic: Clinic, callSid: string, conversationId = clinic.conversationId): Promise<Tie> => {
    const claimed = sql`select organization_id, conversation_id from claim_call(${callSid}, ${conversationId}::uuid)`
    const [tie] = await database.db.withOrg(clinic.organizationId, (tx) => tx.execute<Tie>(claimed))
    return tie ?? { organization_id: '', conversation_id: '' }
  }

  test('is tied once, and everybody who claims it at the same time hears of the same tie', async () => {
    const claimants = Array.from({ length: 40 }, (_, turn) => (turn % 2 === 0 ? ours : theirs))
    const ties = await Promise.all(claimants.map((clinic) => claim(clinic, 'CA_contended', crypto.randomUUID())))
    expect(new Set(ties.map((tie) => JSON.stringify(tie))).size).toBe(1)
    expect(await ask<Tie>(sql`select * from route_call('CA_contended')`)).toEqual(ties.slice(0, 1))
  })

  test('is free again when the transaction that claimed it is rolled back', async () => {
    const undone = database.db.withOrg(ours.organizationId, async (tx) => {
      await tx.execute(sql`select from claim_call('CA_undone', ${ours.conversationId}::uuid)`)
      throw new Error('rolled back')
    })
    await expect(undone).rejects.toThrow('rolled back')
    expect(await ask(sql`select * from route_call('CA_undone')`)).toEqual([])
    expect((await claim(theirs, 'CA_undone')).organization_id).toBe(theirs.organizationId)
  })

  test('that no clinic was found for is kept for the operator, once', async () => {
    const keep = sql`select keep_unrouted_call('CA_lost', 'AC_x', '+15559990000', ${isoTime(nowMs)}::timestamptz)`
    await ask(keep)
    await ask(keep)
    expect(await admin`select call_sid, to_number from routing.unrouted_calls`).toMatchObject([
      { call_sid: 'CA_lost', to_number: '+15559990000' },
    ])
  })
})

describe('a stream token', () => {
  const lifeMs = 60_000
  const issue = (token: string, callSid: string, atMs = nowMs) =>
    database.db.withOrg(ours.organizationId, (tx) =>
      tx.execute(sql`select issue_stream_token(${token}, ${callSid}, ${ours.conversationId}::uuid,
        ${isoTime(atMs + lifeMs)}::timestamptz, ${isoTime(atMs)}::timestamptz)`),
    )
  const redeem = (token: string, callSid: string, atMs = nowMs + 1) =>
    ask<Tie>(sql`select * from redeem_stream_token(${token}, ${callSid}, ${isoTime(atMs)}::timestamptz)`)

  test('is good once, for fifty who try at the same time', async () => {
    await issue('t_once', 'CA_1')
    const answers = await Promise.all(Array.from({ length: 50 }, () => redeem('t_once', 'CA_1')))
    const good = answers.filter((answer) => answer.length > 0)
    expect(good).toEqual([[{ organization_id: ours.organizationId, conversation_id: ours.conversationId }]])
  })

  test('is good until it expires, and not from then on', async () => {
    await issue('t_late', 'CA_2')
    expect(await redeem('t_late', 'CA_2', nowMs + lifeMs)).toEqual([])
    expect(await redeem('t_late', 'CA_2', nowMs + lifeMs - 1)).toHaveLength(1)
  })

  test('is good for its own call only, and trying another does not use it up', async () => {
    await issue('t_other', 'CA_3')
    expect(await redeem('t_other', 'CA_4')).toEqual([])
    expect(await redeem('t_unknown', 'CA_3')).toEqual([])
    expect(await redeem('t_other', 'CA_3')).toHaveLength(1)
  })

  test('stays used when it is issued again, as a retried webhook does', async () => {
    await issue('t_again', 'CA_5')
    expect(await redeem('t_again', 'CA_5')).toHaveLength(1)
    await issue('t_again', 'CA_5')
    expect(await redeem('t_again', 'CA_5')).toEqual([])
  })

  test('is swept when it has long expired', async () => {
    await issue('t_old', 'CA_6', nowMs - 24 * 3_600_000)
    await issue('t_new', 'CA_7')
    const kept = await admin`select token_hash from routing.stream_tokens where token_hash in ('t_old', 't_new')`
    expect(kept).toMatchObject([{ token_hash: 't_new' }])
  })

  test('cannot be issued without a clinic, nor redeemed as one', async () => {
    const issueAs = sql`select issue_stream_token('t', 'CA_8', ${ours.conversationId}::uuid, now(), now())`
    await expect(ask(issueAs)).rejects.toMatchObject({ code: '42501' })
    const redeemAs = sql`select redeem_stream_token('t_new', 'CA_7', ${isoTime(nowMs)}::timestamptz)`
    await expect(database.db.withOrg(ours.organizationId, (tx) => tx.execute(redeemAs))).rejects.toMatchObject({
      code: '42501',
    })
  })
})
