// What a clinic's own systems may ask of its telephone: by whom, for whom, to whom and when.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { issueToken, revokeToken } from '../../src/setup/commands.ts'
import { outboundDesk } from '../support/outbound-desk.ts'
import { cedar, lakeside, openTelephone, type Telephone } from '../support/telephone.ts'

let telephone: Telephone
beforeAll(async () => {
  telephone = await openTelephone()
})
afterAll(() => telephone.end())
const desk = outboundDesk(() => telephone)
const { own, wish, usual, ask, look, wished, tokenOf } = desk
beforeEach(desk.begin)

describe('who may ask', () => {
  test('whoever shows a token of the clinic, and nobody else', async () => {
    for (const shown of [null, 'x', `${own.token}x`, 'fd_', ''])
      expect([shown, (await ask(usual(), shown)).status]).toEqual([shown, 401])
    expect((await ask(usual())).status).toBe(202)
  })

  test('not with a token that was taken back, nor with one whose member has left', async () => {
    const { deps } = telephone
    const asked = { organizationId: lakeside.organizationId, isTrial: false }
    const tom = 'tom.becker@lakeside.example'
    const { token: taken, notes } = await issueToken(deps, asked, { email: tom, name: 'x' })
    expect((await ask(usual(), taken)).status).toBe(202)
    const tokenId = notes.join().split(' ').at(-1) ?? ''
    expect((await revokeToken(deps, asked, tokenId)).changes).toHaveLength(1)
    expect((await ask(usual(), taken)).status).toBe(401)
    expect((await revokeToken(deps, asked, tokenId)).changes).toEqual([])

    const { token: left } = await issueToken(deps, asked, { email: tom, name: 'x' })
    expect(await issueToken(deps, asked, { email: tom, name: 'x' })).not.toHaveProperty('token')
    await telephone.admin`update members set is_active = false where email = ${tom}`
    expect((await ask(usual(), left)).status).toBe(401)
    expect(issueToken(deps, asked, { email: tom, name: 'y' })).rejects.toThrow('no such active member')
    await telephone.admin`update members set is_active = true where email = 'tom.becker@lakeside.example'`
    expect((await ask(usual(), left)).status).toBe(202)
  })

  test('not with a token for something else', async () => {
    expect((await ask(usual(), await tokenOf(lakeside.organizationId, []))).status).toBe(403)
  })

  test('a token is given for an active member of the clinic, and is kept nowhere', async () => {
    const { deps } = telephone
    const asked = { organizationId: lakeside.organizationId, isTrial: false }
    const ines = { email: 'ines.duarte@cedargrove.example', name: 'theirs' }
    await expect(issueToken(deps, asked, ines)).rejects.toThrow('no such active member')
    const [row] = await telephone.admin`select * from api_tokens limit 1`
    expect(JSON.stringify(row)).not.toContain(own.token)
  })

  test('a token acts for its own clinic, which sees its own calls only', async () => {
    const id = await wished()
    const theirs = await tokenOf(cedar.organizationId)
    expect((await look(id, theirs)).status).toBe(404)
    expect((await look(id)).body).toEqual({ id, state: 'waiting', reason: null, callSid: null, conversationId: null })
    expect((await look(crypto.randomUUID())).status).toBe(404)
    expect((await look('x')).status).toBe(404)
  })
})

describe('what may be asked', () => {
  const codeOf = async (response: Response) => [response.status, (await response.json()).error.code]

  test('what is no wish is refused with what is wrong, and leaves nothing behind', async () => {
    const before = await telephone.everything()
    for (const body of ['', '{', 'null', {}, { ...usual(), to: 5 }, { ...usual(), purpose: ' ' }, { ...usual(), x: 1 }])
      expect(await codeOf(await ask(body))).toEqual([400, 'malformed'])
    expect(await codeOf(await ask({ ...usual(), idempotencyKey: 'reminder/x' }))).toEqual([400, 'malformed'])
    expect(await codeOf(await ask('x'.repeat(20_000)))).toEqual([413, 'too-large'])
    expect(await telephone.everything()).toEqual(before)
  })

  test('a number that may not be called is not called', async () => {
    for (const to of ['5550102030', '+442079460000', '911', '+1'])
      expect([to, ...(await codeOf(await ask({ ...usual(), to })))]).toEqual([to, 422, 'number'])
    await wish({ outbound: { from: '00:00', until: '23:59', prefixes: ['+44'] } })
    expect((await ask({ ...usual(), to: '+442079460000' })).status).toBe(202)
    expect(await codeOf(await ask(usual()))).toEqual([422, 'number'])
  })

  test('a patient is one of the clinic’s own', async () => {
    const [theirs] = await telephone.admin`select id from patients where organization_id = ${cedar.organizationId}`
    const [ours] = await telephone.admin`select id from patients where organization_id = ${lakeside.organizationId}`
    expect(await codeOf(await ask({ ...usual(), patientId: theirs?.id }))).toEqual([422, 'patient'])
    expect((await ask({ ...usual(), patientId: ours?.id })).status).toBe(202)
  })

  test('nobody is called at night, by the clinic’s own clock', async () => {
    await wish({ outbound: { from: '08:00', until: '21:00' } })
    // 04:00 in New York.
    expect(await codeOf(await ask(usual()))).toEqual([409, 'quiet-hours'])
    await wish({ outbound: { from: '04:00', until: '21:00' } })
    expect((await ask(usual())).status).toBe(202)
  })

  test('the same wish made again, and by twenty at once, is one call', async () => {
    const body = usual()
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(body)))
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(19).fill(200), 202])
    const ids = new Set(await Promise.all(answers.map(async (answer) => (await answer.json()).id)))
    expect(ids.size).toBe(1)
    expect(await codeOf(await ask({ ...body, purpose: 'Something else.' }))).toEqual([409, 'conflict'])
  })

  test('a number is called so often a day, and so many calls are placed, and no more', async () => {
    await wish({ limits: { outboundPerNumber: 2, outboundPerDay: 4 } })
    for (let n = 0; n < 2; n++) await wished()
    expect(await codeOf(await ask(usual()))).toEqual([429, 'limit'])
    for (let n = 0; n < 2; n++) await wished({ ...usual(), to: `+1555010400${n}` })
    expect(await codeOf(await ask({ ...usual(), to: '+15550104009' }))).toEqual([429, 'limit'])
    await telephone.admin`update outbound_calls set created_at = created_at - interval '1 day'`
    await wished()
  })

  test('a clinic without a number of its own calls nobody', async () => {
    await telephone.admin`update phone_numbers set is_active = false where organization_id = ${lakeside.organizationId}`
    expect(await codeOf(await ask(usual()))).toEqual([422, 'caller'])
    await telephone.admin`update phone_numbers set is_active = true where organization_id = ${lakeside.organizationId}`
  })
})
