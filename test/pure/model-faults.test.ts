// What can go wrong with the model's service, each switched on by itself: transcripts, answers that end early, sessions that end
// late or badly, requests that are refused.
import { describe, expect, test } from 'bun:test'
import { modelFaults } from '../../sim/fixture-shape.ts'
import type { ModelFaults } from '../../sim/model/settings.ts'
import type { ModelOutput } from '../../sim/script.ts'
import { type Heard, joined, one, only, openRig, phone, silence, speech, typesOf } from './model-rig.ts'

const words = await speech.speak('Do you open on Saturdays?')
const turn = joined(silence(200), words, silence(900))
const transcription = 'conversation.item.input_audio_transcription'

describe('a transcript', () => {
  const heard = 'Do you open?'
  const told = async (transcripts: ModelFaults['transcripts'], turns = 1) => {
    const rig = await openRig({ script: { hears: Array(turns).fill(heard), faults: { transcripts } } })
    for (let count = 0; count < turns; count++) await rig.play(turn)
    await rig.pass(2000)
    return rig.heard.filter(({ type }) => type.startsWith(transcription))
  }

  test('is whole by itself', async () => {
    expect(one(await told([]), `${transcription}.completed`).transcript).toBe(heard)
  })

  test('can be empty, with no deltas', async () => {
    expect(await told(['empty'])).toMatchObject([{ type: `${transcription}.completed`, transcript: '' }])
  })

  test('can fail, and then it does not come', async () => {
    const events = await told(['failed'])
    expect(events).toMatchObject([{ type: `${transcription}.failed`, error: { type: 'server_error', param: null } }])
  })

  test('can have its deltas twice, and is still whole in the end', async () => {
    const events = await told(['doubled'])
    const deltas = only(events, `${transcription}.delta`).map(({ delta }) => delta)
    expect(deltas).toEqual(['Do', 'Do', ' you', ' you', ' open?', ' open?'])
    expect(one(events, `${transcription}.completed`).transcript).toBe(heard)
  })

  test.each(['empty', 'failed', 'never'] as const)('that is %s leaves the record without words, too', async (fate) => {
    const rig = await openRig({ script: { hears: [heard, heard], faults: { transcripts: [fate, 'whole'] } } })
    await rig.play(joined(turn, turn))
    await rig.pass(2000)
    const [session] = rig.model.record().sessions
    const said = session?.items.filter(({ role }) => role === 'user').map(({ text }) => text)
    expect(said).toEqual(['', heard])
  })

  test('can come long after its turn, always', async () => {
    const rig = await openRig({ script: { hears: [heard], faults: modelFaults.parse({ transcriptMs: 8_000 }) } })
    await rig.play(turn)
    await rig.pass(6_000)
    expect(only(rig.heard, `${transcription}.completed`)).toEqual([])
    await rig.pass(2_000)
    expect(one(rig.heard, `${transcription}.completed`).transcript).toBe(heard)
  })

  test('can be without end on its way; what becomes of the last holds for later ones', async () => {
    expect(typesOf(await told(['failed', 'never'], 3))).toEqual([`${transcription}.failed`])
  })
})

describe('a response', () => {
  const respond = async (outputs: ModelOutput[], response: Record<string, unknown> = {}) => {
    const rig = await openRig({ script: { responses: [outputs] } })
    const events = await rig.ask({ type: 'response.create', response }, 20_000)
    return { events, done: one(events, 'response.done').response }
  }

  test('has the items of the script in order, each with its place', async () => {
    const { events, done } = await respond([
      { say: 'One moment.' },
      { say: 'Here it is.' },
      { call: 'look', arguments: {} },
    ])
    expect(done).toMatchObject({
      status: 'completed',
      output: [{ role: 'assistant' }, { role: 'assistant' }, { name: 'look' }],
    })
    expect(only(events, 'response.output_item.added').map(({ output_index }) => output_index)).toEqual([0, 1, 2])
  })

  test('can be stopped by the filter, with what was said before', async () => {
    const { done } = await respond([{ say: 'One moment.' }, { stop: 'content_filter' }, { say: 'Never.' }])
    expect(done).toMatchObject({
      status: 'incomplete',
      status_details: { type: 'incomplete', reason: 'content_filter' },
    })
    expect(done?.output).toHaveLength(1)
    expect(done?.usage?.output_tokens).toBeGreaterThan(0)
  })

  test('ends where the tokens do that it was allowed, its item incomplete', async () => {
    const long =
      'I could go on and on about all the hours at which we open and close in every single week of this year.'
    const { done } = await respond([{ say: long }], { max_output_tokens: 20 })
    expect(done).toMatchObject({ status: 'incomplete', status_details: { reason: 'max_output_tokens' } })
    expect(done?.output).toMatchObject([{ status: 'incomplete' }])
    expect(done?.usage?.output_tokens).toBeLessThan(60)
  })

  test.each(['insufficient_quota', 'rate_limit_exceeded', 'model_not_found', 'server_error'])(
    'can fail with %s',
    async (code) => {
      const { done } = await respond([{ fail: code }])
      expect(done).toMatchObject({ status: 'failed', status_details: { type: 'failed', error: { code } }, output: [] })
    },
  )
})

