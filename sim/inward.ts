// Sockets of a server that is hosted in this process, as lines that hold the clock: those that it takes, and the one that it
// opens to the model. They are shaped as the server wants them, and end in a stand-in.
import type { SimClock } from './clock.ts'
import { linePair } from './memory.ts'
import type { Handshake, Line, LineHandlers, StandIn } from './network.ts'

/** As the server's own sockets are: `send` says whether it was taken. */
type HostedSocket = { send(text: string): boolean; close(code?: number, reason?: string): void }
type HostedHandlers = LineHandlers & { open?(): void }
type HostedRoute = {
  path: string
  refuse(request: Request): Response | undefined | Promise<Response | undefined>
  accept(socket: HostedSocket, request: Request): HostedHandlers
}
type Dial = (url: string, headers: Record<string, string>, handlers: HostedHandlers) => HostedSocket

/** A request as it comes out of whatever ended TLS before the server. */
export const behindTls = (request: Request): Request => new Request(request.url.replace(/^https:/, 'http:'), request)

/** A handshake at the server's own door. */
export async function shakeHands(sockets: readonly HostedRoute[], request: Request): Promise<Handshake> {
  const segments = new URL(request.url).pathname.split('/')
  const route = sockets.find(({ path }) => {
    const wanted = path.split('/')
    return wanted.length === segments.length && wanted.every((part, i) => part.startsWith(':') || part === segments[i])
  })
  if (route === undefined) return { refuse: new Response('Not found', { status: 404 }) }
  const refusal = await route.refuse(request)
  if (refusal !== undefined) return { refuse: refusal }
  return {
    accept(line) {
      const handlers = route.accept(hosted(line), request)
      handlers.open?.()
      return handlers
    },
  }
}

/** The server's call to the model, answered within this process. */
export const dialInMemory =
  (clock: SimClock, model: StandIn): Dial =>
  (url, headers, handlers) => {
    const [near, far] = linePair(clock, 'the model socket')
    near.listen(handlers)
    const handshake = model.upgrade?.(
      new Request(url.replace(/^ws/, 'http'), { headers: { ...headers, upgrade: 'websocket' } }),
    )
    void clock.hold(
      Promise.resolve(handshake).then((answer) => {
        if (answer === undefined || 'refuse' in answer) {
          far.listen({ message() {}, close() {} })
          return far.cut()
        }
        far.listen(answer.accept(far))
        handlers.open?.()
      }),
      'the model handshake',
    )
    return hosted(near)
  }

const hosted = (line: Line): HostedSocket => ({
  send(text) {
    line.send(text)
    return true
  },
  close: (code, reason) => line.close(code, reason),
})
