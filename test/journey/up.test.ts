// `sim up` as it is typed: stand-ins that stay, a call driven from another terminal step by step, a message, and what is said when
// there is nothing to drive.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { fileURLToPath } from 'node:url'
import { openForeignServer } from '../support/foreign-server.ts'
import { freePort } from '../support/free-port.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const aCallMs = 60_000
/** Of the first, the addresses. */
type Entry = {
  wire: string
  from: string
  what: string
  body?: Record<string, unknown>
  authToken?: string
  modelKey?: string
}

async function sim(...given: string[]) {
  const child = Bun.spawn([process.execPath, 'sim/cli.ts', ...given], {
    cwd: root,
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { code: await child.exited, out, err }
}

/** What a process prints, a JSON object a line, as it comes; `until` waits for the first that is meant, also among those before. */
function linesOf(output: ReadableStream<Uint8Array>) {
  const lines: Entry[] = []
  const waiting = new Set<() => void>()
  const read = async () => {
    const decoder = new TextDecoder()
    let rest = ''
    for await (const chunk of output) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = parts.pop() ?? ''
      lines.push(...parts.map((line) => JSON.parse(line)))
      for (const look of waiting) look()
    }
  }
  void read()
  const until = (isMeant: (entry: Entry) => boolean): Promise<Entry> =>
    new Promise((resolve) => {
      const look = () => {
        const found = lines.find(isMeant)
        if (found === undefined) return
        waiting.delete(look)
        resolve(found)
      }
      waiting.add(look)
      look()
    })
  return { lines, until }
}

describe('a running sim up', () => {
  let carrier: string[] = []
  let modelPort = 0
  let up: ReturnType<typeof start> | null = null
  let addresses: Pick<Entry, 'authToken' | 'modelKey'> = {}

  function start(ports: string[]) {
    const child = Bun.spawn([process.execPath, 'sim/cli.ts', 'up', '--json', ...ports], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    return { child, ...linesOf(child.stdout) }
  }

  beforeAll(async () => {
    const [carrierPort, inboxPort] = [await freePort(), await freePort()]
    modelPort = await freePort()
    carrier = ['--carrier', `http://127.0.0.1:${carrierPort}`]
    up = start(['--carrier-port', `${carrierPort}`, '--model-port', `${modelPort}`, '--inbox-port', `${inboxPort}`])
    addresses = await up.until((entry) => 'authToken' in entry)
  })
  afterAll(async () => {
    up?.child.kill('SIGINT')
    expect(await up?.child.exited).toBe(0)
  })

  const server = () =>
    openForeignServer({
      authToken: addresses.authToken ?? '',
      apiKey: addresses.modelKey,
      modelUrl: `ws://127.0.0.1:${modelPort}/v1/realtime?model=gpt-realtime-2.1`,
      format: { type: 'audio/pcmu' },
    })

  test(
    'has a call rung, spoken, keyed and hung up from another terminal, on a server of another make',
    async () => {
      if (up === null) throw new Error('It is not up')
      const { until } = up
      const bakery = server()
      const rung = await sim(
        'ring',
        ...carrier,
        '--to',
        '+15551234567',
        '--webhook',
        `${bakery.origin}/voice`,
        '--json',
      )
      expect([rung.code, rung.err]).toEqual([0, ''])
      const { callSid } = JSON.parse(rung.out)
      await until(({ what, from }) => what === 'mark' && from === 'carrier')
      const said = await sim('say', ...carrier, 'Do you open on Saturdays?')
      expect(said.out).toStartWith(`${callSid} says “Do you open on Saturdays?”`)
      const spoken = ({ body }: Entry) => String(body?.transcript ?? '')
      const heard = 'conversation.item.input_audio_transcription.completed'
      expect(spoken(await until(({ what }) => what === heard))).toBe('Do you open on Saturdays?')
      const answered = (entry: Entry) =>
        entry.what === 'response.output_audio_transcript.done' && spoken(entry).startsWith('You said')
      expect(spoken(await until(answered))).toBe('You said: Do you open on Saturdays?')
      await sim('dtmf', ...carrier, '7')
      expect(await until(({ what }) => what === 'dtmf')).toMatchObject({ body: { dtmf: { digit: '7' } } })
      expect((await sim('hangup', ...carrier, '--call', callSid)).code).toBe(0)
      expect(await until(({ what }) => what === 'ended')).toMatchObject({ body: { by: 'caller', status: 'completed' } })
      expect(up.lines.filter(({ what }) => what === 'protocol note')).toEqual([])
      bakery.stop()
    },
    aCallMs,
  )

  test(
    'takes a message for a server, and shows its answer',
    async () => {
      const bakery = server()
      const number = ['--to', 'whatsapp:+15551234567', '--from', '+15550102030']
      const written = await sim('sms', ...carrier, ...number, '--webhook', `${bakery.origin}/sms`, 'Two loaves')
      expect([written.code, written.err]).toEqual([0, ''])
      expect(written.out).toContain('whatsapp:+15551234567 → whatsapp:+15550102030: We have read: Two loaves')
      bakery.stop()
    },
    aCallMs,
  )

  test(
    'lets whoever wants follow what happens',
    async () => {
      const child = Bun.spawn([process.execPath, 'sim/cli.ts', 'tail', ...carrier, '--json'], {
        cwd: root,
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const { until } = linesOf(child.stdout)
      const nobody = `http://127.0.0.1:${await freePort()}/sms`
      const seen = until(({ what }) => what === 'problem 11205')
      const isSeen = () => Bun.peek.status(seen) === 'fulfilled'
      while (!isSeen()) await sim('sms', ...carrier, '--to', '+15550001111', '--webhook', nobody, 'Anybody?')
      expect((await seen).body?.text).toContain('Cannot reach the server')
      child.kill()
    },
    aCallMs,
  )

  test.each([
    ['no call is up', ['say', 'Hello'], 'No call is up. Place one with: bun sim ring'],
    ['that call is not up', ['hangup', '--call', 'CA1'], 'No call CA1 is up.'],
    ['nobody knows where a number leads', ['ring', '--to', '+15559990000'], 'give --webhook'],
    [
      'somebody writes from WhatsApp to a telephone',
      ['sms', '--to', '+15551234567', '--from', 'whatsapp:+15550102030', 'Hello'],
      'Both numbers are of WhatsApp, or neither is.',
    ],
    ['a webhook is no address', ['ring', '--to', '+15559990000', '--webhook', 'voice'], 'It must be a URL'],
  ])('says so when %s, and ends with 2', async (_, given, words) => {
    const { code, out, err } = await sim(...given, ...carrier)
    expect([code, out]).toEqual([2, ''])
    expect(err).toContain(words)
  })
})

test('without a carrier, a command says how to start one', async () => {
  const nowhere = `http://127.0.0.1:${await freePort()}`
  const { code, err } = await sim('hangup', '--carrier', nowhere)
  expect([code, err]).toEqual([2, `No carrier answers at ${nowhere}. Start one with: bun sim up\n`])
})
