// A call that goes on costs more: when it must end, and what its caller gets then.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { isCallSpent } from '../../src/calls/admission.ts'
import type { ConversationFact } from '../../src/conversations/events.ts'
import { eventOf, recordEvents } from '../../src/conversations/store.ts'
import { incoming, lakeside, later, newCallSid, openTelephone, type Telephone } from '../support/telephone.ts'

let telephone: Telephone
beforeAll(async () => {
  telephone = await openTelephone()
})
afterAll(() => telephone.end())

const { organizationId } = lakeside

const limit = async (own: Record<string, unknown>): Promise<void> => {
  await telephone.admin`
    update organizations set settings = jsonb_set(settings, '{limits}', ${telephone.admin.json(own as never)})
    where id = ${organizationId}`
}
/** Nothing was spent before. */
beforeEach(async () => {
  await telephone.admin`update conversations set cost_nano_usd = 0`
  await limit({})
})

async function ring(): Promise<{ callSid: string; conversationId: string }> {
  const callSid = newCallSid()
  await telephone.post('/incoming-call', incoming(callSid, { From: 'anonymous' }))
  const [row] = await telephone.admin<{ id: string }[]>`select id from conversations where call_sid = ${callSid}`
  return { callSid, conversationId: row?.id ?? '' }
}

let uses = 0
async function happen(conversationId: string, fact: ConversationFact): Promise<void> {
  const { deps } = telephone
  const event = eventOf(fact, deps.clock.now(), `use ${++uses}`)
  await deps.db.withOrg(organizationId, (tx) => recordEvents(deps, tx, organizationId, conversationId, [event]))
}
/** Of so many dollars, by whatever part of the call: a dollar is 250,000 fresh text tokens. */
const use = (conversationId: string, usd: number, source: 'realtime' | 'responses' = 'realtime') =>
  happen(conversationId, {
    kind: 'usage',
    source,
    model: 'gpt-realtime-2.1',
    usage: { input_tokens: usd * 250_000, output_tokens: 0 },
  })
const isSpent = (conversationId: string) => isCallSpent(telephone.deps, { organizationId, conversationId })

describe('a call', () => {
  test('has come to its ceiling when all that it used has, the supervisor’s thinking included', async () => {
    await limit({ usdPerCall: 1 })
    const { conversationId } = await ring()
    const { conversationId: another } = await ring()
    await use(another, 0.9)
    await use(conversationId, 0.6)
    expect(await isSpent(conversationId)).toBe(false)
    await use(conversationId, 0.4, 'responses')
    expect(await isSpent(conversationId)).toBe(true)
    expect(await isSpent(another)).toBe(false)
  })

  test('ends, too, when the day or the month of its clinic is spent by other calls', async () => {
    for (const own of [{ usdPerDay: 2 }, { usdPerMonth: 2 }]) {
      await telephone.admin`update conversations set cost_nano_usd = 0`
      await limit(own)
      const { conversationId } = await ring()
      const { conversationId: another } = await ring()
      await use(another, 1.5)
      expect(await isSpent(conversationId)).toBe(false)
      await use(another, 0.5)
      expect(await isSpent(conversationId)).toBe(true)
    }
  })

  test('without a ceiling goes on', async () => {
    await limit({ usdPerCall: null, usdPerDay: null, usdPerMonth: null })
    const { conversationId } = await ring()
    await use(conversationId, 10_000)
    expect(await isSpent(conversationId)).toBe(false)
  })
})

describe('a caller whose call has come to its ceiling', () => {
  const after = async (callSid: string) => (await telephone.post('/resume?after=stream-0', later(callSid))).text()

  test('can leave a message on tape, and is not hung up on', async () => {
    const { callSid, conversationId } = await ring()
    await happen(conversationId, { kind: 'call.ending', reason: 'spent' })
    expect(await after(callSid)).toContain('<Record')
  })

  test('is hung up on after the agent’s sentence, where the clinic wants that', async () => {
    await limit({ whenSpent: 'goodbye' })
    const { callSid, conversationId } = await ring()
    await happen(conversationId, { kind: 'call.ending', reason: 'spent' })
    expect(await after(callSid)).toContain('<Hangup/>')
  })

  test('that ended for another reason is over, tape or not', async () => {
    const { callSid, conversationId } = await ring()
    await happen(conversationId, { kind: 'call.ending', reason: 'agent' })
    const twiml = await after(callSid)
    expect(twiml).toContain('<Hangup/>')
    expect(twiml).not.toContain('<Record')
  })
})
