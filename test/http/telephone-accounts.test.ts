// A clinic with its own Twilio account: nobody else's signature reaches it, and its own reaches nobody else.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { saveTwilioCredentials } from '../../src/organizations/account-store.ts'
import { createSeal } from '../../src/organizations/seal.ts'
import {
  cedar,
  completed,
  type Fields,
  house,
  incoming,
  lakeside,
  later,
  newCallSid,
  openTelephone,
  type PostOptions,
  publicBaseUrl,
  recordingDone,
  sid,
  sign,
  streamReport,
  type Telephone,
} from '../support/telephone.ts'

const own = { accountSid: `AC${'ce'.repeat(16)}`, authToken: 'the token of Cedar Grove' }
const inTheirName = { AccountSid: own.accountSid, To: cedar.number, Called: cedar.number }
const byThem = { authToken: own.authToken }

let telephone: Telephone
beforeAll(async () => {
  telephone = await openTelephone()
  await save(own)
})
afterAll(() => telephone.end())

function save(credentials: typeof own, organizationId = cedar.organizationId): Promise<void> {
  const { db, ids, config } = telephone.deps
  const seal = createSeal(config.FRONTDESK_KEYS)
  return db.withOrg(organizationId, (tx) => saveTwilioCredentials(tx, { seal, ids }, organizationId, credentials))
}

const organizationOf = async (callSid: string): Promise<string | undefined> =>
  (await telephone.admin`select organization_id from conversations where call_sid = ${callSid}`)[0]?.organization_id

const statusOf = async (path: string, fields: Fields, options: PostOptions): Promise<number> =>
  (await telephone.post(path, fields, options)).status

describe('a clinic with its own account', () => {
  test('is reached through it, by a media path of its own', async () => {
    const callSid = newCallSid()
    const response = await telephone.post('/incoming-call', incoming(callSid, inTheirName), byThem)
    const [, streamId] = /media-stream\/([0-9a-f-]{36})"/.exec(await response.text()) ?? []
    const [account] = await telephone.admin`select * from routing.accounts`
    expect(account).toMatchObject({ account_sid: own.accountSid, stream_id: streamId })
    expect(await organizationOf(callSid)).toBe(cedar.organizationId)
  })

  test('is not reached through the deployment’s account', async () => {
    const callSid = newCallSid()
    const before = await telephone.everything()
    expect(await statusOf('/incoming-call', incoming(callSid, { To: cedar.number }), {})).toBe(403)
    expect(await statusOf('/status', completed(callSid, { To: cedar.number }), {})).toBe(403)
    expect(await telephone.everything()).toEqual(before)
  })

  test('reaches no other clinic with its token: neither its numbers nor its calls', async () => {
    const callSid = newCallSid()
    await telephone.post('/incoming-call', incoming(callSid))
    const theirs = { AccountSid: own.accountSid }
    const before = await telephone.everything()
    const attempts: [path: string, fields: Fields][] = [
      ['/incoming-call', incoming(newCallSid(), theirs)],
      ['/incoming-call', incoming(callSid, theirs)],
      ['/status', completed(newCallSid(), theirs)],
      ['/status', completed(callSid, theirs)],
      ['/status', completed(callSid, { ...theirs, From: '', To: '' })],
      ['/resume?after=stream-0', later(callSid, theirs)],
      ['/resume?after=voicemail', later(callSid, { ...theirs, RecordingSid: sid('RE', 5) })],
      ['/recording', recordingDone(callSid, sid('RE', 5), theirs)],
      ['/stream-status', streamReport(callSid, sid('MZ', 5), theirs)],
    ]
    for (const [path, fields] of attempts) expect([path, await statusOf(path, fields, byThem)]).toEqual([path, 403])
    expect(await telephone.everything()).toEqual(before)
  })

  test('cannot ask for another’s call by REST either: what its account names must be its own', async () => {
    const callSid = newCallSid()
    const call = { from: '+15550102030', to: lakeside.number, direction: 'inbound', status: 'completed' } as const
    telephone.vendors.calls.set(callSid, { ...call, durationMs: 1_000, endedAtMs: telephone.clock.now() })
    const fields = recordingDone(callSid, sid('RE', 6), { AccountSid: own.accountSid })
    expect(await statusOf('/recording', fields, byThem)).toBe(403)
    expect(await organizationOf(callSid)).toBeUndefined()
  })

  test('does not get the calls of a configured fallback that is another clinic', async () => {
    const withFallback = await openTelephone({ FALLBACK_ORGANIZATION_ID: lakeside.organizationId })
    const { db, ids, config } = withFallback.deps
    const seal = createSeal(config.FRONTDESK_KEYS)
    await db.withOrg(cedar.organizationId, (tx) => saveTwilioCredentials(tx, { seal, ids }, cedar.organizationId, own))
    const fields = incoming(newCallSid(), { ...inTheirName, To: '+15550000000' })
    const response = await withFallback.post('/incoming-call', fields, byThem)
    // A caller is on the line, and no clinic of this account has the number: the polite sentence, not an error.
    expect(await response.text()).toMatch(/We are sorry.*<Hangup\/>/)
    expect(await withFallback.admin`select from conversations`).toHaveLength(0)
    expect(await withFallback.admin`select from routing.unrouted_calls`).toHaveLength(1)
    await withFallback.end()
  })
})

