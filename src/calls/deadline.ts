// The end of waiting for a call: what Twilio should have told us by now is asked for by REST, and the mail goes with what
// there is. Each answer is the fact that its callback would have been, so that it does not matter which of the two comes first.
import { limits } from '../config.ts'
import type { ConversationFact } from '../conversations/events.ts'
import { type Facts, isTerminal } from '../conversations/merge.ts'
import { isEnded, isMeasured, isReadyForMail, isRecordingSettled, isWindingDown } from '../conversations/readiness.ts'
import { type Conversation, enqueueDeadline, eventOf, findConversation, recordEvents } from '../conversations/store.ts'
import type { Deps } from '../deps.ts'
import type { Accounts } from '../organizations/account-store.ts'
import type { Telephony, TelephonyAccount } from '../vendors/telephony.ts'

/**
 * Time is up for a call that is over, or of which nothing was heard for too long: what Twilio did not tell is asked for, and
 * the mail goes with what there is, and, if there was an answer, with what comes of that. A call that still goes on gets another term.
 */
export async function keepDeadline(
  deps: Deps,
  accounts: Accounts,
  organizationId: string,
  conversationId: string,
): Promise<void> {
  const call = await deps.db.withOrg(organizationId, (tx) => findConversation(tx, organizationId, conversationId))
  if (call === undefined || isReadyForMail(call.facts)) return
  const wasWindingDown = isWindingDown(call.facts)
  const asked = await missed(deps, accounts, call)
  await deps.db.withOrg(organizationId, async (tx) => {
    const eventsOf = (facts: ConversationFact[]) => facts.map((fact) => eventOf(fact, deps.clock.now()))
    const keep = (facts: ConversationFact[]) => recordEvents(deps, tx, organizationId, conversationId, eventsOf(facts))
    const { facts, fresh } = await keep(asked)
    // What was heard only now may still lead to something: an end to the analysis, for one.
    if (wasWindingDown && fresh.length > 0 && !isReadyForMail(facts))
      return enqueueDeadline(tx, conversationId, deps.clock.now() + limits.lateNewsMs)
    if (wasWindingDown) return void (await keep([{ kind: 'deadline.passed' }]))
    // One that is over as of now has got its term with that.
    if (isEnded(facts)) return
    await enqueueDeadline(tx, conversationId, deps.clock.now() + limits.mailDeadlineMs)
  })
}

async function missed(deps: Deps, accounts: Accounts, call: Conversation): Promise<ConversationFact[]> {
  const account = call.accountSid === null ? null : await accounts.bySid(call.accountSid)
  if (account === null || call.callSid === null) return []
  return askCarrier(deps.telephony, account, call.callSid, call.facts)
}

/** Empty when nothing is missing, when Twilio knows no more than we do, or cannot be asked. */
async function askCarrier(
  telephony: Telephony,
  account: TelephonyAccount,
  callSid: string,
  facts: Facts,
): Promise<ConversationFact[]> {
  const end = isEnded(facts) && isMeasured(facts) ? [] : await askForEnd(telephony, account, callSid)
  const recordings = isRecordingSettled(facts) ? [] : await askForRecordings(telephony, account, callSid)
  return [...end, ...recordings]
}

async function askForEnd(
  telephony: Telephony,
  account: TelephonyAccount,
  callSid: string,
): Promise<ConversationFact[]> {
  const call = await telephony.fetchCall(account, callSid)
  if (!call.ok || !isTerminal(call.value.status)) return []
  const { status, durationMs, endedAtMs: changedAtMs } = call.value
  return [{ kind: 'call.status', status, sequence: null, durationMs, changedAtMs }]
}

async function askForRecordings(
  telephony: Telephony,
  account: TelephonyAccount,
  callSid: string,
): Promise<ConversationFact[]> {
  const listed = await telephony.listRecordings(account, callSid)
  if (!listed.ok) return []
  return listed.value.flatMap(({ recordingSid, status, durationMs, channels, isVoicemail }): ConversationFact[] => {
    if (status !== 'completed' && status !== 'absent' && status !== 'failed') return []
    return [
      { kind: 'recording.started', recordingSid, isVoicemail },
      { kind: 'recording.status', recordingSid, status, durationMs, url: null, channels, errorCode: null },
    ]
  })
}
