// A deployment on this machine: the real application on a real database, served at its public address, with a carrier, a model
// and a mail service that listen beside it. What is asked of any of them goes over sockets.
import { connect } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { type Carrier, createCarrier } from '../../sim/carrier/carrier.ts'
import type { CarrierAccount, CarrierNumber } from '../../sim/carrier/exchange.ts'
import { realClock } from '../../sim/clock.ts'
import { createLoopbackNetwork, listen } from '../../sim/loopback.ts'
import type { StandIn } from '../../sim/network.ts'
import { createTrace } from '../../sim/trace.ts'
import { type App, createApp } from '../../src/app.ts'
import { composeDeps } from '../../src/compose.ts'
import { type Config, loadConfig } from '../../src/config.ts'
import type { Deps } from '../../src/deps.ts'
import { createLog } from '../../src/lib/log.ts'
import { serve } from '../../src/platform/serve.ts'
import { openTestDatabase, type TestDatabase } from './database.ts'

export const account = { accountSid: `AC${'d1'.repeat(16)}`, authToken: 'the token of the deployment' }
export const otherAccount = { accountSid: `AC${'e2'.repeat(16)}`, authToken: 'the token of a clinic' }

export type Deployment = {
  database: TestDatabase
  carrier: Carrier
  deps: Deps
  app: App
  /** As a process of the same deployment is given them. */
  environment: Record<string, string>
  /** Where the server itself listens, behind its public address. */
  origin: string
  /** With these in place of its own. */
  configWith(settings: Record<string, string>): Config
  /** The server stops answering, for good. */
  stopServer(): Promise<void>
  end(): Promise<void>
}

type Parts = {
  numbers: readonly CarrierNumber[]
  accounts?: readonly CarrierAccount[]
  model?: StandIn
  inbox?: StandIn
  settings?: Record<string, string>
  /** With which the public address is https, as Twilio wants it. */
  certificate?: { key: string; cert: string }
}

export async function openDeployment({
  numbers,
  accounts = [account, otherAccount],
  ...parts
}: Parts): Promise<Deployment> {
  const database = await openTestDatabase()
  /** Where the carrier finds the server, whatever ends TLS in front of it. */
  const hosts: Record<string, string> = {}
  const carrier = createCarrier({
    clock: realClock,
    network: createLoopbackNetwork({ hosts }),
    trace: createTrace(realClock),
    seed: 1,
    accounts,
    numbers,
  })
  const silent: StandIn = { fetch: () => new Response(null, { status: 503 }) }
  const doors = await Promise.all(
    [carrier.standIn, parts.model ?? silent, parts.inbox ?? silent].map((each) => listen(each)),
  )
  const [restOrigin = '', modelOrigin = '', inboxOrigin = ''] = doors.map(({ origin }) => origin)
  // The address is known before whoever answers there knows it.
  const hosted: { app?: App } = {}
  const server = await serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: (request) => hosted.app?.fetch(request) ?? new Response(null, { status: 503 }),
    sockets: [
      {
        path: '/api/twilio/media-stream/:account',
        maxMessageBytes: 64 * 1024,
        refuse: (request) =>
          hosted.app?.sockets[0]?.refuse(request) ?? Promise.resolve(new Response(null, { status: 503 })),
        accept(socket, request) {
          const route = hosted.app?.sockets[0]
          if (route === undefined) throw new Error('no application is there yet')
          return route.accept(socket, request)
        },
      },
    ],
  })
  const front = parts.certificate === undefined ? null : await endTls(parts.certificate, server.port)
  if (front !== null) hosts[`localhost:${front.port}`] = `http://127.0.0.1:${server.port}`
  const environment: Record<string, string> = {
    PUBLIC_BASE_URL: front === null ? `http://127.0.0.1:${server.port}` : `https://localhost:${front.port}`,
    DATABASE_URL: database.appUrl,
    FRONTDESK_KEYS: `k1:${Buffer.alloc(32, 9).toString('base64')}`,
    TWILIO_ACCOUNT_SID: account.accountSid,
    TWILIO_AUTH_TOKEN: account.authToken,
    TWILIO_API_BASE_URL: restOrigin,
    OPENAI_API_KEY: 'sk-test',
    OPENAI_BASE_URL: `${modelOrigin}/v1`,
    RESEND_API_KEY: 're_test',
    RESEND_BASE_URL: inboxOrigin,
    MAIL_FROM: 'Frontdesk <desk@frontdesk.example>',
    ...parts.settings,
  }
  const configWith = (settings: Record<string, string>): Config => {
    const loaded = loadConfig({ ...environment, ...settings })
    if (!loaded.ok) throw new Error(loaded.problems.join())
    return loaded.config
  }
  const own = { db: database.db, log: createLog({ level: 'silent' }) }
  const deps = composeDeps(configWith({}), database.appUrl, own)
  const app = createApp(deps)
  hosted.app = app
  const stopServer = async () => {
    await app.bridge.stop()
    await server.close()
  }
  return {
    database,
    carrier,
    deps,
    app,
    environment,
    origin: `http://127.0.0.1:${server.port}`,
    configWith,
    stopServer,
    async end() {
      front?.stop()
      await stopServer()
      await Promise.all(doors.map(({ stop }) => stop()))
      await database.end()
    },
  }
}

/** Passes on whatever comes over TLS, byte by byte. */
async function endTls(
  certificate: { key: string; cert: string },
  port: number,
): Promise<{ port: number; stop(): void }> {
  const front = createTlsServer(certificate, (outer) => {
    const inner = connect(port, '127.0.0.1')
    outer.pipe(inner).pipe(outer)
    outer.on('error', () => inner.destroy())
    inner.on('error', () => outer.destroy())
  })
  await new Promise<void>((resolve) => void front.listen(0, '127.0.0.1', resolve))
  const address = front.address()
  if (address === null || typeof address === 'string') throw new Error('the front has no port')
  return { port: address.port, stop: () => void front.close() }
}
