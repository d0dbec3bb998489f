// A call put through faults on the virtual clock: the same bytes for the same seed and faults, everything that was done to it
// in its trace, and everything that must be true of it still true.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { routedAsExpected } from '../../sim/audit/keeping.ts'
import { type CallResult, simulateCall } from '../../sim/call.ts'
import type { CarrierFaults } from '../../sim/carrier/faults.ts'
import { parseFaults } from '../../sim/chaos/faults.ts'
import { smallestSchedule } from '../../sim/chaos/reproducing.ts'
import type { ChaosPlan } from '../../sim/chaos/schedule.ts'
import { type Strike, strikeText } from '../../sim/chaos/strikes.ts'
import { createTeller } from '../../sim/console-call.ts'
import { loadFixture } from '../../sim/fixture.ts'
import { openPostgres, type Postgres } from '../../sim/house.ts'
import { openOwnPostgres } from '../../sim/own-postgres.ts'
import { reportPage } from '../../sim/report/page.ts'
import { createSpeech, type Speech } from '../../sim/speech.ts'
import { toJsonl } from '../../sim/trace.ts'
import { callLimits } from '../../src/bridge/limits.ts'

const callLimitMs = 60_000

let postgres: Postgres
let speech: Speech
beforeAll(async () => {
  postgres = await openPostgres(() => {})
  speech = createSpeech({ cacheFolder: '.frontdesk/speech' })
})
afterAll(() => postgres.stop())

const put = async (
  name: string,
  chaos: ChaosPlan,
  seed = 'chaos',
  carrierFaults: CarrierFaults = {},
): Promise<CallResult> =>
  simulateCall({
    fixture: await loadFixture(name),
    seed,
    chaos,
    carrierFaults,
    speech,
    postgres,
    isVirtual: true,
    onProgress: () => {},
    onTrace: () => {},
  })

const faults = (text: string): ChaosPlan => ({ faults: parseFaults(text) })
const struckIn = ({ evidence }: CallResult) => evidence.chaos?.struck.map(({ strike }) => strike) ?? []
const traceOf = ({ trace }: CallResult) => toJsonl(trace.entries)
const sent = ({ evidence }: CallResult, path: string) =>
  evidence.carrier.deliveries.filter(({ url }) => url.endsWith(path))

describe('a call whose callbacks come late, twice, early and out of order, with forged ones between', () => {
  const all = faults('reorder,duplicate=0.6,delay=0..20s,early,bad-signature,mail-timeout')
  let first: CallResult
  beforeAll(async () => {
    first = await put('leaves-a-message', all)
  }, callLimitMs)

  test('is what it must be, and everything that its fixture expects', () => {
    expect(first.violations).toEqual([])
    const names = struckIn(first).map(({ fault }) => fault)
    for (const name of ['reorder', 'duplicate', 'delay', 'early', 'bad-signature', 'mail-timeout'] as const)
      expect(names).toContain(name)
  })

  test('has in its trace, its page and on the screen whatever was done to it', () => {
    const shown = first.trace.entries
      .flatMap((entry) => createTeller().tell(entry))
      .map(({ text }) => text)
      .join('\n')
    const page = reportPage({ ...first, entries: first.trace.entries, rules: [], repeat: '' })
    for (const strike of struckIn(first)) {
      expect(traceOf(first)).toContain(`"wire":"chaos","from":"carrier","to":"server","what":"${strikeText(strike)}"`)
      expect(shown).toContain(strikeText(strike))
      expect(page).toContain(strikeText(strike))
    }
  })

  test(
    'is the same, byte for byte, with the same seed, and otherwise with another',
    async () => {
      expect(traceOf(await put('leaves-a-message', all))).toBe(traceOf(first))
      expect(struckIn(await put('leaves-a-message', all, 'another'))).not.toEqual(struckIn(first))
    },
    callLimitMs,
  )

  test(
    'is struck the same by the list of what struck it',
    async () => {
      const again = await put('leaves-a-message', { strikes: struckIn(first) })
      expect(struckIn(again)).toEqual(struckIn(first))
      expect(again.violations).toEqual([])
    },
    callLimitMs,
  )

  test('had its forged requests refused, each', () => {
    const { forgeries = [] } = first.evidence.chaos ?? {}
    expect(forgeries.length).toBeGreaterThan(3)
    expect(new Set(forgeries.map(({ status, isKept }) => `${status} ${isKept}`))).toEqual(new Set(['403 false']))
  })
})

test(
  'callbacks that never come are asked for: the row, the recording and the mail are there all the same',
  async () => {
    const call = await put('default', faults('drop=recording+completed+stream'))
    expect(call.violations).toEqual([])
    expect(call.evidence.carrier.deliveries).toEqual([])
    expect(struckIn(call).map(strikeText)).toContain('drop completed #1')
  },
  callLimitMs,
)

