// The network as real sockets on this machine: a public name leads to a local port by the host map, and a stand-in can be
// served on one. Whoever signs a request signs the public name; only the connection goes elsewhere. Refuses to leave
// loopback unless told.
import type { Server, ServerWebSocket } from 'bun'
import {
  addressOf,
  answeredProtocol,
  type Handshake,
  HandshakeRefused,
  type Line,
  type LineHandlers,
  type Network,
  type StandIn,
} from './network.ts'

/** Twice what OpenAI is known to send or take in one frame, which is 15 MiB of audio at the most. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024
/** Text waiting for a reader that does not read; beyond it the socket is closed, so that a loss is never silent. */
const MAX_WAITING_BYTES = 128 * 1024 * 1024

/**
 * `hosts`: public host (with its port, if it has one) → origin on this machine, such as `http://127.0.0.1:4001`. Hosts that
 * are loopback names already need no entry. `otherwise`: where every other host leads.
 */
export function createLoopbackNetwork(options: {
  hosts: Record<string, string>
  otherwise?: string
  allowRemote?: boolean
}): Network {
  function route(url: string): URL {
    const address = addressOf(url)
    const origin = options.hosts[address.host] ?? options.otherwise
    const target = origin === undefined ? address : new URL(address.pathname + address.search, origin)
    if (!options.allowRemote && !isLoopback(target.hostname))
      throw new Error(
        `Cannot reach ${address.host}: it is not on this machine, and nothing may leave it (--allow-remote lets it, --public-url gives a server here its name)`,
      )
    return target
  }

  return {
    async fetch(url, init) {
      const target = route(url)
      const headers = new Headers(init.headers)
      headers.set('host', addressOf(url).host)
      return fetch(target, { redirect: 'manual', ...init, headers })
    },

    async dial(url, headers, handlers) {
      const target = route(url)
      target.protocol = target.protocol === 'https:' || target.protocol === 'wss:' ? 'wss:' : 'ws:'
      const options = { headers: { ...headers, host: addressOf(url).host } }
      return open(Reflect.construct(WebSocket, [target.href, options]), handlers)
    },
  }
}

/** Whether a host is this machine by its name alone. */
export const isLoopback = (hostname: string): boolean =>
  /^(localhost|.*\.localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname.toLowerCase())

/** Bun's WebSocket takes headers and can be cut, which the standard's types do not know. */
type ClientSocket = WebSocket & { terminate(): void }

function open(socket: ClientSocket, handlers: LineHandlers): Promise<Line> {
  socket.binaryType = 'arraybuffer'
  const line: Line = {
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text)
    },
    close: (code, reason) => socket.close(code, reason),
    cut: () => socket.terminate(),
  }
  return new Promise((resolve, reject) => {
    let isOpen = false
    let refusal = ''
    socket.addEventListener('open', () => {
      isOpen = true
      resolve(line)
    })
    socket.addEventListener('message', ({ data }) => take(data, handlers))
    socket.addEventListener('error', (event) => {
      refusal = (event as ErrorEvent).message ?? ''
    })
    socket.addEventListener('close', ({ code, reason }) => {
      if (isOpen) handlers.close(code, reason)
      else reject(new HandshakeRefused(statusIn(refusal)))
    })
  })
}

function take(message: string | ArrayBuffer | Uint8Array, handlers: LineHandlers): void {
  if (typeof message === 'string') handlers.message(message)
  else if (handlers.binary === undefined) handlers.message(new TextDecoder().decode(message))
  else handlers.binary(new Uint8Array(message))
}

/** Bun tells the status of a refused handshake in words only. */
const statusIn = (refusal: string): number => Number(/Expected 101 status code: (\d{3})/.exec(refusal)?.[1] ?? 0)

type Taken = Exclude<Handshake, { refuse: Response }>
type Connection = { taken: Taken; handlers: LineHandlers | null }

/** Serves a stand-in on loopback; without a port, on a free one; by TLS, with a certificate. `stop` cuts what is still open. */
export async function listen(
  standIn: StandIn,
  options: { port?: number; tls?: { key: string; cert: string } | undefined } = {},
): Promise<{ origin: string; stop(): Promise<void> }> {
  const server = Bun.serve<Connection>({
    hostname: '127.0.0.1',
    port: options.port ?? 0,
    tls: options.tls,
    // A stand-in may take as long as the vendor it plays.
    idleTimeout: 0,
    fetch: (request, self) => answer(standIn, request, self),
    websocket: {
      maxPayloadLength: MAX_MESSAGE_BYTES,
      backpressureLimit: MAX_WAITING_BYTES,
      closeOnBackpressureLimit: true,
      idleTimeout: 0,
      perMessageDeflate: false,
      open(socket) {
        socket.data.handlers = socket.data.taken.accept(serverLine(socket))
      },
      message({ data: { handlers } }, message) {
        if (handlers !== null) take(message, handlers)
      },
      close: (socket, code, reason) => socket.data.handlers?.close(code, reason),
    },
  })
  return { origin: server.url.origin, stop: () => server.stop(true) }
}

async function answer(standIn: StandIn, request: Request, server: Server<Connection>): Promise<Response | undefined> {
  const isHandshake = request.headers.get('upgrade')?.toLowerCase() === 'websocket'
  if (!isHandshake || standIn.upgrade === undefined) return standIn.fetch(request)
  const handshake = await standIn.upgrade(request)
  if ('refuse' in handshake) return handshake.refuse
  const protocol = answeredProtocol(request.headers.get('sec-websocket-protocol'), handshake.protocol)
  const headers: Record<string, string> = protocol === undefined ? {} : { 'sec-websocket-protocol': protocol }
  const isUpgraded = server.upgrade(request, { data: { taken: handshake, handlers: null }, headers })
  return isUpgraded ? undefined : new Response('This is no WebSocket handshake', { status: 400 })
}

const serverLine = (socket: ServerWebSocket<Connection>): Line => ({
  send: (text) => void socket.send(text),
  close: (code, reason) => socket.close(code, reason),
  cut: () => socket.terminate(),
})
