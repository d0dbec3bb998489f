// A kept stretch of audio is the end of all that was added, in whole pieces, whatever their sizes and however often the ring
// that holds it was written over.
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { createStretch, type Piece } from '../../src/bridge/stretch.ts'

const mostMs = 200
/** Of `bytes` of sound, all of one sample, so that a mixed-up piece shows. */
const pieceOf = (bytes: number, sample: number): Piece => ({
  payload: Buffer.alloc(bytes, sample).toString('base64'),
  ms: bytes / 8,
})
const sizes = (smallest: number, largest: number) =>
  fc.array(fc.integer({ min: smallest, max: largest }), { maxLength: 300 })
const piecesOf = (bytes: readonly number[]) => bytes.map((each, n) => pieceOf(each, n % 251))

/** The same, without a ring. */
function keptOf(pieces: readonly Piece[]): { kept: Piece[]; goneMs: number } {
  const kept: Piece[] = []
  let [keptMs, goneMs] = [0, 0]
  for (const piece of pieces) {
    kept.push(piece)
    keptMs += piece.ms
    while (keptMs > mostMs) {
      const { ms } = kept.shift() ?? piece
      keptMs -= ms
      goneMs += ms
    }
  }
  return { kept, goneMs }
}

test('holds the last pieces that are no longer than its limit, after each that is added', () => {
  fc.assert(
    fc.property(sizes(80, 2_000), (bytes) => {
      const stretch = createStretch(mostMs)
      const pieces = piecesOf(bytes)
      for (const [n, piece] of pieces.entries()) {
        stretch.add(piece.payload, piece.ms)
        const { kept, goneMs } = keptOf(pieces.slice(0, n + 1))
        expect(stretch.all()).toEqual(kept)
        expect(stretch.firstMs()).toBeCloseTo(goneMs)
      }
    }),
  )
})

test('of the tiniest pieces holds an end of what was added, true to the character, and forgets nothing of how much is gone', () => {
  fc.assert(
    fc.property(sizes(1, 120), (bytes) => {
      const stretch = createStretch(mostMs)
      const pieces = piecesOf(bytes)
      for (const { payload, ms } of pieces) stretch.add(payload, ms)
      const kept = stretch.all()
      expect(kept).toEqual(pieces.slice(pieces.length - kept.length))
      const length = (of: readonly Piece[]): number => of.reduce((sum, { ms }) => sum + ms, 0)
      expect(stretch.firstMs() + length(kept)).toBeCloseTo(length(pieces))
      expect(length(kept)).toBeLessThanOrEqual(mostMs)
    }),
  )
})

test('tells from a place on whole pieces, and what of it is gone', () => {
  const stretch = createStretch(mostMs)
  const pieces = piecesOf(Array.from({ length: 15 }, () => 160))
  for (const { payload, ms } of pieces) stretch.add(payload, ms)
  expect(stretch.firstMs()).toBe(100)
  expect(stretch.since(250, mostMs)).toEqual({ pieces: pieces.slice(12), lostMs: 0 })
  expect(stretch.since(40, 1_000)).toEqual({ pieces: pieces.slice(5), lostMs: 60 })
  expect(stretch.since(0, 60)).toEqual({ pieces: pieces.slice(12), lostMs: 0 })
})

test('begins anew when it is cleared', () => {
  const stretch = createStretch(mostMs)
  for (const { payload, ms } of piecesOf([160, 160, 1_600])) stretch.add(payload, ms)
  stretch.clear()
  expect([stretch.all(), stretch.firstMs()]).toEqual([[], 0])
  const piece = pieceOf(160, 7)
  stretch.add(piece.payload, piece.ms)
  expect(stretch.all()).toEqual([piece])
})
