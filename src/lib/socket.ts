// One end of a WebSocket that carries text, as the platform, the bridge and the simulator's in-process wire all offer it.

export type Socket = {
  /** False when the frame was not accepted (closed, or more than the buffer limit is waiting). Never throws. */
  send(text: string): boolean
  close(code?: number, reason?: string): void
}

export type SocketHandlers = {
  open?(): void
  message(text: string): void
  /** Called once, however the connection ended; 1006 when it broke. */
  close(code: number, reason: string): void
}

/** Connects out. Handlers are called from the first message on; a refused handshake arrives as `close`. */
export type OpenSocket = (url: string, headers: Record<string, string>, handlers: SocketHandlers) => Socket

/** A path at which the server takes WebSockets. `:name` in the path stands for one segment. */
export type SocketRoute = {
  path: string
  /** Looks at the handshake; an answer refuses it with that response. */
  refuse(request: Request): Response | undefined | Promise<Response | undefined>
  /** Called as the socket opens, and answers with who listens to it. */
  accept(socket: Socket, request: Request): SocketHandlers
  maxMessageBytes: number
}
