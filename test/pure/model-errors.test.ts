// What a client may not do with items, audio and responses, and what it is told: the table of errors, on a live session.
import { describe, expect, test } from 'bun:test'
import { type Heard, joined, one, only, openRig, type Rig, silence, speech, typesOf } from './model-rig.ts'

const GREETING = 'Cedar Clinic, good morning. How can I help you today?'
const said = joined(silence(400), await speech.speak('Please tell the doctor to call me.', 'rms'), silence(700))

const user = (text: string, id?: string) => ({
  type: 'message',
  role: 'user',
  content: [{ type: 'input_text', text }],
  ...(id && { id }),
})
const create = (item: object, more: object = {}) => ({ type: 'conversation.item.create', item, ...more })
const truncate = (item_id: string, audio_end_ms: number) => ({
  type: 'conversation.item.truncate',
  item_id,
  content_index: 0,
  audio_end_ms,
})
const errorOf = (heard: readonly Heard[]) => one(heard, 'error').error

async function greeted(): Promise<{ rig: Rig; itemId: string; audioMs: number }> {
  const rig = await openRig({ script: { responses: [[{ say: GREETING }]] } })
  const heard = await rig.ask({ type: 'response.create' }, 5000)
  const itemId = one(heard, 'response.output_item.done').item?.id ?? ''
  return { rig, itemId, audioMs: (await speech.speak(GREETING)).length / 8 }
}

