// A call that comes in for one of our numbers: it rings, the number's server is asked what to do, and the caller is there
// from the first verb that answers. Source: twilio.com/docs/voice/twiml.
import type { Random } from '../random.ts'
import type { CallerStep } from '../script.ts'
import type { LiveCall, Source } from './activity.ts'
import { follow } from './course.ts'
import type { CarrierAccount, CarrierNumber, Exchange } from './exchange.ts'
import { createLeg, emptyRecord } from './leg.ts'
import { firstRequestParams } from './params.ts'
import { createToken } from './sids.ts'

export type InboundPlan = {
  callSid: string
  account: CarrierAccount
  number: CarrierNumber
  from: string
  steps: readonly CallerStep[]
  isDriven: boolean
  fields: Readonly<Record<string, string>>
  random: Random
}

export function takeCall(exchange: Exchange, plan: InboundPlan): LiveCall {
  const { callSid, account, number, from, steps, isDriven, random } = plan
  const { StirVerstat, ...fields } = plan.fields
  const record = emptyRecord({
    callSid,
    accountSid: account.accountSid,
    direction: 'inbound',
    parentCallSid: null,
    ...(Object.keys(fields).length === 0 ? {} : { fields }),
    from,
    to: number.phoneNumber,
    status: 'ringing',
    ringingAtMs: exchange.clock.now(),
  })
  const { statusCallback, statusCallbackMethod: method = 'POST' } = number
  const { voiceFallbackUrl, voiceFallbackMethod = 'POST' } = number
  const leg = createLeg(exchange, {
    record,
    authToken: account.authToken,
    random,
    party: 'caller',
    steps,
    isDriven,
    statusCallback: statusCallback ? { url: statusCallback, method, events: ['completed'] } : null,
    fallback: voiceFallbackUrl ? { url: voiceFallbackUrl, method: voiceFallbackMethod } : null,
  })

  async function run(): Promise<void> {
    // A number without a voice URL that counts fails a call at once, without a word in the debugger.
    if (number.voiceUrl === '' || number.voiceApplicationSid) return leg.end('carrier', 'failed')
    leg.stage.tell('ringing', { from: record.from, to: record.to })
    const { voiceUrl, voiceMethod = 'POST' } = number
    const extra = firstRequestParams(createToken(random), StirVerstat)
    const first: Source = { from: 'url', url: voiceUrl, method: voiceMethod, extra }
    await follow(first, leg)
    leg.end('server', record.answeredAtMs === null ? 'no-answer' : 'completed')
  }

  return leg.live(run())
}
