// A limited number of permits, and a limited queue for them: who comes when the queue is full, or has waited too long,
// gets an error instead. Whoever can wait lets everybody else go first. Waits are in real time, as the database's are.

export type Permits = {
  /**
   * Resolves, in order of asking, with how to give the permit back; patient ones after all others. Rejects when the queue is
   * full, or after `waitMs`.
   */
  acquire(isPatient?: boolean): Promise<() => void>
  /** Grants none from here on. Resolves when all are back. */
  close(): Promise<void>
}

export function createPermits(limit: { count: number; maxWaiting: number; waitMs: number }): Permits {
  let free = limit.count
  let isClosed = false
  const { promise: allBack, resolve: tellAllBack } = Promise.withResolvers<void>()
  const waiting = new Set<() => void>()
  const patient = new Set<() => void>()

  const grant = (): (() => void) => {
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      const [next] = waiting.size > 0 ? waiting : patient
      if (next === undefined) free++
      else next()
      tellIfAllBack()
    }
  }
  const tellIfAllBack = () => isClosed && free === limit.count && tellAllBack()

  return {
    acquire(isPatient = false) {
      if (isClosed) return Promise.reject(new Error('Cannot use the database: it is being closed'))
      if (free > 0) {
        free--
        return Promise.resolve(grant())
      }
      const queueLength = waiting.size + patient.size
      if (queueLength >= limit.maxWaiting)
        return Promise.reject(new Error(`Cannot use the database: ${queueLength} transactions are waiting already`))
      const queue = isPatient ? patient : waiting
      return new Promise((resolve, reject) => {
        const proceed = () => {
          clearTimeout(timer)
          queue.delete(proceed)
          resolve(grant())
        }
        const timer = setTimeout(() => {
          queue.delete(proceed)
          reject(new Error(`Cannot use the database: no connection came free in ${limit.waitMs} ms`))
        }, limit.waitMs)
        queue.add(proceed)
      })
    },
    close() {
      isClosed = true
      tellIfAllBack()
      return allBack
    },
  }
}
