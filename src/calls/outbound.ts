// A call that we placed, as the carrier comes back with it: answered, by whom, and what becomes of it. Every request names
// the call by our own id, so that the first of them, whichever it is, ties the carrier's name to it; it may come before the
// answer to our own request.

import { twilioSessionId } from '../conversations/session-id.ts'
import { claimCall, insertConversation } from '../conversations/store.ts'
import { enqueue } from '../db/jobs.ts'
import type { Deps } from '../deps.ts'
import { type Outcome, ok, problem } from '../lib/outcome.ts'
import type { Account } from '../organizations/account-store.ts'
import { hasOwnAccount, mayCarry } from '../organizations/route-store.ts'
import { type Organization, readOrganization } from '../organizations/store.ts'
import type { AnsweredByForm, StatusForm, VoiceForm } from '../wire/twilio.ts'
import { type Kept, keptOf, statusFact } from './callbacks.ts'
import type { CallContext } from './context.ts'
import type { Answer } from './incoming.ts'
import { type OpenCall, opened } from './open.ts'
import { changeOutbound, lockOutbound, type OutboundCall, routeOutboundCall } from './outbound-store.ts'
import { prewarm } from './plan.ts'
import { issueStreamToken, streamToken } from './token-store.ts'
import { callUrls, farewellTwiml, streamTwiml } from './twiml.ts'
import type { Verified } from './verify.ts'
import { noticeOf, spokenTo } from './wording.ts'

type OutboundDeps = Pick<Deps, 'db' | 'config' | 'clock' | 'ids'>

/**
 * Runs `work` with the conversation of a call that we placed. unknown: we have no wish of this id. foreign: the call is
 * another than the one that was placed for it, or comes through an account that does not carry the clinic.
 */
export async function openOutbound<T>(
  deps: OutboundDeps,
  account: Account,
  { id, callSid }: { id: string; callSid: string },
  work: (call: OpenCall) => Promise<T>,
): Promise<Outcome<T, 'unknown' | 'foreign'>> {
  const organizationId = await routeOutboundCall(deps.db, id)
  if (organizationId === null) return problem('unknown', `call ${callSid} is for a wish that nobody had`)
  const foreign = problem('foreign', `call ${callSid} is not the one that was placed for ${id}`)
  const clinic = { organizationId, hasOwnAccount: await hasOwnAccount(deps.db, organizationId) }
  if (!mayCarry(account, clinic)) return foreign
  return deps.db.withOrg(organizationId, async (tx) => {
    const wish = await lockOutbound(tx, organizationId, id)
    if (wish === undefined || (wish.callSid ?? callSid) !== callSid) return foreign
    if ((await claimCall(tx, callSid, id)).conversationId !== id) return foreign
    const call = opened(deps, tx, organizationId, id)
    if (wish.callSid === null) await begin(deps, call, wish, { callSid, accountSid: account.accountSid })
    return ok(await work(call))
  })
}

/** The carrier's name for it is known: from here on it is a conversation, of the same id as the wish. */
async function begin(
  { clock }: OutboundDeps,
  call: OpenCall,
  { id, organizationId, fromNumber: from, toNumber: to, purpose }: OutboundCall,
  { callSid, accountSid }: { callSid: string; accountSid: string },
): Promise<void> {
  const { settings } = await readOrganization(call.tx, organizationId)
  await insertConversation(call.tx, {
    organizationId,
    id,
    sessionId: twilioSessionId(callSid),
    channel: 'voice',
    direction: 'outbound',
    callSid,
    accountSid,
    fromNumber: from,
    toNumber: to,
    startedAtMs: clock.now(),
  })
  await changeOutbound(call.tx, { organizationId, id }, { state: 'placed', callSid, reason: null })
  const wantsRecording = settings.recordCalls
  await call.record([{ kind: 'call.outgoing', callSid, accountSid, from, to, wantsRecording, purpose }])
}

/** Somebody or something has answered. The agent begins at once; what is found out about them comes later. */
export async function answerOutbound(
  context: CallContext,
  { account }: Verified,
  form: VoiceForm,
  id: string,
): Promise<Answer> {
  const { deps, seal } = context
  const { CallSid: callSid } = form
  const token = streamToken(seal, callSid, 0)
  const outcome = await openOutbound(deps, account, { id, callSid }, async (call) => {
    const organization = await readOrganization(call.tx, call.organizationId)
    const { facts } = await call.record([statusFact(form)])
    if (facts.isMachine) return { twiml: await messageTwiml(call, organization), fresh: null }
    await issueStreamToken(call, { token, callSid, generation: 0 }, deps.clock.now())
    const { fresh } = await call.record([{ kind: 'stream.expected', generation: 0 }])
    const spokenFirst = noticeOf(organization)
    const offer = { streamId: account.streamId, token, generation: 0, spokenFirst }
    const { organizationId, conversationId } = call
    const twiml = streamTwiml(callUrls(deps.config.PUBLIC_BASE_URL), offer)
    return { twiml, fresh: fresh.length > 0 ? { organizationId, conversationId } : null }
  })
  if (!outcome.ok) return { forbidden: outcome.message }
  const { twiml, fresh } = outcome.value
  if (fresh !== null) prewarm(context, { ...fresh, callSid, generation: 0 })
  return { twiml }
}

export async function keepOutboundStatus(
  { deps }: CallContext,
  { account }: Verified,
  form: StatusForm,
  id: string,
): Promise<Kept> {
  const call = { id, callSid: form.CallSid }
  return keptOf(await openOutbound(deps, account, call, ({ record }) => record([statusFact(form)])))
}

/** A machine gets our message instead of the agent; a fax gets nothing. Found out once, whatever is told again. */
export async function keepAnsweredBy(
  { deps }: CallContext,
  { account }: Verified,
  { CallSid: callSid, AnsweredBy: answeredBy }: AnsweredByForm,
  id: string,
): Promise<Kept> {
  const outcome = await openOutbound(deps, account, { id, callSid }, async ({ tx, conversationId, record }) => {
    const { fresh } = await record([{ kind: 'call.answered-by', answeredBy }])
    const isNobody = answeredBy === 'fax' || answeredBy.startsWith('machine_end_')
    if (!isNobody || fresh.length === 0) return
    await enqueue(tx, { task: 'leave-message', ids: { conversationId }, jobKey: `leave-message:${conversationId}` })
  })
  return keptOf(outcome)
}

/** The machine's greeting is over: it is told our message, and nothing else is heard of this call. */
export async function answerMachine(
  { deps }: CallContext,
  { account }: Verified,
  form: VoiceForm,
  id: string,
): Promise<Answer> {
  const outcome = await openOutbound(deps, account, { id, callSid: form.CallSid }, async (call) => {
    await call.record([statusFact(form)])
    return messageTwiml(call, await readOrganization(call.tx, call.organizationId))
  })
  return outcome.ok ? { twiml: outcome.value } : { forbidden: outcome.message }
}

/** What is spoken to a machine. Any household hears it, so it says who called and nothing of why. */
export async function messageTwiml({ record }: OpenCall, organization: Organization): Promise<string> {
  await record([{ kind: 'call.message-left' }])
  const { machineMessage } = organization.settings.outbound
  return farewellTwiml(spokenTo(organization, null, ({ callUsBack }) => callUsBack(organization.name), machineMessage))
}
