// One application: every feature's routes, sockets and jobs, built upon what it was given. Knows no runtime, no process and
// no port; main.ts serves it, and so can anyone who has the dependencies.
import { Elysia } from 'elysia'
import { createInstructionsCache } from './agents/instructions.ts'
import { analysisTasks } from './analysis/analyze.ts'
import { type Bridge, createBridge } from './bridge/session.ts'
import { apiRoutes } from './calls/api.ts'
import { callTasks } from './calls/jobs.ts'
import { mediaSocket } from './calls/media.ts'
import { outboundTasks } from './calls/outbound-jobs.ts'
import { twilioRoutes } from './calls/routes.ts'
import { limits } from './config.ts'
import type { Tasks } from './db/jobs.ts'
import type { Deps } from './deps.ts'
import { within } from './lib/clock.ts'
import { asError } from './lib/log.ts'
import type { SocketRoute } from './lib/socket.ts'
import { mailTasks } from './notifications/deliver.ts'
import { createAccounts } from './organizations/account-store.ts'
import { createSeal } from './organizations/seal.ts'

export type App = {
  fetch(request: Request): Response | Promise<Response>
  sockets: SocketRoute[]
  tasks: Tasks
  bridge: Bridge
  /** Listens for what changes elsewhere. Answers with how to stop. */
  listen(): Promise<() => Promise<void>>
  /** From here on `/readyz` says no, so that no new call comes this way. */
  startDraining(): void
}

export function createApp(deps: Deps): App {
  const seal = createSeal(deps.config.FRONTDESK_KEYS)
  const accounts = createAccounts({ config: deps.config, db: deps.db, seal })
  const instructions = createInstructionsCache(deps)
  const bridge = createBridge(deps)
  let lostEvents = 0
  const onLost = (count: number) => void (lostEvents += count)
  const context = { deps, accounts, seal, instructions, bridge, onLost }
  let isDraining = false
  /** Once it has been there it may go: whoever shares it would be sent away together, and with them the tape for their callers. */
  let hadDatabase = false
  const health = new Elysia({ name: 'health' })
    .get('/healthz', () => ({ status: 'ok' }))
    .get('/readyz', async ({ status }) => {
      const calls = bridge.liveCalls()
      const losses = lostEvents > 0 ? { lostEvents } : {}
      if (isDraining) return status(503, { status: 'draining', calls, ...losses })
      const isReachable = await within(deps.clock, limits.readyMs, deps.db.ping()).then(
        () => true,
        () => false,
      )
      hadDatabase ||= isReachable
      if (!hadDatabase) return status(503, { status: 'no database', ...losses })
      return { status: 'ready', calls, ...(isReachable ? {} : { database: 'away' }), ...losses }
    })
  // Elysia looks for the path behind the host's dot unless told that hosts may be without one.
  const routes = new Elysia({ handler: { standardHostname: false } })
    .onError(({ code, error, request }) => answerError(deps, code, error, request))
    .use(health)
    .use(twilioRoutes(context))
    .use(apiRoutes(context))
  return {
    fetch: (request) => routes.handle(request),
    sockets: [mediaSocket(context)],
    tasks: {
      ...callTasks(deps, accounts),
      ...outboundTasks(deps, accounts),
      ...analysisTasks(deps),
      ...mailTasks(deps),
    },
    bridge,
    listen: () => deps.db.listen('instructions', instructions.forget),
    startDraining: () => void (isDraining = true),
  }
}

/** What a stranger is told of an error: nothing but its kind. */
function answerError(deps: Deps, code: string | number, error: unknown, request: Request): Response {
  if (code === 'NOT_FOUND') return new Response('Not found', { status: 404 })
  const { pathname: path } = new URL(request.url)
  deps.log.error({ path, code, error: asError(error) }, 'a request failed')
  return new Response('Something went wrong', { status: 500 })
}
