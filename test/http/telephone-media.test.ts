// The media socket's door: only Twilio knocks, only a token opens, once, for the call that it was made for.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { type App, createApp } from '../../src/app.ts'
import { lineLimits } from '../../src/bridge/limits.ts'
import { createBridge } from '../../src/bridge/session.ts'
import { limits } from '../../src/config.ts'
import type { Socket, SocketHandlers } from '../../src/lib/socket.ts'
import { saveTwilioCredentials } from '../../src/organizations/account-store.ts'
import { createSeal } from '../../src/organizations/seal.ts'
import { serve } from '../../src/platform/serve.ts'
import { openSocket } from '../../src/platform/sockets.ts'
import { recollection, script } from '../pure/bridge-scene.ts'
import {
  bodyOf,
  cedar,
  house,
  incoming,
  later,
  newCallSid,
  openTelephone,
  publicBaseUrl,
  sid,
  sign,
  type Telephone,
} from '../support/telephone.ts'

const theirs = { accountSid: `AC${'ce'.repeat(16)}`, authToken: 'the token of Cedar Grove' }
const policyViolation = 1008

let telephone: Telephone
beforeAll(async () => {
  telephone = await openTelephone()
  telephone.vendors.model = 'silent'
  const { database, deps } = telephone
  const seal = createSeal(deps.config.FRONTDESK_KEYS)
  await database.db.withOrg(cedar.organizationId, (tx) =>
    saveTwilioCredentials(tx, { seal, ids: deps.ids }, cedar.organizationId, theirs),
  )
})
/** Each test's streams are over before the next begins. */
afterEach(async () => {
  for (const { close } of open.splice(0)) close(1006, '')
  telephone.clock.advance(60_000)
  await telephone.until(() => telephone.app.bridge.liveCalls() === 0)
})
afterAll(() => telephone.end())

const open: SocketHandlers[] = []

type Offer = { callSid: string; url: string; token: string; accountSid: string; authToken: string }

/** What our TwiML offers to a call. */
async function ring(account: typeof theirs = house): Promise<Offer> {
  const callSid = newCallSid()
  const fields = incoming(callSid, account === house ? {} : { AccountSid: account.accountSid, To: cedar.number })
  return offerIn(callSid, await telephone.post('/incoming-call', fields, account), account)
}
const ringAgain = async (callSid: string, after: number): Promise<Offer> =>
  offerIn(callSid, await telephone.post(`/resume?after=stream-${after}`, later(callSid)), house)

async function offerIn(callSid: string, response: Response, account: typeof theirs): Promise<Offer> {
  const twiml = await response.text()
  const [, url = ''] = /<Stream url="([^"]+)"/.exec(twiml) ?? []
  const [, token = ''] = /name="token" value="([^"]+)"/.exec(twiml) ?? []
  return { callSid, url, token, ...account }
}

const handshake = ({ url, authToken }: Offer, signed = url, path = new URL(url).pathname): Request =>
  new Request(`http://10.0.0.7:3000${path}`, {
    headers: { upgrade: 'websocket', 'x-twilio-signature': sign(authToken, signed) },
  })

const media = (app = telephone.app) => {
  const [route] = app.sockets
  if (route === undefined) throw new Error('there is no media socket')
  return route
}
const refusal = async (request: Request, app?: App): Promise<number | undefined> =>
  (await media(app).refuse(request))?.status

type Stream = {
  say(frame: unknown): void
  sent: string[]
  closed: Promise<number>
  isClosed(): boolean
  handlers: SocketHandlers
}

/** A stream whose handshake was taken, as far as our end sees it. */
async function connect(offer: Offer, app?: App): Promise<Stream> {
  const request = handshake(offer)
  expect(await refusal(request, app)).toBeUndefined()
  const sent: string[] = []
  const { promise: closed, resolve } = Promise.withResolvers<number>()
  let isOpen = true
  const socket: Socket = {
    send(text) {
      if (isOpen) sent.push(text)
      return isOpen
    },
    close(code = 1005) {
      isOpen = false
      resolve(code)
    },
  }
  const handlers = media(app).accept(socket, request)
  handlers.open?.()
  open.push(handlers)
  return { say: (frame) => handlers.message(JSON.stringify(frame)), sent, closed, isClosed: () => !isOpen, handlers }
}

