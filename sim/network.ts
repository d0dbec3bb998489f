// How the stand-ins reach a server and are reached: by public name over loopback sockets (loopback.ts), or, on the virtual
// clock, over lines within this process that hold time while a message is on its way (memory.ts).

/** One end of a text WebSocket. Sending or closing when it is closed does nothing. */
export type Line = {
  send(text: string): void
  /** Without a code the other end sees 1005, "no status". What was sent before it still arrives. */
  close(code?: number, reason?: string): void
  /** Ends it without a close frame, as a cut cable would; the other end sees 1006. */
  cut(): void
}

/**
 * `message` is called in the order of sending, never from within `send`; `close` is called once, and last. `binary`: a message
 * came that is no text; whoever does not take those is given its bytes as text.
 */
export type LineHandlers = {
  message(text: string): void
  binary?(bytes: Uint8Array): void
  close(code: number, reason: string): void
}

/** A handshake that was not answered with 101. `status` is 0 when nothing answered. */
export class HandshakeRefused extends Error {
  constructor(
    readonly status: number,
    message = `The server answered the WebSocket handshake with ${status || 'nothing'}`,
  ) {
    super(message)
  }
}

export type Network = {
  /** Requests a URL by its public name (https://frontdesk.example/…). Follows no redirect unless asked to. */
  fetch(url: string, init: RequestInit): Promise<Response>
  /**
   * Opens a WebSocket by its public name (wss://…); rejects with HandshakeRefused. A handler is first called after whoever
   * awaits this has the line.
   */
  dial(url: string, headers: Record<string, string>, handlers: LineHandlers): Promise<Line>
}

/** What becomes of a WebSocket handshake. `protocol` is answered only to a client that offered it. */
export type Handshake = { refuse: Response } | { accept(line: Line): LineHandlers; protocol?: string }

/** A stand-in for a vendor, as something that can be reached. */
export type StandIn = {
  fetch(request: Request): Response | Promise<Response>
  /** Looks at a WebSocket handshake: refuses it with a response, or takes it. */
  upgrade?(request: Request): Handshake | Promise<Handshake>
}

/** The address without what no request carries: the fragment. */
export function addressOf(url: string): URL {
  const address = new URL(url)
  address.hash = ''
  return address
}

/** What the handshake's protocol header must say, if anything: a client that offered none fails on any answer. */
export function answeredProtocol(offered: string | null, wanted: string | undefined): string | undefined {
  if (wanted === undefined || offered === null) return undefined
  return offered
    .split(',')
    .map((each) => each.trim())
    .find((each) => each === wanted)
}
