// `bun dev`: the server and the stand-ins together, for as long as you like. The server reloads when its code changes; the
// stand-ins stay, and `sim call --target` has them place a call whenever it is asked.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runCall, type Scene } from './call.ts'
import { realClock } from './clock.ts'
import { createConsole } from './console.ts'
import { type DevLine, type DevNote, type DevRequest, devFile } from './dev-door.ts'
import { localAdminUrl, openPostgres, publicBaseUrl, publicHost } from './house.ts'
import { createLoopbackNetwork, listen } from './loopback.ts'
import { Mistake } from './mistake.ts'
import type { StandIn } from './network.ts'
import { assertFree, usualPorts } from './ports.ts'
import { createRandom } from './random.ts'
import { makeRoom, showCall } from './show.ts'
import { createSpeech, speechFolder } from './speech.ts'
import { createView } from './view.ts'
import { commandOf, fixtureOf } from './wish.ts'
import { openWorld, settingsFor, usualSeed } from './world.ts'

const usualServerPort = 3000

/** The server may take this long to start, or to come back after a change. */
const patienceMs = 15_000
const lookAgainMs = 100

async function dev(): Promise<void> {
  const port = Number(process.env.PORT ?? usualServerPort)
  const server = `http://127.0.0.1:${port}`
  await assertFree(
    [port, ...Object.values(usualPorts)],
    'Is another "bun dev" running, or a "sim up"? PORT chooses the server’s; the rest are fixed.',
  )
  const postgres = await openPostgres((step) => console.error(`… ${step}`))
  const world = await openWorld(realClock, createRandom(usualSeed), usualPorts)
  const child = startServer({ ...process.env, ...notOurs, ...settingsFor(world, publicBaseUrl), PORT: String(port) })
  const view = createView(localAdminUrl(postgres))
  const network = createLoopbackNetwork({ hosts: { [publicHost]: server } })
  const control = await listen(callDoor({ world, network, publicBaseUrl, view, clinic: null }, server), {
    port: usualPorts.control,
  })
  const note: DevNote = { server, control: control.origin, publicBaseUrl, ...world.account }
  await mkdir(dirname(devFile), { recursive: true })
  await writeFile(devFile, JSON.stringify(note), { mode: 0o600 })
  await untilReady(server)
  console.log(
    `\nReady. From another terminal, as often as you like:\n  bun sim call --target ${server} --to +15551234567\n`,
  )

  let isStopping = false
  const stop = async (): Promise<void> => {
    // One Ctrl-C is heard twice: from the terminal, and from `bun run`.
    if (isStopping) return
    isStopping = true
    await rm(devFile, { force: true })
    child.kill('SIGTERM')
    await child.exited
    await control.stop()
    await world.close()
    await view.end()
    await postgres.stop()
    process.exit(0)
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}

/** Whatever .env says of these is for a server that is not this one. */
const notOurs = {
  DATABASE_URL: '',
  DATABASE_LISTEN_URL: '',
  DATABASE_ADMIN_URL: '',
  SUPABASE_URL: '',
  SUPABASE_SERVICE_ROLE_KEY: '',
}

/** It ends with us, however we end, and is not held up by a call that nobody is left to play. */
function startServer(env: Record<string, string | undefined>) {
  const tether = fileURLToPath(new URL('./dev-tether.ts', import.meta.url))
  return Bun.spawn([process.execPath, '--watch', '--preload', tether, 'src/main.ts', '--demo'], {
    env: { ...env, DRAIN_SECONDS: '0' },
    stdio: ['pipe', 'inherit', 'inherit'],
  })
}

/** Places one call at a time: the stand-ins of a call are the only ones there are. */
function callDoor(scene: Scene, server: string): StandIn {
  const speech = createSpeech({ cacheFolder: speechFolder })
  let queue: Promise<unknown> = Promise.resolve()

  async function place({ wish, screen }: DevRequest, tell: (line: DevLine) => void): Promise<void> {
    const write = (text: string) => tell({ text })
    const console = createConsole({ ...screen, write: wish.json ? () => {} : write }, { NO_COLOR: screen.noColor })
    const fixture = await fixtureOf(wish)
    await makeRoom(wish)
    await untilReady(server)
    const result = await runCall(scene, {
      fixture,
      seed: wish.seed,
      speech,
      chaos: wish.chaos?.plan,
      carrierFaults: wish.carrierFaults?.faults,
      onTrace: (trace) => trace.onEntry(console.entry),
    })
    const repeat = commandOf(wish, [`--target ${server}`])
    const exitCode = await showCall(result, wish, { console, print: (line) => write(`${line}\n`), repeat })
    tell({ exitCode })
  }

  return {
    async fetch(request) {
      if (request.method !== 'POST') return new Response('POST a call here', { status: 405 })
      const asked: DevRequest = JSON.parse(await request.text())
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
      const writer = writable.getWriter()
      const encoder = new TextEncoder()
      const tell = (line: DevLine) => void writer.write(encoder.encode(`${JSON.stringify(line)}\n`)).catch(() => {})
      queue = queue
        .then(() => place(asked, tell))
        .catch((error: unknown) =>
          tell({ mistake: error instanceof Mistake ? error.message : `The call broke: ${error}` }),
        )
        .finally(() => writer.close().catch(() => {}))
      return new Response(readable, { headers: { 'content-type': 'application/x-ndjson' } })
    },
  }
}

async function untilReady(server: string): Promise<void> {
  const giveUpAtMs = Date.now() + patienceMs
  for (;;) {
    const answer = await fetch(`${server}/readyz`).catch(() => null)
    if (answer?.ok) return
    if (Date.now() > giveUpAtMs)
      throw new Mistake(`The server at ${server} is not ready. What does it say in the terminal of "bun dev"?`)
    await new Promise<void>((resolve) => realClock.after(lookAgainMs, resolve))
  }
}

await dev().catch((error) => {
  if (!(error instanceof Mistake)) throw error
  console.error(error.message)
  process.exit(2)
})