let streams = 0
const newStreamSid = (): string => sid('MZ', ++streams)
const start = ({ callSid, token, accountSid }: Offer, streamSid: string, customParameters: object = { token }) => ({
  event: 'start',
  sequenceNumber: '1',
  streamSid,
  start: {
    accountSid,
    streamSid,
    callSid,
    tracks: ['inbound'],
    mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 },
    customParameters,
  },
})
const connected = { event: 'connected', protocol: 'Call', version: '1.0.0' }

const keysOf = async (callSid: string): Promise<string[]> =>
  (
    await telephone.admin<{ key: string }[]>`
      select e.key from conversation_events e join conversations c on c.id = e.conversation_id
      where c.call_sid = ${callSid} order by e.position`
  ).map(({ key }) => key)
const written = (callSid: string, key: string): Promise<void> =>
  telephone.until(async () => (await keysOf(callSid)).includes(key))

/** A stream that is let in, and has its call. */
async function letIn(offer: Offer, streamSid = newStreamSid(), app = telephone.app): Promise<Stream> {
  const stream = await connect(offer, app)
  stream.say(connected)
  stream.say(start(offer, streamSid))
  await written(offer.callSid, `stream.started:${streamSid}`)
  await telephone.until(() => app.bridge.liveCalls() > 0)
  return stream
}

test('a database that breaks off after the token was taken does not cost the caller their stream', async () => {
  const { db } = telephone.deps
  const lost = Object.assign(new Error('the connection is closed'), { code: 'CONNECTION_CLOSED' })
  let asked = 0
  const breaking: typeof db = {
    ...db,
    withOrg: async (...given) => (++asked > 1 ? db.withOrg(...given) : Promise.reject(lost)),
  }
  const app = createApp({ ...telephone.deps, db: breaking })
  const stream = await letIn(await ring(), newStreamSid(), app)
  expect([asked > 1, stream.isClosed()]).toEqual([true, false])
})

describe('the handshake', () => {
  test('is taken when Twilio signed its wss address, with or without a slash at the end', async () => {
    for (const account of [house, theirs]) {
      const offer = await ring(account)
      expect(await refusal(handshake(offer))).toBeUndefined()
      expect(await refusal(handshake(offer, `${offer.url}/`))).toBeUndefined()
    }
  })

  test('is refused without a signature, or with one of another account, address or scheme', async () => {
    const offer = await ring()
    const unsigned = new Request(`http://10.0.0.7${new URL(offer.url).pathname}`, { headers: { upgrade: 'websocket' } })
    expect(await refusal(unsigned)).toBe(403)
    expect(await refusal(handshake({ ...offer, authToken: theirs.authToken }))).toBe(403)
    const other = [`${offer.url}x`, `${offer.url}?a=b`, `${offer.url}//`, offer.url.replace('wss:', 'https:')]
    for (const signed of [...other, offer.url.replace('frontdesk', 'other')])
      expect([signed, await refusal(handshake(offer, signed))]).toEqual([signed, 403])
  })

  test('is refused on the path of another account, whoever signed it for whatever path', async () => {
    const [ours, alien] = [await ring(), await ring(theirs)]
    for (const signed of [ours.url, alien.url])
      expect(await refusal(handshake(ours, signed, new URL(alien.url).pathname))).toBe(403)
    for (const name of [house.accountSid, theirs.accountSid, 'x', '%00', '', crypto.randomUUID()]) {
      const url = `${publicBaseUrl.replace('https', 'wss')}/api/twilio/media-stream/${name}`
      expect([name, await refusal(handshake({ ...ours, url }))]).toEqual([name, 403])
    }
  })
})

