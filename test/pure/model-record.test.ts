// What the model counts and remembers: tokens, bytes, times; that a seed decides everything; and how long a session lasts.
import { describe, expect, test } from 'bun:test'
import {
  type Heard,
  joined,
  one,
  only,
  openRig,
  phone,
  type Rig,
  START_MS,
  silence,
  speech,
  typesOf,
} from './model-rig.ts'

const GREETING = 'Cedar Clinic, good morning. How can I help you today?'
const ANSWER = 'Thank you. Somebody will call you back this afternoon.'
const HEARD = 'Please tell the doctor to call me.'
const said = joined(silence(400), await speech.speak(HEARD, 'rms'), silence(700))
const usages = (heard: readonly Heard[]) => only(heard, 'response.done').map(({ response }) => response?.usage)

describe('usage', () => {
  test('counts audio in by 100 ms, audio out by 50 ms, text by four letters, and the whole conversation every time', async () => {
    const rig = await openRig({ script: { hears: [HEARD], responses: [[{ say: GREETING }], [{ say: ANSWER }]] } })
    await rig.ask({ type: 'response.create' }, 5000)
    await rig.play(said)
    await rig.pass(5000)
    const [first, second] = usages(rig.heard)
    const tokensOf = async (text: string) => ({
      audio_tokens: Math.ceil((await speech.speak(text)).length / 8 / 50),
      text_tokens: Math.ceil(text.length / 4),
    })
    expect(first?.output_token_details).toEqual(await tokensOf(GREETING))
    expect(first?.input_token_details.audio_tokens).toBe(0)
    expect(second?.output_token_details).toEqual(await tokensOf(ANSWER))
    const { audio_start_ms = 0 } = one(rig.heard, 'input_audio_buffer.speech_started')
    const { audio_end_ms = 0 } = one(rig.heard, 'input_audio_buffer.speech_stopped')
    const callerTokens = Math.ceil((audio_end_ms - audio_start_ms) / 100)
    expect(second?.input_token_details.audio_tokens).toBe(
      (first?.output_token_details.audio_tokens ?? 0) + callerTokens,
    )
  })

  test('adds up, and what is cached is a part of what was read', async () => {
    const responses = [[{ say: GREETING }], [{ say: ANSWER }], [{ say: GREETING }], [{ say: ANSWER }]]
    const rig = await openRig({ script: { responses } })
    for (const _ of responses) await rig.ask({ type: 'response.create' }, 5000)
    const all = usages(rig.heard)
    for (const usage of all) {
      if (!usage) throw new Error('a completed response without usage')
      const { text_tokens, audio_tokens, cached_tokens, cached_tokens_details: cached } = usage.input_token_details
      expect(usage.total_tokens).toBe(usage.input_tokens + usage.output_tokens)
      expect(usage.input_tokens).toBe(text_tokens + audio_tokens)
      expect(cached_tokens).toBe(cached.text_tokens + cached.audio_tokens)
      expect(cached.text_tokens).toBeWithin(0, text_tokens + 1)
      expect(cached.audio_tokens).toBeWithin(0, audio_tokens + 1)
      expect(cached_tokens % 64).toBe(0)
    }
    expect(all[0]?.input_token_details.cached_tokens).toBe(0)
    expect(all[3]?.input_token_details.cached_tokens).toBeGreaterThan(0)
  })

  test('finds nothing cached once the instructions have changed', async () => {
    const responses = [[{ say: GREETING }], [{ say: ANSWER }], [{ say: GREETING }], [{ say: ANSWER }]]
    const rig = await openRig({ script: { responses } })
    for (const _ of responses.slice(1)) await rig.ask({ type: 'response.create' }, 5000)
    await rig.ask({ type: 'session.update', session: { type: 'realtime', instructions: 'Now be brief.' } })
    await rig.ask({ type: 'response.create' }, 5000)
    expect(usages(rig.heard)[3]?.input_token_details.cached_tokens).toBe(0)
  })

  test('is there on a cancelled response, for what it put out', async () => {
    const rig = await openRig({ settings: { speedup: 1 }, script: { responses: [[{ say: GREETING }]] } })
    await rig.ask({ type: 'response.create' }, 1000)
    await rig.ask({ type: 'response.cancel' }, 500)
    const [usage] = usages(rig.heard)
    const [item] = rig.model.record().sessions[0]?.items ?? []
    expect(usage?.output_token_details.audio_tokens).toBe(Math.ceil((item?.audio.length ?? 0) / 8 / 50))
  })

  test('of a transcription is in seconds for models paid by time, and in tokens for the others', async () => {
    for (const [model, usage] of [
      ['gpt-transcribe', { type: 'duration', seconds: expect.any(Number) }],
      ['gpt-4o-mini-transcribe', { type: 'tokens', output_tokens: Math.ceil(HEARD.length / 4) }],
    ] as const) {
      const rig = await openRig({ script: { hears: [HEARD] } })
      const session = { type: 'realtime', audio: { input: { transcription: { model } } } }
      await rig.ask({ type: 'session.update', session })
      await rig.play(said)
      await rig.pass(1000)
      const completed = one(rig.heard, 'conversation.item.input_audio_transcription.completed')
      expect(completed.usage).toMatchObject(usage)
    }
  })
})

