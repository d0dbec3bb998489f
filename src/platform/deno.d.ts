// The few names of Deno that platform/ uses, for a type check that runs under Bun's types.
declare namespace Deno {
  const version: { deno: string }
  function serve(
    options: { port: number; hostname: string; onListen(): void },
    handler: (request: Request) => Response | Promise<Response>,
  ): { addr: { port: number }; shutdown(): Promise<void> }
  function upgradeWebSocket(
    request: Request,
    options: { idleTimeout: number },
  ): { socket: WebSocket; response: Response }
}
