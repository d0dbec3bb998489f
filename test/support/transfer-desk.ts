// A caller about to be put through, and the person whose telephone rings: what the tests of transfers do in one line each.
// Asserts only that it was answered.
import { expect } from 'bun:test'
import { XMLParser } from 'fast-xml-parser'
import { runTool, type ToolOutput } from '../../src/clinic/tool-runner.ts'
import { toolsFor } from '../../src/clinic/toolbox.ts'
import type { ConversationFact } from '../../src/conversations/events.ts'
import type { Facts } from '../../src/conversations/merge.ts'
import { eventOf, findConversation, readEvents, recordEvents } from '../../src/conversations/store.ts'
import { readOrganization } from '../../src/organizations/store.ts'
import { type Fields, house, incoming, lakeside, later, newCallSid, sid, type Telephone } from './telephone.ts'

export const nurse = { name: 'the nurse', phoneNumber: '+15550100200' }
export const billing = {
  name: 'billing',
  phoneNumber: '+15550100300',
  hours: [{ days: [1, 2, 3, 4, 5], from: '09:00', until: '17:00' }],
}
const usual = { targets: [nurse, billing], isWarm: false, ringSeconds: 25 }

/** `current`: the telephone that is up when something is done. */
export function transferDesk(current: () => Telephone) {
  const wish = (own: Record<string, unknown> = {}) =>
    current().admin`
      update organizations set settings = jsonb_set(settings, '{transfer}', ${current().admin.json({ ...usual, ...own } as never)})
      where id = ${lakeside.organizationId}`
  const conversationOf = async (callSid: string) => {
    const [row] = await current().admin<{ id: string }[]>`select id from conversations where call_sid = ${callSid}`
    if (row === undefined) throw new Error(`no conversation of ${callSid}`)
    const { organizationId } = lakeside
    return current().deps.db.withOrg(organizationId, async (tx) => ({
      id: row.id,
      facts: (await findConversation(tx, organizationId, row.id))?.facts as Facts,
      events: await readEvents(tx, organizationId, row.id),
    }))
  }
  const keysOf = async (callSid: string) => (await conversationOf(callSid)).events.map(({ key }) => key)

  async function happen(callSid: string, ...facts: ConversationFact[]): Promise<void> {
    const { id } = await conversationOf(callSid)
    const events = facts.map((fact) => eventOf(fact, current().clock.now()))
    const { deps } = current()
    await deps.db.withOrg(lakeside.organizationId, (tx) => recordEvents(deps, tx, lakeside.organizationId, id, events))
  }

  /** As the model asks for it. */
  async function ask(callSid: string, toolCallId: string, to: string, reason = 'a rash'): Promise<ToolOutput> {
    const { id: conversationId } = await conversationOf(callSid)
    const { organizationId } = lakeside
    const organization = await current().deps.db.withOrg(organizationId, (tx) => readOrganization(tx, organizationId))
    const tools = toolsFor(organization, 'single')
    const argumentsJson = JSON.stringify({ to, reason })
    return runTool(
      current().deps,
      { organizationId, conversationId, tools },
      { toolCallId, name: 'transfer_to_person', argumentsJson },
    )
  }

  let streams = 9_000
  /** A call whose agent was asked to put the caller through, and whose stream is over. */
  async function putThrough(toolCallId: string, to = 'the nurse', callSid = newCallSid()): Promise<string> {
    await current().post('/incoming-call', incoming(callSid))
    const streamSid = sid('MZ', ++streams)
    await happen(callSid, { kind: 'stream.started', streamSid, generation: 0 })
    await ask(callSid, toolCallId, to)
    await happen(
      callSid,
      { kind: 'stream.ended', streamSid, reason: 'hung-up' },
      { kind: 'transcript.settled', streamSid },
    )
    return callSid
  }

  const documentOf = async (response: Response | Promise<Response>) => {
    const answer = await response
    expect(answer.status).toBe(200)
    const xml = await answer.text()
    return new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '', parseAttributeValue: false }).parse(xml)
      .Response
  }
  const resume = (callSid: string, after = 'stream-0', fields: Fields = {}) =>
    documentOf(current().post(`/resume?after=${after}`, later(callSid, fields)))
  const ended = (callSid: string, toolCallId: string, fields: Fields) =>
    resume(callSid, `transfer-0.${toolCallId}`, fields)

  let legs = 70_000
  /** A request about the person's leg: another call, made for the caller's. */
  const leg = (parent: string, fields: Fields = {}): Fields => ({
    AccountSid: house.accountSid,
    ApiVersion: '2010-04-01',
    CallSid: sid('CA', ++legs),
    ParentCallSid: parent,
    CallStatus: 'in-progress',
    Direction: 'outbound-dial',
    From: lakeside.number,
    To: nurse.phoneNumber,
    ...fields,
  })

  return { wish, conversationOf, keysOf, happen, ask, putThrough, documentOf, resume, ended, leg }
}
