// The caller of a fixture: when each cue comes, judged by ear.
import { describe, expect, test } from 'bun:test'
import { isAudible, silence } from '../../sim/audio.ts'
import { createCaller, type Ear } from '../../sim/caller.ts'
import { startBeat } from '../../sim/carrier/beat.ts'
import { realClock, type SimClock } from '../../sim/clock.ts'
import type { CallerStep } from '../../sim/script.ts'
import { beep, isBeep } from '../../sim/tones.ts'
import { tone } from './carrier-rig.ts'

type Act = [atMs: number, what: 'speaks' | 'stops' | 'hangs up' | `presses ${string}`]

type Away = [fromMs: number, toMs: number, line: Ear['line']][]

/** Plays a call of `lastsMs` in which the agent's voice sounds in the given stretches, and tells what the caller does. */
function play(
  steps: CallerStep[],
  agent: [fromMs: number, toMs: number, how?: 'inaudible'][],
  lastsMs = 100_000,
  away: Away = [],
) {
  const told: { what: string; body: unknown }[] = []
  const caller = createCaller(steps, 0, (what, body) => told.push({ what, body }))
  const acts: Act[] = []
  let isSpeaking = false
  for (let atMs = 0; atMs <= lastsMs; atMs += 20) {
    const stretch = agent.find(([fromMs, toMs]) => atMs > fromMs && atMs <= toMs)
    const ear: Ear = {
      isSounding: stretch !== undefined && atMs < stretch[1],
      isAudible: stretch !== undefined && stretch[2] === undefined,
      line: away.find(([fromMs, toMs]) => atMs >= fromMs && atMs < toMs)?.[2] ?? 'agent',
    }
    const { audio, digit, hangsUp } = caller.next(atMs, ear)
    expect(audio).toHaveLength(160)
    if (isAudible(audio) !== isSpeaking) {
      isSpeaking = !isSpeaking
      acts.push([atMs, isSpeaking ? 'speaks' : 'stops'])
    }
    if (digit !== null) acts.push([atMs, `presses ${digit}`])
    if (hangsUp) return { acts: [...acts, [atMs, 'hangs up'] as Act], told }
  }
  return { acts, told }
}

const say = (ms: number) => ({ act: 'say', words: '…', audio: tone(ms) }) as const
const hangUp = { act: 'hang-up' } as const

