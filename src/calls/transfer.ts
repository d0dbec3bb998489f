// A caller is put through to a person: whose telephone is rung, what whoever answers hears before they take the call, and how
// it ended. Everything follows from the ledger, so that Twilio may ask twice, late, and on any machine.
import { limits } from '../config.ts'
import { eventKey, type FactOf } from '../conversations/events.ts'
import { type Facts, isTerminal } from '../conversations/merge.ts'
import { isEnded } from '../conversations/readiness.ts'
import { type ConversationState, stateOf } from '../conversations/state.ts'
import { findFact, readEvents } from '../conversations/store.ts'
import { enqueue } from '../db/jobs.ts'
import { type Organization, readOrganization } from '../organizations/store.ts'
import type { StatusForm, VoiceForm } from '../wire/twilio.ts'
import { inMs, type Kept, keptOf, whole } from './callbacks.ts'
import type { CallContext } from './context.ts'
import type { Answer } from './incoming.ts'
import { type OpenCall, openKnownCall } from './open.ts'
import { callUrls, emptyTwiml, farewellTwiml, hangupTwiml, inEnglish, screeningTwiml } from './twiml.ts'
import type { Verified } from './verify.ts'

type Requested = FactOf<'transfer.requested'>

/** The transfer that follows the stream of this generation: asked for last, not taken back, and not over. */
export function dueTransfer({ transfers }: Facts, generation: number): string | null {
  const due = Object.entries(transfers).filter(
    ([, { requestedAtMs, isWithdrawn, dialledAfter, ending }]) =>
      requestedAtMs !== null && !isWithdrawn && ending === null && (dialledAfter ?? generation) === generation,
  )
  const newestFirst = due.sort(([, a], [, b]) => (b.requestedAtMs ?? 0) - (a.requestedAtMs ?? 0))
  return newestFirst[0]?.[0] ?? null
}

/** The transfer that followed the stream of this generation, and is over: what came after it holds for a late repeat, too. */
export function pastTransfer({ transfers }: Facts, generation: number): string | null {
  const past = Object.entries(transfers).find(
    ([, { dialledAfter, ending }]) => dialledAfter === generation && ending !== null,
  )
  return past?.[0] ?? null
}

/** That the person's telephone is rung is known before it rings; and that it was, when nobody ever says how it ended. */
export async function dial(
  call: OpenCall,
  { toolCallId, generation }: { toolCallId: string; generation: number },
  nowMs: number,
): Promise<Requested> {
  const requested = await readRequest(call, toolCallId)
  if (requested === null) throw new Error(`Cannot dial: no transfer ${toolCallId} was asked for`)
  const { facts } = await call.record([{ kind: 'transfer.dialled', toolCallId, generation }])
  await awaitEnding(call, facts, toolCallId, nowMs)
  return requested
}

/**
 * How a transfer ended is told by the request that follows it. Should that never come, the transfer lapses: soon after the
 * person's leg is over, or when nobody can be talking any more.
 */
async function awaitEnding(call: OpenCall, facts: Facts, toolCallId: string, nowMs: number): Promise<void> {
  const { dialledAfter = null, isLegOver = false, ending = null } = facts.transfers[toolCallId] ?? {}
  if (dialledAfter === null || ending !== null) return
  const { conversationId } = call
  const generation = String(dialledAfter)
  await enqueue(call.tx, {
    task: 'lapse-transfer',
    ids: { conversationId, generation },
    jobKey: `lapse-transfer:${conversationId}:${generation}`,
    runAtMs: nowMs + (isLegOver ? limits.transferWordMs : limits.transferSeconds * 1000),
  })
}

async function readRequest({ tx, organizationId, conversationId }: OpenCall, toolCallId: string) {
  const key = eventKey({
    kind: 'transfer.requested',
    toolCallId,
    target: '',
    phoneNumber: '',
    reason: '',
    isWarm: false,
  })
  const fact = await findFact(tx, organizationId, conversationId, key)
  return fact?.kind === 'transfer.requested' ? fact : null
}

