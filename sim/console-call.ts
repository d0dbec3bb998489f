// PURE but for what it remembers. Tells a call as it happens: makes of the trace a line a turn, a tool call, a barge-in, a
// callback, and leaves out the thousands of frames in between.
import type { Line, Tone } from './console-layout.ts'
import { tellPerson, tellPutThrough } from './console-people.ts'
import type { TraceEntry } from './trace.ts'
import { type Body, chaosText, newsIn, objectOf, shortPath, valuesOf } from './wording.ts'

export type Teller = { tell(entry: TraceEntry): Line[] }

/** An agent that is silenced so long after the caller has stopped is not cut short by them. */
const CUT_WITHIN_MS = 1_500
/** Logged by the carrier at every goodbye of a server: nothing to tell. */
const SERVER_CLOSED_STREAM = 'problem 31921'

export function createTeller(): Teller {
  /** What the model is saying and has not been told yet, by item: since when it sounds, and its words so far. */
  const saying = new Map<string, { sinceMs: number | null; words: string }>()
  /** Items that were told before they were finished. */
  const told = new Set<string>()
  let modelDials = 0
  /** When the caller last began to speak, or pressed a key, and when they stopped. */
  let caller = { sinceMs: 0, untilMs: Number.POSITIVE_INFINITY }
  const answered = new Set<unknown>()
  let clearedAtMs: number | null = null

  const sayingOf = (itemId: string) => {
    const known = saying.get(itemId) ?? { sinceMs: null, words: '' }
    saying.set(itemId, known)
    return known
  }

  /** What sounds when the caller begins to speak is told first, as far as it is known. */
  function tellUnfinished(): Line[] {
    return [...saying].flatMap(([itemId, { sinceMs, words }]) => {
      if (sinceMs === null || words === '') return []
      saying.delete(itemId)
      told.add(itemId)
      return [line(sinceMs, 'agent', `${words.trim()} …`, 'agent')]
    })
  }

  function tellFinished(itemId: string, words: string, atMs: number): Line[] {
    const sinceMs = saying.get(itemId)?.sinceMs ?? atMs
    saying.delete(itemId)
    return words === '' || told.has(itemId) ? [] : [line(sinceMs, 'agent', words, 'agent')]
  }

  function tellCut(atMs: number, heardMs: number): Line[] {
    const heard = `${seconds(heardMs)} of what it was saying were heard`
    const silentAtMs = clearedAtMs
    clearedAtMs = null
    if (silentAtMs === null) return [line(atMs, 'cut in', heard, 'warning')]
    if (silentAtMs - caller.untilMs > CUT_WITHIN_MS)
      return [line(atMs, 'cut off', `the server silences the agent; ${heard}`, 'warning')]
    const silence = `the agent falls silent after ${seconds(silentAtMs - caller.sinceMs)}`
    return [line(atMs, 'cut in', `${silence}; ${heard}`, 'warning')]
  }

  function tellRealtime(entry: TraceEntry): Line[] {
    const { atMs, what } = entry
    const body = bodyOf(entry)
    const itemId = String(body.item_id ?? '')
    switch (what) {
      case 'handshake':
        return [line(atMs, 'model', modelDials++ === 0 ? 'is called' : 'is called again', 'quiet')]
      case 'response.output_audio.delta':
        sayingOf(itemId).sinceMs ??= atMs
        return []
      case 'response.output_audio_transcript.delta':
        sayingOf(itemId).words += String(body.delta)
        return []
      case 'response.output_audio_transcript.done':
        return tellFinished(itemId, String(body.transcript), atMs)
      case 'response.done':
        return tellEnding(atMs, objectOf(body.response))
      case 'conversation.item.input_audio_transcription.failed':
        return [line(atMs, 'model', `has no transcript: ${String(objectOf(body.error).message)}`, 'warning')]
      case 'response.function_call_arguments.done':
        return [line(atMs, 'tool', `${String(body.name)}  ${valuesOf(body.arguments)}`, 'tool')]
      case 'conversation.item.create':
        return tellAnswer(objectOf(body.item))
      case 'conversation.item.truncate':
        return tellCut(atMs, Number(body.audio_end_ms))
      case 'cut':
        return [line(atMs, 'model', 'is cut off: its socket broke', 'warning')]
      case 'error':
        return [line(atMs, 'model', `error: ${String(objectOf(body.error).message ?? '')}`, 'bad')]
      case 'protocol note':
        return [line(atMs, 'model', `notes, against the protocol: ${String(body.text)}`, 'warning')]
      case 'close':
        return entry.from === 'model' ? [line(atMs, 'model', `hangs up (${String(body.code)})`, 'warning')] : []
      default: {
        const [, refusal] = /^handshake (\d{3})$/.exec(what) ?? []
        return refusal === undefined ? [] : [line(atMs, 'model', `answers the handshake with ${refusal}`, 'warning')]
      }
    }
  }

  /** Once: a session that takes over is told it again. */
  function tellAnswer({ type, call_id, output }: Body): Line[] {
    if (type !== 'function_call_output' || answered.has(call_id)) return []
    answered.add(call_id)
    return [line(null, '', `→ ${valuesOf(output)}`, 'tool')]
  }

  function tellMedia({ atMs, what, from }: TraceEntry): Line[] {
    switch (what) {
      case 'start':
        return [line(atMs, 'stream', 'is open', 'quiet')]
      case 'clear':
        clearedAtMs = atMs
        return []
      case 'close':
        return [line(atMs, 'stream', `is closed by the ${from}`, 'quiet')]
      case 'invalid':
        return [line(atMs, 'stream', 'the server sent an invalid message', 'bad')]
      default:
        return []
    }
  }

  return {
    tell(entry) {
      switch (entry.wire) {
        case 'call':
          if (entry.from !== 'caller') return tellCall(entry)
          if (entry.what === 'said') caller.untilMs = entry.atMs
          if (entry.what !== 'say' && entry.what !== 'press') return tellCall(entry)
          caller = { sinceMs: entry.atMs, untilMs: entry.what === 'say' ? Number.POSITIVE_INFINITY : entry.atMs }
          return [...tellUnfinished(), ...tellCall(entry)]
        case 'media':
          return tellMedia(entry)
        case 'realtime':
          return tellRealtime(entry)
        case 'chaos':
          return [line(entry.atMs, 'chaos', chaosText(entry), 'warning')]
        case 'webhook':
        case 'callback':
        case 'rest':
        case 'responses':
        case 'mail':
          return tellRequest(entry)
      }
    },
  }
}

