// A statement or a transaction that is not waited for without end: a server that is away for a moment is looked for again, what
// the server took back because of others is done again, what has not begun by its limit never begins, and what has begun and
// does not end is left to itself. Where even that is not answered, the connection is dead, and whoever has it hears of it.
import { isConnectionLost, isRolledBack } from './query-failed.ts'

export type Bounds = {
  patienceMs: number
  beginTimeoutMs: number
  transactionTimeoutMs: number
  /** From having been given up to being taken for dead: by then the server would have ended it. */
  silenceTimeoutMs: number
  onSilence(): void
}

const lookAgainMs = 100

/** A question, which may be asked twice. */
export const boundedQuestion = <T>(bounds: Bounds, ask: () => Promise<T>): Promise<T> =>
  bounded(bounds, ask, (error) => isConnectionLost(error) || isRolledBack(error))

/**
 * A transaction that calls `begun` when it has begun: until then nothing can have been done. It may run more than once. The driver
 * may be looking for a server yet when it is given up: should it begin later, `begun` throws, and so it is rolled back.
 */
export const boundedTransaction = <T>(bounds: Bounds, run: (begun: () => void) => Promise<T>): Promise<T> =>
  bounded(bounds, run, (error, hasBegun) => isRolledBack(error) || (!hasBegun && isConnectionLost(error)))

/** Settles as `start` does, or rejects when a limit has passed. */
function bounded<T>(
  bounds: Bounds,
  start: (begun: () => void) => Promise<T>,
  mayStartAgain: (error: unknown, hasBegun: boolean) => boolean,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const startedAtMs = performance.now()
    let isGivenUp = false
    let hasBegun = false
    let silence: ReturnType<typeof setTimeout> | undefined
    const within = (ms: number, what: string) =>
      setTimeout(() => {
        isGivenUp = true
        silence = setTimeout(bounds.onSilence, bounds.silenceTimeoutMs)
        reject(new Error(`Cannot use the database: it did not ${what} within ${ms} ms`))
      }, ms)
    let timer = within(bounds.beginTimeoutMs, 'answer')
    const begun = (): void => {
      if (isGivenUp) throw new Error('Cannot begin: nobody waits for it any more')
      hasBegun = true
      clearTimeout(timer)
      timer = within(bounds.transactionTimeoutMs, 'end a transaction')
    }
    const failed = (error: unknown): void => {
      clearTimeout(silence)
      const isPatient = performance.now() - startedAtMs + lookAgainMs < bounds.patienceMs
      if (mayStartAgain(error, hasBegun) && isPatient && !isGivenUp) return void setTimeout(attempt, lookAgainMs)
      clearTimeout(timer)
      reject(error)
    }
    const attempt = (): void => {
      if (isGivenUp) return
      start(begun).then((answer) => {
        clearTimeout(timer)
        clearTimeout(silence)
        resolve(answer)
      }, failed)
    }
    attempt()
  })
}
