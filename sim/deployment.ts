// The server as it is deployed: processes of their own on one database, behind one public address, on which the simulator plays
// its calls in real time; and what befalls a deployment, as operations: a machine dies, is drained, is replaced, the database
// restarts. Nothing of the server is imported: it is started as whoever deploys it would.
import { createFrontDoor } from './front-door.ts'
import { type House, openSite, type Postgres, publicHost } from './house.ts'
import { type Machine, startMachine } from './machine.ts'
import type { World } from './world.ts'

export type Deployment = House & {
  /** Those that run, oldest first. */
  machines(): readonly Machine[]
  /** The one that has the media stream of this call now. */
  machineOf(callSid: string): Machine | null
  /** One more, once it is ready. */
  start(): Promise<Machine>
  /** As kill -9, or a host that is gone: nothing is said, every socket breaks. */
  kill(machine: Machine): Promise<void>
  /** As before a stop: SIGTERM, and then as long as it takes. Answers with its exit code. */
  drain(machine: Machine): Promise<number | null>
  /** New ones beside the old, and when they are ready the old ones are drained. */
  deploy(): Promise<void>
  /** The database's server is killed, and is back after `downMs`. */
  restartDatabase(downMs?: number): Promise<void>
}

export type DeploymentOptions = {
  machines: number
  /** Settings of the server beside those that lead it to the stand-ins: DRAIN_SECONDS, DATABASE_POOL_SIZE, … */
  settings?: Record<string, string>
}

const readyLimitMs = 30_000
/** After SIGTERM at the end of a run; what still runs then is killed. */
const closeLimitMs = 10_000

/** `postgres`: one that can be restarted (own-postgres.ts), where that is wanted. */
export async function openDeployment(
  world: World,
  postgres: Postgres,
  options: DeploymentOptions,
): Promise<Deployment> {
  const door = createFrontDoor()
  const log: string[] = []
  const site = await openSite(world, postgres, (request) =>
    request
      .text()
      .then((body) => door.network.fetch(request.url, { method: request.method, headers: request.headers, body })),
  )
  let running: Machine[] = []
  let started = 0

  async function start(): Promise<Machine> {
    const environment = { DRAIN_SECONDS: '5', ...site.environment, ...options.settings }
    const machine = await startMachine(`machine ${++started}`, publicHost, environment, log)
    running.push(machine)
    void machine.exited.then(() => {
      running = running.filter((other) => other !== machine)
    })
    door.admit(machine)
    await door.untilReady(machine, readyLimitMs)
    return machine
  }

  async function end(machine: Machine, signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    machine.signal(signal)
    return machine.exited
  }

  async function close(): Promise<void> {
    const left = [...running]
    const impatience = setTimeout(() => {
      for (const machine of left) machine.signal('SIGKILL')
    }, closeLimitMs)
    await Promise.all(left.map((machine) => end(machine, 'SIGTERM')))
    clearTimeout(impatience)
    door.close()
    await site.close()
  }

  const deployment: Deployment = {
    ...site,
    network: door.network,
    log,
    switchMode: null,
    machines: () => running,
    machineOf: door.machineOf,
    start,
    kill: async (machine) => void (await end(machine, 'SIGKILL')),
    drain: (machine) => end(machine, 'SIGTERM'),
    async deploy() {
      const old = [...running]
      await Promise.all(old.map(start))
      await Promise.all(old.map((machine) => end(machine, 'SIGTERM')))
    },
    restartDatabase: (downMs = 0) => postgres.restart(downMs),
    close,
  }
  try {
    await Promise.all(Array.from({ length: options.machines }, start))
    return deployment
  } catch (error) {
    await close()
    throw error
  }
}
