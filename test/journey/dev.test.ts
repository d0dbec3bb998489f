// `bun dev` as it is used: a server that stays, calls that are asked for from other terminals, clinics that are set up on it; and
// what those are told who were waiting when the server, or all of it, went away.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../support/free-port.ts'
import { Premises } from './server-process.ts'

/** Calls in real time, on a machine that may be busy. */
setDefaultTimeout(120_000)

const premises = new Premises()
const file = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const number = '+13125550123'

/** What a process says, as it comes. */
function hearing(stream: ReadableStream<Uint8Array>) {
  let text = ''
  const waiting = new Set<() => void>()
  const read = async () => {
    const decoder = new TextDecoder()
    for await (const bytes of stream) {
      text += decoder.decode(bytes, { stream: true })
      for (const look of waiting) look()
    }
    return text
  }
  const whole = read()
  const until = (isMeant: (text: string) => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = () => {
        if (!isMeant(text)) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
    })
  return { whole, until }
}

function start(path: string, ...args: string[]) {
  const { DATABASE_URL: _, DATABASE_ADMIN_URL: __, ...env } = process.env
  const child = Bun.spawn([process.execPath, file(path), ...args], {
    cwd: premises.folder,
    env: { ...env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err] = [hearing(child.stdout), hearing(child.stderr)]
  const ended = async () => ({ code: await child.exited, out: await out.whole, err: await err.whole })
  return { child, out, err, ended }
}

const command = (path: string, ...args: string[]) => start(path, ...args).ended()

/** Where four ports in a row are free. */
async function fourPorts(): Promise<number> {
  for (;;) {
    const first = await freePort()
    const isFree = [1, 2, 3].every((more) => {
      try {
        Bun.listen({ hostname: '127.0.0.1', port: first + more, socket: { data() {} } }).stop(true)
        return true
      } catch {
        return false
      }
    })
    if (isFree) return first
  }
}

const noStack = /^\s+at |node_modules|Error:/m
let target = ''
let dev: ReturnType<typeof start>
beforeAll(async () => {
  const port = await freePort()
  target = `http://127.0.0.1:${port}`
  dev = start('sim/dev.ts', '--port', String(port), '--stand-ins', String(await fourPorts()))
  await dev.out.until((text) => text.includes('Ready.'))
})
afterAll(() => {
  dev.child.kill('SIGKILL')
  premises.remove()
})

/** The process of the server itself. */
function serverPid(): number {
  const processes = Bun.spawnSync(['ps', '-axo', 'pid,ppid,args']).stdout.toString().split('\n')
  const own = processes.find((line) => line.includes('src/main.ts') && line.includes(` ${dev.child.pid} `))
  return Number(own?.trim().split(/\s+/)[0])
}

describe('a running bun dev', () => {
  test('has a clinic set up on it with a number, finds it well, and a call of nobody’s fixture rings it', async () => {
    const named = ['northside', '--name', 'Northside Clinic', '--time-zone', 'America/Chicago']
    const admin = [
      '--admin',
      'Ann Lee <ann.lee@northside.example>',
      '--service',
      'Check-up 30',
      '--provider',
      'Dr. Holm',
      '--hours',
      'mon-fri 08:00-17:00',
    ]
    const added = await command('src/clinic-command.ts', 'add', ...named, ...admin, '--dev')
    expect([added.code, added.err]).toEqual([0, expect.any(String)])
    const other = ['--number', '+13125550124', '--dry-run', '--dev']
    expect((await command('src/clinic-command.ts', 'add', ...named, ...admin, ...other)).out).toContain(
      'bun clinic number northside +13125550124 --dev\n',
    )
    const asked = ['number', 'northside', number, '--json']
    const lost = await command('src/clinic-command.ts', ...asked)
    expect([lost.code, lost.err]).toEqual([2, expect.stringContaining('For the server of `bun dev`, add --dev')])
    const pointed = await command('src/clinic-command.ts', ...asked, '--dev')
    expect(pointed.code).toBe(0)
    expect(JSON.parse(pointed.out).changes.map(({ name }: { name: string }) => name)).toEqual([
      number,
      'voice',
      'fallback',
      'status',
    ])
    const again = await command('src/clinic-command.ts', ...asked, '--dev')
    expect(JSON.parse(again.out).changes).toEqual([])
    const ring = ['call', '--target', target, '--to', number, '--say', 'Bye', '--seed', '7', '--json']
    const call = await command('sim/cli.ts', ...ring)
    expect([call.code, JSON.parse(call.out).verdict]).toEqual([0, 'passed'])
    const repeated = await command('sim/cli.ts', ...ring)
    expect([repeated.code, JSON.parse(repeated.out).violations]).toEqual([0, []])
    const well = await command('src/doctor-command.ts', '--dev', '--json')
    const findings: { check: string; state: string }[] = JSON.parse(well.out).findings
    expect([well.code, findings.filter(({ state }) => state !== 'ok')]).toEqual([0, []])
    expect(findings.map(({ check }) => check)).toContain(`number ${number}`)
  })

  test('hangs up for whoever does not wait for the end, and the next call is judged by itself', async () => {
    const given = start('sim/cli.ts', 'call', '--target', target)
    await given.out.until((text) => /^.*stream +is open$/m.test(text))
    given.child.kill('SIGINT')
    await given.child.exited
    const next = await command('sim/cli.ts', 'call', '--target', target, '--hang-up', '4s', '--json')
    expect([next.code, JSON.parse(next.out).violations]).toEqual([0, []])
  })

  test('tells at once, and plainly, that the server died in the middle of a call, and starts another', async () => {
    const call = start('sim/cli.ts', 'call', '--target', target)
    await call.out.until((text) => /^.*stream +is open$/m.test(text))
    process.kill(serverPid(), 'SIGKILL')
    const { code, out, err } = await call.ended()
    expect([code, err]).toEqual([1, '\n✘ The server ended in the middle of the call (SIGKILL).\n'])
    expect(out).not.toMatch(noStack)
    await dev.out.until((text) => text.match(/listening on/g)?.length === 2)
  })

  test('tells the same when it is stopped itself, ends with 0, and leaves no note', async () => {
    const call = start('sim/cli.ts', 'call', '--target', target)
    await call.out.until((text) => /^.*stream +is open$/m.test(text))
    const waits = start('sim/cli.ts', 'call', '--target', target, '--json')
    await waits.err.until((text) => text.includes('waiting'))
    dev.child.kill('SIGINT')
    const [one, other, own] = await Promise.all([call.ended(), waits.ended(), dev.ended()])
    expect([one.code, other.code, own.code]).toEqual([1, 1, 0])
    for (const { err } of [one, other]) expect(err).toMatch(/✘ .* ended in the middle of the call/)
    expect(`${one.out}${one.err}${other.err}${own.err}`).not.toMatch(noStack)
    expect(existsSync(join(premises.folder, '.frontdesk/dev.json'))).toBe(false)
    const late = await command('src/clinic-command.ts', 'show', 'northside', '--dev')
    expect([late.code, late.err]).toEqual([2, expect.stringContaining('no `bun dev` is running in this folder')])
  })

  test('whose note is broken is told of without a stack', async () => {
    writeFileSync(join(premises.folder, '.frontdesk/dev.json'), '{"server": "http')
    const shown = await command('src/clinic-command.ts', 'show', 'northside', '--dev')
    expect([shown.code, shown.err]).toEqual([2, expect.stringMatching(/^--dev: .* cannot be read\. Start it again/)])
    const call = await command('sim/cli.ts', 'call', '--target', target)
    expect([call.code, call.err]).toEqual([2, expect.stringMatching(/^\.frontdesk\/dev\.json cannot be read\./)])
  })
})
