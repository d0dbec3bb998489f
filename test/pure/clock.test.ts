// Virtual time: the order of timers, standing still while work is under way, and what can go wrong.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { createVirtualClock, realClock, type VirtualClock } from '../../sim/clock.ts'

const startMs = 1_700_000_000_000
const newClock = (stuckAfterMs?: number) => createVirtualClock({ startMs, stuckAfterMs })
const sleep = (clock: VirtualClock, ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve))
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
const turns = async (count: number) => {
  for (let each = 0; each < count; each++) await turn()
}

describe('virtual time', () => {
  test('timers run in the order of their times, and those of one instant in the order in which they were set', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 30 }), async (delays) => {
        const clock = newClock()
        const ran: { delay: number; place: number; atMs: number }[] = []
        delays.forEach((delay, place) => {
          clock.after(delay, () => ran.push({ delay, place, atMs: clock.now() - startMs }))
        })
        await clock.run(sleep(clock, 6))
        const wanted = delays.map((delay, place) => ({ delay, place, atMs: delay }))
        expect(ran).toEqual(wanted.sort((a, b) => a.delay - b.delay || a.place - b.place))
      }),
    ))

  test('a timer set by a timer for the same instant runs after those already waiting', async () => {
    const clock = newClock()
    const ran: string[] = []
    clock.after(1, () => {
      ran.push('first')
      clock.after(0, () => ran.push('third'))
    })
    clock.after(1, () => ran.push('second'))
    await clock.run(sleep(clock, 2))
    expect(ran).toEqual(['first', 'second', 'third'])
  })

  test('promises continue before the next timer, even of the same instant', async () => {
    const clock = newClock()
    const ran: string[] = []
    clock.after(
      1,
      () =>
        void Promise.resolve()
          .then(turn)
          .then(() => ran.push('consequence')),
    )
    clock.after(1, () => ran.push('next timer'))
    await clock.run(sleep(clock, 2))
    expect(ran).toEqual(['consequence', 'next timer'])
  })

  test('a cancelled timer never runs; cancelling late, or twice, does nothing', async () => {
    const clock = newClock()
    const ran: string[] = []
    const cancel = clock.after(1, () => ran.push('cancelled'))
    const keep = clock.after(1, () => ran.push('kept'))
    cancel()
    cancel()
    await clock.run(sleep(clock, 2))
    keep()
    expect(ran).toEqual(['kept'])
  })

  test('time never moves under a hold, however long the work takes', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 25 }), { minLength: 1, maxLength: 8 }), async (works) => {
        const clock = newClock()
        let moved = 0
        clock.after(1, () => moved++)
        const held = works.map((count) => clock.hold(turns(count).then(() => expect(moved).toBe(0))))
        await clock.run(Promise.all(held))
        expect(clock.now()).toBe(startMs)
      }),
    ))

  test('work held as a function lets time move while it waits for the clock, and only then', async () => {
    const clock = newClock()
    let ticks = 0
    clock.after(1, () => ticks++)
    clock.after(5, () => ticks++)
    const answer = clock.hold(async () => {
      await turns(20)
      expect(ticks).toBe(0)
      await sleep(clock, 3)
      await turns(20)
      expect(ticks).toBe(1)
      return 'late'
    })
    expect(await clock.run(answer)).toBe('late')
    expect(clock.now()).toBe(startMs + 3)
  })

  test('held work that waits for other held work waits for the clock with it', async () => {
    const clock = newClock(500)
    const inner = () => clock.hold(() => sleep(clock, 7))
    await clock.run(clock.hold(inner))
    expect(clock.now()).toBe(startMs + 7)
  })

  test('an idle check is asked before time moves, and holds it while it finds work', async () => {
    const clock = newClock()
    const seen: (number | null)[] = []
    let jobs = 3
    clock.onIdle(async (nextAtMs) => {
      seen.push(nextAtMs)
      await turn()
      return jobs-- > 0
    })
    clock.after(10, () => expect(jobs).toBe(-1))
    await clock.run(sleep(clock, 10))
    expect(seen.slice(0, 4)).toEqual(Array(4).fill(startMs + 10))
  })

  test('a run answers with what was awaited, and fails with its failure', async () => {
    const clock = newClock()
    expect(await clock.run(sleep(clock, 1).then(() => 'value'))).toBe('value')
    await expect(clock.run(sleep(clock, 1).then(() => Promise.reject(new Error('reason'))))).rejects.toThrow('reason')
  })

  test('a timer that throws fails the run', async () => {
    const clock = newClock()
    clock.after(1, () => {
      throw new Error('a bug')
    })
    await expect(clock.run(sleep(clock, 2))).rejects.toThrow('a bug')
  })

  test('work that never settles is named', async () => {
    const clock = newClock(20)
    void clock.hold(new Promise(() => {}), 'POST /api/twilio/status')
    await expect(clock.run(sleep(clock, 1))).rejects.toThrow('waiting for POST /api/twilio/status')
  })

  test('an idle check that always finds work is named', async () => {
    const clock = newClock(20)
    clock.onIdle(() => true, 'the job queue')
    await expect(clock.run(sleep(clock, 1))).rejects.toThrow('the job queue')
  })

  test('what can never come is told at once', async () => {
    await expect(newClock().run(new Promise(() => {}))).rejects.toThrow('no timer is left')
  })

  test('a thousand steps with a hold each take well under a second', async () => {
    const clock = newClock()
    const startedAt = performance.now()
    const done = new Promise<void>((resolve) => {
      const step = (left: number) => {
        void clock.hold(turn())
        if (left > 0) clock.after(20, () => step(left - 1))
        else resolve()
      }
      step(1000)
    })
    await clock.run(done)
    expect(clock.now() - startMs).toBe(20_000)
    expect(performance.now() - startedAt).toBeLessThan(500)
  })
})

test('on the real clock a hold is only the work', async () => {
  expect(await realClock.hold(Promise.resolve(1))).toBe(1)
  expect(await realClock.hold(() => 2)).toBe(2)
  await expect(realClock.hold(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed')
})
