// What a process on this machine has used, from /proc. Null where there is no /proc, or no such process.
import { readFileSync } from 'node:fs'

export type Use = { cpuMs: number; residentBytes: number }

/** Linux counts a process's time in hundredths of a second, whatever the kernel's own tick (getconf CLK_TCK). */
const msPerTick = 10

export function usedBy(pid: number | null): Use | null {
  if (pid === null) return null
  try {
    return {
      cpuMs: cpuMsIn(readFileSync(`/proc/${pid}/stat`, 'utf8')),
      residentBytes: residentBytesIn(readFileSync(`/proc/${pid}/status`, 'utf8')),
    }
  } catch {
    return null
  }
}

/** User and system time of all its threads. The name in parentheses may hold anything. */
export function cpuMsIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * msPerTick
}

export const residentBytesIn = (status: string): number => Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