describe('each cue', () => {
  const table: [what: string, steps: CallerStep[], agent: [number, number, 'inaudible'?][], acts: Act[]][] = [
    [
      'time: by the watch, whatever else goes on, and in the order of the watch',
      [
        { on: 'time', waitMs: 2500, ...hangUp },
        { on: 'answered', waitMs: 500, ...say(1000) },
        { on: 'time', waitMs: 1000, act: 'press', digits: '12' },
        { on: 'time', waitMs: 1100, act: 'press', digits: '3' },
        { on: 'said', waitMs: 400, act: 'listen' },
      ],
      [],
      [
        [500, 'speaks'],
        [1000, 'presses 1'],
        [1200, 'presses 2'],
        [1400, 'presses 3'],
        [1500, 'stops'],
        [2500, 'hangs up'],
      ],
    ],
    ['answered: so long after the answer', [{ on: 'answered', waitMs: 500, ...hangUp }], [], [[500, 'hangs up']]],
    [
      'agent-finished: 300 ms of quiet after the agent was heard, and the wait',
      [{ on: 'agent-finished', waitMs: 200, ...hangUp }],
      [[1000, 3000]],
      [[3500, 'hangs up']],
    ],
    [
      'agent-finished: a pause shorter than that is no end',
      [{ on: 'agent-finished', waitMs: 0, ...hangUp }],
      [
        [1000, 2000],
        [2280, 3000],
      ],
      [[3300, 'hangs up']],
    ],
    [
      'agent-finished: an agent who goes on within the wait has not finished',
      [{ on: 'agent-finished', waitMs: 500, ...hangUp }],
      [
        [1000, 2000],
        [2600, 4000],
      ],
      [[4800, 'hangs up']],
    ],
    [
      'agent-finished: sound that cannot be heard is no speech, but delays the end of one',
      [{ on: 'agent-finished', waitMs: 0, ...hangUp }],
      [
        [0, 500, 'inaudible'],
        [2000, 3000],
        [3000, 3600, 'inaudible'],
      ],
      [[3900, 'hangs up']],
    ],
    [
      'agent-finished: what was heard before the step does not count',
      [
        { on: 'agent-finished', waitMs: 0, ...say(400) },
        { on: 'agent-finished', waitMs: 0, ...hangUp },
      ],
      [
        [0, 1000],
        [4000, 5000],
      ],
      [
        [1300, 'speaks'],
        [1700, 'stops'],
        [5300, 'hangs up'],
      ],
    ],
    [
      'agent-speaking: so much of the present turn has been heard',
      [{ on: 'agent-speaking', heardMs: 600, waitMs: 0, ...hangUp }],
      [
        [0, 400],
        [2000, 5000],
      ],
      [[2600, 'hangs up']],
    ],
    [
      'agent-speaking twice: the turn that was cut is not cut again',
      [
        { on: 'agent-speaking', heardMs: 600, waitMs: 0, ...say(1000) },
        { on: 'agent-speaking', heardMs: 600, waitMs: 0, ...hangUp },
      ],
      [
        [0, 900],
        [3000, 5000],
      ],
      [
        [600, 'speaks'],
        [1600, 'stops'],
        [3600, 'hangs up'],
      ],
    ],
    [
      'agent-speaking: a turn of which nothing was heard since the own utterance does not count',
      [
        { on: 'agent-speaking', heardMs: 600, waitMs: 0, ...say(400) },
        { on: 'agent-speaking', heardMs: 600, waitMs: 0, ...hangUp },
      ],
      [
        [0, 900],
        [3000, 5000],
      ],
      [
        [600, 'speaks'],
        [1000, 'stops'],
        [3600, 'hangs up'],
      ],
    ],
    [
      'saying: in the middle of the own utterance',
      [
        { on: 'answered', waitMs: 100, ...say(2000) },
        { on: 'saying', waitMs: 700, ...hangUp },
      ],
      [],
      [
        [100, 'speaks'],
        [800, 'hangs up'],
      ],
    ],
    [
      'said: after the end of the own utterance',
      [
        { on: 'answered', waitMs: 0, ...say(1000) },
        { on: 'said', waitMs: 500, ...hangUp },
      ],
      [],
      [
        [0, 'speaks'],
        [1000, 'stops'],
        [1500, 'hangs up'],
      ],
    ],
    [
      'press: one key after the other',
      [
        { on: 'answered', waitMs: 100, act: 'press', digits: '12#' },
        { on: 'said', waitMs: 0, ...hangUp },
      ],
      [],
      [
        [100, 'presses 1'],
        [300, 'presses 2'],
        [500, 'presses #'],
        [520, 'hangs up'],
      ],
    ],
  ]
  test.each(table)('%s', (_, steps, agent, acts) => expect(play(steps, agent).acts).toEqual(acts))
})

describe('who has the other end of the line', () => {
  const table: [what: string, steps: CallerStep[], away: Away, acts: Act[]][] = [
    [
      'waiting, and then connected',
      [
        { on: 'waiting', waitMs: 500, ...say(200) },
        { on: 'connected', waitMs: 100, ...hangUp },
      ],
      [
        [1000, 6000, 'waiting'],
        [6000, 9000, 'person'],
      ],
      [
        [1500, 'speaks'],
        [1700, 'stops'],
        [6100, 'hangs up'],
      ],
    ],
    [
      'returned: only once there was somebody else since the last step',
      [{ on: 'returned', waitMs: 0, ...hangUp }],
      [[40_000, 90_000, 'waiting']],
      [[90_000, 'hangs up']],
    ],
    [
      'returned twice: from two people',
      [
        { on: 'returned', waitMs: 0, act: 'listen' },
        { on: 'returned', waitMs: 0, ...hangUp },
      ],
      [
        [1000, 3000, 'person'],
        [7000, 8000, 'person'],
      ],
      [[8000, 'hangs up']],
    ],
    [
      'listen does nothing, and the next step counts from it',
      [
        { on: 'returned', waitMs: 0, act: 'listen' },
        { on: 'agent-finished', waitMs: 0, ...hangUp },
      ],
      [[1000, 3000, 'waiting']],
      [[5300, 'hangs up']],
    ],
  ]
  test.each(table)('%s', (_, steps, away, acts) => {
    const agent: [number, number][] = [
      [200, 800],
      [4000, 5000],
    ]
    expect(play(steps, agent, 100_000, away).acts).toEqual(acts)
  })

  test('a person is waited for three minutes', () => {
    const { acts, told } = play([{ on: 'connected', waitMs: 0, ...say(100) }], [], 200_000)
    expect(acts).toEqual([[180_000, 'hangs up']])
    expect(told.at(-1)?.what).toBe('gave up')
  })
})

