// Live calls over real sockets: who may stream, what goes from end to end, and how everything is closed again.
import { afterEach, describe, expect, test } from 'bun:test'
import { callLimits, lineLimits } from '../../src/bridge/limits.ts'
import { stage, streamSid } from './bridge-peers.ts'

let open: Awaited<ReturnType<typeof stage>> | undefined
const set = async (options: Parameters<typeof stage>[0] = {}) => (open = await stage(options))
afterEach(async () => {
  await open?.close()
  open = undefined
})

const audio = (length: number, value: number) => Buffer.alloc(length, value).toString('base64')
const delta = (item_id: string, payload: string, response_id = 'r1') => ({
  type: 'response.output_audio.delta',
  event_id: 'event_9',
  response_id,
  item_id,
  output_index: 0,
  content_index: 0,
  delta: payload,
})
const created = (id: string) => ({ type: 'response.created', event_id: 'e', response: { id, status: 'in_progress' } })
const done = (id: string) => ({
  type: 'response.done',
  event_id: 'e',
  response: { id, status: 'completed', output: [] },
})
const itemDone = (response_id: string, id: string) => ({
  type: 'response.output_item.done',
  event_id: 'e',
  response_id,
  output_index: 0,
  item: { id, type: 'message', role: 'assistant', status: 'completed' },
})

