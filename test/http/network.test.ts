// The network over loopback, against real sockets: public names, headers, closes, and nothing beyond this machine.
import { afterAll, describe, expect, test } from 'bun:test'
import { createLoopbackNetwork, listen } from '../../sim/loopback.ts'
import { answeredProtocol, HandshakeRefused, type Line, type StandIn } from '../../sim/network.ts'

const closesAtServer: [number, string][] = []
const echo: StandIn = {
  fetch: async (request) => {
    const { pathname, search } = new URL(request.url)
    if (pathname === '/moved') return Response.redirect('http://elsewhere.example/', 302)
    return Response.json([request.method, pathname + search, request.headers.get('host'), await request.text()])
  },
  async upgrade(request) {
    const { pathname } = new URL(request.url)
    if (pathname === '/refused') return { refuse: new Response('no', { status: 403 }) }
    return {
      protocol: 'realtime',
      accept(line) {
        line.send(`hello ${request.headers.get('x-twilio-signature')} ${request.headers.get('host')}`)
        return { message: answerTo(line), close: (code, reason) => void closesAtServer.push([code, reason]) }
      },
    }
  },
}
const answerTo = (line: Line) => (text: string) => {
  if (text === 'close') line.close(1001, 'bye')
  else if (text === 'cut') line.cut()
  else line.send(text)
}

const server = await listen(echo)
const network = createLoopbackNetwork({ hosts: { 'frontdesk.example': server.origin } })
afterAll(() => server.stop())

async function dial(path = '/') {
  const heard: string[] = []
  let waiting = (_: string) => {}
  let closed = (_: [number, string]) => {}
  const closing = new Promise<[number, string]>((resolve) => (closed = resolve))
  const line = await network.dial(
    `wss://frontdesk.example${path}`,
    { 'X-Twilio-Signature': 'sig' },
    {
      message: (text) => {
        heard.push(text)
        waiting(text)
      },
      close: (code, reason) => closed([code, reason]),
    },
  )
  const next = () => new Promise<string>((resolve) => (waiting = resolve))
  if (heard.length === 0) await next()
  return { line, heard, next, closing }
}

describe('the network over loopback', () => {
  test('reaches a local port by its public name, which the request still carries; the fragment stays behind', async () => {
    const answer = await network.fetch('https://frontdesk.example/a?b=c#rc=2', { method: 'POST', body: 'd=e' })
    expect(await answer.json()).toEqual(['POST', '/a?b=c', 'frontdesk.example', 'd=e'])
  })

  test('nothing leaves this machine: not by name, not by a mapped origin, not by a redirect', async () => {
    await expect(network.fetch('https://elsewhere.example/', {})).rejects.toThrow('nothing may leave it')
    await expect(network.dial('wss://elsewhere.example/', {}, { message() {}, close() {} })).rejects.toThrow(
      'elsewhere.example',
    )
    const astray = createLoopbackNetwork({ hosts: { 'frontdesk.example': 'https://93.184.215.14' } })
    await expect(astray.fetch('https://frontdesk.example/', {})).rejects.toThrow('nothing may leave it')
    expect((await network.fetch('https://frontdesk.example/moved', {})).status).toBe(302)
  })

  test('a name of this machine needs no entry', async () => {
    expect((await network.fetch(`${server.origin}/x`, {})).status).toBe(200)
  })

  test('a socket carries its headers, keeps its order, and takes sixteen mebibytes in one frame', async () => {
    const { line, heard, next } = await dial()
    const big = 'x'.repeat(16 * 1024 * 1024)
    line.send('one')
    line.send('two')
    line.send(big)
    while ((await next()) !== big);
    expect(heard.slice(0, 3)).toEqual(['hello sig frontdesk.example', 'one', 'two'])
    line.cut()
  })

  test('a refused handshake tells its status, and 0 when nothing listens', async () => {
    const statusOf = (url: string) =>
      network.dial(url, {}, { message() {}, close() {} }).then(
        () => 101,
        (error: HandshakeRefused) => error.status,
      )
    expect(await statusOf('wss://frontdesk.example/refused')).toBe(403)
    const gone = await listen(echo)
    await gone.stop()
    expect(await statusOf(gone.origin.replace('http', 'ws'))).toBe(0)
    await expect(
      network.dial('wss://frontdesk.example/refused', {}, { message() {}, close() {} }),
    ).rejects.toBeInstanceOf(HandshakeRefused)
  })

  test('a close and a cut by the server are told apart', async () => {
    const closed = await dial()
    closed.line.send('close')
    expect(await closed.closing).toEqual([1001, 'bye'])
    const cut = await dial()
    cut.line.send('cut')
    expect((await cut.closing)[0]).toBe(1006)
  })

  test('a close and a cut by the client are told apart', async () => {
    closesAtServer.length = 0
    const closed = await dial()
    closed.line.close(4000, 'bye')
    await closed.closing
    const cut = await dial()
    cut.line.cut()
    await cut.closing
    while (closesAtServer.length < 2) await new Promise((resolve) => setImmediate(resolve))
    expect(closesAtServer).toEqual([
      [4000, 'bye'],
      [1006, ''],
    ])
  })

  test('a subprotocol is answered if the client offered it, and only then', () => {
    expect(answeredProtocol('realtime, openai-insecure-api-key.k', 'realtime')).toBe('realtime')
    expect(answeredProtocol(null, 'realtime')).toBeUndefined()
    expect(answeredProtocol('other', 'realtime')).toBeUndefined()
    expect(answeredProtocol('realtime', undefined)).toBeUndefined()
  })

  test('a client that offers subprotocols is connected with the one that the stand-in speaks', async () => {
    const socket = new WebSocket(server.origin.replace('http', 'ws'), ['other', 'realtime'])
    await new Promise((resolve) => socket.addEventListener('open', resolve))
    expect(socket.protocol).toBe('realtime')
    socket.close()
  })
})