/** Of a response that failed, or was stopped before its end; one that was cut off is told elsewhere. */
function tellEnding(atMs: number, { status, status_details }: Body): Line[] {
  const { reason, error } = objectOf(status_details)
  if (status === 'failed') return [line(atMs, 'model', `fails: ${String(objectOf(error).code)}`, 'warning')]
  return status === 'incomplete' ? [line(atMs, 'model', `stops early: ${String(reason)}`, 'warning')] : []
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

function tellCall(entry: TraceEntry): Line[] {
  const { atMs, what, from, to } = entry
  if (from === 'person' || to === 'person') return tellPerson(entry)
  const body = bodyOf(entry)
  switch (what) {
    case 'ringing':
      return [line(atMs, 'ringing', `${String(body.from)} calls ${String(body.to)}`, 'strong')]
    case 'answered':
      return [line(atMs, 'answered', '', 'strong')]
    case 'ended':
      return [line(atMs, 'hung up', `by the ${String(body.by)}: ${String(body.status)}`, 'strong')]
    case 'say':
      return [
        from === 'caller'
          ? line(atMs, 'caller', String(body.words), 'caller')
          : line(atMs, 'carrier', String(body.text), 'quiet'),
      ]
    case 'press':
      return [line(atMs, 'caller', `presses ${String(body.digits)}`, 'caller')]
    case 'hang-up':
      return [line(atMs, 'caller', 'hangs up', 'caller')]
    case 'message':
      return [
        line(
          atMs,
          'message',
          `${String(body.from)} → ${String(body.to)}: ${String(body.text)}`,
          from === 'caller' ? 'caller' : 'agent',
        ),
      ]
    case 'gave up':
      return [line(atMs, 'caller', String(body.problem), 'bad')]
    case SERVER_CLOSED_STREAM:
      return []
    default:
      if (what.startsWith('message '))
        return [line(atMs, 'message', `to ${String(body.to)} is ${what.slice(8)}`, 'quiet')]
      return what.startsWith('problem ')
        ? [line(atMs, 'carrier', `logs ${what.slice(8)}: ${String(body.text)}`, 'warning')]
        : tellPutThrough(entry)
  }
}

/** Requests as they leave; of the answers only those that refuse. */
function tellRequest(entry: TraceEntry): Line[] {
  const { atMs, wire, what, from } = entry
  const status = /^(\d{3}|0)\b/.exec(what)?.[1]
  if (status !== undefined) {
    const isFine = status.startsWith('2')
    return isFine ? [] : [line(atMs, wire, `${from} answers ${status === '0' ? 'nothing' : status}`, 'bad')]
  }
  const body = bodyOf(entry)
  switch (wire) {
    case 'mail':
      return [line(atMs, 'mail', `to ${[body.to].flat().join(', ')}: ${String(body.subject)}`, 'good')]
    case 'responses':
      return [
        Array.isArray(body.tools) && body.tools.length > 0
          ? line(atMs, 'supervisor', `${String(body.model)} thinks`, 'quiet')
          : line(atMs, 'analysis', `is asked of ${String(body.model)}`, 'quiet'),
      ]
    default:
      return [line(atMs, wire, [shortPath(what), ...newsIn(body)].join('  '), 'quiet')]
  }
}

const line = (atMs: number | null, label: string, text: string, tone: Tone): Line => ({ atMs, label, text, tone })

const bodyOf = ({ body }: TraceEntry): Body => objectOf(body)
