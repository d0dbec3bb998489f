// Work on a list, a few at once, looked at in the list's order.

/** Works on `most` of the list at once, and gives what came of each in the list's order. */
export async function* inOrder<T, R>(
  list: readonly T[],
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
