// A byte string that only grows: audio as it arrives or leaves, without copying all of it each time.

export type Bytes = {
  readonly length: number
  push(chunk: Uint8Array): void
  /** A copy of the bytes from `from` up to `to`. */
  slice(from?: number, to?: number): Uint8Array
}

const FIRST_CAPACITY = 16_384

export function createBytes(): Bytes {
  let store = new Uint8Array(FIRST_CAPACITY)
  let length = 0
  return {
    get length() {
      return length
    },
    push(chunk) {
      if (length + chunk.length > store.length) {
        const larger = new Uint8Array(Math.max(store.length * 2, length + chunk.length))
        larger.set(store.subarray(0, length))
        store = larger
      }
      store.set(chunk, length)
      length += chunk.length
    },
    slice: (from = 0, to = length) => store.slice(from, Math.min(to, length)),
  }
}
