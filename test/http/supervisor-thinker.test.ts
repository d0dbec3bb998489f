// The thinker: what goes over the wire to a server on loopback, what each answer means, and a whole thread of thought with
// the stand-in, which keeps the service's rules.
import { afterEach, describe, expect, test } from 'bun:test'
import { realClock } from '../../sim/clock.ts'
import { listen } from '../../sim/loopback.ts'
import { createModel } from '../../sim/model/model.ts'
import type { Thought as ScriptedThought } from '../../sim/script.ts'
import { createTrace } from '../../sim/trace.ts'
import { createThinker } from '../../src/vendors/openai-thinker.ts'
import type { Thinker, ThinkingStep, Thought, ThoughtItem, ThreadEntry } from '../../src/vendors/thinker.ts'
import { script, speech } from '../pure/model-rig.ts'

const servers: { stop(): unknown }[] = []
afterEach(async () => void (await Promise.all(servers.splice(0).map((server) => server.stop()))))

const tool = { name: 'clinic_info', description: 'Opening hours.', parameters: { type: 'object', properties: {} } }
const question: ThreadEntry = { is: 'question', text: 'When do you open?' }
const step = (changes: Partial<ThinkingStep> = {}): ThinkingStep => ({
  model: 'gpt-5.4',
  instructions: 'You supervise.',
  thread: [question],
  tools: [tool],
  mayCallTools: true,
  maxOutputTokens: 500,
  timeoutMs: 1_000,
  signal: new AbortController().signal,
  ...changes,
})

describe('over the wire', () => {
  function serve(answer: () => Response | Promise<Response>) {
    const seen: { authorization: string | null; path: string; body: Record<string, unknown> }[] = []
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      async fetch(request) {
        const body = (await request.json()) as Record<string, unknown>
        seen.push({ authorization: request.headers.get('authorization'), path: new URL(request.url).pathname, body })
        return answer()
      },
    })
    servers.push({ stop: () => server.stop(true) })
    const thinker = createThinker({ apiKey: 'sk-1', baseUrl: `http://127.0.0.1:${server.port}/v1` })
    return { thinker, seen }
  }

  const reasoning: ThoughtItem = { id: 'rs_1', type: 'reasoning', summary: [], encrypted_content: 'sealed' }
  const call: ThoughtItem = {
    id: 'fc_1',
    type: 'function_call',
    status: 'completed',
    call_id: 'call_1',
    name: 'clinic_info',
    arguments: '{}',
  }
  const message = (...content: object[]) => ({ id: 'msg_1', type: 'message', role: 'assistant', content })
  const says = (text: string) => message({ type: 'output_text', text, annotations: [] })
  const answered =
    (output: object[], rest: object = {}) =>
    () =>
      Response.json({
        id: 'resp_1',
        object: 'response',
        status: 'completed',
        output,
        usage: { total_tokens: 9 },
        ...rest,
      })

  test('a step stores nothing, offers flat tools one at a time, and asks for its reasoning sealed', async () => {
    const { thinker, seen } = serve(answered([reasoning, call]))
    expect(await thinker.think(step())).toEqual({
      ok: true,
      value: {
        responseId: 'resp_1',
        items: [reasoning, call],
        calls: [{ toolCallId: 'call_1', name: 'clinic_info', argumentsJson: '{}' }],
        answer: '',
        usage: { total_tokens: 9 },
      },
    })
    expect(seen).toEqual([
      {
        authorization: 'Bearer sk-1',
        path: '/v1/responses',
        body: {
          model: 'gpt-5.4',
          instructions: 'You supervise.',
          input: [{ role: 'user', content: 'When do you open?' }],
          tools: [{ type: 'function', ...tool, strict: false }],
          tool_choice: 'auto',
          parallel_tool_calls: false,
          max_output_tokens: 500,
          store: false,
          include: ['reasoning.encrypted_content'],
        },
      },
    ])
  })

  test('what the model put out goes back word for word, before what its tool answered', async () => {
    const { thinker, seen } = serve(answered([says(' At eight. ')]))
    const thought = { responseId: 'resp_1', items: [reasoning, call], calls: [], answer: '', usage: null }
    const thread: ThreadEntry[] = [
      question,
      { is: 'thought', thought },
      { is: 'tool-output', toolCallId: 'call_1', output: '{"opens":"08:00"}' },
    ]
    expect(await thinker.think(step({ thread, mayCallTools: false }))).toMatchObject({ value: { answer: 'At eight.' } })
    expect(seen[0]?.body).toMatchObject({
      tool_choice: 'none',
      input: [
        { role: 'user', content: 'When do you open?' },
        reasoning,
        call,
        { type: 'function_call_output', call_id: 'call_1', output: '{"opens":"08:00"}' },
      ],
    })
  })

  const cutShort = { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } }
  test.each([
    ['a call that was cut short', answered([call], cutShort), 'malformed'],
    ['an answer that was cut short', answered([says('We open at')], cutShort), 'malformed'],
    ['nothing at all', answered([reasoning]), 'malformed'],
    ['a refusal', answered([message({ type: 'refusal', refusal: 'about the patient' })]), 'refused'],
    ['a filtered answer', answered([], { ...cutShort, incomplete_details: { reason: 'content_filter' } }), 'refused'],
    ['a failure', answered([], { status: 'failed' }), 'unavailable'],
    ['an overload', () => Response.json({ error: { message: 'about the patient' } }, { status: 503 }), 'unavailable'],
    ['a bad request', () => Response.json({ error: { message: 'about the patient' } }, { status: 400 }), 'refused'],
    ['a page of a proxy', () => new Response('<html>perhaps</html>'), 'unavailable'],
    ['silence', () => new Promise<Response>(() => {}), 'unavailable'],
  ] as const)(
    '%s is no thought, asked for once, and none of the vendor’s words are repeated',
    async (_, answer, kind) => {
      const { thinker, seen } = serve(answer)
      const outcome = await thinker.think(step({ timeoutMs: 200 }))
      expect(outcome).toMatchObject({ ok: false, problem: kind })
      expect(JSON.stringify(outcome)).not.toMatch(/patient|perhaps/)
      expect(seen).toHaveLength(1)
    },
  )

  test('a step that nobody waits for any more ends at once', async () => {
    const { promise: reached, resolve } = Promise.withResolvers<void>()
    const { thinker } = serve(() => {
      resolve()
      return new Promise<Response>(() => {})
    })
    const stopping = new AbortController()
    const outcome = thinker.think(step({ timeoutMs: 60_000, signal: stopping.signal }))
    await reached
    stopping.abort()
    expect(await outcome).toMatchObject({ ok: false, problem: 'unavailable' })
  })

  test('without a key every step is refused, and nothing is sent', async () => {
    const thinker = createThinker({ apiKey: '', baseUrl: 'http://127.0.0.1:9/v1' })
    expect(await thinker.think(step())).toMatchObject({ ok: false, problem: 'refused' })
  })
})