describe('a call', () => {
  test('reaches the model at its own address, with its key in a header, and says nothing but session.update at first', async () => {
    const { bridge, model, plan } = await set()
    bridge.prewarm(plan)
    const session = await model.session()
    expect(session.url.pathname + session.url.search).toBe('/v1/realtime?model=gpt-realtime-2.1')
    expect(session.headers.get('authorization')).toBe('Bearer sk-test')
    expect(session.headers.get('openai-safety-identifier')).toBe('caller-hash')
    await session.received.next('session.update')
    expect(session.received.all).toHaveLength(1)
  })

  test('holds what the caller says until session.updated, and passes all of it on in order, untouched', async () => {
    const { dial, model } = await set()
    const stream = await dial()
    stream.frame(audio(160, 1))
    stream.start()
    const session = await model.session()
    stream.frame(audio(160, 2))
    await session.received.next('session.update')
    expect(session.received.all).toHaveLength(1)
    await model.ready
    session.send({
      type: 'session.updated',
      session: {
        type: 'realtime',
        audio: { input: { format: { type: 'audio/pcmu' } }, output: { format: { type: 'audio/pcmu' } } },
      },
    })
    stream.frame(audio(160, 3))
    for (const n of [1, 2, 3]) {
      expect(await session.received.next('input_audio_buffer.append')).toEqual({
        type: 'input_audio_buffer.append',
        audio: audio(160, n),
      })
    }
  })

  test('plays what the model says byte for byte, and at the caller’s word clears the line and cuts the memory', async () => {
    const { live, journal } = await set()
    const { stream, session } = await live()
    session.send(created('r1'))
    session.send({
      type: 'response.output_audio_transcript.delta',
      response_id: 'r1',
      item_id: 'a1',
      content_index: 0,
      delta: 'one two',
    })
    session.send(delta('a1', audio(800, 5)))
    session.send(delta('a1', audio(800, 6)))
    expect(await stream.received.next('media')).toEqual({
      event: 'media',
      streamSid,
      media: { payload: audio(800, 5) },
    })
    const { mark } = await stream.received.next('mark')
    await stream.received.next('media')
    await stream.received.next('mark')
    stream.mark((mark as { name: string }).name)
    // The next frame arrives after the mark, so the mark has been heard when the model sees it.
    stream.frame(audio(160, 1))
    await session.received.next('input_audio_buffer.append')
    session.send({ type: 'input_audio_buffer.speech_started', item_id: 'u1', audio_start_ms: 0 })
    expect(await stream.received.next('clear')).toEqual({ event: 'clear', streamSid })
    expect(await session.received.next('conversation.item.truncate')).toEqual({
      type: 'conversation.item.truncate',
      item_id: 'a1',
      content_index: 0,
      audio_end_ms: 100,
    })
    session.send(itemDone('r1', 'a1'))
    await journal.has('utterance')
    expect(journal.facts.at(-1)).toMatchObject({ speaker: 'agent', isCut: true, heardMs: 100 })
  })

  test('parses in full what has not the usual shape, with the same result', async () => {
    const { live } = await set()
    const { stream, session } = await live()
    const { delta: payload, ...rest } = delta('a1', audio(160, 7))
    session.send(created('r1'))
    session.send({ delta: payload, ...rest })
    expect(await stream.received.next('media')).toMatchObject({ media: { payload } })
    const media = { payload: audio(160, 8), timestamp: '20', track: 'inbound' }
    stream.raw(JSON.stringify({ streamSid, media, event: 'media' }, null, 2))
    expect(await session.received.next('input_audio_buffer.append')).toMatchObject({ audio: audio(160, 8) })
  })

  test('ends with the caller: their last words are waited for, then written, then both sockets close', async () => {
    const { live, journal, bridge, clock } = await set()
    const { stream, session } = await live()
    session.send({ type: 'input_audio_buffer.speech_started', item_id: 'u1', audio_start_ms: 0 })
    session.send(created('none'))
    await session.received.next('response.cancel')
    stream.stop()
    await session.received.next('input_audio_buffer.commit')
    stream.hangUp()
    session.send({ type: 'input_audio_buffer.committed', item_id: 'u1', previous_item_id: null })
    session.send({
      type: 'conversation.item.input_audio_transcription.completed',
      item_id: 'u1',
      content_index: 0,
      transcript: 'bye',
    })
    session.send(done('none'))
    await journal.has('utterance')
    expect(bridge.liveCalls()).toBe(1)
    clock.advance(callLimits.lingerMs)
    await session.received.closed()
    expect(journal.facts.map(({ kind }) => kind)).toEqual([
      'stream.started',
      'stream.ended',
      'utterance',
      'transcript.settled',
    ])
    await bridge.drain(0)
    expect(bridge.liveCalls()).toBe(0)
  })

  test('runs its tools, and tells the model only when the outcome is there', async () => {
    const { plan, house, live } = await set()
    const answer = Promise.withResolvers<{ output: string; outcome: 'done'; endsCall: boolean }>()
    const asked: unknown[] = []
    house.redeem = async () => ({
      ...plan,
      runTool(call) {
        asked.push(call)
        return answer.promise
      },
    })
    const { session, stream } = await live()
    session.send(created('r1'))
    const item = {
      id: 'f1',
      type: 'function_call',
      name: 'take_message',
      call_id: 'c1',
      arguments: '{"a":1}',
      status: 'completed',
    }
    session.send({ type: 'response.output_item.done', response_id: 'r1', output_index: 0, item })
    session.send(done('r1'))
    session.send(created('r2'))
    session.send(delta('a2', audio(160, 1), 'r2'))
    await stream.received.next('media')
    expect(asked).toEqual([{ toolCallId: 'c1', name: 'take_message', argumentsJson: '{"a":1}' }])
    expect(session.received.all.some(({ type }) => type === 'conversation.item.create')).toBe(false)
    answer.resolve({ output: '{"taken":true}', outcome: 'done', endsCall: false })
    expect(await session.received.next('conversation.item.create')).toMatchObject({
      item: { call_id: 'c1', output: '{"taken":true}' },
    })
  })

  test('keys that the caller presses reach the model as their words, and the ledger as theirs', async () => {
    const { live, journal } = await set()
    const { stream, session } = await live()
    for (const digit of ['4', '2', '#'])
      stream.raw(JSON.stringify({ event: 'dtmf', streamSid, dtmf: { track: 'inbound_track', digit } }))
    expect(await session.received.next('conversation.item.create')).toMatchObject({
      item: { role: 'user', content: [{ type: 'input_text', text: 'Pressed on the keypad: 42' }] },
    })
    await session.received.next('response.create')
    await journal.has('utterance')
    expect(journal.facts.at(-1)).toMatchObject({ speaker: 'caller', source: 'keypad' })
  })

  test('where not every sound cuts the agent off, a caller who is still loud after a while does', async () => {
    const { plan, house, live } = await set()
    house.redeem = async () => ({ ...plan, interruptMs: 40, greeting: 'Greet the caller.' })
    const { stream, session } = await live()
    await session.received.next('response.create')
    session.send(created('r1'))
    session.send(delta('a1', audio(8_000, 5)))
    await stream.received.next('media')
    session.send({ type: 'input_audio_buffer.speech_started', item_id: 'u1', audio_start_ms: 0 })
    // The agent's next piece comes after it: what follows is heard by a line that is attended to.
    session.send(delta('a1', audio(800, 6)))
    await stream.received.next('media')
    expect(stream.received.all.some(({ event }) => event === 'clear')).toBe(false)
    for (let n = 0; n < 5; n++) stream.frame(audio(160, 0xbf))
    await stream.received.next('clear')
    expect(await session.received.next('response.cancel')).toMatchObject({ response_id: 'r1' })
  })

  test('a tool that breaks still gets an answer to the model', async () => {
    const { plan, house, live } = await set()
    house.redeem = async () => ({ ...plan, runTool: () => Promise.reject(new Error('broken')) })
    const { session } = await live()
    session.send(created('r1'))
    const item = { id: 'f1', type: 'function_call', name: 'x', call_id: 'c1', arguments: '{}', status: 'completed' }
    session.send({ type: 'response.output_item.done', response_id: 'r1', output_index: 0, item })
    expect(await session.received.next('conversation.item.create')).toMatchObject({ item: { call_id: 'c1' } })
  })

  test('fills in silence when frames stay away while the caller speaks, so that their turn can end', async () => {
    const { live, clock } = await set()
    const { stream, session } = await live()
    session.send({ type: 'input_audio_buffer.speech_started', item_id: 'u1', audio_start_ms: 0 })
    session.send(created('none'))
    await session.received.next('response.cancel')
    clock.advance(lineLimits.lostFramesMs)
    expect(await session.received.next('input_audio_buffer.append')).toEqual({
      type: 'input_audio_buffer.append',
      audio: audio(lineLimits.lostFramesSilenceMs * 8, 255),
    })
    stream.stop()
  })
})

