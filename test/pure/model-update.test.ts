// session.update is all or nothing: what is taken, what is refused, in which words, and that a refused one changes nothing.
import { describe, expect, test } from 'bun:test'
import { one, openRig, phone, typesOf } from './model-rig.ts'

type Part = Record<string, unknown>
const input = (part: Part) => ({ type: 'realtime', audio: { input: part } })
const output = (part: Part) => ({ type: 'realtime', audio: { output: part } })
const vad = (part: Part) => input({ turn_detection: { type: 'server_vad', ...part } })
const tool = { type: 'function', name: 'take_message', description: 'Takes a message', parameters: { type: 'object' } }

const taken: [name: string, session: Part][] = [
  ['nothing but its type', { type: 'realtime' }],
  ['the model of the session', { type: 'realtime', model: 'gpt-realtime-2.1' }],
  ['empty instructions', { type: 'realtime', instructions: '' }],
  ['text alone', { type: 'realtime', output_modalities: ['text'] }],
  ['μ-law', input({ format: { type: 'audio/pcmu' } })],
  ['A-law', output({ format: { type: 'audio/pcma' } })],
  ['PCM at 24 kHz', input({ format: { type: 'audio/pcm', rate: 24000 } })],
  ['noise reduction', input({ noise_reduction: { type: 'far_field' } })],
  ['no noise reduction', input({ noise_reduction: null })],
  ['no transcription', input({ transcription: null })],
  [
    'transcription with hints',
    input({ transcription: { model: 'gpt-transcribe', keywords: ['Lind'], prompt: 'clinic' } }),
  ],
  ['no turn detection', input({ turn_detection: null })],
  ['semantic detection', input({ turn_detection: { type: 'semantic_vad', eagerness: 'low' } })],
  ['an idle timeout', vad({ idle_timeout_ms: 6000 })],
  ['a voice', output({ voice: 'cedar' })],
  ['a voice of one’s own', output({ voice: { id: 'voice_123' } })],
  ['a speed', output({ speed: 1.5 })],
  ['tools', { type: 'realtime', tools: [tool], tool_choice: 'auto' }],
  ['no tools', { type: 'realtime', tools: [], tool_choice: { type: 'function', name: 'take_message' } }],
  [
    'limits',
    { type: 'realtime', max_output_tokens: 4096, truncation: { type: 'retention_ratio', retention_ratio: 0.8 } },
  ],
  ['no limit', { type: 'realtime', max_output_tokens: 'inf', tracing: null }],
  ['reasoning', { type: 'realtime', reasoning: { effort: 'low' }, parallel_tool_calls: false }],
  ['logprobs', { type: 'realtime', include: ['item.input_audio_transcription.logprobs'] }],
]

const refused: [name: string, session: Part, code: string, param: string][] = [
  ['no type', { instructions: '' }, 'missing_required_parameter', 'session.type'],
  ['no type, before anything else', { foo: 1 }, 'missing_required_parameter', 'session.type'],
  ['the type of a transcription', { type: 'transcription' }, 'invalid_value', 'session.type'],
  ['an unknown key', { type: 'realtime', foo: 1 }, 'unknown_parameter', 'session.foo'],
  ['a key of the beta', { type: 'realtime', modalities: ['audio'] }, 'unknown_parameter', 'session.modalities'],
  ['temperature', { type: 'realtime', temperature: 0.8 }, 'unknown_parameter', 'session.temperature'],
  [
    'a turn detection in the place of the beta',
    { type: 'realtime', turn_detection: null },
    'unknown_parameter',
    'session.turn_detection',
  ],
  [
    'both modalities',
    { type: 'realtime', output_modalities: ['audio', 'text'] },
    'invalid_value',
    'session.output_modalities',
  ],
  ['instructions that are no text', { type: 'realtime', instructions: 3 }, 'invalid_type', 'session.instructions'],
  [
    'PCM without a rate',
    output({ format: { type: 'audio/pcm' } }),
    'missing_required_parameter',
    'session.audio.output.format.rate',
  ],
  [
    'PCM at 8 kHz',
    input({ format: { type: 'audio/pcm', rate: 8000 } }),
    'invalid_value',
    'session.audio.input.format.rate',
  ],
  [
    'μ-law with a rate',
    input({ format: { type: 'audio/pcmu', rate: 8000 } }),
    'unknown_parameter',
    'session.audio.input.format.rate',
  ],
  ['a format of the beta', input({ format: 'g711_ulaw' }), 'invalid_type', 'session.audio.input.format'],
  ['another format', input({ format: { type: 'audio/opus' } }), 'invalid_value', 'session.audio.input.format.type'],
  ['an unknown voice', output({ voice: 'nova' }), 'invalid_value', 'session.audio.output.voice'],
  ['a speed too high', output({ speed: 2 }), 'invalid_value', 'session.audio.output.speed'],
  ['a threshold above 1', vad({ threshold: 1.1 }), 'invalid_value', 'session.audio.input.turn_detection.threshold'],
  [
    'a silence below 0',
    vad({ silence_duration_ms: -1 }),
    'invalid_value',
    'session.audio.input.turn_detection.silence_duration_ms',
  ],
  [
    'an eagerness for a server VAD',
    vad({ eagerness: 'low' }),
    'unknown_parameter',
    'session.audio.input.turn_detection.eagerness',
  ],
  [
    'an idle timeout for semantic detection',
    input({ turn_detection: { type: 'semantic_vad', idle_timeout_ms: 6000 } }),
    'unknown_parameter',
    'session.audio.input.turn_detection.idle_timeout_ms',
  ],
  [
    'an unknown detection',
    input({ turn_detection: { type: 'client_vad' } }),
    'invalid_value',
    'session.audio.input.turn_detection.type',
  ],
  [
    'an unknown transcriber',
    input({ transcription: { model: 'whisper-9' } }),
    'invalid_value',
    'session.audio.input.transcription.model',
  ],
  [
    'keywords for a transcriber without',
    input({ transcription: { model: 'whisper-1', keywords: [] } }),
    'invalid_value',
    'session.audio.input.transcription.keywords',
  ],
  [
    'a prompt for gpt-realtime-whisper',
    input({ transcription: { model: 'gpt-realtime-whisper', prompt: '' } }),
    'invalid_value',
    'session.audio.input.transcription.prompt',
  ],
  ['0 output tokens', { type: 'realtime', max_output_tokens: 0 }, 'invalid_value', 'session.max_output_tokens'],
  ['4097 output tokens', { type: 'realtime', max_output_tokens: 4097 }, 'invalid_value', 'session.max_output_tokens'],
  [
    'a nested function',
    { type: 'realtime', tools: [{ type: 'function', function: tool }] },
    'missing_required_parameter',
    'session.tools[0].name',
  ],
  [
    'a strict tool',
    { type: 'realtime', tools: [{ ...tool, strict: true }] },
    'unknown_parameter',
    'session.tools[0].strict',
  ],
  ['another model', { type: 'realtime', model: 'gpt-realtime-1.5' }, 'invalid_value', 'session.model'],
]

