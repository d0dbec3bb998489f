// The caller's audio on its way to the model: held until the model listens, then passed on frame by frame, with silence
// where frames are missing, because the model's clock is the audio itself. Changes in place: it is touched 50 times a second.
import { appendMessage, audioBytes, type CallerAudio, loudness, silence } from './audio.ts'
import type { LineLimits } from './limits.ts'
import { bytesPerMs } from './playback.ts'

export type Ear = {
  hear(audio: CallerAudio, atMs: number): void
  /** Passes on what was held, and from now on everything. Answers how much of the beginning was lost, in ms. */
  open(send: (message: string) => void): number
  /** Calls back as soon as the caller is loud after so long; a later wish takes the place of an earlier one. */
  attend(ms: number, then: () => void): void
  /** When silence is due because frames stay away; the caller of this knows whether anybody is speaking. */
  silenceDueAtMs(): number
  fillSilence(atMs: number): void
  /** Hears nothing any more. */
  close(): void
}

/** A frame at least as loud is speech, or a noise that is as good as speech. */
const speechLoudness = 250
/** What is shorter is a click. */
const clickMs = 60

const deaf = (): void => {}

/** A frame that comes this much late was preceded by one that did not come. */
const frameMs = 20

export function createEar(limits: LineLimits): Ear {
  let held: { message: string; ms: number }[] = []
  let heldMs = 0
  let lostMs = 0
  let pass = hold
  /** Where in Twilio's time the next frame should begin. */
  let nextMs: number | null = null
  let lastAtMs = Number.POSITIVE_INFINITY
  let filledMs = 0
  /** Loudness costs, so it is measured only while somebody wants to know. */
  let attended: { leftMs: number; loudMs: number; then: () => void } | null = null

  function hold(message: string, ms: number): void {
    held.push({ message, ms })
    heldMs += ms
    while (heldMs > limits.heldAudioMs) {
      const oldestMs = held.shift()?.ms ?? heldMs
      heldMs -= oldestMs
      lostMs += oldestMs
    }
  }

  function attend(payload: string, ms: number): void {
    if (attended === null) return
    attended.leftMs -= ms
    if (attended.leftMs > 0) return
    attended.loudMs = loudness(payload) >= speechLoudness ? attended.loudMs + ms : 0
    if (attended.loudMs < clickMs) return
    const { then } = attended
    attended = null
    then()
  }

  const passSilence = (ms: number) => pass(appendMessage(silence(ms)), ms)

  return {
    hear({ timestampMs, payload }, atMs) {
      if (pass === deaf) return
      const ms = audioBytes(payload) / bytesPerMs
      const beginsMs = timestampMs ?? nextMs
      const gapMs = beginsMs === null || nextMs === null ? 0 : beginsMs - nextMs
      if (gapMs >= frameMs) passSilence(Math.min(gapMs, limits.gapPaddingMs))
      nextMs = beginsMs === null ? null : beginsMs + ms
      lastAtMs = atMs
      filledMs = 0
      pass(appendMessage(payload), ms)
      if (attended !== null) attend(payload, ms)
    },
    attend(ms, then) {
      attended = { leftMs: ms, loudMs: 0, then }
    },
    open(send) {
      for (const { message } of held) send(message)
      held = []
      pass = send
      return lostMs
    },
    silenceDueAtMs: () => (filledMs < limits.gapPaddingMs ? lastAtMs + limits.lostFramesMs : Number.POSITIVE_INFINITY),
    fillSilence(atMs) {
      const ms = limits.lostFramesSilenceMs
      passSilence(ms)
      if (nextMs !== null) nextMs += ms
      filledMs += ms
      lastAtMs = atMs
    },
    close() {
      held = []
      attended = null
      pass = deaf
      lastAtMs = Number.POSITIVE_INFINITY
    },
  }
}
