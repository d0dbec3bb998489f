// The caller's audio on its way to the model: held until it listens, whole, and with silence where frames are missing.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { createEar } from '../../src/bridge/ear.ts'
import { lineLimits } from '../../src/bridge/limits.ts'

const speech = (n: number) => Buffer.alloc(160, n & 127).toString('base64')

/** An ear, and what came through it, as bytes. */
function listening(limits = {}) {
  const ear = createEar({ ...lineLimits, ...limits })
  const passed: Buffer[] = []
  const open = (again: Parameters<typeof ear.open>[1] = null) =>
    ear.open((message) => void passed.push(Buffer.from(JSON.parse(message).audio, 'base64')), again)
  const frame = (n: number, timestampMs: number | null = n * 20) =>
    ear.hear({ timestampMs, payload: speech(n) }, n * 20)
  /** Runs of bytes: [what, how many]; silence is 255. */
  const runs = () => {
    const found: [number, number][] = []
    for (const byte of Buffer.concat(passed)) {
      const last = found.at(-1)
      if (last?.[0] === byte) last[1]++
      else found.push([byte, 1])
    }
    return found
  }
  return { ear, open, frame, runs, passed }
}

describe('attending', () => {
  const said = (value: number) => Buffer.alloc(160, value).toString('base64')
  /** μ-law of a sample near 2000, and of one near 50. */
  const [loud, soft] = [said(0xbf), said(0xf8)]
  const attentive = () => {
    const { ear, open } = listening()
    open()
    let told = 0
    ear.attend(100, () => told++)
    let n = 0
    const hear = (...frames: string[]) => {
      for (const payload of frames) ear.hear({ timestampMs: n * 20, payload }, n++ * 20)
      return told
    }
    return { ear, hear }
  }

  test('tells once that the caller is loud after so long, whatever they were before', () => {
    const { hear } = attentive()
    expect(hear(loud, loud, soft, soft)).toBe(0)
    expect(hear(loud, loud)).toBe(0)
    expect(hear(loud)).toBe(1)
    expect(hear(loud, loud, loud, loud, loud)).toBe(1)
  })

  test('takes no click for speech, and hears nobody in the noise of a line', () => {
    const { hear } = attentive()
    expect(hear(soft, soft, soft, soft, soft, loud, loud, soft, loud, loud, soft)).toBe(0)
    expect(hear(...Array.from({ length: 100 }, () => soft))).toBe(0)
  })

  test('heeds the newest wish, and none when the call is over', () => {
    const { ear, hear } = attentive()
    let other = 0
    ear.attend(40, () => other++)
    expect(hear(loud, loud, loud, loud, loud, loud)).toBe(0)
    expect(other).toBe(1)
    ear.attend(0, () => other++)
    ear.close()
    hear(loud, loud, loud, loud)
    expect(other).toBe(1)
  })
})

describe('holding', () => {
  test('passes on what was held first, then everything, in order and untouched', () => {
    const { open, frame, runs } = listening()
    for (const n of [1, 2]) frame(n)
    expect(open()).toBe(0)
    frame(3)
    expect(runs()).toEqual([
      [1, 160],
      [2, 160],
      [3, 160],
    ])
  })

  test('holds no more than its limit: the oldest is lost, and counted', () => {
    const { open, frame, runs } = listening({ heldAudioMs: 60 })
    for (const n of [1, 2, 3, 4, 5]) frame(n)
    expect(open()).toBe(40)
    expect(runs().map(([n]) => n)).toEqual([3, 4, 5])
  })

  test('sends one message a frame', () => {
    const { open, frame, passed } = listening()
    open()
    for (let n = 1; n <= 50; n++) frame(n)
    expect(passed).toHaveLength(50)
  })
})

