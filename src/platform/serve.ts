// Listens for HTTP and WebSockets, on Bun and on Deno, with the same behaviour on both. The only folder that may name a
// runtime. Takes each socket's handlers at the upgrade itself, so that no first message can be missed.
import type { Socket, SocketHandlers, SocketRoute } from '../lib/socket.ts'

export type Server = {
  port: number
  /** Takes no new connection; those open go on. */
  stopListening(): void
  /** Ends every connection. */
  close(): Promise<void>
}

export type ServeOptions = {
  port: number
  hostname: string
  fetch(request: Request): Response | Promise<Response>
  sockets: SocketRoute[]
}

/** A socket that its peer lets fill beyond this is not written to any more. */
const backpressureBytes = 1024 * 1024
/** No traffic at all for this long ends a socket. A live call sends a frame every 20 ms. */
const idleTimeoutSeconds = 60

/** Rejects when the port is taken, and says so. */
export async function serve(options: ServeOptions): Promise<Server> {
  try {
    return 'Deno' in globalThis ? serveOnDeno(options) : serveOnBun(options)
  } catch (error) {
    throw isTaken(error) ? new Error(`port ${options.port} is taken`, { cause: error }) : error
  }
}

/** As Bun's code, and Deno's name, have it. */
const isTaken = (error: unknown): boolean =>
  error instanceof Error && (error.name === 'AddrInUse' || ('code' in error && error.code === 'EADDRINUSE'))

export const runtimeName = (): string => ('Deno' in globalThis ? `deno ${Deno.version.deno}` : `bun ${Bun.version}`)

type Upgrade = { route: SocketRoute; refusal: Response | undefined }

async function upgradeOf(request: Request, sockets: SocketRoute[]): Promise<Upgrade | undefined> {
  if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') return undefined
  const path = new URL(request.url).pathname
  const route = sockets.find((candidate) => pathMatches(candidate.path, path))
  if (route === undefined) return undefined
  return { route, refusal: await route.refuse(request) }
}

/** `:name` in the pattern stands for one segment. */
function pathMatches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/')
  const given = path.split('/')
  return wanted.length === given.length && wanted.every((part, i) => part.startsWith(':') || part === given[i])
}

const tooLarge = { code: 1009, reason: 'message too large' }
const notText = { code: 1003, reason: 'text frames only' }

type BunSocketState = { handlers: SocketHandlers | undefined; route: SocketRoute; request: Request }

function serveOnBun(options: ServeOptions): Server {
  const server = Bun.serve<BunSocketState>({
    port: options.port,
    hostname: options.hostname,
    // What broke is nobody's to see: else its page shows the error, the stack and the source.
    development: false,
    async fetch(request, bun) {
      const upgrade = await upgradeOf(request, options.sockets)
      if (upgrade === undefined) return options.fetch(request)
      if (upgrade.refusal !== undefined) return upgrade.refusal
      const state: BunSocketState = { handlers: undefined, route: upgrade.route, request }
      return bun.upgrade(request, { data: state })
        ? undefined
        : new Response('not a WebSocket handshake', { status: 400 })
    },
    websocket: {
      idleTimeout: idleTimeoutSeconds,
      backpressureLimit: backpressureBytes,
      maxPayloadLength: Math.max(...options.sockets.map((route) => route.maxMessageBytes), 1024),
      open(peer) {
        const socket: Socket = {
          send: (text) => peer.readyState === WebSocket.OPEN && peer.send(text) !== 0,
          close: (code = 1000, reason = '') => peer.close(code, reason),
        }
        peer.data.handlers = peer.data.route.accept(socket, peer.data.request)
        peer.data.handlers.open?.()
      },
      message(peer, message) {
        const { handlers, route } = peer.data
        if (typeof message !== 'string') return peer.close(notText.code, notText.reason)
        if (message.length > route.maxMessageBytes) return peer.close(tooLarge.code, tooLarge.reason)
        handlers?.message(message)
      },
      close: (peer, code, reason) => peer.data.handlers?.close(code, reason),
    },
  })
  return {
    port: server.port ?? options.port,
    stopListening: () => void server.stop(),
    close: async () => void (await server.stop(true)),
  }
}

function serveOnDeno(options: ServeOptions): Server {
  const open = new Set<WebSocket>()
  const server = Deno.serve({ port: options.port, hostname: options.hostname, onListen() {} }, async (request) => {
    const upgrade = await upgradeOf(request, options.sockets)
    if (upgrade === undefined) return options.fetch(request)
    if (upgrade.refusal !== undefined) return upgrade.refusal
    // Headers cannot be read once the connection is upgraded.
    const snapshot = new Request(request.url, {
      headers: [...request.headers].filter(([name]) => !/^(upgrade|connection|sec-websocket-)/.test(name)),
    })
    const { socket: peer, response } = Deno.upgradeWebSocket(request, { idleTimeout: idleTimeoutSeconds })
    listenOnDeno(peer, upgrade.route, snapshot, open)
    return response
  })
  return {
    port: server.addr.port,
    stopListening: () => void server.shutdown(),
    close: async () => {
      for (const peer of open) peer.close(1001, 'server stopped')
      await server.shutdown()
    },
  }
}

function listenOnDeno(peer: WebSocket, route: SocketRoute, request: Request, open: Set<WebSocket>): void {
  const socket: Socket = {
    send(text) {
      if (peer.readyState !== WebSocket.OPEN || peer.bufferedAmount > backpressureBytes) return false
      peer.send(text)
      return true
    },
    close: (code = 1000, reason = '') => peer.close(code, reason),
  }
  const handlers = route.accept(socket, request)
  peer.onopen = () => {
    open.add(peer)
    handlers.open?.()
  }
  peer.onmessage = ({ data }) => {
    if (typeof data !== 'string') return peer.close(notText.code, notText.reason)
    if (data.length > route.maxMessageBytes) return peer.close(tooLarge.code, tooLarge.reason)
    handlers.message(data)
  }
  peer.onclose = ({ code, reason }) => {
    open.delete(peer)
    handlers.close(code, reason)
  }
  peer.onerror = () => {}
}
