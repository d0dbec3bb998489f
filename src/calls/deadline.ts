// The end of waiting for a call: what Twilio should have told us by now is asked for by REST, and the mail goes with what
// there is. Each answer is the fact that its callback would have been, so that it does not matter which of the two comes first.
// A call that nobody can tell the end of is closed all the same, and says so.
import { limits } from '../config.ts'
import type { ConversationFact } from '../conversations/events.ts'
import { type Facts, isTerminal } from '../conversations/merge.ts'
import { isEnded, isMeasured, isReadyForMail, isRecordingSettled, isWindingDown } from '../conversations/readiness.ts'
import {
  type Conversation,
  enqueueDeadline,
  eventOf,
  findConversation,
  readLastInstant,
  recordEvents,
} from '../conversations/store.ts'
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
  const { facts: asked, isUnknown } = await missed(deps, accounts, call)
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
    const nowMs = deps.clock.now()
    const lastHeardAtMs = await readLastInstant(tx, organizationId, conversationId)
    if (isBeyondSaving({ isUnknown, firstSeenAtMs: call.startedAt.getTime(), lastHeardAtMs, nowMs })) {
      deps.log.error(
        {
          conversationId,
          callSid: call.callSid,
          reason: isUnknown ? 'the carrier knows no such call' : 'it would be longer than any',
        },
        'a call without an end was closed',
      )
      return void (await keep(lostAt(lastHeardAtMs)))
    }
    await enqueueDeadline(tx, conversationId, nowMs + limits.reconcileMs)
  })
}

type Known = { isUnknown: boolean; firstSeenAtMs: number; lastHeardAtMs: number; nowMs: number }

/** Twilio knows no such call and nothing happens in it; or it would be longer than any. */
const isBeyondSaving = ({ isUnknown, firstSeenAtMs, lastHeardAtMs, nowMs }: Known): boolean =>
  (isUnknown && nowMs - lastHeardAtMs >= limits.reconcileMs) || nowMs - firstSeenAtMs >= limits.longestCallMs

/** Should Twilio tell of an end after all, that one holds: it has a number, and this has none. */
const lostAt = (changedAtMs: number): ConversationFact[] => [
  { kind: 'call.status', status: 'failed', sequence: null, durationMs: null, changedAtMs },
  {
    kind: 'warning',
    about: 'end',
    text: 'Nobody told how this call ended. It is taken as over since it was last heard of.',
  },
]

/** `facts` are empty when nothing is missing, when Twilio knows no more than we do, or cannot be asked. */
type Answer = { facts: ConversationFact[]; isUnknown: boolean }

async function missed(deps: Deps, accounts: Accounts, call: Conversation): Promise<Answer> {
  const account = call.accountSid === null ? null : await accounts.bySid(call.accountSid)
  if (account === null || call.callSid === null) return { facts: [], isUnknown: false }
  return askCarrier(deps.telephony, account, call.callSid, call.facts)
}

async function askCarrier(
  telephony: Telephony,
  account: TelephonyAccount,
  callSid: string,
  facts: Facts,
): Promise<Answer> {
  const isKnown = isEnded(facts) && isMeasured(facts)
  const end = isKnown ? { facts: [], isUnknown: false } : await askForEnd(telephony, account, callSid)
  const recordings = isRecordingSettled(facts) ? [] : await askForRecordings(telephony, account, callSid)
  return { ...end, facts: [...end.facts, ...recordings] }
}

async function askForEnd(telephony: Telephony, account: TelephonyAccount, callSid: string): Promise<Answer> {
  const call = await telephony.fetchCall(account, callSid)
  if (!call.ok) return { facts: [], isUnknown: call.problem === 'not-found' }
  if (!isTerminal(call.value.status)) return { facts: [], isUnknown: false }
  const { status, durationMs, endedAtMs: changedAtMs } = call.value
  return { facts: [{ kind: 'call.status', status, sequence: null, durationMs, changedAtMs }], isUnknown: false }
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
