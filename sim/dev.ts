// `bun dev`: the server and the stand-ins together, for as long as you like. The server reloads when its code changes, and is
// started again when it has died; the stand-ins stay, and `sim call --target` has them place a call whenever it is asked.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Command, Option } from 'commander'
import { realClock } from './clock.ts'
import { portNumber } from './command-values.ts'
import { createCallDoor } from './dev-calls.ts'
import { type DevNote, devFile } from './dev-door.ts'
import { furnished } from './dev-idle.ts'
import { keepServer } from './dev-server.ts'
import { localAdminUrl, openPostgres, publicBaseUrl, publicHost } from './house.ts'
import { createLoopbackNetwork, listen } from './loopback.ts'
import { Mistake } from './mistake.ts'
import { assertFree, usualPorts } from './ports.ts'
import { createRandom } from './random.ts'
import { createView } from './view.ts'
import { openWorld, settingsFor, usualSeed } from './world.ts'

const usualServerPort = 3000

const program = new Command('dev')
  .description('Keeps the server, with reload, and stand-ins for Twilio, OpenAI and Resend, until Ctrl-C.')
  .addOption(
    new Option('--port <port>', 'where the server is').env('PORT').default(usualServerPort).argParser(portNumber),
  )
  .addOption(
    new Option('--stand-ins <port>', 'the first of the four ports, one after the other, where the stand-ins are')
      .default(usualPorts.control)
      .argParser(portNumber),
  )
  .addHelpText(
    'after',
    `
From another terminal, in this folder, as often as you like:
  bun sim call --target http://localhost:3000     rings the server
  bun sim trigger status.completed --call CA…     sends it a callback by hand
  bun clinic show +15551234567 --dev              sets its clinics up
  bun run doctor --dev                            looks whether it is well`,
  )
  .exitOverride()

async function dev({ port, standIns }: { port: number; standIns: number }): Promise<void> {
  const ports = { control: standIns, carrier: standIns + 1, model: standIns + 2, inbox: standIns + 3 }
  await assertFree(
    [port, ...Object.values(ports)],
    'Is another "bun dev" running, or a "sim up"? Others are chosen with --port, and --stand-ins.',
  )
  const undo: (() => Promise<void>)[] = []
  let isStopping = false
  const stop = async (exitCode: number): Promise<void> => {
    // One Ctrl-C is heard twice: from the terminal, and from `bun run`.
    if (isStopping) return
    isStopping = true
    for (const each of undo.reverse()) await each()
    process.exit(exitCode)
  }
  process.on('SIGINT', () => stop(0))
  process.on('SIGTERM', () => stop(0))

  const postgres = await openPostgres((step) => console.error(`… ${step}`))
  undo.push(postgres.stop)
  const world = await furnished(await openWorld(realClock, createRandom(usualSeed), ports), publicBaseUrl)
  undo.push(world.close)
  const settings = { ...notOurs, ...settingsFor(world, publicBaseUrl) }
  const server = keepServer(
    port,
    { ...process.env, ...settings },
    {
      onProgress: (what) => console.error(`… ${what}`),
      onLost(how) {
        console.error(`The server ended before it was ready (${how}).`)
        void stop(1)
      },
    },
  )
  const view = createView(localAdminUrl(postgres))
  undo.push(view.end)
  const network = createLoopbackNetwork({ hosts: { [publicHost]: server.origin } })
  const scene = { world, network, publicBaseUrl, view, isLasting: true, clinic: null }
  const control = await listen(createCallDoor(scene, server), { port: ports.control })
  undo.push(control.stop, server.stop)
  const note: DevNote = { server: server.origin, control: control.origin, publicBaseUrl, ...world.account, settings }
  await mkdir(dirname(devFile), { recursive: true })
  await writeFile(devFile, JSON.stringify(note), { mode: 0o600 })
  undo.push(() => rm(devFile, { force: true }))
  await server.untilReady().catch((error: Error) => {
    console.error(error.message)
    return stop(1)
  })
  console.log(`
Ready. From another terminal, as often as you like:
  bun sim call --target ${server.origin} --to +15551234567
  bun clinic show +15551234567 --dev       bun run doctor --dev
`)
}

/** Whatever .env says of these is for a server that is not this one. */
const notOurs = {
  DATABASE_URL: '',
  DATABASE_LISTEN_URL: '',
  DATABASE_ADMIN_URL: '',
  SUPABASE_URL: '',
  SUPABASE_SERVICE_ROLE_KEY: '',
}

try {
  await program.action(dev).parseAsync()
} catch (error) {
  if (!(error instanceof Error)) throw error
  // Commander has said already what was wrong; help that was asked for is no error.
  if ('exitCode' in error) process.exit(error.exitCode === 0 ? 0 : 2)
  if (!(error instanceof Mistake)) throw error
  console.error(error.message)
  process.exit(2)
}
