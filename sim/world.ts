// The vendors' side of the world, as addresses that stay while the stand-ins behind them come and go: each call is played
// by a carrier, a model and an inbox of its own, so that what they remember is that call and nothing else.
import type { SimClock } from './clock.ts'
import { listen } from './loopback.ts'
import type { Handshake, StandIn } from './network.ts'
import type { Random } from './random.ts'

/** An address, and whoever answers there at the moment. */
export type Door = {
  origin: string
  /** Answers with 503 while nobody is there. */
  standIn: StandIn
  show(standIn: StandIn | null): void
}

export type World = {
  clock: SimClock
  carrier: Door
  model: Door
  inbox: Door
  /** What the server must be given to be let in, and to check who calls. */
  account: { accountSid: string; authToken: string; apiKey?: { keySid: string; secret: string } }
  modelKey: string
  /** As in OPENAI_BASE_URL, …/v1: where the model's door is, or OpenAI itself. */
  modelUrl: string
  inboxKey: string
  close(): Promise<void>
}

/** Draws the account and the keys of stand-ins that stay, the same on every run and machine. */
export const usualSeed = 'dev'

export type Ports = { carrier?: number; model?: number; inbox?: number }

/** A model that is no stand-in of ours. */
export type RealModel = { baseUrl: string; apiKey: string }

/** Throws when a port is taken. `real`: in place of the model. `tls`: by which the model's door speaks. */
export async function openWorld(
  clock: SimClock,
  random: Random,
  ports: Ports = {},
  real: RealModel | null = null,
  tls?: { key: string; cert: string },
): Promise<World> {
  const hex = (length: number, label: string) => random.child(label).hex(length)
  const [carrier, model, inbox] = await Promise.all([
    openDoor(ports.carrier),
    openDoor(ports.model, tls),
    openDoor(ports.inbox),
  ])
  return {
    clock,
    carrier,
    model,
    inbox,
    account: {
      accountSid: `AC${hex(32, 'account')}`,
      authToken: hex(32, 'token'),
      apiKey: { keySid: `SK${hex(32, 'api key')}`, secret: hex(32, 'api secret') },
    },
    modelKey: real?.apiKey ?? `sk-sim-${hex(24, 'model key')}`,
    modelUrl: real?.baseUrl ?? `${model.origin}/v1`,
    inboxKey: `re_sim_${hex(24, 'inbox key')}`,
    close: async () => void (await Promise.all([carrier.stop(), model.stop(), inbox.stop()])),
  }
}

async function openDoor(
  port: number | undefined,
  tls?: { key: string; cert: string },
): Promise<Door & { stop(): Promise<void> }> {
  let shown: StandIn | null = null
  const nobody = (): Response => new Response('Nobody is here at the moment', { status: 503 })
  const standIn: StandIn = {
    fetch: (request) => shown?.fetch(request) ?? nobody(),
    upgrade: (request): Handshake | Promise<Handshake> => shown?.upgrade?.(request) ?? { refuse: nobody() },
  }
  const { origin, stop } = await listen(standIn, { port, tls })
  return { origin, standIn, show: (next) => void (shown = next), stop }
}

/** The settings by which a server finds the stand-ins instead of the vendors. */
export const settingsFor = (world: World, publicBaseUrl: string): Record<string, string> => ({
  PUBLIC_BASE_URL: publicBaseUrl,
  TWILIO_ACCOUNT_SID: world.account.accountSid,
  TWILIO_AUTH_TOKEN: world.account.authToken,
  TWILIO_API_BASE_URL: world.carrier.origin,
  OPENAI_API_KEY: world.modelKey,
  OPENAI_BASE_URL: world.modelUrl,
  RESEND_API_KEY: world.inboxKey,
  RESEND_BASE_URL: world.inbox.origin,
  MAIL_FROM: 'Frontdesk <frontdesk@frontdesk.example>',
})
