// PURE. The rules of a call that was put through faults on purpose: what nobody signed is refused, and a caller whose line
// breaks is not dropped. And which of the fixture's expectations still hold when the talk itself was struck.

import type { Strike } from '../chaos/strikes.ts'
import { touchesTalk } from '../chaos/strikes.ts'
import { callerReachedModel } from './audio.ts'
import {
  breaksStream,
  type Case,
  type Evidence,
  type Finding,
  joined,
  millis,
  overlap,
  type Rule,
  type SpokenItem,
} from './case.ts'
import { exactlyTheMail, judgeMails, judgeRecordings, recordingsKept } from './keeping.ts'
import { transcriptIsWhatWasHeard } from './words.ts'

/**
 * By then somebody or something speaks to the caller again: Twilio's way back takes about a second, a new session another, and an
 * agent that had said all it had to say asks into a silence of 20 s.
 */
const BACK_WITHIN_MS = 22_000

export const forgeriesRefused: Rule = {
  name: 'what nobody signed is refused with 403, and leaves nothing behind',
  check: ({ chaos }) =>
    (chaos?.forgeries ?? []).flatMap(({ url, status, isKept }) => [
      ...(status === 403 ? [] : [{ explanation: `A forged request to ${url} was answered with ${status}, not 403` }]),
      ...(isKept ? [{ explanation: `Something of a forged request to ${url} is in the database` }] : []),
    ]),
}

export const callerGoesOn: Rule = {
  name: 'a caller whose line to the agent breaks hears from us again',
  check(given) {
    const struck = given.chaos?.struck ?? []
    const cuts = struck.filter(({ atMs, strike }) => breaksLine(strike, atMs, given.carrier))
    return cuts.flatMap(({ atMs }) => judgeCut(given, atMs, BACK_WITHIN_MS + slownessAfter(struck, atMs)))
  },
}

/** A process has a line to break only where a stream is open. */
function breaksLine({ fault }: Strike, atMs: number, { streams }: Case['carrier']): boolean {
  if (fault === 'crash' || fault === 'deploy')
    return streams.some(({ openedAtMs, endedAtMs }) => openedAtMs <= atMs && atMs <= (endedAtMs ?? Infinity))
  return fault === 'ws-cut' || breaksSession(fault)
}

const breaksSession = (fault: string): boolean => fault === 'model-cut' || fault === 'model-expires'

/** By how much answers that the carrier waited for after a cut were late, all together: nobody can be back sooner. */
const slownessAfter = (struck: NonNullable<Case['chaos']>['struck'], cutAtMs: number): number =>
  struck.reduce(
    (sum, { atMs, strike }) => (strike.fault === 'slow-webhook' && atMs >= cutAtMs ? sum + strike.byMs : sum),
    0,
  )

function judgeCut(given: Case, cutAtMs: number, backWithinMs: number): Finding[] {
  const { carrier, model } = given
  const goneAtMs = carrier.endedAtMs ?? Number.POSITIVE_INFINITY
  const isPatient = carrier.endedBy !== 'caller' || goneAtMs > cutAtMs + backWithinMs
  // An agent that had said goodbye owes nothing more.
  const hadEnded = model.sessions.some(({ items }) => items.some(({ name }) => name === 'end_call'))
  const heardAgain = [
    ...joined(carrier.streams).played.map(({ atMs }) => atMs),
    ...soundsSent(carrier),
    ...carrier.said.map(({ atMs }) => atMs),
    ...carrier.bridges.map(({ joinedAtMs }) => joinedAtMs),
  ].some((atMs) => atMs >= cutAtMs && atMs <= cutAtMs + backWithinMs)
  if (heardAgain || !isPatient || hadEnded || soundsOn(given, cutAtMs)) return []
  const after = `${Math.round(cutAtMs - carrier.ringingAtMs)} ms into the call`
  return [{ explanation: `The line broke ${after}, and the caller heard nothing more within ${backWithinMs / 1000} s` }]
}

/** What the agent was saying is heard to its end all the same: whoever says something next is the caller. */
function soundsOn({ carrier, hearing }: Case, cutAtMs: number): boolean {
  const { played } = joined(carrier.streams)
  return hearing.items.some(({ item, place, heardBytes, isTorn }) => {
    const last = played.findLast(({ fromByte, toByte }) => fromByte < place.toByte && toByte >= place.toByte)
    const isWhole = !isTorn && heardBytes === item.audio.length
    return isWhole && last !== undefined && last.atMs + millis(place.toByte - last.fromByte) > cutAtMs
  })
}

/** When what the caller heard was sent: it may follow on what still sounded, without a pause. */
const soundsSent = ({ streams }: Case['carrier']): number[] =>
  streams.flatMap(({ receivedAt, played }) =>
    receivedAt.filter(({ fromByte, toByte }) => overlap(played, fromByte, toByte) > 0).map(({ atMs }) => atMs),
  )

/** With what is said between the two left out of account. */
const mailsAllTheSame: Rule = { name: exactlyTheMail.name, check: (given) => judgeMails(given, { isWorded: false }) }
const recordingsAllTheSame: Rule = { name: recordingsKept.name, check: judgeRecordings }

/** A process that is killed takes with it what was just being said, and not written down yet. */
const WRITTEN_WITHIN_MS = 3_000

const wordsBeforeCrash: Rule = {
  name: transcriptIsWhatWasHeard.name,
  check: (given) => transcriptIsWhatWasHeard.check(withoutLostWords(given)),
}

