// A limited number of permits, and a limited queue for them: who comes when the queue is full, or has waited too long,
// gets an error instead. Waits are in real time, as the database's are.

export type Permits = {
  /** Resolves, in order of asking, with how to give the permit back. Rejects when the queue is full, or after `waitMs`. */
  acquire(): Promise<() => void>
}

export function createPermits(limit: { count: number; maxWaiting: number; waitMs: number }): Permits {
  let free = limit.count
  const waiting = new Set<() => void>()

  const grant = (): (() => void) => {
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      const [next] = waiting
      if (next === undefined) free++
      else next()
    }
  }

  return {
    acquire() {
      if (free > 0) {
        free--
        return Promise.resolve(grant())
      }
      if (waiting.size >= limit.maxWaiting)
        return Promise.reject(new Error(`Cannot use the database: ${waiting.size} transactions are waiting already`))
      return new Promise((resolve, reject) => {
        const proceed = () => {
          clearTimeout(timer)
          waiting.delete(proceed)
          resolve(grant())
        }
        const timer = setTimeout(() => {
          waiting.delete(proceed)
          reject(new Error(`Cannot use the database: no connection came free in ${limit.waitMs} ms`))
        }, limit.waitMs)
        waiting.add(proceed)
      })
    },
  }
}
