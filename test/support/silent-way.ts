// A way to the database on which, from one moment on, nothing comes through any more, and nobody says so: as when the machine at
// its other end has died.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export async function silentWay(appUrl: string) {
  const { hostname, port } = new URL(appUrl)
  const pairs: [Socket, Socket][] = []
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
      for (const [socket, onward] of pairs.splice(0)) for (const end of [socket, onward]) end.unpipe().pause()
    },
    close: () => server.close(),
  }
}
