// Where a server is reached from here, if not at its public address: on one's own machine a made-up name may stand for it. What is
// signed is the public address all the same.

import { InvalidArgumentError, Option } from 'commander'

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

/** Where that is, to be told; nothing, where it is the public address itself. */
export function placeOf(publicBaseUrl: string, reach: Reach): string {
  const { origin } = new URL(reach(publicBaseUrl))
  return origin === new URL(publicBaseUrl).origin ? '' : ` (reached at ${origin})`
}

export const serverOption = (): Option =>
  new Option('--server <url>', 'where it is reached from here, if not at its public address').argParser((text) => {
    if (/^https?:$/.test(URL.parse(text)?.protocol ?? '')) return text
    throw new InvalidArgumentError('It is an address such as http://127.0.0.1:3000')
  })

/** Of the option, if it was given. */
export const reachOf = ({ server }: { server?: string }): { reach?: Reach } =>
  server === undefined ? {} : { reach: reachedAt(server) }
