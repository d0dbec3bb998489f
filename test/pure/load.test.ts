// The counting of a load: what it says of times, frames, mails and memory is so, and what is wrong is said.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { figureOf, ratioOf } from '../../sim/bench/rounds.ts'
import { createMessages } from '../../sim/carrier/frames.ts'
import { appendedAudio, bytesOf, createFrameWriter, readServerFrame, speechPiece } from '../../sim/load/frames.ts'
import type { LoadEnd } from '../../sim/load/load.ts'
import { cpuMsIn, residentBytesIn } from '../../sim/load/machine-use.ts'
import { mailsOf } from '../../sim/load/mails.ts'
import { createSpread } from '../../sim/load/spread.ts'
import { afterStamp, letters, readLetters, stampLimit } from '../../sim/load/stamp.ts'
import { countsOf, createTally, keepTime, tallyOf, timeOf } from '../../sim/load/tally.ts'
import { isTrusted, lateLimitMs, problemsOf } from '../../sim/load/verdict.ts'

const spreadOf = (times: readonly number[]) => {
  const spread = createSpread()
  for (const ms of times) spread.add(ms)
  return spread.summary()
}

describe('a spread of times', () => {
  test('tells each percentile within 2 %, from above, and never above the longest', () => {
    const times = fc.array(fc.double({ min: 0.002, max: 100_000, noNaN: true }), { minLength: 1, maxLength: 400 })
    fc.assert(
      fc.property(times, (given) => {
        const sorted = [...given].sort((a, b) => a - b)
        const told = spreadOf(given)
        expect([told.n, told.max]).toEqual([given.length, sorted.at(-1) ?? null])
        for (const [share, ms] of [
          [0.5, told.p50],
          [0.95, told.p95],
          [0.99, told.p99],
        ] as const) {
          const exact = sorted[Math.ceil(share * given.length) - 1] ?? Number.NaN
          expect(ms).toBeGreaterThanOrEqual(exact * 0.999_999)
          expect(ms).toBeLessThanOrEqual(Math.min(exact * 1.020_001, told.max ?? 0))
        }
      }),
    )
  })

  test('of nothing says that it knows nothing', () => {
    expect(spreadOf([])).toEqual({ n: 0, p50: null, p95: null, p99: null, max: null })
  })

  test('keeps counting what is shorter or longer than it can tell apart', () => {
    expect(spreadOf([0, 0, 10 ** 9])).toMatchObject({ n: 3, max: 10 ** 9 })
  })
})

describe('a stamp', () => {
  const number = fc.integer({ min: 0, max: stampLimit - 1 })

  test('gives back the call and the count that went into it', () => {
    fc.assert(
      fc.property(number, number, (call, count) => {
        const piece = speechPiece(call, count, afterStamp(160))
        expect([readLetters(piece, 0), readLetters(piece, 4)]).toEqual([call, count])
      }),
    )
  })

  test('is followed by silence, so that both together are as long as was asked', () => {
    fc.assert(
      fc.property(fc.integer({ min: 6, max: 4_000 }), (length) => {
        const piece = letters(0) + letters(1) + afterStamp(length)
        const audio = Buffer.from(piece, 'base64')
        expect([audio.length, bytesOf(piece)]).toEqual([length, length])
        expect(audio.toString('base64')).toBe(piece)
        expect(audio.subarray(6).every((byte) => byte === 0xff)).toBe(true)
      }),
    )
  })

  test('is not read from anything but letters of base64; silence is nobody’s', () => {
    expect(readLetters('AA"A', 0)).toBe(-1)
    expect(readLetters('AA', 0)).toBe(-1)
    expect(readLetters('////', 0)).toBe(stampLimit - 1)
  })
})

describe('frames as text', () => {
  const ids = { accountSid: `AC${'a'.repeat(32)}`, callSid: `CA${'b'.repeat(32)}`, streamSid: `MZ${'c'.repeat(32)}` }

  test('are letter by letter what the carrier writes', () => {
    const messages = createMessages(ids)
    messages.start({})
    const writer = createFrameWriter({ ...ids, call: 7, sent: 1 })
    for (let count = 0; count < 3; count++) {
      const audio = Buffer.from(speechPiece(7, count, afterStamp(160)), 'base64')
      expect(writer.media(count)).toBe(JSON.stringify(messages.media(audio, count * 20)))
    }
    expect(writer.mark('0.1."x"')).toBe(JSON.stringify(messages.mark('0.1."x"')))
    expect(writer.stop()).toBe(JSON.stringify(messages.stop()))
  })

  test('of the server are read however they are spelt', () => {
    const media = { event: 'media', streamSid: 'MZ1', media: { payload: 'AAAA' } }
    for (const text of [JSON.stringify(media), JSON.stringify(media, null, 1)])
      expect(readServerFrame(text, 'MZ1')).toEqual({ event: 'media', payload: 'AAAA' })
    const mark = { event: 'mark', streamSid: 'MZ1', mark: { name: 'a' } }
    expect(readServerFrame(JSON.stringify(mark), 'MZ1')).toEqual({ event: 'mark', name: 'a' })
    expect(readServerFrame('{"event":"clear"}', 'MZ1')).toEqual({ event: 'clear' })
  })

  test('appends are read however they are spelt, and nothing else is one', () => {
    const append = { type: 'input_audio_buffer.append', audio: 'AAAA' }
    expect(appendedAudio(JSON.stringify(append))).toBe('AAAA')
    expect(appendedAudio(JSON.stringify({ audio: 'AAAA', type: append.type }))).toBe('AAAA')
    expect(appendedAudio('{"type":"input_audio_buffer.clear"}')).toBeNull()
    expect(appendedAudio('{"type":"response.create","note":"\\"input_audio_buffer.append\\""}')).toBeNull()
  })
})

