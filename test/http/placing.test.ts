// Placing a call by REST, against a small server on loopback: what goes over the wire, and what each answer comes to mean. The
// one question that counts is whether there may be a call now.
import { afterEach, describe, expect, test } from 'bun:test'
import { createTelephony } from '../../src/vendors/twilio.ts'

const servers: { stop(force: boolean): unknown }[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.stop(true)
})

const account = { accountSid: `AC${'a'.repeat(32)}`, authToken: 'token-of-the-account' }
const callSid = `CA${'b'.repeat(32)}`
const call = {
  to: '+15550102030',
  from: '+15551234567',
  ringSeconds: 25,
  answerUrl: 'https://frontdesk.example/answer?call=1',
  fallbackUrl: 'https://frontdesk.example/fallback',
  statusUrl: 'https://frontdesk.example/status?call=1',
  answeredByUrl: 'https://frontdesk.example/answered-by?call=1',
}

function at(answer: () => Response | Promise<Response>) {
  const forms: { path: string; form: URLSearchParams }[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      forms.push({ path: new URL(request.url).pathname, form: new URLSearchParams(await request.text()) })
      return answer()
    },
  })
  servers.push(server)
  const telephony = createTelephony({ baseUrl: `http://127.0.0.1:${server.port}`, ...limits })
  return { telephony, forms }
}
const limits = { timeoutMs: 300, mediaTimeoutMs: 300, maxRecordingBytes: 1_000 }
const error = (status: number, code = 20_000) =>
  Response.json({ status, code, message: 'about +15550102030' }, { status })

test('a call is placed with its callbacks, one parameter an event, and with an ear for answering machines', async () => {
  const { telephony, forms } = at(() => Response.json({ sid: callSid, status: 'queued' }, { status: 201 }))
  expect(await telephony.placeCall(account, call)).toEqual({ ok: true, value: { callSid } })
  const [{ path, form } = { path: '', form: new URLSearchParams() }] = forms
  expect(path).toBe(`/2010-04-01/Accounts/${account.accountSid}/Calls.json`)
  expect(form.getAll('StatusCallbackEvent')).toEqual(['initiated', 'ringing', 'answered', 'completed'])
  expect(Object.fromEntries(form)).toMatchObject({
    To: call.to,
    From: call.from,
    Timeout: '25',
    Url: call.answerUrl,
    FallbackUrl: call.fallbackUrl,
    StatusCallback: call.statusUrl,
    MachineDetection: 'DetectMessageEnd',
    AsyncAmd: 'true',
    AsyncAmdStatusCallback: call.answeredByUrl,
  })
})

describe('after a failure', () => {
  const meanings: [string, () => Response | Promise<Response>, 'unavailable' | 'unknown' | 'refused'][] = [
    ['of which Twilio says that it was not processed, it may be tried again', () => error(429, 20_429), 'unavailable'],
    ['of ours, it never will be placed', () => error(400, 21_211), 'refused'],
    ['to prove who we are, it never will be placed', () => error(401, 20_003), 'refused'],
    ['of Twilio’s, nobody knows', () => error(500), 'unknown'],
    ['of something between, nobody knows', () => new Response('<html>', { status: 502 }), 'unknown'],
    ['to answer in time, nobody knows', () => new Promise(() => {}), 'unknown'],
    ['to answer so that it can be read, nobody knows', () => new Response('ok', { status: 201 }), 'unknown'],
    ['to stop answering, nobody knows', () => new Response('x'.repeat(2_000_000), { status: 201 }), 'unknown'],
  ]
  for (const [what, answer, problem] of meanings)
    test(what, async () => {
      const { telephony, forms } = at(answer)
      const outcome = await telephony.placeCall(account, call)
      expect(outcome).toMatchObject({ ok: false, problem })
      expect(JSON.stringify(outcome)).not.toContain('0102030')
      // Whatever the answer was, it was asked for once.
      expect(forms).toHaveLength(1)
    })
})

test('a call is sent elsewhere by its URL', async () => {
  const { telephony, forms } = at(() => Response.json({ sid: callSid }))
  expect(await telephony.redirectCall(account, callSid, 'https://frontdesk.example/leave')).toMatchObject({ ok: true })
  expect(forms[0]?.path).toEndWith(`/Calls/${callSid}.json`)
  expect(Object.fromEntries(forms[0]?.form ?? [])).toEqual({ Url: 'https://frontdesk.example/leave', Method: 'POST' })
})
