// The telephone's audio: μ-law and back, loudness, WAV files of any rate, and a mixture.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import wavefile from 'wavefile'
import { decodeMulaw, encodeMulaw, isAudible, loudness, mix, readWav, silence, writeWav } from '../../sim/audio.ts'
import { layTrack } from '../../sim/carrier/tape.ts'
import { tone } from './carrier-rig.ts'

describe('audio', () => {
  test('μ-law is what it was after decoding and encoding, but for the two zeros', () => {
    const all = Uint8Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => byte !== 0x7f)
    expect(encodeMulaw(decodeMulaw(all))).toEqual(all)
  })

  test('silence is silent, speech is not', () => {
    expect(loudness(silence(800))).toBe(0)
    expect(isAudible(silence(800))).toBe(false)
    expect(isAudible(tone(20))).toBe(true)
    expect(isAudible(encodeMulaw(Int16Array.from({ length: 160 }, (_, at) => (at % 2 ? 60 : -60))))).toBe(false)
  })

  test('a WAV file gives back the tracks that were written', () => {
    const wav = writeWav([tone(100), silence(8)])
    expect(wav).toHaveLength(44 + 2 * 2 * 800)
    expect(readWav(wav)).toEqual(tone(100))
    expect(readWav(writeWav([tone(50)]))).toEqual(tone(50))
  })

  test('a WAV file of another rate is brought to the line’s: the same tone, as loud and as long', () => {
    const file = new wavefile.WaveFile()
    const samples = Int16Array.from({ length: 44_100 }, (_, at) => 8_000 * Math.sin((2 * Math.PI * 440 * at) / 44_100))
    file.fromScratch(1, 44_100, '16', samples)
    const audio = readWav(file.toBuffer())
    expect(Math.abs(audio.length - 8_000)).toBeLessThanOrEqual(1)
    expect(loudness(audio, 800, 7_200)).toBeCloseTo(8_000 / Math.SQRT2, -3)
    const line = decodeMulaw(audio.subarray(800, 7_200))
    const rises = line.filter((sample, at) => sample >= 0 && (line[at - 1] ?? 0) < 0).length
    expect(rises / 0.8).toBeCloseTo(440, -1)
  })

  test('what would fold back from above 4 kHz is taken out of it', () => {
    const file = new wavefile.WaveFile()
    const hiss = Int16Array.from({ length: 24_000 }, (_, at) => 8_000 * Math.sin((2 * Math.PI * 7_000 * at) / 24_000))
    file.fromScratch(1, 24_000, '16', hiss)
    expect(loudness(readWav(file.toBuffer()), 800, 7_200)).toBeLessThan(100)
  })

  test('mixing with silence changes nothing', () => {
    expect(mix(tone(100), silence(80))).toEqual(tone(100))
    expect(mix(silence(80), tone(100))).toEqual(tone(100))
  })

  test('a track has each piece where it sounded, cut at the ends, and silence elsewhere', () =>
    fc.assert(
      fc.property(
        fc.array(fc.record({ atMs: fc.integer({ min: -50, max: 150 }), ms: fc.integer({ min: 0, max: 30 }) })),
        (given) => {
          const pieces = given.map(({ atMs, ms }, place) => ({ atMs, bytes: new Uint8Array(ms * 8).fill(place) }))
          const expected = silence(800)
          for (const { atMs, bytes } of pieces)
            bytes.forEach((byte, at) => {
              const place = atMs * 8 + at
              if (place >= 0 && place < 800) expected[place] = byte
            })
          expect(layTrack(pieces, 0, 100)).toEqual(expected)
        },
      ),
    ))
})
