// The supervisor at work on one question: it thinks, asks for a tool, thinks on, and answers. Never longer than its deadline,
// never more tools than its rounds, never more words than can be listened to. Whoever asks may stop it; a tool that has begun
// is let finish, since what it does is done, and what was done is told with everything that comes back.
import type { Clock } from '../lib/clock.ts'
import type { Thinker, ThinkerTool, Thought, ThreadEntry } from '../vendors/thinker.ts'
import type { WriterProblem } from '../vendors/writer.ts'
import type { Deed } from './briefing.ts'

type SupervisorLimits = {
  /** From the question to the answer, tools included, but for the tool that runs then. */
  deadlineMs: number
  /** Tools in a row; then it must answer with what it has. */
  rounds: number
  /** Of one step, reasoning included. */
  outputTokens: number
  answerChars: number
}

export const supervisorLimits: SupervisorLimits = {
  deadlineMs: 12_000,
  rounds: 6,
  outputTokens: 2_000,
  answerChars: 500,
}

export type ToolRun = { toolCallId: string; name: string; argumentsJson: string }
/** `output`: JSON for the model. */
export type ToolAnswer = { output: string; endsCall: boolean }

export type Question = {
  model: string
  instructions: string
  /** All that is to be known, as one text. */
  briefing: string
  tools: readonly ThinkerTool[]
  runTool(run: ToolRun): Promise<ToolAnswer>
  /** Hears of every thought, for what it costs. */
  onThought(thought: Thought): void
  /** Aborted when nobody needs the answer any more. */
  signal: AbortSignal
}

/** undecided: it went on asking for tools. stopped: by `signal`. */
export type GivenUp = 'overdue' | 'stopped' | 'undecided' | WriterProblem
export type Supervised = { done: readonly Deed[]; endsCall: boolean } & (
  | { is: 'answered'; answer: string }
  | { is: 'given-up'; why: GivenUp }
)

export async function supervise(
  { thinker, clock }: { thinker: Thinker; clock: Clock },
  question: Question,
  limits: SupervisorLimits,
): Promise<Supervised> {
  const stopping = new AbortController()
  const stop = (why: GivenUp) => stopping.abort(why)
  const cancelDeadline = clock.after(limits.deadlineMs, () => stop('overdue'))
  const onStop = () => stop('stopped')
  question.signal.addEventListener('abort', onStop)
  if (question.signal.aborted) onStop()
  try {
    return await think(thinker, question, limits, stopping.signal)
  } finally {
    cancelDeadline()
    question.signal.removeEventListener('abort', onStop)
  }
}

async function think(
  thinker: Thinker,
  { model, instructions, briefing, tools, runTool, onThought }: Question,
  limits: SupervisorLimits,
  signal: AbortSignal,
): Promise<Supervised> {
  const thread: ThreadEntry[] = [{ is: 'question', text: briefing }]
  const done: Deed[] = []
  let endsCall = false
  const givenUp = (why: GivenUp): Supervised => ({ is: 'given-up', why: whyStopped(signal) ?? why, done, endsCall })
  for (let round = 0; !signal.aborted; round++) {
    const step = await thinker.think({
      model,
      instructions,
      thread,
      tools,
      mayCallTools: round < limits.rounds,
      maxOutputTokens: limits.outputTokens,
      timeoutMs: limits.deadlineMs,
      signal,
    })
    if (!step.ok) return givenUp(step.problem)
    const thought = step.value
    onThought(thought)
    if (signal.aborted) break
    const [call, ...others] = thought.calls
    if (call === undefined) return { is: 'answered', answer: clip(thought.answer, limits.answerChars), done, endsCall }
    if (round >= limits.rounds) return givenUp('undecided')
    const answer = await runTool(call)
    endsCall ||= answer.endsCall
    done.push({ tool: call.name, result: JSON.parse(answer.output) })
    thread.push({ is: 'thought', thought }, { is: 'tool-output', toolCallId: call.toolCallId, output: answer.output })
    for (const { toolCallId } of others) thread.push({ is: 'tool-output', toolCallId, output: oneAtATime })
  }
  return givenUp('stopped')
}

const whyStopped = ({ aborted, reason }: AbortSignal): GivenUp | null => (aborted ? reason : null)

/** Side-by-side calls are switched off; should they come all the same, only the first is run. */
const oneAtATime = JSON.stringify({ error: 'one tool at a time: call it again if it is still needed' })

/** The whole sentences that fit; of a single one that does not, the words that do. */
function clip(text: string, mostChars: number): string {
  if (text.length <= mostChars) return text
  const head = text.slice(0, mostChars)
  const end = Math.max(...['. ', '! ', '? '].map((mark) => head.lastIndexOf(mark)))
  return end > 0 ? head.slice(0, end + 1) : `${head.slice(0, head.lastIndexOf(' '))}…`
}
