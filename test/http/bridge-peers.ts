// The two ends of a call's sockets, by hand: a carrier that streams and a model that answers, over real loopback sockets,
// with a clock that only the test moves. What happens is waited for by its event, never by time.

import type { Redeem } from '../../src/bridge/door.ts'
import type { CallPlan } from '../../src/bridge/plan.ts'
import { createBridge } from '../../src/bridge/session.ts'
import type { ConversationFact } from '../../src/conversations/events.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { createLog } from '../../src/lib/log.ts'
import { serve } from '../../src/platform/serve.ts'
import { openSocket } from '../../src/platform/sockets.ts'
import { recollection, script } from '../pure/bridge-scene.ts'
import { createHandClock } from '../support/hand-clock.ts'

/** A clock that only the test moves, and that knows how many wait for it. */
function countingClock() {
  const clock = createHandClock(1_700_000_000_000)
  const waiting = new Set<object>()
  const after: Clock['after'] = (delayMs, run) => {
    const timer = {}
    waiting.add(timer)
    const cancel = clock.after(delayMs, () => {
      waiting.delete(timer)
      run()
    })
    return () => {
      waiting.delete(timer)
      cancel()
    }
  }
  return { now: clock.now, after, advance: clock.advance, waiting }
}

type Message = Record<string, unknown> & { type?: string; event?: string }

/** What one end of a socket received, to be waited for in order. */
class Received {
  readonly all: Message[] = []
  private read = 0
  private wake: () => void = () => {}
  private end: { code: number; reason: string } | null = null

  add(text: string): void {
    this.all.push(JSON.parse(text))
    this.wake()
  }

  close(code: number, reason: string): void {
    this.end = { code, reason }
    this.wake()
  }

  /** The next message of this name, whatever comes before it. */
  async next(name: string): Promise<Message> {
    for (;;) {
      while (this.read < this.all.length) {
        const message = this.all[this.read++]
        if (message !== undefined && (message.type ?? message.event) === name) return message
      }
      if (this.end !== null) throw new Error(`closed with ${this.end.code} before any ${name}`)
      await this.change()
    }
  }

  async closed(): Promise<{ code: number; reason: string }> {
    while (this.end === null) await this.change()
    return this.end
  }

  get isOpen(): boolean {
    return this.end === null
  }

  private change(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve
    })
  }
}

type ModelPeer = {
  url: URL
  headers: Headers
  received: Received
  send(event: Message): void
  close(code: number): void
}

const phone = { format: { type: 'audio/pcmu' } }

/** A model's server. `refusal`: the handshake is answered with this status. */
function serveModel(options: { refusal?: number } = {}) {
  type State = { peer: ModelPeer }
  const peers: ModelPeer[] = []
  let arrive: () => void = () => {}
  const server = Bun.serve<State>({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request, bun) {
      if (options.refusal !== undefined) return new Response('no', { status: options.refusal })
      const peer = { url: new URL(request.url), headers: request.headers, received: new Received() }
      const data: State = { peer: { ...peer, send() {}, close() {} } }
      return bun.upgrade(request, { data }) ? undefined : new Response('no socket', { status: 400 })
    },
    websocket: {
      open(socket) {
        const { peer } = socket.data
        peer.send = (event) => void socket.send(JSON.stringify(event))
        peer.close = (code) => socket.close(code)
        peers.push(peer)
        peer.send({ type: 'session.created', event_id: 'event_0', session: { type: 'realtime' } })
        arrive()
      },
      message: (socket, text) => socket.data.peer.received.add(String(text)),
      close: (socket, code, reason) => socket.data.peer.received.close(code, reason),
    },
  })
  return {
    baseUrl: `http://127.0.0.1:${server.port}/v1`,
    peers,
    async session(n = 0): Promise<ModelPeer> {
      for (;;) {
        const peer = peers[n]
        if (peer !== undefined) return peer
        await new Promise<void>((resolve) => {
          arrive = resolve
        })
      }
    },
    /** A session that has taken our configuration. */
    async ready(n = 0): Promise<ModelPeer> {
      const peer = await this.session(n)
      await peer.received.next('session.update')
      peer.send({
        type: 'session.updated',
        event_id: 'event_1',
        session: { type: 'realtime', audio: { input: phone, output: phone } },
      })
      return peer
    },
    stop: () => server.stop(true),
  }
}

