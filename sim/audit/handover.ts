// PURE. The rule of a conversation that goes on with another session of the model: after a socket broke, a transfer came to
// nothing, or a machine took over from another. What was said, heard and found out before is not forgotten.
import {
  type Case,
  diesWithItsLine,
  type Finding,
  type ModelItem,
  millis,
  type Rule,
  type SpokenItem,
  wordHeardMs,
} from './case.ts'
import { isLike } from './likeness.ts'

type Session = Case['model']['sessions'][number]

/** What is known this long before the new session is asked for has had the time to be written down. */
const WRITTEN_WITHIN_MS = 3_000

export const nothingIsForgotten: Rule = {
  name: 'a session that takes a call over is told what was said, heard and found out before',
  check(given) {
    const sessions = given.model.sessions.filter(({ responses }) => responses.length > 0)
    return sessions.slice(1).flatMap((session, index) => {
      const before = sessions.slice(0, index + 1)
      const told = session.items.filter(({ responseId }) => responseId === null)
      return [
        ...foundOut(before, session).flatMap((output) => judge(told, 'what a tool answered', output, hasOutput)),
        ...said(given, before, session).flatMap((text) => judge(told, 'what the caller said', text, hasText)),
        ...heard(given, before, session).flatMap(({ item, isTorn }) =>
          judge(told, 'what the agent said', item.text, isTorn ? hasBeginning : hasText),
        ),
      ]
    })
  },
}

type Sameness = (item: ModelItem, wanted: string) => boolean

function judge(told: ModelItem[], what: string, wanted: string, isSame: Sameness): Finding[] {
  if (told.some((item) => isSame(item, wanted))) return []
  return [{ explanation: `The new session was never told ${what}`, evidence: { wanted } }]
}

const hasText: Sameness = ({ text }, wanted) => letters(text) === letters(wanted)
/** Of what a socket broke off in the middle, nobody knows how many of its last words were heard. */
const hasBeginning: Sameness = ({ role, text }, wanted) =>
  role === 'assistant' && letters(text) !== '' && letters(wanted).startsWith(letters(text))
/** A database may give the fields of an object back in another order. */
const hasOutput: Sameness = ({ output }, wanted) => output !== undefined && isLike(parsed(output), parsed(wanted))

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** What tools answered. An answer is in the ledger before the model has it. */
const foundOut = (before: Session[], { openedAtMs }: Session): string[] =>
  before
    .filter((session) => session.openedAtMs < openedAtMs)
    .flatMap(({ items }) => items.flatMap(({ output }) => output ?? []))

const said = (given: Case, before: Session[], { openedAtMs }: Session): string[] =>
  before.flatMap((session) =>
    session.speech
      .filter(({ stoppedAtMs }) => stoppedAtMs !== null && stoppedAtMs < openedAtMs - WRITTEN_WITHIN_MS)
      .flatMap(({ itemId }) => session.items.find((item) => item.itemId === itemId) ?? [])
      .filter(({ isUntold }) => !(isUntold && diesWithItsLine(session, given)))
      .map(({ text }) => text)
      .filter((text) => text.trim() !== ''),
  )

/** What the caller heard to its end, or to where a socket broke it off. */
function heard({ hearing }: Case, before: Session[], { openedAtMs }: Session): SpokenItem[] {
  return hearing.items
    .filter(({ item, heardBytes }) => item.truncatedAtMs === null && heardBytes === item.audio.length && heardBytes > 0)
    .filter(({ isTorn, heardBytes, longestDeltaMs }) => !isTorn || millis(heardBytes) > wordHeardMs(longestDeltaMs))
    .filter(({ item, heardBytes }) => {
      const begunAtMs = before.flatMap(({ deltas }) => deltas).find(({ itemId }) => itemId === item.itemId)?.atMs
      return begunAtMs !== undefined && begunAtMs + millis(heardBytes) < openedAtMs - WRITTEN_WITHIN_MS
    })
}

const letters = (text: string): string => text.replace(/\s+/g, '')
