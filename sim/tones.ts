// PURE. Tones that machines make on a telephone: the beep after a greeting, and how to know one when it is heard.
import { decodeMulaw, encodeMulaw, FRAME_MS } from './audio.ts'

const SAMPLES_PER_MS = 8
const BEEP_HZ = 1000
const BEEP_AMPLITUDE = 8000
/** The share of a frame's power that lies in the one tone, from which on it is a beep: speech never comes near. */
const BEEP_SHARE = 0.9
/** Quieter than this is no tone but the line's noise. */
const LEAST_POWER = 200 ** 2

/** A pure tone of 1 kHz as μ-law; `ms` a multiple of 20. */
export function beep(ms: number): Uint8Array {
  const sine = (at: number) => Math.round(BEEP_AMPLITUDE * Math.sin(phaseOf(at)))
  return encodeMulaw(Int16Array.from({ length: ms * SAMPLES_PER_MS }, (_, at) => sine(at)))
}

/** Whether a frame of 20 ms is of such a tone, whatever its phase. */
export function isBeep(frame: Uint8Array): boolean {
  const samples = decodeMulaw(frame)
  let [power, sine, cosine] = [0, 0, 0]
  samples.forEach((sample, at) => {
    power += sample * sample
    sine += sample * Math.sin(phaseOf(at))
    cosine += sample * Math.cos(phaseOf(at))
  })
  const count = FRAME_MS * SAMPLES_PER_MS
  if (samples.length < count || power / count < LEAST_POWER) return false
  return (2 * (sine * sine + cosine * cosine)) / (count * power) >= BEEP_SHARE
}

const phaseOf = (sample: number): number => (2 * Math.PI * BEEP_HZ * sample) / (1000 * SAMPLES_PER_MS)
