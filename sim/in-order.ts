// Work on a list, a few at once, looked at in the list's order.

/** Calls on the virtual clock at once: each has a clock and a database of its own, and while one waits, another gets on. */
export const callsAtOnce = 2

/** Works on `most` of the list at once, and gives what came of each in the list's order. The next is taken when there is room. */
export async function* inOrder<T, R>(
  list: Iterable<T>,
  work: (each: T) => Promise<R>,
  most: number,
): AsyncGenerator<R> {
  const begun: Promise<R>[] = []
  for (const each of list) {
    const done = work(each)
    done.catch(() => {}) // It is looked at in its turn.
    begun.push(done)
    if (begun.length === most) yield* begun.splice(0, 1)
  }
  yield* begun
}