describe('truncating', () => {
  test('what was heard leaves an item without a transcript, and tells the record where', async () => {
    const { rig, itemId } = await greeted()
    const heard = await rig.ask(truncate(itemId, 700))
    expect(heard).toMatchObject([
      { type: 'conversation.item.truncated', item_id: itemId, content_index: 0, audio_end_ms: 700 },
    ])
    const retrieved = await rig.ask({ type: 'conversation.item.retrieve', item_id: itemId })
    expect(retrieved[0]?.item?.content?.[0]?.transcript).toBe('')
    expect(rig.model.record().sessions[0]?.items[0]).toMatchObject({ truncatedAtMs: 700, text: GREETING })
  })

  test('at the very end is taken; one millisecond beyond is not', async () => {
    const { rig, itemId, audioMs } = await greeted()
    const whole = Math.floor(audioMs)
    expect(errorOf(await rig.ask(truncate(itemId, whole + 1)))).toMatchObject({
      code: null,
      message: `Audio content of ${whole}ms is already shorter than ${whole + 1}ms`,
    })
    expect(typesOf(await rig.ask(truncate(itemId, whole)))).toEqual(['conversation.item.truncated'])
  })

  test('again to more than is left is refused', async () => {
    const { rig, itemId } = await greeted()
    await rig.ask(truncate(itemId, 500))
    expect(errorOf(await rig.ask(truncate(itemId, 501)))?.message).toBe(
      'Audio content of 500ms is already shorter than 501ms',
    )
  })

  test('counts only what was emitted while the model still speaks', async () => {
    const rig = await openRig({ settings: { speedup: 1 }, script: { responses: [[{ say: GREETING }]] } })
    await rig.ask({ type: 'response.create' }, 1000)
    const deltas = only(rig.heard, 'response.output_audio.delta')
    const emittedMs = deltas.reduce((sum, { delta }) => sum + Uint8Array.fromBase64(delta ?? '').length / 8, 0)
    const itemId = deltas[0]?.item_id ?? ''
    expect(errorOf(await rig.ask(truncate(itemId, emittedMs + 1), 0))?.code).toBeNull()
    expect(typesOf(await rig.ask(truncate(itemId, emittedMs), 0))).toContain('conversation.item.truncated')
    // What comes afterwards does not make the item longer again, nor brings its words back.
    await rig.pass(5000)
    expect(errorOf(await rig.ask(truncate(itemId, emittedMs + 1)))?.code).toBeNull()
    expect(one(rig.heard, 'response.output_item.done').item?.content?.[0]?.transcript).toBe('')
  })

  for (const [name, item] of [
    ['a user item', user('Hello')],
    ['an assistant text', { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Hello' }] }],
    ['a function call', { type: 'function_call', call_id: 'call_1', name: 'x', arguments: '{}' }],
  ] as const)
    test(`${name} is refused`, async () => {
      const rig = await openRig()
      await rig.ask(create({ ...item, id: 'item_x' }))
      expect(errorOf(await rig.ask(truncate('item_x', 0)))).toMatchObject({
        code: null,
        message: 'Only model output audio messages can be truncated',
      })
    })

  test('an unknown item is refused', async () => {
    const rig = await openRig()
    expect(errorOf(await rig.ask(truncate('item_none', 0)))).toMatchObject({ code: 'item_not_found', param: 'item_id' })
  })

  test('at half a millisecond, or below zero, is refused', async () => {
    const { rig, itemId } = await greeted()
    expect(errorOf(await rig.ask(truncate(itemId, 10.5)))).toMatchObject({ param: 'audio_end_ms' })
    expect(errorOf(await rig.ask(truncate(itemId, -1)))).toMatchObject({ code: 'invalid_value', param: 'audio_end_ms' })
  })
})

describe('the input buffer', () => {
  test('is not committed below 100 ms, and says how much there is', async () => {
    const rig = await openRig()
    await rig.play(silence(80))
    expect(errorOf(await rig.ask({ type: 'input_audio_buffer.commit', event_id: 'c1' }))).toMatchObject({
      code: 'input_audio_buffer_commit_empty',
      message:
        'Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer only has 80.00ms of audio.',
      event_id: 'c1',
    })
    await rig.play(silence(20))
    expect(typesOf(await rig.ask({ type: 'input_audio_buffer.commit' }))[0]).toBe('input_audio_buffer.committed')
  })

  test('once committed or cleared is empty', async () => {
    const rig = await openRig()
    for (const type of ['input_audio_buffer.commit', 'input_audio_buffer.clear']) {
      await rig.play(silence(200))
      await rig.ask({ type })
      expect(errorOf(await rig.ask({ type: 'input_audio_buffer.commit' }))?.message).toContain('only has 0.00ms')
    }
  })

  test('committed by the client in the middle of speech ends that turn, under the id it was announced with, unanswered', async () => {
    const rig = await openRig({ script: { responses: [[{ say: GREETING }]] } })
    await rig.play(said.slice(0, 8 * 1000))
    const heard = await rig.ask({ type: 'input_audio_buffer.commit' }, 2000)
    const started = one(rig.heard, 'input_audio_buffer.speech_started')
    expect(one(heard, 'input_audio_buffer.committed').item_id).toBe(started.item_id ?? '')
    expect(only(heard, 'response.created')).toEqual([])
  })

  for (const audio of ['%%%', 'AAA', '/w==/w==', '_-=='])
    test(`refuses '${audio}' as base64`, async () => {
      const rig = await openRig()
      const heard = await rig.ask({ type: 'input_audio_buffer.append', audio, event_id: 'a1' })
      expect(errorOf(heard)).toMatchObject({ code: 'invalid_value', param: 'audio', event_id: 'a1' })
      expect(rig.model.record().sessions[0]?.appended.length).toBe(0)
    })
})

describe('items', () => {
  test('go where they are put, and the chain mends itself when one is deleted', async () => {
    const rig = await openRig()
    const previousOf = async (event: object) =>
      one(await rig.ask({ ...event }), 'conversation.item.added').previous_item_id
    expect(await previousOf(create(user('a', 'item_a')))).toBeNull()
    expect(await previousOf(create(user('b', 'item_b')))).toBe('item_a')
    expect(await previousOf(create(user('c', 'item_c'), { previous_item_id: 'item_a' }))).toBe('item_a')
    expect(await previousOf(create(user('d', 'item_d'), { previous_item_id: 'root' }))).toBeNull()
    // d a c b
    expect(typesOf(await rig.ask({ type: 'conversation.item.delete', item_id: 'item_b' }))).toEqual([
      'conversation.item.deleted',
    ])
    expect(await previousOf(create(user('e', 'item_e')))).toBe('item_c')
  })

  test('are told once as added and once as done, completed, with an id if they had none', async () => {
    const rig = await openRig()
    const heard = await rig.ask(create(user('Hello')))
    expect(typesOf(heard)).toEqual(['conversation.item.added', 'conversation.item.done'])
    expect(heard[0]?.item).toMatchObject({ object: 'realtime.item', status: 'completed', role: 'user' })
    expect(heard[0]?.item?.id).toMatch(/^item_\w{21}$/)
  })

  for (const [name, item, code, param] of [
    [
      'spoken words of the assistant',
      { type: 'message', role: 'assistant', content: [{ type: 'output_audio', audio: '' }] },
      'missing_required_parameter',
      'item.content[0].text',
    ],
    [
      'the beta’s assistant text',
      { type: 'message', role: 'assistant', content: [{ type: 'text', text: 'x' }] },
      'invalid_value',
      'item.content[0].type',
    ],
    [
      'output of the system',
      { type: 'message', role: 'system', content: [{ type: 'output_text', text: 'x' }] },
      'invalid_value',
      'item.content[0].type',
    ],
    ['an unknown type', { type: 'note', text: 'x' }, 'invalid_value', 'item.type'],
    [
      'an output that is no string',
      { type: 'function_call_output', call_id: 'c', output: {} },
      'invalid_type',
      'item.output',
    ],
    [
      'the output of a call that never was',
      { type: 'function_call_output', call_id: 'call_none', output: '' },
      'invalid_tool_call_id',
      null,
    ],
  ] as const)
    test(`${name} cannot be created`, async () => {
      const rig = await openRig()
      expect(errorOf(await rig.ask(create(item)))).toMatchObject({ code, param })
    })

  test('with an id that is taken, or after an item that is not there, are refused', async () => {
    const rig = await openRig()
    await rig.ask(create(user('a', 'item_a')))
    expect(errorOf(await rig.ask(create(user('b', 'item_a'))))).toMatchObject({
      code: 'invalid_value',
      param: 'item.id',
    })
    expect(errorOf(await rig.ask(create(user('b'), { previous_item_id: 'item_z' })))).toMatchObject({
      code: 'item_not_found',
      param: 'previous_item_id',
    })
  })

  test('that are not there can be neither retrieved nor deleted', async () => {
    const rig = await openRig()
    for (const type of ['conversation.item.retrieve', 'conversation.item.delete'])
      expect(errorOf(await rig.ask({ type, item_id: 'item_z' }))).toMatchObject({ code: 'item_not_found' })
  })

  test('of the caller are retrieved with exactly the audio of the turn', async () => {
    const rig = await openRig()
    await rig.play(said)
    const { item_id } = one(rig.heard, 'input_audio_buffer.committed')
    const heard = await rig.ask({ type: 'conversation.item.retrieve', item_id })
    const { audio_start_ms = 0 } = one(rig.heard, 'input_audio_buffer.speech_started')
    const { audio_end_ms = 0 } = one(rig.heard, 'input_audio_buffer.speech_stopped')
    const audio = Uint8Array.fromBase64(one(heard, 'conversation.item.retrieved').item?.content?.[0]?.audio ?? '')
    expect(audio).toEqual(said.slice(audio_start_ms * 8, audio_end_ms * 8))
  })
})

describe('responses', () => {
  const long = { say: `${GREETING} ${GREETING} ${GREETING}` }

  test('are one at a time: the second is refused, and nothing comes of it', async () => {
    const rig = await openRig({ script: { responses: [[long], [{ say: GREETING }]] } })
    const first = await rig.ask({ type: 'response.create' }, 300)
    const { id } = one(first, 'response.created').response ?? {}
    const error = errorOf(await rig.ask({ type: 'response.create', event_id: 'rc_2' }, 0))
    expect(error).toMatchObject({ code: 'conversation_already_has_active_response', event_id: 'rc_2' })
    expect(error?.message).toContain(`Conversation already has an active response in progress: ${id}. Wait until`)
    await rig.pass(10_000)
    expect(only(rig.heard, 'response.created')).toHaveLength(1)
    expect(only(rig.heard, 'response.done')).toHaveLength(1)
  })

  test('beside the conversation run in parallel, leave no item, and carry their metadata', async () => {
    const rig = await openRig({ script: { responses: [[long], [{ say: GREETING }]] } })
    await rig.ask({ type: 'response.create' }, 100)
    const metadata = { purpose: 'summary' }
    const request = { conversation: 'none', metadata, output_modalities: ['text'], instructions: 'Sum up.', input: [] }
    const heard = await rig.ask({ type: 'response.create', response: request }, 10_000)
    const done = only(heard, 'response.done').map(({ response }) => response)
    expect(done).toHaveLength(2)
    const beside = done.find((response) => response?.conversation_id === null)
    expect(beside).toMatchObject({ metadata, status: 'completed' })
    const added = only(rig.heard, 'conversation.item.added').map(({ item }) => item?.id)
    expect(added).not.toContain(beside?.output[0]?.id)
    expect(added).toHaveLength(1)
  })

  test('made from items that the client has put together read those and nothing else, and are billed for them', async () => {
    const rig = await openRig({ script: { improvises: true } })
    const said = (text: string) => ({ type: 'message', role: 'user', content: [{ type: 'input_text', text }] })
    const item = { ...said('Said to the agent.'), id: 'item_said' }
    await rig.ask({ type: 'conversation.item.create', item })
    const from = async (...input: object[]) => {
      const response = { conversation: 'none', output_modalities: ['text'], instructions: '', tools: [], input }
      const done = one(await rig.ask({ type: 'response.create', response }, 10_000), 'response.done').response
      return [done?.output[0]?.content?.[0]?.text, done?.usage?.input_token_details.text_tokens]
    }
    const [nothing, base] = await from()
    expect(nothing).toBe('I heard nothing.')
    expect(await from(said('Twelve text.'))).toEqual(['You said: Twelve text.', Number(base) + 3])
    const both = [said('Twelve text.'), { type: 'item_reference', id: item.id }]
    expect(await from(...both)).toEqual(['You said: Twelve text. Said to the agent.', Number(base) + 3 + 5])
  })

  test('are cancelled by the client, and only while they run', async () => {
    const rig = await openRig({ settings: { speedup: 1 }, script: { responses: [[long]] } })
    expect(errorOf(await rig.ask({ type: 'response.cancel', event_id: 'x1' }))).toMatchObject({
      code: 'response_cancel_not_active',
      message: 'Cancellation failed: no active response found',
      event_id: 'x1',
    })
    await rig.ask({ type: 'response.create' }, 1000)
    const heard = await rig.ask({ type: 'response.cancel' }, 500)
    expect(one(heard, 'response.done').response).toMatchObject({
      status: 'cancelled',
      status_details: { type: 'cancelled', reason: 'client_cancelled' },
    })
    expect(errorOf(await rig.ask({ type: 'response.cancel' }))?.code).toBe('response_cancel_not_active')
  })

  for (const [name, response, code, param] of [
    ['an unknown key', { voice: 'marin' }, 'unknown_parameter', 'response.voice'],
    ['too many tokens', { max_output_tokens: 5000 }, 'invalid_value', 'response.max_output_tokens'],
    [
      'an item that is not there',
      { input: [{ type: 'item_reference', id: 'item_z' }] },
      'item_not_found',
      'response.input[0].id',
    ],
    ['a long metadata value', { metadata: { a: 'x'.repeat(513) } }, 'invalid_value', 'response.metadata.a'],
  ] as const)
    test(`with ${name} are refused`, async () => {
      const rig = await openRig()
      expect(errorOf(await rig.ask({ type: 'response.create', response }))).toMatchObject({ code, param })
    })
})

describe('events', () => {
  test('of an unknown type are refused by the list of those that are known', async () => {
    const rig = await openRig()
    const error = errorOf(await rig.ask({ type: 'response.start', event_id: 'u1' }))
    expect(error).toMatchObject({ code: 'invalid_value', param: 'type', event_id: 'u1' })
    expect(error?.message).toStartWith(
      "Invalid value: 'response.start'. Supported values are: 'input_audio_buffer.append'",
    )
  })

  test('have unique ids', async () => {
    const { rig } = await greeted()
    expect(new Set(rig.heard.map(({ event_id }) => event_id)).size).toBe(rig.heard.length)
  })
})
