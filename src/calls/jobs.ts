// The telephone's work beside the call: starting its recording, fetching the file, and giving up on a stream that never
// came, or whose process died. Each may run twice without harm.
import { limits } from '../config.ts'
import type { ConversationFact } from '../conversations/events.ts'
import { enqueueSettling, eventOf, findConversation, recordEvents } from '../conversations/store.ts'
import type { Tasks } from '../db/jobs.ts'
import type { Deps } from '../deps.ts'
import { ok } from '../lib/outcome.ts'
import { RetryLater } from '../lib/retry-later.ts'
import type { Accounts } from '../organizations/account-store.ts'
import type { TelephonyAccount } from '../vendors/telephony.ts'
import { keepDeadline } from './deadline.ts'
import { callUrls } from './twiml.ts'

export function callTasks(deps: Deps, accounts: Accounts): Tasks {
  return {
    'start-recording': ({ organizationId, conversationId }, attempt) =>
      startRecording(deps, accounts, organizationId, id(conversationId), attempt),
    'fetch-recording': ({ organizationId, conversationId, recordingSid }) =>
      fetchRecording(deps, accounts, organizationId, id(conversationId), id(recordingSid)),
    'lapse-stream': ({ organizationId, conversationId, generation }) =>
      lapse(deps, organizationId, id(conversationId), Number(generation)),
    'settle-stream': ({ organizationId, conversationId, streamSid, dueAtMs }) =>
      settle(deps, organizationId, id(conversationId), id(streamSid), Number(dueAtMs)),
    'lapse-transfer': ({ organizationId, conversationId, generation }) =>
      lapseTransfer(deps, organizationId, id(conversationId), Number(generation)),
    'mail-deadline': ({ organizationId, conversationId }) =>
      keepDeadline(deps, accounts, organizationId, id(conversationId)),
  }
}

function id(value: string | undefined): string {
  if (value === undefined) throw new Error('Cannot run job: an id is missing')
  return value
}

async function startRecording(
  deps: Deps,
  accounts: Accounts,
  organizationId: string,
  conversationId: string,
  attempt: number,
): Promise<void> {
  const call = await deps.db.withOrg(organizationId, (tx) => findConversation(tx, organizationId, conversationId))
  if (call?.callSid == null) return
  const { facts } = call
  if (Object.keys(facts.recordings).length > 0 || facts.isRecordingRefused) return
  const account = await accounts.ofOrganization(organizationId)
  if (account === null)
    return record(deps, organizationId, conversationId, { kind: 'recording.refused', reason: 'no carrier account' })
  const earlier = attempt > 1 ? await startedEarlier(deps, account, call.callSid) : null
  const started =
    earlier ??
    (await deps.telephony.startRecording(account, call.callSid, callUrls(deps.config.PUBLIC_BASE_URL).recording))
  if (started.ok) {
    const { recordingSid } = started.value
    return record(deps, organizationId, conversationId, { kind: 'recording.started', recordingSid, isVoicemail: false })
  }
  if (started.problem === 'unavailable') throw new RetryLater(started.message)
  return record(deps, organizationId, conversationId, { kind: 'recording.refused', reason: started.message })
}

/** Starting has no idempotency key at Twilio, so an attempt of which nothing was heard is looked for. Null: it did nothing. */
async function startedEarlier({ telephony }: Deps, account: TelephonyAccount, callSid: string) {
  const listed = await telephony.listRecordings(account, callSid)
  if (!listed.ok) return listed
  const found = listed.value.find(
    ({ status, isVoicemail }) => !isVoicemail && status !== 'absent' && status !== 'failed',
  )
  return found === undefined ? null : ok({ recordingSid: found.recordingSid })
}

async function fetchRecording(
  deps: Deps,
  accounts: Accounts,
  organizationId: string,
  conversationId: string,
  recordingSid: string,
): Promise<void> {
  const account = await accounts.ofOrganization(organizationId)
  if (account === null) return
  const media = await deps.telephony.fetchRecordingMedia(account, recordingSid)
  // A file is often not there yet when its callback is: Twilio answers "not found" for a while.
  if (!media.ok) throw new RetryLater(media.message)
  const storedAs = `${organizationId}/${conversationId}/${recordingSid}.wav`
  const stored = await deps.storage.put(storedAs, media.value, 'audio/wav')
  if (!stored.ok) throw new RetryLater(stored.message)
  await record(deps, organizationId, conversationId, {
    kind: 'recording.fetched',
    recordingSid,
    bytes: media.value.byteLength,
    storedAs,
  })
}

/** The token of this stream has expired. If the stream is not up by now, it never will be. */
async function lapse(deps: Deps, organizationId: string, conversationId: string, generation: number): Promise<void> {
  const call = await deps.db.withOrg(organizationId, (tx) => findConversation(tx, organizationId, conversationId))
  if (call === undefined) return
  const { streams } = call.facts
  if (Object.values(streams).some((stream) => stream.generation === generation)) return
  await record(deps, organizationId, conversationId, { kind: 'stream.lapsed', generation })
}

/** The stream has had time for its last words. If they are not in by now, whoever had it died with them. */
async function settle(
  deps: Deps,
  organizationId: string,
  conversationId: string,
  streamSid: string,
  dueAtMs: number,
): Promise<void> {
  const call = await deps.db.withOrg(organizationId, (tx) => findConversation(tx, organizationId, conversationId))
  const stream = call?.facts.streams[streamSid]
  if (stream === undefined || stream.isSettled) return
  const nowMs = deps.clock.now()
  // As late as this the job is only when the database was away, for the words as well.
  if (nowMs - dueAtMs > limits.settleStreamMs) {
    const runAtMs = nowMs + limits.settleStreamMs
    return deps.db.withOrg(organizationId, (tx) => enqueueSettling(tx, conversationId, streamSid, runAtMs))
  }
  deps.log.error({ conversationId, streamSid }, 'a stream was lost with the process that had it')
  const text = 'The connection was lost during the call; what was said at that moment may be missing here.'
  await record(
    deps,
    organizationId,
    conversationId,
    ...(stream.endedAtMs === null ? [{ kind: 'stream.ended', streamSid, reason: 'lost' } as const] : []),
    { kind: 'warning', about: `stream ${streamSid}`, text },
    { kind: 'transcript.settled', streamSid },
  )
}

/** A transfer that was dialled after this stream has had its time. If nobody has told how it ended, nobody will. */
async function lapseTransfer(
  deps: Deps,
  organizationId: string,
  conversationId: string,
  generation: number,
): Promise<void> {
  const call = await deps.db.withOrg(organizationId, (tx) => findConversation(tx, organizationId, conversationId))
  if (call === undefined) return
  for (const [toolCallId, { dialledAfter, isAnswered, isLegOver }] of Object.entries(call.facts.transfers)) {
    if (dialledAfter !== generation) continue
    const status = isAnswered && isLegOver ? 'completed' : 'lost'
    // Where the end is known already, this comes second and says nothing.
    await record(deps, organizationId, conversationId, { kind: 'transfer.ended', toolCallId, status, durationMs: null })
  }
}

async function record(
  deps: Deps,
  organizationId: string,
  conversationId: string,
  ...facts: ConversationFact[]
): Promise<void> {
  const events = facts.map((fact) => eventOf(fact, deps.clock.now()))
  await deps.db.withOrg(organizationId, (tx) => recordEvents(deps, tx, organizationId, conversationId, events))
}
