// Faults as data: what is written is what was read, both ways, whatever it is; what cannot be read is told; and the same
// seed draws the same strikes in whatever order things happen.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  catalog,
  type Fault,
  faultNames,
  faultsHelp,
  formatFaults,
  parseFaults,
  readFaults,
} from '../../sim/chaos/faults.ts'
import { callbackNames, longestDelayMs, longestSlownessMs } from '../../sim/chaos/parameters.ts'
import { scheduleOf } from '../../sim/chaos/schedule.ts'
import { readStrikes, type Strike, strikeText } from '../../sim/chaos/strikes.ts'
import { Mistake } from '../../sim/mistake.ts'
import { createRandom } from '../../sim/random.ts'

const ms = (mostMs: number) =>
  fc.oneof(
    fc.integer({ min: 0, max: mostMs }),
    fc.integer({ min: 0, max: mostMs / 1000 }).map((s) => s * 1000),
  )
const instants = fc.array(ms(900_000), { minLength: 1, maxLength: 5 })
const span = fc
  .tuple(ms(longestDelayMs), ms(longestDelayMs))
  .map(([a, b]) => ({ fromMs: Math.min(a, b), toMs: Math.max(a, b) }))

const parametersOf = {
  reorder: fc.constant({}),
  duplicate: fc.record({ share: fc.double({ min: 0, max: 1, minExcluded: true, noNaN: true }) }),
  delay: span,
  drop: fc.record({ callbacks: fc.uniqueArray(fc.constantFrom(...callbackNames), { minLength: 1 }) }),
  early: fc.constant({}),
  'bad-signature': fc.constant({}),
  'slow-webhook': fc.record({ byMs: ms(longestSlownessMs) }),
  'late-audio': fc.record({ byMs: ms(longestSlownessMs) }),
  'ws-cut': fc.record({ atMs: instants }),
  'model-cut': fc.record({ atMs: instants }),
  'model-expires': fc.record({ atMs: instants }),
  'model-refuses': fc.record({ times: fc.integer({ min: 1, max: 20 }) }),
  'mail-timeout': fc.constant({}),
  crash: fc.record({ atMs: instants }),
  deploy: fc.record({ atMs: instants }),
  'db-restart': fc.record({ atMs: instants }),
} satisfies Record<keyof typeof catalog, fc.Arbitrary<object>>

const anyFaults = fc
  .shuffledSubarray(faultNames, { minLength: 1 })
  .chain((names) =>
    fc.tuple(
      ...names.map((fault) =>
        (parametersOf[fault] as fc.Arbitrary<object>).map((given) => ({ fault, ...given }) as Fault),
      ),
    ),
  )

describe('faults', () => {
  test('written as a list are read back as they were', () => {
    fc.assert(fc.property(anyFaults, (faults) => expect(parseFaults(formatFaults(faults))).toEqual(faults)))
  })

  test('written as JSON are read back as they were', () => {
    fc.assert(
      fc.property(anyFaults, (faults) =>
        expect(readFaults(JSON.parse(JSON.stringify(faults)), 'f.json')).toEqual(faults),
      ),
    )
  })

  test.each([
    [
      'reorder,duplicate=0.3,delay=0..40s,drop=recording+completed,early,bad-signature,ws-cut@12s,model-cut@8s,crash@10s',
    ],
    ['model-expires@8s,model-refuses=3,deploy@20s,mail-timeout,db-restart@5s,slow-webhook=3s'],
    ['delay=5..40s,ws-cut@1500ms+20s'],
  ])('are written as people write them: %s', (text) => {
    expect(formatFaults(parseFaults(text)).replace('5s..40s', '5..40s')).toBe(text)
  })

  test.each([
    ['reoder', /no fault "reoder".*reorder, duplicate/],
    ['', /no fault ""/],
    ['reorder=2', /reorder takes no value/],
    ['duplicate=1.5', /share is more than 1.*duplicate=0\.3/],
    ['duplicate=many', /Give a share/],
    ['delay=40..5s', /shortest and the longest/],
    ['delay=0..2h', /shortest and the longest/],
    ['delay=0..11m', /toMs is more than 600s/],
    ['drop', /drop=recording\+completed/],
    ['drop=everything', /recording, stream/],
    ['ws-cut', /ws-cut@12s/],
    ['ws-cut=12s', /ws-cut@12s/],
    ['slow-webhook=20s', /byMs is more than 14s/],
    ['model-refuses', /model-refuses=2/],
    ['model-refuses=0', /times is less than 1/],
    ['early,early', /early is given twice/],
  ])('that cannot be read are told with what would be right: %s', (text, told) => {
    expect(() => parseFaults(text)).toThrow(Mistake)
    expect(() => parseFaults(text)).toThrow(told)
  })

  test.each([
    [[{ fault: 'delay', fromMs: 5, toMs: 1 }], /fromMs is more than toMs/],
    [[{ fault: 'ws-cut', atMs: [] }], /atMs is empty/],
    [[{ fault: 'reorder', byMs: 1 }], /byMs|nrecognized/],
    [{ fault: 'reorder' }, /not a list/],
    [[null], /no fault/],
  ])('of a file are judged in the same way: %j', (json, told) => {
    expect(() => readFaults(json, 'f.json')).toThrow(told)
  })

  test('are each explained', () => {
    for (const name of faultNames) expect(faultsHelp()).toContain(`${name}${catalog[name].takes.shown}`)
  })
})

