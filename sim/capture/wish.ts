// What a server asks the carrier for as it places a call: when, and where the carrier shall come back to. Such addresses hold ids
// that are drawn anew in each run.
import type { Seen } from './tap.ts'

export type PlacingWish = {
  tell(seen: Seen): void
  /** When a call was placed. */
  placedAtMs: Promise<number>
  /** The address with the path that was asked for; what was not, as it is. */
  addressOf(path: string): string
}

export function createWish(): PlacingWish {
  const { promise: placedAtMs, resolve } = Promise.withResolvers<number>()
  const asked = new Map<string, string>()
  return {
    placedAtMs,
    tell(seen) {
      if (seen.wire !== 'rest' || !('request' in seen)) return
      const { method, path, body } = seen.request
      for (const [, value] of new URLSearchParams(new TextDecoder().decode(body))) {
        const url = /^https?:/.test(value) ? URL.parse(value) : null
        if (url !== null) asked.set(url.pathname, url.pathname + url.search)
      }
      if (method === 'POST' && /\/Calls\.json$/.test(path)) resolve(seen.atMs)
    },
    addressOf: (path) => asked.get(path.split('?')[0] ?? '') ?? path,
  }
}
