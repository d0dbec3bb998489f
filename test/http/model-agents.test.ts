// The real RealtimeSession of @openai/agents against the model's stand-in over a real socket: it converses, calls a tool, is
// told its mistakes, and is not hung up on for them.
import { afterEach, expect, test } from 'bun:test'
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from '@openai/agents/realtime'
import { mulaw } from 'alawmulaw'
import { z } from 'zod'
import { realClock } from '../../sim/clock.ts'
import { listen } from '../../sim/loopback.ts'
import { createModel } from '../../sim/model/model.ts'
import type { ModelOutput } from '../../sim/script.ts'
import { createTrace } from '../../sim/trace.ts'
import { script, speech } from '../pure/model-rig.ts'

const apiKey = 'sk-of-the-agents'
const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const longSaying =
  'We have rye, wheat and spelt, each as a whole loaf or as half of one, and on Fridays there are rolls as well.'

/** With the silence that ends a turn. */
async function spokenAt24kHz(words: string): Promise<ArrayBuffer> {
  const narrow = mulaw.decode(await speech.speak(words))
  const samples = new Int16Array(3 * (narrow.length + 8_000))
  for (const [at, sample] of narrow.entries()) samples.fill(sample, 3 * at, 3 * at + 3)
  return samples.buffer
}

async function open(responses: ModelOutput[][], tools: ReturnType<typeof tool>[] = [], hears: string[] = []) {
  const trace = createTrace(realClock)
  const model = createModel({ clock: realClock, trace, speech, seed: 1, isStrict: false, apiKey })
  await model.use(script({ responses, hears }))
  const { origin, stop } = await listen(model.standIn)
  stops.push(stop)
  const url = `${origin.replace('http', 'ws')}/v1/realtime?model=gpt-realtime-2.1`
  const transport = new OpenAIRealtimeWebSocket({ url })
  const orders = new RealtimeAgent({ name: 'Orders', instructions: 'You take orders.' })
  const agent = new RealtimeAgent({ name: 'Desk', instructions: 'Be brief.', tools, handoffs: [orders] })
  const session = new RealtimeSession(agent, { transport, tracingDisabled: true })
  const errors: unknown[] = []
  session.on('error', (event) => errors.push(event.error))
  stops.push(() => session.close())
  const heardOf = (what: string): Promise<void> =>
    new Promise((resolve) => trace.onEntry((entry) => entry.what === what && resolve()))
  return { model, trace, transport, session, errors, heardOf }
}

test('it says what the script says, and keeps the history of both', async () => {
  const { session, model, errors } = await open([[{ say: 'Good morning.' }], [{ say: 'Until tomorrow.' }]])
  await session.connect({ apiKey })
  const said = () => session.history.map((item) => (item.type === 'message' ? item.content.map(textIn).join('') : ''))
  const hasSaid = (words: string): Promise<void> =>
    new Promise((resolve) => session.on('history_updated', () => said().includes(words) && resolve()))
  for (const [words, answer] of [
    ['Hello', 'Good morning.'],
    ['Goodbye', 'Until tomorrow.'],
  ] as const) {
    const answered = hasSaid(answer)
    session.sendMessage(words)
    await answered
  }
  expect(said()).toEqual(['Hello', 'Good morning.', 'Goodbye', 'Until tomorrow.'])
  expect([errors, model.record().sessions[0]?.violations]).toEqual([[], []])
})

const textIn = (part: object): string =>
  'text' in part ? String(part.text) : 'transcript' in part ? String(part.transcript) : ''

test('its tool is called with the arguments of the script, and the answer comes back', async () => {
  const asked: unknown[] = []
  const hours = tool({
    name: 'hours',
    description: 'When we are open.',
    parameters: z.object({ day: z.string() }),
    execute: async (given) => {
      asked.push(given)
      return 'from seven'
    },
  })
  const { session, model, heardOf } = await open(
    [[{ call: 'hours', arguments: { day: 'Saturday' } }], [{ say: 'We open at seven.', knows: ['from seven'] }]],
    [hours],
  )
  await session.connect({ apiKey })
  session.sendMessage('When do you open on Saturday?')
  await heardOf('response.output_audio_transcript.done')
  expect(asked).toEqual([{ day: 'Saturday' }])
  const [told] = model.record().sessions
  expect(told?.items.map(({ role }) => role)).toEqual(['user', 'function_call', 'function_call_output', 'assistant'])
  expect(told?.violations).toEqual([])
})

test('it is spoken to, hands over to another agent, is cut off, and goes on with what was heard', async () => {
  const { session, trace, model, errors } = await open(
    [[{ call: 'transfer_to_Orders', arguments: {} }], [{ say: longSaying }], [{ say: 'Until tomorrow.' }]],
    [],
    ['I would like to order.', 'Stop.'],
  )
  const seen = (what: string): Promise<void> =>
    new Promise((resolve) => trace.onEntry((entry) => entry.what === what && resolve()))
  const handedOver = new Promise<string>((resolve) => session.on('agent_handoff', (_, __, to) => resolve(to.name)))
  await session.connect({ apiKey })
  // The model hears by the length of audio, not by the clock.
  const say = async (words: string) => session.sendAudio(await spokenAt24kHz(words))
  const answering = seen('response.output_audio.delta')
  await say('I would like to order.')
  expect(await handedOver).toBe('Orders')
  await answering
  const truncated = seen('conversation.item.truncated')
  const transcribed = seen('conversation.item.input_audio_transcription.completed')
  await say('Stop.')
  await Promise.all([truncated, transcribed])
  const [told] = model.record().sessions
  const [cut] = told?.items.filter(({ truncatedAtMs }) => truncatedAtMs !== null) ?? []
  expect(longSaying).toStartWith(cut?.text.trim() ?? '-')
  expect(told?.items.filter(({ role }) => role === 'user').map(({ text }) => text)).toEqual([
    'I would like to order.',
    'Stop.',
  ])
  expect([errors, told?.violations]).toEqual([[], []])
})

test('a key that is not known is refused at the handshake', async () => {
  const { session } = await open([])
  const refusal = await session.connect({ apiKey: 'sk-of-nobody' }).then(
    () => null,
    (error: unknown) => error,
  )
  expect(JSON.stringify(refusal)).not.toBe('null')
})

test('what it does against the protocol is answered, noted, and does not end the session', async () => {
  const { session, transport, trace, heardOf, errors, model } = await open([[{ say: 'Yes.' }]])
  await session.connect({ apiKey })
  transport.sendEvent({ type: 'input_audio_buffer.append', audio: 'no base64!', event_id: 'mistaken' })
  const done = heardOf('response.done')
  session.sendMessage('Are you still there?')
  await done
  expect(errors).toMatchObject([{ error: { code: 'invalid_value', param: 'audio', event_id: 'mistaken' } }])
  const notes = trace.entries.filter(({ what }) => what === 'protocol note')
  expect(notes).toMatchObject([{ body: { text: 'audio was appended that is not base64' } }])
  expect(model.record().sessions[0]).toMatchObject({ closedAtMs: null, responses: [{ status: 'completed' }] })
})