const callbacks = ['completed #1', 'recording completed #1', 'stream-started #1', 'stream-stopped #1', 'leg ringing #1']
const requests = ['incoming-call ringing #1', 'resume in-progress #1', 'status completed #1']

/** What strikes each, asked in this order. */
function strikesIn(order: readonly string[], seed: string): Map<string, Strike[]> {
  const faults = parseFaults('reorder,duplicate=0.5,delay=0..40s,bad-signature,slow-webhook=1s,drop=stream')
  const schedule = scheduleOf({ faults }, createRandom(seed))
  return new Map(
    order.map((id) => {
      const strikes = requests.includes(id)
        ? schedule.onRequest(id, !id.startsWith('status'))
        : schedule.onCallback(id, [id.startsWith('stream') ? 'stream' : 'completed'])
      return [id, strikes] as const
    }),
  )
}

describe('a schedule', () => {
  test('is the same for the same seed, in whatever order its targets come', () => {
    const inOrder = [...callbacks, ...requests]
    fc.assert(
      fc.property(fc.shuffledSubarray(inOrder, { minLength: inOrder.length }), fc.string(), (order, seed) => {
        const [one, other] = [strikesIn(inOrder, seed), strikesIn(order, seed)]
        for (const id of inOrder) expect(other.get(id)).toEqual(one.get(id) ?? [])
      }),
    )
  })

  test('that was drawn strikes the same when it is given as a list, read from its file', () => {
    const drawn = strikesIn([...callbacks, ...requests], 'a seed')
    const strikes = readStrikes(JSON.parse(JSON.stringify([...drawn.values()].flat())), 'f.json')
    const listed = scheduleOf({ strikes }, createRandom('another'))
    for (const id of callbacks) expect(listed.onCallback(id, [])).toEqual(drawn.get(id) ?? [])
    for (const id of requests) expect(listed.onRequest(id, true)).toEqual(drawn.get(id) ?? [])
  })

  test('refuses as many sockets to the model as it says, and never the first', () => {
    const schedule = scheduleOf({ faults: parseFaults('model-refuses=2') }, createRandom('any'))
    const struck = [1, 2, 3, 4].flatMap((handshake) => schedule.onHandshake(handshake))
    expect(struck.map(strikeText)).toEqual(['model-refuses handshake 2', 'model-refuses handshake 3'])
    const listed = scheduleOf({ strikes: readStrikes(struck.slice(1), 'f.json') }, createRandom('any'))
    expect([1, 2, 3, 4].flatMap((handshake) => listed.onHandshake(handshake))).toEqual(struck.slice(1))
  })

  test('has nothing more for a callback that is dropped', () => {
    expect(strikesIn(['stream-started #1'], 'x').get('stream-started #1')).toEqual([
      { fault: 'drop', callback: 'stream-started #1' },
    ])
  })
})

test('strikes are told in a few words, each', () => {
  const strikes: Strike[] = [
    { fault: 'duplicate', callback: 'completed #1', afterMs: 1_200 },
    { fault: 'delay', callback: 'recording completed #1', byMs: 40_000 },
    { fault: 'ws-cut', atMs: 12_000 },
    { fault: 'mail-timeout', attempt: 1 },
  ]
  expect(strikes.map(strikeText)).toEqual([
    'duplicate completed #1 +1200ms',
    'delay recording completed #1 +40s',
    'ws-cut @12s',
    'mail-timeout of message 1',
  ])
})

test.each([
  [[{ fault: 'late', callback: 'x', byMs: 1 }], /strikes\.0/],
  [[{ fault: 'drop' }], /strikes\.0\.callback/],
  ['all of them', /strikes/],
])('a list of strikes that cannot be read is told with its place: %j', (json, told) => {
  expect(() => readStrikes(json, 'f.json')).toThrow(told)
})
