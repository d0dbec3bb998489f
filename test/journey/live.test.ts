// `sim call` as a person types it: with the real model, which here is a stand-in of its own at the address that the
// environment names, and with instructions from a file.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realClock } from '../../sim/clock.ts'
import { loadFixture } from '../../sim/fixture.ts'
import { listen } from '../../sim/loopback.ts'
import { createModel, type Model } from '../../sim/model/model.ts'
import { createSpeech } from '../../sim/speech.ts'
import { createTrace } from '../../sim/trace.ts'

const callLimitMs = 90_000
const apiKey = 'sk-of-the-tests'

let model: Model
let door: Awaited<ReturnType<typeof listen>>
let folder: string
beforeAll(async () => {
  const speech = createSpeech({ cacheFolder: '.frontdesk/speech' })
  model = createModel({ clock: realClock, trace: createTrace(realClock), speech, seed: 1, isStrict: true, apiKey })
  door = await listen(model.standIn, {})
  folder = await mkdtemp(join(tmpdir(), 'frontdesk-'))
})
afterAll(async () => {
  await door.stop()
  await rm(folder, { recursive: true })
})

async function sim(command: string[], environment: Record<string, string> = {}) {
  const { OPENAI_API_KEY: _, OPENAI_BASE_URL: __, ...inherited } = process.env
  const child = Bun.spawn([process.execPath, 'sim/cli.ts', ...command], {
    env: { ...inherited, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [said, complaints] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { exitCode: await child.exited, said, complaints }
}

const live = () => ({ OPENAI_API_KEY: apiKey, OPENAI_BASE_URL: `${door.origin}/v1` })

describe('with --live', () => {
  test(
    'the server talks with the model at OPENAI_BASE_URL, and what came of it is graded',
    async () => {
      await model.use((await loadFixture('asks-for-the-hours')).model)
      const { said, exitCode } = await sim(['replay', '--live', 'asks-for-the-hours'], live())
      expect(said).toMatch(/score: (\d+) of \1 graded expectations are met, in 1 calls/)
      expect(exitCode).toBe(0)
      expect(
        model.record().sessions.filter(({ items }) => items.some(({ name }) => name === 'clinic_info')),
      ).toHaveLength(1)
      expect(model.record().writings).toHaveLength(1)
    },
    callLimitMs,
  )

  test.each([
    [['call', '--live'], {}, 'needs OPENAI_API_KEY'],
    [['replay', '--live'], {}, 'needs OPENAI_API_KEY'],
    [['call', '--live'], { OPENAI_API_KEY: 'k', OPENAI_BASE_URL: 'here' }, 'must be an address such as'],
    [['call', '--live', '--speed', '10'], { OPENAI_API_KEY: 'k' }, 'leave --speed out'],
    [['call', '--live', '--target', 'http://localhost:1'], { OPENAI_API_KEY: 'k' }, 'leave --target out'],
    [['call', '--live', '--fixture', 'model-stalls'], { OPENAI_API_KEY: 'k' }, 'its model cannot be had'],
    [['call', '--live', '--fixture', 'the-clocks-change'], { OPENAI_API_KEY: 'k' }, 'days of the virtual clock'],
  ])('%p is refused with a reason, before anything is started', async (command, environment, reason) => {
    const { exitCode, complaints } = await sim(command, environment)
    expect(complaints).toContain(reason)
    expect(exitCode).toBe(2)
  })
})

test.each([
  [
    'a key that is not taken',
    () => ({ ...live(), OPENAI_API_KEY: 'sk-of-somebody-else' }),
    'does not take the key in OPENAI_API_KEY',
  ],
  [
    'a model that is not there',
    () => ({ ...live(), OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' }),
    'nobody answers at http://127.0.0.1:9/v1',
  ],
])('%s is told before the call, which would end on the tape', async (_, environment, reason) => {
  for (const command of ['call', 'replay']) {
    const { exitCode, said, complaints } = await sim([command, '--live'], environment())
    expect([exitCode, said, complaints]).toEqual([2, '', expect.stringContaining(reason)])
  }
})

describe('with --instructions', () => {
  const save = async (text: string): Promise<string> => {
    const file = join(folder, 'instructions.txt')
    await writeFile(file, text)
    return file
  }
  const call = () => ['call', '--fixture', 'says-nothing', '--speed', '10', '--save', folder]

  test(
    'the text is what the model is told, its variables filled in',
    async () => {
      const trace = join(folder, 'trace.jsonl')
      const file = await save('You answer for {{clinic}} and speak of nothing but tulips.')
      const { exitCode } = await sim([...call(), '--trace', trace, '--instructions', file])
      expect(exitCode).toBe(0)
      const told = await Bun.file(trace).text()
      expect(told).toContain('You answer for Lakeside Family Clinic and speak of nothing but tulips.')
      expect(told).not.toContain('You are the telephone receptionist')
    },
    callLimitMs,
  )

  test(
    'a text with a variable that there is not is refused, with those that there are',
    async () => {
      const { exitCode, complaints } = await sim([...call(), '--instructions', await save('Hello {{doctor}}')])
      expect(complaints).toContain('There is no variable {{doctor}}. The variables are {{clinic}}')
      expect(exitCode).toBe(2)
    },
    callLimitMs,
  )

  test.each([
    ['nowhere.txt', 'cannot be read (ENOENT)'],
    ['/dev/null', 'the file is empty'],
  ])('%s is refused before anything is started', async (file, reason) => {
    const { exitCode, complaints } = await sim([...call(), '--instructions', file])
    expect(complaints).toContain(reason)
    expect(exitCode).toBe(2)
  })
})
