// The order of events on a Realtime session: a spoken turn, a function call, an interruption. And that nothing is ever
// heard out of order, whatever the pace.
import { describe, expect, test } from 'bun:test'
import { type Heard, joined, one, only, openRig, silence, speech, typesOf } from './model-rig.ts'

const GREETING = 'Cedar Clinic, good morning. How can I help you today?'
const ANSWER = 'Thank you. I will tell the doctor, and somebody will call you back this afternoon.'
const said = joined(silence(400), await speech.speak('Please tell the doctor to call me.', 'rms'), silence(700))

const SPOKEN = [
  'response.created',
  'response.output_item.added',
  'conversation.item.added',
  'response.content_part.added',
  'response.output_audio_transcript.delta',
  'response.output_audio.delta',
  'response.output_audio.done',
  'response.output_audio_transcript.done',
  'response.content_part.done',
  'response.output_item.done',
  'conversation.item.done',
  'response.done',
]
const FLOATING = ['rate_limits.updated', 'conversation.item.input_audio_transcription.delta']
const COMPLETED = 'conversation.item.input_audio_transcription.completed'

/** Without what floats, and with runs of deltas taken as one of each kind. */
function ladderOf(events: readonly Heard[]): string[] {
  const types = typesOf(events).filter((type) => !FLOATING.includes(type) && type !== COMPLETED)
  return types.filter((type, place) => !type.endsWith('.delta') || types.indexOf(type) === place)
}

const audioOf = (events: readonly Heard[]): Uint8Array =>
  joined(...only(events, 'response.output_audio.delta').map(({ delta }) => Uint8Array.fromBase64(delta ?? '')))

