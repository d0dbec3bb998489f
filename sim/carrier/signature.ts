// X-Twilio-Signature, as Twilio computes it: base64(HMAC-SHA1(auth token, URL and parameters)).
// Source: twilio.com/docs/usage/security. Made from that page alone, so that it can contradict the library that verifies it.
import { createHmac } from 'node:crypto'

/** Form fields in the order sent; a name may come more than once. */
export type Fields = readonly (readonly [name: string, value: string])[]

const hmac = (authToken: string, message: string): string =>
  createHmac('sha1', authToken).update(message, 'utf8').digest('base64')

/** Signs a form POST: the URL, then each name and value, sorted; a repeated name gives each of its values once, sorted. */
export function signForm(authToken: string, url: string, fields: Fields, keepsPort = false): string {
  const valuesOf = new Map<string, Set<string>>()
  for (const [name, value] of fields) valuesOf.set(name, (valuesOf.get(name) ?? new Set()).add(value))
  const names = [...valuesOf.keys()].sort()
  const pairs = names.flatMap((name) => [...(valuesOf.get(name) ?? [])].sort().map((value) => name + value))
  return hmac(authToken, signedUrl(url, keepsPort) + pairs.join(''))
}

/** Signs a request whose parameters are all in its URL: a GET, a WebSocket handshake, a JSON POST with its bodySHA256. */
export const signUrl = (authToken: string, url: string, keepsPort = false): string =>
  hmac(authToken, signedUrl(url, keepsPort))

/**
 * The part of a URL that is signed: without fragment and credentials, and for voice over TLS without a port;
 * messages keep it.
 * Cut out of the text rather than rebuilt, since signing is over the URL as it was written.
 */
function signedUrl(url: string, keepsPort: boolean): string {
  const [, scheme = '', authority = '', rest = ''] = /^([a-z]+:\/\/)([^/?#]*)([^#]*)/i.exec(url) ?? []
  const host = authority.slice(authority.lastIndexOf('@') + 1)
  const isSecure = /^(https|wss):/i.test(scheme)
  return scheme + (isSecure && !keepsPort ? host.replace(/:\d+$/, '') : host) + rest
}
