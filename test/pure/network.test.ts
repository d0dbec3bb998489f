// The lines and the network within the process: in order, once, and never ahead of time.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { createVirtualClock, type VirtualClock } from '../../sim/clock.ts'
import { createMemoryNetwork, linePair } from '../../sim/memory.ts'
import type { HandshakeRefused, LineHandlers } from '../../sim/network.ts'

type Heard = { messages: string[]; closes: [number, string][] }
const listener = (onMessage: (text: string) => void = () => {}): LineHandlers & Heard => {
  const heard: Heard = { messages: [], closes: [] }
  return {
    ...heard,
    message(text) {
      expect(heard.closes).toEqual([])
      heard.messages.push(text)
      onMessage(text)
    },
    close: (code, reason) => void heard.closes.push([code, reason]),
  }
}
const newClock = () => createVirtualClock({ startMs: 0, stuckAfterMs: 2_000 })
const settle = (clock: VirtualClock) => clock.run(new Promise<void>((resolve) => clock.after(1, resolve)))

describe('a line in memory', () => {
  test('delivers each message once, in order, in both directions', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.boolean(), fc.string())), async (sent) => {
        const clock = newClock()
        const [left, right] = linePair(clock)
        const [atLeft, atRight] = [listener(), listener()]
        left.listen(atLeft)
        right.listen(atRight)
        for (const [isFromLeft, text] of sent) (isFromLeft ? left : right).send(text)
        await settle(clock)
        expect(atRight.messages).toEqual(sent.filter(([isFromLeft]) => isFromLeft).map(([, text]) => text))
        expect(atLeft.messages).toEqual(sent.filter(([isFromLeft]) => !isFromLeft).map(([, text]) => text))
      }),
    ))

  test('never calls a handler from within send', async () => {
    const clock = newClock()
    const [left, right] = linePair(clock)
    const order: string[] = []
    left.listen(listener(() => order.push('answer heard')))
    right.listen(
      listener(() => {
        right.send('answer')
        order.push('answer sent')
      }),
    )
    left.send('question')
    order.push('question sent')
    await settle(clock)
    expect(order).toEqual(['question sent', 'answer sent', 'answer heard'])
  })

  test('holds time from send until the handler has run', async () => {
    const clock = newClock()
    const [left, right] = linePair(clock)
    const heardAt: number[] = []
    const relay = (hops: number): LineHandlers =>
      listener((text) => {
        heardAt.push(clock.now())
        if (Number(text) < hops) right.send(String(Number(text) + 1))
      })
    right.listen(listener((text) => left.send(text)))
    left.listen(relay(50))
    clock.after(1, () => expect(heardAt).toHaveLength(50))
    right.send('1')
    await settle(clock)
    expect(new Set(heardAt)).toEqual(new Set([0]))
  })

  test('keeps what arrives before anybody listens', async () => {
    const clock = newClock()
    const [left, right] = linePair(clock)
    const heard = listener()
    left.listen(listener())
    left.send('early')
    left.close(4000, 'and gone')
    right.listen(heard)
    await settle(clock)
    expect(heard.messages).toEqual(['early'])
    expect(heard.closes).toEqual([[4000, 'and gone']])
  })

  test('closes once at each end, after all that was sent before to an end that stays, whoever closes or cuts, and however often', () => {
    const act = fc.constantFrom('left sends', 'right sends', 'left closes', 'right closes', 'left cuts', 'right cuts')
    return fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 12 }), async (acts) => {
        const clock = newClock()
        const [left, right] = linePair(clock)
        const [atLeft, atRight] = [listener(), listener()]
        left.listen(atLeft)
        right.listen(atRight)
        acts.forEach((each, place) => {
          const [end, other] = each.startsWith('left') ? [left, atRight] : [right, atLeft]
          if (each.endsWith('sends')) end.send(String(place))
          else if (each.endsWith('closes')) end.close(4000, 'bye')
          else end.cut()
          expect(other.closes).toEqual([])
        })
        await settle(clock)
        const isEnded = acts.some((each) => !each.endsWith('sends'))
        expect(atLeft.closes).toHaveLength(isEnded ? 1 : 0)
        expect(atRight.closes).toHaveLength(isEnded ? 1 : 0)
        for (const [side, other, heard] of [
          ['left', 'right', atRight.messages],
          ['right', 'left', atLeft.messages],
        ] as const) {
          const end = acts.findIndex((each) => each.startsWith(side) && !each.endsWith('sends'))
          const sent = acts.flatMap((each, place) =>
            each === `${side} sends` && (end < 0 || place < end) ? [String(place)] : [],
          )
          const isHeardOut = acts.every((each) => !each.startsWith(other) || each.endsWith('sends'))
          expect(heard).toEqual(isHeardOut ? sent : sent.slice(0, heard.length))
        }
      }),
    )
  })

  test('a close carries its code and reason to both ends; without a code that is 1005, and a cut is 1006', async () => {
    for (const [end, wanted] of [
      ['close', [1005, '']],
      ['cut', [1006, '']],
    ] as const) {
      const clock = newClock()
      const [left, right] = linePair(clock)
      const [atLeft, atRight] = [listener(), listener()]
      left.listen(atLeft)
      right.listen(atRight)
      left[end]()
      await settle(clock)
      expect([atLeft.closes, atRight.closes]).toEqual([[[...wanted]], [[...wanted]]])
    }
  })
})