describe('a spoken answer', () => {
  test('comes in the documented order, with ids that belong together', async () => {
    const rig = await openRig({ script: { responses: [[{ say: GREETING }]] } })
    const heard = await rig.ask({ type: 'response.create' }, 5000)
    expect(ladderOf(heard)).toEqual(SPOKEN)
    const response = one(heard, 'response.done').response
    const [item] = response?.output ?? []
    expect(response).toMatchObject({ object: 'realtime.response', status: 'completed', status_details: null })
    expect(item).toMatchObject({ type: 'message', role: 'assistant', status: 'completed' })
    expect(item?.content).toEqual([{ type: 'output_audio', transcript: GREETING }])
    expect(one(heard, 'response.created').response).toMatchObject({
      id: response?.id,
      status: 'in_progress',
      output: [],
    })
    for (const event of heard) {
      if (event.response_id) expect(event.response_id).toBe(response?.id ?? '')
      if (event.item_id) expect(event.item_id).toBe(item?.id ?? '')
    }
    expect(one(heard, 'conversation.item.added')).toMatchObject({ previous_item_id: null, item: { content: [] } })
  })

  test('carries exactly the audio that was spoken, and words that run ahead of it', async () => {
    const rig = await openRig({ script: { responses: [[{ say: GREETING }]] } })
    const heard = await rig.ask({ type: 'response.create' }, 5000)
    expect(audioOf(heard)).toEqual(await speech.speak(GREETING))
    expect(
      only(heard, 'response.output_audio_transcript.delta')
        .map(({ delta }) => delta)
        .join(''),
    ).toBe(GREETING)
    expect(one(heard, 'response.output_audio_transcript.done').transcript).toBe(GREETING)
    const firstWord = heard.findIndex(({ type }) => type === 'response.output_audio_transcript.delta')
    expect(firstWord).toBeLessThan(heard.findIndex(({ type }) => type === 'response.output_audio.delta'))
    expect(rig.model.record().sessions[0]?.items[0]).toMatchObject({
      role: 'assistant',
      text: GREETING,
      audio: audioOf(heard),
    })
  })

  test('comes about six times faster than it sounds, in deltas of 40 to 400 ms', async () => {
    const rig = await openRig({ script: { responses: [[{ say: GREETING }]] } })
    const heard = await rig.ask({ type: 'response.create' }, 5000)
    const deltas = only(heard, 'response.output_audio.delta')
    const [first, last] = [deltas[0]?.atMs ?? 0, one(heard, 'response.done').atMs]
    const soundsMs = audioOf(heard).length / 8
    expect(first - one(heard, 'response.created').atMs).toBeWithin(150, 401)
    expect(last - first).toBeCloseTo(soundsMs / 6, 0)
    const sizes = deltas.slice(0, -1).map(({ delta }) => Uint8Array.fromBase64(delta ?? '').length / 8)
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(40)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(400)
    expect(new Set(sizes).size).toBeGreaterThan(1)
  })

  test('of several items has each whole, one after the other', async () => {
    const rig = await openRig({ script: { responses: [[{ say: 'One moment.' }, { say: ANSWER }]] } })
    const heard = await rig.ask({ type: 'response.create' }, 5000)
    expect(one(heard, 'response.done').response?.output.map(({ content }) => content?.[0]?.transcript)).toEqual([
      'One moment.',
      ANSWER,
    ])
    expect(audioOf(heard)).toEqual(joined(await speech.speak('One moment.'), await speech.speak(ANSWER)))
    expect(new Set(only(heard, 'response.output_audio.delta').map(({ output_index }) => output_index))).toEqual(
      new Set([0, 1]),
    )
  })

  test('is text where text is asked for', async () => {
    const rig = await openRig({ script: { responses: [[{ say: GREETING }]] } })
    const heard = await rig.ask({ type: 'response.create', response: { output_modalities: ['text'] } }, 5000)
    expect(only(heard, 'response.output_audio.delta')).toEqual([])
    expect(
      only(heard, 'response.output_text.delta')
        .map(({ delta }) => delta)
        .join(''),
    ).toBe(GREETING)
    expect(one(heard, 'response.done').response?.output[0]?.content).toEqual([{ type: 'output_text', text: GREETING }])
  })

  test('that the script does not have is empty, completed, and noted', async () => {
    const rig = await openRig()
    const heard = await rig.ask({ type: 'response.create' }, 5000)
    expect(ladderOf(heard)).toEqual(['response.created', 'response.done'])
    expect(one(heard, 'response.done').response).toMatchObject({ status: 'completed', output: [] })
    expect(rig.model.record().notes).toEqual(['The script has run out: response 1 of the session says nothing'])
  })

  test('that fails says why in response.done, after what came before', async () => {
    const rig = await openRig({ script: { responses: [[{ say: 'One moment.' }, { fail: 'insufficient_quota' }]] } })
    const heard = await rig.ask({ type: 'response.create' }, 5000)
    const { response } = one(heard, 'response.done')
    expect(response).toMatchObject({
      status: 'failed',
      status_details: { type: 'failed', error: { code: 'insufficient_quota' } },
    })
    expect(response?.output).toHaveLength(1)
  })

  test('keeps to its groups when the order within them is shuffled', async () => {
    const groupsOf = (types: string[]) =>
      [
        types.slice(0, 1),
        types.slice(1, 3),
        types.slice(3, 6),
        types.slice(6, 9),
        types.slice(9, 11),
        types.slice(11),
      ].map((group) => group.toSorted())
    const ladders = new Set<string>()
    for (let seed = 1; seed <= 10; seed++) {
      const settings = { isOrderShuffled: true }
      const rig = await openRig({ seed, settings, script: { responses: [[{ say: 'One moment.' }]] } })
      const ladder = ladderOf(await rig.ask({ type: 'response.create' }, 5000))
      ladders.add(ladder.join())
      expect(groupsOf(ladder)).toEqual(groupsOf(SPOKEN))
    }
    expect(ladders.size).toBeGreaterThan(1)
  })
})

