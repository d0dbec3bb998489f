// A clinic's own system beside the telephone: what the tests of outbound calls ask, are told and look at, in one line each. Asserts
// only that what it does was taken.
import { expect } from 'bun:test'
import { XMLParser } from 'fast-xml-parser'
import { issueApiToken, type TokenScope } from '../../src/organizations/api-token-store.ts'
import { type Fields, house, lakeside, type Telephone } from './telephone.ts'

/** `current`: the telephone that is up when something is done. */
export function outboundDesk(current: () => Telephone) {
  /** The token that is shown where no other is given. */
  const own = { token: '' }

  /** Begins a test: a token, settings as usual, nothing going on and nothing wished for today. */
  async function begin(): Promise<void> {
    const { vendors, admin } = current()
    if (own.token === '') own.token = await tokenOf(lakeside.organizationId)
    vendors.placingTrouble = null
    vendors.placed.length = 0
    vendors.redirected.length = 0
    await wish({})
    await admin`update conversations set is_live = false, cost_nano_usd = 0`
    await admin`update outbound_calls set created_at = created_at - interval '2 days'`
  }

  async function tokenOf(organizationId: string, scopes: readonly TokenScope[] = ['calls']): Promise<string> {
    const { db, ids, clock } = current().deps
    const [admin] = await current().admin<{ email: string }[]>`
      select email from members where organization_id = ${organizationId} and role = 'admin' order by 1`
    const wanted = { organizationId, memberEmail: admin?.email ?? '', name: 'practice software', scopes }
    return (await db.withOrg(organizationId, (tx) => issueApiToken(tx, ids, wanted, clock.now()))).token
  }

  /** Nobody is called at night: the clock of these tests stands at 04:00 in New York unless a test wants otherwise. */
  async function wish(settings: { limits?: unknown; outbound?: unknown; reminders?: unknown }): Promise<void> {
    const own = { limits: {}, outbound: { from: '00:00', until: '23:59' }, reminders: {}, ...settings }
    await current().admin`
      update organizations set settings = settings || ${current().admin.json(own as never)}
      where id = ${lakeside.organizationId}`
  }

  let keys = 0
  const newKey = (): string => `key ${++keys}`
  const usual = () => ({ to: '+15550102030', purpose: 'Ask whether the new glasses fit.', idempotencyKey: newKey() })

  const ask = (body: unknown, shown: string | null = own.token) =>
    current().app.fetch(
      new Request('http://10.0.0.7:3000/api/calls', {
        method: 'POST',
        headers: shown === null ? {} : { authorization: `Bearer ${shown}` },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    )
  const look = async (id: string, shown = own.token) => {
    const headers = { authorization: `Bearer ${shown}` }
    const response = await current().app.fetch(new Request(`http://10.0.0.7:3000/api/calls/${id}`, { headers }))
    return { status: response.status, body: await response.json() }
  }
  const wished = async (body: Record<string, unknown> = usual()): Promise<string> => {
    const response = await ask(body)
    expect(response.status).toBe(202)
    return (await response.json()).id
  }
  const place = (id: string) => current().run('place-call', { outboundId: id })
  const stateOf = async (id: string) => (await look(id)).body.state

  /** A request of Twilio about a call that we placed. */
  const about = (callSid: string, fields: Fields = {}): Fields => ({
    AccountSid: house.accountSid,
    ApiVersion: '2010-04-01',
    CallSid: callSid,
    CallStatus: 'in-progress',
    Direction: 'outbound-api',
    From: lakeside.number,
    To: '+15550102030',
    ...fields,
  })
  const status = (id: string, callSid: string, CallStatus: string, SequenceNumber: string, fields: Fields = {}) =>
    current().post(`/outbound-status?call=${id}`, about(callSid, { CallStatus, SequenceNumber, ...fields }))
  const answered = (id: string, callSid: string, fields: Fields = {}) =>
    current().post(`/outbound-call?call=${id}`, about(callSid, fields))
  const answeredBy = (id: string, callSid: string, AnsweredBy: string) =>
    current().post(`/answered-by?call=${id}`, {
      AccountSid: house.accountSid,
      CallSid: callSid,
      AnsweredBy,
      MachineDetectionDuration: '3120',
    })
  const documentOf = async (response: Response) =>
    new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '' }).parse(await response.text()).Response

  const callOf = async (id: string) => (await current().admin`select * from conversations where id = ${id}`)[0]
  const keysOf = async (id: string): Promise<string[]> =>
    (
      await current().admin<{ key: string }[]>`
      select key from conversation_events where conversation_id = ${id} order by position`
    ).map(({ key }) => key)
  const jobsOf = async (id: string): Promise<string[]> =>
    (
      await current().admin<{ task: string }[]>`
      select t.identifier as task from graphile_worker._private_jobs j
      join graphile_worker._private_tasks t on t.id = j.task_id
      where coalesce(j.payload->>'outboundId', j.payload->>'conversationId') = ${id} order by 1`
    ).map(({ task }) => task)

  return {
    own,
    begin,
    tokenOf,
    wish,
    usual,
    ask,
    look,
    wished,
    place,
    stateOf,
    about,
    status,
    answered,
    answeredBy,
    documentOf,
    callOf,
    keysOf,
    jobsOf,
  }
}