test('the time of a piece is known by its count, though the counts go round', () => {
  const { sentAtMs } = tallyOf(0)
  for (let count = 0; count < 5_000; count++) keepTime(sentAtMs, count, count * 20)
  expect([timeOf(sentAtMs, 4_999), timeOf(sentAtMs, 4_500)]).toEqual([99_980, 90_000])
})

test('mails are known by the number of their caller, however it is written', () => {
  const callers = ['+15552000000', '+15552000001', '+15552000002']
  const texts = [
    'Caller: +1 (555) 200-0000, to +1 555 123 4567',
    'from +15552000002.',
    'again +1 555-200-0002',
    'nobody',
  ]
  expect(
    mailsOf(
      texts.map((text) => ({ text })),
      callers,
    ),
  ).toEqual({ sent: 4, missing: 1, twice: 1 })
})

test('a process’s time and memory are read from /proc, whatever its name is', () => {
  const stat = '4242 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 30 0 0 20 0 14 0'
  expect(cpuMsIn(stat)).toBe(2_800)
  expect(residentBytesIn('Name:\tbun\nVmPeak:\t  99 kB\nVmRSS:\t  2048 kB\n')).toBe(2 * 1024 * 1024)
})

test('rounds come to a median and their extremes, and are compared round by round', () => {
  expect(figureOf([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3 })
  expect(figureOf([4, 1, 2, 3])).toEqual({ median: 2.5, least: 1, most: 4 })
  expect(ratioOf([2, 30], [1, 10])).toEqual({ median: 2.5, least: 2, most: 3 })
})

describe('the verdict', () => {
  function endOf(change: Partial<LoadEnd> = {}): LoadEnd {
    const tally = createTally()
    tally.calls.push({ ...tallyOf(0), sent: 100, heard: 100, said: 5, played: 6, saidBytes: 1_600, playedBytes: 1_600 })
    tally.ended = 1
    const unknown = spreadOf([])
    return {
      seconds: 5,
      wish: { calls: 1, rampPerSecond: 1, seconds: 3 },
      sendsMails: true,
      loadAverage: 0,
      cores: 2,
      counts: countsOf(tally),
      why: [],
      callerToModel: unknown,
      modelToCaller: unknown,
      webhooks: unknown,
      webhooksRefused: 0,
      lateness: unknown,
      server: null,
      memory: null,
      mailsOut: 1,
      mails: { sent: 1, missing: 0, twice: 0 },
      complaints: [],
      ...change,
    }
  }
  const counts = (change: Partial<LoadEnd['counts']>) => ({ counts: { ...endOf().counts, ...change } })

  test('is good when nothing was lost and nothing came twice, however long it took', () => {
    const slow = { ...spreadOf([60_000]) }
    expect(problemsOf(endOf({ callerToModel: slow, lateness: slow }), 0)).toEqual([])
  })

  const faults: [what: string, change: Partial<LoadEnd>, callsLeft: number, said: string][] = [
    ['a call', { why: [{ reason: 'no stream', count: 2 }] }, 0, '2 calls lost: no stream'],
    ['a frame of a caller', counts({ callerFramesHeard: 99 }), 0, '1 frames of callers never came to the model'],
    ['a frame twice', counts({ callerFramesRepeated: 1 }), 0, '1 frames came to the model twice'],
    ['speech of the agent', counts({ agentBytesPlayed: 1_599 }), 0, '1 frames of the agent never came to callers'],
    ['speech twice', counts({ agentBytesPlayed: 1_601 }), 0, '1 frames of the agent came to callers twice'],
    ['a mail', { mails: { sent: 0, missing: 1, twice: 0 } }, 0, '1 of 1 calls have no mail'],
    ['a mail twice', { mails: { sent: 2, missing: 0, twice: 1 } }, 0, '1 call had more than one mail'],
    ['a webhook', { webhooksRefused: 3 }, 0, '3 requests of the carrier were not answered as they should be'],
    ['a call that is never let go', {}, 1, 'the server still has 1 call in hand after the last one ended'],
  ]
  for (const [what, change, callsLeft, said] of faults) {
    test(`names what is lost: ${what}`, () => {
      expect(problemsOf(endOf(change), callsLeft)).toEqual([said])
    })
  }

  test('of a server that is not ours asks for no mail, and for no frame at a model that it does not have', () => {
    const elsewhere = {
      sendsMails: false,
      mails: { sent: 0, missing: 1, twice: 0 },
      ...counts({ callerFramesHeard: 0 }),
    }
    expect(problemsOf(endOf(elsewhere), null)).toEqual([])
  })

  test('latencies are not to be trusted when the generator itself was late', () => {
    expect(isTrusted({ lateness: spreadOf([lateLimitMs / 2]) })).toBe(true)
    expect(isTrusted({ lateness: spreadOf([lateLimitMs * 2]) })).toBe(false)
  })
})
