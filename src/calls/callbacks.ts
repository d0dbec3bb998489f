// What Twilio tells us beside the call itself: its status, its streams, its recordings. Late, twice or early, each is one
// fact for the ledger; none is answered with anything that could be played to a caller.
import type { ConversationFact, FactOf } from '../conversations/events.ts'
import type { Deps } from '../deps.ts'
import type { Outcome } from '../lib/outcome.ts'
import type { Account } from '../organizations/account-store.ts'
import type { RecordingForm, StatusForm, StreamForm } from '../wire/twilio.ts'
import type { CallContext } from './context.ts'
import { openCall, openKnownCall, partiesOf } from './open.ts'
import type { Verified } from './verify.ts'

/** How a callback went: kept (or a repeat), or set aside because it belongs to no call of ours. */
export type Kept = 'kept' | 'unknown' | 'forbidden'

/** The only callback that can come before the request that caused it; it opens the conversation if it must. */
export async function keepStatus({ deps }: CallContext, { account }: Verified, form: StatusForm): Promise<Kept> {
  const fact = statusFact(form)
  const { From, To } = form
  if (From === undefined || To === undefined) return keepKnown(deps, account, form.CallSid, [fact])
  return keptOf(await openCall(deps, account, partiesOf({ ...form, From, To }), (call) => call.record([fact])))
}

/** What a callback, or the CallStatus of another request, says of the call's progress. */
export const statusFact = (
  form: Pick<StatusForm, 'CallStatus' | 'SequenceNumber' | 'CallDuration' | 'Timestamp'>,
): FactOf<'call.status'> => ({
  kind: 'call.status',
  status: form.CallStatus,
  sequence: whole(form.SequenceNumber),
  durationMs: inMs(form.CallDuration),
  changedAtMs: instant(form.Timestamp),
})

export function keepStream({ deps }: CallContext, { account }: Verified, form: StreamForm): Promise<Kept> {
  const { StreamSid: streamSid, StreamEvent: event, StreamError: error } = form
  return keepKnown(deps, account, form.CallSid, [{ kind: 'stream.reported', streamSid, event, error: error || null }])
}

export async function keepRecording(context: CallContext, { account }: Verified, form: RecordingForm): Promise<Kept> {
  const facts = factsOfRecording(form)
  const kept = await keepKnown(context.deps, account, form.CallSid, facts)
  return kept === 'unknown' ? adopt(context, account, form.CallSid, facts) : kept
}

function factsOfRecording(form: RecordingForm): ConversationFact[] {
  const { RecordingSid: recordingSid } = form
  const status: ConversationFact = {
    kind: 'recording.status',
    recordingSid,
    status: form.RecordingStatus,
    durationMs: inMs(form.RecordingDuration),
    url: form.RecordingUrl || null,
    channels: whole(form.RecordingChannels),
    errorCode: form.ErrorCode && form.ErrorCode !== '0' ? form.ErrorCode : null,
  }
  const isVoicemail = form.RecordingSource === 'RecordVerb'
  return isVoicemail ? [{ kind: 'recording.started', recordingSid, isVoicemail }, status] : [status]
}

/** A tape that was left while we could not write: the call is asked for by REST, and opened after the fact. */
async function adopt(
  { deps }: CallContext,
  account: Account,
  callSid: string,
  facts: ConversationFact[],
): Promise<Kept> {
  const call = await deps.telephony.fetchCall(account, callSid)
  if (!call.ok) return 'unknown'
  const { from, to, direction, status, durationMs, endedAtMs: changedAtMs } = call.value
  const parties = { callSid, accountSid: account.accountSid, from, to, direction }
  const outcome = await openCall(deps, account, parties, (opened) =>
    opened.record([{ kind: 'call.status', status, sequence: null, durationMs, changedAtMs }, ...facts]),
  )
  return keptOf(outcome)
}

const keepKnown = async (deps: Deps, account: Account, callSid: string, facts: ConversationFact[]): Promise<Kept> =>
  keptOf(await openKnownCall(deps, account, callSid, (call) => call.record(facts)))

export const keptOf = (outcome: Outcome<unknown, 'unknown' | 'unrouted' | 'foreign'>): Kept =>
  outcome.ok ? 'kept' : outcome.problem === 'foreign' ? 'forbidden' : 'unknown'

/** Null for what is missing, and for the -1 that Twilio writes where nothing is known yet. */
export const whole = (text: string | undefined): number | null =>
  text !== undefined && /^\d+$/.test(text) ? Number(text) : null

/** Seconds on the wire, milliseconds here. */
export function inMs(seconds: string | undefined): number | null {
  const known = whole(seconds)
  return known === null ? null : known * 1000
}

function instant(text: string | undefined): number | null {
  const ms = text === undefined ? Number.NaN : Date.parse(text)
  return Number.isNaN(ms) ? null : ms
}
