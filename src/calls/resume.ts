// Twilio comes back for more: a stream has ended, or a tape. What to do next follows from the ledger alone, so any machine
// can answer, and a repeated request gets the same answer.
import { limits } from '../config.ts'
import type { ConversationFact } from '../conversations/events.ts'
import { type Facts, isTerminal } from '../conversations/merge.ts'
import { unreachable } from '../lib/outcome.ts'
import type { VoiceForm } from '../wire/twilio.ts'
import type { CallContext } from './context.ts'
import type { Answer } from './incoming.ts'
import { type OpenCall, openCall, partiesOf } from './open.ts'
import { prewarm } from './plan.ts'
import { issueStreamToken, streamToken } from './token-store.ts'
import {
  type AfterWhat,
  callUrls,
  emptyTwiml,
  hangupTwiml,
  streamTwiml,
  thanksTwiml,
  unroutedTwiml,
  voicemailTwiml,
} from './twiml.ts'
import type { Verified } from './verify.ts'

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
    const { facts } = await call.record(factsOfRequest(form, after))
    const step = nextStep(facts, form, after)
    if (step === 'voicemail') await call.record([{ kind: 'voicemail.offered' }])
    if (step !== 'stream-again') return { step, isFirst: false, ...idsOf(call) }
    await issueStreamToken(call, { token, callSid: form.CallSid, generation }, deps.clock.now())
    const { fresh } = await call.record([{ kind: 'stream.expected', generation }])
    return { step, isFirst: fresh.length > 0, ...idsOf(call) }
  })
  if (!opened.ok) return opened.problem === 'foreign' ? { forbidden: opened.message } : { twiml: unroutedTwiml() }
  const { step, isFirst, ...call } = opened.value
  const urls = callUrls(deps.config.PUBLIC_BASE_URL)
  switch (step) {
    case 'nothing':
      return { twiml: emptyTwiml() }
    case 'hang-up':
      return { twiml: hangupTwiml() }
    case 'thank':
      return { twiml: thanksTwiml() }
    case 'voicemail':
      return { twiml: voicemailTwiml(urls, limits.voicemailSeconds) }
    case 'stream-again':
      if (isFirst) prewarm(context, { ...call, callSid: form.CallSid, generation })
      return { twiml: streamTwiml(urls, { streamId: account.streamId, token, generation, spokenFirst: null }) }
    default:
      return unreachable(step)
  }
}

const idsOf = ({ organizationId, conversationId }: OpenCall) => ({ organizationId, conversationId })

type Step = 'nothing' | 'hang-up' | 'thank' | 'voicemail' | 'stream-again'

function nextStep(facts: Facts, form: VoiceForm, after: AfterWhat): Step {
  if (isTerminal(form.CallStatus) || form.Digits === 'hangup') return 'nothing'
  if (after === 'voicemail') return 'thank'
  if (after === 'silence' || facts.endingReason !== null) return 'hang-up'
  if (facts.isModelFailed || after.stream >= limits.resumptions) return 'voicemail'
  return 'stream-again'
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