test('a machine beeps for half a second', () => {
  const { acts } = play(
    [
      { on: 'answered', waitMs: 100, act: 'beep' },
      { on: 'said', waitMs: 0, ...hangUp },
    ],
    [],
  )
  expect(acts).toEqual([
    [100, 'speaks'],
    [600, 'stops'],
    [600, 'hangs up'],
  ])
})

describe('tones', () => {
  test('a beep is known in each of its frames, whatever its phase; silence, noise and other tones are none', () => {
    const frames = (bytes: Uint8Array, from = 0) =>
      Array.from({ length: Math.floor((bytes.length - from) / 160) }, (_, at) =>
        bytes.subarray(from + 160 * at, from + 160 * (at + 1)),
      )
    for (const from of [0, 3, 77, 159]) expect(frames(beep(500), from).every(isBeep)).toBe(true)
    expect(frames(silence(1600)).some(isBeep)).toBe(false)
    expect(frames(tone(500)).some(isBeep)).toBe(false)
    expect(isBeep(beep(20).subarray(0, 80))).toBe(false)
  })

  test('no frame of speech in any fixture is taken for a beep', async () => {
    const folder = new URL('../../sim/fixtures/audio/', import.meta.url).pathname
    for await (const file of new Bun.Glob('*.ulaw').scan(folder)) {
      const bytes = await Bun.file(folder + file).bytes()
      for (let at = 0; at + 160 <= bytes.length; at += 160)
        if (isBeep(bytes.subarray(at, at + 160))) throw new Error(`${file} beeps at ${at / 8} ms`)
    }
  })
})

test('a cue that does not come in 30 s makes the caller hang up, and is reported', () => {
  const { acts, told } = play([{ on: 'agent-finished', waitMs: 0, ...say(100) }], [])
  expect(acts).toEqual([[30_000, 'hangs up']])
  expect(told.at(-1)).toMatchObject({
    what: 'gave up',
    body: { problem: expect.stringContaining('step 1, on agent-finished') },
  })
})

test('a caller with nothing more to do listens for 60 s', () => {
  expect(play([{ on: 'answered', waitMs: 0, ...say(1000) }], [[1000, 90_000]]).acts.at(-1)).toEqual([
    61_000,
    'hangs up',
  ])
})

test('late timers make single beats late, never the ones after them', () => {
  let nowMs = 0
  let timer: { dueAtMs: number; run: () => void } | null = null
  const clock: SimClock = {
    ...realClock,
    now: () => nowMs,
    after(delayMs, run) {
      timer = { dueAtMs: nowMs + delayMs, run }
      return () => {
        timer = null
      }
    },
  }
  const beats: number[] = []
  const stop = startBeat(clock, 20, (atMs) => beats.push(atMs))
  for (const lateMs of [0, 7, 3, 90, 0, 19]) {
    if (timer === null) break
    const { dueAtMs, run } = timer as { dueAtMs: number; run: () => void }
    nowMs = dueAtMs + lateMs
    run()
  }
  stop()
  expect(beats).toEqual(beats.map((_, count) => 20 * count))
  expect(nowMs - (beats.at(-1) ?? 0)).toBeLessThan(20)
  expect(timer).toBeNull()
})
