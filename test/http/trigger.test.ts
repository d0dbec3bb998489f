// Callbacks by hand: as Twilio's own library would sign them, with the fields that the server takes, changed as was asked.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import twilio from 'twilio'
import { callbacks, type TriggerFlags, trigger } from '../../sim/command-trigger.ts'
import { Mistake } from '../../sim/mistake.ts'
import { recordingForm, statusForm, streamForm } from '../../src/wire/twilio.ts'

const authToken = 'a token of nobody'
const publicUrl = 'https://desk.example'
const call = `CA${'7'.repeat(32)}`
const accountSid = `AC${'5'.repeat(32)}`

type Heard = { path: string; form: Record<string, string>; isSigned: boolean }
let heard: Heard[] = []
let server: ReturnType<typeof Bun.serve>

beforeAll(() => {
  server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const { pathname: path } = new URL(request.url)
      const form = Object.fromEntries(new URLSearchParams(await request.text()))
      const signature = request.headers.get('x-twilio-signature') ?? ''
      heard.push({ path, form, isSigned: twilio.validateRequest(authToken, signature, publicUrl + path, form) })
      return new Response(null, { status: 204 })
    },
  })
})
afterAll(() => server.stop(true))

function send(event: string, more: Partial<TriggerFlags> = {}) {
  heard = []
  const target = `http://127.0.0.1:${server.port}`
  return trigger(event, { call, accountSid, authToken, publicUrl, target, override: [], skip: [], ...more })
}

const schemas = {
  '/api/twilio/status': statusForm,
  '/api/twilio/recording': recordingForm,
  '/api/twilio/stream-status': streamForm,
}

describe('each callback that can be sent by hand', () => {
  test.each(Object.keys(callbacks))(
    '%s is signed for the public address, and has the fields that the server takes',
    async (event) => {
      expect((await send(event)).statuses).toEqual([204])
      const [got] = heard
      expect(got).toMatchObject({ isSigned: true, form: { CallSid: call, AccountSid: accountSid } })
      const schema = schemas[got?.path as keyof typeof schemas]
      expect(schema.safeParse(got?.form)).toMatchObject({ success: true })
    },
  )

  test('has the values that were asked for, lacks what was to be left out, and is signed for what is left', async () => {
    await send('status.completed', { override: ['CallDuration=99', 'Strange=a=b'], skip: ['SequenceNumber'] })
    const [got] = heard
    expect(got?.isSigned).toBe(true)
    expect(got?.form).toMatchObject({ CallDuration: '99', Strange: 'a=b', CallStatus: 'completed' })
    expect(got?.form).not.toHaveProperty('SequenceNumber')
  })

  test('comes twice when that was asked for, word for word', async () => {
    expect((await send('recording.completed', { twice: true })).statuses).toEqual([204, 204])
    expect(heard).toHaveLength(2)
    expect(heard[0]).toEqual(heard[1] as Heard)
  })
})

test('what cannot be sent is told in words, and sends nothing', async () => {
  const attempts: [Promise<unknown>, RegExp][] = [
    [send('status.exploded'), /no event "status.exploded"(?:.|\n)*status.completed/],
    [send('status.busy', { call: 'CA1' }), /--call takes a CallSid/],
    [send('status.busy', { override: ['nothing'] }), /--override takes Name=value, not "nothing"/],
    [send('status.busy', { authToken: undefined }), /--target needs --auth-token/],
  ]
  for (const [attempt, words] of attempts) {
    const error = await attempt.catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(Mistake)
    expect(String(error)).toMatch(words)
  }
  expect(heard).toEqual([])
})
