// The rules that a server of ours must keep: each broken one is recorded in plain words, and in strict mode it ends the
// session. What two sides may do at once without fault is no broken rule.
import { describe, expect, test } from 'bun:test'
import { joined, one, only, openRig, phone, type Rig, silence, speech } from './model-rig.ts'

const GREETING = 'Cedar Clinic, good morning. How can I help you today?'
const said = joined(silence(400), await speech.speak('Please tell the doctor to call me.', 'rms'), silence(600))
const append = { type: 'input_audio_buffer.append', audio: silence(20).toBase64() }
const violationsOf = (rig: Rig) => rig.model.record().sessions[0]?.violations ?? []

async function greet(rig: Rig): Promise<string> {
  const heard = await rig.ask({ type: 'response.create' }, 5000)
  return one(heard, 'response.output_item.done').item?.id ?? ''
}

const broken: [rule: string, text: string, breakIt: (rig: Rig) => Promise<unknown>][] = [
  [
    'no truncation beyond what was emitted',
    'an item was truncated at 99999 ms, beyond the',
    async (rig) => {
      const item_id = await greet(rig)
      await rig.ask({ type: 'conversation.item.truncate', item_id, content_index: 0, audio_end_ms: 99_999 })
    },
  ],
  [
    'one response at a time',
    'response.create was sent while a response was in progress',
    async (rig) => {
      await rig.ask({ type: 'response.create' }, 100)
      await rig.ask({ type: 'response.create' })
    },
  ],
  [
    'no voice in an update after the first audio',
    'session.update named a voice after the first audio of the model',
    async (rig) => {
      await greet(rig)
      await rig.ask(phone)
    },
  ],
  ['no unknown event', "an event was refused: Invalid value: 'hello'", (rig) => rig.ask({ type: 'hello' })],
  [
    'no unknown field',
    "an event was refused: Unknown parameter: 'session.temperature'",
    (rig) => rig.ask({ type: 'session.update', session: { type: 'realtime', temperature: 1 } }),
  ],
  [
    'no audio but base64',
    'audio was appended that is not base64',
    (rig) => rig.ask({ type: 'input_audio_buffer.append', audio: '!' }),
  ],
  [
    'no output of a call that never was',
    'a function_call_output named a call that the conversation does not have',
    (rig) =>
      rig.ask({
        type: 'conversation.item.create',
        item: { type: 'function_call_output', call_id: 'call_none', output: '' },
      }),
  ],
  [
    'no half samples',
    'audio was appended that ends within a sample',
    async (rig) => {
      const input = { format: { type: 'audio/pcm', rate: 24000 } }
      await rig.ask({ type: 'session.update', session: { type: 'realtime', audio: { input } } })
      await rig.ask({ type: 'input_audio_buffer.append', audio: new Uint8Array(961).toBase64() })
    },
  ],
]

describe('strict mode', () => {
  for (const [rule, text, breakIt] of broken)
    for (const isStrict of [true, false])
      test(`${rule}: ${isStrict ? 'ends the session with 1008' : 'is only recorded where not strict'}`, async () => {
        const rig = await openRig({ isStrict, script: { responses: [[{ say: GREETING }], [{ say: GREETING }]] } })
        expect(violationsOf(rig)).toEqual([])
        await breakIt(rig)
        expect(violationsOf(rig)).toHaveLength(1)
        expect(violationsOf(rig)[0]).toStartWith(text)
        expect(rig.closes.map(({ code }) => code)).toEqual(isStrict ? [1008] : [])
        expect(rig.model.record().sessions[0]?.closedAtMs !== null).toBe(isStrict)
      })

  test('no audio before session.updated', async () => {
    const rig = await openRig({ isStrict: true, isConfigured: false })
    await rig.ask(append)
    expect(violationsOf(rig)).toEqual(['audio was appended before session.updated'])
    expect(rig.closes).toMatchObject([{ code: 1008, reason: 'Not allowed: audio was appended before session.updated' }])
  })

  test('nothing is sent, and nothing heard, after the end', async () => {
    const rig = await openRig({ isStrict: true, script: { responses: [[{ say: GREETING }]] } })
    await rig.ask({ type: 'response.create' }, 200)
    const heard = await rig.ask({ type: 'hello' }, 10_000)
    expect(heard.map(({ type }) => type)).toEqual(['error'])
    expect(violationsOf(rig)).toHaveLength(1)
  })

  test('a response.create that crosses an answer of the service is no violation; one sent later is', async () => {
    for (const [waitMs, count] of [
      [0, 0],
      [70, 0],
      [200, 1],
    ] as const) {
      const rig = await openRig({ script: { responses: [[{ say: GREETING }]] } })
      await rig.play(said.slice(0, -8 * 600))
      while (only(rig.heard, 'response.created').length === 0) await rig.play(silence(20))
      await rig.pass(waitMs)
      const heard = await rig.ask({ type: 'response.create' })
      expect(one(heard, 'error').error?.code).toBe('conversation_already_has_active_response')
      expect(violationsOf(rig)).toHaveLength(count)
    }
  })

  test('a cancel that comes too late, and a commit of too little, are no violations', async () => {
    const rig = await openRig({ isStrict: true })
    await rig.ask({ type: 'response.cancel' })
    await rig.ask({ type: 'input_audio_buffer.commit' })
    expect(violationsOf(rig)).toEqual([])
    expect(rig.closes).toEqual([])
  })

  test('a whole, well-behaved conversation breaks no rule', async () => {
    const responses = [
      [{ say: `${GREETING} ${GREETING}` }],
      [{ call: 'end_call', arguments: {} }],
      [{ say: 'Goodbye.' }],
    ]
    const rig = await openRig({ isStrict: true, settings: { speedup: 1 }, script: { hears: ['Stop'], responses } })
    await rig.ask({ type: 'response.create' }, 1500)
    await rig.play(said)
    const deltas = only(rig.heard, 'response.output_audio.delta')
    const item_id = deltas[0]?.item_id
    await rig.ask({ type: 'conversation.item.truncate', item_id, content_index: 0, audio_end_ms: 300 })
    await rig.pass(1000)
    const { call_id } = one(rig.heard, 'response.function_call_arguments.done')
    await rig.ask({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id, output: '{}' } })
    await rig.ask({ type: 'response.create' }, 4000)
    rig.hang()
    await rig.pass(1)
    expect(only(rig.heard, 'error')).toEqual([])
    expect(rig.model.record()).toMatchObject({
      notes: [],
      sessions: [{ violations: [], closedAtMs: expect.any(Number) }],
    })
    expect(rig.model.record().sessions[0]?.responses.map(({ status, isAsked }) => [status, isAsked])).toEqual([
      ['cancelled', true],
      ['completed', false],
      ['completed', true],
    ])
  })
})
