// When the house is in trouble the caller still hears something: TwiML in time, from a database that hangs or is not there.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import postgres from 'postgres'
import { createApp } from '../../src/app.ts'
import { limits } from '../../src/config.ts'
import { urlOfDatabase } from '../../src/db/scratch.ts'
import { saveTwilioCredentials } from '../../src/organizations/account-store.ts'
import { createSeal } from '../../src/organizations/seal.ts'
import { serve } from '../../src/platform/serve.ts'
import {
  cedar,
  completed,
  incoming,
  later,
  newCallSid,
  openTelephone,
  publicBaseUrl,
  type Telephone,
} from '../support/telephone.ts'

const theirs = { accountSid: `AC${'ce'.repeat(16)}`, authToken: 'the token of Cedar Grove' }
const inTheirName = { AccountSid: theirs.accountSid, To: cedar.number }

let telephone: Telephone
beforeAll(async () => {
  telephone = await openTelephone()
  const { database, deps } = telephone
  const seal = createSeal(deps.config.FRONTDESK_KEYS)
  await database.db.withOrg(cedar.organizationId, (tx) =>
    saveTwilioCredentials(tx, { seal, ids: deps.ids }, cedar.organizationId, theirs),
  )
})
afterAll(() => telephone.end())

const get = async (path: string, origin = 'http://x', { app } = telephone): Promise<Response> =>
  app.fetch(new Request(`${origin}${path}`))

/** Runs `work` while every query that touches the routes waits. */
async function whileHanging<T>(work: () => Promise<T>): Promise<T> {
  const { promise: isOver, resolve: release } = Promise.withResolvers<void>()
  const { promise: isHeld, resolve: hold } = Promise.withResolvers<void>()
  const lock = telephone.admin.begin(async (tx) => {
    await tx`lock table routing.calls, routing.accounts in access exclusive mode`
    hold()
    await isOver
  })
  await isHeld
  try {
    return await work()
  } finally {
    release()
    await lock
  }
}

/** What is answered once the deadline has come. */
async function atDeadline(request: Promise<Response>): Promise<string> {
  let isAnswered = false
  void request.then(() => (isAnswered = true))
  await telephone.clock.untilSet()
  telephone.clock.advance(limits.webhookDeadlineMs - 1)
  await Promise.resolve()
  expect(isAnswered).toBe(false)
  telephone.clock.advance(1)
  const cameAt = performance.now()
  const response = await request
  // By the deadline, not by the database giving up, which takes ten seconds of real time.
  expect(performance.now() - cameAt).toBeLessThan(5_000)
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/xml; charset=utf-8'])
  return response.text()
}

const tape = /<Say>We are sorry, our receptionist cannot take your call.*<Record .*<Redirect/