function withoutLostWords(given: Case): Case {
  const crashes = (given.chaos?.struck ?? []).filter(({ strike }) => strike.fault === 'crash')
  const isLost = (fromMs: number, toMs: number): boolean =>
    crashes.some(({ atMs }) => fromMs <= atMs && toMs >= atMs - WRITTEN_WITHIN_MS)
  const deltas = given.model.sessions.flatMap((session) => session.deltas)
  const isItemLost = ({ item }: SpokenItem): boolean => {
    const begunAtMs = deltas.find(({ itemId }) => itemId === item.itemId)?.atMs
    return begunAtMs !== undefined && isLost(begunAtMs, begunAtMs + millis(item.audio.length))
  }
  const sessions = given.model.sessions.map((session) => ({
    ...session,
    speech: session.speech.filter(({ startedAtMs, stoppedAtMs }) => !isLost(startedAtMs, stoppedAtMs ?? Infinity)),
  }))
  const items = given.hearing.items.filter((spoken) => !isItemLost(spoken))
  return { ...given, model: { ...given.model, sessions }, hearing: { ...given.hearing, items } }
}

const framesBeforeCut: Rule = {
  name: callerReachedModel.name,
  check: (given) => callerReachedModel.check(withoutUnderWay(withoutHeld(given))),
}

/**
 * A line that is cut, or ends, while no session listens because of a fault takes with it what was kept for the next one; and
 * where every socket was refused, nobody ever listened to a stream.
 */
function withoutHeld(given: Case): Case {
  const cuts = (given.chaos?.struck ?? []).filter(
    ({ strike: { fault } }) => breaksSession(fault) || breaksStream(fault),
  )
  const listeningAt = (atMs: number) =>
    given.model.sessions.filter(
      ({ config, openedAtMs, closedAtMs }) => config !== null && openedAtMs < atMs && atMs <= (closedAtMs ?? Infinity),
    )
  // Of a frame and a socket's end at the same instant, either may have come first.
  const isHeard = (atMs: number): boolean =>
    listeningAt(atMs).some(({ closedAtMs, appends }) => closedAtMs !== atMs || appends.at(-1)?.atMs === atMs)
  const isRefused = (given.chaos?.struck ?? []).some(({ strike }) => strike.fault === 'model-refuses')
  const streams = given.carrier.streams.map((stream, index, all) => {
    const sinceMs = all[index - 1]?.endedAtMs ?? Number.NEGATIVE_INFINITY
    const isHeardAtAll = given.model.sessions.some(
      ({ config, openedAtMs }) =>
        config !== null && openedAtMs >= sinceMs && openedAtMs <= (stream.endedAtMs ?? Infinity),
    )
    if (isRefused && !isHeardAtAll) return { ...stream, sent: [] }
    const endedAtMs = stream.endedAtMs ?? Number.POSITIVE_INFINITY
    const lastHeard = stream.sent.findLastIndex(({ atMs }) => isHeard(atMs))
    const unheardFromMs = stream.sent[lastHeard]?.atMs ?? sinceMs
    const isTaken =
      listeningAt(endedAtMs).length === 0 && cuts.some(({ atMs }) => atMs >= unheardFromMs && atMs <= endedAtMs)
    return isTaken ? { ...stream, sent: stream.sent.slice(0, lastHeard + 1) } : stream
  })
  return { ...given, carrier: { ...given.carrier, streams } }
}

/** Frames that were under way to a process when it was killed: no longer than this. */
const UNDER_WAY_MS = 250

function withoutUnderWay(given: Case): Case {
  const crashes = (given.chaos?.struck ?? []).filter(({ strike }) => strike.fault === 'crash')
  const streams = given.carrier.streams.map((stream) => ({ ...stream }))
  for (const { atMs } of crashes) {
    const before = streams.filter(({ openedAtMs }) => openedAtMs <= atMs)
    const struck = before.at(-1)
    const heard = given.model.sessions.filter(({ openedAtMs }) => openedAtMs <= atMs)
    const said = before.flatMap(({ sent }) => sent)
    const lostBytes = sum(said.map(({ bytes }) => bytes.length)) - sum(heard.map(({ appended }) => appended.length))
    if (struck !== undefined && lostBytes > 0 && millis(lostBytes) <= UNDER_WAY_MS)
      struck.sent = struck.sent.slice(0, -Math.ceil(lostBytes / FRAME_BYTES))
  }
  return { ...given, carrier: { ...given.carrier, streams } }
}

const FRAME_BYTES = 160
const sum = (counts: number[]): number => counts.reduce((total, count) => total + count, 0)

const weakened = new Map<Rule, Rule>([
  [exactlyTheMail, mailsAllTheSame],
  [recordingsKept, recordingsAllTheSame],
  [transcriptIsWhatWasHeard, wordsBeforeCrash],
  [callerReachedModel, framesBeforeCut],
])

/** `talk`: the rules that hold a call to what the fixture's people say. They are void when the talk itself was struck. */
export function rulesUnderFaults(rules: readonly Rule[], talk: readonly Rule[], { chaos, fixture }: Evidence): Rule[] {
  const strikes = (chaos?.struck ?? []).map(({ strike }) => strike)
  if (!fixture.isAltered && !touchesTalk(strikes)) return [...rules]
  return rules.filter((rule) => !talk.includes(rule)).map((rule) => weakened.get(rule) ?? rule)
}
