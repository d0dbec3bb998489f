// A call to a server that is not ours to look into: the carrier alone rings it, and what can be judged is what went over
// the carrier's wires.

import { latencies } from './audit/latency.ts'
import { audit, carrierRules } from './auditor.ts'
import { createCarrier } from './carrier/carrier.ts'
import { realClock } from './clock.ts'
import { createConsole } from './console.ts'
import { createLoopbackNetwork } from './loopback.ts'
import { Mistake } from './mistake.ts'
import { createRandom } from './random.ts'
import { makeRoom, showCall } from './show.ts'
import { createTrace } from './trace.ts'
import { commandOf, fixtureOf, type Wish } from './wish.ts'
import { openWorld } from './world.ts'

const usualPath = '/api/twilio/incoming-call'

/** What a server that is not ours goes by. */
export type Elsewhere = { authToken?: string; accountSid?: string; publicUrl?: string }

/** Answers with the exit code. */
export async function callElsewhere(target: URL, flags: Elsewhere, wish: Wish): Promise<number> {
  const { authToken, accountSid } = flags
  if (authToken === undefined) {
    throw new Mistake(
      '--target needs --auth-token (and --account-sid, if the server looks at it): the Twilio auth token of the server, to sign with.',
    )
  }
  const console = createConsole(wish.json ? { write: () => true } : process.stdout, process.env)
  const fixture = await fixtureOf(wish)
  await makeRoom(wish)
  const world = await openWorld(realClock, createRandom(wish.seed))
  const account = { accountSid: accountSid ?? world.account.accountSid, authToken }
  const voice = new URL(target)
  if (voice.pathname === '/') voice.pathname = usualPath
  const known = new URL(flags.publicUrl ?? target)
  const voiceUrl = new URL(voice.pathname + voice.search, known).href
  const trace = createTrace(realClock)
  trace.onEntry(console.entry)
  try {
    const carrier = createCarrier({
      clock: realClock,
      network: createLoopbackNetwork({ hosts: { [known.host]: target.origin } }),
      trace,
      seed: wish.seed,
      accounts: [account],
      numbers: [{ phoneNumber: fixture.call.to, accountSid: account.accountSid, voiceUrl }],
      people: fixture.people,
      settings: { apiBaseUrl: world.carrier.origin },
    })
    world.carrier.show(carrier.standIn)
    console.say(`The carrier's REST API, for the server's TWILIO_API_BASE_URL: ${world.carrier.origin}`)
    const placed = carrier.call({ ...fixture.call, caller: fixture.caller })
    const record = await placed.done
    const evidence = {
      fixture,
      carrier: record,
      model: { sessions: [], writings: [], thoughts: [], notes: [] },
      inbox: { messages: [], requests: [] },
      server: null,
    }
    const violations = audit(evidence, carrierRules)
    const result = {
      fixture,
      seed: wish.seed,
      callSid: placed.callSid,
      evidence,
      violations,
      latencies: latencies(record),
      trace,
      carrierApi: carrier.standIn,
    }
    const repeat = commandOf(wish, [`--target ${target.href}`, '--auth-token …'])
    const print = (line: string) => void process.stdout.write(`${line}\n`)
    return await showCall(result, wish, { console, print, repeat, held: carrierRules })
  } finally {
    await world.close()
  }
}
