// How sessions with the model's stand-in break, and that it notices what a client makes of it afterwards.
import { describe, expect, test } from 'bun:test'
import type { HandshakeRefused } from '../../sim/network.ts'
import { joined, only, openRig, silence, speech, typesOf } from './model-rig.ts'

const GREETING = 'Cedar Clinic, good morning. How can I help you today?'
const HEARD = 'Please tell the doctor to call me.'
const said = joined(silence(400), await speech.speak(HEARD, 'rms'))
const call = { call: 'clinic_info', arguments: {} }
const item = (fields: object) => ({ type: 'conversation.item.create', item: fields })

describe('a socket is cut without a close frame', () => {
  test('at a time since the first session was opened', async () => {
    const rig = await openRig({ settings: { cuts: [{ atMs: 3000 }] } })
    await rig.pass(2900)
    expect(rig.closes).toEqual([])
    await rig.pass(200)
    expect(rig.closes).toEqual([{ code: 1006, reason: '' }])
  })

  test('within a response, when so much of it has been emitted: what was sent before arrives, and nothing after it', async () => {
    const rig = await openRig({
      script: { responses: [[{ say: GREETING }]], faults: { cuts: [{ response: 1, spokenMs: 500 }] } },
    })
    await rig.ask({ type: 'response.create' }, 5000)
    expect(rig.closes).toHaveLength(1)
    expect(rig.heard.at(-1)?.type).toBe('response.output_audio.delta')
    const [session] = rig.model.record().sessions
    expect(session?.responses.map(({ status }) => status)).toEqual(['lost'])
    expect((session?.items[0]?.audio.length ?? 0) / 8).toBeWithin(500, 901)
  })

  test('when a tool call is whole, and the rest of its response never comes', async () => {
    const rig = await openRig({
      script: { responses: [[call, { say: GREETING }]], faults: { cuts: [{ call: 'clinic_info' }] } },
    })
    await rig.ask({ type: 'response.create' }, 5000)
    expect(typesOf(rig.heard).slice(-2)).toContain('response.output_item.done')
    expect(only(rig.heard, 'response.done')).toEqual([])
    expect(rig.model.record().sessions[0]?.items.map(({ role }) => role)).toEqual(['function_call'])
  })

  test('once: the next session goes on', async () => {
    const rig = await openRig({ settings: { cuts: [{ atMs: 1000 }] } })
    await rig.pass(1500)
    const next = await rig.reopen()
    await next.pass(60_000)
    expect([rig.closes.length, next.closes.length]).toEqual([1, 0])
  })
})

test('a session may expire sooner than it was told', async () => {
  const rig = await openRig({ settings: { expireAfterMs: 20_000 } })
  const { expires_at } = rig.heard[0]?.session ?? {}
  await rig.pass(21_000)
  expect(rig.heard.at(-1)?.error).toMatchObject({ code: 'session_expired' })
  expect(rig.closes).toMatchObject([{ code: 1001 }])
  expect(Number(expires_at) * 1000).toBe(Math.floor(rig.clock.now() / 1000) * 1000 - 21_000 + 3_600_000)
})

test('refuses so many handshakes after the first session, and then no more', async () => {
  const rig = await openRig({ settings: { cuts: [{ atMs: 500 }], refuseConnects: 2 } })
  await rig.pass(1000)
  const refused = [await rig.reopen().catch((error) => error), await rig.reopen().catch((error) => error)]
  expect(refused.map((error: HandshakeRefused) => error.status)).toEqual([503, 503])
  expect((await rig.reopen()).closes).toEqual([])
})

test('audio of a turn whose words were not told is heard as the same words in the next session', async () => {
  const rig = await openRig({
    script: { hears: [HEARD, 'Something else.'], transcriptMs: 2000, faults: { cuts: [{ atMs: 3600 }] } },
  })
  await rig.play(joined(said, silence(600)))
  expect(only(rig.heard, 'input_audio_buffer.committed')).toHaveLength(1)
  await rig.pass(3000)
  expect(only(rig.heard, 'conversation.item.input_audio_transcription.completed')).toEqual([])
  const next = await rig.reopen()
  await next.play(joined(said, silence(600)))
  await next.pass(3000)
  await next.play(joined(said, silence(600)))
  await next.pass(3000)
  const words = only(next.heard, 'conversation.item.input_audio_transcription.completed')
  expect(words.map(({ transcript }) => transcript)).toEqual([HEARD, 'Something else.'])
})

describe('a client that rebuilds a conversation is held to it', () => {
  const functionCall = { type: 'function_call', call_id: 'call_1', name: 'clinic_info', arguments: '{}' }
  const output = { type: 'function_call_output', call_id: 'call_1', output: '{}' }
  const violationsOf = async (items: object[]) => {
    const rig = await openRig({ script: { responses: [[{ say: GREETING }]] } })
    for (const each of items) await rig.ask(item(each))
    await rig.ask({ type: 'response.create' })
    return rig.model.record().sessions[0]?.violations
  }

  test('that a tool call comes with its output, once', async () => {
    expect(await violationsOf([functionCall, output])).toEqual([])
    expect(await violationsOf([functionCall])).toEqual([
      'a response was asked for while the history has a call of clinic_info without its output',
    ])
    expect(await violationsOf([functionCall, functionCall, output])).toEqual([
      'a second function_call was created for one call of a tool',
    ])
    expect(await violationsOf([functionCall, output, output])).toEqual([
      'a second function_call_output was created for one call of a tool',
    ])
  })

  test('that what the agent said before comes as text: its sound cannot be made again', async () => {
    const spoken = (type: string, words: object) => ({
      type: 'message',
      role: 'assistant',
      content: [{ type, ...words }],
    })
    expect(await violationsOf([spoken('output_text', { text: GREETING })])).toEqual([])
    expect(await violationsOf([spoken('output_audio', { transcript: GREETING })])).toEqual([
      "an event was refused: Missing required parameter: 'item.content[0].text'.",
    ])
    expect(await violationsOf([spoken('text', { text: GREETING })])).toHaveLength(1)
  })
})