describe('missing frames', () => {
  test('are silence of the same length', () => {
    const { open, frame, runs } = listening()
    open()
    frame(1)
    frame(5)
    expect(runs()).toEqual([
      [1, 160],
      [255, 480],
      [5, 160],
    ])
  })

  test('are silence for no longer than the limit of one gap', () => {
    const { open, frame, runs } = listening({ gapPaddingMs: 100 })
    open()
    frame(1)
    frame(1_000)
    expect(runs()).toEqual([
      [1, 160],
      [255, 800],
      [1_000 & 127, 160],
    ])
  })

  test('jitter of less than a frame adds nothing, however long it goes on', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -9, max: 9 }), { maxLength: 200 }), (jitter) => {
        const { ear, open, runs } = listening()
        open()
        jitter.forEach((ms, n) => {
          ear.hear({ timestampMs: 100 + n * 20 + ms, payload: speech(1) }, n * 20)
        })
        expect(runs()).toEqual(jitter.length === 0 ? [] : [[1, jitter.length * 160]])
      }),
    )
  })

  test('frames without a readable time are taken as they come', () => {
    const { open, frame, runs } = listening()
    open()
    frame(1)
    frame(2, null)
    frame(3)
    expect(runs().map(([n]) => n)).toEqual([1, 2, 3])
  })

  test('when frames stay away, silence is due after a while; when they come back, it is not added a second time', () => {
    const { ear, open, frame, runs } = listening()
    open()
    frame(1)
    expect(ear.silenceDueAtMs()).toBe(20 + lineLimits.lostFramesMs)
    ear.fillSilence(770)
    frame(76)
    // 1,480 ms are missing; 1,000 were filled in already.
    expect(runs()).toEqual([
      [1, 160],
      [255, 1_480 * 8],
      [76, 160],
    ])
  })

  test('silence for frames that stay away has an end', () => {
    const { ear, open, frame } = listening({ gapPaddingMs: 3_000 })
    open()
    frame(1)
    for (let n = 1; n <= 3; n++) ear.fillSilence(n * 1_000)
    expect(ear.silenceDueAtMs()).toBe(Number.POSITIVE_INFINITY)
  })
})

test('a closed ear hears nothing', () => {
  const { ear, open, frame, passed } = listening()
  open()
  ear.close()
  frame(1)
  expect(passed).toEqual([])
  expect(ear.silenceDueAtMs()).toBe(Number.POSITIVE_INFINITY)
})

describe('a model that is lost', () => {
  test('what comes meanwhile is held, and the next model hears it after what it must hear again', () => {
    const { ear, open, frame, passed } = listening()
    open()
    for (const n of [1, 2, 3, 4]) frame(n)
    ear.hold()
    for (const n of [5, 6]) frame(n)
    expect(passed).toHaveLength(4)
    passed.length = 0
    expect(open({ fromMs: 40, mostMs: 1_000 })).toBe(0)
    frame(7)
    expect(passed.map((bytes) => bytes[0])).toEqual([3, 4, 5, 6, 7])
  })

  test('nothing is heard again but what was asked for, whole frames, and no more than the last of it', () => {
    for (const [again, expected] of [
      [null, []],
      [{ fromMs: 50, mostMs: 1_000 }, [3, 4]],
      [{ fromMs: 0, mostMs: 40 }, [3, 4]],
      [{ fromMs: 80, mostMs: 1_000 }, []],
    ] as const) {
      const { ear, open, frame, passed } = listening()
      open()
      for (const n of [1, 2, 3, 4]) frame(n)
      ear.hold()
      passed.length = 0
      open(again)
      expect(passed.map((bytes) => bytes[0])).toEqual([...expected])
    }
  })

  test('places count from the opening, and what is no longer kept is lost, and counted', () => {
    const { ear, open, frame, passed } = listening({ keptAudioMs: 60 })
    open()
    for (const n of [1, 2, 3]) frame(n)
    ear.hold()
    open({ fromMs: 20, mostMs: 1_000 })
    for (const n of [4, 5, 6]) frame(n)
    ear.hold()
    passed.length = 0
    // Since the second opening: 2, 3, 4, 5, 6.
    expect(open({ fromMs: 20, mostMs: 1_000 })).toBe(20)
    expect(passed.map((bytes) => bytes[0])).toEqual([4, 5, 6])
  })

  test('once closed, nothing is held either', () => {
    const { ear, open, frame, passed } = listening()
    ear.close()
    ear.hold()
    frame(1)
    open()
    expect(passed).toEqual([])
  })
})