test(
  'an early callback is answered before the stream that it tells of begins',
  async () => {
    const call = await put('hangs-up-mid-sentence', faults('early'))
    const at = (what: string) => call.trace.entries.findIndex((entry) => entry.what === what)
    expect(call.violations).toEqual([])
    expect(at('early stream-started #1')).toBeGreaterThan(-1)
    expect(sent(call, '/status').map(({ causedAtMs, atMs }) => atMs - causedAtMs)).toEqual([0])
  },
  callLimitMs,
)

test(
  'a caller whose socket is cut, twice, comes back to the agent',
  async () => {
    const call = await put('default', faults('ws-cut@3s+9s,duplicate=1'))
    expect(call.violations).toEqual([])
    expect(call.evidence.carrier.streams.length).toBe(3)
    expect(call.evidence.chaos?.missed).toEqual([])
  },
  callLimitMs,
)

test(
  'a model that ends its session and then refuses whoever comes back is called until it takes the call; the same every time',
  async () => {
    const chaos = faults('model-expires@8s,model-refuses=3')
    const call = await put('default', chaos)
    expect(call.violations).toEqual([])
    expect(struckIn(call).map(strikeText)).toEqual([
      'model-expires @8s',
      'model-refuses handshake 2',
      'model-refuses handshake 3',
      'model-refuses handshake 4',
    ])
    expect(call.evidence.server?.events.filter(({ kind }) => kind === 'model.rebuilt')).toHaveLength(1)
    expect(traceOf(await put('default', chaos))).toBe(traceOf(call))
  },
  callLimitMs,
)

test(
  'calls whose models are cut off at the same moment come back soon, and each at a moment of its own',
  async () => {
    const waits = await Promise.all(
      ['one', 'other', 'third'].map(async (seed) => {
        const { trace } = await put('says-nothing', faults('model-cut@4s'), seed)
        const dialled = trace.entries.filter(({ wire, what }) => wire === 'realtime' && what === 'handshake')
        return (dialled[1]?.atMs ?? Number.NaN) - 4_000
      }),
    )
    expect(new Set(waits).size).toBe(3)
    for (const ms of waits) {
      expect(ms).toBeGreaterThanOrEqual(0)
      expect(ms).toBeLessThanOrEqual(callLimits.reopenMs)
    }
  },
  callLimitMs,
)

test(
  'a cut that finds nothing to cut is told',
  async () => {
    const call = await put('unknown-number', faults('ws-cut@2s'))
    expect(call.evidence.chaos?.missed).toEqual([{ fault: 'ws-cut', atMs: 2_000 }])
    expect(traceOf(call)).toContain('ws-cut @2s strikes nothing')
  },
  callLimitMs,
)

test('a process that has the call is killed: another one goes on with it, and what was known is known', async () => {
  const own = await openOwnPostgres(() => {})
  try {
    const call = await simulateCall({
      fixture: await loadFixture('default'),
      seed: 'chaos',
      chaos: faults('crash@6s'),
      speech,
      postgres: own,
      machines: 2,
      isVirtual: false,
      onProgress: () => {},
      onTrace: () => {},
    })
    expect(call.violations).toEqual([])
    expect(struckIn(call)).toEqual([{ fault: 'crash', atMs: 6_000 }])
    expect(call.evidence.carrier.streams.length).toBeGreaterThan(1)
  } finally {
    await own.stop()
  }
}, 120_000)

test(
  'a carrier that refuses what it is asked, loses one recording and is slow with the next is no reason to fail',
  async () => {
    const refused = { code: 20429, times: 1, path: '/Recordings.json' }
    const faults = { refuseRest: [refused], recordings: ['absent' as const] }
    const lost = await put('leaves-a-message', { faults: [] }, 'lost', faults)
    expect(lost.violations).toEqual([])
    expect(lost.evidence.carrier.recordings.map(({ status }) => status)).toContain('absent')
    expect(lost.trace.entries.filter(({ wire, what }) => wire === 'rest' && what === '429')).toHaveLength(1)
    const slow = await put('leaves-a-message', { faults: [] }, 'slow', { mediaMs: 15_000 })
    expect(slow.violations).toEqual([])
    expect(slow.trace.entries.some(({ wire, what }) => wire === 'rest' && what === '404')).toBe(true)
  },
  callLimitMs,
)

test('what struck processes is left out like all else when a call fails without it', async () => {
  const own = await openOwnPostgres(() => {})
  try {
    const fixture = await loadFixture('unknown-number')
    fixture.expect.isRouted = true
    const steps: string[] = []
    const struck: Strike[] = [
      { fault: 'crash', atMs: 1_000 },
      { fault: 'db-restart', atMs: 2_000 },
    ]
    const found = await smallestSchedule(
      { fixture, seed: 'chaos', struck, violations: [{ rule: routedAsExpected.name, explanation: '' }] },
      { speech, postgres: own, isVirtual: false, machines: 2, onProgress: (step) => void steps.push(step) },
    )
    expect(found).toEqual({ list: [], tries: 1, isMinimal: true })
    expect(steps).toEqual(['trying 0 of 2 strikes'])
  } finally {
    await own.stop()
  }
}, 120_000)