describe('responses of a call', () => {
  const said = (events: Heard[]) => one(events, 'response.done').response

  test('can fail by their number, and what the script has for them is said in the next', async () => {
    const failures = [{ response: 2, code: 'insufficient_quota' }]
    const rig = await openRig({ script: { responses: [[{ say: 'One.' }], [{ say: 'Two.' }]], faults: { failures } } })
    const first = said(await rig.ask({ type: 'response.create' }, 20_000))
    const second = said(await rig.ask({ type: 'response.create' }, 20_000))
    const third = said(await rig.ask({ type: 'response.create' }, 20_000))
    expect([first, second, third]).toMatchObject([
      { status: 'completed' },
      { status: 'failed', output: [], status_details: { error: { code: 'insufficient_quota' } } },
      { status: 'completed', output: [{ content: [{ transcript: 'Two.' }] }] },
    ])
  })

  test('are within the limits of a minute, which are told, or fail', async () => {
    const responses = Array(4).fill([{ say: 'Yes.' }])
    const rig = await openRig({ script: { responses, faults: { rateLimits: { requests: 2, tokens: 100 } } } })
    const told = (events: Heard[]) => one(events, 'rate_limits.updated').rate_limits
    const first = await rig.ask({ type: 'response.create' }, 3_000)
    expect(told(first)).toMatchObject([
      { name: 'requests', limit: 2, remaining: 1 },
      { name: 'tokens', limit: 100 },
    ])
    const second = await rig.ask({ type: 'response.create' }, 3_000)
    const third = await rig.ask({ type: 'response.create' }, 3_000)
    expect([said(second), said(third)]).toMatchObject([
      { status: 'completed' },
      { status: 'failed', status_details: { error: { code: 'rate_limit_exceeded' } }, usage: null },
    ])
    const [, tokens] = told(third) ?? []
    expect(tokens?.remaining).toBeLessThan(100)
    await rig.pass(60_000)
    expect(said(await rig.ask({ type: 'response.create' }, 3_000))?.status).toBe('completed')
  })

  test('all fail where the key may not use the model, though its socket opens', async () => {
    const rig = await openRig({ script: { responses: [[{ say: 'Yes.' }]], faults: { without: ['gpt-realtime-2.1'] } } })
    const done = said(await rig.ask({ type: 'response.create' }, 3_000))
    expect(done).toMatchObject({ status: 'failed', status_details: { error: { code: 'model_not_found' } } })
  })

  test('fail, too, once the tokens of the minute are spent', async () => {
    const responses = Array(2).fill([{ say: 'Until tomorrow.' }])
    const rig = await openRig({ script: { responses, faults: { rateLimits: { requests: 100, tokens: 5 } } } })
    expect(said(await rig.ask({ type: 'response.create' }, 1_500))?.status).toBe('completed')
    expect(said(await rig.ask({ type: 'response.create' }, 1_500))?.status).toBe('failed')
  })
})

describe('a session', () => {
  test('can expire by its close code alone', async () => {
    const rig = await openRig({ script: { faults: { expireAfterMs: 5000, expiresSilently: true } } })
    await rig.pass(6000)
    expect(only(rig.heard, 'error')).toEqual([])
    expect(rig.closes).toMatchObject([{ code: 1001 }])
  })

  test('can tell of an error that nobody caused, and goes on', async () => {
    const faults = { errors: [{ afterMs: 3000, code: 'server_error' }] }
    const rig = await openRig({ script: { responses: [[{ say: 'Yes.' }]], faults } })
    await rig.pass(4000)
    const error = { type: 'server_error', code: 'server_error', event_id: null }
    expect(one(rig.heard, 'error').error).toMatchObject(error)
    expect(one(await rig.ask({ type: 'response.create' }, 3000), 'response.done').response?.status).toBe('completed')
    expect(rig.closes).toEqual([])
  })

  test('can be closed by a service in trouble', async () => {
    const rig = await openRig({ script: { faults: { breakdown: { afterMs: 3000, code: 1011 } } } })
    await rig.pass(4000)
    expect(rig.closes).toMatchObject([{ code: 1011 }])
  })

  test('can be refused at its handshake, or never be configured', async () => {
    const refused = openRig({ script: { faults: modelFaults.parse({ connection: { refuse: 429 } }) } })
    expect(await refused.catch((error: unknown) => error)).toMatchObject({ status: 429 })
    const stalled = await openRig({ script: { faults: modelFaults.parse({ connection: 'stall' }) } })
    expect(typesOf(stalled.heard)).not.toContain('session.updated')
  })

  test('can take its time to be configured', async () => {
    const rig = await openRig({ script: { faults: { updateMs: 1500 } }, isConfigured: false })
    expect(only(await rig.ask(phone, 1400), 'session.updated')).toEqual([])
    await rig.pass(200)
    expect(only(rig.heard, 'session.updated')).toHaveLength(1)
  })
})

test('the first requests by HTTP can be refused, and the next is answered', async () => {
  const { model } = await openRig({ script: { faults: { refuseHttp: { times: 2, status: 429 } } } })
  const ask = () =>
    model.standIn.fetch(
      new Request('https://api.openai.test/v1/models', { headers: { authorization: 'Bearer sk-test' } }),
    )
  const answers = [await ask(), await ask(), await ask()]
  expect(answers.map(({ status }) => status)).toEqual([429, 429, 200])
  expect(await answers[0]?.json()).toMatchObject({ error: { code: 'rate_limit_exceeded' } })
})
