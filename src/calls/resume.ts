// Twilio comes back for more: a stream has ended, or a transfer, or a tape. What to do next follows from the ledger alone, so
// any machine can answer, and a repeated request gets the same answer.
import { limits } from '../config.ts'
import type { ConversationFact, FactOf } from '../conversations/events.ts'
import { type Facts, isTerminal } from '../conversations/merge.ts'
import { isEnded } from '../conversations/readiness.ts'
import { unreachable } from '../lib/outcome.ts'
import type { OrganizationSettings } from '../organizations/settings.ts'
import { readOrganization } from '../organizations/store.ts'
import type { VoiceForm } from '../wire/twilio.ts'
import type { CallContext } from './context.ts'
import type { Answer } from './incoming.ts'
import { type OpenCall, openCall, partiesOf } from './open.ts'
import { messageTwiml } from './outbound.ts'
import { prewarm } from './plan.ts'
import { issueStreamToken, streamToken } from './token-store.ts'
import { dial, dueTransfer, endingFact, pastTransfer } from './transfer.ts'
import {
  type AfterWhat,
  callUrls,
  dialTwiml,
  emptyTwiml,
  farewellTwiml,
  hangupTwiml,
  streamTwiml,
  type Twiml,
  unroutedTwiml,
  voicemailTwiml,
} from './twiml.ts'
import type { Verified } from './verify.ts'
import { spokenTo, tapeWords } from './wording.ts'

export async function answerResume(
  context: CallContext,
  { account }: Verified,
  form: VoiceForm,
  after: AfterWhat,
): Promise<Answer> {
  const { deps } = context
  const generation = typeof after === 'string' ? 0 : after.stream + 1
  const token = streamToken(context.seal, form.CallSid, generation)
  const opened = await openCall(deps, account, partiesOf(form), async (call) => {
    const organization = await readOrganization(call.tx, call.organizationId)
    const { facts } = await recordRequest(call, form, after)
    const step = nextStep(facts, form, after, organization.settings)
    const { organizationId, conversationId } = call
    const language = facts.language?.tag ?? null
    return { organizationId, conversationId, organization, language, taken: await take(call, step) }
  })
  if (!opened.ok) return opened.problem === 'foreign' ? { forbidden: opened.message } : { twiml: unroutedTwiml() }
  const { taken, organization, language, ...call } = opened.value
  const urls = callUrls(deps.config.PUBLIC_BASE_URL)
  switch (taken.do) {
    case 'nothing':
      return { twiml: emptyTwiml() }
    case 'hang-up':
      return { twiml: hangupTwiml() }
    case 'thank':
      return { twiml: farewellTwiml(spokenTo(organization, language, ({ thanks }) => thanks)) }
    case 'voicemail':
      return {
        twiml: voicemailTwiml(
          urls,
          limits.voicemailSeconds,
          spokenTo(organization, language, tapeWords(taken.apology)),
        ),
      }
    case 'leave-message':
      return { twiml: taken.twiml }
    case 'dial': {
      const { toolCallId: transfer, phoneNumber, isWarm } = taken.requested
      const { ringSeconds } = organization.settings.transfer
      const callerId = form.Direction === 'inbound' ? form.To : form.From
      const shared = { transfer, stream: taken.after, phoneNumber, callerId, isWarm, ringSeconds }
      return { twiml: dialTwiml(urls, { ...shared, talkSeconds: limits.transferSeconds }) }
    }
    case 'stream-again':
      if (taken.isFirst) prewarm(context, { ...call, callSid: form.CallSid, generation })
      return { twiml: streamTwiml(urls, { streamId: account.streamId, token, generation, spokenFirst: [] }) }
    default:
      return unreachable(taken)
  }

  /** What a step needs to be in the ledger, and to be answered. */
  async function take(call: OpenCall, step: Step): Promise<Taken> {
    switch (step.do) {
      case 'voicemail':
        await call.record([{ kind: 'voicemail.offered' }])
        return step
      case 'leave-message':
        return { ...step, twiml: await messageTwiml(call, await readOrganization(call.tx, call.organizationId)) }
      case 'dial':
        return { ...step, requested: await dial(call, { ...step, generation: step.after }, deps.clock.now()) }
      case 'stream-again': {
        await issueStreamToken(call, { token, callSid: form.CallSid, generation }, deps.clock.now())
        const { fresh } = await call.record([{ kind: 'stream.expected', generation }])
        return { ...step, isFirst: fresh.length > 0 }
      }
      case 'nothing':
      case 'hang-up':
      case 'thank':
        return step
    }
  }
}