describe('a stream', () => {
  test('with its token is let in, and its start is in the ledger before its call is live', async () => {
    const offer = await ring()
    const streamSid = newStreamSid()
    const stream = await letIn(offer, streamSid)
    expect(stream.isClosed()).toBe(false)
    const [call] = await telephone.admin`select * from conversations where call_sid = ${offer.callSid}`
    expect(call).toMatchObject({ answered_at: new Date(telephone.clock.now()) })
    expect((await telephone.jobs(offer.callSid)).map(({ task }) => task)).toContain('start-recording')
  })

  test('with a token that was used is closed, and the call goes on', async () => {
    const offer = await ring()
    const first = await letIn(offer)
    const second = await connect(offer)
    second.say(start(offer, newStreamSid()))
    expect(await second.closed).toBe(policyViolation)
    expect(first.isClosed()).toBe(false)
    expect((await keysOf(offer.callSid)).filter((key) => key.startsWith('stream.started'))).toHaveLength(1)
  })

  test('with a token presented ten times at once is let in once', async () => {
    const offer = await ring()
    const all = await Promise.all(Array.from({ length: 10 }, () => connect(offer)))
    for (const stream of all) stream.say(start(offer, newStreamSid()))
    await telephone.until(() => all.filter((stream) => stream.isClosed()).length === 9)
    await telephone.until(() => telephone.app.bridge.liveCalls() === 1)
    expect((await keysOf(offer.callSid)).filter((key) => key.startsWith('stream.started'))).toHaveLength(1)
  })

  test('with the token of another call, of nobody, or with none is closed', async () => {
    const [offer, other] = [await ring(), await ring()]
    const starts = [
      start({ ...offer, token: other.token }, newStreamSid()),
      start({ ...offer, callSid: other.callSid }, newStreamSid()),
      start({ ...offer, token: 'f'.repeat(32) }, newStreamSid()),
      start({ ...offer, token: '' }, newStreamSid()),
      start(offer, newStreamSid(), {}),
    ]
    const before = await telephone.everything()
    for (const frame of starts) {
      const stream = await connect(offer)
      stream.say(frame)
      expect(await stream.closed).toBe(policyViolation)
    }
    expect(await telephone.everything()).toEqual(before)
    // None of it has used up the token.
    await letIn(offer)
  })

  test('on the socket of another account is closed, though it knows the token', async () => {
    const offer = await ring()
    const alien = await ring(theirs)
    for (const claim of [offer, { ...offer, accountSid: theirs.accountSid }]) {
      const stream = await connect(alien)
      stream.say(start(claim, newStreamSid()))
      expect(await stream.closed).toBe(policyViolation)
    }
    expect((await keysOf(offer.callSid)).filter((key) => key.startsWith('stream.started'))).toHaveLength(0)
  })

  test('with a token that has expired is closed', async () => {
    const offer = await ring()
    telephone.clock.advance(limits.streamTokenMs)
    const stream = await connect(offer)
    stream.say(start(offer, newStreamSid()))
    expect(await stream.closed).toBe(policyViolation)
  })

  test('that does not start in five seconds is closed', async () => {
    const stream = await connect(await ring())
    stream.say(connected)
    telephone.clock.advance(lineLimits.startMs - 1)
    expect(stream.isClosed()).toBe(false)
    telephone.clock.advance(1)
    expect(await stream.closed).toBe(policyViolation)
    expect(lineLimits.startMs).toBe(5_000)
  })

  test('that starts a second time is closed', async () => {
    const offer = await ring()
    const stream = await letIn(offer)
    stream.say(start(offer, newStreamSid()))
    expect(await stream.closed).toBe(policyViolation)
  })

  test('of another sound than the telephone’s is closed', async () => {
    const offer = await ring()
    const stream = await connect(offer)
    const frame = start(offer, newStreamSid())
    frame.start.mediaFormat = { encoding: 'audio/x-l16', sampleRate: 16_000, channels: 1 }
    stream.say(frame)
    expect(await stream.closed).toBe(policyViolation)
  })

  test('that Twilio opens anew takes the call over from the one before', async () => {
    const offer = await ring()
    const first = await letIn(offer)
    const again = await ringAgain(offer.callSid, 0)
    expect(first.isClosed()).toBe(false)
    const second = await connect(again)
    second.say(start(again, newStreamSid()))
    await first.closed
    expect(second.isClosed()).toBe(false)
  })

  test('that comes where the first one never did is recorded as the first would have been', async () => {
    const offer = await ring()
    const again = await ringAgain(offer.callSid, 0)
    await letIn(again)
    expect((await telephone.jobs(offer.callSid)).map(({ task }) => task)).toContain('start-recording')
  })
})

