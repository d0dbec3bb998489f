// The three audio formats of a session: how many bytes make a millisecond, how to listen to them, how to speak in them, and
// the base64 in which they travel. 8 kHz 16-bit PCM is not among them: audio/pcm has one legal rate, 24 kHz.
import { alaw, mulaw } from 'alawmulaw'

export type AudioFormat = { type: 'audio/pcmu' } | { type: 'audio/pcma' } | { type: 'audio/pcm'; rate: 24000 }

const NARROW_SAMPLES_PER_MS = 8
const PCM_BYTES_PER_MS = 48
/** Three 16-bit samples at 24 kHz last as long as one at 8 kHz. */
const PCM_BYTES_PER_NARROW_SAMPLE = PCM_BYTES_PER_MS / NARROW_SAMPLES_PER_MS

export const bytesPerMs = (format: AudioFormat) =>
  format.type === 'audio/pcm' ? PCM_BYTES_PER_MS : NARROW_SAMPLES_PER_MS

/** How many bytes become one sample of `toNarrow`. */
export const bytesPerNarrowSample = (format: AudioFormat) => bytesPerMs(format) / NARROW_SAMPLES_PER_MS

export const isWholeSamples = (format: AudioFormat, byteLength: number) =>
  format.type !== 'audio/pcm' || byteLength % 2 === 0

/** Decodes to 8 kHz samples, good enough to hear speech in. `bytes` is a multiple of `bytesPerNarrowSample`. */
export function toNarrow(format: AudioFormat, bytes: Uint8Array): Int16Array {
  switch (format.type) {
    case 'audio/pcmu':
      return mulaw.decode(bytes)
    case 'audio/pcma':
      return alaw.decode(bytes)
    case 'audio/pcm': {
      const wide = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      return Int16Array.from({ length: bytes.length / PCM_BYTES_PER_NARROW_SAMPLE }, (_, index) => {
        const at = index * PCM_BYTES_PER_NARROW_SAMPLE
        return (wide.getInt16(at, true) + wide.getInt16(at + 2, true) + wide.getInt16(at + 4, true)) / 3
      })
    }
  }
}

/** Puts 8 kHz μ-law into the session's format; μ-law itself passes untouched. */
export function fromMulaw(format: AudioFormat, audio: Uint8Array): Uint8Array {
  switch (format.type) {
    case 'audio/pcmu':
      return audio
    case 'audio/pcma':
      return alaw.encode(mulaw.decode(audio))
    case 'audio/pcm':
      return widened(mulaw.decode(audio))
  }
}

/** 8 kHz to 24 kHz on straight lines between the samples. */
function widened(samples: Int16Array): Uint8Array {
  const bytes = new Uint8Array(samples.length * PCM_BYTES_PER_NARROW_SAMPLE)
  const wide = new DataView(bytes.buffer)
  for (const [index, sample] of samples.entries()) {
    const next = samples[index + 1] ?? sample
    for (let third = 0; third < 3; third++) {
      wide.setInt16((index * 3 + third) * 2, Math.round(sample + ((next - sample) * third) / 3), true)
    }
  }
  return bytes
}

/** Padded base64; null for anything else. */
export function decodeBase64(text: string): Uint8Array | null {
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: 'strict' })
  } catch {
    return null
  }
}