describe('its credentials', () => {
  const sealed = async () => (await telephone.admin`select * from api_credentials`)[0]
  beforeEach(() => save(own))

  test('are ciphertext in the table', async () => {
    const row = JSON.stringify(await sealed())
    expect(row).not.toContain(own.authToken)
    expect(row).not.toContain(Buffer.from(own.authToken).toString('base64').slice(0, 20))
    expect(JSON.parse(row)).toMatchObject({ account_id: own.accountSid, key_id: 'k1', service_name: 'twilio' })
  })

  test('do not open in another clinic’s row', async () => {
    const { admin } = telephone
    const moved = { ...inTheirName, AccountSid: `AC${'1a'.repeat(16)}`, To: lakeside.number }
    await admin`
      insert into api_credentials (organization_id, id, service_name, account_id, credential_data, key_id)
      select ${lakeside.organizationId}, gen_random_uuid(), service_name, ${moved.AccountSid}, credential_data, key_id
      from api_credentials where organization_id = ${cedar.organizationId}`
    const callSid = newCallSid()
    telephone.log.length = 0
    const response = await telephone.post('/incoming-call', incoming(callSid, moved), byThem)
    expect(await response.text()).not.toContain('<Connect')
    expect(await organizationOf(callSid)).toBeUndefined()
    expect(telephone.log.join('')).not.toContain(own.authToken)
    await admin`delete from api_credentials where organization_id = ${lakeside.organizationId}`
  })

  test('can be replaced: the new token signs from then on, and the old one does not', async () => {
    await save({ ...own, authToken: 'a fresh token' })
    const fields = incoming(newCallSid(), inTheirName)
    expect(await statusOf('/incoming-call', fields, byThem)).toBe(403)
    expect(await statusOf('/incoming-call', fields, { authToken: 'a fresh token' })).toBe(200)
    expect((await telephone.admin`select from api_credentials`).length).toBe(1)
  })

  test('of an account that another clinic has are refused, without telling whose it is', async () => {
    const taken = save(own, lakeside.organizationId)
    expect(taken).rejects.toThrow('the account belongs to another organization')
    await taken.catch(({ message }) => expect(message).not.toContain(cedar.organizationId))
  })

  test('sign the fallback, too, and are remembered for when there is no database', async () => {
    const fields = later(newCallSid(), { AccountSid: own.accountSid, ErrorCode: '11200', ErrorUrl: publicBaseUrl })
    expect(await statusOf('/fallback', fields, byThem)).toBe(200)
    expect(await statusOf('/fallback', fields, { authToken: house.authToken })).toBe(403)
    const signature = sign(own.authToken, `${publicBaseUrl}/api/twilio/fallback`, fields)
    expect(await statusOf('/fallback', { ...fields, CallSid: sid('CA', 1) }, { signature })).toBe(403)
  })
})
