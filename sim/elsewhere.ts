// A call to a server that is not ours to look into: the carrier rings it, and what can be judged is what went over the wires:
// the carrier's, and the model's, where the server talks with the stand-in that is served for it.
import { latencies } from './audit/latency.ts'
import { audit, rulesOnTheWires } from './auditor.ts'
import type { CallResult } from './call.ts'
import { createCarrier } from './carrier/carrier.ts'
import { realClock } from './clock.ts'
import { createConsole } from './console.ts'
import { createLoopbackNetwork } from './loopback.ts'
import { Mistake } from './mistake.ts'
import { createModel } from './model/model.ts'
import { assertFree } from './ports.ts'
import { createRandom } from './random.ts'
import type { Fixture } from './script.ts'
import { makeRoom, showCall } from './show.ts'
import { createSpeech, speechFolder } from './speech.ts'
import { createTrace, type Trace } from './trace.ts'
import { commandOf, fixtureOf, type Wish } from './wish.ts'
import { openWorld, type World } from './world.ts'

const usualPath = '/api/twilio/incoming-call'

/** What a server that is not ours goes by. */
export type Elsewhere = { authToken?: string; accountSid?: string; publicUrl?: string; modelPort?: number }

/** Throws a Mistake when there is nothing to sign with. */
export function tokenIn({ authToken }: Elsewhere): string {
  if (authToken !== undefined) return authToken
  throw new Mistake(
    '--target needs --auth-token (and --account-sid, if the server looks at it): the Twilio auth token of the server, to sign with.',
  )
}

/** The world, with its calls coming through the account that the server knows. */
export const comingThrough = (world: World, authToken: string, { accountSid }: Elsewhere): World => ({
  ...world,
  account: { accountSid: accountSid ?? world.account.accountSid, authToken },
})

/** The voice webhook, by the name that the server knows itself by. */
export function voiceUrlOf(target: URL, known: URL): string {
  const voice = new URL(target)
  if (voice.pathname === '/') voice.pathname = usualPath
  return new URL(voice.pathname + voice.search, known).href
}

/** Answers with the exit code. */
export async function callElsewhere(target: URL, flags: Elsewhere, wish: Wish): Promise<number> {
  const { publicUrl, modelPort } = flags
  const token = tokenIn(flags)
  const console = createConsole(wish.json ? { write: () => true } : process.stdout, process.env)
  const fixture = await fixtureOf(wish)
  await makeRoom(wish)
  if (modelPort !== undefined) await assertFree([modelPort], 'Choose another with --model-port.')
  const opened = await openWorld(realClock, createRandom(wish.seed), { model: modelPort })
  const world = comingThrough(opened, token, flags)
  const trace = createTrace(realClock)
  trace.onEntry(console.entry)
  try {
    console.say(`The carrier's REST API, for the server's TWILIO_API_BASE_URL: ${world.carrier.origin}`)
    if (modelPort !== undefined) console.say(`The model, for the server's OPENAI_BASE_URL: ${world.modelUrl}`)
    const asked = {
      target,
      known: new URL(publicUrl ?? target),
      fixture,
      seed: wish.seed,
      hasModel: modelPort !== undefined,
    }
    const result = await placeElsewhere(world, trace, asked)
    const held = rulesOnTheWires(result.evidence)
    const more = modelPort === undefined ? [] : [`--model-port ${modelPort}`]
    const repeat = commandOf(wish, [`--target ${target.href}`, '--auth-token …', ...more])
    const print = (line: string) => void process.stdout.write(`${line}\n`)
    return await showCall(result, wish, { console, print, repeat, held })
  } finally {
    await world.close()
  }
}

type Asked = { target: URL; known: URL; fixture: Fixture; seed: string; hasModel: boolean }

async function placeElsewhere(world: World, trace: Trace, asked: Asked): Promise<CallResult> {
  const { target, known, fixture, seed } = asked
  const { account } = world
  const voiceUrl = voiceUrlOf(target, known)
  const carrier = createCarrier({
    clock: realClock,
    network: createLoopbackNetwork({ hosts: { [known.host]: target.origin } }),
    trace,
    seed,
    accounts: [account],
    numbers: [{ phoneNumber: fixture.call.to, accountSid: account.accountSid, voiceUrl }],
    people: fixture.people,
    settings: { apiBaseUrl: world.carrier.origin },
  })
  world.carrier.show(carrier.standIn)
  const speech = createSpeech({ cacheFolder: speechFolder })
  // Whoever is not ours is told what it did wrong, and not hung up on.
  const model = createModel({ clock: realClock, trace, speech, seed, isStrict: false })
  if (asked.hasModel) {
    await model.use(fixture.model)
    world.model.show(model.standIn)
  }
  const placed = carrier.call({ ...fixture.call, caller: fixture.caller })
  const record = await placed.done
  const heard = model.record()
  const evidence = {
    fixture,
    isVirtual: false,
    carrier: record,
    model: heard,
    inbox: { messages: [], requests: [] },
    server: null,
  }
  return {
    fixture,
    seed,
    callSid: placed.callSid,
    evidence,
    violations: audit(evidence, rulesOnTheWires(evidence)),
    protocolNotes: heard.sessions.flatMap(({ violations }) => violations),
    latencies: latencies(record),
    trace,
    carrierApi: carrier.standIn,
  }
}
