// PURE. Who said what, from when to when, as it was heard: the words of people from the fixture's script, the agent's from
// the model, the carrier's own from its TwiML. Where the agent was cut off, what was not heard is kept apart.
import { BYTES_PER_MS, type Case, type Evidence, joined, type SpokenItem } from '../audit/case.ts'
import type { ModelRecord } from '../record.ts'
import type { TraceEntry } from '../trace.ts'
import { objectOf } from '../wording.ts'

export type Turn = {
  speaker: 'caller' | 'agent' | 'person' | 'carrier'
  fromMs: number
  toMs: number
  text: string
  /** What followed and was not heard. */
  unheard: string
  /** What the model's transcription made of the caller's words, where it differs. */
  understood: string | null
}

/** `entries`: with their instants on the clock. */
export function turnsOf(given: Case, entries: readonly TraceEntry[]): Turn[] {
  const turns = [
    ...spokenTurns('caller', given, entries),
    ...spokenTurns('person', given, entries),
    ...agentTurns(given),
    ...carrierTurns(given),
  ]
  return turns.sort((a, b) => a.fromMs - b.fromMs)
}

/** Of those who speak from a script: from the first word to the last, or to the end of the call. */
function spokenTurns(speaker: 'caller' | 'person', { carrier, model }: Case, entries: readonly TraceEntry[]): Turn[] {
  const acts = entries.filter(({ wire, from }) => wire === 'call' && from === speaker)
  return acts.flatMap(({ what, body, atMs: fromMs }, index) => {
    if (what !== 'say') return []
    const { words, number } = objectOf(body)
    const said = acts.slice(index).find((act) => act.what === 'said' && objectOf(act.body).number === number)
    const toMs = Math.min(said?.atMs ?? Number.POSITIVE_INFINITY, carrier.endedAtMs ?? Number.POSITIVE_INFINITY)
    const text = String(words ?? '')
    const turn = { speaker, fromMs, toMs: Number.isFinite(toMs) ? toMs : fromMs, text, unheard: '' }
    return [{ ...turn, understood: speaker === 'caller' ? understoodAs(turn, model) : null }]
  })
}

/** Null where the model understood what was said, or never heard it. */
function understoodAs(
  { fromMs, toMs, text }: Pick<Turn, 'fromMs' | 'toMs' | 'text'>,
  { sessions }: ModelRecord,
): string | null {
  const speech = sessions
    .flatMap((session) => session.speech)
    .find(({ startedAtMs }) => startedAtMs >= fromMs && startedAtMs <= toMs)
  const understood = sessions.flatMap(({ items }) => items).find(({ itemId }) => itemId === speech?.itemId)?.text
  return understood === undefined || understood.trim() === text.trim() ? null : understood
}

const agentTurns = (given: Case): Turn[] =>
  given.hearing.fault === null ? given.hearing.items.flatMap((spoken) => heardTurn(spoken, given)) : madeTurns(given)

function heardTurn(spoken: SpokenItem, evidence: Evidence): Turn[] {
  const { place } = spoken
  const parts = joined(evidence.carrier.streams)
    .played.filter(({ fromByte, toByte }) => fromByte < place.toByte && toByte > place.fromByte)
    .map(({ atMs, fromByte, toByte }) => ({
      fromMs: atMs + Math.max(0, place.fromByte - fromByte) / BYTES_PER_MS,
      toMs: atMs + (Math.min(toByte, place.toByte) - fromByte) / BYTES_PER_MS,
    }))
  const [first] = parts
  if (first === undefined) return []
  const { text, unheard } = splitText(spoken, evidence)
  const toMs = parts.at(-1)?.toMs ?? first.toMs
  return [{ speaker: 'agent', fromMs: first.fromMs, toMs, text, unheard, understood: null }]
}

/** As the transcript has it; where it is silent, by the share of the sound that was heard. */
function splitText({ item, heardBytes }: SpokenItem, { server }: Evidence): { text: string; unheard: string } {
  const kept = server?.events.find(({ kind, fact }) => kind === 'utterance' && fact.itemId === item.itemId)?.fact
  if (typeof kept?.text === 'string' && typeof kept.unheard === 'string')
    return { text: kept.text, unheard: kept.unheard }
  if (heardBytes >= item.audio.length) return { text: item.text, unheard: '' }
  const words = item.text.split(' ')
  const heard = Math.round((words.length * heardBytes) / item.audio.length)
  return { text: words.slice(0, heard).join(' '), unheard: words.slice(heard).join(' ') }
}

/** When the model said it: where the sound that reached the caller is not the model's, nothing better is known. */
const madeTurns = ({ model }: Evidence): Turn[] =>
  model.sessions.flatMap(({ items, deltas }) =>
    items.flatMap(({ itemId, text, audio, role }) => {
      const fromMs = deltas.find((delta) => delta.itemId === itemId)?.atMs
      if (role !== 'assistant' || fromMs === undefined) return []
      return [
        {
          speaker: 'agent',
          fromMs,
          toMs: fromMs + audio.length / BYTES_PER_MS,
          text,
          unheard: '',
          understood: null,
        } as const,
      ]
    }),
  )

const carrierTurns = ({ carrier }: Evidence): Turn[] =>
  carrier.said.map(({ atMs, endedAtMs, text }) => ({
    speaker: 'carrier',
    fromMs: atMs,
    toMs: endedAtMs ?? carrier.endedAtMs ?? atMs,
    text,
    unheard: '',
    understood: null,
  }))
