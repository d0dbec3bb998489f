// A call that is none: asked with a signature like a real one, it is routed as a real one would be, and answered with TwiML
// that says which clinic that is. It opens no conversation, writes nothing, and tells only who could have rung.

import type { VoiceForm } from '../wire/twilio.ts'
import type { CallContext } from './context.ts'
import type { Answer } from './incoming.ts'
import { findRoute, partiesOf } from './open.ts'
import { hangupTwiml } from './twiml.ts'
import type { Verified } from './verify.ts'

/** Names the clinic that the call would be for; absent when it is for none. */
export const clinicHeader = 'x-frontdesk-clinic'

export async function answerRehearsal({ deps }: CallContext, { account }: Verified, form: VoiceForm): Promise<Answer> {
  const route = await findRoute(deps, account, partiesOf(form))
  if (!route.ok && route.problem === 'foreign') return { forbidden: route.message }
  return { twiml: hangupTwiml(), headers: route.ok ? { [clinicHeader]: route.value.organizationId } : {} }
}
