// How the stand-ins reach a server and are reached: by public name over loopback sockets, or, on the virtual clock, over
// lines within this process that hold time while a message is on its way. Nothing leaves loopback unless told.

/** One end of a text WebSocket. */
export type Line = {
  send(text: string): void
  close(code?: number, reason?: string): void
  /** Ends it without a close frame, as a cut cable would; the other end sees 1006. */
  cut(): void
}
export type LineHandlers = { message(text: string): void; close(code: number, reason: string): void }

/** A handshake that was not answered with 101. `status` is 0 when nothing answered. */
export class HandshakeRefused extends Error {
  constructor(readonly status: number) {
    super(`The server answered the WebSocket handshake with ${status || 'nothing'}`)
  }
}

export type Network = {
  /** Requests a URL by its public name (https://frontdesk.example/…). */
  fetch(url: string, init: RequestInit): Promise<Response>
  /** Opens a WebSocket by its public name (wss://…); rejects with HandshakeRefused. */
  dial(url: string, headers: Record<string, string>, handlers: LineHandlers): Promise<Line>
}

/** A stand-in for a vendor, as something that can be reached. */
export type StandIn = {
  fetch(request: Request): Response | Promise<Response>
  /** Looks at a WebSocket handshake: refuses it with a response, or takes it. */
  upgrade?(request: Request): { refuse: Response } | { accept(line: Line): LineHandlers; protocol?: string }
}
