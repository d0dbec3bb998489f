// Where a server is reached from here, if not at its public address: on one's own machine a made-up name may stand for it. What is
// signed is the public address all the same.

/** Answers with what to connect to for a URL, http or ws, of the public address. */
export type Reach = (publicUrl: string) => string

export const directly: Reach = (publicUrl) => publicUrl

/** `origin`: as http://127.0.0.1:3000 */
export const reachedAt =
  (origin: string): Reach =>
  (publicUrl) => {
    const { protocol, pathname, search } = new URL(publicUrl)
    const found = new URL(pathname + search, origin)
    if (/^wss?:$/.test(protocol)) found.protocol = found.protocol === 'https:' ? 'wss:' : 'ws:'
    return found.href
  }