describe('the record', () => {
  test('has every byte that was appended, when it came, and where speech was in it', async () => {
    const rig = await openRig({ script: { hears: [HEARD], responses: [[{ say: ANSWER }]] } })
    await rig.play(said)
    await rig.pass(5000)
    const [session] = rig.model.record().sessions
    expect(session?.appended).toEqual(said)
    expect(session?.appends).toHaveLength(Math.ceil(said.length / 160))
    expect(session?.appends.at(-1)?.toByte).toBe(said.length)
    const started = one(rig.heard, 'input_audio_buffer.speech_started')
    const stopped = one(rig.heard, 'input_audio_buffer.speech_stopped')
    expect(session?.speech).toEqual([
      { startedAtMs: START_MS + started.atMs, stoppedAtMs: START_MS + stopped.atMs, itemId: started.item_id ?? '' },
    ])
    expect(session?.items.map(({ role, text }) => [role, text])).toEqual([
      ['user', HEARD],
      ['assistant', ANSWER],
    ])
    expect(session?.config).toMatchObject(phone.session)
  })

  test('has every delta as it left: when, and which bytes of which item', async () => {
    const rig = await openRig({ script: { responses: [[{ say: 'One moment.' }, { say: GREETING }]] } })
    const heard = await rig.ask({ type: 'response.create' }, 5000)
    const [session] = rig.model.record().sessions
    const wire = only(heard, 'response.output_audio.delta')
    expect(session?.deltas).toHaveLength(wire.length)
    for (const [place, delta] of (session?.deltas ?? []).entries()) {
      const bytes = session?.items
        .find(({ itemId }) => itemId === delta.itemId)
        ?.audio.slice(delta.fromByte, delta.toByte)
      expect(bytes?.toBase64()).toBe(wire[place]?.delta ?? '')
      expect([delta.responseId, delta.itemId]).toEqual([wire[place]?.response_id ?? '', wire[place]?.item_id ?? ''])
      expect(delta.atMs).toBe(START_MS + (wire[place]?.atMs ?? 0))
    }
  })

  test('traces every event in both directions, by its type', async () => {
    const rig = await openRig({ script: { responses: [[{ say: GREETING }]] } })
    await rig.ask({ type: 'response.create' }, 5000)
    const whats = (from: string) => rig.trace.entries.filter((entry) => entry.from === from).map(({ what }) => what)
    expect(whats('model')).toEqual(typesOf(rig.heard))
    expect(whats('server')).toEqual(['handshake', 'session.update', 'response.create'])
  })
})

describe('a seed', () => {
  async function run(seed: number): Promise<{ heard: Heard[]; rig: Rig }> {
    const responses = [[{ say: `${GREETING} ${GREETING}` }], [{ call: 'take_message', arguments: { a: 1 } }]]
    const rig = await openRig({ seed, settings: { speedup: 1 }, script: { hears: [HEARD], responses } })
    await rig.ask({ type: 'response.create' }, 1500)
    await rig.play(said)
    await rig.pass(3000)
    return { heard: rig.heard, rig }
  }

  test('decides every event, id and time: twice the same seed is twice the same session', async () => {
    const [one, other] = [await run(42), await run(42)]
    expect(other.heard).toEqual(one.heard)
    expect(other.rig.model.record()).toEqual(one.rig.model.record())
    expect(other.rig.trace.entries).toEqual(one.rig.trace.entries)
  })

  test('another one gives other ids, pieces and delays, and the same words', async () => {
    const [one, other] = [await run(1), await run(2)]
    expect(other.heard).not.toEqual(one.heard)
    const texts = ({ rig }: { rig: Rig }) => rig.model.record().sessions[0]?.items.map(({ role }) => role)
    expect(texts(other)).toEqual(texts(one))
  })
})