describe('while the database hangs', () => {
  test('an incoming call is offered the tape at the deadline', async () => {
    await whileHanging(async () => {
      expect(await atDeadline(telephone.post('/incoming-call', incoming(newCallSid())))).toMatch(tape)
    })
  })

  test('a broken stream is offered the tape at the deadline', async () => {
    await whileHanging(async () => {
      expect(await atDeadline(telephone.post('/resume?after=stream-0', later(newCallSid())))).toMatch(tape)
    })
  })

  test('whoever has been at the tape is not sent there again', async () => {
    await whileHanging(async () => {
      const thanks = await atDeadline(telephone.post('/resume?after=voicemail', later(newCallSid())))
      expect(thanks).toContain('Thank you.')
      const hangup = await atDeadline(telephone.post('/resume?after=silence', later(newCallSid())))
      expect(hangup).toEndWith('<Response><Hangup/></Response>')
    })
  })

  test('the fallback answers at once for an account it knows, and at the deadline for one it does not', async () => {
    await whileHanging(async () => {
      const known = await telephone.post('/fallback', later(newCallSid(), { ErrorCode: '11200' }))
      expect(await known.text()).toMatch(tape)
      const fields = later(newCallSid(), inTheirName)
      expect(await atDeadline(telephone.post('/fallback', fields, { authToken: theirs.authToken }))).toMatch(tape)
    })
  })

  test('the fallback answers at once for a clinic’s account that rang before', async () => {
    const byThem = { authToken: theirs.authToken }
    await telephone.post('/incoming-call', incoming(newCallSid(), inTheirName), byThem)
    await whileHanging(async () => {
      expect(await (await telephone.post('/fallback', later(newCallSid(), inTheirName), byThem)).text()).toMatch(tape)
    })
  })

  test('the fallback tries what had failed, but not for long, and sends nobody to the tape twice', async () => {
    const failedAfter = async (after: string): Promise<string> => {
      const ErrorUrl = `${publicBaseUrl}/api/twilio/resume?after=${after}`
      const response = telephone.post('/fallback', later(newCallSid(), { ErrorCode: '11205', ErrorUrl }))
      await telephone.clock.untilSet(2)
      telephone.clock.advance(limits.fallbackMs)
      return (await response).text()
    }
    await whileHanging(async () => {
      expect(await failedAfter('stream-0')).toMatch(tape)
      expect(await failedAfter('voicemail')).toContain('Thank you.')
    })
  })

  test('the process that had it stays ready, because a caller who comes is told so much, and says that it is away', async () => {
    expect(await (await get('/readyz')).json()).toEqual({ status: 'ready', calls: 0 })
    await whileHanging(async () => {
      const waiting = Array.from({ length: 4 }, () => telephone.post('/incoming-call', incoming(newCallSid())))
      const ready = get('/readyz')
      await telephone.clock.untilSet()
      telephone.clock.advance(limits.readyMs)
      const response = await ready
      expect([response.status, await response.json()]).toEqual([200, { status: 'ready', calls: 0, database: 'away' }])
      expect((await get('/healthz')).status).toBe(200)
      telephone.clock.advance(limits.webhookDeadlineMs)
      await Promise.all(waiting)
    })
  })

  test('a call that was answered at the deadline goes on from its tape as if nothing had been', async () => {
    const callSid = newCallSid()
    await whileHanging(() => atDeadline(telephone.post('/incoming-call', incoming(callSid))))
    const thanks = await telephone.post(
      '/resume?after=voicemail',
      later(callSid, { RecordingSid: `RE${'9'.repeat(32)}` }),
    )
    expect(await thanks.text()).toContain('Thank you.')
    const rows = await telephone.admin`select * from conversations where call_sid = ${callSid}`
    expect(rows.map(({ session_id }) => session_id)).toEqual([`twilio_${callSid}`])
  })
})

test('a pool whose last connection is taken is answered for with the tape, and takes the next call when it is free', async () => {
  const db = telephone.database.open({ maxConnections: 1, acquireTimeoutMs: 20 })
  const app = createApp({ ...telephone.deps, db })
  const ring = async () => (await telephone.post('/incoming-call', incoming(newCallSid()), { app })).text()
  const freed = Promise.withResolvers<void>()
  const taken = Promise.withResolvers<void>()
  const holding = db.withOrg(cedar.organizationId, () => {
    taken.resolve()
    return freed.promise
  })
  await taken.promise
  expect(await ring()).toMatch(tape)
  freed.resolve()
  await holding
  expect(await ring()).toContain('<Connect')
})

