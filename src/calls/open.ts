// From a verified request to the conversation that it belongs to: routed, walled off from the wrong account, created by
// whichever request comes first, and written to, in one transaction.
import type { ConversationFact } from '../conversations/events.ts'
import { twilioSessionId } from '../conversations/session-id.ts'
import { claimCall, eventOf, insertConversation, type Recorded, recordEvents } from '../conversations/store.ts'
import type { Tx } from '../db/database.ts'
import type { Deps } from '../deps.ts'
import { isoTime } from '../lib/clock.ts'
import { type Outcome, ok, problem } from '../lib/outcome.ts'
import type { Account } from '../organizations/account-store.ts'
import { keepUnroutedCall, mayCarry, type Route, routeCall, routeKnownCall } from '../organizations/route-store.ts'

export type CallParties = {
  callSid: string
  accountSid: string
  from: string
  to: string
  direction: 'inbound' | 'outbound'
}

/** The parties of a call as Twilio's forms name them. */
export const partiesOf = (form: {
  CallSid: string
  AccountSid: string
  From: string
  To: string
  Direction?: string
}): CallParties => ({
  callSid: form.CallSid,
  accountSid: form.AccountSid,
  from: form.From,
  to: form.To,
  direction: form.Direction === undefined || form.Direction === 'inbound' ? 'inbound' : 'outbound',
})

/** A conversation within its organization's transaction. */
export type OpenCall = {
  tx: Tx
  organizationId: string
  conversationId: string
  record(facts: ConversationFact[]): Promise<Recorded>
}

/** unrouted: no clinic has the number. foreign: the clinic is not reached through this account. */
export type OpenProblem = 'unrouted' | 'foreign'

type OpenDeps = Pick<Deps, 'db' | 'config' | 'clock' | 'ids'>

/** Runs `work` with the call's conversation; all that it writes is kept, or, when it throws, nothing. */
export async function openCall<T>(
  deps: OpenDeps,
  account: Account,
  parties: CallParties,
  work: (call: OpenCall) => Promise<T>,
): Promise<Outcome<T, OpenProblem>> {
  const route = await findRoute(deps, account, parties)
  if (route.ok) {
    const { organizationId, conversationId: known } = route.value
    const value = await deps.db.withOrg(organizationId, async (tx) => {
      const conversationId = known ?? (await create(deps, tx, organizationId, parties))
      return work(opened(deps, tx, organizationId, conversationId))
    })
    return ok(value)
  }
  if (route.problem === 'foreign') return route
  const { callSid, accountSid } = parties
  const toNumber = clinicNumberOf(parties)
  await keepUnroutedCall(deps.db, { callSid, accountSid, toNumber, at: isoTime(deps.clock.now()) })
  return route
}

/** Which clinic a call is for, if this account carries it there. */
export async function findRoute(
  deps: Pick<Deps, 'db' | 'config'>,
  account: Account,
  parties: CallParties,
): Promise<Outcome<Route, OpenProblem>> {
  const { callSid } = parties
  const toNumber = clinicNumberOf(parties)
  const route = await routeCall(deps.db, deps.config, { callSid, toNumber, channel: 'twilio' })
  if (route !== null && mayCarry(account, route)) return ok(route)
  // Whoever is not served by the fallback either has dialled a number that nobody has.
  if (route !== null && route.by !== 'fallback') return foreign(callSid, route.organizationId)
  return problem('unrouted', `call ${callSid} is for a number that no organization has`)
}

/** The clinic's own number is the one called, or the one calling out. */
const clinicNumberOf = ({ direction, to, from }: CallParties): string => (direction === 'inbound' ? to : from)

/** The same, for a call that has its conversation already. */
export async function openKnownCall<T>(
  deps: OpenDeps,
  account: Account,
  callSid: string,
  work: (call: OpenCall) => Promise<T>,
): Promise<Outcome<T, 'unknown' | 'foreign'>> {
  const known = await routeKnownCall(deps.db, callSid)
  if (known === null) return problem('unknown', `call ${callSid} is not known`)
  const { organizationId, conversationId } = known
  if (!mayCarry(account, known)) return foreign(callSid, organizationId)
  return ok(await deps.db.withOrg(organizationId, (tx) => work(opened(deps, tx, organizationId, conversationId))))
}

const foreign = (callSid: string, organizationId: string) =>
  problem('foreign', `call ${callSid} came through an account that does not carry organization ${organizationId}`)

export function opened(deps: OpenDeps, tx: Tx, organizationId: string, conversationId: string): OpenCall {
  const record = (facts: ConversationFact[]) => {
    const atMs = deps.clock.now()
    const events = facts.map((fact) => eventOf(fact, atMs))
    return recordEvents(deps, tx, organizationId, conversationId, events)
  }
  return { tx, organizationId, conversationId, record }
}

/** Of several requests at the same moment one creates the conversation; the others wait for it here and use it. */
async function create(deps: OpenDeps, tx: Tx, organizationId: string, parties: CallParties): Promise<string> {
  const id = deps.ids.uuid()
  const tie = await claimCall(tx, parties.callSid, id)
  if (tie.organizationId !== organizationId) {
    throw new Error(`Cannot record event: call ${parties.callSid} belongs to another organization`)
  }
  if (tie.conversationId !== id) return tie.conversationId
  await insertConversation(tx, {
    organizationId,
    id,
    sessionId: twilioSessionId(parties.callSid),
    channel: 'voice',
    direction: parties.direction,
    callSid: parties.callSid,
    accountSid: parties.accountSid,
    fromNumber: parties.from,
    toNumber: parties.to,
    startedAtMs: deps.clock.now(),
  })
  return id
}
