// A call that was captured on its way, and its replay: the same frames at the same times, the same deltas, the same callbacks;
// and from a server that is the same, the same words, tools and answers.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CallResult, simulateCall, summaryOf } from '../../sim/call.ts'
import { type Capture, readCapture, writeCapture } from '../../sim/capture/capture.ts'
import type { Seen } from '../../sim/capture/tap.ts'
import { vocabularyOf } from '../../sim/capture/vocabulary.ts'
import { keptOf, writeFixture } from '../../sim/capture/writing.ts'
import { loadFixture } from '../../sim/fixture.ts'
import { openPostgres, type Postgres } from '../../sim/house.ts'
import { lintFixtures } from '../../sim/lint/files.ts'
import type { CallerStep, Fixture } from '../../sim/script.ts'
import { createSpeech, type Speech } from '../../sim/speech.ts'
import { captured, capturedTogether } from '../support/captured-call.ts'

const callLimitMs = 60_000

const folder = await mkdtemp(join(tmpdir(), 'captures-'))

let postgres: Postgres
let speech: Speech
beforeAll(async () => {
  postgres = await openPostgres(() => {})
  speech = createSpeech({ cacheFolder: '.frontdesk/speech' })
})
afterAll(async () => {
  await postgres.stop()
  await rm(folder, { recursive: true })
})