export const streamSid = `MZ${'1'.repeat(32)}`
export const callSid = `CA${'2'.repeat(32)}`

/** A carrier's end of a media stream. */
async function dialStream(url: string) {
  const received = new Received()
  const socket = new WebSocket(url)
  socket.onmessage = ({ data }) => received.add(String(data))
  socket.onclose = ({ code, reason }) => received.close(code, reason)
  await new Promise((resolve) => {
    socket.onopen = resolve
  })
  let sequence = 0
  const send = (frame: Message) => socket.send(JSON.stringify(frame))
  return {
    received,
    send,
    raw: (text: string) => socket.send(text),
    start(token = 'token', sid = streamSid) {
      send({ event: 'connected', protocol: 'Call', version: '1.0.0' })
      const mediaFormat = { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 }
      const start = { accountSid: `AC${'3'.repeat(32)}`, streamSid: sid, callSid, tracks: ['inbound'], mediaFormat }
      send({ event: 'start', sequenceNumber: '1', streamSid: sid, start: { ...start, customParameters: { token } } })
    },
    frame(payload: string, timestamp = 20 * sequence) {
      const media = { track: 'inbound', chunk: String(++sequence), timestamp: String(timestamp), payload }
      send({ event: 'media', sequenceNumber: String(sequence + 1), media, streamSid })
    },
    mark: (name: unknown) => send({ event: 'mark', sequenceNumber: '9', streamSid, mark: { name } }),
    stop: () => send({ event: 'stop', sequenceNumber: '99', streamSid, stop: { callSid } }),
    hangUp: () => socket.close(),
  }
}

/** A journal that keeps facts in memory, and flushes when it is let. */
function memoryJournal() {
  const facts: ConversationFact[] = []
  let changed: () => void = () => {}
  const journal = {
    isStuck: false,
    facts,
    write(fact: ConversationFact) {
      facts.push(fact)
      changed()
    },
    flush: (): Promise<void> => (journal.isStuck ? new Promise(() => {}) : Promise.resolve()),
    async has(kind: ConversationFact['kind']): Promise<void> {
      while (!facts.some((fact) => fact.kind === kind))
        await new Promise<void>((resolve) => {
          changed = resolve
        })
    },
  }
  return journal
}

/** A bridge on a real server, with a model's server beside it. */
export async function stage(options: { refusal?: number; script?: Parameters<typeof script>[0] } = {}) {
  const clock = countingClock()
  const model = serveModel(options)
  const journal = memoryJournal()
  const log = createLog({ level: 'silent' })
  const bridge = createBridge({ clock, log, openSocket })
  const plan: CallPlan = {
    ...script({ greeting: null, ...options.script }),
    organizationId: 'org',
    conversationId: 'conversation',
    callSid,
    realtime: { baseUrl: model.baseUrl, apiKey: 'sk-test', safetyIdentifier: 'caller-hash' },
    runTool: async () => ({ output: '{}', outcome: 'done', endsCall: false }),
    recall: async () => recollection(),
    isSpent: async () => false,
    consult: async () => ({ output: '{}', outcome: 'done', endsCall: false }),
    journal,
  }
  /** Codes with which the bridge closed media sockets. */
  const closes: (number | undefined)[] = []
  const house: { redeem: Redeem } = { redeem: async ({ token }) => (token === 'token' ? plan : null) }
  const server = await serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: () => new Response('no', { status: 404 }),
    sockets: [
      {
        path: '/media',
        refuse: () => undefined,
        accept: ({ send, close }) => {
          const socket = {
            send,
            close(code?: number, reason?: string) {
              closes.push(code)
              close(code, reason)
            },
          }
          return bridge.accept(socket, (claim) => house.redeem(claim))
        },
        maxMessageBytes: 65_536,
      },
    ],
  })
  return {
    bridge,
    clock,
    closes,
    house,
    journal,
    model,
    plan,
    dial: () => dialStream(`ws://127.0.0.1:${server.port}/media`),
    /** The caller's stream and the model's session, both ready. */
    async live() {
      const stream = await dialStream(`ws://127.0.0.1:${server.port}/media`)
      stream.start()
      const session = await model.ready()
      // What is heard first is passed on only when the call is live.
      stream.frame('AAAA')
      await session.received.next('input_audio_buffer.append')
      return { stream, session }
    },
    async close() {
      await bridge.stop()
      await server.close()
      await model.stop()
    },
  }
}
