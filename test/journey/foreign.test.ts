// Whatever server there is: one of another make, on the vendor's own transport, is rung as anybody would ring it.
import { afterEach, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openForeignServer } from '../support/foreign-server.ts'
import { freePort } from '../support/free-port.ts'

const authToken = 'the-token-of-a-bakery'
const aCallMs = 90_000
const root = fileURLToPath(new URL('../..', import.meta.url))
const talk = fileURLToPath(new URL('foreign.yaml', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'frontdesk-foreign-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const stops: (() => unknown)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

/** Rings the server with the command; answers with what it printed, its exit code, and everything on every wire. */
async function ring(fixture: string, format: Parameters<typeof openForeignServer>[0]['format'], more: string[] = []) {
  const port = await freePort()
  const modelUrl = `ws://127.0.0.1:${port}/v1/realtime?model=gpt-realtime-2.1`
  const server = openForeignServer({ authToken, modelUrl, format })
  stops.push(server.stop)
  const trace = join(folder, 'trace.jsonl')
  const target = ['--target', `${server.origin}/voice`, '--auth-token', authToken, '--model-port', String(port)]
  const child = Bun.spawn(
    [process.execPath, 'sim/cli.ts', 'call', ...target, '--fixture', fixture, '--json', '--trace', trace, ...more],
    { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const told = JSON.parse(await new Response(child.stdout).text())
  const events = readFileSync(trace, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  return { told, code: await child.exited, events }
}

/** The same fixture, whose caller only listens for a while. */
function brief(): string {
  const file = join(folder, 'brief.yaml')
  const hangUp = 'caller:\n  - { on: answered, waitMs: 3000, hangUp: true }\n\n'
  const written = readFileSync(talk, 'utf8').replace(/caller:[\s\S]*?\n\n/, hangUp)
  writeFileSync(file, written.replace('bargeIns: 1', 'bargeIns: 0'))
  return file
}

test(
  'a server of another make greets, talks two turns, is cut off and hung up on, and every wire is judged',
  async () => {
    const { told, code, events } = await ring(talk, { type: 'audio/pcmu' })
    expect([told.violations, told.protocolNotes, code]).toEqual([[], [], 0])
    const what = (name: string) => events.filter((event) => event.what === name)
    expect(what('response.done')).toHaveLength(4)
    expect(what('clear')).toHaveLength(1)
    expect(what('conversation.item.truncated')).toHaveLength(1)
    expect(what('conversation.item.input_audio_transcription.completed').map(({ body }) => body.transcript)).toEqual([
      'Do you open on Saturdays?',
      'Think about it.',
      'Thanks, goodbye.',
    ])
    expect(what('ended')).toMatchObject([{ body: { by: 'caller' } }])
  },
  aCallMs,
)

test(
  'a server that plays another audio format to the caller as if it were the telephone’s is told that it is noise',
  async () => {
    const once = async () => {
      const { told, code } = await ring(brief(), { type: 'audio/pcm', rate: 24000 }, ['--seed', '7'])
      expect(code).toBe(1)
      expect(told.violations).toMatchObject([{ rule: 'what the caller hears is in the format of the telephone' }])
      return told.callSid
    }
    // Played again, it is another call to a server that may remember the first.
    expect(await once()).not.toBe(await once())
  },
  aCallMs,
)

test(
  'a server of another make is put through faults, and what nobody signed is among them',
  async () => {
    const faults = ['--chaos', 'duplicate=1,bad-signature,early', '--status-callback', '/status']
    const { told, code, events } = await ring(brief(), { type: 'audio/pcmu' }, faults)
    expect([told.violations, code]).toEqual([[], 0])
    const struck = events.filter(({ wire }) => wire === 'chaos').map(({ body }) => body)
    expect(struck).toContainEqual({ fault: 'bad-signature', request: 'voice ringing #1', answered: 403 })
    expect(struck).toContainEqual({ fault: 'repeat', request: 'voice ringing #1', lost: 200 })
    expect(struck).toContainEqual({ fault: 'early', callback: 'completed #1' })
  },
  aCallMs,
)

test.each([
  ['crash@2s', 'only processes that "sim call" started can be struck'],
  ['model-cut@2s', 'serve the server its model with --model-port'],
  ['mail-timeout', 'no mail of a server elsewhere is taken here'],
])('a fault that can strike nothing there is refused: %s', async (faults, why) => {
  const target = ['--target', 'http://127.0.0.1:1/voice', '--auth-token', authToken, '--chaos', faults]
  const child = Bun.spawn([process.execPath, 'sim/cli.ts', 'call', ...target], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  expect(await new Response(child.stderr).text()).toContain(why)
  expect(await child.exited).toBe(2)
})
