// What goes by, kept by thread: a request with its answer, or a socket with all that is said on it. Threads are numbered over all
// calls as they begin; those of one call are numbered by themselves when they are taken out.
import type { HttpWire, SocketWire } from './capture.ts'
import type { Seen } from './tap.ts'

/** An hour of the frames of one call, in three directions, and what else there is; or less of several at once. */
export const MOST_SEEN = 600_000

export type Thread = {
  readonly wire: HttpWire | SocketWire
  readonly n: number
  readonly beganAtMs: number
  readonly seen: { seen: Seen; order: number }[]
  /** The call that it belongs to; null: not known yet; 'none': to no call, and nothing of it is kept. */
  owner: string | null
  /** It may have been of a call that is over. */
  isDisputed?: true
}

export const NO_CALL = 'none'

export type Threads = {
  next(wire: HttpWire | SocketWire): number
  /** Adds what was seen to its thread, and answers with it; null when that was forgotten. */
  add(seen: Seen): Thread | null
  all(): Iterable<Thread>
  readonly size: number
  /** Takes out what belongs to a call, in its order, with its own numbers. */
  take(owner: string): Seen[]
  forget(thread: Thread): void
  forgetAll(isOver: (thread: Thread) => boolean): void
}

export function createThreads(): Threads {
  const threads = new Map<string, Thread>()
  const numbers = new Map<string, number>()
  let order = 0
  let size = 0

  function forget(thread: Thread): void {
    size -= thread.seen.length
    threads.delete(`${thread.wire} ${thread.n}`)
  }

  return {
    next(wire) {
      const n = numbers.get(wire) ?? 0
      numbers.set(wire, n + 1)
      return n
    },
    add(seen) {
      const { wire, n } = seen
      const isNew = 'request' in seen || 'open' in seen
      const known =
        threads.get(`${wire} ${n}`) ?? (isNew ? { wire, n, beganAtMs: seen.atMs, seen: [], owner: null } : null)
      if (known === null) return null
      const thread: Thread = known
      threads.set(`${wire} ${n}`, thread)
      if (thread.owner !== NO_CALL) {
        thread.seen.push({ seen, order: order++ })
        size++
      }
      return thread
    },
    all: () => threads.values(),
    get size() {
      return size
    },
    take(owner) {
      const own = [...threads.values()].filter((thread) => thread.owner === owner)
      for (const thread of own) forget(thread)
      const seen = own.flatMap((thread) => thread.seen).sort((a, b) => a.order - b.order)
      return renumbered(seen.map((each) => each.seen))
    },
    forget,
    forgetAll(isOver) {
      for (const thread of [...threads.values()]) if (isOver(thread)) forget(thread)
    },
  }
}

function renumbered(seen: readonly Seen[]): Seen[] {
  const numbers = new Map<string, number>()
  const counts = new Map<string, number>()
  return seen.map((each) => {
    const key = `${each.wire} ${each.n}`
    const n = numbers.get(key) ?? counts.get(each.wire) ?? 0
    if (!numbers.has(key)) counts.set(each.wire, n + 1)
    numbers.set(key, n)
    return { ...each, n }
  })
}