describe('while the database is down', () => {
  let telephone: Telephone
  let server: postgres.Sql
  let name: string
  beforeAll(async () => {
    telephone = await openTelephone()
    server = postgres(urlOfDatabase(telephone.database.adminUrl, 'postgres'), { max: 1, onnotice: () => {} })
    name = new URL(telephone.database.adminUrl).pathname.slice(1)
    await server`alter database ${server(name)} allow_connections false`
  })
  afterAll(async () => {
    await server.end()
    await telephone.end()
  })

  test('every request about a live call is answered with TwiML, and none of them in a circle', async () => {
    const answer = async (path: string) => (await telephone.post(path, later(newCallSid()))).text()
    expect(await (await telephone.post('/incoming-call', incoming(newCallSid()))).text()).toMatch(tape)
    expect(await answer('/resume?after=stream-0')).toMatch(tape)
    expect(await answer('/resume?after=voicemail')).toContain('Thank you.')
    expect(await answer('/resume?after=silence')).toContain('<Hangup/>')
    expect(await answer('/fallback')).toMatch(tape)
  })

  test('the fallback still turns away what it can tell is not Twilio’s', async () => {
    const fields = later(newCallSid())
    expect((await telephone.post('/fallback', fields, { signature: null })).status).toBe(403)
    expect((await telephone.post('/fallback', fields, { authToken: theirs.authToken })).status).toBe(403)
  })

  test('a callback is answered with an error that says nothing, and the log says where', async () => {
    telephone.log.length = 0
    const response = await telephone.post('/status', completed(newCallSid()))
    expect([response.status, await response.text()]).toEqual([500, 'Something went wrong'])
    expect(telephone.log.join('')).toContain('"path":"/api/twilio/status"')
    expect(telephone.log.join('')).not.toMatch(/\+1555|scratch_/)
  })

  test('a stranger at the media socket is told that something is wrong and nothing else, and the log says where', async () => {
    telephone.log.length = 0
    const { fetch: answer, sockets } = telephone.app
    const server = await serve({ port: 0, hostname: '127.0.0.1', fetch: answer, sockets })
    const response = await fetch(`http://127.0.0.1:${server.port}/api/twilio/media-stream/${crypto.randomUUID()}`, {
      headers: { upgrade: 'websocket', 'x-twilio-signature': 'of nobody' },
    })
    expect([response.status, await response.text()]).toEqual([500, 'Something went wrong'])
    expect(telephone.log.join('')).toContain('"path":"/api/twilio/media-stream"')
    expect(telephone.log.join('')).not.toMatch(/scratch_/)
    await server.close()
  })

  test('a process that never had one is not ready, but lives; when the database comes it takes calls', async () => {
    const response = await get('/readyz', 'http://x', telephone)
    expect([response.status, await response.json()]).toEqual([503, { status: 'no database' }])
    expect((await get('/healthz', 'http://x', telephone)).status).toBe(200)
    await server`alter database ${server(name)} allow_connections true`
    expect(await (await get('/readyz', 'http://x', telephone)).json()).toEqual({ status: 'ready', calls: 0 })
    expect(await (await telephone.post('/incoming-call', incoming(newCallSid()))).text()).toContain('<Connect')
  })

  test('gone again, it takes no machine out of the proxy: all would go at once, and no caller would hear the tape', async () => {
    await server`alter database ${server(name)} allow_connections false`
    await server`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`
    const response = await get('/readyz', 'http://x', telephone)
    expect([response.status, await response.json()]).toEqual([200, { status: 'ready', calls: 0, database: 'away' }])
    expect(await (await telephone.post('/incoming-call', incoming(newCallSid()))).text()).toMatch(tape)
    await server`alter database ${server(name)} allow_connections true`
    expect(await (await telephone.post('/incoming-call', incoming(newCallSid()))).text()).toContain('<Connect')
  })
})

describe('a genuine voice request that cannot be read', () => {
  test('is answered with the tape, because a caller is on the line, and logged by the fields alone', async () => {
    telephone.log.length = 0
    const { CallStatus: _, ...fields } = incoming(newCallSid(), { Direction: 'sideways' })
    const before = await telephone.everything()
    expect(await (await telephone.post('/incoming-call', fields)).text()).toMatch(tape)
    expect(await telephone.everything()).toEqual(before)
    expect(telephone.log.join('')).toContain('CallStatus, Direction')
    expect(telephone.log.join('')).not.toMatch(/sideways|\+1555/)
  })
})

describe('outside of the telephone', () => {
  test('health is told under every host that a proxy or a probe may use', async () => {
    for (const origin of ['http://x', 'http://frontdesk.example', 'http://127.0.0.1:3000', 'http://[::1]:3000']) {
      expect((await get('/healthz', origin)).status).toBe(200)
      expect((await get('/readyz', origin)).status).toBe(200)
    }
  })

  test('what is not there is not found, whatever it is called', async () => {
    for (const path of [
      '/',
      '/api',
      '/api/twilio',
      '/api/twilio/',
      '/api/twilio/incoming-call/',
      '/healthz/x',
      '/%2e%2e/',
    ])
      expect([path, (await get(path)).status]).toEqual([path, 404])
    const media = await get('/api/twilio/media-stream/x')
    expect(media.status).toBe(404)
    const put = new Request(`${publicBaseUrl.replace('https', 'http')}/api/twilio/status`, { method: 'PUT', body: 'x' })
    expect((await telephone.app.fetch(put)).status).toBe(404)
  })

  test('a process that drains takes no new call, says so, and answers those who call all the same', async () => {
    const draining = await openTelephone()
    draining.app.startDraining()
    const response = await draining.app.fetch(new Request('http://x/readyz'))
    expect([response.status, await response.json()]).toEqual([503, { status: 'draining', calls: 0 }])
    expect((await draining.app.fetch(new Request('http://x/healthz'))).status).toBe(200)
    expect(await (await draining.post('/incoming-call', incoming(newCallSid()))).text()).toContain('<Connect')
    await draining.end()
  })
})
