// How a job says that nothing is wrong with it and nothing is finished either: it is thrown, so that the queue runs the
// job again after its own pause. It is no bug, and nobody has to be woken.

export class RetryLater extends Error {
  override readonly name = 'RetryLater'

  /** `reason` is for operators: no patient's name, number or words in it. */
  constructor(readonly reason: string) {
    super(`To be tried again: ${reason}`)
  }
}