describe('a turn of the caller', () => {
  test('is started, stopped, committed, added and answered in the documented order', async () => {
    const rig = await openRig({
      script: { hears: ['Please tell the doctor to call me.'], responses: [[{ say: ANSWER }]] },
    })
    await rig.play(said)
    await rig.pass(4000)
    const turn = rig.heard.slice(rig.heard.findIndex(({ type }) => type === 'input_audio_buffer.speech_started'))
    expect(ladderOf(turn)).toEqual([
      'input_audio_buffer.speech_started',
      'input_audio_buffer.speech_stopped',
      'input_audio_buffer.committed',
      'conversation.item.added',
      'conversation.item.done',
      ...SPOKEN,
    ])
    const userId = one(turn, 'input_audio_buffer.committed').item_id
    expect(one(turn, 'input_audio_buffer.speech_started').item_id).toBe(userId ?? '')
    expect(only(turn, 'conversation.item.added')[0]?.item?.content).toEqual([{ type: 'input_audio', transcript: null }])
    expect(only(turn, 'conversation.item.added')[1]?.previous_item_id).toBe(userId ?? '')
  })

  test('is transcribed late, by its item, as the script hears it, and as nothing when the script has run out', async () => {
    const rig = await openRig({ script: { hears: ['Please tell the doctor to call me.'] } })
    await rig.play(joined(said, said))
    await rig.pass(1000)
    const committed = only(rig.heard, 'input_audio_buffer.committed')
    const transcripts = only(rig.heard, COMPLETED)
    expect(transcripts.map(({ item_id, transcript }) => [item_id, transcript])).toEqual([
      [committed[0]?.item_id, 'Please tell the doctor to call me.'],
      [committed[1]?.item_id, ''],
    ])
    for (const [place, { atMs }] of transcripts.entries())
      expect(atMs - (committed[place]?.atMs ?? 0)).toBeWithin(50, 601)
    const deltas = only(rig.heard, 'conversation.item.input_audio_transcription.delta')
    expect(deltas.map(({ delta }) => delta).join('')).toBe('Please tell the doctor to call me.')
  })

  test('is not transcribed unless transcription is on, and not answered unless create_response is', async () => {
    const rig = await openRig({ script: { hears: ['…'], responses: [[{ say: ANSWER }]] } })
    const input = { transcription: null, turn_detection: { type: 'server_vad', create_response: false } }
    await rig.ask({ type: 'session.update', session: { type: 'realtime', audio: { input } } })
    await rig.play(said)
    await rig.pass(2000)
    expect(typesOf(rig.heard).slice(-5)).toEqual([
      'input_audio_buffer.speech_started',
      'input_audio_buffer.speech_stopped',
      'input_audio_buffer.committed',
      'conversation.item.added',
      'conversation.item.done',
    ])
  })
})

describe('a function call', () => {
  const call = { call: 'take_message', arguments: { text: 'Call me back', callback: '+15550001111' } }

  test('comes in the documented order, its arguments in pieces that together are the JSON', async () => {
    const rig = await openRig({ script: { responses: [[call]] } })
    const heard = await rig.ask({ type: 'response.create' }, 5000)
    expect(ladderOf(heard)).toEqual([
      'response.created',
      'response.output_item.added',
      'conversation.item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'conversation.item.done',
      'response.done',
    ])
    const pieces = only(heard, 'response.function_call_arguments.delta')
      .map(({ delta }) => delta)
      .join('')
    expect(JSON.parse(pieces)).toEqual(call.arguments)
    const done = one(heard, 'response.function_call_arguments.done')
    expect(done).toMatchObject({ name: 'take_message', arguments: pieces })
    expect(one(heard, 'response.output_item.done').item).toMatchObject({
      type: 'function_call',
      status: 'completed',
      name: 'take_message',
      call_id: done.call_id ?? '',
      arguments: pieces,
    })
  })

  test('is answered by its output and response.create, and by nothing else', async () => {
    const rig = await openRig({ script: { responses: [[call], [{ say: ANSWER }]] } })
    const heard = await rig.ask({ type: 'response.create' }, 2000)
    const { call_id } = one(heard, 'response.function_call_arguments.done')
    const item = { type: 'function_call_output', call_id, output: '{"isTaken":true}' }
    const added = await rig.ask({ type: 'conversation.item.create', item }, 5000)
    expect(typesOf(added)).toEqual(['conversation.item.added', 'conversation.item.done'])
    const answered = await rig.ask({ type: 'response.create' }, 5000)
    expect(ladderOf(answered)).toEqual(SPOKEN)
    expect(rig.model.record().sessions[0]?.items).toMatchObject([
      { role: 'function_call', name: 'take_message' },
      { role: 'function_call_output', output: '{"isTaken":true}' },
      { role: 'assistant', text: ANSWER },
    ])
  })

  test('may follow spoken words in the same response', async () => {
    const rig = await openRig({ script: { responses: [[{ say: 'One moment.' }, call]] } })
    const heard = await rig.ask({ type: 'response.create' }, 5000)
    expect(one(heard, 'response.done').response?.output.map(({ type }) => type)).toEqual(['message', 'function_call'])
  })
})