describe('session.update', () => {
  for (const [name, session] of taken)
    test(`takes ${name}, and answers with the whole session`, async () => {
      const rig = await openRig()
      const heard = await rig.ask({ type: 'session.update', session })
      expect(typesOf(heard)).toEqual(['session.updated'])
      const { model: _model, audio, ...rest } = session as { model?: string; audio?: object }
      expect(one(heard, 'session.updated').session).toMatchObject({ ...rest, ...(audio && { audio }) })
      expect(one(heard, 'session.updated').session).toMatchObject({
        object: 'realtime.session',
        model: 'gpt-realtime-2.1',
        expires_at: expect.any(Number),
      })
    })

  for (const [name, session, code, param] of refused)
    test(`refuses ${name}, whole, by ${code}`, async () => {
      const rig = await openRig()
      const good = { instructions: 'Never seen', max_output_tokens: 17 }
      const event = { type: 'session.update', event_id: 'cfg_7', session: { ...good, ...session } }
      const heard = await rig.ask(event)
      expect(typesOf(heard)).toEqual(['error'])
      expect(heard[0]?.error).toMatchObject({ type: 'invalid_request_error', code, param, event_id: 'cfg_7' })
      const after = await rig.ask({ type: 'session.update', session: { type: 'realtime' } })
      expect(after[0]?.session).toMatchObject({ instructions: phone.session.instructions, max_output_tokens: 'inf' })
    })

  test('leaves as it was what it does not name', async () => {
    const rig = await openRig()
    const heard = await rig.ask({ type: 'session.update', session: vad({ threshold: 0.7, create_response: false }) })
    expect(one(heard, 'session.updated').session).toMatchObject({
      ...phone.session,
      audio: {
        input: {
          ...phone.session.audio.input,
          noise_reduction: null,
          turn_detection: {
            type: 'server_vad',
            threshold: 0.7,
            prefix_padding_ms: 300,
            silence_duration_ms: 500,
            create_response: false,
            interrupt_response: true,
            idle_timeout_ms: null,
          },
        },
        output: { ...phone.session.audio.output, speed: 1 },
      },
    })
  })

  test('is told the words that were seen on the real service', async () => {
    const rig = await openRig()
    const messageFor = async (session: Part) => (await rig.ask({ type: 'session.update', session }))[0]?.error?.message
    expect(await messageFor({})).toBe("Missing required parameter: 'session.type'.")
    expect(await messageFor({ type: 'realtime', foo: 1 })).toBe("Unknown parameter: 'session.foo'.")
    expect(await messageFor(output({ speed: 9 }))).toBe('Invalid value: 9. Expected at most 1.5.')
  })

  test('finds tracing fixed once it is on', async () => {
    const rig = await openRig()
    const ask = (tracing: unknown) => rig.ask({ type: 'session.update', session: { type: 'realtime', tracing } })
    expect(typesOf(await ask('auto'))).toEqual(['session.updated'])
    expect(typesOf(await ask('auto'))).toEqual(['session.updated'])
    expect((await ask(null))[0]?.error).toMatchObject({ code: 'invalid_value', param: 'session.tracing' })
  })

  test('finds the voice locked once the model has spoken; the same voice passes', async () => {
    const rig = await openRig({ script: { responses: [[{ say: 'Good morning.' }]] } })
    const ask = (voice: string) => rig.ask({ type: 'session.update', session: output({ voice }) })
    expect(typesOf(await ask('cedar'))).toEqual(['session.updated'])
    await rig.ask({ type: 'response.create' }, 3000)
    expect((await ask('marin'))[0]?.error).toMatchObject({
      code: 'cannot_update_voice',
      message: "Cannot update a conversation's voice if assistant audio is present.",
    })
    expect(typesOf(await ask('cedar'))).toEqual(['session.updated'])
  })

  test('is never answered by a model that stalls', async () => {
    const rig = await openRig({ script: { connection: { stall: true } }, isConfigured: false })
    expect(typesOf(rig.heard)[0]).toBe('session.created')
    expect(await rig.ask(phone, 60_000)).toEqual([])
    expect(rig.model.record().sessions[0]?.config).toBeNull()
  })
})