/** What the request after a `<Dial>` says of how it went. */
export const endingFact = (form: VoiceForm, facts: Facts, toolCallId: string): FactOf<'transfer.ended'> => ({
  kind: 'transfer.ended',
  toolCallId,
  status: endingOf(form, facts, toolCallId),
  durationMs: inMs(form.DialCallDuration),
})

/** Twilio calls it completed when a telephone was picked up, though nobody may have taken the call. */
function endingOf(form: VoiceForm, { transfers }: Facts, toolCallId: string): FactOf<'transfer.ended'>['status'] {
  switch (form.DialCallStatus) {
    case 'completed':
    case 'answered':
      return form.DialBridged === 'true' || transfers[toolCallId]?.isAnswered ? 'completed' : 'declined'
    case 'busy':
    case 'no-answer':
    case 'canceled':
      return form.DialCallStatus
    default:
      return 'failed'
  }
}

/** The person has picked up, and is told what it is about while the caller hears it ring on. */
export async function answerScreening(
  { deps }: CallContext,
  { account }: Verified,
  form: VoiceForm,
  toolCallId: string,
): Promise<Answer> {
  const opened = await openKnownCall(deps, account, form.ParentCallSid ?? '', async (call) => {
    const { facts } = await call.record([])
    if (isEnded(facts)) return farewellTwiml(inEnglish('The caller has hung up. Goodbye.'))
    const requested = await readRequest(call, toolCallId)
    if (requested === null) return hangupTwiml()
    const organization = await readOrganization(call.tx, call.organizationId)
    const state = stateOf(await readEvents(call.tx, call.organizationId, call.conversationId))
    return screeningTwiml(
      callUrls(deps.config.PUBLIC_BASE_URL),
      toolCallId,
      whisper(organization, state, requested.reason),
    )
  })
  return opened.ok ? { twiml: opened.value } : { forbidden: opened.message }
}

/** No more of a patient than the clinic allows: whoever answers this telephone hears it. */
function whisper({ name, settings }: Organization, { callerName, patient }: ConversationState, reason: string): string {
  const { whisper } = settings.transfer
  const who = patient?.name ?? callerName
  return [
    `A call for you, from the receptionist of ${name}.`,
    ...(whisper === 'name-and-reason' && who !== null ? [`The caller is ${who}.`] : []),
    ...(whisper === 'nothing' ? [] : [`It is about this: ${reason}.`]),
    'To take the call, press 1.',
  ].join(' ')
}

/** The person has pressed something, or nothing: only 1 connects them. */
export async function answerScreened(
  { deps }: CallContext,
  { account }: Verified,
  form: VoiceForm,
  toolCallId: string,
): Promise<Answer> {
  if (form.Digits !== '1') return { twiml: hangupTwiml() }
  const opened = await openKnownCall(deps, account, form.ParentCallSid ?? '', async (call) => {
    if ((await readRequest(call, toolCallId)) === null) return hangupTwiml()
    const { facts } = await call.record([])
    if (isEnded(facts)) return farewellTwiml(inEnglish('The caller has hung up. Goodbye.'))
    await call.record([{ kind: 'transfer.answered', toolCallId }])
    return emptyTwiml()
  })
  return opened.ok ? { twiml: opened.value } : { forbidden: opened.message }
}

/** What Twilio tells of the person's leg. It belongs to the call that it was dialled for. */
export async function keepLeg(
  { deps }: CallContext,
  { account }: Verified,
  form: StatusForm,
  toolCallId: string,
): Promise<Kept> {
  const leg: FactOf<'transfer.leg'> = {
    kind: 'transfer.leg',
    toolCallId,
    legSid: form.CallSid,
    status: form.CallStatus,
    sequence: whole(form.SequenceNumber),
    durationMs: inMs(form.CallDuration),
  }
  const outcome = await openKnownCall(deps, account, form.ParentCallSid ?? '', async (call) => {
    const requested = await readRequest(call, toolCallId)
    if (requested === null) return
    const isTaken = leg.status === 'in-progress' && !requested.isWarm
    const { facts } = await call.record(isTaken ? [leg, { kind: 'transfer.answered', toolCallId }] : [leg])
    if (isTerminal(leg.status)) await awaitEnding(call, facts, toolCallId, deps.clock.now())
  })
  return keptOf(outcome)
}