describe('an interruption', () => {
  const long = `${GREETING} ${ANSWER} ${GREETING} ${ANSWER}`
  /** The model speaks slowly enough to be caught speaking. */
  const settings = { speedup: 1 }

  test('while the model speaks cuts the response off, after a few more deltas, and then answers', async () => {
    const rig = await openRig({ settings, script: { responses: [[{ say: long }], [{ say: ANSWER }]] } })
    await rig.ask({ type: 'response.create' }, 1500)
    await rig.play(said)
    await rig.pass(9000)
    const start = rig.heard.findIndex(({ type }) => type === 'input_audio_buffer.speech_started')
    const done = rig.heard.findIndex(({ type }) => type === 'response.done')
    const between = rig.heard.slice(start + 1, done)
    const late = only(between, 'response.output_audio.delta')
    expect(late.length).toBeWithin(1, 4)
    expect(ladderOf(between).filter((type) => !type.endsWith('.delta'))).toEqual([
      'response.output_audio.done',
      'response.output_audio_transcript.done',
      'response.content_part.done',
      'response.output_item.done',
      'conversation.item.done',
    ])
    const cancelled = rig.heard[done]?.response
    expect(cancelled).toMatchObject({
      status: 'cancelled',
      status_details: { type: 'cancelled', reason: 'turn_detected' },
    })
    const [item] = cancelled?.output ?? []
    const emitted = only(rig.heard.slice(0, done), 'response.output_audio_transcript.delta')
      .map(({ delta }) => delta)
      .join('')
    expect(item).toMatchObject({ status: 'incomplete', content: [{ type: 'output_audio', transcript: emitted }] })
    expect(long.startsWith(emitted)).toBe(true)
    expect(emitted.length).toBeLessThan(long.length)
    expect(only(rig.heard, 'response.done').at(-1)?.response).toMatchObject({ status: 'completed' })
    // What the record calls emitted is what was heard, late deltas included.
    expect(rig.model.record().sessions[0]?.items[0]?.audio).toEqual(audioOf(rig.heard.slice(0, done)))
  })

  test('that is over before the late deltas are out still gets its answer, after the end of what it cut', async () => {
    const rig = await openRig({ settings, script: { responses: [[{ say: long }], [{ say: ANSWER }]] } })
    await rig.ask({ type: 'response.create' }, 1500)
    await rig.ask({ type: 'input_audio_buffer.append', audio: said.toBase64() }, 9000)
    const ends = rig.heard.filter(({ type }) => type === 'response.created' || type === 'response.done')
    expect(ends.map(({ response }) => response?.status)).toEqual([
      'in_progress',
      'cancelled',
      'in_progress',
      'completed',
    ])
    expect(rig.model.record().notes).toEqual([])
  })

  test('after the model has finished is speech_started and nothing more', async () => {
    const rig = await openRig({ script: { responses: [[{ say: GREETING }]] } })
    await rig.ask({ type: 'response.create' }, 2000)
    const heard = await rig.play(said.slice(0, 8 * 700))
    expect(typesOf(heard)).toEqual(['input_audio_buffer.speech_started'])
  })

  test('before the first audio leaves the response empty', async () => {
    const slow = { firstAudioMs: [3000, 3000] as const }
    const rig = await openRig({ settings: slow, script: { responses: [[{ say: GREETING }]] } })
    rig.send({ type: 'response.create' })
    await rig.play(said.slice(0, 8 * 1000))
    expect(one(rig.heard, 'response.done').response).toMatchObject({ status: 'cancelled', output: [] })
  })

  test('does not touch the response where interrupt_response is off; the turn then gets no answer of its own', async () => {
    const rig = await openRig({ settings, script: { responses: [[{ say: long }]] } })
    const input = { turn_detection: { type: 'server_vad', interrupt_response: false } }
    await rig.ask({ type: 'session.update', session: { type: 'realtime', audio: { input } } })
    await rig.ask({ type: 'response.create' }, 1000)
    await rig.play(said)
    await rig.pass(30_000)
    expect(one(rig.heard, 'response.done').response).toMatchObject({ status: 'completed' })
    expect(rig.model.record().notes).toHaveLength(1)
  })

  test('of a function call leaves arguments that may be no JSON, and an incomplete item', async () => {
    const call = { call: 'take_message', arguments: { text: 'x'.repeat(200) } }
    for (let seed = 1; seed <= 20; seed++) {
      const rig = await openRig({ seed, settings: { lateDeltas: [0, 0] }, script: { responses: [[call]] } })
      rig.send({ type: 'response.create' })
      while (only(rig.heard, 'response.function_call_arguments.delta').length === 0) await rig.pass(1)
      const heard = await rig.ask({ type: 'response.cancel' }, 200)
      const { response } = one(heard, 'response.done')
      expect(response).toMatchObject({ status: 'cancelled', status_details: { reason: 'client_cancelled' } })
      const isWhole = response?.output[0]?.arguments === JSON.stringify(call.arguments)
      expect(response?.output[0]?.status).toBe(isWhole ? 'completed' : 'incomplete')
    }
  })
})
