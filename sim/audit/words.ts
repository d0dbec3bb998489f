// PURE. The rules of words: the transcript is what was said and what was heard, by the auditor's own reckoning, and every
// tool call happened once.

import type { Fixture } from '../script.ts'
import {
  type Case,
  diesWithItsLine,
  type Finding,
  IN_FLIGHT_MS,
  type ModelItem,
  millis,
  type Row,
  type Rule,
  type ServerView,
  type SpokenItem,
  wordHeardMs,
} from './case.ts'
import { isLike } from './likeness.ts'

/**
 * Nobody is told which word sounds when. The heard part of a text is reckoned by its share of the sound, and may be off by
 * this share of the whole, since speech is uneven and text runs ahead of its audio, and by a word or two.
 */
const UNEVEN_SHARE = 0.12
const UNEVEN_CHARS = 10

type Utterance = { itemId: string; speaker: unknown; text: string; unheard: string; isCut: unknown }

/** The turns in the ledger that have words: streams as they began, and in each the model's own order. */
function utterancesOf(server: ServerView): Utterance[] {
  const facts = server.events.filter(({ kind }) => kind === 'utterance').map(({ fact }) => fact)
  const began = new Map<unknown, number>()
  for (const { streamSid, startedAtMs } of facts)
    began.set(streamSid, Math.min(began.get(streamSid) ?? Number.POSITIVE_INFINITY, Number(startedAtMs)))
  return facts
    .sort((a, b) => (began.get(a.streamSid) ?? 0) - (began.get(b.streamSid) ?? 0) || Number(a.order) - Number(b.order))
    .map(({ itemId, speaker, text, unheard, isCut }) => ({
      itemId: String(itemId),
      speaker,
      text: String(text ?? ''),
      unheard: String(unheard ?? ''),
      isCut,
    }))
    .filter(({ text, unheard }) => text !== '' || unheard !== '')
}

export const transcriptIsWhatWasHeard: Rule = {
  name: 'the transcript is what was said and heard, turn by turn',
  check(given) {
    const { server, hearing, model } = given
    if (server === null || hearing.fault !== null) return []
    const kept = utterancesOf(server)
    const items = model.sessions.flatMap((session) => session.items)
    return [
      ...hearing.items.flatMap((spoken) => judgeAgent(spoken, kept)),
      ...model.sessions.flatMap((session, index) =>
        heardOfCaller(session)
          .filter((item) => !(item.isUntold && diesWithItsLine(session, given)))
          .filter((item) => !isHeardAgain(item, model.sessions.slice(index + 1)))
          .flatMap((item) => judgeCaller(item, kept)),
      ),
      ...judgeOrder(items, kept),
    ]
  },
}

/** Not what a server repeats to a model that it asks anew. */
const heardOfCaller = ({ items, speech }: Case['model']['sessions'][number]): ModelItem[] =>
  items.filter(({ itemId, text }) => text.trim() !== '' && speech.some((each) => each.itemId === itemId))

/** The session ended before it could say what it had heard, and the same was heard by a later one, if there was one to be had. */
const isHeardAgain = ({ text, isUntold }: ModelItem, later: Case['model']['sessions']): boolean =>
  isUntold === true &&
  (later.every(({ config }) => config === null) ||
    later.some((session) => heardOfCaller(session).some((item) => item.text.includes(text))))

function judgeAgent(spoken: SpokenItem, kept: Utterance[]): Finding[] {
  const { item, heardBytes, longestDeltaMs, isInterrupted, isTorn } = spoken
  const turn = kept.find(({ itemId }) => itemId === item.itemId)
  const heardMs = millis(heardBytes)
  const emittedMs = millis(item.audio.length)
  const wrong = (explanation: string): Finding[] => [
    { explanation, evidence: { said: item.text, heardMs, emittedMs, kept: turn } },
  ]
  if (turn === undefined && heardMs <= longestDeltaMs + IN_FLIGHT_MS) return []
  if (turn === undefined) return wrong(`What the agent said in ${item.itemId} is not in the transcript`)
  if (turn.speaker !== 'agent') return wrong(`The transcript has ${item.itemId} as said by the ${String(turn.speaker)}`)
  if (letters(turn.text + turn.unheard) !== letters(item.text))
    return wrong(`Heard and unheard part of ${item.itemId} are not together what was said`)
  const isHeardOut = !isTorn && heardMs >= emittedMs - IN_FLIGHT_MS && item.truncatedAtMs === null
  // Where the line went dead just before its end, it may count as cut.
  const isCutShort = heardBytes < item.audio.length && turn.isCut === true
  if (isHeardOut && !isCutShort && (turn.unheard !== '' || (turn.isCut !== false && !isInterrupted)))
    return wrong(`All of ${item.itemId} was heard, but the transcript has it otherwise`)
  if (!isHeardOut && turn.isCut !== true && !(isTorn && turn.unheard === ''))
    return wrong(`${item.itemId} was cut off, but the transcript does not say so`)
  if ((isHeardOut && !isCutShort) || isHeardShare(turn.text, spoken)) return []
  return wrong(`The transcript has another part of ${item.itemId} as heard than the caller heard`)
}

/** Words of what was torn run ahead of its sound: no more of them were heard than by their share, and perhaps fewer. */
function isHeardShare(text: string, { item, heardBytes, longestDeltaMs, isTorn }: SpokenItem): boolean {
  if (text === '' && millis(heardBytes) > wordHeardMs(longestDeltaMs)) return false
  const whole = letters(item.text).length
  const tooMany = letters(text).length - (whole * heardBytes) / item.audio.length
  const latestShare = (longestDeltaMs + IN_FLIGHT_MS) / millis(item.audio.length)
  return (isTorn ? tooMany : Math.abs(tooMany)) <= UNEVEN_CHARS + whole * (UNEVEN_SHARE + latestShare)
}

