// A caller is on the line: the clinic is found, the conversation opened, and the call connected to its audio socket. The
// model's own socket is opened here already, so that it is warm when the stream starts.
import { readOrganization } from '../organizations/store.ts'
import type { VoiceForm } from '../wire/twilio.ts'
import type { CallContext } from './context.ts'
import { openCall, partiesOf } from './open.ts'
import { prewarm } from './plan.ts'
import { issueStreamToken, streamToken } from './token-store.ts'
import { callUrls, streamTwiml, type Twiml, unroutedTwiml } from './twiml.ts'
import type { Verified } from './verify.ts'

export type Answer = { twiml: Twiml } | { forbidden: string }

export async function answerIncoming(context: CallContext, { account }: Verified, form: VoiceForm): Promise<Answer> {
  const { deps, seal } = context
  const token = streamToken(seal, form.CallSid, 0)
  const opened = await openCall(deps, account, partiesOf(form), async (call) => {
    const { settings } = await readOrganization(call.tx, call.organizationId)
    await issueStreamToken(call, { token, callSid: form.CallSid, generation: 0 }, deps.clock.now())
    const { fresh } = await call.record([
      {
        kind: 'call.incoming',
        callSid: form.CallSid,
        accountSid: form.AccountSid,
        from: form.From,
        to: form.To,
        wantsRecording: settings.recordCalls,
      },
      { kind: 'call.status', status: form.CallStatus, sequence: null, durationMs: null, changedAtMs: null },
      { kind: 'stream.expected', generation: 0 },
    ])
    const { organizationId, conversationId } = call
    return { organizationId, conversationId, settings, isFirst: fresh.length > 0 }
  })
  if (!opened.ok) {
    deps.log.warn({ callSid: form.CallSid, problem: opened.problem }, 'an incoming call found no clinic')
    return opened.problem === 'foreign' ? { forbidden: opened.message } : { twiml: unroutedTwiml() }
  }
  const { settings, isFirst, ...call } = opened.value
  if (isFirst) prewarm(context, { ...call, callSid: form.CallSid, generation: 0 })
  const spokenFirst = settings.recordCalls ? settings.recordingNotice : null
  const offer = { streamId: account.streamId, token, generation: 0, spokenFirst }
  return { twiml: streamTwiml(callUrls(deps.config.PUBLIC_BASE_URL), offer) }
}
