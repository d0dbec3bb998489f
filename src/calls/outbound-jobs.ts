// The work of calling out: placing a call that was wished for, once, and sending a machine our message. Nothing is placed that
// the clinic does not carry or pay for at the moment, nor at an hour at which nobody wants to be called.
import { isEnded } from '../conversations/readiness.ts'
import { eventOf, findConversation, findFact } from '../conversations/store.ts'
import type { Tx } from '../db/database.ts'
import { enqueue, type Tasks } from '../db/jobs.ts'
import type { Deps } from '../deps.ts'
import { RetryLater } from '../lib/retry-later.ts'
import { nextWithin } from '../lib/wall-clock.ts'
import type { Accounts } from '../organizations/account-store.ts'
import { type Organization, readOrganization } from '../organizations/store.ts'
import { mayPlace } from './admission.ts'
import { openOutbound } from './outbound.ts'
import {
  changeOutbound,
  lockOutbound,
  type OutboundCall,
  type OutboundState,
  startOfAppointment,
} from './outbound-store.ts'
import { planReminders, reminderKey } from './reminders.ts'
import { callUrls } from './twiml.ts'
import { placing } from './wish.ts'

export function outboundTasks(deps: Deps, accounts: Accounts): Tasks {
  return {
    'place-call': ({ organizationId, outboundId = '' }) =>
      placeCall(deps, accounts, { organizationId, id: outboundId }),
    'leave-message': ({ organizationId, conversationId = '' }) =>
      leaveMessage(deps, accounts, { organizationId, conversationId }),
    'plan-reminders': ({ organizationId }) => planReminders(deps, organizationId),
  }
}

type Wish = { organizationId: string; id: string }

async function placeCall(deps: Deps, accounts: Accounts, wish: Wish): Promise<void> {
  const taken = await deps.db.withOrg(wish.organizationId, (tx) => take(deps, tx, wish))
  if (taken === null) return
  if (taken === 'later') throw new RetryLater('the clinic carries or pays for no more calls at the moment')
  const account = await accounts.ofOrganization(wish.organizationId)
  if (account === null) return leave(deps, wish, 'refused', 'no carrier account')
  const urls = callUrls(deps.config.PUBLIC_BASE_URL)
  const placed = await deps.telephony.placeCall(account, {
    to: taken.call.toNumber,
    from: taken.call.fromNumber,
    ringSeconds: taken.organization.settings.outbound.ringSeconds,
    answerUrl: urls.outbound('outbound-call', wish.id),
    fallbackUrl: urls.fallback,
    statusUrl: urls.outbound('outbound-status', wish.id),
    answeredByUrl: urls.outbound('answered-by', wish.id),
  })
  if (placed.ok) {
    const { callSid } = placed.value
    const outcome = await openOutbound(deps, account, { id: wish.id, callSid }, async () => {})
    if (!outcome.ok) deps.log.error({ callSid, problem: outcome.problem }, 'a call that was placed is not ours')
    return
  }
  switch (placed.problem) {
    case 'unavailable':
      await leave(deps, wish, 'waiting', null)
      throw new RetryLater(placed.message)
    // It may ring at this moment. If it does, its callbacks will say so.
    case 'unknown':
    case 'refused':
      return leave(deps, wish, placed.problem, placed.message)
  }
}

/**
 * Takes the wish for the carrier: from here on nobody else will. Null: there is nothing to place, or not now. One that was
 * taken before and never heard of again may have been placed, and is not placed again.
 */
async function take(
  deps: Deps,
  tx: Tx,
  wish: Wish,
): Promise<{ call: OutboundCall; organization: Organization } | 'later' | null> {
  const call = await lockOutbound(tx, wish.organizationId, wish.id)
  const nowMs = deps.clock.now()
  const settle = async (state: OutboundState, reason: string): Promise<null> => {
    await changeOutbound(tx, wish, { state, reason })
    return null
  }
  if (call?.state === 'placing') return settle('unknown', 'the answer of the carrier was lost')
  if (call?.state !== 'waiting') return null
  const organization = await readOrganization(tx, wish.organizationId)
  const atMs = nextWithin(organization.settings.outbound, nowMs, organization.timeZone)
  if (Math.max(atMs, nowMs) > call.placeUntil.getTime()) return settle('lapsed', 'its time has passed')
  if (!(await isStillWanted(tx, call))) return settle('withdrawn', 'the appointment was moved or cancelled')
  if (atMs > nowMs) {
    await enqueue(tx, placing(wish.id, atMs))
    return null
  }
  if (!(await mayPlace(tx, organization, nowMs))) return 'later'
  await changeOutbound(tx, wish, { state: 'placing' })
  return { call, organization }
}

/** A reminder is of one appointment at one time. */
async function isStillWanted(tx: Tx, call: OutboundCall): Promise<boolean> {
  const { organizationId, appointmentId, idempotencyKey } = call
  if (appointmentId === null) return true
  const startsAtMs = await startOfAppointment(tx, organizationId, appointmentId)
  return startsAtMs !== null && reminderKey({ appointmentId, startsAtMs }) === idempotencyKey
}

/** Unless a callback has told meanwhile that there is a call. */
const leave = (deps: Deps, wish: Wish, state: OutboundState, reason: string | null): Promise<void> =>
  deps.db.withOrg(wish.organizationId, async (tx) => {
    const call = await lockOutbound(tx, wish.organizationId, wish.id)
    if (call?.state !== 'placing') return
    await changeOutbound(tx, wish, { state, reason })
    if (state !== 'waiting') deps.log.warn({ outboundId: wish.id, state, reason }, 'a call was not placed')
  })

async function leaveMessage(
  deps: Deps,
  accounts: Accounts,
  { organizationId, conversationId }: { organizationId: string; conversationId: string },
): Promise<void> {
  const keyOf = (kind: 'call.message-left') => eventOf({ kind }, 0).key
  const [call, isLeft, by] = await deps.db.withOrg(organizationId, async (tx) => [
    await findConversation(tx, organizationId, conversationId),
    (await findFact(tx, organizationId, conversationId, keyOf('call.message-left'))) !== null,
    await findFact(tx, organizationId, conversationId, 'call.answered-by'),
  ])
  if (call?.callSid == null || isLeft || isEnded(call.facts)) return
  const account = await accounts.ofOrganization(organizationId)
  if (account === null) return
  const isFax = by?.kind === 'call.answered-by' && by.answeredBy === 'fax'
  const url = callUrls(deps.config.PUBLIC_BASE_URL).outbound('leave-message', conversationId)
  const asked = isFax
    ? await deps.telephony.endCall(account, call.callSid)
    : await deps.telephony.redirectCall(account, call.callSid, url)
  if (asked.ok) return
  if (asked.problem === 'unavailable') throw new RetryLater(asked.message)
  deps.log.info({ conversationId, problem: asked.problem }, 'no message was left: the call is over')
}
