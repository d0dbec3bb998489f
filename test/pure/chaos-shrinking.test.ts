// What fails is made as small as it can be; and every fault that a call can be put through by chance, is.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { drawFaults, virtualFaults } from '../../sim/chaos/drawing.ts'
import { formatFaults, parseFaults } from '../../sim/chaos/faults.ts'
import { smallest } from '../../sim/chaos/shrinking.ts'
import type { Strike } from '../../sim/chaos/strikes.ts'
import { createRandom } from '../../sim/random.ts'

const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 99 }), { maxLength: 24 })

describe('the smallest list that fails', () => {
  test('still fails, in its order, and without any one of its members no more', async () => {
    await fc.assert(
      fc.asyncProperty(numbers, fc.integer({ min: 1, max: 4 }), async (list, modulus) => {
        // Fails while two members are left that are divisible, or everything is there.
        const fails = async (part: number[]) =>
          part.length === list.length || part.filter((each) => each % (modulus + 1) === 0).length >= 2
        const found = await smallest(list, fails, 1_000)
        expect(found.list).toEqual(list.filter((each) => found.list.includes(each)))
        expect(await fails(found.list)).toBe(true)
        expect(found.isMinimal).toBe(true)
        for (const each of found.list) expect(await fails(found.list.filter((other) => other !== each))).toBe(false)
      }),
    )
  })

  test('has the one strike that matters, of whatever kind it is and whatever else struck', async () => {
    const strikes: Strike[] = [
      { fault: 'delay', callback: 'completed #1', byMs: 500 },
      { fault: 'repeat', request: 'resume in-progress #1' },
      { fault: 'ws-cut', atMs: 3_000 },
      { fault: 'model-cut', atMs: 4_000 },
      { fault: 'model-expires', atMs: 4_500 },
      { fault: 'model-refuses', handshake: 2 },
      { fault: 'crash', atMs: 5_000 },
      { fault: 'deploy', atMs: 6_000 },
      { fault: 'db-restart', atMs: 7_000 },
      { fault: 'mail-timeout', attempt: 1 },
    ]
    for (const strike of strikes)
      expect((await smallest(strikes, async (part) => part.includes(strike), 60)).list).toEqual([strike])
  })

  test('is empty for what fails without anything, and found in one try', async () => {
    expect(await smallest([1, 2, 3], async () => true, 10)).toEqual({ list: [], tries: 1, isMinimal: true })
  })

  test('is told to be not the smallest when the tries were used up', async () => {
    const list = Array.from({ length: 40 }, (_, n) => n)
    const both = async (part: number[]) => part.includes(7) && part.includes(31)
    const found = await smallest(list, both, 6)
    expect(found.tries).toBe(6)
    expect(found.isMinimal).toBe(false)
    expect(await both(found.list)).toBe(true)
  })
})

describe('faults by chance', () => {
  test('are such as can be asked for, with the one that must be among them, and the same for the same seed', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom(...virtualFaults), (seed, must) => {
        const faults = drawFaults(createRandom(seed), must)
        expect(faults.map(({ fault }) => fault)).toContain(must)
        expect(parseFaults(formatFaults(faults))).toEqual(faults)
        expect(drawFaults(createRandom(seed), must)).toEqual(faults)
      }),
    )
  })

  test('are all that a call on the virtual clock can bear, the model’s too; and nobody is refused who does not come back', () => {
    expect(virtualFaults).toEqual(expect.arrayContaining(['model-cut', 'model-expires', 'model-refuses']))
    fc.assert(
      fc.property(fc.string(), (seed) => {
        const names = drawFaults(createRandom(seed), 'model-refuses').map(({ fault }) => fault)
        expect(names).toContain('model-cut')
      }),
    )
  })
})
