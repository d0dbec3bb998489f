// Development's own Postgres: the real server, started when first needed, and stopped when its last user is gone, however
// that user ended. For development and tests only: fsync is off, memory is small, and it listens on loopback alone.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Cluster, openCluster } from './embedded-cluster.ts'
import { holdServer, restartServer } from './embedded-server.ts'

export type EmbeddedPostgres = {
  port: number
  /** Connection URL of a superuser: for migrations, and for making databases. `postgres` is there from the start. */
  adminUrl(database: string): string
  /** Connection URL of the server's own login, `frontdesk_app`; good once `migrate` has been given it. */
  appUrl(database: string): string
  /** Kills it and starts it again, at the same address, after `downMs`. Only where no other process uses it. */
  restart(downMs: number): Promise<void>
  /** Ends this use of it. The last user to end stops the server. */
  stop(): Promise<void>
}

/**
 * Starts the server whose cluster `folder` keeps, or joins the one that this or another process started. Cold it takes
 * about a second, warm a fifth of one. Should our process be killed, a watchdog stops the server in its place.
 */
export async function startEmbeddedPostgres(options: {
  folder: string
  onProgress?: (step: string) => void
}): Promise<EmbeddedPostgres> {
  const onProgress = options.onProgress ?? (() => {})
  const cluster = openCluster(options.folder, onProgress)
  const dismissWatchdog = spawnWatchdog(cluster)
  let hold = await holdServer(cluster, () => onProgress('starting Postgres'))
  const { port } = hold
  const urlFor = (user: string, password: string) => (database: string) =>
    `postgres://${user}:${password}@127.0.0.1:${port}/${database}`
  return {
    port,
    adminUrl: urlFor('postgres', cluster.adminPassword),
    appUrl: urlFor('frontdesk_app', cluster.appPassword),
    async restart(downMs) {
      hold = await restartServer(cluster, hold, downMs)
    },
    async stop() {
      await hold.release()
      await dismissWatchdog()
    },
  }
}

/** It notices our end, of whatever kind, because its standard input ends with us. */
function spawnWatchdog(cluster: Cluster): () => Promise<void> {
  const script = fileURLToPath(new URL('./embedded-watchdog.ts', import.meta.url))
  const watchdog = spawn(process.execPath, [script], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  watchdog.unref()
  watchdog.stdin.write(JSON.stringify(cluster))
  const gone = Promise.withResolvers<void>()
  watchdog.once('exit', () => gone.resolve())
  return () => {
    watchdog.ref()
    watchdog.kill('SIGKILL')
    return gone.promise
  }
}
