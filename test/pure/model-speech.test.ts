// Speech made offline: the same bytes every time, at a telephone's level, kept on disk, never half-written.
import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mulaw } from 'alawmulaw'
import { createSpeech } from '../../sim/speech.ts'

const WORDS = 'Cedar Clinic, good morning. How can I help you?'
const folders: string[] = []
async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'frontdesk-speech-'))
  folders.push(folder)
  return folder
}
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))))

const rootMeanSquare = (samples: Int16Array) =>
  Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length)
const dbfs = (level: number) => 20 * Math.log10(level / 0x8000)

describe('speech', () => {
  for (const voice of ['slt', 'rms', 'awb', 'kal', 'kal16'])
    test(`by ${voice} has a telephone's level, does not clip, and begins and ends almost at once`, async () => {
      const audio = await createSpeech({ cacheFolder: await newFolder() }).speak(WORDS, voice)
      const samples = mulaw.decode(audio)
      expect(dbfs(rootMeanSquare(samples))).toBeWithin(-24, -18)
      expect(Math.max(...samples.map(Math.abs))).toBeLessThan(32_000)
      expect(audio.length / 8).toBeWithin(2000, 5000)
      for (const edge of [samples.subarray(0, 800), samples.subarray(-800)])
        expect(dbfs(rootMeanSquare(edge))).toBeGreaterThan(-50)
    })

  test('is the same bytes from two folders, and another voice is other bytes', async () => {
    const [one, other] = [
      createSpeech({ cacheFolder: await newFolder() }),
      createSpeech({ cacheFolder: await newFolder() }),
    ]
    expect(await one.speak(WORDS)).toEqual(await other.speak(WORDS))
    expect(await one.speak(WORDS, 'rms')).not.toEqual(await one.speak(WORDS, 'slt'))
  })

  test('is taken from the folder the second time, whoever asks', async () => {
    const cacheFolder = await newFolder()
    await createSpeech({ cacheFolder }).speak(WORDS)
    const [name = ''] = await readdir(cacheFolder)
    await writeFile(join(cacheFolder, name), Uint8Array.of(1, 2, 3))
    expect(await createSpeech({ cacheFolder }).speak(WORDS)).toEqual(Uint8Array.of(1, 2, 3))
  })

  test('asked for many times at once is made once, and leaves one file and nothing unfinished', async () => {
    const cacheFolder = await newFolder()
    const [one, other] = [createSpeech({ cacheFolder }), createSpeech({ cacheFolder })]
    const all = await Promise.all([one, one, other, other].map((speech) => speech.speak(WORDS)))
    const files = await readdir(cacheFolder)
    expect(files).toHaveLength(1)
    const kept = new Uint8Array(await readFile(join(cacheFolder, files[0] ?? '')))
    for (const audio of all) expect(audio).toEqual(kept)
  })

  for (const [name, text, voice] of [
    ['an unknown voice', WORDS, 'marin'],
    ['no words', '   ', 'slt'],
    ['punctuation alone', '…!', 'slt'],
    ['too many words', 'word '.repeat(500), 'slt'],
  ] as const)
    test(`refuses ${name}, and keeps nothing`, async () => {
      const cacheFolder = await newFolder()
      await expect(createSpeech({ cacheFolder }).speak(text, voice)).rejects.toThrow('Cannot speak')
      expect(await readdir(cacheFolder)).toEqual([])
    })
})