describe('a model that cannot be had', () => {
  const triedOnce = { limits: { reopenTries: 0 } }

  test('is recorded before the stream is closed, so that what comes next knows', async () => {
    const { dial, journal } = await set({ refusal: 401, script: triedOnce })
    const stream = await dial()
    stream.start()
    expect(await stream.received.closed()).toMatchObject({ code: 1000 })
    expect(journal.facts.map(({ kind }) => kind)).toEqual([
      'stream.started',
      'model.failed',
      'stream.ended',
      'transcript.settled',
    ])
  })

  test('does not leave the caller in silence when the ledger does not answer either', async () => {
    const { dial, journal, clock, closes, model } = await set({ script: triedOnce })
    journal.isStuck = true
    const stream = await dial()
    stream.start()
    const session = await model.ready()
    session.close(1011)
    await journal.has('model.failed')
    // The ledger is given its time: a stream that is closed before would be answered without knowing why.
    await Promise.resolve()
    expect(closes).toEqual([])
    clock.advance(lineLimits.flushMs)
    await stream.received.closed()
    journal.isStuck = false
    open = undefined
  })

  test('is tried anew for the stream when the warm one failed', async () => {
    const { bridge, journal, model, plan, dial } = await set()
    journal.isStuck = true
    bridge.prewarm(plan)
    const first = await model.session()
    first.close(1011)
    await first.received.closed()
    journal.isStuck = false
    const stream = await dial()
    stream.start()
    const session = await model.ready(1)
    stream.frame(audio(160, 1))
    await session.received.next('input_audio_buffer.append')
  })
})

describe('warm models', () => {
  test('the stream claims the one that was opened for its call', async () => {
    const { bridge, model, plan, live } = await set()
    bridge.prewarm(plan)
    bridge.prewarm(plan)
    await live()
    expect(model.peers).toHaveLength(1)
  })

  test('one that no stream claims is closed', async () => {
    const { bridge, model, plan, clock } = await set()
    bridge.prewarm(plan)
    const session = await model.session()
    await session.received.next('session.update')
    clock.advance(callLimits.unclaimedMs)
    await session.received.closed()
    expect(clock.waiting.size).toBe(0)
  })

  test('a stream does not claim the one of an earlier stream of its call', async () => {
    const { bridge, model, plan, house, dial } = await set()
    bridge.prewarm(plan)
    const first = await model.session()
    house.redeem = async () => ({ ...plan, generation: 1 })
    const stream = await dial()
    stream.start()
    await first.received.closed()
    await model.session(1)
  })

  test('none is opened for a stream that is there already', async () => {
    const { bridge, model, plan, live } = await set()
    await live()
    bridge.prewarm(plan)
    expect(model.peers).toHaveLength(1)
    await bridge.stop()
    expect(model.peers).toHaveLength(1)
  })

  test('one for an earlier stream of the call is not taken for a later one', async () => {
    const { bridge, model, plan } = await set()
    bridge.prewarm(plan)
    const first = await model.session()
    bridge.prewarm({ ...plan, generation: 1 })
    await first.received.closed()
    await model.session(1)
  })
})

describe('when the process must end', () => {
  test('draining takes no new stream, lets calls finish, and hands over what is left as it falls quiet', async () => {
    const { bridge, live, dial, clock, journal } = await set()
    const { stream, session } = await live()
    session.send(created('r1'))
    session.send(delta('a1', audio(800, 5)))
    const { mark } = await stream.received.next('mark')
    const drained = bridge.drain(2_000)
    expect(await (await dial()).received.closed()).toMatchObject({ code: 1012 })
    clock.advance(2_000)
    expect(stream.received.isOpen).toBe(true)
    session.send(itemDone('r1', 'a1'))
    session.send(done('r1'))
    stream.mark((mark as { name: string }).name)
    await journal.has('stream.ended')
    expect(journal.facts).toContainEqual({ kind: 'stream.ended', streamSid, reason: 'handed-over' })
    await stream.received.closed()
    clock.advance(callLimits.lingerMs)
    await drained
  })

  test('stopping writes what was said, closes every socket, and leaves no timer behind', async () => {
    const { bridge, live, dial, clock, journal } = await set()
    const { stream, session } = await live()
    const waiting = await dial()
    await bridge.stop()
    await Promise.all([stream.received.closed(), session.received.closed(), waiting.received.closed()])
    expect(journal.facts.at(-1)).toEqual({ kind: 'transcript.settled', streamSid })
    expect(bridge.liveCalls()).toBe(0)
    expect(clock.waiting.size).toBe(0)
  })
})
