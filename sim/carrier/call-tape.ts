// What was said on one call, by both ends of the line, and the recordings that are being made of it.
import type { SimClock } from '../clock.ts'
import type { CallFile } from './deliveries.ts'
import type { Recording, RecordingPlan, Recordings } from './recordings.ts'
import { layTrack, type Piece } from './tape.ts'

export type CallTape = {
  keepCaller(piece: Piece): void
  keepAgent(pieces: Piece[]): void
  record(plan: Omit<RecordingPlan, 'startedAtMs'>): Recording
  /** Ends a recording; `sounding` is what the caller has heard of what goes on now. */
  stop(recording: Recording, sounding: Piece[]): void
  /** Ends all that are going on. */
  stopAll(sounding: Piece[]): void
}

export function createCallTape(clock: SimClock, recordings: Recordings, file: CallFile): CallTape {
  const caller: Piece[] = []
  const agent: Piece[] = []
  const goingOn = new Set<Recording>()

  function stop(recording: Recording, sounding: Piece[]): void {
    const track = (pieces: Piece[]) => layTrack(pieces, recording.startedAtMs, clock.now())
    recording.close(track(caller), track([...agent, ...sounding]))
    goingOn.delete(recording)
  }

  return {
    keepCaller: (piece) => void caller.push(piece),
    keepAgent: (pieces) => void agent.push(...pieces),
    record(plan) {
      const recording = recordings.open(file, { ...plan, startedAtMs: clock.now() })
      goingOn.add(recording)
      return recording
    },
    stop,
    stopAll(sounding) {
      for (const recording of goingOn) stop(recording, sounding)
    },
  }
}
