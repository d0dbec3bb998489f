// Listens to a vendor's line to a server without changing a byte of it: requests, answers and messages pass, and each is told
// with its time to whoever collects them. Owns nothing but its place between the two.
import type { SimClock } from '../clock.ts'
import type { Handshake, Line, LineHandlers, Network, StandIn } from '../network.ts'
import { HandshakeRefused } from '../network.ts'
import type { HttpWire, Party, SocketWire } from './capture.ts'

/** What goes by; bodies whole. */
type Sight = { n: number } & (
  | { wire: HttpWire; request: { method: string; path: string; type: string; body: Uint8Array } }
  | { wire: HttpWire; answer: { status: number; type: string; body: Uint8Array } }
  | { wire: SocketWire; open: string }
  | { wire: SocketWire; from: Party; text: string }
  | { wire: SocketWire; from: Party; close: number }
)
export type Seen = Sight & { atMs: number }

export type Listener = {
  /** The next number of a wire. */
  next(wire: HttpWire | SocketWire): number
  see(seen: Sight): void
}

/** What goes by `far`: which wire a request is of, which wire a socket is, and who opens it. */
export type Leg = { http: HttpWire; socket: SocketWire; opener: Party }

const other = (party: Party): Party => (party === 'vendor' ? 'server' : 'vendor')

/** `far`, listened to. */
export function tapped(far: StandIn, leg: Leg, { next, see }: Listener): StandIn {
  return {
    async fetch(request) {
      const n = next(leg.http)
      const { pathname, search } = new URL(request.url)
      const body = new Uint8Array(await request.clone().arrayBuffer())
      const type = request.headers.get('content-type') ?? ''
      see({ wire: leg.http, n, request: { method: request.method, path: pathname + search, type, body } })
      const response = await far.fetch(request)
      const answer = new Uint8Array(await response.clone().arrayBuffer())
      const { status, headers } = response
      see({ wire: leg.http, n, answer: { status, type: headers.get('content-type') ?? '', body: answer } })
      return response
    },
    async upgrade(request): Promise<Handshake> {
      const handshake = (await far.upgrade?.(request)) ?? { refuse: new Response(null, { status: 404 }) }
      if ('refuse' in handshake) return handshake
      const n = next(leg.socket)
      see({ wire: leg.socket, n, open: new URL(request.url).pathname })
      const hear = (from: Party) => ({
        text: (text: string) => see({ wire: leg.socket, n, from, text }),
        close: (code: number) => see({ wire: leg.socket, n, from, close: code }),
      })
      const [near, farther] = [hear(leg.opener), hear(other(leg.opener))]
      return {
        ...(handshake.protocol !== undefined && { protocol: handshake.protocol }),
        accept(line) {
          const heardFar: Line = {
            send(text) {
              farther.text(text)
              line.send(text)
            },
            close(code, reason) {
              farther.close(code ?? 1005)
              line.close(code, reason)
            },
            cut() {
              farther.close(1006)
              line.cut()
            },
          }
          const handlers = handshake.accept(heardFar)
          return {
            message(text) {
              near.text(text)
              handlers.message(text)
            },
            close(code, reason) {
              near.close(code)
              handlers.close(code, reason)
            },
          }
        },
      }
    },
  }
}

/** Of a request and a handshake, what belongs to this connection alone and is not passed on. */
const ownHeaders = ['connection', 'upgrade', 'content-length', 'transfer-encoding', 'accept-encoding', 'host']

/**
 * Somebody who can be reached by a network, as a stand-in. `origin`: where, for example https://api.openai.com; null: at the
 * host that the request names, so that whoever checks its address sees the one that was called. Where nobody answers, a request
 * is answered with 502, as a proxy does, and `onUnreached` is told why.
 */
export const forwarding = (
  clock: SimClock,
  network: Network,
  origin: string | null,
  onUnreached: (why: string) => void = () => {},
): StandIn => ({
  async fetch(request) {
    const { method } = request
    const body = method === 'GET' || method === 'HEAD' ? null : await request.arrayBuffer()
    const init = { method, headers: passedOn(request), body, redirect: 'manual' as const }
    const answer = await network.fetch(addressOf(request, origin), init).catch((error: Error) => error)
    if (!(answer instanceof Error)) return withoutEncoding(answer)
    onUnreached(answer.message)
    return new Response(null, { status: 502 })
  },
  async upgrade(request) {
    const waiting: (() => void)[] = []
    let near: LineHandlers | null = null
    const later = (run: (near: LineHandlers) => void) => {
      if (near === null) waiting.push(() => near && run(near))
      else run(near)
    }
    try {
      const line = await clock.hold(
        () =>
          network.dial(addressOf(request, origin).replace(/^http/, 'ws'), passedOn(request), {
            message: (text) => later(({ message }) => message(text)),
            close: (code, reason) => later(({ close }) => close(code, reason)),
          }),
        'the handshake that is passed on',
      )
      return {
        accept(caller) {
          near = { message: (text) => caller.send(text), close: (code, reason) => endLike(caller, code, reason) }
          for (const run of waiting.splice(0)) run()
          return { message: (text) => line.send(text), close: (code, reason) => endLike(line, code, reason) }
        },
      }
    } catch (error) {
      const status = error instanceof HandshakeRefused && error.status !== 0 ? error.status : 502
      return { refuse: new Response(null, { status }) }
    }
  },
})

/** 1005 and 1006 are told by the socket itself, and cannot be sent. */
function endLike(line: Line, code: number, reason: string): void {
  if (code === 1006) line.cut()
  else if (code === 1005) line.close()
  else line.close(code, reason)
}

function addressOf(request: Request, origin: string | null): string {
  const url = new URL(request.url)
  if (origin !== null) return `${origin}${url.pathname}${url.search}`
  return `${url.protocol}//${request.headers.get('host') ?? url.host}${url.pathname}${url.search}`
}

const passedOn = (request: Request): Record<string, string> =>
  Object.fromEntries(
    [...request.headers].filter(([name]) => !ownHeaders.includes(name) && !/^sec-websocket-(?!protocol)/.test(name)),
  )

/** Its body is read already, and no longer encoded. */
function withoutEncoding(response: Response): Response {
  const headers = new Headers(response.headers)
  for (const name of ['content-encoding', 'content-length', 'transfer-encoding', 'connection']) headers.delete(name)
  const { status, statusText, body } = response
  return new Response(body, { status, statusText, headers })
}