describe('the network in memory', () => {
  test('leads a public name to its server, with the path, query, headers and body, but no fragment', async () => {
    const clock = newClock()
    const network = createMemoryNetwork({
      clock,
      servers: {
        'frontdesk.example': {
          fetch: async (request) =>
            Response.json([request.method, request.url, request.headers.get('x-a'), await request.text()]),
        },
      },
    })
    const answer = network.fetch('https://frontdesk.example/a?b=c#rc=2', {
      method: 'POST',
      headers: { 'x-a': '1' },
      body: 'd=e',
    })
    expect(await (await clock.run(answer)).json()).toEqual(['POST', 'https://frontdesk.example/a?b=c', '1', 'd=e'])
  })

  test('an answer that takes its time takes it on the clock', async () => {
    const clock = newClock()
    const late = () =>
      new Promise<Response>((resolve) => clock.after(2_500, () => resolve(new Response(null, { status: 204 }))))
    const network = createMemoryNetwork({ clock, servers: { 'api.example': { fetch: late } } })
    expect((await clock.run(network.fetch('https://api.example/', {}))).status).toBe(204)
    expect(clock.now()).toBe(2_500)
  })

  test('a request can be given up', async () => {
    const clock = newClock()
    const servers = {
      'api.example': {
        fetch: () => new Promise<Response>((resolve) => clock.after(9_000, () => resolve(new Response()))),
      },
    }
    const abort = new AbortController()
    clock.after(1_000, () => abort.abort(new Error('too late')))
    const answer = createMemoryNetwork({ clock, servers }).fetch('https://api.example/', { signal: abort.signal })
    await expect(clock.run(answer)).rejects.toThrow('too late')
    expect(clock.now()).toBe(1_000)
  })

  test('whoever dials has the line before it hears anything', async () => {
    const clock = newClock()
    const network = createMemoryNetwork({
      clock,
      servers: {
        'api.example': {
          fetch: () => new Response(),
          upgrade: (request) => ({
            accept(line) {
              line.send(`${request.url} ${request.headers.get('authorization')}`)
              return listener()
            },
          }),
        },
      },
    })
    const order: string[] = []
    const dialled = network
      .dial(
        'wss://api.example/v1?x=1',
        { authorization: 'Bearer k' },
        listener((text) => order.push(text)),
      )
      .then((line) => Promise.resolve(line))
      .then(() => order.push('has the line'))
    await clock.run(dialled)
    await settle(clock)
    expect(order).toEqual(['has the line', 'https://api.example/v1?x=1 Bearer k'])
  })

  test('a refused handshake tells its status; a name that nobody answers to, 0', async () => {
    const clock = newClock()
    const network = createMemoryNetwork({
      clock,
      servers: {
        'api.example': {
          fetch: () => new Response(),
          upgrade: () => ({ refuse: new Response(null, { status: 503 }) }),
        },
        'web.example': { fetch: () => new Response(null, { status: 404 }) },
      },
    })
    const statusOf = (url: string) =>
      clock.run(
        network.dial(url, {}, listener()).then(
          () => 101,
          (error: HandshakeRefused) => error.status,
        ),
      )
    expect(await statusOf('wss://api.example/')).toBe(503)
    expect(await statusOf('wss://web.example/')).toBe(404)
    expect(await statusOf('wss://nobody.example/')).toBe(0)
    await expect(network.fetch('https://nobody.example/', {})).rejects.toThrow('nothing answers there')
  })
})
