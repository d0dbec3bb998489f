// A load, small and whole: the server in a process of its own, every count right, nothing left in its hands; and a line that loses
// frames is found out.
import { expect, test } from 'bun:test'
import { realClock } from '../../sim/clock.ts'
import { runLoad } from '../../sim/load/load.ts'
import { type LoadSite, openOwnSite } from '../../sim/load/site.ts'
import { problemsOf } from '../../sim/load/verdict.ts'
import type { Network } from '../../sim/network.ts'
import { createRandom } from '../../sim/random.ts'
import { openWorld } from '../../sim/world.ts'

const aLoadMs = 120_000

/** `through`: what the carrier's side goes through. */
async function load(seed: string, through: (site: LoadSite) => LoadSite) {
  const random = createRandom(seed)
  const world = await openWorld(realClock, random)
  try {
    const site = await openOwnSite(world, () => {})
    const wish = { calls: 4, rampPerSecond: 4, seconds: 4 }
    const end = await runLoad(world, random, through(site), wish, () => {})
    return { end, callsLeft: await site.close() }
  } finally {
    await world.close()
  }
}

test(
  'four calls at once: every frame arrives once, both ways; each call has one mail; the server lets go of all of them',
  async () => {
    const { end, callsLeft } = await load('load', (site) => site)
    expect(problemsOf(end, callsLeft)).toEqual([])
    expect(end.counts).toMatchObject({ placed: 4, ended: 4, up: 0, lost: 0 })
    expect(end.counts.callerFrames).toBeGreaterThanOrEqual(4 * 100)
    expect(end.counts.agentBytes).toBeGreaterThanOrEqual(4 * 2_000)
    // Most frames are timed: all but those that had to wait for the model.
    expect(end.callerToModel.n).toBeGreaterThan(end.counts.callerFrames / 4)
    expect(end.modelToCaller.n).toBeGreaterThan(0)
    expect(end.mails).toEqual({ sent: 4, missing: 0, twice: 0 })
    expect(callsLeft).toBe(0)
  },
  aLoadMs,
)

test(
  'a frame in fifty that is lost on its way is missed',
  async () => {
    const { end, callsLeft } = await load('lossy', (site) => ({ ...site, network: losing(site.network) }))
    const { callerFrames, callerFramesHeard } = end.counts
    expect(callerFrames - callerFramesHeard).toBeGreaterThanOrEqual(4)
    expect(problemsOf(end, callsLeft)).toEqual([
      `${callerFrames - callerFramesHeard} frames of callers never came to the model`,
    ])
  },
  aLoadMs,
)

const losing = (network: Network): Network => ({
  ...network,
  async dial(url, headers, handlers) {
    const line = await network.dial(url, headers, handlers)
    let frames = 0
    return {
      ...line,
      send(text) {
        if (text.startsWith('{"event":"media"') && ++frames % 50 === 0) return
        line.send(text)
      },
    }
  },
})
