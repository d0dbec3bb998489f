// A model that cannot be had any more: how often and when it is tried, and that nobody is cut off for want of it.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { callLimits } from '../../src/bridge/limits.ts'
import { nextDueAtMs } from '../../src/bridge/watch.ts'
import { randomIds, spreadOf } from '../../src/lib/ids.ts'
import { Scene } from './bridge-scene.ts'

const dos = (commands: ReturnType<Scene['news']>) => commands.map((command) => command.do)

/** Every socket breaks, as soon as it is opened. */
function refuse(scene: Scene): void {
  scene.breaks()
  for (let tries = 0; tries < callLimits.reopenTries; tries++) {
    scene.wait(tries === 0 ? 0 : callLimits.reopenMs * 2 ** (tries - 1))
    scene.breaks()
  }
}

/** The agent speaks, for two seconds, and then no session can be had. Answers the marks of what was sent. */
function abandoned(scene: Scene): string[] {
  scene.created('r1')
  const marks = [...scene.speaks('r1', 'a1', 1_000, 'We are open'), ...scene.speaks('r1', 'a1', 1_000, ' from nine.')]
  refuse(scene)
  return marks
}

/** When sockets are opened after the first has broken, where each breaks as soon as it is there. */
function reopenedAfterMs(spread: number): number[] {
  const scene = new Scene({ spread, greeting: null }).live()
  const startMs = scene.nowMs
  const opened: number[] = []
  scene.breaks()
  for (let given = dos(scene.news()); scene.state.phase.is === 'live'; given = dos(scene.news())) {
    if (given.includes('open-model')) {
      opened.push(scene.nowMs - startMs)
      scene.breaks()
    } else scene.wait(nextDueAtMs(scene.state) - scene.nowMs)
  }
  expect(scene.factsOf('model.failed')).toHaveLength(1)
  expect(scene.facts.slice(-2).map(({ kind }) => kind)).toEqual(['stream.ended', 'transcript.settled'])
  return opened
}

const spread = fc.double({ min: 0, max: 1, noNaN: true })

describe('a model that does not come back', () => {
  const { reopenMs, reopenTries, configureMs } = callLimits

  test('is tried again after ever longer waits, then given up: the caller may leave a message', () => {
    expect(reopenedAfterMs(0)).toEqual([0, 0.75, 2.25, 5.25, 11.25].map((waits) => Math.round(waits * reopenMs)))
    expect(reopenedAfterMs(1)).toEqual([1, 2.25, 4.75, 9.75, 19.75].map((waits) => Math.round(waits * reopenMs)))
  })

  test('is tried soon, as often as it may be, and with time left to be configured, wherever a call stands', () => {
    fc.assert(
      fc.property(spread, (where) => {
        const opened = reopenedAfterMs(where)
        expect(opened).toHaveLength(reopenTries)
        expect(opened[0]).toBeLessThanOrEqual(reopenMs)
        expect(opened.at(-1)).toBeLessThanOrEqual(configureMs - 1_000)
      }),
      { numRuns: 200 },
    )
  })

  test('is not tried by many calls at once: they come back in their order, and ever further apart', () => {
    fc.assert(
      fc.property(spread, spread, (one, other) => {
        const [first, second] = [reopenedAfterMs(Math.min(one, other)), reopenedAfterMs(Math.max(one, other))]
        const apart = first.map((ms, tries) => (second[tries] ?? 0) - ms)
        const roundingMs = 2
        expect(apart[0]).toBeGreaterThanOrEqual(reopenMs * Math.abs(one - other) - roundingMs)
        for (const [tries, ms] of apart.entries())
          expect(ms).toBeGreaterThanOrEqual((apart[tries - 1] ?? 0) - roundingMs)
      }),
      { numRuns: 200 },
    )
  })
})

test('where calls stand is drawn by their ids: evenly, and the same each time', () => {
  const ids = Array.from({ length: 4_000 }, () => randomIds.uuid())
  const tenths = Map.groupBy(ids.map(spreadOf), (each) => Math.min(9, Math.floor(each * 10)))
  expect([...tenths.keys()].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  for (const [, each] of tenths) expect(each.length).toBeGreaterThan(200)
  expect(ids.map(spreadOf)).toEqual(ids.map(spreadOf))
  expect(spreadOf('00000000-0000-4000-8000-000000000000')).toBe(0)
  expect(spreadOf('ffffffff-ffff-4fff-bfff-ffffffffffff')).toBe(1)
})

describe('what was sent to the caller when no model can be had', () => {
  test('is heard out, and only then may they leave a message', () => {
    const scene = new Scene().live()
    const [first = '', last = ''] = abandoned(scene)
    expect(scene.factsOf('model.failed')).toEqual([])
    scene.hears([first])
    expect(dos(scene.done)).not.toContain('hang-up')
    scene.hears([last])
    expect(scene.factsOf('model.failed')).toEqual([{ kind: 'model.failed', reason: 'socket closed with 1006' }])
    expect(scene.factsOf('stream.ended')).toMatchObject([{ reason: 'failed' }])
    expect(dos(scene.done).filter((what) => what === 'hang-up')).toHaveLength(1)
  })

  test('holds nobody up whose carrier never says that it was heard', () => {
    const scene = new Scene().live()
    abandoned(scene)
    scene.wait(2_000 + callLimits.markSlackMs)
    expect(scene.factsOf('model.failed')).toHaveLength(1)
  })

  test('opens no further session, and neither does what the ledger or a socket still says', () => {
    const scene = new Scene().live()
    abandoned(scene)
    scene.news()
    scene.recalls()
    scene.tell({ on: 'recalled', session: scene.state.renewal.session, recollection: null })
    scene.breaks()
    scene.wait(1_000)
    expect(dos(scene.news())).toEqual([])
  })

  test('is heard out when the session is not configured in time, too', () => {
    const scene = new Scene().live()
    scene.created('r1')
    const marks = scene.speaks('r1', 'a1', 10_000, 'That is a long story.')
    scene.breaks()
    scene.wait(callLimits.configureMs)
    expect(dos(scene.news()).at(-1)).toBe('drop-model')
    expect(scene.factsOf('model.failed')).toEqual([])
    scene.hears(marks)
    expect(scene.factsOf('model.failed')).toEqual([{ kind: 'model.failed', reason: 'no session' }])
  })

  test('was a goodbye: then the call ends as it was meant to, without a message', () => {
    const scene = new Scene().live()
    scene.created('r1')
    const marks = scene.speaks('r1', 'a1', 4_000, 'Goodbye.')
    scene.calls('r1', 'c1', 'end_call')
    scene.itemDone('r1', 'a1')
    scene.responseDone('r1')
    scene.tell({ on: 'tool-answered', toolCallId: 'c1', output: '{}', endsCall: true })
    refuse(scene)
    scene.hears(marks)
    expect(scene.factsOf('model.failed')).toEqual([])
    expect(scene.factsOf('call.ending')).toMatchObject([{ reason: 'agent' }])
  })
})
