// A caller is on the line: the clinic is found, the conversation opened, and the call connected to its audio socket, or told
// why it is not. The model's own socket is opened here already, so that it is warm when the stream starts.
import { limits } from '../config.ts'
import type { ConversationFact, Refusal } from '../conversations/events.ts'
import type { Facts } from '../conversations/merge.ts'
import { unreachable } from '../lib/outcome.ts'
import { type Organization, readOrganization } from '../organizations/store.ts'
import type { VoiceForm } from '../wire/twilio.ts'
import { refusalOf } from './admission.ts'
import type { CallContext } from './context.ts'
import { type OpenCall, openCall, partiesOf } from './open.ts'
import { prewarm } from './plan.ts'
import { issueStreamToken, streamToken } from './token-store.ts'
import {
  type CallUrls,
  callUrls,
  farewellTwiml,
  streamTwiml,
  type Twiml,
  unroutedTwiml,
  voicemailTwiml,
} from './twiml.ts'
import type { Verified } from './verify.ts'
import { noticeOf, spokenTo, tapeWords } from './wording.ts'

export type Answer = { twiml: Twiml; headers?: Record<string, string> } | { forbidden: string }

export async function answerIncoming(context: CallContext, { account }: Verified, form: VoiceForm): Promise<Answer> {
  const { deps, seal } = context
  const token = streamToken(seal, form.CallSid, 0)
  const opened = await openCall(deps, account, partiesOf(form), async (call) => {
    const organization = await readOrganization(call.tx, call.organizationId)
    const { facts } = await call.record(factsOfRequest(form, organization))
    const refusal = await decision(call, facts, organization, form.From, deps.clock.now())
    const { organizationId, conversationId } = call
    const decided = { organizationId, conversationId, organization, refusal }
    if (refusal !== null) {
      await call.record(factsOfRefusal(refusal, organization))
      return { ...decided, isFirst: false }
    }
    await issueStreamToken(call, { token, callSid: form.CallSid, generation: 0 }, deps.clock.now())
    const { fresh } = await call.record([{ kind: 'stream.expected', generation: 0 }])
    return { ...decided, isFirst: fresh.length > 0 }
  })
  if (!opened.ok) {
    deps.log.warn({ callSid: form.CallSid, problem: opened.problem }, 'an incoming call found no clinic')
    return opened.problem === 'foreign' ? { forbidden: opened.message } : { twiml: unroutedTwiml() }
  }
  const { organization, refusal, isFirst, ...call } = opened.value
  const urls = callUrls(deps.config.PUBLIC_BASE_URL)
  if (refusal !== null) {
    deps.log.warn({ callSid: form.CallSid, reason: refusal, ...call }, 'no agent was given to a call')
    return { twiml: refusalTwiml(urls, refusal, organization) }
  }
  deps.log.info({ callSid: form.CallSid, ...call }, 'an incoming call is connected')
  if (isFirst) prewarm(context, { ...call, callSid: form.CallSid, generation: 0 })
  const spokenFirst = noticeOf(organization)
  return { twiml: streamTwiml(urls, { streamId: account.streamId, token, generation: 0, spokenFirst }) }
}

const factsOfRequest = (form: VoiceForm, { settings }: Organization): ConversationFact[] => [
  {
    kind: 'call.incoming',
    callSid: form.CallSid,
    accountSid: form.AccountSid,
    from: form.From,
    to: form.To,
    wantsRecording: settings.recordCalls,
  },
  { kind: 'call.status', status: form.CallStatus, sequence: null, durationMs: null, changedAtMs: null },
]

/** What was decided once stays: Twilio may ask again, and gets the same answer. */
async function decision(
  call: OpenCall,
  facts: Facts,
  organization: Organization,
  from: string,
  nowMs: number,
): Promise<Refusal | null> {
  const wasAdmitted = Object.keys(facts.expectedStreams).length > 0
  if (facts.refusal !== null || wasAdmitted) return facts.refusal
  return refusalOf(call, organization, from, nowMs)
}

function factsOfRefusal(because: Refusal, { settings }: Organization): ConversationFact[] {
  const refused: ConversationFact = { kind: 'call.refused', because }
  const hasTape = because === 'spent' && settings.limits.whenSpent === 'voicemail'
  return hasTape ? [refused, { kind: 'voicemail.offered' }] : [refused]
}

function refusalTwiml(urls: CallUrls, refusal: Refusal, organization: Organization): Twiml {
  const { busyMessage, tooOftenMessage, spentMessage, whenSpent } = organization.settings.limits
  switch (refusal) {
    case 'busy':
      return farewellTwiml(spokenTo(organization, null, ({ busy }) => busy, busyMessage))
    case 'caller':
      return farewellTwiml(spokenTo(organization, null, ({ tooOften }) => tooOften, tooOftenMessage))
    case 'spent':
      return whenSpent === 'voicemail'
        ? voicemailTwiml(urls, limits.voicemailSeconds, spokenTo(organization, null, tapeWords('noAgent')))
        : farewellTwiml(spokenTo(organization, null, ({ spent }) => spent, spentMessage))
    default:
      return unreachable(refusal)
  }
}
