// The ports of stand-ins that stay: where `bun dev` and `sim up` have them, and whether one is free.
import { listen } from './loopback.ts'
import { Mistake } from './mistake.ts'

/** `control`: where `bun dev` is asked for calls. */
export const usualPorts = { control: 4600, carrier: 4601, model: 4602, inbox: 4603 }

/** Throws a Mistake that names the first port that somebody else has, and the remedy. */
export async function assertFree(ports: readonly number[], remedy: string): Promise<void> {
  for (const port of ports) {
    const probe = await listen({ fetch: () => new Response() }, { port }).catch(() => null)
    if (probe === null) throw new Mistake(`Port ${port} is taken. ${remedy}`)
    await probe.stop()
  }
}
