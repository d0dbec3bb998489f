// A way to the database on which, from one moment on, nothing comes through any more, and nobody says so: as when the machine at
// its other end has died.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export async function silentWay(appUrl: string) {
  const { hostname, port } = new URL(appUrl)
  const pairs: [Socket, Socket][] = []
  const silent: [Socket, Socket][] = []
  const server = createServer((socket) => {
    const onward = connect(Number(port), hostname)
    socket.pipe(onward).pipe(socket)
    for (const end of [socket, onward]) end.on('error', () => {})
    pairs.push([socket, onward])
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(appUrl)
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    count: () => pairs.length,
    /** For all that have come so far. */
    silence() {
      for (const pair of pairs.splice(0)) {
        for (const end of pair) end.unpipe().pause()
        silent.push(pair)
      }
    },
    /** Breaks all, so that the server's side ends: one that waits for a password holds up whoever drops a database. */
    close() {
      server.close()
      for (const end of [...pairs, ...silent].flat()) end.destroy()
    },
  }
}
