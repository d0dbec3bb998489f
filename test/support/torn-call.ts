// The call made by hand, with a socket of the model's that breaks while the agent answers: 1.2 s of the answer were on their
// way and are heard (or less), and its words had run ahead of them. A second session hears the caller out and says goodbye.
import { type AuditedCall, at, auditedCall } from './audited-call.ts'
import { byteAt, cutAnswerAt, item, sendOnOfAnswer, utterance } from './audited-parts.ts'

export const BROKE_MS = 5_500
const MADE_MS = 1_200
const lastWords = ['item_U2', 'item_C', 'item_end_call']

export type Session = AuditedCall['session']
/** `session` is the one that breaks. */
export type TornCall = AuditedCall & { second: Session }

export function tornCall(madeMs = MADE_MS): TornCall {
  const call = auditedCall()
  const { session } = call
  cutAnswerAt(call, madeMs)
  sendOnOfAnswer(call, madeMs)
  call.stream.cleared = []
  const answer = item(call, 'item_B')
  answer.audio = answer.audio.slice(0, madeMs * 8)
  answer.text = 'I will pass that on and they'
  answer.truncatedAtMs = null
  answer.isTorn = true
  session.deltas = session.deltas.filter(({ itemId, toByte }) => itemId !== 'item_B' || toByte <= answer.audio.length)
  Object.assign(utterance(call, 'item_B').fact, { text: 'I will pass that on', unheard: ' and they' })
  Object.assign(call.fixture.expect, { bargeIns: 0 })
  call.fixture.expect.turns[2] = { speaker: 'agent' }
  const second = secondSession(session)
  call.model.sessions.push(second)
  const isSecond = (itemId: string) => lastWords.includes(itemId)
  session.closedAtMs = at(BROKE_MS)
  session.appended = session.appended.slice(0, byteAt(BROKE_MS))
  session.items = session.items.filter(({ itemId }) => !isSecond(itemId))
  session.deltas = session.deltas.filter(({ itemId }) => !isSecond(itemId))
  session.speech = session.speech.filter(({ itemId }) => !isSecond(itemId))
  session.responses = session.responses.slice(0, 2)
  Object.assign(session.responses[1] ?? {}, { status: 'lost', doneAtMs: null })
  return { ...call, second }
}

const secondSession = ({ items, deltas, speech, responses, appended, ...rest }: Session): Session => ({
  ...rest,
  sessionId: 'sess_2',
  openedAtMs: at(BROKE_MS),
  appended: appended.slice(byteAt(BROKE_MS)),
  items: [...toldAgain(items, 'I will pass that on'), ...items.filter(({ itemId }) => lastWords.includes(itemId))],
  deltas: deltas.filter(({ itemId }) => lastWords.includes(itemId)),
  speech: speech.filter(({ itemId }) => lastWords.includes(itemId)),
  responses: responses.slice(2),
})

/** What another session is told of these items, with so much of the answer. */
const toldAgain = (items: Session['items'], ofTheAnswer: string): Session['items'] =>
  items
    .filter(({ itemId }) => !lastWords.includes(itemId))
    .map((known) => ({
      ...known,
      itemId: `${known.itemId} again`,
      responseId: null,
      audio: new Uint8Array(),
      isTorn: undefined,
      text: known.itemId === 'item_B' ? ofTheAnswer : known.text,
    }))

/** A third session, long after, which is told all of both, with so much of the answer. Without any of it: nothing. */
export function goOnAgain({ model, session, second }: TornCall, ofTheAnswer: string | null): Session {
  const own = second.items.filter(({ itemId, role }) => lastWords.includes(itemId) && role !== 'function_call')
  const words = own.map((known) => ({
    ...known,
    itemId: `${known.itemId} again`,
    responseId: null,
    audio: new Uint8Array(),
  }))
  const told = toldAgain(session.items, ofTheAnswer ?? '').filter(
    ({ itemId }) => ofTheAnswer !== null || itemId !== 'item_B again',
  )
  const quiet = { config: null, deltas: [], speech: [], appended: new Uint8Array(), responses: second.responses }
  const third = { ...second, ...quiet, sessionId: 'sess_3', openedAtMs: at(60_000), items: [...told, ...words] }
  model.sessions.push(third)
  return third
}
