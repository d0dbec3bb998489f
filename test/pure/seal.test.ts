// Secrets at rest: ciphertext that opens under its own key, in its own place, unchanged, and in no other way.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { createSeal, type SealKey } from '../../src/organizations/seal.ts'

const key = (id: string, byte: number): SealKey => ({ id, key: new Uint8Array(32).fill(byte) })
const seal = createSeal([key('k1', 1)])
const place = ['5f0c6a1e', 'twilio']

describe('a sealed secret', () => {
  test('opens to what was closed, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (plain) => {
        expect(seal.open(seal.close(plain, place), place)).toBe(plain)
      }),
    )
  })

  test('shows nothing of what it holds, and is another text each time', () => {
    const all = Array.from({ length: 50 }, () => seal.close('auth token', place).sealed)
    expect(new Set(all).size).toBe(50)
    for (const sealed of all) {
      expect(sealed).not.toContain('auth')
      expect(Buffer.from(sealed, 'base64').toString('latin1')).not.toContain('auth')
    }
  })

  test('does not open in another place: neither another clinic, nor another service, nor the two run together', () => {
    const sealed = seal.close('auth token', place)
    for (const elsewhere of [['5f0c6a1f', 'twilio'], ['5f0c6a1e', 'openai'], ['5f0c6a1etwilio'], [...place, ''], []])
      expect(() => seal.open(sealed, elsewhere)).toThrow()
  })

  test('does not open when any part of it was changed or cut', () => {
    const { keyId, sealed } = seal.close('auth token', place)
    const bytes = Buffer.from(sealed, 'base64')
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(() => seal.open({ keyId, sealed: changed.toString('base64') }, place)).toThrow()
      expect(() => seal.open({ keyId, sealed: bytes.subarray(0, at).toString('base64') }, place)).toThrow()
    }
  })

  test('says what is wrong, and nothing of what it holds', () => {
    const sealed = seal.close('auth token', place)
    const sentence = 'Cannot open secret: it is not as key k1 closed it, or not where it belongs'
    expect(() => seal.open(sealed, [])).toThrow(sentence)
    expect(() => createSeal([key('k1', 9)]).open(sealed, place)).toThrow(sentence)
  })
})

describe('a ring of keys', () => {
  const old = createSeal([key('k1', 1)])
  const rotated = createSeal([key('k2', 2), key('k1', 1)])
  const young = createSeal([key('k2', 2)])

  test('opens what an older key closed, and closes with the newest', () => {
    expect(rotated.open(old.close('auth token', place), place)).toBe('auth token')
    expect(rotated.close('x', place).keyId).toBe('k2')
    expect(young.open(rotated.close('x', place), place)).toBe('x')
  })

  test('from which a key was taken opens nothing of it, and says which is missing', () => {
    expect(() => young.open(old.close('x', place), place)).toThrow('Cannot open secret: key k1 is not in the ring')
  })

  test('in which a key was given another one’s name opens nothing of it', () => {
    expect(() => createSeal([key('k1', 2)]).open(old.close('x', place), place)).toThrow()
    const renamed = { ...old.close('x', place), keyId: 'k2' }
    expect(() => createSeal([key('k2', 1)]).open(renamed, place)).toThrow()
  })

  test('that is empty seals nothing', () => {
    expect(() => createSeal([])).toThrow('the key ring is empty')
  })
})

test('what is derived for a purpose is the same on every machine, another for each purpose and each key', () => {
  expect(seal.derive('a')).toMatch(/^[0-9a-f]{32}$/)
  expect(createSeal([key('other', 1)]).derive('a')).toBe(seal.derive('a'))
  expect(new Set([seal.derive('a'), seal.derive('b'), createSeal([key('k1', 2)]).derive('a')]).size).toBe(3)
})
