// Chance from a seed: the same seed, the same run.
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { createRandom } from '../../sim/random.ts'

const draws = (seed: string | number, count = 20) => {
  const random = createRandom(seed)
  return Array.from({ length: count }, () => random.next())
}

test('one seed gives one sequence, and another seed another', () => {
  expect(draws(7)).toEqual(draws(7))
  expect(draws(7)).not.toEqual(draws(8))
})

test('what one party draws does not change what another draws', () => {
  const quiet = createRandom(7)
  const busy = createRandom(7)
  for (let each = 0; each < 5; each++) busy.next()
  expect(busy.child('carrier').hex(32)).toBe(quiet.child('carrier').hex(32))
  expect(quiet.child('carrier').hex(32)).not.toBe(quiet.child('model').hex(32))
})

test('whole numbers keep to their bounds and reach both', () =>
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: -50, max: 50 }), fc.integer({ min: 0, max: 5 }), (seed, min, width) => {
      const random = createRandom(seed)
      const drawn = new Set(Array.from({ length: 200 }, () => random.int(min, min + width)))
      expect([...drawn].sort((a, b) => a - b)).toEqual(Array.from({ length: width + 1 }, (_, at) => min + at))
    }),
  ))

test('draws are spread evenly enough for what they are for', () => {
  const buckets = Array(10).fill(0)
  for (const draw of draws('spread', 10_000)) buckets[Math.floor(draw * 10)]++
  for (const count of buckets) expect(Math.abs(count - 1000)).toBeLessThan(150)
})

test('hexadecimal digits have the length asked for; an empty list cannot be picked from', () => {
  expect(createRandom(1).hex(32)).toMatch(/^[0-9a-f]{32}$/)
  expect(() => createRandom(1).pick([])).toThrow('empty list')
})