describe('a session', () => {
  test('begins with session.created and all its defaults', async () => {
    const rig = await openRig({ isConfigured: false })
    expect(rig.heard[0]).toMatchObject({
      type: 'session.created',
      session: {
        object: 'realtime.session',
        type: 'realtime',
        model: 'gpt-realtime-2.1',
        expires_at: Math.floor(START_MS / 1000) + 3600,
        output_modalities: ['audio'],
        tools: [],
        tool_choice: 'auto',
        max_output_tokens: 'inf',
        audio: { input: { format: { type: 'audio/pcm', rate: 24000 }, turn_detection: { type: 'server_vad' } } },
      },
    })
  })

  test('ends after an hour with session_expired and close code 1001', async () => {
    const rig = await openRig()
    await rig.pass(59 * 60_000)
    expect(rig.closes).toEqual([])
    await rig.pass(2 * 60_000)
    expect(rig.heard.at(-1)?.error).toMatchObject({ code: 'session_expired' })
    expect(rig.closes).toEqual([{ code: 1001, reason: 'Your session hit the maximum duration of 60 minutes.' }])
  })

  test('prompts a silent caller after the idle time, counted from the end of what still sounds, once', async () => {
    const rig = await openRig({
      script: { hears: [HEARD], responses: [[{ say: GREETING }], [{ say: 'Are you there?' }]] },
    })
    const turn_detection = { type: 'server_vad', idle_timeout_ms: 6000 }
    await rig.ask({ type: 'session.update', session: { type: 'realtime', audio: { input: { turn_detection } } } })
    await rig.ask({ type: 'response.create' })
    await rig.play(silence(12_000))
    const done = only(rig.heard, 'response.done')[0]?.atMs ?? 0
    const soundsMs = (await speech.speak(GREETING)).length / 8
    const timeout = one(rig.heard, 'input_audio_buffer.timeout_triggered')
    expect(timeout.atMs).toBeWithin(done + soundsMs + 5999, done + soundsMs + 6002)
    const after = rig.heard.slice(rig.heard.indexOf(timeout))
    expect(typesOf(after).slice(0, 5)).toEqual([
      'input_audio_buffer.timeout_triggered',
      'input_audio_buffer.committed',
      'conversation.item.added',
      'conversation.item.done',
      'response.created',
    ])
    // Silence is not one of the things that the script hears.
    await rig.play(said)
    await rig.pass(1000)
    const transcripts = only(rig.heard, 'conversation.item.input_audio_transcription.completed')
    expect(transcripts.map(({ transcript }) => transcript)).toEqual(['', HEARD])
  })

  test('does not prompt a caller who speaks, nor while the model is asked to', async () => {
    const turn_detection = { type: 'server_vad', idle_timeout_ms: 3000, create_response: false }
    for (const [name, act] of [
      ['speech', (rig: Rig) => rig.play(said.slice(0, -8 * 700))],
      ['response.create', (rig: Rig) => rig.ask({ type: 'response.create' }, 1000)],
    ] as const) {
      const rig = await openRig({
        settings: { speedup: 1 },
        script: { responses: [[{ say: 'Yes?' }], [{ say: `${GREETING} ${GREETING}` }]] },
      })
      await rig.ask({ type: 'session.update', session: { type: 'realtime', audio: { input: { turn_detection } } } })
      await rig.ask({ type: 'response.create' }, 2000)
      await act(rig)
      await rig.pass(3000)
      expect([name, only(rig.heard, 'input_audio_buffer.timeout_triggered')]).toEqual([name, []])
    }
  })

  test('leaves no timer behind when it is over', async () => {
    const rig = await openRig({
      settings: { speedup: 1 },
      script: { hears: [HEARD], responses: [[{ say: GREETING }]] },
    })
    await rig.play(said)
    expect(rig.pendingTimers()).toBeGreaterThan(1)
    rig.hang()
    await rig.pass(1)
    expect(rig.pendingTimers()).toBe(0)
  })

  test('that follows a broken one goes on with the script where the other left it', async () => {
    const rig = await openRig({ script: { responses: [[{ say: GREETING }], [{ say: ANSWER }]] } })
    await rig.ask({ type: 'response.create' }, 5000)
    rig.hang()
    const second = await rig.reopen()
    await second.ask({ type: 'response.create' }, 5000)
    expect(one(second.heard, 'response.output_audio_transcript.done').transcript).toBe(ANSWER)
    expect(rig.model.record().sessions).toHaveLength(2)
  })
})
