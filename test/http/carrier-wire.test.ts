// What only real sockets can do to the carrier: answers that break off or stall in their middle, and messages that are no text.
import { afterEach, expect, test } from 'bun:test'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { ServerWebSocket } from 'bun'
import { realClock } from '../../sim/clock.ts'
import { createLoopbackNetwork } from '../../sim/loopback.ts'
import { createRig, createTinyServer, FROM, HOST, hangUpAfter, NUMBER } from '../pure/carrier-rig.ts'

const stops: (() => unknown)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

/** A call to a server of another make; `fragment`: how the carrier is to treat its voice URL. */
async function ring(origin: string, fragment = '') {
  const network = createLoopbackNetwork({ hosts: { [HOST]: origin } })
  const options = { number: { voiceUrl: `https://${HOST}/voice${fragment}`, statusCallback: '' } }
  const { carrier } = createRig({ clock: realClock, network }, createTinyServer(realClock, {}), options)
  return carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller: [hangUpAfter(300)] }).done
}

const half = 'HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: 90\r\n\r\n<Response><Say>Good mor'

test.each([
  ['breaks off', (socket: Socket) => socket.end(half)],
  ['stalls', (socket: Socket) => socket.write(half)],
])('an answer that %s in its middle is not asked for again, whatever the URL says', async (_, answer) => {
  let asked = 0
  const server = createServer((socket) =>
    socket.once('data', () => {
      asked++
      answer(socket)
    }),
  ).listen(0, '127.0.0.1')
  stops.push(() => server.close())
  await once(server, 'listening')
  const record = await ring(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, '#rc=5&rp=all&rt=700')
  expect(asked).toBe(1)
  expect(record.problems).toMatchObject([{ code: 11200 }])
})

/** A server that connects each call to its media socket, where `hear` gets every message. */
function openMedia(hear: (text: string, socket: ServerWebSocket) => void): string {
  const connect = `<Response><Connect><Stream url="wss://${HOST}/media"/></Connect></Response>`
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request, self) {
      if (self.upgrade(request)) return
      return new Response(connect, { headers: { 'content-type': 'text/xml' } })
    },
    websocket: { message: (socket, text) => hear(String(text), socket) },
  })
  stops.push(() => server.stop(true))
  return server.url.origin
}

test('a binary message on a stream is logged as 31950, once, and the stream goes on', async () => {
  const origin = openMedia((text, socket) => {
    const { event, streamSid } = JSON.parse(text)
    if (event !== 'start') return
    socket.send(new Uint8Array([1, 2, 3]))
    socket.send(new TextEncoder().encode(JSON.stringify({ event: 'clear', streamSid })))
    socket.send(JSON.stringify({ event: 'mark', streamSid, mark: { name: 'after' } }))
  })
  const record = await ring(origin)
  expect(record.problems).toMatchObject([{ code: 31950 }])
  expect(record.streams[0]?.marks).toMatchObject([{ name: 'after', wasCleared: false }])
})
