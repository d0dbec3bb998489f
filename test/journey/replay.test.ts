// Whole calls on the virtual clock, from the ring to the mail: judged by the auditor, the same bytes for the same seed, and
// nothing of the caller in the server's log.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type CallResult, simulateCall, summaryOf } from '../../sim/call.ts'
import { withCaller } from '../../sim/caller-wish.ts'
import { loadFixture } from '../../sim/fixture.ts'
import { openPostgres, type Postgres } from '../../sim/house.ts'
import { reportPage } from '../../sim/report/page.ts'
import type { Fixture } from '../../sim/script.ts'
import { createSpeech, type Speech } from '../../sim/speech.ts'
import { toJsonl } from '../../sim/trace.ts'

const callLimitMs = 60_000

let postgres: Postgres
let speech: Speech
beforeAll(async () => {
  postgres = await openPostgres(() => {})
  speech = createSpeech({ cacheFolder: '.frontdesk/speech' })
})
afterAll(() => postgres.stop())

type Replayed = CallResult & { serverLog: readonly string[] }

const replay = async (name: string, seed: string): Promise<Replayed> => play(await loadFixture(name), seed)

const play = (fixture: Fixture, seed: string): Promise<Replayed> =>
  simulateCall({
    fixture,
    seed,
    speech,
    postgres,
    isVirtual: true,
    onProgress: () => {},
    onTrace: () => {},
  })

const traceOf = ({ trace }: Replayed): string => toJsonl(trace.entries)

const pageOf = (replayed: Replayed): string =>
  reportPage({ ...replayed, entries: replayed.trace.entries, rules: [], repeat: '' })

/** Where two texts part: the line before, and both lines. */
function difference(one: string, other: string): string[] {
  const [left, right] = [one.split('\n'), other.split('\n')]
  const at = left.findIndex((line, n) => line !== right[n])
  if (at < 0 && left.length === right.length) return []
  return [left[at - 1], left[at], right[at]].map((line) => (line ?? '(no line)').slice(0, 400))
}

/** Every text of the call that a stranger must not read: who called, from where, what was said, and who was told. */
function secretsOf({ evidence: { fixture, server, inbox } }: Replayed): string[] {
  const { call_analysis: analysis, transcript } = server?.conversation ?? {}
  const facts = (server?.events ?? []).flatMap(({ fact }) => textsIn([fact.text, fact.unheard, fact.arguments]))
  const turns = String(transcript).split('\n')
  const spoken = turns.map((turn) => turn.replace(/^\w+: | \[interrupted.*$/g, ''))
  const mail = inbox.messages.flatMap(({ to, subject }) => [...to, subject])
  const numbers = [fixture.call.from, fixture.call.to].map((number) => number.slice(1))
  const known = ['sk-sim-', 're_sim_', 'Bearer', 'Dana', 'Reyes', 'inhaler']
  return [...numbers, ...mail, ...spoken, ...facts, ...textsIn(analysis), ...known].filter((text) => text.length > 3)
}

/** Those of them that the server's log told. */
function toldIn(replayed: Replayed): string[] {
  const log = replayed.serverLog.join('\n')
  return secretsOf(replayed).filter((secret) => log.includes(secret))
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
}

describe.each(['default', 'interrupts-twice'])('the call of %s', (name) => {
  let first: Replayed
  beforeAll(async () => {
    first = await replay(name, 'journey')
  }, callLimitMs)

  test('is judged to be as it must be', () => {
    expect(first.violations).toEqual([])
  })

  test(
    'is the same, byte for byte on every wire and in its page, when it is placed again with the same seed',
    async () => {
      const again = await replay(name, 'journey')
      expect(difference(traceOf(first), traceOf(again))).toEqual([])
      expect(difference(pageOf(first), pageOf(again))).toEqual([])
    },
    callLimitMs,
  )

  test('leaves nothing of the caller in the server’s log: no name, number, word, address or key', () => {
    expect(toldIn(first)).toEqual([])
    expect(first.serverLog.join('')).toContain(first.callSid)
  })
})

test.each(['model-unavailable', 'model-stalls', 'unknown-number'])(
  'the call of %s, which does not go as anybody wished, leaves nothing of the caller in the log either',
  async (name) => {
    const replayed = await replay(name, 'journey')
    expect(toldIn(replayed)).toEqual([])
    expect(replayed.serverLog.join('')).toContain('"level":40')
  },
  callLimitMs,
)

test(
  'a caller of one’s own is answered without a script, cuts in, presses a key, and the call is as any call must be',
  async () => {
    const caller = {
      turns: [{ say: 'Hello there.' }, { say: 'On Monday.', bargeInMs: 1_000 }, { say: 'That is all, bye.' }],
      keys: [{ digits: '5', atMs: 9_000 }],
    }
    const fixture = await withCaller(await loadFixture('default'), caller, false, speech)
    const played = await play(fixture, 'journey')
    expect(played.violations).toEqual([])
    const { turns, tools } = summaryOf(played)
    expect(turns.map(({ text }) => text)).toEqual(
      expect.arrayContaining(['Hello there.', 'On Monday.', 'That is all, bye.', 'Goodbye.']),
    )
    expect(tools.map(({ name }) => name)).toEqual(['end_call'])
  },
  callLimitMs,
)
