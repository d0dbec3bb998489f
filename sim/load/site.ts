// Whom a load is put on: the server, started as a process of its own on the embedded Postgres, with the demonstration's clinics
// and no ceiling on their calls; or one that runs already, of which only what goes over the wires can be known.
import { type Elsewhere, voiceUrlOf } from '../elsewhere.ts'
import { openPostgres, openSite, publicBaseUrl, publicHost } from '../house.ts'
import { createLoopbackNetwork } from '../loopback.ts'
import { startMachine } from '../machine.ts'
import type { Network } from '../network.ts'
import type { World } from '../world.ts'

/** A line of its log, and how often it came. */
export type Complaint = { message: string; count: number }

export type LoadSite = {
  network: Network
  account: World['account']
  urls: { voice: string; status: string }
  /** Numbers to call, in turn. */
  numbers: readonly string[]
  /** Of the server; null when it is not ours to look at. */
  pid: number | null
  /** Whether each call must come to one mail. Where it is not known, mails count only if there are any. */
  sendsMails: boolean
  /** What the server has warned of or called an error so far. */
  complaints(): Complaint[]
  /** Ends what was started, and answers with how many calls the server still had in hand; null when it is not ours. */
  close(): Promise<number | null>
}

/** The demonstration's clinics. */
const clinicNumbers = ['+15551234567', '+15557654321']
const statusPath = '/api/twilio/status'
/** Recordings would be fetched from the carrier, which does not keep any here. */
const clinicSettings = {
  recordCalls: false,
  limits: { callsAtOnce: null, callsPerCaller: null, usdPerCall: null, usdPerDay: null, usdPerMonth: null },
}

export async function openOwnSite(world: World, onProgress: (step: string) => void): Promise<LoadSite> {
  const postgres = await openPostgres(onProgress)
  const nobody = () => new Response('Nobody is asked for calls here', { status: 503 })
  const site = await openSite(world, postgres, nobody)
  for (const number of clinicNumbers) await site.configure(number, clinicSettings)
  const log: string[] = []
  const machine = await startMachine('server', publicHost, { ...site.environment, DRAIN_SECONDS: '5' }, log)
  return {
    network: machine.network,
    account: world.account,
    urls: { voice: `${publicBaseUrl}/api/twilio/incoming-call`, status: publicBaseUrl + statusPath },
    numbers: clinicNumbers,
    pid: machine.pid,
    sendsMails: true,
    complaints: () => complaintsIn(log),
    async close() {
      machine.signal('SIGTERM')
      await machine.exited
      await site.close()
      await postgres.stop()
      return callsLeftIn(log)
    },
  }
}

/** As in the levels of pino. */
const warning = 40

function complaintsIn(log: readonly string[]): Complaint[] {
  const counts = new Map<string, number>()
  for (const { level, msg, task, reason } of log.map((line) => JSON.parse(line))) {
    const message = [msg, task, reason].filter((part) => part !== undefined).join(': ')
    if (level >= warning) counts.set(message, (counts.get(message) ?? 0) + 1)
  }
  return [...counts].map(([message, count]) => ({ message, count }))
}

/** What the server says as it stops. */
function callsLeftIn(log: readonly string[]): number | null {
  const last = log.findLast((line) => line.includes('draining'))
  return last === undefined ? null : Number(JSON.parse(last).count)
}

export function openOtherSite(
  { account }: World,
  target: URL,
  { publicUrl, to }: Elsewhere & { to: string },
): LoadSite {
  const known = new URL(publicUrl ?? target)
  return {
    network: createLoopbackNetwork({ hosts: { [known.host]: target.origin } }),
    account,
    urls: { voice: voiceUrlOf(target, known), status: new URL(statusPath, known).href },
    numbers: [to],
    pid: null,
    sendsMails: false,
    complaints: () => [],
    close: async () => null,
  }
}
