// Who is behind the doors of `bun dev` while no call is up, so that its server and the commands for it always find somebody: a
// model that improvises, an inbox that takes mail, and a carrier that keeps the account's telephone numbers, during calls, too.
// The account has every number that it asks for; those of the demonstration lead to the server from the beginning, all
// others once they were pointed there.
import { webhooks } from './call.ts'
import { createCarrier } from './carrier/carrier.ts'
import { realClock } from './clock.ts'
import { listFixtures, loadFixture } from './fixture.ts'
import { createInbox } from './inbox/inbox.ts'
import { createLoopbackNetwork } from './loopback.ts'
import { unscripted } from './model/improvising.ts'
import { createModel } from './model/model.ts'
import type { StandIn } from './network.ts'
import { createSpeech, speechFolder } from './speech.ts'
import { createTrace } from './trace.ts'
import { usualSeed, type World } from './world.ts'

/** Furnishes the world; a carrier that is shown in what is answered with has its numbers kept for it. */
export async function furnished(world: World, publicBaseUrl: string): Promise<World> {
  const { account, carrier } = world
  const { accountSid } = account
  const common = { clock: realClock, trace: createTrace(realClock, false), seed: usualSeed }
  const speech = createSpeech({ cacheFolder: speechFolder })
  const model = createModel({ ...common, speech, isStrict: false, apiKey: world.modelKey })
  await model.use(unscripted)
  world.model.show(model.standIn)
  world.inbox.show(createInbox({ ...common, apiKey: world.inboxKey }).standIn)
  const keeper = createCarrier({
    ...common,
    network: createLoopbackNetwork({ hosts: {} }),
    accounts: [account],
    numbers: (await usualNumbers()).map((phoneNumber) => ({ phoneNumber, accountSid, ...webhooks(publicBaseUrl) })),
    settings: { hasEveryNumber: true },
  }).standIn
  const beside = (other: StandIn): StandIn => ({
    ...other,
    fetch: (request) => (isOfNumbers(request) ? keeper : other).fetch(request),
  })
  carrier.show(keeper)
  return { ...world, carrier: { ...carrier, show: (other) => carrier.show(other === null ? keeper : beside(other)) } }
}

const isOfNumbers = ({ url }: Request): boolean => /\/IncomingPhoneNumbers(\/|\.json$)/.test(new URL(url).pathname)

/** Those of which a fixture is the usual call. */
async function usualNumbers(): Promise<string[]> {
  const fixtures = await Promise.all((await listFixtures()).map((name) => loadFixture(name)))
  return fixtures.flatMap(({ call, isUsual }) => (isUsual ? [call.to] : []))
}