/** What the server's schemas and everybody's protocols are made of: names of fields, and words to choose from. */
function wordsOfProtocols(text: string, seen: readonly Seen[]): string {
  const names: string[] = [...vocabularyOf(seen)]
  const gather = (value: unknown): void => {
    if (typeof value === 'string' && /^\s*[{[]/.test(value)) gather(JSON.parse(value))
    if (typeof value !== 'object' || value === null) return
    for (const [name, each] of Object.entries(value)) {
      names.push(name)
      if (['name', 'type', 'event', 'status', 'object', 'path', 'AnsweredBy'].includes(name)) names.push(String(each))
      if (typeof each === 'string' && each.startsWith('/2010-04-01/')) names.push(each)
      if (name !== 'delta') gather(each)
    }
  }
  for (const line of text.trim().split('\n')) gather(JSON.parse(line))
  return names.join(' ')
}

const nothingKept = { words: false, numbers: false, audio: false }
const asIfReal = { keeps: nothingKept, replace: [], clinic: '+15551234567', secret: 'of this test' }

/** Long words, numbers and names of what was said, asked of tools and answered by them. */
function secretsOf(result: CallResult): string[] {
  const { turns, tools, emails } = summaryOf(result)
  const texts = [
    ...turns.map(({ text }) => text),
    ...tools.map((tool) => JSON.stringify([tool.arguments, tool.result])),
  ]
  const words = [...texts, ...emails.map(({ text }) => text)].join(' ').match(/\p{L}{5,}/gu) ?? []
  return ['Dana', 'Reyes', '1988-04-12', '+15550102030', result.callSid, ...words]
}

const replay = (fixture: Fixture): Promise<CallResult> =>
  simulateCall({
    fixture,
    seed: 'replayed',
    speech,
    postgres,
    isVirtual: true,
    onProgress: () => {},
    onTrace: () => {},
  })

/** Ids that the database draws, and instants that hang on them. */
const told = (result: CallResult) => {
  const { turns, tools, callSid } = summaryOf(result)
  return { turns, tools, callSid }
}

describe.each([
  'default',
  'interrupts-twice',
  'two-agent-books',
  'outbound-answered',
  'outbound-machine',
  'outbound-nobody',
])('the call of %s, captured and written down', (name) => {
  let first: CallResult
  let capture: Capture
  let seen: readonly Seen[]
  beforeAll(async () => {
    const call = await captured(await loadFixture(name), { postgres, speech })
    first = call.result
    seen = call.seen
    capture = readCapture(writeCapture(call.capture), call.capture.audio, call.capture.beganAtMs)
  }, callLimitMs)

  test('was not changed by being listened to', () => expect(first.violations).toEqual([]))

  test(
    'is replayed to the byte, and the server does and keeps the same',
    async () => {
      const again = await replay({ ...(await loadFixture(name)), capture })
      expect(again.violations).toEqual([])
      expect(told(again)).toEqual(told(first))
    },
    callLimitMs,
  )

  test(
    'with its people taken out holds none of them, is passed by the lint, and still goes as it went',
    async () => {
      const strange = keptOf(seen, asIfReal)
      const [fixture, events, audio] = await writeFixture(folder, name, strange, nothingKept)
      expect(await lintFixtures([fixture])).toEqual([])
      const text = await Bun.file(String(events)).text()
      const known = wordsOfProtocols(text, seen)
      const others = secretsOf(first).filter((secret) => !known.includes(secret))
      expect(others.filter((secret) => text.includes(secret))).toEqual([])
      expect(others.length).toBeGreaterThan(20)
      expect(await Bun.file(fixture).text()).not.toMatch(/\+15550102\d{3}|CA[0-9a-f]{32}/)
      expect((await Bun.file(String(audio)).bytes()).length).toBe(capture.audio.length)
      // The clinic's settings are not on the wires.
      const { clinic } = await loadFixture(name)
      const again = await replay({ ...(await loadFixture(fixture)), clinic })
      expect(again.violations).toEqual([])
    },
    callLimitMs,
  )
})

test(
  'a capture that kept its caller’s words is refused by the lint',
  async () => {
    const { seen } = await captured(await loadFixture('says-nothing'), { postgres, speech })
    const keeps = { words: true, numbers: true, audio: true }
    const [fixture] = await writeFixture(folder, 'kept', keptOf(seen, { ...asIfReal, keeps }), keeps)
    expect(await lintFixtures([fixture])).toContainEqual(
      expect.stringMatching(/kept\.yaml:\d+:\d+: capture\.kept: the words and numbers/),
    )
  },
  callLimitMs,
)

describe('calls at once', () => {
  const said = async (...words: string[]): Promise<CallerStep[]> => {
    const speaks = words.map(async (each): Promise<CallerStep> => {
      const audio = await speech.speak(each)
      return { on: 'agent-finished', waitMs: 600, act: 'say', words: each, audio }
    })
    return [...(await Promise.all(speaks)), { on: 'agent-finished', waitMs: 5_000, act: 'hang-up' }]
  }

  test(
    'are each a fixture of its own, whose replay goes as it went',
    async () => {
      const calls = [
        { afterMs: 0, from: '+15550102030', caller: await said('Do you open on Saturdays?', 'Thank you, bye.') },
        { afterMs: 1_300, from: '+15550102031', caller: await said('I would like to ask about parking.', 'Bye.') },
        { afterMs: 2_900, from: '+15550102032', caller: await said('Do you open on Saturdays?', 'Thank you, bye.') },
        { afterMs: 3_100, from: '+15550102033', caller: [{ on: 'time', waitMs: 3_500, act: 'hang-up' } as const] },
      ]
      const { callSids, outcomes } = await capturedTogether(calls, { postgres, speech })
      expect(outcomes.map(({ kind }) => kind)).toEqual(calls.map(() => 'call'))
      expect(outcomes.map(({ callSid }) => callSid).sort()).toEqual([...callSids].sort())
      for (const outcome of outcomes) {
        if (outcome.kind !== 'call') continue
        const keeps = { words: true, numbers: true, audio: true }
        const name = outcome.callSid.slice(-6)
        const [fixture] = await writeFixture(folder, name, keptOf(outcome.seen, { ...asIfReal, keeps }), keeps)
        const again = await replay(await loadFixture(fixture))
        expect([outcome.callSid, again.violations]).toEqual([outcome.callSid, []])
      }
    },
    callLimitMs,
  )
})
