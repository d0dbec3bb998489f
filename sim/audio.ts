// 8 kHz μ-law as the telephone network carries it: one byte a sample, eight bytes a millisecond. Decoding, encoding,
// silence, loudness and WAV files. Knows nothing of calls, and resamples only what is read from a file.
import { mulaw } from 'alawmulaw'
import { resample } from 'wave-resampler'
import wavefile from 'wavefile'

export const BYTES_PER_MS = 8
export const FRAME_MS = 20
export const FRAME_BYTES = FRAME_MS * BYTES_PER_MS
/** μ-law for a sample of zero. */
const SILENCE = 0xff

/** Quieter than this is not heard as speech: about -44 dB below full scale, well above line noise. */
const AUDIBLE_RMS = 200

export const decodeMulaw = (bytes: Uint8Array): Int16Array => mulaw.decode(bytes)
export const encodeMulaw = (samples: Int16Array): Uint8Array => mulaw.encode(samples)

export const silence = (byteCount: number): Uint8Array => new Uint8Array(byteCount).fill(SILENCE)

const POWER_OF_BYTE = Float64Array.from({ length: 256 }, (_, byte) => mulaw.decodeSample(byte) ** 2)

/** Root mean square of the samples in bytes `from` (included) to `to` (excluded), 0 to 32124; 0 for none. */
export function loudness(bytes: Uint8Array, from = 0, to = bytes.length): number {
  let power = 0
  for (let at = from; at < to; at++) power += POWER_OF_BYTE[bytes[at] ?? SILENCE] ?? 0
  return to > from ? Math.sqrt(power / (to - from)) : 0
}

export const isAudible = (bytes: Uint8Array, from = 0, to = bytes.length): boolean =>
  loudness(bytes, from, to) > AUDIBLE_RMS

/** Both tracks in one, as a mono recording has them; the shorter one is continued with silence. */
export function mix(one: Uint8Array, other: Uint8Array): Uint8Array {
  const [long, short] =
    one.length >= other.length ? [decodeMulaw(one), decodeMulaw(other)] : [decodeMulaw(other), decodeMulaw(one)]
  const sum = long.map((sample, at) => Math.max(-32768, Math.min(32767, sample + (short[at] ?? 0))))
  return encodeMulaw(sum)
}

/** A 16-bit PCM WAV file at 8 kHz, one channel for each track of μ-law given; shorter ones end in silence. */
export function writeWav(tracks: Uint8Array[]): Uint8Array {
  const sampleCount = Math.max(0, ...tracks.map((track) => track.length))
  const channels = tracks.map((track) => {
    const channel = new Int16Array(sampleCount)
    channel.set(decodeMulaw(track))
    return channel
  })
  const file = new wavefile.WaveFile()
  file.fromScratch(tracks.length, 8000, '16', channels.length === 1 ? (channels[0] ?? []) : channels)
  return file.toBuffer()
}

/** The same as μ-law, half as large: for listening to, one byte a sample as it came over the line. */
export function writeMulawWav(tracks: Uint8Array[]): Uint8Array {
  const sampleCount = Math.max(0, ...tracks.map((track) => track.length))
  const channels = tracks.map((track) => {
    const channel = silence(sampleCount)
    channel.set(track)
    return channel
  })
  const file = new wavefile.WaveFile()
  file.fromScratch(tracks.length, 8000, '8m', channels.length === 1 ? (channels[0] ?? []) : channels)
  return file.toBuffer()
}

const LINE_RATE = 8000

/** At the telephone's rate: what lies above 4 kHz is taken out first, or it would fold back as hiss. */
export const atLineRate = (samples: Float64Array, rate: number): Float64Array =>
  rate === LINE_RATE
    ? samples
    : Float64Array.from(resample(samples, rate, LINE_RATE, { method: 'sinc', LPF: true, LPFType: 'FIR' }))

/** The first channel of a WAV file of any rate and depth, as 8 kHz μ-law. Throws when it is not a WAV file. */
export const readWav = (bytes: Uint8Array): Uint8Array => readChannels(bytes)[0] ?? new Uint8Array(0)

/** The same, with all of its channels. */
export function readChannels(bytes: Uint8Array): Uint8Array[] {
  const file = new wavefile.WaveFile(bytes)
  if (file.bitDepth === '8m') file.fromMuLaw()
  else if (file.bitDepth === '8a') file.fromALaw()
  else if (file.bitDepth === '4') file.fromIMAADPCM()
  else if (file.bitDepth !== '16') file.toBitDepth('16')
  const rate = Number(Reflect.get(file.fmt, 'sampleRate'))
  const channelCount = Number(Reflect.get(file.fmt, 'numChannels'))
  const interleaved = file.getSamples(true, Int16Array)
  return Array.from({ length: channelCount }, (_, channel) => {
    const samples = atLineRate(Float64Array.from(interleaved.filter((_, at) => at % channelCount === channel)), rate)
    return encodeMulaw(Int16Array.from(samples, (sample) => Math.max(-32768, Math.min(32767, Math.round(sample)))))
  })
}
