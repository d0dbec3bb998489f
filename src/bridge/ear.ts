// The caller's audio on its way to the model: held until the model listens, then passed on frame by frame, with silence
// where frames are missing, because the model's clock is the audio itself. What was passed on last is kept for a while, should
// that model be lost. Changes in place: it is touched 50 times a second.
import { appendMessage, audioBytes, type CallerAudio, loudness, silence } from './audio.ts'
import type { LineLimits } from './limits.ts'
import { bytesPerMs } from './playback.ts'
import { createStretch } from './stretch.ts'

export type Ear = {
  hear(audio: CallerAudio, atMs: number): void
  /**
   * Passes on what was held, and from now on everything; before it, `again`: what was passed on before from this place in it
   * on, but no more than the last `mostMs`. Places count from here on. Answers how much of all that was lost, in ms.
   */
  open(send: (message: string) => void, again?: { fromMs: number; mostMs: number } | null): number
  /** Holds what comes, until it is opened again. */
  hold(): void
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
  const held = createStretch(limits.heldAudioMs)
  const passed = createStretch(limits.keptAudioMs)
  let send: (message: string) => void = deaf
  let pass: (payload: string, ms: number) => void = held.add
  /** Where in Twilio's time the next frame should begin. */
  let nextMs: number | null = null
  let lastAtMs = Number.POSITIVE_INFINITY
  let filledMs = 0
  /** Loudness costs, so it is measured only while somebody wants to know. */
  let attended: { leftMs: number; loudMs: number; then: () => void } | null = null

  function passOn(payload: string, ms: number): void {
    send(appendMessage(payload))
    passed.add(payload, ms)
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

  const passSilence = (ms: number) => pass(silence(ms), ms)

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
      pass(payload, ms)
      if (attended !== null) attend(payload, ms)
    },
    attend(ms, then) {
      attended = { leftMs: ms, loudMs: 0, then }
    },
    open(to, again = null) {
      const repeated = again === null ? { pieces: [], lostMs: 0 } : passed.since(again.fromMs, again.mostMs)
      const lostMs = repeated.lostMs + held.firstMs()
      const pieces = [...repeated.pieces, ...held.all()]
      held.clear()
      passed.clear()
      send = to
      pass = passOn
      for (const { payload, ms } of pieces) passOn(payload, ms)
      return lostMs
    },
    hold() {
      if (pass !== deaf) pass = held.add
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
      held.clear()
      passed.clear()
      attended = null
      pass = deaf
      lastAtMs = Number.POSITIVE_INFINITY
    },
  }
}
