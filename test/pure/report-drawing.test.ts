// The reckoning behind the page of a call: where an instant lies, which labels share a row, and how a voice is outlined.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { encodeMulaw, silence } from '../../sim/audio.ts'
import { axisOf } from '../../sim/report/axis.ts'
import { told } from '../../sim/report/spans.ts'
import { stack } from '../../sim/report/stack.ts'
import { waveformOf } from '../../sim/report/waveform.ts'
import { at, auditedCall } from '../support/audited-call.ts'

/** The call made by hand, with a mail so long after it. */
const axisWithMailAfter = (ms: number) => {
  const call = auditedCall()
  call.inbox.requests.push({ atMs: at(8_700 + ms), idempotencyKey: null, status: 200, error: null })
  return axisOf(call)
}

describe('the time axis', () => {
  test('gives a second of the call a second’s place, whatever comes after it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 8_700 }), fc.integer({ min: 0, max: 3_600_000 }), (ms, afterMs) => {
        expect(axisWithMailAfter(afterMs).place(at(ms))).toBeCloseTo(ms / 1000, 6)
      }),
    )
  })

  test('keeps the order of all instants, and all of them on the page', () => {
    const instant = fc.integer({ min: 0, max: 3_600_000 })
    fc.assert(
      fc.property(instant, instant, (one, other) => {
        const [earlier = 0, later = 0] = [one, other].sort((a, b) => a - b)
        const { place, length } = axisWithMailAfter(later)
        const [first, second] = [place(at(8_700 + earlier)), place(at(8_700 + later))]
        expect(second).toBeGreaterThanOrEqual(first)
        expect(second).toBeLessThanOrEqual(length)
      }),
    )
  })

  test('draws what comes soon after the call like the call, and what comes late closer together, never wider', () => {
    expect(axisWithMailAfter(1_200)).toMatchObject({ squeeze: 1, length: 10.3, callLength: 8.7 })
    const late = axisWithMailAfter(600_000)
    expect(late.squeeze).toBe(150)
    expect(late.length).toBeLessThan(14)
  })

  test('tells every second of the call, and some minutes of what comes long after', () => {
    const labels = axisWithMailAfter(600_000).ticks.map(({ label }) => label)
    expect(labels.slice(0, 9)).toEqual(['0 s', '1 s', '2 s', '3 s', '4 s', '5 s', '6 s', '7 s', '8 s'])
    expect(labels.slice(9)).toEqual(['2:00', '4:00', '6:00', '8:00'])
  })

  test('has a place for every tick, and no more large ones than can be read', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 7_200_000 }), (lastsMs) => {
        const call = auditedCall()
        call.carrier.endedAtMs = at(lastsMs)
        const { ticks, length } = axisOf(call)
        expect(ticks.every(({ place }) => place >= 0 && place <= length)).toBe(true)
        expect(ticks.filter(({ isMajor }) => isMajor).length).toBeLessThan(40)
      }),
      { numRuns: 50 },
    )
  })
})

describe('labels in rows', () => {
  test('never cover each other, and never leave the lane to the right', () => {
    const label = fc.record({ place: fc.integer({ min: 0, max: 1_000 }), width: fc.integer({ min: 10, max: 200 }) })
    fc.assert(
      fc.property(fc.array(label, { maxLength: 30 }), (labels) => {
        const places = stack(labels, 1_000)
        const boxes = labels.map(({ place, width }, index) => {
          const { row = 0, isLeft = false } = places[index] ?? {}
          return { row, from: isLeft ? place - width : place, to: isLeft ? place : place + width }
        })
        expect(boxes.every(({ to }) => to <= 1_000)).toBe(true)
        const clash = boxes.find((one, index) =>
          boxes.some(
            (other, place) => place > index && one.row === other.row && one.from < other.to && other.from < one.to,
          ),
        )
        expect(clash).toBeUndefined()
      }),
    )
  })

  test('begin again in the first row as soon as there is room', () => {
    const labels = [0, 10, 20, 200].map((place) => ({ place, width: 100 }))
    expect(stack(labels, 1_000).map(({ row }) => row)).toEqual([0, 1, 2, 0])
  })
})

describe('a waveform', () => {
  const tone = (ms: number, level: number) =>
    encodeMulaw(Int16Array.from({ length: ms * 8 }, (_, index) => Math.round(level * Math.sin(index / 3))))

  /** The outline's points, from its relative steps. */
  function pointsOf(path: string) {
    const points: { x: number; y: number }[] = []
    for (const [, x = '', y = '', there = '', middle = '', back = ''] of path.matchAll(
      /M(\S+) (\S+)l([^V]*)V(\d+)l([^Z]*)Z/g,
    )) {
      let at = { x: Number(x), y: Number(y) }
      const walk = (steps: string) => {
        for (const step of steps.split(' ')) {
          const [dx = 0, dy = 0] = step.split(',').map(Number)
          at = { x: at.x + dx, y: at.y + dy }
          points.push(at)
        }
      }
      walk(there)
      at = { ...at, y: Number(middle) }
      walk(back)
    }
    return points
  }

  test('is empty for silence, and has a column for every ten milliseconds', () => {
    expect(waveformOf(silence(800))).toEqual({ columns: 10, peaks: '', body: '' })
  })

  test('stays in its frame, and is below the middle what it is above', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 32_000 }), { maxLength: 20 }), (levels) => {
        const { peaks, columns } = waveformOf(Buffer.concat(levels.map((level) => tone(15, level))))
        const points = pointsOf(peaks)
        expect(points.every(({ x, y }) => x >= 0 && x <= columns && y >= 0 && y <= 100)).toBe(true)
        const above = points.filter(({ y }) => y < 50).map(({ x, y }) => `${x} ${50 - y}`)
        const below = points.filter(({ y }) => y > 50).map(({ x, y }) => `${x} ${y - 50}`)
        expect(below.toSorted()).toEqual(above.toSorted())
      }),
    )
  })

  test('is higher where it is louder, and its body is never higher than its peaks', () => {
    const heightOf = (path: string) => Math.max(0, ...pointsOf(path).map(({ y }) => 50 - y))
    const heights = [500, 2_000, 8_000].map((level) => heightOf(waveformOf(tone(100, level)).peaks))
    expect(heights).toEqual(heights.toSorted((a, b) => a - b))
    const { peaks, body } = waveformOf(tone(100, 8_000))
    expect(heightOf(body)).toBeLessThan(heightOf(peaks))
  })

  test('leaves out what is silent between two sounds', () => {
    const bytes = Buffer.concat([tone(100, 8_000), silence(4_000), tone(100, 8_000)])
    expect(waveformOf(bytes).peaks.match(/M/g)).toHaveLength(2)
  })
})

describe('a length of time', () => {
  test.each([
    [0, '0 ms'],
    [0.4, '0 ms'],
    [872.4, '872 ms'],
    [999.7, '1.0 s'],
    [1_018, '1.0 s'],
    [45_000, '45.0 s'],
    [119_700, '2 min 0 s'],
    [600_000, '10 min 0 s'],
  ])('of %d ms is told as %s', (ms, text) => {
    expect(told(ms)).toBe(text)
  })
})
