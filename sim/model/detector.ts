// Hears where speech begins and ends in 8 kHz audio: WebRTC's detector behind a loudness gate. Its only clock is the audio
// it was given, so a gap in the audio is a gap in its time.
import loadFvad from '@echogarden/fvad-wasm'

export type Edge = {
  edge: 'started' | 'stopped'
  /** Milliseconds of audio since the detector began; a start may lie before it by the padding. */
  atMs: number
}
export type Sensitivity = { threshold: number; prefixPaddingMs: number; silenceMs: number }
export type Detector = { hear(samples: Int16Array): Edge[]; free(): void }
export type Ear = { listen(sensitivity: Sensitivity): Detector }

const SAMPLE_RATE = 8000
const FRAME_MS = 20
const FRAME_SAMPLES = (SAMPLE_RATE / 1000) * FRAME_MS
const MODE_VERY_AGGRESSIVE = 3
/** Speech is this many voiced frames among the last few: a click is not speech. */
const ONSET_FRAMES = 4
const ONSET_WINDOW_FRAMES = 5
/** A threshold of 0 lets -60 dBFS through, 1 wants -30 dBFS; speech on a telephone line is near -20 dBFS. */
const GATE_LOWEST_DBFS = -60
const GATE_SPAN_DB = 30

/** Loads the detector once; every session then listens with it. */
export async function openEar(): Promise<Ear> {
  const fvad = await loadFvad()
  return { listen: (sensitivity) => createDetector(fvad, sensitivity) }
}

function createDetector(fvad: Awaited<ReturnType<typeof loadFvad>>, sensitivity: Sensitivity): Detector {
  const handle = fvad._fvad_new()
  const address = fvad._malloc(FRAME_SAMPLES * 2)
  if (handle === 0 || address === 0) throw new Error('Cannot listen: no memory for another detector')
  fvad._fvad_set_sample_rate(handle, SAMPLE_RATE)
  fvad._fvad_set_mode(handle, MODE_VERY_AGGRESSIVE)

  const gate = 0x8000 * 10 ** ((GATE_LOWEST_DBFS + GATE_SPAN_DB * sensitivity.threshold) / 20)
  const frame = new Int16Array(FRAME_SAMPLES)
  let filled = 0
  let frames = 0
  let recent: number[] = []
  let isSpeaking = false
  let lastVoicedEndMs = 0

  function isVoiced(): boolean {
    let energy = 0
    for (const sample of frame) energy += sample * sample
    fvad.HEAP16.set(frame, address / 2)
    // Asked even when too quiet: it learns the background from what it hears.
    const isSpeech = fvad._fvad_process(handle, address, FRAME_SAMPLES) === 1
    return isSpeech && Math.sqrt(energy / FRAME_SAMPLES) > gate
  }

  function nextEdge(): Edge | undefined {
    const startMs = frames++ * FRAME_MS
    const endMs = startMs + FRAME_MS
    const isVoicedNow = isVoiced()
    if (isVoicedNow) lastVoicedEndMs = endMs
    if (isSpeaking) {
      if (endMs - lastVoicedEndMs < sensitivity.silenceMs) return undefined
      isSpeaking = false
      return { edge: 'stopped', atMs: endMs }
    }
    recent = recent.filter((at) => at > startMs - ONSET_WINDOW_FRAMES * FRAME_MS)
    if (isVoicedNow) recent.push(startMs)
    if (recent.length < ONSET_FRAMES) return undefined
    const onsetMs = recent[0] ?? startMs
    recent = []
    isSpeaking = true
    return { edge: 'started', atMs: onsetMs - sensitivity.prefixPaddingMs }
  }

  return {
    hear(samples) {
      const edges: Edge[] = []
      for (let at = 0; at < samples.length; ) {
        const taken = samples.subarray(at, at + FRAME_SAMPLES - filled)
        frame.set(taken, filled)
        filled += taken.length
        at += taken.length
        if (filled < FRAME_SAMPLES) break
        filled = 0
        const edge = nextEdge()
        if (edge) edges.push(edge)
      }
      return edges
    },
    free() {
      fvad._free(address)
      fvad._fvad_free(handle)
    },
  }
}