type Plain =
  | { do: 'nothing' }
  | { do: 'hang-up' }
  | { do: 'thank' }
  | { do: 'voicemail'; apology: 'noAgent' | 'nobodyCame' }
/** `after`: the generation of the stream before. */
type Dial = { do: 'dial'; toolCallId: string; after: number }
type Step = Plain | Dial | { do: 'stream-again' } | { do: 'leave-message' }
type Taken =
  | Plain
  | (Dial & { requested: FactOf<'transfer.requested'> })
  | { do: 'stream-again'; isFirst: boolean }
  | { do: 'leave-message'; twiml: Twiml }

function nextStep(facts: Facts, form: VoiceForm, after: AfterWhat, settings: OrganizationSettings): Step {
  // A request that was on its way when the call ended is answered as if it knew.
  if (isTerminal(form.CallStatus) || isEnded(facts) || form.Digits === 'hangup') return { do: 'nothing' }
  // The stream was cut to make room for our message. Twilio asks for this, too, and does not listen to the answer.
  if (facts.isMachine) return { do: 'leave-message' }
  if (after === 'voicemail') return { do: 'thank' }
  if (after === 'silence') return { do: 'hang-up' }
  const transfer = 'transfer' in after ? after.transfer : pastTransfer(facts, after.stream)
  if (transfer !== null) {
    if (facts.transfers[transfer]?.ending === 'completed') return { do: 'hang-up' }
    // Whoever has an emergency is told where help is, and not asked to speak after the tone.
    if (settings.transfer.fallback === 'voicemail' && !facts.isEmergency)
      return { do: 'voicemail', apology: 'nobodyCame' }
  } else {
    const toolCallId = dueTransfer(facts, after.stream)
    if (toolCallId !== null) return { do: 'dial', toolCallId, after: after.stream }
    if (facts.endingReason === 'spent' && settings.limits.whenSpent === 'voicemail')
      return { do: 'voicemail', apology: 'noAgent' }
    if (facts.endingReason !== null) return { do: 'hang-up' }
  }
  if (facts.isModelFailed || after.stream >= limits.resumptions) return { do: 'voicemail', apology: 'noAgent' }
  return { do: 'stream-again' }
}

/** How a transfer ended is told by the request that follows it, together with what is known of it already. */
async function recordRequest(call: OpenCall, form: VoiceForm, after: AfterWhat) {
  const recorded = await call.record(factsOfRequest(form, after))
  if (typeof after === 'string' || !('transfer' in after)) return recorded
  return call.record([endingFact(form, recorded.facts, after.transfer)])
}

function factsOfRequest(form: VoiceForm, after: AfterWhat): ConversationFact[] {
  const status: ConversationFact = {
    kind: 'call.status',
    status: form.CallStatus,
    sequence: null,
    durationMs: null,
    changedAtMs: null,
  }
  if (after === 'silence') return [status, { kind: 'voicemail.declined' }]
  if (after !== 'voicemail') return [status, { kind: 'call.resumed', generation: after.stream + 1 }]
  return form.RecordingSid
    ? [status, { kind: 'recording.started', recordingSid: form.RecordingSid, isVoicemail: true }]
    : [status]
}
