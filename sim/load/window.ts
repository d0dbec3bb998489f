// What the server used while every call was up: read each second, kept from the first reading with all calls up (and the server
// warm) to the last one before a call ended. Ramp, hang-ups and mails are not in it, so it can be divided by frames and calls.
import { type Use, usedBy } from './machine-use.ts'
import { type Counts, countsOf, type Tally } from './tally.ts'

type Reading = { atMs: number; use: Use; counts: Counts }

export type ServerUse = {
  /** Of one media message with sound in it, on either socket, in or out counted once. */
  cpuUsPerFrame: number
  /** Share of one core, and calls that would fill it. */
  cpuShare: number
  callsPerCore: number
  memoryPerCallKb: number
  seconds: number
  frames: number
}

export type Window = {
  read(): void
  /** Null where it cannot be known: no such process, or never were all calls up at once for a second. */
  serverUse(): ServerUse | null
  /** Resident memory of the server: before the first call, and now. */
  memory(): { beforeBytes: number; nowBytes: number } | null
}

/** `warmMs`: the server's code is compiled while it runs; for so long with all calls up it is not looked at. */
export function createWindow(pid: number | null, tally: Tally, callsWanted: number, warmMs: number): Window {
  const before = usedBy(pid)
  let allUpSinceMs: number | null = null
  let first: Reading | null = null
  let last: Reading | null = null

  return {
    read() {
      const use = usedBy(pid)
      const counts = countsOf(tally)
      if (use === null || counts.ended > 0 || counts.up < callsWanted) return
      const atMs = performance.now()
      allUpSinceMs ??= atMs
      if (atMs - allUpSinceMs < warmMs) return
      last = { atMs, use, counts }
      first ??= last
    },
    serverUse() {
      if (before === null || first === null || last === null || last === first) return null
      const seconds = (last.atMs - first.atMs) / 1000
      const cpuMs = last.use.cpuMs - first.use.cpuMs
      const frames = framesOf(last.counts) - framesOf(first.counts)
      const cpuShare = cpuMs / (seconds * 1000)
      return {
        cpuUsPerFrame: (cpuMs * 1000) / frames,
        cpuShare,
        callsPerCore: Math.floor(callsWanted / cpuShare),
        memoryPerCallKb: (last.use.residentBytes - before.residentBytes) / callsWanted / 1024,
        seconds,
        frames,
      }
    },
    memory() {
      const now = usedBy(pid)
      return before === null || now === null ? null : { beforeBytes: before.residentBytes, nowBytes: now.residentBytes }
    },
  }
}

const framesOf = ({ callerFrames, agentFrames }: Counts): number => callerFrames + agentFrames
