// POST /v1/responses with function tools: the supervisor's thinking, step by step as the script has it. The service keeps
// nothing (store is false), so every request brings the whole thread; a thread with a gap is refused, as the vendor does.
import { z } from 'zod'
import type { SimClock } from '../clock.ts'
import type { Random } from '../random.ts'
import type { ModelRecord } from '../record.ts'
import type { Thought } from '../script.ts'
import { failure, json, refused } from './answers.ts'
import { drawId } from './channel.ts'
import { envelope, messageItem, NOTHING_LEFT, refusalContent, textContent } from './envelope.ts'
import { filledIn, type ToolAnswer } from './references.ts'
import { type Refusal, refusalOf } from './refusal.ts'
import type { Repertoire } from './repertoire.ts'
import type { Range } from './settings.ts'
import { problemOfThread, type Sealed } from './thread.ts'

const tool = z.strictObject({
  type: z.literal('function'),
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/),
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullable(),
  strict: z.boolean().nullable(),
})

const thing = z.looseObject({ type: z.string().optional() })
const request = z.looseObject({
  model: z.string(),
  instructions: z.string().nullish(),
  input: z.union([
    z.array(thing).min(1),
    z.string().transform((content): z.infer<typeof thing>[] => [{ type: 'message', role: 'user', content }]),
  ]),
  tools: z.array(tool).min(1),
  tool_choice: z.enum(['auto', 'none', 'required']).optional(),
  parallel_tool_calls: z.boolean().optional(),
  max_output_tokens: z.int().min(16).nullish(),
  store: z.boolean().nullish(),
  include: z.array(z.string()).nullish(),
  stream: z.literal(false).nullish(),
})
type Asked = z.infer<typeof request>
type Step = ModelRecord['thoughts'][number]

/** Reasoning that a step is made of; as many for each. */
const THOUGHT_TOKENS = 64

export type Thinker = { answer(body: unknown): Promise<Response>; record(): Step[] }

/** Whether a request is for the supervisor: it offers tools. */
export const isForThinker = (body: unknown): boolean => {
  const tools: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'tools') : undefined
  return Array.isArray(tools) && tools.length > 0
}

export function createThinker(parts: {
  clock: SimClock
  random: Random
  thoughtMs: Range
  nextConsultation: Repertoire['nextConsultation']
  isInStep: Repertoire['isInStep']
  note(text: string): void
}): Thinker {
  const { clock, random } = parts
  const steps: Step[] = []
  /** Everything that was put out, by the id of its call: what a later request must bring back. */
  const sealed = new Map<string, Sealed & { consultation: Thought[] }>()

  async function answer(body: unknown): Promise<Response> {
    const parsed = request.safeParse(body)
    if (!parsed.success) return failure(400, refusalOf(parsed.error, body))
    const asked = parsed.data
    const step = begin(asked)
    const problem = problemOfThread(asked.input, sealed)
    if (problem) return refuse(step, problem)
    const { thought, consultation } = next(asked)
    await new Promise<void>((resolve) => clock.after(thought?.waitMs ?? random.int(...parts.thoughtMs), resolve))
    step.answeredAtMs = clock.now()
    check(thought, step)
    if (thought && 'refuse' in thought) {
      step.status = thought.refuse
      return refused(thought.refuse, 'The script refuses this request.')
    }
    step.status = 200
    const { value, unknown } = filledIn(thought, answersIn(asked.input))
    for (const reference of unknown) miss(step, `the script needs ${reference}, which no tool has answered`)
    const { output, said } = putOut(value, consultation)
    step.output = said
    return json(envelope(drawId(random, 'resp_'), clock.now(), echoOf(asked), output, said, THOUGHT_TOKENS))
  }

  function begin(asked: Asked): Step {
    const violations: string[] = []
    if (asked.store !== false) violations.push('a request to /v1/responses would have stored what a caller said')
    if (asked.parallel_tool_calls !== false)
      violations.push('tools may be called side by side, where one may depend on the other')
    const step: Step = {
      atMs: clock.now(),
      answeredAtMs: null,
      model: asked.model,
      instructions: asked.instructions ?? '',
      input: JSON.stringify(asked.input),
      tools: asked.tools.map(({ name }) => name),
      output: '',
      status: null,
      violations,
    }
    steps.push(step)
    return step
  }

  function refuse(step: Step, problem: Refusal): Response {
    step.violations.push(`a request to /v1/responses was refused: ${problem.message}`)
    step.status = 400
    return failure(400, problem)
  }

  /** A thread without a call of ours begins the next consultation; any other goes on with the one that it belongs to. */
  function next(asked: Asked): { thought: Thought | undefined; consultation: Thought[] } {
    const own = asked.input.flatMap(({ type, call_id }) =>
      type === 'function_call_output' ? (sealed.get(String(call_id)) ?? []) : [],
    )
    const consultation = own.at(-1)?.consultation ?? parts.nextConsultation() ?? []
    const left = consultation.slice(own.length)
    const thought = asked.tool_choice === 'none' ? left.find((each) => !('call' in each)) : left[0]
    if (!thought) parts.note(`The script has run out: step ${steps.length} of the supervisor has nothing to say`)
    return { thought, consultation }
  }

  function check(thought: Thought | undefined, step: Step): void {
    const { instructions, input } = step
    for (const words of thought?.knows ?? [])
      if (!instructions.includes(words) && !input.includes(JSON.stringify(words).slice(1, -1)))
        miss(step, `the supervisor was never told ${JSON.stringify(words)}`)
  }

  /** What a script needs that is out of step, because it was broken off, proves nothing. */
  const miss = ({ violations }: Step, text: string): void =>
    parts.isInStep() ? void violations.push(text) : parts.note(text)

  function putOut(thought: Thought | undefined, consultation: Thought[]): { output: unknown[]; said: string } {
    const reasoning = {
      id: drawId(random, 'rs_'),
      type: 'reasoning',
      summary: [],
      encrypted_content: `gAAAAA${random.hex(64)}`,
    }
    if (thought && 'call' in thought) {
      const call = {
        id: drawId(random, 'fc_'),
        type: 'function_call',
        status: 'completed',
        call_id: drawId(random, 'call_'),
        name: thought.call,
        arguments: JSON.stringify(thought.arguments),
      }
      sealed.set(call.call_id, { reasoning, call, consultation })
      return { output: [reasoning, call], said: `${call.name} ${call.arguments}` }
    }
    const id = drawId(random, 'msg_')
    if (!thought || !('say' in thought))
      return { output: [messageItem(id, refusalContent(NOTHING_LEFT))], said: NOTHING_LEFT }
    return { output: [reasoning, messageItem(id, textContent(thought.say))], said: thought.say }
  }

  return { answer, record: () => steps.map((step) => ({ ...step, violations: [...step.violations] })) }
}

/** What tools have answered in this thread, by their names. */
const answersIn = (input: Asked['input']): ToolAnswer[] =>
  input.flatMap(({ type, call_id, output }) => {
    if (type !== 'function_call_output') return []
    const call = input.find((item) => item.type === 'function_call' && item.call_id === call_id)
    return [{ tool: String(call?.name), output: String(output) }]
  })

const echoOf = (asked: Asked) => ({
  model: asked.model,
  instructions: asked.instructions ?? null,
  input: JSON.stringify(asked.input),
  tools: asked.tools,
  toolChoice: asked.tool_choice ?? 'auto',
  isParallel: asked.parallel_tool_calls ?? true,
  isStored: asked.store ?? true,
})
