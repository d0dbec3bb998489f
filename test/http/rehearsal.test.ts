// A call that is none: who may ask for one, what it tells, and that nothing is left of it.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { saveTwilioCredentials } from '../../src/organizations/account-store.ts'
import { createSeal } from '../../src/organizations/seal.ts'
import { cedar, house, incoming, lakeside, newCallSid, openTelephone, type Telephone } from '../support/telephone.ts'

const own = { accountSid: `AC${'ce'.repeat(16)}`, authToken: 'the token of Cedar Grove' }

let telephone: Telephone
beforeAll(async () => {
  telephone = await openTelephone()
  const { database, deps } = telephone
  const seal = createSeal(deps.config.FRONTDESK_KEYS)
  await database.db.withOrg(cedar.organizationId, (tx) =>
    saveTwilioCredentials(tx, { seal, ids: deps.ids }, cedar.organizationId, own),
  )
})
afterAll(() => telephone.end())

const rehearsed = async (to: string, account = house, callSid = newCallSid()) => {
  const fields = incoming(callSid, { To: to, Called: to, AccountSid: account.accountSid })
  const response = await telephone.post('/rehearsal', fields, { authToken: account.authToken })
  return [response.status, response.headers.get('x-frontdesk-clinic'), await response.text()]
}
const twiml = '<?xml version="1.0" encoding="UTF-8"?><Response><Hangup/></Response>'

test('it is routed as a call would be, answered with TwiML, and writes nothing', async () => {
  const before = await telephone.everything()
  expect(await rehearsed(lakeside.number)).toEqual([200, lakeside.organizationId, twiml])
  expect(await rehearsed('+15550009999')).toEqual([200, null, twiml])
  expect(await rehearsed(cedar.number, own)).toEqual([200, cedar.organizationId, twiml])
  expect(await telephone.everything()).toEqual(before)
})

test('it tells nobody who could not have rung', async () => {
  expect(await rehearsed(cedar.number)).toEqual([403, null, 'Forbidden'])
  expect(await rehearsed(lakeside.number, own)).toEqual([403, null, 'Forbidden'])
  expect(await rehearsed(lakeside.number, { ...house, authToken: 'guessed' })).toEqual([403, null, 'Forbidden'])
})

test('a call that is up is not touched by it', async () => {
  const callSid = newCallSid()
  await telephone.post('/incoming-call', incoming(callSid))
  const before = await telephone.everything()
  expect(await rehearsed(lakeside.number, house, callSid)).toEqual([200, lakeside.organizationId, twiml])
  expect(await telephone.everything()).toEqual(before)
})
