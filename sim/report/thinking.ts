// PURE. What went between the server and the model beside the sound: sessions, what was heard as speech, responses, tool
// calls with their answers, refusals and errors; and the texts that were asked for after the call.
import type { Evidence } from '../audit/case.ts'
import type { ModelRecord } from '../record.ts'
import type { TraceEntry } from '../trace.ts'
import { objectOf, valuesOf } from '../wording.ts'
import { type Happening, plain } from './happening.ts'
import { told } from './spans.ts'

/** Something that lasts. `toMs` is null where its end is not known. */
export type Bar = { fromMs: number; toMs: number | null; label: string; details: string; tone: 'usual' | 'cut' | 'bad' }

export type Thinking = { sessions: Bar[]; speech: Bar[]; responses: Bar[]; happenings: Happening[] }

/** `entries`: with their instants on the clock. */
export function thinkingOf({ model }: Evidence, entries: readonly TraceEntry[]): Thinking {
  const realtime = entries.filter(({ wire }) => wire === 'realtime')
  return {
    sessions: model.sessions.map(sessionBar),
    speech: model.sessions.flatMap(({ speech }) => speech.map(speechBar)),
    responses: model.sessions.flatMap(responseBars),
    happenings: [
      ...toolCalls(realtime),
      ...realtime.flatMap(trouble),
      ...model.thoughts.map(thought),
      ...model.writings.map(({ atMs, model: name, status, output }) =>
        plain({
          lane: 'model',
          kind: 'writing',
          route: 'Server → model',
          arrow: 'both',
          atMs,
          label: `analysis by ${name}`,
          notes: status === 200 ? [] : [{ text: String(status), size: 'long' }],
          isBad: status !== 200,
          body: output,
        }),
      ),
    ],
  }
}

/** A step of the supervisor's. */
const thought = ({
  atMs,
  answeredAtMs,
  model,
  status,
  output,
  violations,
}: ModelRecord['thoughts'][number]): Happening =>
  plain({
    lane: 'model',
    kind: 'writing',
    route: 'Server → model',
    arrow: 'both',
    atMs,
    label: `supervisor, ${model}`,
    notes: [{ text: answeredAtMs === null ? 'no answer' : `in ${told(answeredAtMs - atMs)}`, size: null }],
    isBad: violations.length > 0 || (status !== null && status !== 200),
    body: [output, ...violations].join('\n'),
  })

type Session = ModelRecord['sessions'][number]

function sessionBar({ sessionId, openedAtMs, closedAtMs, config, violations }: Session, index: number): Bar {
  const name = typeof config?.model === 'string' ? config.model : 'never configured'
  return {
    fromMs: openedAtMs,
    toMs: closedAtMs,
    label: `session ${index + 1} · ${name}`,
    details: [sessionId, ...violations].join('\n'),
    tone: violations.length > 0 ? 'bad' : 'usual',
  }
}

const speechBar = ({ startedAtMs, stoppedAtMs }: Session['speech'][number]): Bar => ({
  fromMs: startedAtMs,
  toMs: stoppedAtMs,
  label: 'heard as speech',
  details: stoppedAtMs === null ? 'and never as silence' : `for ${told(stoppedAtMs - startedAtMs)}`,
  tone: 'usual',
})

const responseBars = ({ responses, items }: Session): Bar[] =>
  responses.map(({ responseId, status, reason, createdAtMs, doneAtMs, isAsked }) => {
    const words = items
      .filter((item) => item.responseId === responseId)
      .map(({ text, name }) => text || `${name ?? ''}()`)
    return {
      fromMs: createdAtMs,
      toMs: doneAtMs,
      label: ['response', status, ...(reason === null ? [] : [`(${reason})`])].join(' '),
      details: [isAsked ? 'asked for by the server' : 'after a turn of the caller', ...words].join('\n'),
      tone: status === 'completed' ? 'usual' : status === 'cancelled' ? 'cut' : 'bad',
    }
  })

/** Each call, with how long its answer took. */
function toolCalls(realtime: TraceEntry[]): Happening[] {
  const answers = realtime.filter(
    ({ what, body }) =>
      what === 'conversation.item.create' && objectOf(objectOf(body).item).type === 'function_call_output',
  )
  return realtime
    .filter(({ what }) => what === 'response.function_call_arguments.done')
    .map(({ atMs, body }) => {
      const call = objectOf(body)
      const answer = answers.find((each) => objectOf(objectOf(each.body).item).call_id === call.call_id)
      const output = answer === undefined ? 'never answered' : valuesOf(objectOf(objectOf(answer.body).item).output)
      return plain({
        lane: 'model',
        kind: 'tool',
        route: 'Model → server',
        arrow: 'both',
        atMs,
        label: `${String(call.name)}()`,
        notes:
          answer === undefined
            ? [{ text: 'no answer', size: 'long' }]
            : [{ text: `in ${told(answer.atMs - atMs)}`, size: null }],
        body: `${valuesOf(call.arguments)}\n→ ${output}`,
      })
    })
}

function trouble({ atMs, from, what, body }: TraceEntry): Happening[] {
  const word = (label: string, arrow: 'up' | 'down', text = '', isBad = true) => [
    plain({
      lane: 'model',
      kind: 'realtime',
      route: arrow === 'up' ? 'Model → server' : 'Server → model',
      arrow,
      atMs,
      label,
      isBad,
      body: text,
    }),
  ]
  const refused = /^handshake (\d{3})/.exec(what)?.[1]
  if (refused !== undefined) return word(`handshake refused: ${refused}`, 'up')
  if (what === 'error') return word('error', 'up', String(objectOf(objectOf(body).error).message ?? ''))
  if (what === 'cut') return word('socket broke', 'up')
  if (what === 'close' && from === 'model') return word(`hangs up (${String(objectOf(body).code)})`, 'up')
  if (what !== 'conversation.item.truncate') return []
  return word(`truncated at ${told(Number(objectOf(body).audio_end_ms))}`, 'down', '', false)
}