describe('with the stand-in', () => {
  async function stage(supervisor: ScriptedThought[][]) {
    const model = createModel({
      clock: realClock,
      trace: createTrace(realClock),
      speech,
      seed: 1,
      isStrict: true,
      settings: { thoughtMs: [0, 1] },
    })
    await model.use(script({ supervisor }))
    const server = await listen(model.standIn)
    servers.push(server)
    return { model, thinker: createThinker({ apiKey: 'sk-1', baseUrl: `${server.origin}/v1` }) }
  }

  async function thoughtOf(thinker: Thinker, thread: ThreadEntry[]): Promise<Thought> {
    const outcome = await thinker.think(step({ thread }))
    if (!outcome.ok) throw new Error(outcome.message)
    return outcome.value
  }

  const asksForHours: ScriptedThought = { call: 'clinic_info', arguments: { topic: 'hours' } }

  test('a thread goes from call to call to an answer, and the next question begins the next consultation', async () => {
    const { model, thinker } = await stage([
      [asksForHours, { call: 'clinic_info', arguments: {} }, { say: 'At eight.', knows: ['08:00'] }],
      [{ say: 'Goodbye.' }],
    ])
    const thread: ThreadEntry[] = [question]
    const names: string[] = []
    for (let thought = await thoughtOf(thinker, thread); ; thought = await thoughtOf(thinker, thread)) {
      const [call] = thought.calls
      if (call === undefined) {
        expect(thought.answer).toBe('At eight.')
        break
      }
      names.push(`${call.name} ${call.argumentsJson}`)
      thread.push({ is: 'thought', thought }, { is: 'tool-output', toolCallId: call.toolCallId, output: '08:00' })
    }
    expect(names).toEqual(['clinic_info {"topic":"hours"}', 'clinic_info {}'])
    expect((await thoughtOf(thinker, [question])).answer).toBe('Goodbye.')
    const { thoughts, notes } = model.record()
    expect(thoughts.map(({ output }) => output)).toEqual([...names, 'At eight.', 'Goodbye.'])
    expect(thoughts.flatMap(({ violations }) => violations)).toEqual([])
    expect(notes).toEqual([])
  })

  test('a model that may call no more tools goes on to what it says', async () => {
    const { thinker } = await stage([[asksForHours, asksForHours, { say: 'I do not know.' }]])
    expect(await thinker.think(step({ mayCallTools: false }))).toMatchObject({ value: { answer: 'I do not know.' } })
  })

  type Thread = { thought: ThreadEntry; output: ThreadEntry }
  const isReasoning = ({ type }: ThoughtItem) => type === 'reasoning'
  const changed = ({ thought, output }: Thread, change: (items: readonly ThoughtItem[]) => ThoughtItem[]) =>
    thought.is === 'thought'
      ? [{ ...thought, thought: { ...thought.thought, items: change(thought.thought.items) } }, output]
      : []
  const sealedWith = (encrypted_content: string | undefined) => (items: readonly ThoughtItem[]) =>
    items.map((item) => (item.type === 'reasoning' ? { ...item, encrypted_content } : item))
  const otherArguments = (items: readonly ThoughtItem[]) =>
    items.map((item) => (item.type === 'function_call' ? { ...item, arguments: '{}' } : item))
  const gaps: [string, (thread: Thread) => ThreadEntry[], string][] = [
    [
      'whose reasoning is missing',
      (thread) => changed(thread, (items) => items.filter((item) => !isReasoning(item))),
      "without its required 'reasoning' item",
    ],
    ['whose reasoning is not sealed', (thread) => changed(thread, sealedWith(undefined)), 'not persisted'],
    ['whose reasoning was tampered with', (thread) => changed(thread, sealedWith('x')), 'verified'],
    ['whose call was changed', (thread) => changed(thread, otherArguments), 'arguments'],
    ['whose call has no output', ({ thought }) => [thought], 'No tool output found'],
    ['whose output has no call', ({ output }) => [output], 'No tool call found'],
  ]
  test.each(gaps)('a thread %s is refused, and held against the server', async (_, damage, words) => {
    const { model, thinker } = await stage([[asksForHours, { say: 'At eight.' }]])
    const thought = await thoughtOf(thinker, [question])
    const whole: Thread = {
      thought: { is: 'thought', thought },
      output: { is: 'tool-output', toolCallId: thought.calls[0]?.toolCallId ?? '', output: '08:00' },
    }
    const thread = [question, ...damage(whole)]
    expect(await thinker.think(step({ thread }))).toMatchObject({ ok: false, problem: 'refused' })
    expect(model.record().thoughts.at(-1)?.violations.join()).toContain(words)
  })

  test('storing what a caller said, side-by-side tools and tools in the chat form are noticed', async () => {
    const { model, thinker } = await stage([[{ say: 'Yes.' }]])
    await thinker.think(step())
    const origin = await listen(model.standIn)
    servers.push(origin)
    const ask = (body: object) =>
      fetch(`${origin.origin}/v1/responses`, {
        method: 'POST',
        headers: { authorization: 'Bearer sk-1', 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'gpt-5.4', input: [{ role: 'user', content: 'x' }], ...body }),
      })
    await ask({ tools: [{ type: 'function', ...tool, strict: false }] })
    expect(model.record().thoughts.map(({ violations }) => violations.length)).toEqual([0, 2])
    const nested = await ask({ store: false, tools: [{ type: 'function', function: tool }] })
    expect(nested.status).toBe(400)
  })

  test('what the supervisor should know and was not told is held against the server', async () => {
    const { model, thinker } = await stage([[{ say: 'Yes.', knows: ['Dana Reyes'] }]])
    await thinker.think(step())
    expect(model.record().thoughts[0]?.violations).toEqual(['the supervisor was never told "Dana Reyes"'])
  })
})
