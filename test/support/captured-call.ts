// A simulated call, or several at once, listened to on their way as `sim record` listens to real ones; all of it on the virtual
// clock. Owns the server that they are placed on.
import { type CallResult, runCall, type Scene, webhooks } from '../../sim/call.ts'
import { hearCalls, type Outcome } from '../../sim/capture/calls.ts'
import type { Capture } from '../../sim/capture/capture.ts'
import { captureOf } from '../../sim/capture/collecting.ts'
import { createCollector, legs } from '../../sim/capture/listening.ts'
import { forwarding, type Listener, type Seen, tapped } from '../../sim/capture/tap.ts'
import { createCarrier } from '../../sim/carrier/carrier.ts'
import { createVirtualClock, type VirtualClock } from '../../sim/clock.ts'
import { openHouse, type Postgres, publicBaseUrl, publicHost } from '../../sim/house.ts'
import { createInbox } from '../../sim/inbox/inbox.ts'
import { createMemoryNetwork } from '../../sim/memory.ts'
import { unscripted } from '../../sim/model/improvising.ts'
import { createModel } from '../../sim/model/model.ts'
import { createRandom } from '../../sim/random.ts'
import type { CallerStep, Fixture } from '../../sim/script.ts'
import { settled } from '../../sim/settling.ts'
import type { Speech } from '../../sim/speech.ts'
import { createTrace } from '../../sim/trace.ts'
import { createView } from '../../sim/view.ts'
import { type Door, openWorld } from '../../sim/world.ts'

const startMs = Date.UTC(2040, 0, 2, 15, 0, 0)

type Tools = { postgres: Postgres; speech: Speech }

export function captured(
  fixture: Fixture,
  { postgres, speech }: Tools,
): Promise<{ result: CallResult; capture: Capture; seen: readonly Seen[] }> {
  const clock = createVirtualClock({ startMs: fixture.atMs ?? startMs })
  const collector = createCollector(clock)
  return listenedTo(clock, postgres, collector, async (scene) => {
    const result = await runCall(scene, { fixture, seed: 'captured', speech, onTrace: () => {} })
    return { result, capture: captureOf(collector.seen), seen: collector.seen }
  })
}

/** Calls at once, each begun so long after the first, which a model without a script talks with; and what is made of them. */
export function capturedTogether(
  calls: readonly { afterMs: number; from: string; caller: readonly CallerStep[] }[],
  { postgres, speech }: Tools,
): Promise<{ callSids: string[]; outcomes: Outcome[] }> {
  const clock = createVirtualClock({ startMs })
  const outcomes: Outcome[] = []
  const heard = hearCalls(
    clock,
    () => {},
    (outcome) => void outcomes.push(outcome),
  )
  return listenedTo(clock, postgres, heard, async ({ world, network, view, publicBaseUrl: base }) => {
    const { account } = world
    const common = { clock, trace: createTrace(clock), seed: 'captured' }
    const model = createModel({ ...common, speech, isStrict: true, apiKey: world.modelKey })
    const hears = calls.flatMap(({ caller }) => caller.flatMap((step) => (step.act === 'say' ? [step.words] : [])))
    await clock.hold(model.use({ ...unscripted, hears }))
    const to = '+15551234567'
    const carrier = createCarrier({
      ...common,
      network,
      accounts: [account],
      numbers: [{ phoneNumber: to, accountSid: account.accountSid, ...webhooks(base) }],
      settings: { apiBaseUrl: world.carrier.origin },
    })
    world.model.show(model.standIn)
    world.inbox.show(createInbox({ ...common, apiKey: world.inboxKey, requestsPerSecond: 100 }).standIn)
    world.carrier.show(carrier.standIn)
    const placed = calls.map(async ({ afterMs, ...call }) => {
      await new Promise<void>((resolve) => clock.after(afterMs, resolve))
      const { callSid, done } = carrier.call({ to, ...call })
      await done
      await settled(clock, () => view.of(callSid, null))
      return callSid
    })
    const callSids = await Promise.all(placed)
    heard.finish()
    return { callSids, outcomes }
  })
}

/** Has it happen on a server of its own, with every wire listened to. */
function listenedTo<T>(
  clock: VirtualClock,
  postgres: Postgres,
  listener: Listener,
  happens: (scene: Scene) => Promise<T>,
): Promise<T> {
  const random = createRandom('captured')
  const whole = async () => {
    const world = await clock.hold(openWorld(clock, random))
    const house = await clock.hold(openHouse(world, random, postgres))
    const view = createView(house.adminUrl)
    const heard = (door: Door, leg: keyof typeof legs): Door => ({
      ...door,
      show: (standIn) => door.show(standIn === null ? null : tapped(standIn, legs[leg], listener)),
    })
    const server = tapped(forwarding(clock, house.network, null), legs.carrier, listener)
    const network = createMemoryNetwork({ clock, servers: { [publicHost]: server } })
    const listened = { ...world, carrier: heard(world.carrier, 'rest'), model: heard(world.model, 'model') }
    try {
      return await happens({ world: listened, network, publicBaseUrl, view, clinic: house, deployment: null })
    } finally {
      await clock.hold(view.end())
      await clock.hold(house.close())
      await clock.hold(world.close())
    }
  }
  return clock.run(whole())
}