test('a bridge that has stopped has nothing left to write, not even of a call that was only warm', async () => {
  const { promise: flushed, resolve: flush } = Promise.withResolvers<void>()
  const happened: string[] = []
  const { clock, log, openSocket: dial } = telephone.deps
  const bridge = createBridge({ clock, log, openSocket: dial })
  bridge.prewarm({
    ...script(),
    ...{ organizationId: cedar.organizationId, conversationId: crypto.randomUUID(), callSid: newCallSid() },
    realtime: { baseUrl: 'https://model.example/v1', apiKey: 'none' },
    runTool: () => Promise.reject(new Error('no tool is asked for')),
    recall: async () => recollection(),
    consult: () => Promise.reject(new Error('nobody is consulted')),
    isSpent: async () => false,
    journal: { write() {}, flush: () => flushed.then(() => void happened.push('flushed')) },
  })
  const stopped = bridge.stop().then(() => happened.push('stopped'))
  await telephone.everything()
  flush()
  await stopped
  expect(happened).toEqual(['flushed', 'stopped'])
})

describe('over real sockets', () => {
  const text = (frame: unknown) => JSON.stringify(frame)

  async function onLoopback(run: (port: number) => Promise<void>): Promise<void> {
    const { fetch, sockets } = telephone.app
    const server = await serve({ port: 0, hostname: '127.0.0.1', fetch, sockets })
    try {
      await run(server.port)
    } finally {
      await server.close()
    }
  }

  /** Rings by HTTP, and dials what the TwiML offers. */
  async function dial(port: number, changes: Partial<Offer> = {}) {
    const callSid = newCallSid()
    const fields = incoming(callSid)
    const response = await fetch(`http://127.0.0.1:${port}/api/twilio/incoming-call`, {
      method: 'POST',
      headers: { 'x-twilio-signature': sign(house.authToken, `${publicBaseUrl}/api/twilio/incoming-call`, fields) },
      body: new URLSearchParams(bodyOf(fields)),
    })
    const offer = { ...(await offerIn(callSid, response, house)), ...changes }
    const { promise: closed, resolve: close } = Promise.withResolvers<number>()
    const { promise: opened, resolve: open } = Promise.withResolvers<void>()
    const headers = { 'x-twilio-signature': sign(offer.authToken, offer.url) }
    const socket = openSocket(`ws://127.0.0.1:${port}${new URL(offer.url).pathname}`, headers, {
      open,
      message() {},
      close: (code) => close(code),
    })
    return { offer, socket, opened, closed }
  }

  test('a call is rung, answered, streamed and hung up', async () => {
    await onLoopback(async (port) => {
      const { offer, socket, opened, closed } = await dial(port)
      await opened
      const streamSid = newStreamSid()
      socket.send(text(connected))
      socket.send(text(start(offer, streamSid)))
      await written(offer.callSid, `stream.started:${streamSid}`)
      await telephone.until(() => telephone.app.bridge.liveCalls() === 1)
      socket.close()
      await closed
      await written(offer.callSid, `stream.ended:${streamSid}`)
    })
  })

  test('a handshake that is not Twilio’s never opens', async () => {
    await onLoopback(async (port) => {
      const { closed } = await dial(port, { authToken: theirs.authToken })
      expect(await closed).not.toBe(1000)
    })
  })

  test('a message larger than any frame closes the socket, before its start and in the middle of a call', async () => {
    await onLoopback(async (port) => {
      const large = text({ event: 'media', media: { payload: 'x'.repeat(limits.mediaMessageBytes) } })
      const early = await dial(port)
      await early.opened
      early.socket.send(large)
      expect([1006, 1009]).toContain(await early.closed)
      const late = await dial(port)
      await late.opened
      const streamSid = newStreamSid()
      late.socket.send(text(start(late.offer, streamSid)))
      await written(late.offer.callSid, `stream.started:${streamSid}`)
      late.socket.send(large)
      expect([1006, 1009]).toContain(await late.closed)
      await written(late.offer.callSid, `stream.ended:${streamSid}`)
    })
  })
})
