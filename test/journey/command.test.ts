// The simulator as it is typed: what it prints for machines, what it says of a mistake, and with which code it ends.
import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = mkdtempSync(join(tmpdir(), 'frontdesk-command-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const aCallMs = 60_000

async function sim(...given: string[]) {
  const child = Bun.spawn([process.execPath, 'sim/cli.ts', ...given], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { code: await child.exited, out, err }
}

test(
  'sim call --json prints one object and nothing else, with the keys that are promised',
  async () => {
    const { code, out, err } = await sim('call', '--speed', '10', '--json', '--seed', '3', '--save', folder)
    expect([code, err]).toEqual([0, ''])
    const told = JSON.parse(out)
    expect(Object.keys(told)).toEqual(
      'verdict seed callSid sessionId organizationId conversation turns tools emails latencyMs violations'.split(' '),
    )
    expect(told).toMatchObject({ verdict: 'passed', seed: '3', sessionId: `twilio_${told.callSid}`, violations: [] })
    expect(told.conversation).toMatchObject({ call_status: 'completed', duration_ms: expect.any(Number) })
    expect(told.turns[0]).toMatchObject({ speaker: 'agent', isCut: false })
    expect(told.tools.at(-1)).toMatchObject({ name: 'end_call', outcome: 'done' })
    expect(told.emails).toHaveLength(1)
  },
  aCallMs,
)

test(
  'a call that is not as its fixture says ends with 1, and says what is not',
  async () => {
    const fixture = join(folder, 'wrong.yaml')
    const right = await Bun.file(new URL('../../sim/fixtures/unknown-number.yaml', import.meta.url)).text()
    await Bun.write(fixture, right.replace('isRouted: false', 'isRouted: true'))
    const { code, out } = await sim('call', '--speed', '10', '--fixture', fixture, '--save', folder)
    expect(code).toBe(1)
    expect(out).toMatch(/✘ failed: \d+ of \d+ rules do not hold/)
  },
  aCallMs,
)

const broken = join(folder, 'broken.yaml')
await Bun.write(broken, "version: 1\ndate: '2026-11-24'\nabout: Broken.\ncall: { to: 12, from: +15550102030 }\n")

const patient = join(folder, 'patient.yaml')
await Bun.write(
  patient,
  "version: 1\ndate: '2026-11-24'\nabout: Margaret calls.\ncall: { to: '+15551234567', from: '+12125550200' }\ncaller: []\nmodel: {}\nexpect: {}\n",
)

test('sim lint tells what may be a patient with its place, and ends with 1', async () => {
  const { code, out } = await sim('lint', 'default', patient)
  expect([code, out]).toEqual([1, expect.stringMatching(/patient\.yaml:4:36: .*\n2 fixtures, 1 found\n$/)])
})

test.each([
  ['a number that is none', ['call', '--to', '5551234567'], 'begins with + and its country code'],
  ['a speed below real time', ['call', '--speed', '0.5'], 'The speed is 1 for real time'],
  ['a fixture that there is none of', ['call', '--fixture', 'nobody'], "There is no fixture 'nobody'. There are "],
  ['a fixture that cannot be read', ['call', '--fixture', broken], 'broken.yaml:4:9: call.to: must be a string'],
  ['a folder that cannot be', ['call', '--save', '/proc/nowhere'], 'Cannot keep the call in /proc/nowhere'],
  ['a target that is no URL', ['call', '--target', 'nowhere'], 'is not a URL'],
  [
    'a server of somebody’s, without its token',
    ['call', '--target', 'http://127.0.0.1:9'],
    '--target needs --auth-token',
  ],
  [
    'a replay of a fixture that cannot be read',
    ['replay', 'default', broken],
    'broken.yaml:4:9: call.to: must be a string',
  ],
  [
    'more words than can be spoken, without all of them',
    ['call', '--say', 'many '.repeat(1_000)],
    `--say ${JSON.stringify('many '.repeat(12))}…: Cannot speak: more than 2000 characters`,
  ],
  ['faults of a model that is the real one', ['call', '--live', '--model-faults', '{}'], 'leave them out with --live'],
  [
    'faults of a model that nobody is served',
    ['call', '--target', 'http://127.0.0.1:9', '--auth-token', 'x', '--model-faults', '{}'],
    'serve the server its model with --model-port',
  ],
  [
    'TLS of a model that nobody is served',
    ['call', '--target', 'http://127.0.0.1:9', '--auth-token', 'x', '--tls'],
    '--tls is the model’s',
  ],
  ['a caller who presses too late', ['call', '--dtmf', '1@9s', '--hang-up', '8s'], 'has hung up by then'],
  ['an audio file that is none', ['call', '--audio', broken], 'give a .wav file, or a .ulaw file'],
  ['a recorder of nothing', ['record', '--listen', '4999', '--to', 'nowhere'], "'nowhere' is invalid. It is not a URL"],
  [
    'something to keep that there is none of',
    ['record', '--listen', '4999', '--to', 'http://127.0.0.1:9', '--keep', 'audio,names'],
    '--keep names: there is words, numbers, audio and all to keep',
  ],
  ['a replay of what may be a patient', ['replay', patient], "+12125550200 may be somebody's telephone"],
  [
    'a callback to a server that is no URL',
    ['trigger', 'status.completed', '--call', `CA${'0'.repeat(32)}`, '--target', 'nowhere'],
    "'nowhere' is invalid. It is not a URL",
  ],
  [
    'a callback to nobody',
    [
      'trigger',
      'status.completed',
      '--call',
      `CA${'0'.repeat(32)}`,
      '--target',
      'http://127.0.0.1:9',
      '--auth-token',
      'x',
    ].concat('--account-sid', 'ACx'),
    'Nobody answers at http://127.0.0.1:9',
  ],
  ['a fuzz of no call', ['fuzz', '--runs', '0'], 'It is a whole number from 1 on'],
  ['a lint of nothing', ['lint', 'nowhere.yaml'], 'nowhere.yaml: cannot be read (ENOENT)'],
  [
    'a capture that cannot be written',
    ['record', '--listen', '4999', '--to', 'http://127.0.0.1:9', '--out', '/proc/nowhere'],
    'Cannot keep the call in /proc/nowhere',
  ],
  ['a command that there is none of', ['dance'], "unknown command 'dance'"],
])('a mistake is told in words, without a stack, and ends with 2: %s', async (_, given, words) => {
  const { code, out, err } = await sim(...given)
  expect([code, out]).toEqual([2, ''])
  expect(err).toContain(words)
  expect(err).not.toMatch(/^ +at /m)
})

test(
  'a server of somebody’s that is not there, or goes away in the middle of the call, is told plainly, and ends with 1',
  async () => {
    const call = (target: string) =>
      sim('call', '--target', target, '--auth-token', 'x', '--save', folder, '--say', 'Hello')
    const nobody = await call('http://127.0.0.1:9')
    expect([nobody.code, nobody.err]).toEqual([1, '\n✘ Nobody answers at http://127.0.0.1:9.\n'])
    const twiml = '<Response><Pause length="1"/><Redirect>/next</Redirect></Response>'
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch() {
        void server.stop()
        return new Response(twiml, { headers: { 'content-type': 'text/xml', connection: 'close' } })
      },
    })
    const { origin } = server.url
    const lost = await call(`${origin}/voice`)
    expect([lost.code, lost.err]).toEqual([1, `\n✘ The server at ${origin} went away in the middle of the call.\n`])
  },
  aCallMs,
)
