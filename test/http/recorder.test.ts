// Listening on real sockets: everything passes as it is, both ways, and is told in its order.
import { afterAll, expect, test } from 'bun:test'
import { createCollector, legs } from '../../sim/capture/listening.ts'
import { forwarding, tapped } from '../../sim/capture/tap.ts'
import { realClock } from '../../sim/clock.ts'
import { createLoopbackNetwork, listen } from '../../sim/loopback.ts'
import { HandshakeRefused } from '../../sim/network.ts'

const server = await listen({
  async fetch(request) {
    const told = { host: request.headers.get('host'), signature: request.headers.get('x-twilio-signature') }
    const { pathname, search } = new URL(request.url)
    return Response.json({ ...told, path: pathname + search, body: await request.text() }, { status: 201 })
  },
  upgrade(request) {
    if (new URL(request.url).pathname === '/refused') return { refuse: new Response(null, { status: 403 }) }
    return {
      accept(line) {
        line.send('first')
        return {
          message: (text) => (text === 'end' ? line.close(4001, 'enough') : line.send(`${text}!`)),
          close() {},
        }
      },
    }
  },
})
const collector = createCollector(realClock)
const onward = createLoopbackNetwork({ hosts: {}, otherwise: server.origin })
const recorder = await listen(tapped(forwarding(realClock, onward, null), legs.carrier, collector))
const network = createLoopbackNetwork({ hosts: { 'desk.example': recorder.origin } })
afterAll(() => Promise.all([recorder.stop(), server.stop()]))

test('a request passes with its path, its body, its signature and the host that was called', async () => {
  const answer = await network.fetch('https://desk.example/voice?a=%2B1', {
    method: 'POST',
    headers: { 'x-twilio-signature': 'signed', 'content-type': 'application/x-www-form-urlencoded' },
    body: 'From=%2B15550102030',
  })
  expect(answer.status).toBe(201)
  expect(await answer.json()).toEqual({
    host: 'desk.example',
    signature: 'signed',
    path: '/voice?a=%2B1',
    body: 'From=%2B15550102030',
  })
  expect(collector.seen).toMatchObject([
    { wire: 'webhook', n: 0, request: { method: 'POST', path: '/voice?a=%2B1' } },
    { wire: 'webhook', n: 0, answer: { status: 201 } },
  ])
})

test('a socket’s messages pass in their order, and its end with its code', async () => {
  const before = collector.seen.length
  const heard: string[] = []
  const over = Promise.withResolvers<[number, string]>()
  const line = await network.dial(
    'wss://desk.example/media',
    {},
    {
      message(text) {
        heard.push(text)
        if (text === 'two!') line.send('end')
      },
      close: (code, reason) => over.resolve([code, reason]),
    },
  )
  line.send('one')
  line.send('two')
  expect(await over.promise).toEqual([4001, 'enough'])
  expect(heard).toEqual(['first', 'one!', 'two!'])
  const told = collector.seen.slice(before).flatMap((each) => ('text' in each ? [`${each.from} ${each.text}`] : []))
  expect(told.filter((each) => each.startsWith('server'))).toEqual(['server first', 'server one!', 'server two!'])
  expect(told.filter((each) => each.startsWith('vendor'))).toEqual(['vendor one', 'vendor two', 'vendor end'])
})

test('a refused handshake is refused with the same status, and nobody’s socket', async () => {
  const before = collector.seen.length
  const refused = await network.dial('wss://desk.example/refused', {}, { message() {}, close() {} }).then(
    () => null,
    (error) => error,
  )
  expect(refused).toBeInstanceOf(HandshakeRefused)
  expect(refused.status).toBe(403)
  expect(collector.seen).toHaveLength(before)
})

test('where nobody answers, a request is answered with 502, and it is told why', async () => {
  const reasons: string[] = []
  const nobody = createLoopbackNetwork({ hosts: {}, otherwise: 'http://127.0.0.1:9' })
  const alone = forwarding(realClock, nobody, null, (why) => void reasons.push(why))
  const answer = await alone.fetch(new Request('http://desk.example/voice', { method: 'POST', body: 'CallSid=CA1' }))
  expect([answer.status, await answer.text()]).toEqual([502, ''])
  expect(reasons).toEqual([expect.stringContaining('ECONNREFUSED')])
})
