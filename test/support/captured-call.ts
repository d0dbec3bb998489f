// A simulated call that is listened to on its way, as `sim record` listens to a real one; all of it on the virtual clock.
import { type CallResult, runCall } from '../../sim/call.ts'
import type { Capture } from '../../sim/capture/capture.ts'
import { captureOf } from '../../sim/capture/collecting.ts'
import { createCollector, legs } from '../../sim/capture/listening.ts'
import { forwarding, type Seen, tapped } from '../../sim/capture/tap.ts'
import { createVirtualClock } from '../../sim/clock.ts'
import { openHouse, type Postgres, publicBaseUrl, publicHost } from '../../sim/house.ts'
import { createMemoryNetwork } from '../../sim/memory.ts'
import { createRandom } from '../../sim/random.ts'
import type { Fixture } from '../../sim/script.ts'
import type { Speech } from '../../sim/speech.ts'
import { createView } from '../../sim/view.ts'
import { type Door, openWorld } from '../../sim/world.ts'

const startMs = Date.UTC(2040, 0, 2, 15, 0, 0)

export async function captured(
  fixture: Fixture,
  { postgres, speech }: { postgres: Postgres; speech: Speech },
): Promise<{ result: CallResult; capture: Capture; seen: readonly Seen[] }> {
  const clock = createVirtualClock({ startMs: fixture.atMs ?? startMs })
  const random = createRandom('captured')
  const whole = async () => {
    const world = await clock.hold(openWorld(clock, random))
    const house = await clock.hold(openHouse(world, random, postgres))
    const view = createView(house.adminUrl)
    const collector = createCollector(clock)
    const heard = (door: Door, leg: keyof typeof legs): Door => ({
      ...door,
      show: (standIn) => door.show(standIn === null ? null : tapped(standIn, legs[leg], collector)),
    })
    const server = tapped(forwarding(clock, house.network, null), legs.carrier, collector)
    const network = createMemoryNetwork({ clock, servers: { [publicHost]: server } })
    const listened = { ...world, carrier: heard(world.carrier, 'rest'), model: heard(world.model, 'model') }
    const scene = { world: listened, network, publicBaseUrl, view, clinic: house, deployment: null }
    try {
      const result = await runCall(scene, { fixture, seed: 'captured', speech, onTrace: () => {} })
      return { result, capture: captureOf(collector.seen), seen: collector.seen }
    } finally {
      await clock.hold(view.end())
      await clock.hold(house.close())
      await clock.hold(world.close())
    }
  }
  return clock.run(whole())
}