function judgeCaller({ itemId, text }: ModelItem, kept: Utterance[]): Finding[] {
  const turn = kept.find((each) => each.itemId === itemId)
  const evidence = { said: text, kept: turn }
  if (turn === undefined)
    return [{ explanation: `What the caller said in ${itemId} is not in the transcript`, evidence }]
  if (turn.text.trim() === text.trim() && turn.speaker === 'caller') return []
  return [{ explanation: `The transcript has ${itemId} otherwise than it was said`, evidence }]
}

function judgeOrder(items: ModelItem[], kept: Utterance[]): Finding[] {
  const places = kept.map(({ itemId }) => items.findIndex((item) => item.itemId === itemId))
  return kept.flatMap(({ itemId }, index) => {
    const place = places[index] ?? -1
    if (place < 0) return [{ explanation: `The transcript has a turn ${itemId} that nobody spoke` }]
    if (place >= (places[index - 1] ?? -1)) return []
    return [{ explanation: `The transcript has ${itemId} after a turn that it came before` }]
  })
}

/** A text without its spaces, which may be cut anywhere. */
const letters = (text: string): string => text.replace(/\s+/g, '')

export const transcriptColumn: Rule = {
  name: 'the conversation’s transcript holds every turn, in order',
  check({ server }) {
    if (server?.conversation == null) return []
    const transcript = String(server.conversation.transcript ?? '')
    let from = 0
    for (const { text, itemId } of utterancesOf(server)) {
      if (text === '') continue
      const at = transcript.indexOf(text, from)
      if (at < 0)
        return [{ explanation: `The column transcript lacks ${itemId}, or has it out of order`, evidence: { text } }]
      from = at + text.length
    }
    return []
  },
}

export const turnsAsExpected: Rule = {
  name: 'the turns are those of the fixture',
  check({ server, fixture }) {
    if (server === null) return []
    const kept = utterancesOf(server)
    const { turns } = fixture.expect
    const findings: Finding[] = kept
      .slice(turns.length)
      .map(({ speaker, text }) => ({ explanation: `A turn of the ${String(speaker)} too many`, evidence: { text } }))
    turns.forEach((wanted, index) => {
      const turn = kept[index]
      const differs = Object.entries(wanted).filter(
        ([name, value]) => value !== undefined && !isLike(turn?.[name as keyof Utterance], value),
      )
      if (differs.length === 0) return
      findings.push({
        explanation:
          turn === undefined
            ? `Turn ${index + 1} never came`
            : `Turn ${index + 1} differs in ${differs.map(([name]) => name).join(', ')}`,
        evidence: { wanted, kept: turn ?? null },
      })
    })
    return findings
  },
}

export const modesAsExpected: Rule = {
  name: 'the call is switched to another mode as the fixture says, and every switch is in the ledger',
  check({ server, fixture }) {
    if (server === null) return []
    const kept = server.events.filter(({ kind }) => kind === 'mode.switched').map(({ fact }) => String(fact.to))
    const { modes = [] } = fixture.expect
    if (kept.join() === modes.join()) return []
    return [
      {
        explanation: `The call was switched to ${kept.join(', ') || 'nothing'}, not ${modes.join(', ') || 'anything'}`,
      },
    ]
  },
}

export const toolsOnce: Rule = {
  name: 'every tool is called and answered once, as the fixture says',
  check({ server, fixture, model }) {
    if (server === null) return []
    const factsOf = (wanted: string) => server.events.filter(({ kind }) => kind === wanted).map(({ fact }) => fact)
    const called = factsOf('tool.called')
    const returned = factsOf('tool.returned')
    const { tools } = fixture.expect
    return [
      ...tools.flatMap((wanted, index) => judgeTool(wanted, called[index], returned)),
      ...called
        .slice(tools.length)
        .map(({ name }) => ({ explanation: `Tool ${String(name)} was called, which the fixture does not expect` })),
      ...unansweredTools(model),
    ]
  },
}

function judgeTool(wanted: Fixture['expect']['tools'][number], call: Row | undefined, returned: Row[]): Finding[] {
  const { name, outcome } = wanted
  if (call === undefined) return [{ explanation: `Tool ${name} was never called` }]
  if (call.name !== name) return [{ explanation: `Tool ${String(call.name)} was called where ${name} was expected` }]
  const findings: Finding[] = []
  if (wanted.arguments !== undefined && !isLike(call.arguments, wanted.arguments)) {
    const evidence = { wanted: wanted.arguments, kept: call.arguments }
    findings.push({ explanation: `Tool ${name} was called with other arguments`, evidence })
  }
  const outcomes = returned.filter(({ toolCallId }) => toolCallId === call.toolCallId).map((each) => each.outcome)
  if (outcomes.length !== 1 || outcomes[0] !== outcome)
    findings.push({ explanation: `Tool ${name} answered ${outcomes.join(', ') || 'nothing'}, not ${outcome} once` })
  return findings
}

/** The call ends with `end_call`: whether the model still gets its answer does not matter. */
function unansweredTools(model: Case['model']): Finding[] {
  const items = model.sessions.flatMap((session) => session.items)
  const isForNobody = ({ responses }: Case['model']['sessions'][number], index: number) =>
    index === model.sessions.length - 1 && responses.at(-1)?.status === 'lost'
  const lost = model.sessions.filter(isForNobody).flatMap((session) => session.items)
  const asked = items.filter(
    (item) => item.role === 'function_call' && item.name !== 'end_call' && !lost.includes(item),
  ).length
  const answered = items.filter(({ role }) => role === 'function_call_output').length
  if (answered >= asked) return []
  return [{ explanation: `The model called ${asked} tools and got ${answered} answers` }]
}
